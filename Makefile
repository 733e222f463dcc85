# Cairn. Everything here works on a Debian or Ubuntu machine that has nothing but Swift 6.3; `make help` lists the targets.

SWIFT ?= swift
PREFIX ?= /usr/local
# Static: the binary needs glibc and nothing else.
RELEASE = -c release --static-swift-stdlib
BINARY = .build/release/cairn
SHARE = $(DESTDIR)$(PREFIX)/share

# The default repository of `make backup`.
REPOSITORY ?= $(HOME)/.local/share/cairn
KEY_FILE ?= $(HOME)/.config/cairn/key

.PHONY: help backup named build debug test install uninstall format lint fuzz crash-points simulate bench parts growth man completions packages clean

help:
	@sed -n 's/^## //p' Makefile

## make backup SOURCE=DIR   back DIR up into ~/.local/share/cairn (made, with a key file, if there is none), then list the snapshots
backup: named build
	@test -e "$(REPOSITORY)/config" || test -e "$(REPOSITORY)/config.1" || { \
	  mkdir -p -m 700 "$(dir $(KEY_FILE))" "$(dir $(REPOSITORY))" && \
	  if test -e "$(KEY_FILE)"; then $(BINARY) init --repo "$(REPOSITORY)" --key-file "$(KEY_FILE)"; \
	  else $(BINARY) init --repo "$(REPOSITORY)" --key-file "$(KEY_FILE)" --generate-key-file; fi; }
	$(BINARY) backup --repo "$(REPOSITORY)" --key-file "$(KEY_FILE)" -- "$(SOURCE)"
	$(BINARY) snapshots --repo "$(REPOSITORY)" --key-file "$(KEY_FILE)"

named:
	@test -n "$(SOURCE)" || { echo "Say what to back up: make backup SOURCE=DIR" >&2; exit 64; }

## make build               the release binary, .build/release/cairn
build: packages
	$(SWIFT) build $(RELEASE) --product cairn

## make debug               the debug binary
debug: packages
	$(SWIFT) build

## make test                all tests
# One test at a time: most of them block on files and threads of their own, which the runner's own pool of threads must not wait for.
test: packages
	$(SWIFT) test --no-parallel

## make install PREFIX=DIR  binary, manual pages and completions; default /usr/local
install: build man completions
	install -D -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/cairn
	install -d $(SHARE)/man/man1 && install -m 644 .build/man/*.1 $(SHARE)/man/man1/
	install -D -m 644 .build/completions/cairn.bash $(SHARE)/bash-completion/completions/cairn
	install -D -m 644 .build/completions/_cairn $(SHARE)/zsh/site-functions/_cairn
	install -D -m 644 .build/completions/cairn.fish $(SHARE)/fish/vendor_completions.d/cairn.fish

## make uninstall PREFIX=DIR  takes all that away again
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/cairn $(SHARE)/man/man1/cairn.1 $(SHARE)/man/man1/cairn-*.1 \
	  $(SHARE)/bash-completion/completions/cairn $(SHARE)/zsh/site-functions/_cairn $(SHARE)/fish/vendor_completions.d/cairn.fish

## make format              rewrites the sources in the project's style
format:
	$(SWIFT) format --in-place --parallel --recursive Package.swift Sources Tests Benchmarks

## make lint                style, imports, lengths
lint:
	.ci/lint

## make fuzz                the decoders under many more mutations than `make test` tries
fuzz: packages
	CAIRN_FUZZ_MUTATIONS=$${CAIRN_FUZZ_MUTATIONS:-500000} $(SWIFT) test --filter Fuzz

## make crash-points        kills maintenance at every change and fails every system call, where `make test` tries some
crash-points: packages
	CAIRN_CRASH_POINTS=all $(SWIFT) test --no-parallel --filter 'Crash|MaintenanceFault'

## make simulate SEEDS=N    backups, restores, forget and prune at once, N times, with crashes and lost answers; a failure prints its seed
# Optimised, but with the fault hooks of a debug build; in a build directory of its own.
SEEDS ?= 20000
FIRST ?= 1
simulate: packages
	CAIRN_SIMULATE_SEEDS=$(SEEDS) CAIRN_SIMULATE_FIRST=$(FIRST) \
	  $(SWIFT) test --scratch-path .build/simulate -Xswiftc -O --no-parallel --filter SimulationTests

## make bench               times the commands on generated data
bench: build
	Benchmarks/run $(BINARY)

## make parts FILTER=REGEX  rates of the parts: chunker, ids, frames, zstd, index, trees, whole runs; needs 1.6 GB of memory in /dev/shm
# Fetches a benchmark package that nothing else needs, into a build directory of its own; Package.resolved stays as it was.
FILTER ?= .*
parts: packages
	@mkdir -p .build; test ! -e Package.resolved || cp Package.resolved .build/resolved; \
	trap 'rm -f Package.resolved; test ! -e .build/resolved || mv .build/resolved Package.resolved' EXIT; trap 'exit 130' INT TERM; \
	CAIRN_BENCHMARKS=1 $(SWIFT) package --scratch-path .build/parts --disable-sandbox \
	  benchmark run --target cairn-parts --filter '$(FILTER)' --grouping metric --format markdown --no-progress

## make growth              time and memory as the repository grows to 10^7 blobs and the tree to 10^6 files; 15 minutes, 15 GB in WORK
WORK ?= /var/tmp
growth: build
	$(SWIFT) build $(RELEASE) --product cairn-growth
	Benchmarks/growth $(BINARY) .build/release/cairn-growth --work $(WORK)

## make man                 manual pages from the same source as --help, into .build/man
man: build
	mkdir -p .build/man && $(BINARY) manual --quiet .build/man

## make completions         for bash, zsh and fish, into .build/completions
completions: build
	mkdir -p .build/completions
	$(BINARY) completions bash > .build/completions/cairn.bash
	$(BINARY) completions zsh > .build/completions/_cairn
	$(BINARY) completions fish > .build/completions/cairn.fish

packages:
	@.ci/packages

## make clean               removes what was built
clean:
	rm -rf .build
