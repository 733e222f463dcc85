import CairnFormat
import CairnStorage

@testable import CairnKit

/// Reads a repository that nobody writes to, by the letter of FORMAT.md ("Log records", "What counts") and with none of the code that
/// is under test but the decoders.
struct IndependentReader {
  struct Loss: Error, CustomStringConvertible {
    let description: String
    init(_ text: String) { description = text }
  }

  /// Where a blob lies.
  private struct Place {
    let pack: PackName
    let packClass: PackClass
    let frame: FrameEntry
    let offset: Int
    let memberOffset: Int
    let length: Int
    let type: BlobType
  }

  private let objects: [ObjectKey: [UInt8]]
  private let keys: KeySet
  private let compressor = Compressor()
  private var places: [BlobKey: [Place]] = [:]
  /// Those that exist and are not forgotten.
  private(set) var snapshots: [Manifest] = []
  /// Packs of the view.
  private(set) var packs: Set<PackName> = []
  private(set) var condemned: Set<PackName> = []

  init(_ objects: [ObjectKey: [UInt8]], _ keys: KeySet) throws {
    self.objects = objects
    self.keys = keys
    let records = try Self.log(objects, keys)
    let checkpoint = records.first?.checkpoint
    let below = checkpoint?.below ?? 0
    var accepted = Dictionary(uniqueKeysWithValues: (checkpoint?.accepted ?? []).map { ($0.session, $0.hash) })
    var deltas = Set(checkpoint?.index ?? [])
    for record in records { deltas.formUnion(record.deltas) }
    for key in objects.keys where key.kind == .commits {
      guard let session = SessionID(hex: key.name), session.epoch >= below else { continue }
      let register = try CommitRecord.decode(
        Envelope.open(.commit, logicalName: LogicalName.commit(session), try Self.object(objects, .commits, key.name), keys: keys))
      guard register.decision == .snapshot || register.decision == .data else { continue }
      deltas.formUnion(register.deltas)
      if let manifest = register.manifest { accepted[session] = manifest }
    }
    let swept = readPacks(records)
    try load(deltas, unusable: swept)
    try loadSnapshots(accepted, records)
  }

  private static func object(_ objects: [ObjectKey: [UInt8]], _ kind: ObjectKey.Kind, _ name: String) throws -> [UInt8] {
    guard let key = ObjectKey(kind: kind, name: name), let bytes = objects[key] else { throw Loss("\(kind.rawValue)/\(name) is missing") }
    return bytes
  }

  // MARK: - The log

  /// From the newest checkpoint on.
  private static func log(_ objects: [ObjectKey: [UInt8]], _ keys: KeySet) throws -> [LogRecord] {
    let numbers = objects.keys.filter { $0.kind == .log }.compactMap { Hexadecimal.number64($0.name) }.sorted()
    guard let newest = numbers.last else { return [] }
    var records: [LogRecord] = []
    var number = newest
    var expected: ObjectHash?
    while true {
      let bytes = try object(objects, .log, Hexadecimal.encode(number))
      if let expected, SHA256Digest.hash(bytes) != expected { throw Loss("log record \(number) is not the one that the next names") }
      let record = try LogRecord.decode(Envelope.open(.log, logicalName: LogicalName.log(number), bytes, keys: keys))
      records.insert(record, at: 0)
      if record.checkpoint != nil || number == 0 { return records }
      guard number > record.start else { throw Loss("log record \(number) names a start that is no checkpoint") }
      expected = record.previous
      number -= 1
    }
  }

  /// Notes what is condemned, and returns what is swept.
  private mutating func readPacks(_ records: [LogRecord]) -> Set<PackName> {
    var swept = Set(records.first?.checkpoint?.swept ?? [])
    var open: [UInt64: Set<PackName>] = [:]
    for record in records {
      if !record.condemn.isEmpty { open[record.index] = Set(record.condemn) }
      for sweep in record.sweeps {
        open[sweep.record] = nil
        swept.formUnion(sweep.packs)
      }
    }
    condemned = open.values.reduce([]) { $0.union($1) }
    return swept
  }

  // MARK: - Blobs

  private mutating func load(_ deltas: Set<String>, unusable: Set<PackName>) throws {
    for name in deltas {
      let bytes = try Self.object(objects, .index, name)
      guard let parsed = DeltaName(name), SHA256Digest.hash(bytes) == parsed.hash else { throw Loss("index/\(name) holds something else") }
      let delta = try IndexDelta.decode(Envelope.open(.delta, logicalName: parsed.logicalName, bytes, keys: keys))
      for pack in delta.packs {
        let identity = PackName(hash: pack.hash, owner: pack.owner)
        guard !unusable.contains(identity), packs.insert(identity).inserted else { continue }
        add(pack, identity)
      }
    }
  }

  private mutating func add(_ pack: IndexedPack, _ name: PackName) {
    var offset = Int(pack.headerLength)
    for frame in pack.frames {
      var start = 0
      for member in frame.members {
        places[member.key, default: []].append(
          Place(
            pack: name, packClass: pack.packClass, frame: frame, offset: offset, memberOffset: start, length: Int(member.length),
            type: member.type))
        start += Int(member.length)
      }
      offset += Int(frame.encodedLength)
    }
  }

  private func blob(_ id: BlobID, isTree: Bool) throws -> [UInt8] {
    var missing: [String] = []
    for place in places[id.key] ?? [] where (place.packClass == .tree) == isTree {
      guard let key = ObjectKey(kind: .packs, name: place.pack.name), let pack = objects[key] else {
        missing.append("pack \(place.pack.name) is gone")
        continue
      }
      let raw = try open(place, pack)
      let bytes = Array(raw[place.memberOffset..<(place.memberOffset + place.length)])
      if bytes.withUnsafeBytes({ keys.blobID(place.type, $0) }) == id { return bytes }
      missing.append("pack \(place.pack.name) holds something else")
    }
    throw Loss("blob \(id.hexadecimal.prefix(16)): \(missing.isEmpty ? "in no pack" : missing.joined(separator: ", "))")
  }

  /// The frame's content.
  private func open(_ place: Place, _ pack: [UInt8]) throws -> [UInt8] {
    let sealed = Array(pack[place.offset..<(place.offset + Int(place.frame.encodedLength))])
    var plain = [UInt8](repeating: 0, count: sealed.count - Limits.frameOverhead)
    let frame = place.frame
    let count = try plain.withUnsafeMutableBytes { plain in
      try sealed.withUnsafeBytes { sealed in
        try keys.openFrame(packClass: place.packClass, codec: frame.codec, rawLength: frame.rawLength, sealed, into: plain)
      }
    }
    guard count == plain.count else { throw Loss("a frame of another length") }
    guard frame.codec != Codec.raw else { return plain }
    var raw = [UInt8](repeating: 0, count: Int(frame.rawLength))
    try plain.withUnsafeBytes { plain in
      try raw.withUnsafeMutableBytes { raw in try compressor.decompress(codec: frame.codec, plain, into: raw) }
    }
    return raw
  }

  // MARK: - Snapshots

  private mutating func loadSnapshots(_ accepted: [SessionID: ObjectHash], _ records: [LogRecord]) throws {
    var forgotten: Set<SessionID> = []
    var tags: [SessionID: [[UInt8]]] = [:]
    for record in records {
      forgotten.formUnion(record.forget)
      forgotten.subtract(record.restore)
      for amendment in record.amend { tags[amendment.session] = amendment.tags ?? tags[amendment.session] }
    }
    for (session, hash) in accepted where !forgotten.contains(session) {
      let bytes = try Self.object(objects, .snapshots, ManifestName(session: session, hash: hash).name)
      var manifest = try Manifest.decode(Envelope.open(.manifest, logicalName: LogicalName.manifest(session), bytes, keys: keys))
      if let tags = tags[session] { manifest.tags = tags }
      snapshots.append(manifest)
    }
  }

  /// Paths with their contents; directories end with a slash.
  func files(_ manifest: Manifest) throws -> [String: [UInt8]] {
    var all: [String: [UInt8]] = [:]
    try read(manifest.root, "", &all)
    return all
  }

  private func read(_ tree: BlobID, _ path: String, _ all: inout [String: [UInt8]]) throws {
    switch try TreeNode.decode(blob(tree, isTree: true)) {
    case .inner(let items): for item in items { try read(item.id, path, &all) }
    case .leaf(let nodes):
      for node in nodes {
        let name = path + String(decoding: node.name, as: UTF8.self)
        if let subtree = node.subtree {
          all[name + "/"] = []
          try read(subtree, name + "/", &all)
        } else {
          all[name] = try content(node.content)
        }
      }
    case .listLeaf, .listInner: throw Loss("\(path) is no directory")
    }
  }

  private func content(_ content: Content) throws -> [UInt8] {
    switch content {
    case .none: return []
    case .items(let items): return try items.flatMap { item in try item.id.map { try blob($0, isTree: false) } ?? [] }
    case .list(let root, _): return try list(root)
    }
  }

  private func list(_ id: BlobID) throws -> [UInt8] {
    switch try TreeNode.decode(blob(id, isTree: true)) {
    case .listInner(let items): return try items.flatMap { try list($0.id) }
    case .listLeaf(let items): return try content(.items(items))
    case .leaf, .inner: throw Loss("a file's list is a directory")
    }
  }
}
