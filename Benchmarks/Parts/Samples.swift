import CairnFormat
import CairnTestSupport

/// The data that is measured: the same in every run.
enum Samples {
  static let keys = KeySet(master: secret(1), repository: RepositoryID(word0: 1, word1: 2))

  static func secret(_ byte: UInt8) -> SecretBytes {
    [UInt8](repeating: byte, count: 32).withUnsafeBytes { SecretBytes(copying: $0) }
  }

  /// Incompressible.
  static func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
    var random = SplitMix64(seed: seed)
    return [UInt8](unsafeUninitializedCapacity: count) { bytes, used in
      let words = UnsafeMutableRawBufferPointer(bytes).bindMemory(to: UInt64.self)
      for index in words.indices { words[index] = random.next() }
      for index in words.count * 8..<count { bytes[index] = UInt8(truncatingIfNeeded: random.next()) }
      used = count
    }
  }

  /// Words of a small vocabulary, some far more frequent than others, in lines.
  static func text(_ count: Int) -> [UInt8] {
    var random = SeededRandom(seed: 2)
    let letters = Array("etaoinshrdlcumwfgypbvk".utf8)
    let words = (0..<4096).map { _ in (0..<2 + random.below(9)).map { _ in letters[min(random.below(22), random.below(22))] } }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 16)
    while bytes.count < count {
      bytes += words[min(random.below(4096), random.below(4096), random.below(4096))]
      bytes.append(random.below(12) == 0 ? 0x0a : 0x20)
    }
    bytes.removeLast(bytes.count - count)
    return bytes
  }

  /// Files as a home directory has them, in the order of their names.
  static func nodes(_ count: Int) -> [Node] {
    var random = SeededRandom(seed: 3)
    return (0..<count).map { number in
      var node = Node(name: Array("photograph-\(10_000_000 + number).jpeg".utf8), type: .file)
      (node.mode, node.uid, node.gid) = (0o644, 1000, 1000)
      (node.user, node.group) = (Array("somebody".utf8), Array("users".utf8))
      node.mtime = Timestamp(seconds: 1_700_000_000 + Int64(random.below(50_000_000)), nanoseconds: UInt32(random.below(1_000_000_000)))
      node.ctime = node.mtime
      node.inode = UInt64(random.below(1 << 32))
      node.device = 8 << 32 | 1
      let size = 1 + random.below(1 << 20)
      node.size = UInt64(size)
      let id = withUnsafeBytes(of: size) { keys.blobID(.data, $0) }
      node.content = .items([ContentItem(length: UInt64(size), id: id)])
      return node
    }
  }
}
