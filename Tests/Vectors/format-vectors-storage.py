#!/usr/bin/env python3
"""Writes the test vectors of FORMAT.md from the text of that page, sharing no code with the program.

Needs libsodium. Run at the top of the package: Tests/Vectors/format-vectors-storage.py
"""
import ctypes, hashlib, hmac, importlib.util, struct

spec = importlib.util.spec_from_file_location("base", "Tests/Vectors/format-vectors-records.py")
base = importlib.util.module_from_spec(spec)
spec.loader.exec_module(base)
from_base = base
varint, zigzag, tlv, blake2b, subkey, aead, sha256 = base.varint, base.zigzag, base.tlv, base.blake2b, base.subkey, base.aead, base.sha256
REPO, NONCE, S1, S2, HASH = base.REPO, base.NONCE, base.S1, base.S2, base.HASH
block, heading, out = base.block, base.heading, base.out
M64 = 2**64 - 1


def negative(name, decode, error, value, **more):
    block("negative", name, {"decode": decode, "bytes": value} | more, error)


def blob_id(kind, content):
    return hmac.new(subkey(1), bytes([kind]) + content, hashlib.sha256).digest()


def name_hash(name):
    return int.from_bytes(base.siphash(subkey(9, 16), name), "little")


def number_id(i):
    return sha256(struct.pack("<I", i))


# --- chunker

def splitmix(seed, count):
    words = []
    for _ in range(count // 8):
        seed = seed + 0x9E3779B97F4A7C15 & M64
        z = seed
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & M64
        z = (z ^ z >> 27) * 0x94D049BB133111EB & M64
        words.append(z ^ z >> 31)
    return struct.pack(f"<{len(words)}Q", *words)


def gear():
    table = ctypes.create_string_buffer(2048)
    base.sodium.randombytes_buf_deterministic(table, ctypes.c_size_t(2048), blake2b(subkey(2), b"gear64", 32))
    return struct.unpack("<256Q", table.raw)


def cuts(data, minimum, average, maximum):
    table, hard, easy = gear(), 2**64 // (4 * average), 2**64 // max(2, average // 4)
    lengths, start = [], 0
    while start < len(data):
        end, length, h = min(len(data), start + maximum), None, 0
        for p in range(start + minimum - 64, end):
            h = (h << 1) + table[data[p]] & M64
            n = p - start + 1
            if n >= minimum and h < (hard if n < average else easy):
                length = n
                break
        lengths.append(length or end - start)
        start += lengths[-1]
    return lengths


def chunker():
    heading("Chunker")
    words = gear()
    block("vector", "gear-table", {
        "seed": blake2b(subkey(2), b"gear64", 32), "first": struct.pack("<4Q", *words[:4]), "last": struct.pack("<4Q", *words[-4:]),
        "sha256": sha256(struct.pack("<256Q", *words))})
    out.append("The data of `random` is words of SplitMix64 from `seed` on, little endian; else `pattern` again and again. `cuts` are the chunk lengths as u32.")
    tiny = (256, 1024, 4096)
    for name, sizes, length, data in (
        ("tiny-random", tiny, 65_536, {"seed": 1}), ("small-random", (64 << 10, 256 << 10, 1 << 20), 3_000_000, {"seed": 2}),
        ("normal-random", (256 << 10, 1 << 20, 4 << 20), 8_000_000, {"seed": 3}), ("large-random", (1 << 20, 4 << 20, 15 << 20), 12_000_000, {"seed": 4}),
        ("tiny-zeros", tiny, 10_000, {"pattern": b"\0"}), ("tiny-pattern", tiny, 10_000, {"pattern": b"abcdefgh"}),
        ("below-minimum", tiny, 255, {"pattern": b"\0"}), ("exactly-minimum", tiny, 256, {"pattern": b"\0"})):
        if "seed" in data:
            content = splitmix(data["seed"], (length + 7) // 8 * 8)[:length]
        else:
            content = (data["pattern"] * length)[:length]
        lengths = cuts(content, *sizes)
        block("vector", f"cuts-{name}", {
            "minimum": sizes[0], "average": sizes[1], "maximum": sizes[2], "length": length, **data, "cuts": struct.pack(f"<{len(lengths)}I", *lengths)})


# --- compression and frames

def zstd(*blocks, descriptor=0, window=0x70):
    """A zstd frame of (kind, length, content) blocks: kind 0 raw, 1 one byte repeated."""
    data = bytes.fromhex("28b52ffd") + bytes([descriptor, window])
    for index, (kind, length, content) in enumerate(blocks):
        data += struct.pack("<I", (index == len(blocks) - 1) | kind << 1 | length << 3)[:3] + content
    return data


def frames():
    heading("Compression")
    good = zstd((1, 1000, b"x"), (0, 3, b"end"))
    block("vector", "zstd", {"content": good, "raw": b"x" * 1000 + b"end"})
    bomb = zstd(*[(1, 131_072, b"\0")] * 200)
    for name, error, value in (
        ("bomb", "invalid", bomb), ("too-little", "invalid", zstd((1, 1002, b"x"))), ("too-much", "invalid", zstd((1, 1004, b"x"))),
        ("two-frames", "invalid", zstd((1, 1000, b"x")) + zstd((0, 3, b"end"))), ("trailing", "invalid", good + b"\0"), ("truncated", "invalid", good[:-1]),
        ("content-size", "notCanonical", zstd((1, 1003, b"x"), descriptor=0x60)), ("checksum", "notCanonical", zstd((1, 1003, b"x"), descriptor=4)),
        ("window", "limitExceeded", zstd((1, 1003, b"x"), window=0x71)), ("skippable", "notCanonical", bytes.fromhex("502a4d18") + struct.pack("<I", 2000) + bytes(2000)),
        ("empty", "invalid", b"")):
        negative(f"zstd-{name}", "zstd", error, value, raw=1003)


# --- packs

def frame_table(*frames, count=None):
    data = varint(len(frames) if count is None else count)
    for encoded, raw, codec, key, members in frames:
        data += varint(encoded) + varint(raw) + bytes([codec, key]) + varint(len(members))
        for index, (kind, blob_key, length) in enumerate(members):
            data += bytes([kind]) + blob_key + (varint(length) if index < len(members) - 1 else b"")
    return data


SALT = bytes(range(0x70, 0x90))


def pack_header(pack_class=1, slots=(), flags=None, version=1, suite=1, magic=b"CRNPACK1", count=None):
    flags = (2 if slots else 0) if flags is None else flags
    return magic + struct.pack("<HBBHH", version, suite, pack_class, flags, len(slots) if count is None else count) + S1 + SALT + b"".join(slots)


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def trailer(offset, length, parity, magic=b"CRNTAIL1"):
    data = magic + struct.pack("<QIQ", offset, length, parity)
    return data + struct.pack("<I", crc32c(data))


def padded_directory(table):
    granule = 256 if len(table) + 40 <= 4096 else 4096
    return table.ljust(-(-(len(table) + 40) // granule) * granule - 40, b"\0")


def sealed_directory(header, offset, plaintext):
    length = len(plaintext) + 40
    return NONCE + aead(subkey(8), NONCE, header + REPO + struct.pack("<QI", offset, length), plaintext)


def pack(header, frames, table):
    body = header + b"".join(frames)
    directory_length = len(padded_directory(table)) + 40
    total = base.padded_length(len(body) + directory_length + 32)
    body += b"\xEE" * (total - len(body) - directory_length - 32)
    offset = len(body)
    return body + sealed_directory(header, offset, padded_directory(table)) + trailer(offset, directory_length, offset + directory_length), offset


def packs():
    heading("Packs")
    a, b, c = b"first blob", b"second", b"x" * 1000
    key = [blob_id(1, blob)[:16] for blob in (a, b, c)]
    group, single = base.frame(1, 0, 16, a + b), base.frame(1, 1, 1000, zstd((1, 1000, b"x")))
    table = frame_table((len(group), 16, 0, 0, [(1, key[0], 10), (1, key[1], 6)]), (len(single), 1000, 1, 0, [(1, key[2], 1000)]))
    data, offset = pack(pack_header(), [group, single], table)
    block("vector", "pack", {
        "salt": SALT, "table": table, "header": data[:64], "frames": data[64:64 + len(group) + len(single)], "directory-offset": offset,
        "directory": data[offset:-32], "trailer": data[-32:], "size": len(data), "sha256": sha256(data), "blob0": a, "blob1": b, "blob2-byte": b"x", "blob2-length": 1000})
    out.append("Three blobs, the first two as a group; the padding is bytes ee.")
    slots = pack_header(slots=[bytes([7]) * 88, bytes([8]) * 88])
    block("vector", "pack-header-with-slots", {"bytes": slots})
    empty = frame_table()
    block("vector", "pack-directory-plaintext-empty", {"class": 2, "bytes": padded_directory(empty)})
    tree = frame_table((45, 5, 0, 0, [(t, HASH[:16], 1) for t in (2, 3, 4, 5, 2)]))
    block("vector", "pack-directory-plaintext-tree", {"class": 2, "bytes": padded_directory(tree)})
    for name, error, value in (
        ("magic", "badMagic", pack_header(magic=b"CRNPACK2")), ("version", "unsupportedVersion", pack_header(version=2)), ("suite", "unsupportedFeature", pack_header(suite=2)),
        ("class", "invalid", pack_header(pack_class=3)), ("flags", "unsupportedFeature", pack_header(flags=4)), ("slots-without-flag", "notCanonical", pack_header(slots=[bytes(88)], flags=0)),
        ("flag-without-slots", "notCanonical", pack_header(flags=2)), ("slots", "limitExceeded", pack_header(flags=2, count=128)), ("truncated", "truncated", pack_header()[:-1]),
        ("slots-truncated", "truncated", pack_header(flags=2, count=1))):
        negative(f"pack-header-{name}", "pack-header", error, value)
    for name, error, value in (
        ("magic", "badMagic", trailer(64, 256, 320, magic=b"CRNTAIL2")), ("checksum", "authenticationFailed", trailer(64, 256, 320)[:-1] + b"\0"),
        ("truncated", "truncated", trailer(64, 256, 320)[:-1]), ("trailing", "trailingBytes", trailer(64, 256, 320) + b"\0"),
        ("offset-in-header", "invalid", trailer(63, 256, 320)), ("directory-beyond-parity", "invalid", trailer(64, 257, 320)),
        ("parity-beyond-end", "invalid", trailer(64, 256, 4096 - 31)), ("overflow", "invalid", trailer(M64, 256, 320)), ("length", "limitExceeded", trailer(64, 2**26 + 1, 320))):
        negative(f"pack-trailer-{name}", "pack-trailer", error, value, size=4096)
    one = lambda **c: frame_table(tuple((dict(encoded=50, raw=10, codec=0, key=0, members=[(1, HASH[:16], 10)]) | c).values()))
    for name, error, value in (
        ("padding", "notCanonical", padded_directory(one())[:-1] + b"\1"), ("padded-too-far", "notCanonical", padded_directory(one()) + bytes(256)),
        ("not-padded", "notCanonical", one()), ("raw-length-lie", "invalid", padded_directory(one(encoded=49))), ("raw-grows", "invalid", padded_directory(one(encoded=51))),
        ("zstd-grows", "invalid", padded_directory(one(codec=1))), ("zstd-empty", "invalid", padded_directory(one(codec=1, encoded=40))),
        ("codec", "unsupportedFeature", padded_directory(one(codec=2))), ("no-members", "invalid", padded_directory(one(members=[]))),
        ("type-of-other-class", "invalid", padded_directory(one(members=[(2, HASH[:16], 10)]))), ("type", "invalid", padded_directory(one(members=[(6, HASH[:16], 10)]))),
        ("members-too-long", "invalid", padded_directory(one(members=[(1, HASH[:16], 11), (1, HASH[:16], 1)]))),
        ("last-member-empty", "invalid", padded_directory(one(members=[(1, HASH[:16], 10), (1, HASH[:16], 1)]))),
        ("member-empty", "invalid", padded_directory(one(members=[(1, HASH[:16], 0), (1, HASH[:16], 1)]))), ("frame-too-long", "limitExceeded", padded_directory(one(encoded=2**24 + 40, raw=2**24))),
        ("empty-frame", "invalid", padded_directory(one(encoded=40, raw=0))), ("count-lie", "truncated", frame_table(count=2**20)), ("count", "limitExceeded", padded_directory(frame_table(count=2**20 + 1))),
        ("varint", "notCanonical", padded_directory(b"\x81\0" + one()[1:]))):
        negative(f"pack-directory-{name}", "directory", error, value)
    other = bytearray(data[offset:-32])
    other[30] ^= 1
    header2 = pack_header(pack_class=2)
    for name, value in (
        ("changed", bytes(other)), ("of-another-pack", sealed_directory(header2, offset, padded_directory(table))), ("moved", sealed_directory(pack_header(), offset - 256, padded_directory(table)))):
        negative(f"pack-sealed-directory-{name}", "sealed-directory", "authenticationFailed", value, offset=offset)
    negative("pack-sealed-directory-overlap", "sealed-directory", "invalid", sealed_directory(pack_header(), 100, padded_directory(table)), offset=100)
    negative("pack-sealed-directory-short", "sealed-directory", "truncated", bytes(23), offset=100)


# --- parity

def gf_multiply(a, b):
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a = a << 1 ^ (0x11D if a & 0x80 else 0)
        b >>= 1
    return product


GF_INVERSE = {a: next(b for b in range(1, 256) if gf_multiply(a, b) == 1) for a in range(1, 256)}


def crc64(data):
    value = M64
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xC96C5795D7870F42 if value & 1 else 0)
    return value ^ M64


def parity_shards(covered, k, m, size):
    shards = [covered[j * size:(j + 1) * size].ljust(size, b"\0") for j in range(k)]
    for r in range(m):
        total = bytearray(size)
        for j in range(k):
            products = bytes(gf_multiply(GF_INVERSE[(k + r) ^ j], value) for value in range(256))
            total = bytes(a ^ b for a, b in zip(total, shards[j].translate(products)))
        shards.append(total)
    return shards


def parity_table(k, m, block_size, covered, size, directory, checksums, magic=b"CRNPARI1", version=1, reserved=0, pad=b"\0", extra=0):
    data = magic + struct.pack("<HBBIQQII", version, k, m, block_size, covered, size, directory, reserved) + struct.pack(f"<{len(checksums)}Q", *checksums)
    length = -(-(len(data) + 8) // 64) * 64 + extra
    data += pad * (length - 8 - len(data))
    return data + struct.pack("<Q", crc64(data))


def parity_area(covered, k, m, size, block_size, directory):
    shards = parity_shards(covered, k, m, size)
    checksums = [crc64(shard[i:i + block_size]) for shard in shards for i in range(0, size, block_size)]
    table = parity_table(k, m, block_size, len(covered), size, directory, checksums)
    return table + b"".join(shards[k:k + m // 2]) + table + b"".join(shards[k + m // 2:]) + table, table


def parity():
    heading("Parity")
    out.append("`covered` are words of SplitMix64 from `seed` on; `area` is what follows them up to the trailer.")
    for name, k, m, size, block_size, length, directory in (
        ("small", 3, 2, 192, 128, 448, 256), ("one-shard", 1, 1, 128, 64, 128, 64), ("full", 32, 2, 1024, 256, 32 * 1024 - 64, 4096), ("wide", 128, 16, 64, 64, 128 * 64, 256)):
        covered = splitmix(k, length)
        area, table = parity_area(covered, k, m, size, block_size, directory)
        more = {"table": table, "area": area} if name == "small" else {}
        tail = trailer(length - directory, directory, length)
        block("vector", f"parity-{name}", {
            "seed": k, "k": k, "m": m, "shard": size, "block": block_size, "covered": length, "directory": directory, **more,
            "area-sha256": sha256(area), "trailer": tail, "sha256": sha256(covered + area + tail)})
    good = dict(k=3, m=2, block_size=128, covered=448, size=192, directory=256, checksums=list(range(10)))
    make = lambda **changes: parity_table(**good | changes)
    for name, error, value in (
        ("magic", "badMagic", make(magic=b"CRNPARI2")), ("version", "unsupportedVersion", make(version=2)), ("no-data-shards", "limitExceeded", make(k=0)),
        ("data-shards", "limitExceeded", make(k=129)), ("no-parity-shards", "limitExceeded", make(m=0)), ("parity-shards", "limitExceeded", make(m=17)),
        ("block-zero", "invalid", make(block_size=0)), ("block-crooked", "invalid", make(block_size=100)), ("block", "limitExceeded", make(block_size=2**16 + 64)),
        ("covered-too-long", "invalid", make(covered=3 * 192 + 64)), ("shard-without-data", "invalid", make(covered=384)), ("covered-crooked", "invalid", make(covered=449)),
        ("covered", "limitExceeded", make(covered=M64)), ("shard", "limitExceeded", make(size=M64)), ("shard-crooked", "invalid", make(size=190)), ("shard-zero", "invalid", make(size=0)),
        ("directory-too-long", "invalid", make(directory=448 - 63)), ("directory-empty", "invalid", make(directory=0)), ("directory", "limitExceeded", make(directory=2**26 + 1)),
        ("blocks", "limitExceeded", make(block_size=64, covered=2**26, size=2**25, k=2)), ("pack", "limitExceeded", make(block_size=2**16, covered=2**27, size=2**27, k=1)),
        ("reserved", "notCanonical", make(reserved=1)), ("padding", "notCanonical", make(block_size=192, checksums=[1] * 5, pad=b"\1")), ("truncated", "truncated", make()[:-1]),
        ("header-truncated", "truncated", make()[:39]), ("longer", "trailingBytes", make(extra=64)), ("checksum", "authenticationFailed", make()[:-1] + b"\0"), ("changed", "authenticationFailed", make()[:60] + b"x" + make()[61:])):
        negative(f"parity-table-{name}", "parity-table", error, value)


# --- index

def delta(*packs, sequence=3, count=None):
    return S1 + struct.pack("<I", sequence) + varint(len(packs) if count is None else count) + b"".join(packs)


def indexed(number, size=4096, pack_class=1, header=64, table=None, owner=S1):
    table = frame_table((56, 16, 0, 0, [(1, number_id(1)[:16], 10), (1, number_id(2)[:16], 6)])) if table is None else table
    return bytes([number]) * 32 + owner + varint(size) + bytes([pack_class]) + varint(header) + table


def deltas():
    heading("Index deltas")
    name = f"index/{S1.hex()}-00000003"
    content = delta(indexed(1), indexed(9, owner=S2, pack_class=2, header=64 + 88, table=frame_table((45, 5, 0, 0, [(3, HASH[:16], 5)]))))
    block("vector", "delta", {"content": content, "name": name, "object": base.envelope("delta", name, content)})
    block("vector", "delta-empty", {"content": delta()})
    for name, error, value in (
        ("pack-twice", "notCanonical", delta(indexed(1), indexed(1))), ("pack-size", "limitExceeded", delta(indexed(1, size=2**28 + 1))),
        ("frames-beyond-pack", "invalid", delta(indexed(1, size=64 + 56 + 31))), ("header-length", "invalid", delta(indexed(1, header=65))), ("header-short", "invalid", delta(indexed(1, header=0))),
        ("class", "invalid", delta(indexed(1, pack_class=0))), ("type-of-other-class", "invalid", delta(indexed(1, pack_class=2))), ("trailing", "trailingBytes", content + b"\0"),
        ("truncated", "truncated", content[:-1]), ("count-lie", "truncated", delta(count=1_000_000)), ("count", "limitExceeded", delta(count=2**40))):
        negative(f"delta-{name}", "delta", error, value)


def image(image_id, key, packs, frames, entries, covers, **lies):
    def aligned(data):
        return data.ljust(-(-len(data) // 64) * 64, b"\0")
    entries = sorted(entries)
    f = next((f for f in range(16) if len(entries) >> f <= 32), 16)
    sections = b"".join(aligned(b"".join(items)) for items in (sorted(covers), packs, frames)) + aligned(b"".join(k + struct.pack("<IIIB3x", *rest) for k, *rest in entries))
    heads = [int.from_bytes(e[0][:2], "big") >> (16 - f) for e in entries]
    sections += b"".join(struct.pack("<I", sum(h < i for h in heads)) for i in range(2**f + 1))
    pages = -(-(128 + len(sections)) // 65_536)
    header = b"CRNSEGM1" + struct.pack("<HHI", 1, f, 0) + image_id + REPO + struct.pack("<QQQQQ", len(entries), len(frames), len(packs), len(covers), pages << 16)
    plain = (header.ljust(128, b"\0") + sections).ljust(pages << 16, b"\0")
    code = lambda number, data: hmac.new(key, image_id + struct.pack("<Q", number) + data, hashlib.sha256).digest()[:16]
    codes = b"".join(code(i, plain[i << 16:i + 1 << 16]) for i in range(pages))
    return plain, codes + code(M64, codes)


def segments():
    heading("Index images")
    segment, key = bytes(range(0xE0, 0xF0)), bytes(range(0x50, 0x70))
    packs = [bytes([p]) * 32 + S1 + struct.pack("<QB7x", 4096 * (p + 1), 1 + p % 2) for p in range(3)]
    count = 3000
    frames = [struct.pack("<IIIIBBH", n // 200 % 3, 64 + n % 200 * 100, 60, 1000, 1, 0, 0) for n in range(count // 5)]
    entries = [(number_id(n)[:16], n // 5, n % 5 * 200, 200, (1 if n // 5 // 200 % 3 % 2 == 0 else 2)) for n in range(count)]
    plain, codes = image(segment, key, packs, frames, entries, [HASH, bytes(32)])
    block("vector", "index-image", {
        "image-id": segment, "key": key, "count": count, "header": plain[:128], "length": len(plain) + len(codes), "sha256": sha256(plain + codes), "codes": codes})
    out.append(
        "Three packs p (digest 32 bytes p, owner as in the delta, size 4096 (p + 1), class 1, 2, 1), 600 frames n (pack floor(n / 200), offset 64 + 100 (n mod 200), encoded 60, raw 1000, codec 1), 3000 entries i "
        "(SHA-256 key i, frame floor(i / 5), offset 200 (i mod 5), length 200, type 1 in packs of class 1, 2 in the other), covers 20 … 3f and zeros.")


# --- trees

def node(kind, count, items, version=1, flags=0):
    return struct.pack("<BBHI", kind, version, flags, count) + items


def item(name, *fields):
    body = varint(len(name)) + name + tlv(*fields)
    return varint(len(body)) + body


def leaf(*items):
    return node(0, len(items), b"".join(items))


def inner(*children):
    return node(1, len(children), b"".join(varint(len(n)) + n + i + varint(e) + varint(b) for n, i, e, b in children))


def chunk(length, blob):
    return varint(length << 1) + blob


def hole(length):
    return varint(length << 1 | 1)


FILE = (2, b"\1")


def ends(rule, count, threshold_hit):
    return count >= rule[1] or (count >= rule[0] and threshold_hit)


def build(level_items, ends_after, encode, kind, children):
    """One level of a tree: nodes that end where `ends_after` says."""
    nodes, open_items = [], []
    for entry in level_items:
        open_items.append(entry)
        if ends_after(entry, len(open_items)):
            nodes.append(open_items)
            open_items = []
    if open_items:
        nodes.append(open_items)
    return [children(blob_id(kind, encode(n)), n) for n in nodes]


def list_tree(items):
    level = build(
        items, lambda e, n: ends((64, 1024), n, e[1] is not None and e[1][0] == 0), lambda n: node(2, len(n), b"".join(chunk(*e) if e[1] else hole(e[0]) for e in n)), 4,
        lambda i, n: (i, sum(e[0] for e in n)))
    height, counts = 0, [len(level)]
    while len(level) > 1:
        level = build(
            level, lambda e, n: ends((64, 1024), n, e[0][0] == 0), lambda n: node(3, len(n), b"".join(i + varint(b) for i, b in n)), 5, lambda i, n: (i, sum(e[1] for e in n)))
        height += 1
        counts.append(len(level))
    return level[0][0], height, counts


def directory_tree(items):
    level = build(
        items, lambda e, n: ends((64, 1024), n, name_hash(e[0]) < 2**55), lambda n: leaf(*(e[1] for e in n)), 2,
        lambda i, n: (n[0][0], i, len(n), sum(e[2] for e in n)))
    counts = [len(level)]
    while len(level) > 1:
        level = build(
            level, lambda e, n: ends((16, 512), n, name_hash(e[0]) < 2**58), lambda n: inner(*n), 3,
            lambda i, n: (n[0][0], i, sum(e[2] for e in n), sum(e[3] for e in n)))
        counts.append(len(level))
    return level[0], counts


def trees():
    heading("Trees")
    seconds, nanoseconds = 1_795_248_000, 123_456_789
    times = [(14, zigzag(seconds) + varint(nanoseconds)), (16, zigzag(5) + zigzag(-123_456_789)), (50, zigzag(-7) + zigzag(999_999_999))]
    status = [(4, varint(0o4755)), (6, varint(1000)), (8, varint(100)), (10, b"user"), (12, b"group"), *times[:2]]
    full = item(
        b"full", FILE, *status, (18, varint(3_000_000)), (20, varint(123_456)), (22, varint(8 << 32 | 1)), (24, varint(2)),
        (30, varint(6) + b"user.a" + varint(0) + varint(6) + b"user.b" + varint(2) + b"\0\1"),
        (36, chunk(1_048_576, number_id(1)) + hole(900_000) + chunk(1_051_424, number_id(2))), (46, varint(0x10)), times[2], (52, varint(1)))
    items = [
        item(b"device", (2, b"\6"), (28, varint(8) + varint(1))), item(b"dir", (2, b"\2"), (40, HASH), (42, varint(12) + varint(10**12)), (52, varint(2))), full,
        item(b"link", (2, b"\3"), (24, varint(0)), (26, b"../target")), item(b"list", FILE, (14, zigzag(-1) + varint(0)), (16, b""), (18, varint(10**10)), (38, HASH + b"\1")), item(b"minimal", FILE),
        item(b"\xff\xfe", (2, b"\4"))]
    block("vector", "tree-leaf", {"bytes": leaf(*items), "id": blob_id(2, leaf(*items)), "again-with-unknown-even-fields": leaf(*items[:5], item(b"minimal", FILE, (34, b"later"), (1000, b"")), items[6])})
    block("vector", "tree-leaf-empty", {"bytes": leaf(), "id": blob_id(2, leaf())})
    block("vector", "tree-inner", {"bytes": inner((b"a", number_id(1), 600, 10**9), (b"b", number_id(2), 1, 0)), "first": b"a", "second": b"b"})
    block("vector", "tree-list-leaf", {"bytes": node(2, 3, chunk(1, number_id(1)) + hole(2**63 - 1) + chunk(2**24 - 1, number_id(2)))})
    block("vector", "tree-list-inner", {"bytes": node(3, 2, number_id(1) + varint(100) + number_id(2) + varint(2**40))})
    root = item(b"", (2, b"\2"), (4, varint(0o755)))
    block("vector", "tree-root-item", {"bytes": root})
    volumes = (
        tlv((2, b"\1"), (4, varint(1 << 20) + varint(500 << 20)), (6, HASH[:16]), (8, HASH[16:]), (10, "Wurzel \u00e4".encode()), (12, varint(4)), (14, b"ext4"), (16, b"root"), (18, HASH[8:24]), (20, b"\1")),
        tlv((2, b"\7"), (4, varint(501 << 20) + varint(4096))))
    record = tlv(
        (2, b"\1"), (4, varint(256 << 10)), (6, varint(512)), (8, varint(4096)), (10, b"\2"), (12, HASH[4:20]),
        (14, b"".join(varint(len(v)) + v for v in volumes)), (16, varint(700 << 20) + varint(4096) + varint(800 << 20) + varint(512)))
    block("vector", "image-record", {"bytes": record})
    block("vector", "image-record-minimal", {"bytes": tlv((2, b"\3"), (4, varint(4096)))})
    block("vector", "tree-image", {"bytes": leaf(item(b"sda", FILE, (18, varint(1 << 30)), (36, hole(1 << 30)), (46, b"\1"), (48, record), (52, b"\1")))})
    out.append("List trees of chunks of 1 MiB with SHA-256 ids 0, 1, 2 …; `nodes` counts them from the leaves up, as u32. Directory trees of files `f000000`, `f000001` … with nothing but size 7.")
    for count in (65, 10_000):
        root, height, counts = list_tree([(1 << 20, number_id(i)) for i in range(count)])
        block("vector", f"list-tree-{count}", {"count": count, "root": root, "height": height, "nodes": struct.pack(f"<{len(counts)}I", *counts)})
    for count in (0, 1, 100_000):
        names = [b"f%06d" % i for i in range(count)]
        if count:
            (_, root, entries, total), counts = directory_tree([(n, item(n, FILE, (18, varint(7))), 7) for n in names])
        else:
            root, entries, total, counts = blob_id(2, leaf()), 0, 0, [1]
        block("vector", f"directory-tree-{count}", {"count": count, "root": root, "entries": entries, "bytes": total, "nodes": struct.pack(f"<{len(counts)}I", *counts)})


def tree_negatives():
    one = lambda *f, name=b"a": leaf(item(name, *f))
    file = lambda *f: one(FILE, *f)
    a, b = item(b"a", FILE), item(b"b", FILE)
    id1 = number_id(1)
    wide = node(0, 1, b"\x86\0" + item(b"ab", FILE)[1:])
    for name, error, value in (
        ("kind", "invalid", node(4, 0, b"")), ("version", "unsupportedVersion", node(0, 0, b"", version=2)), ("flags", "unsupportedFeature", node(0, 0, b"", flags=1)),
        ("header-truncated", "truncated", leaf()[:-1]), ("trailing", "trailingBytes", leaf(a) + b"\0"), ("count-too-large", "truncated", node(0, 2, a)), ("count-too-small", "trailingBytes", node(0, 1, a + b)),
        ("count", "limitExceeded", node(0, 1025, a)), ("names-out-of-order", "notCanonical", leaf(b, a)), ("name-twice", "notCanonical", leaf(a, a)), ("prefix-after-longer", "notCanonical", leaf(item(b"ab", FILE), a)),
        ("name-empty", "invalid", one(FILE, name=b"")), ("name-dot", "invalid", one(FILE, name=b".")), ("name-dot-dot", "invalid", one(FILE, name=b"..")), ("name-slash", "invalid", one(FILE, name=b"a/b")),
        ("name-nul", "invalid", one(FILE, name=b"a\0b")), ("name-long", "limitExceeded", one(FILE, name=b"a" * 4097)), ("item-length-not-minimal", "notCanonical", wide),
        ("item-too-short", "truncated", node(0, 1, bytes([len(a) - 2]) + a[1:])), ("item-too-long", "truncated", node(0, 1, bytes([len(a)]) + a[1:])),
        ("no-type", "invalid", one((4, varint(0o644)))), ("no-fields", "invalid", one()), ("type", "unsupportedFeature", one((2, b"\x08"))), ("type-zero", "notCanonical", one((2, b"\0"))),
        ("tag-twice", "notCanonical", file((4, b"\1"), (4, b"\1"))), ("tags-out-of-order", "notCanonical", file((6, b"\1"), (4, b"\1"))), ("odd-tag", "unsupportedFeature", file((37, b"x"))), ("odd-tag-above", "unsupportedFeature", file((53, b"x"))),
        ("odd-tag-after-unknown", "unsupportedFeature", file((54, b"x"), (55, b"x"))), ("unknown-tags-out-of-order", "notCanonical", file((56, b"x"), (54, b"x"))),
        ("field-too-long", "truncated", node(0, 1, b"\x08\1a\2\1\1\4\5\1")), ("mode-zero", "notCanonical", file((4, b"\0"))), ("mode", "invalid", file((4, varint(0o10000)))), ("uid", "limitExceeded", file((6, varint(2**32)))),
        ("number-not-minimal", "notCanonical", file((18, b"\x81\0"))), ("number-not-filled", "trailingBytes", file((18, b"\1\1"))), ("number-missing", "truncated", file((18, b""))), ("number-too-wide", "invalid", file((18, b"\xFF" * 9 + b"\2"))),
        ("user-empty", "notCanonical", file((10, b""))), ("user-long", "limitExceeded", file((10, b"u" * 257))), ("mtime-zero", "notCanonical", file((14, b"\0\0"))), ("mtime-nanoseconds", "invalid", file((14, zigzag(1) + varint(10**9)))),
        ("ctime-same-written", "notCanonical", file((16, b"\0\0"))), ("ctime-nanoseconds", "invalid", file((16, zigzag(0) + zigzag(-1)))), ("btime-nanoseconds", "invalid", file((50, zigzag(0) + zigzag(10**9)))),
        ("links-one", "notCanonical", file((24, b"\1"))), ("target-of-file", "invalid", file((26, b"x"))), ("target-empty", "notCanonical", one((2, b"\3"), (26, b""))), ("target-nul", "invalid", one((2, b"\3"), (26, b"a\0"))),
        ("device-of-file", "invalid", file((28, b"\1\1"))), ("device-zero", "notCanonical", one((2, b"\7"), (28, b"\0\0"))), ("device-wide", "limitExceeded", one((2, b"\7"), (28, varint(2**32) + b"\0"))),
        ("attributes-empty", "notCanonical", file((30, b""))), ("attributes-out-of-order", "notCanonical", file((30, b"\1b\0\1a\0"))), ("attribute-twice", "notCanonical", file((30, b"\1a\0\1a\0"))), ("attribute-nameless", "invalid", file((30, b"\0\1x"))),
        ("attribute-nul", "invalid", file((30, b"\1\0\0"))), ("content-of-directory", "invalid", one((2, b"\2"), (36, chunk(1, id1)))), ("content-empty", "notCanonical", file((36, b""))), ("content-zero-length", "invalid", file((36, chunk(0, id1)))),
        ("content-chunk-too-long", "invalid", file((36, chunk(2**24, id1)))), ("content-hole-empty", "invalid", file((36, hole(0)))), ("content-holes", "notCanonical", file((36, hole(1) + hole(1)))),
        ("content-65", "limitExceeded", file((36, chunk(1, id1) * 65))), ("content-sum", "limitExceeded", file((36, (hole(2**63 - 1) + chunk(1, id1)) * 3))), ("content-twice", "notCanonical", file((36, chunk(1, id1)), (38, id1 + b"\0"))),
        ("list-height", "limitExceeded", file((38, id1 + b"\x08"))), ("list-short", "truncated", file((38, id1))), ("subtree-of-file", "invalid", file((40, id1))), ("sums-of-file", "invalid", file((42, b"\1\0"))), ("sums-zero", "notCanonical", one((2, b"\2"), (42, b"\0\0"))),
        ("inner-empty", "invalid", inner()), ("inner-out-of-order", "notCanonical", inner((b"b", id1, 1, 1), (b"a", id1, 1, 1))), ("inner-name", "invalid", inner((b"..", id1, 1, 1))), ("inner-truncated", "truncated", inner((b"a", id1, 1, 1))[:-1]),
        ("list-leaf-empty", "invalid", node(2, 0, b"")), ("list-leaf-holes", "notCanonical", node(2, 2, hole(1) + hole(2))), ("list-leaf-truncated", "truncated", node(2, 1, chunk(1, id1[:31]))),
        ("list-inner-empty", "invalid", node(3, 0, b"")), ("list-inner-nothing-below", "invalid", node(3, 1, id1 + b"\0")), ("list-inner-sum", "limitExceeded", node(3, 2, (id1 + varint(M64)) * 2)),
        ("chunk", "invalid", b"\x80" + bytes(7))):
        negative(f"tree-{name}", "tree", error, value)
    entry = lambda *f: tlv((2, b"\3"), (4, varint(4096)), *f)
    volume = lambda *f: tlv((4, b"\1\1"), *f)
    held = lambda *v: entry((14, b"".join(varint(len(x)) + x for x in v)))
    for name, error, value in (
        ("no-source", "invalid", tlv((4, varint(4096)))), ("no-chunk", "invalid", tlv((2, b"\1"))), ("source", "unsupportedFeature", tlv((2, b"\4"), (4, varint(4096)))),
        ("chunk", "invalid", tlv((2, b"\1"), (4, varint(1 << 24)))), ("table", "unsupportedFeature", entry((10, b"\3"))), ("id-without-table", "invalid", entry((12, b"x"))), ("odd-tag", "unsupportedFeature", entry((17, b"x"))),
        ("volume-without-range", "invalid", held(tlv((2, b"\1")))), ("volume-empty", "invalid", held(tlv((4, b"\1\0")))), ("volume-too-long", "invalid", held(tlv((4, varint(2**63) + b"\1")))), ("volume-twice", "notCanonical", held(volume(), volume())),
        ("volume-number-zero", "notCanonical", held(tlv((2, b"\0"), (4, b"\1\1")))), ("volume-used", "limitExceeded", held(volume((20, b"\2")))), ("volume-name", "invalid", held(volume((10, b"\xff")))),
        ("volume-label-long", "limitExceeded", held(volume((16, b"x" * 257)))), ("volumes-257", "limitExceeded", held(*(tlv((2, varint(i)), (4, b"\1\1")) for i in range(1, 258)))),
        ("unreadable-empty", "invalid", entry((16, b"\1\0"))), ("unreadable-overlap", "notCanonical", entry((16, b"\1\2\2\1")))):
        negative(f"image-{name}", "image", error, value)
    negative("tree-image-of-directory", "tree", "invalid", one((2, b"\2"), (48, entry())))
    negative("tree-image-malformed", "tree", "invalid", file((48, b"\2\1\1")))
    negative("root-item-named", "root-item", "invalid", a)
    negative("root-item-trailing", "root-item", "trailingBytes", item(b"", FILE) + b"\0")


if __name__ == "__main__":
    for part in (chunker, frames, packs, parity, deltas, segments, trees, tree_negatives):
        part()
    page = open("FORMAT.md").read()
    before, rest = page.split("<!-- vectors: storage -->")
    after = rest.split("<!-- /vectors: storage -->")[1]
    open("FORMAT.md", "w").write(before + "<!-- vectors: storage -->\n\n" + "\n\n".join(out) + "\n\n<!-- /vectors: storage -->" + after)
    print(f"{sum(o.startswith('```vector') for o in out)} vectors, {sum(o.startswith('```negative') for o in out)} negative")
