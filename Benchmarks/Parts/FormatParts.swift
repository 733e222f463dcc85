import Benchmark
import CairnFormat

/// Cutting files into chunks.
func chunking() {
  let size = 64 << 20
  for (name, data) in [("noise", { Samples.noise(size) }), ("text", { Samples.text(size) })] {
    part(
      "chunker, \(name)", goal: "2500", .bytes(size),
      prepare: { (try Chunker(parameters: .normal, seed: Samples.keys.chunkerSeed), data()) },
      { chunker, bytes in bytes.withUnsafeBytes { forEachChunk($0, chunker) { blackHole($0.count) } } })
  }
}

func forEachChunk<Failure>(
  _ bytes: UnsafeRawBufferPointer, _ chunker: Chunker, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
) throws(Failure) {
  var rest = bytes
  while let length = chunker.nextCut(rest, atEnd: true) {
    try body(UnsafeRawBufferPointer(rebasing: rest[..<length]))
    rest = UnsafeRawBufferPointer(rebasing: rest[length...])
  }
}

/// The ids of blobs, one after another.
func identities() {
  for (name, length, count) in [("64 B", 64, 65_536), ("4 KiB", 4096, 4096), ("1 MiB", 1 << 20, 32)] {
    part(
      "blob id, \(name)", .bytes(length * count), prepare: { Samples.noise(length * count) },
      { bytes in
        bytes.withUnsafeBytes { bytes in
          for start in stride(from: 0, to: bytes.count, by: length) {
            blackHole(Samples.keys.blobID(.data, UnsafeRawBufferPointer(rebasing: bytes[start..<start + length])))
          }
        }
      })
  }
}

/// Sealing and opening.
func frames() {
  for (cipher, codec) in [("AES-256-GCM", Codec.raw | Codec.aesGCM), ("XChaCha20-Poly1305", Codec.raw)] {
    for (name, length, count) in [("4 KiB", 4096, 4096), ("1 MiB", 1 << 20, 32), ("2 MiB", 2 << 20, 16)] {
      part(
        "seal, \(cipher), \(name)", .bytes(length * count), prepare: { Frame(codec: codec, length) },
        { frame in for _ in 0..<count { blackHole(frame.seal()) } })
      part(
        "open, \(cipher), \(name)", .bytes(length * count),
        prepare: {
          let frame = Frame(codec: codec, length)
          _ = frame.seal()
          return frame
        },
        { frame in for _ in 0..<count { try frame.open() } })
    }
  }
}

private final class Frame {
  private let codec: UInt8
  private let plain: [UInt8]
  private let nonce = Samples.noise(24)
  private var sealed: [UInt8]

  init(codec: UInt8, _ length: Int) {
    self.codec = codec
    plain = Samples.noise(length)
    sealed = [UInt8](repeating: 0, count: length + Limits.frameOverhead)
  }

  func seal() -> Int {
    plain.withUnsafeBytes { plain in
      nonce.withUnsafeBytes { nonce in
        sealed.withUnsafeMutableBytes {
          Samples.keys.sealFrame(packClass: .data, codec: codec, rawLength: UInt32(plain.count), plain, nonce: nonce, into: $0)
        }
      }
    }
  }

  func open() throws {
    try sealed.withUnsafeBytes {
      try Samples.keys.withOpenedFrame(packClass: .data, codec: codec, rawLength: UInt32(plain.count), $0) { blackHole($0.count) }
    }
  }
}

/// zstd as backups use it, in frames of 1 MiB, and the probe before it.
func compression() {
  let (size, length) = (16 << 20, 1 << 20)
  part(
    "zstd level 3, compress, text", .bytes(size), prepare: { try Compressed(Samples.text(size), length) }, { try $0.compress() })
  part(
    "zstd level 3, decompress, text", .bytes(size),
    prepare: {
      let state = try Compressed(Samples.text(size), length)
      try state.compress()
      return state
    }, { try $0.decompress() })
  for (name, bytes) in [("noise", { Samples.noise(length) }), ("text", { Samples.text(length) })] {
    part(
      "probe of 1 MiB, \(name)", .items(200), prepare: { (Compressor(), bytes()) },
      { compressor, bytes in bytes.withUnsafeBytes { for _ in 0..<200 { blackHole(compressor.looksIncompressible($0)) } } })
  }
}

private final class Compressed {
  private let compressor = Compressor()
  private let plain: [UInt8]
  private let length: Int
  private var frames: [(codec: UInt8, bytes: [UInt8], used: Int)]
  private var target: [UInt8]

  init(_ plain: [UInt8], _ length: Int) throws {
    self.plain = plain
    self.length = length
    frames = (0..<plain.count / length).map { _ in (0, [UInt8](repeating: 0, count: Compressor.bound(length)), 0) }
    target = [UInt8](repeating: 0, count: length)
  }

  func compress() throws {
    try plain.withUnsafeBytes { plain in
      for number in frames.indices {
        let source = UnsafeRawBufferPointer(rebasing: plain[number * length..<(number + 1) * length])
        (frames[number].codec, frames[number].used) = try frames[number].bytes.withUnsafeMutableBytes {
          try compressor.compress(source, into: $0, level: 3)
        }
      }
    }
  }

  func decompress() throws {
    for frame in frames {
      try frame.bytes.withUnsafeBytes { bytes in
        try target.withUnsafeMutableBytes {
          try compressor.decompress(codec: frame.codec, UnsafeRawBufferPointer(rebasing: bytes[..<frame.used]), into: $0)
        }
      }
    }
  }
}

/// The nodes of directories; what is counted are files.
func trees() {
  let (leaf, rounds) = (256, 40)
  part(
    "leaf of 256 files, encode", .items(leaf * rounds), prepare: { Samples.nodes(leaf) },
    { nodes in for _ in 0..<rounds { blackHole(try DirectoryLeaf.encode(nodes)) } })
  part(
    "leaf of 256 files, decode", .items(leaf * rounds), prepare: { try DirectoryLeaf.encode(Samples.nodes(leaf)) },
    { bytes in for _ in 0..<rounds { blackHole(try DirectoryLeaf.decode(bytes)) } })
  part(
    "directory of 20 000 files, build", .items(20_000), prepare: { Samples.nodes(20_000) },
    { nodes in
      var builder = DirectoryBuilder(keys: Samples.keys)
      for node in nodes { try builder.append(node, store: { Samples.keys.blobID($0, $1) }) }
      blackHole(try builder.finish(store: { Samples.keys.blobID($0, $1) }))
    })
}
