import CairnFormat
import CairnStorage

/// A pack's directory as its own object has it, with the place of each frame.
final class LoadedPack: Sendable {
  let pack: IndexedPack
  /// Ascending.
  private let offsets: [UInt32]

  init(_ pack: IndexedPack) {
    self.pack = pack
    var offsets: [UInt32] = []
    pack.forEachFrame { _, offset in offsets.append(offset) }
    self.offsets = offsets
  }

  /// The number of the frame that begins there.
  func frame(at offset: UInt32) -> Int? {
    var (low, high) = (0, offsets.count)
    while low < high {
      let middle = (low + high) / 2
      if offsets[middle] < offset { low = middle + 1 } else { high = middle }
    }
    return low < offsets.count && offsets[low] == offset ? low : nil
  }

  func location(_ frame: Int) -> FrameLocation {
    let entry = pack.frames[frame]
    return FrameLocation(
      pack: PackIdentity(hash: pack.hash, owner: pack.owner, packClass: pack.packClass, size: pack.size), offset: offsets[frame],
      encodedLength: entry.encodedLength, rawLength: entry.rawLength, codec: entry.codec, keyReference: entry.keyReference)
  }
}

/// The directories of the packs looked at last. For one thread.
final class LoadedPackCache {
  private let view: RepositoryView
  private var packs: [PackName: LoadedPack] = [:]
  private var order: [PackName] = []
  /// A directory takes about 40 bytes a blob.
  private static let limit = 32

  init(_ view: RepositoryView) { self.view = view }

  /// - Throws: `CairnError` naming the pack when its directory cannot be read.
  func load(_ name: PackName) throws -> LoadedPack {
    if let known = packs[name] { return known }
    guard let key = ObjectKey(kind: .packs, name: name.name) else { throw CairnError(.failed, "Impossible pack name \(name.name).") }
    let storage = view.repository.storage
    let size = try storageCall("reading \(key.path)") { try storage.size(of: key) }
    let loaded = LoadedPack(try PackFile.read(key, size: size, storage: storage, keys: view.repository.keys))
    if order.count >= Self.limit { packs[order.removeFirst()] = nil }
    packs[name] = loaded
    order.append(name)
    return loaded
  }
}
