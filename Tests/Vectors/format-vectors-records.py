#!/usr/bin/env python3
"""Writes the test vectors of FORMAT.md from the text of that page, sharing no code with the program.

Needs libsodium. Run at the top of the package: Tests/Vectors/format-vectors-records.py
"""
import ctypes, ctypes.util, hashlib, hmac, struct

sodium = ctypes.CDLL(ctypes.util.find_library("sodium"))
sodium.sodium_init()

MASTER = bytes(range(32))
REPO = bytes(range(0xA0, 0xB0))
NONCE = bytes(range(0x40, 0x58))
SALT = bytes(range(0x10, 0x20))


# --- primitives

def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def zigzag(n):
    return varint(2 * n if n >= 0 else -2 * n - 1)


def tlv(*fields):
    return b"".join(varint(tag) + varint(len(value)) + value for tag, value in fields if value is not None)


def listing(*items):
    return b"".join(varint(len(i)) + i for i in items)


def time(seconds, nanoseconds=0):
    return struct.pack("<qI", seconds, nanoseconds)


def padded_length(n):
    granule = max(4096, (1 << (n.bit_length() - 1)) // 64) if n else 4096
    return max(4096, -(-n // granule) * granule)


def envelope_length(n):
    return max(256, -(-n // 256) * 256) if n <= 4096 else padded_length(n)


def padded(content):
    total = envelope_length(4 + len(content))
    return (struct.pack("<I", len(content)) + content).ljust(total, b"\0")


def blake2b(key, data, size):
    return hashlib.blake2b(data, key=key, digest_size=size).digest()


def subkey(number, size=32):
    return hashlib.blake2b(b"", key=MASTER, digest_size=size, salt=struct.pack("<QQ", number, 0), person=b"cairnkey".ljust(16, b"\0")).digest()


def aead(key, nonce, additional, plaintext):
    out = ctypes.create_string_buffer(len(plaintext) + 16)
    sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
        out, None, plaintext, ctypes.c_ulonglong(len(plaintext)), additional, ctypes.c_ulonglong(len(additional)), None, nonce, key)
    return out.raw


def keypair(seed):
    public, secret = ctypes.create_string_buffer(32), ctypes.create_string_buffer(64)
    sodium.crypto_sign_seed_keypair(public, secret, seed)
    return public.raw, secret.raw


def sign(secret, message):
    out = ctypes.create_string_buffer(64)
    sodium.crypto_sign_detached(out, None, message, ctypes.c_ulonglong(len(message)), secret)
    return out.raw


def siphash(key, data):
    out = ctypes.create_string_buffer(8)
    sodium.crypto_shorthash(out, data, ctypes.c_ulonglong(len(data)), key)
    return out.raw


def argon2id(passphrase, salt, passes, kib):
    out = ctypes.create_string_buffer(64)
    status = sodium.crypto_pwhash(
        out, ctypes.c_ulonglong(64), passphrase, ctypes.c_ulonglong(len(passphrase)), salt, ctypes.c_ulonglong(passes),
        ctypes.c_size_t(kib * 1024), 2)
    assert status == 0
    return out.raw


def sha256(data):
    return hashlib.sha256(data).digest()


PUBLIC, SECRET = keypair(subkey(5 << 32))


# --- objects

def session_id(first, epoch):
    return bytes(range(first, first + 12)) + struct.pack(">I", epoch)


def frame(pack_class, codec, raw_length, content):
    additional = b"cairnfr1" + REPO + bytes([pack_class, codec]) + struct.pack("<I", raw_length)
    return NONCE + aead(subkey((2 if pack_class == 1 else 1) << 32), NONCE, additional, content)


KINDS = {"session": (b"CRNSESS1", 5), "commit": (b"CRNCOMM1", 5), "manifest": (b"CRNSNAP1", 7), "log": (b"CRNMLOG1", 6), "delta": (b"CRNDELT1", 4)}


def envelope(kind, name, content=None, plaintext=None, secret=SECRET):
    magic, key = KINDS[kind]
    plaintext = padded(content) if plaintext is None else plaintext
    head = magic + struct.pack("<HHI", 1, 1, len(plaintext)) + NONCE
    out = head + aead(subkey(key), NONCE, head + REPO + name.encode(), plaintext)
    return out + sign(secret, out) if kind == "log" else out


def config(body, read_features=0, major=1):
    plaintext = padded(body)
    head = b"CRNCONF1" + struct.pack("<HH", major, 1) + REPO + struct.pack("<QQQQQ", read_features, 0, 0, 0, 5) + struct.pack("<I", len(plaintext)) + NONCE
    return head + aead(subkey(3), NONCE, head + b"config", plaintext)


def config_body(**changes):
    fields = {
        2: b"\1" + struct.pack("<III", 64 << 10, 256 << 10, 1 << 20), 4: varint(1 << 20), 6: varint(512 << 10), 8: varint(32 << 20),
        10: varint(8 << 20), 14: time(1_795_248_000, 123_456_789), 16: PUBLIC}
    fields.update({int(k[1:]): v for k, v in changes.items()})
    return tlv(*sorted(fields.items()))


def slot(kind, derived, passes, kib, parallelism, bundle):
    head = b"CRNKEY01" + bytes([kind, 1, 0, 0]) + struct.pack("<III", passes, kib, parallelism) + SALT + REPO + struct.pack("<q", 1_795_248_000)
    commitment = blake2b(derived[32:], b"cairn-slot" + head, 32)
    plaintext = padded(bundle)
    head += commitment + NONCE + struct.pack("<I", len(plaintext) + 16)
    return commitment, head + aead(derived[:32], NONCE, head, plaintext)


# --- output

out = []


def block(word, name, values, error=None):
    lines = [f"```{word} name={name}" + (f" error={error}" if error else "")]
    for key, value in values.items():
        if isinstance(value, bytes):
            value = value.hex()
        elif isinstance(value, int):
            value = f"#{value}"
        else:
            value = f'"{value}"'
        line = f"{key}: {value}"
        lines.append(line[:140])
        lines += [" " + line[i:i + 139] for i in range(140, len(line), 139)]
    out.append("\n".join(lines + ["```"]))


def heading(text):
    out.append("### " + text)


S1, S2, S3 = session_id(1, 7), session_id(3, 2), session_id(5, 9)
HASH = bytes(range(0x20, 0x40))
CLIENT, SERIES = bytes(range(0xC0, 0xD0)), bytes(range(0xD0, 0xE0))
DELTA = f"{S1.hex()}-00000003-{HASH.hex()}".encode()
TIME = time(1_795_248_000, 123_456_789)


def packs(*numbers):
    return b"".join(bytes([n]) * 32 + S1 for n in numbers)


def primitives():
    heading("Primitives")
    for n in (0, 127, 128, 300, 2**32, 2**64 - 1):
        block("vector", f"varint-{n}", {"value": n, "bytes": varint(n)})
    block("vector", "sizes", {"value": b"".join(struct.pack("<QQQ", n, padded_length(n), envelope_length(n)) for n in (
        0, 1, 256, 257, 4096, 4097, 262_144, 262_145, 33_554_431, 33_554_432, 33_554_433))})
    out.append("`sizes` holds triples of u64: n, padded(n), envelope(n).")


def keys():
    heading("Keys and ids")
    block("vector", "subkeys", {f"k{n}": subkey(n, 16 if n == 9 else 32) for n in [*range(1, 13), 1 << 32, 2 << 32, 5 << 32]})
    block("vector", "maintenance-key", {"public": PUBLIC, "signature-of-abc": sign(SECRET, b"abc")})
    for name, data in (("empty", b""), ("a", b"a"), ("mebibyte-of-zeros", bytes(1 << 20))):
        values = {"length": len(data), "byte": data[:1] or b"\0"}
        values |= {f"type{t}": hmac.new(subkey(1), bytes([t]) + data, hashlib.sha256).digest() for t in range(1, 6)}
        block("vector", f"id-{name}", values)
    out.append("An id vector is of `length` times `byte`.")
    for name in ("", "a", "file-000001.txt"):
        block("vector", f"name-hash-{len(name)}", {"name": name, "hash": siphash(subkey(9, 16), name.encode())})
    block("vector", "hedged-nonce", {
        "random": bytes(24), "context": b"abc", "nonce": blake2b(subkey(10), b"cairn-nonce" + bytes(24) + b"abc", 24)})
    block("vector", "derived-key", {"number": 4, "label": "cairn-example", "input": b"\1\2\3", "key": blake2b(subkey(4), b"cairn-example" + b"\1\2\3", 32)})
    block("vector", "frame-data", {"class": 1, "codec": 0, "raw": 3, "content": b"abc", "frame": frame(1, 0, 3, b"abc")})
    block("vector", "frame-tree", {"class": 2, "codec": 1, "raw": 1000, "content": b"\xFF" * 20, "frame": frame(2, 1, 1000, b"\xFF" * 20)})
    block("vector", "frame-empty", {"class": 1, "codec": 0, "raw": 0, "content": b"", "frame": frame(1, 0, 0, b"")})


def slots():
    heading("Key slots")
    bundle = tlv((2, MASTER), (4, "laptop".encode()), (6, b"host"), (8, b"user"))
    for name, passes, kib in (("weakest", 1, 8192), ("default", 3, 65_536)):
        derived = argon2id(b"correct horse", SALT, passes, kib)
        commitment, data = slot(1, derived, passes, kib, 1, bundle)
        block("vector", f"slot-passphrase-{name}", {
            "credential": "correct horse", "derived": derived, "commitment": commitment, "slot": data, "slot-id": sha256(data), "master": MASTER,
            "label": "laptop"})
    credential = bytes(range(100, 132))
    derived = blake2b(credential, b"cairn-keyfile-1" + SALT, 64)
    commitment, keyfile = slot(2, derived, 0, 0, 0, bundle)
    block("vector", "slot-keyfile", {
        "credential": credential, "file": f"cairn-key-1 {credential.hex()}", "derived": derived, "commitment": commitment, "slot": keyfile,
        "slot-id": sha256(keyfile), "master": MASTER, "label": "laptop"})

    def changed(offset, value):
        return data[:offset] + value + data[offset + len(value):]
    negatives = {
        "magic": ("badMagic", changed(0, b"X")), "kind": ("unsupportedFeature", changed(8, b"\3")), "role": ("unsupportedFeature", changed(9, b"\2")),
        "reserved": ("notCanonical", changed(10, b"\1")), "no-passes": ("limitExceeded", changed(12, struct.pack("<I", 0))),
        "seventeen-passes": ("limitExceeded", changed(12, struct.pack("<I", 17))), "little-memory": ("limitExceeded", changed(16, struct.pack("<I", 8191))),
        "tebibyte-of-memory": ("limitExceeded", changed(16, struct.pack("<I", 2**30))), "parallelism": ("unsupportedFeature", changed(20, b"\2")),
        "trailing": ("trailingBytes", data + b"\0"), "truncated": ("truncated", data[:-1]), "keyfile-with-cost": ("notCanonical", keyfile[:12] + b"\1" + keyfile[13:])}
    for name, (error, value) in negatives.items():
        block("negative", f"slot-{name}", {"decode": "slot", "bytes": value}, error)


def config_vectors():
    heading("Config")
    block("vector", "config", {"config": config(config_body()), "counter": 5})
    newer = config(config_body(), read_features=1 << 40)
    for name, error, value in (
        ("read-feature", "unsupportedFeature", newer), ("major", "unsupportedVersion", config(config_body(), major=2)),
        ("changed-counter", "authenticationFailed", config(config_body()).replace(struct.pack("<Q", 5), struct.pack("<Q", 6), 1)),
        ("no-chunker", "invalid", config(config_body(_2=None))), ("chunk-sizes", "invalid", config(config_body(_2=b"\1" + struct.pack("<III", 9999, 9999, 10_000)))),
        ("chunker", "unsupportedFeature", config(config_body(_2=b"\7" + struct.pack("<III", 1000, 2000, 3000)))),
        ("pack-size", "limitExceeded", config(config_body(_8=varint(1 << 30)))), ("odd-field", "unsupportedFeature", config(config_body(_17=b"x"))),
        ("zero-epoch", "notCanonical", config(config_body(_12=b"\0"))), ("trailing", "trailingBytes", config(config_body()) + b"\0")):
        block("negative", f"config-{name}", {"decode": "config", "bytes": value}, error)


def manifest(kind, base, **changes):
    fields = {
        2: S1, 4: TIME, 6: zigzag(-210), 8: b"America/St_Johns", 10: b"host", 12: b"user", 14: listing(b"cairn", b"backup", b"", b"\xFF"),
        16: listing(b"/home"), 18: listing(b"weekly"), 20: b"before the move", 22: bytes(range(0x60, 0x80)), 24: b"\1\2\3", 26: bytes([kind]),
        28: SERIES, 30: b"home", 32: base, 34: bytes(range(0x80, 0xA0)) if base else None, 36: varint(7), 38: S1, 40: CLIENT, 42: time(-5, 1),
        44: tlv((2, varint(3)), (32, varint(2**64 - 1))), 46: listing(b"*.o"), 48: varint(5), 50: b"1.0.0"}
    fields.update({int(k[1:]): v for k, v in changes.items()})
    return tlv(*sorted(fields.items()))


SESSION = tlv(
    (2, b"\1"), (4, CLIENT), (6, b"host"), (8, b"\xFF\0A"), (10, varint(4711)), (12, varint(123_456_789_012)),
    (14, b"b5f4b6a2-0f0e-4d52-9d0a-6f6f1c7f0a55"), (16, TIME), (18, varint(7)), (20, SERIES), (22, S1 + session_id(2, 8)), (24, S1), (26, b"1.0.0"))
COMMIT = tlv((2, b"\1"), (4, listing(DELTA, DELTA.replace(b"-00000003-", b"-00000004-"))), (6, HASH), (8, S1))


def records():
    heading("Sessions, commit registers, manifests")
    block("vector", "session", {"content": SESSION, "name": f"sessions/{S1.hex()}", "object": envelope("session", f"sessions/{S1.hex()}", SESSION)})
    block("vector", "commit", {"content": COMMIT, "name": f"commits/{S1.hex()}", "object": envelope("commit", f"commits/{S1.hex()}", COMMIT)})
    block("vector", "commit-revoked", {"content": tlv((2, b"\3"))})
    hand_over = lambda k: hashlib.sha256(b"cairn-handover" + S1 + struct.pack("<I", k)).digest()[:12] + S1[12:]
    block("vector", "hand-overs", {"session": S1, "first": hand_over(1), "other": hand_over(258)})
    for name, kind, base in (("full", 1, None), ("incremental", 2, S2), ("differential", 3, S2)):
        content = manifest(kind, base)
        block("vector", f"manifest-{name}", {
            "content": content, "name": f"snapshots/{S1.hex()}", "object": envelope("manifest", f"snapshots/{S1.hex()}", content)})
    # A tag above all known ones.
    block("vector", "manifest-unknown-even-field", {"content": manifest(2, S2, _256=b"later"), "same-as": manifest(2, S2)})
    name = f"sessions/{S1.hex()}"
    good = envelope("session", name, SESSION)
    zero_padded = padded(SESSION)
    for case, error, value in (
        ("other-name", "authenticationFailed", envelope("session", f"sessions/{S2.hex()}", SESSION)), ("other-kind", "badMagic", envelope("commit", name, SESSION)),
        ("changed", "authenticationFailed", good[:-1] + bytes([good[-1] ^ 1])), ("trailing", "trailingBytes", good + b"\0"), ("truncated", "truncated", good[:-1]),
        ("version", "unsupportedVersion", good[:8] + b"\2" + good[9:]), ("suite", "unsupportedFeature", good[:10] + b"\2" + good[11:]),
        ("length", "limitExceeded", good[:12] + b"\xFF" * 4 + good[16:]), ("padding", "notCanonical", envelope("session", name, plaintext=zero_padded[:-1] + b"\1")),
        ("padded-too-far", "notCanonical", envelope("session", name, plaintext=zero_padded + bytes(256))),
        ("content-length", "truncated", envelope("session", name, plaintext=b"\xFF" * 4 + zero_padded[4:]))):
        block("negative", f"envelope-{case}", {"decode": "session-object", "bytes": value}, error)


def record_negatives():
    cases = [
        ("varint-not-minimal", "notCanonical", "manifest", b"\x82\0\x10" + manifest(2, S2)[2:]), ("fields-out-of-order", "notCanonical", "session", tlv((4, CLIENT), (2, b"\1"))),
        ("field-twice", "notCanonical", "session", tlv((2, b"\1"), (2, b"\1"))), ("field-odd", "unsupportedFeature", "manifest", manifest(2, S2, _257=b"x")),
        ("default-written", "notCanonical", "manifest", manifest(2, S2, _36=b"\0")), ("empty-written", "notCanonical", "manifest", manifest(2, S2, _20=b"")),
        ("uint-not-filled", "trailingBytes", "manifest", manifest(2, S2, _36=b"\1\0")), ("nanoseconds", "invalid", "manifest", manifest(2, S2, _4=time(0, 10**9))),
        ("identifier-length", "invalid", "manifest", manifest(2, S2, _2=S1[:15])), ("full-with-base", "invalid", "manifest", manifest(1, S2)),
        ("incremental-without-base", "invalid", "manifest", manifest(2, None)), ("delta-root-without-base", "invalid", "manifest", manifest(1, None, _34=HASH)),
        ("kind-of-snapshot", "unsupportedFeature", "manifest", manifest(4, S2)), ("zone", "invalid", "manifest", manifest(2, S2, _6=zigzag(1441))),
        ("zone-not-text", "invalid", "manifest", manifest(2, S2, _8=b"\xFF")), ("no-root", "invalid", "manifest", manifest(2, S2, _22=None)),
        ("field-beyond-end", "truncated", "manifest", manifest(2, S2)[:-1]), ("commit-without-manifest", "invalid", "commit", tlv((2, b"\1"))),
        ("revoked-with-deltas", "invalid", "commit", tlv((2, b"\3"), (4, listing(DELTA)))), ("delta-twice", "notCanonical", "commit", tlv((2, b"\2"), (4, listing(DELTA, DELTA)))),
        ("delta-name", "invalid", "commit", tlv((2, b"\2"), (4, listing(b"../" + DELTA[3:])))), ("decision", "unsupportedFeature", "commit", tlv((2, b"\5"))),
        ("condemned-out-of-order", "notCanonical", "log", log(_10=packs(1, 0))), ("condemned-length", "trailingBytes", "log", log(_10=packs(0) + b"\0")), ("sweep-of-later-record", "invalid", "log", log(_12=listing(struct.pack("<Q", 9)))),
        ("sweep-twice", "notCanonical", "log", log(_12=listing(struct.pack("<Q", 3), struct.pack("<Q", 3)))),
        ("log-without-previous", "invalid", "log", log(_4=None)), ("fold-bound", "invalid", "log", checkpoint(_16=struct.pack("<I", 10))),
        ("fold-epoch", "invalid", "log", checkpoint(_16=struct.pack("<I", 7) + S1 + HASH)), ("forget-and-restore", "invalid", "log", log(_20=S1)),
        ("empty-amendment", "invalid", "log", log(_22=listing(tlv((2, S1))))), ("index-object", "invalid", "log", checkpoint(_14=listing(b"x"))),
        ("half-checkpoint", "invalid", "log", checkpoint(_14=None)), ("swept-without-checkpoint", "invalid", "log", log(_36=packs(9))),
        ("checkpoint-start", "invalid", "log", checkpoint(_34=varint(8))), ("start-beyond", "invalid", "log", log(_34=varint(9))),
        ("checkpoint-condemns", "invalid", "log", checkpoint(_10=packs(0))),
        ("delta-of-another-owner", "invalid", "log", log(_24=listing(DELTA)))]
    for name, error, decode, value in cases:
        block("negative", f"record-{name}", {"decode": decode, "bytes": value}, error)


def log(**changes):
    fields = {
        2: varint(9), 4: HASH, 6: S3, 8: TIME, 10: packs(0, 1), 12: listing(struct.pack("<Q", 3) + packs(2, 3), struct.pack("<Q", 5)),
        18: S1, 20: S2,
        22: listing(tlv((2, S1), (4, b"")), tlv((2, S2), (4, listing(b"x")), (6, b""))), 24: listing(f"{S3.hex()}-00000000-{HASH.hex()}".encode()), 26: HASH,
        28: b"host", 30: b"root", 32: b"1.0.0", 34: varint(4)}
    fields.update({int(k[1:]): v for k, v in changes.items()})
    fields = {k: v for k, v in fields.items() if v is not None}
    # Amendments ascend by session: S1 (01…) before S2 (03…).
    return tlv(*sorted(fields.items()))


def checkpoint(**changes):
    fields = dict(
        _10=None, _14=listing(f"{S1.hex()}-00000007-{HASH.hex()}".encode()), _16=struct.pack("<I", 8) + S1 + HASH, _20=None, _24=None, _34=varint(9),
        _36=packs(9))
    return log(**(fields | changes))


def log_vectors():
    heading("Log")
    block("vector", "log-all-fields", {"content": log()})
    block("vector", "log-checkpoint", {"content": checkpoint()})
    out.append("A chain: record 0 condemns three packs, 1 sweeps two of them, rescues the third and is a checkpoint with one snapshot, 2 forgets that, 3 takes it back.")
    previous = None
    run = [bytes(range(0x30, 0x3C)) + struct.pack(">I", n) for n in range(4)]
    bodies = [
        {10: packs(0, 1, 2)}, {12: listing(struct.pack("<Q", 0) + packs(0, 2)), 14: b"", 16: struct.pack("<I", 1) + session_id(1, 0) + HASH, 34: varint(1)},
        {18: session_id(1, 0), 34: varint(1)}, {20: session_id(1, 0), 34: varint(1)}]
    for index, body in enumerate(bodies):
        fields = {2: varint(index) if index else None, 4: previous, 6: run[index], 8: time(1_795_248_000 + index)} | body
        content = tlv(*sorted((k, v) for k, v in fields.items() if v is not None))
        data = envelope("log", f"log/{index:016x}", content)
        block("vector", f"log-chain-{index}", {"index": index, "content": content, "object": data, "hash": sha256(data)})
        previous = sha256(data)
    content = tlv((6, run[0]), (8, time(0)))
    good = envelope("log", "log/0000000000000000", content)
    other = keypair(bytes(32))[1]
    block("negative", "log-signature", {"decode": "log-object", "bytes": envelope("log", "log/0000000000000000", content, secret=other)}, "authenticationFailed")
    block("negative", "log-unsigned", {"decode": "log-object", "bytes": good[:-64]}, "truncated")
    block("negative", "log-index", {"decode": "log-object", "bytes": envelope("log", "log/0000000000000001", content)}, "authenticationFailed")


if __name__ == "__main__":
    for part in (primitives, keys, slots, config_vectors, records, log_vectors, record_negatives):
        part()
    page = open("FORMAT.md").read()
    before, rest = page.split("<!-- vectors: records -->")
    after = rest.split("<!-- /vectors: records -->")[1]
    open("FORMAT.md", "w").write(before + "<!-- vectors: records -->\n\n" + "\n\n".join(out) + "\n\n<!-- /vectors: records -->" + after)
    print(f"{sum(o.startswith('```vector') for o in out)} vectors, {sum(o.startswith('```negative') for o in out)} negative")
