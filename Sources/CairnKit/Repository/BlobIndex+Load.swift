package import CairnFormat
import CairnStorage
import CairnSystem

extension BlobIndex {
  /// Makes the index of a set of deltas, from cached images as far as there are any.
  ///
  /// - Parameters:
  ///   - deltas: object names, as registers list them.
  ///   - unusable: packs that must not be found.
  ///   - salvage: when a delta cannot be read, take the directories of packs that no readable delta names instead.
  package static func load(
    repository: Repository, deltas: [String], unusable: Set<PackName>, salvage: Bool, problems: inout [ItemProblem]
  ) throws -> BlobIndex {
    var names: [ObjectHash: String] = [:]
    for name in deltas {
      if let parsed = DeltaName(name) { names[parsed.hash] = name }
    }
    let cache = IndexCache(repository)
    var runs = cache.runs(covering: Set(names.keys))
    for digest in runs.flatMap(\.covers) { names[digest] = nil }
    let failed = try build(names.values.sorted(), repository, cache, &runs, isReading: salvage)
    runs = try cache.tidy(runs)
    guard !failed.isEmpty else { return BlobIndex(runs: runs, unusable: unusable) }
    problems += failed.map { ItemProblem(path: Array("index/\($0.0)".utf8), during: "reading the index", message: $0.1) }
    guard salvage else { return BlobIndex(runs: runs, unusable: unusable) }
    let known = BlobIndex(runs: runs, unusable: [])
    if let run = try salvaged(repository, known: known, problems: &problems) { runs.append(run) }
    return BlobIndex(runs: runs, unusable: unusable)
  }

  /// This index and what further deltas name.
  func adding(_ deltas: [String], repository: Repository) throws -> BlobIndex {
    let cache = IndexCache(repository)
    var runs = self.runs
    let failed = try Self.build(deltas, repository, cache, &runs)
    if let first = failed.first { throw CairnError(.damaged, "index/\(first.0) was just written and cannot be read: \(first.1)") }
    return BlobIndex(runs: try cache.tidy(runs), unusable: unusableNames)
  }

  /// Reads deltas into images of at most a quarter of the memory budget each; returns those that could not be read.
  ///
  /// - Parameter isReading: a delta that the storage cannot read counts as damaged. A writer would store everything again.
  private static func build(
    _ names: [String], _ repository: Repository, _ cache: IndexCache, _ runs: inout [IndexRun], isReading: Bool = false
  ) throws -> [(String, String)] {
    let limit = max(8 << 20, repository.options.memoryBytes / 4)
    var builder = IndexRunBuilder()
    var failed: [(String, String)] = []
    func flush() throws {
      guard !builder.isEmpty else { return }
      runs.append(try cache.store { try builder.write(repository: repository, emit: $0) })
      builder = IndexRunBuilder()
    }
    for name in names {
      do {
        let delta = try Records.delta(name, repository.storage, repository.keys)
        builder.add(delta.packs, digest: DeltaName(name)?.hash)
      } catch let error as CairnError where error.code == .damaged || (isReading && error.concernsOneObject) {
        failed.append((name, error.message))
      }
      if builder.byteCount > limit { try flush() }
    }
    try flush()
    return failed
  }

  /// Builds an image, in memory, of every pack that the index does not know, from the packs' own directories.
  private static func salvaged(_ repository: Repository, known: BlobIndex, problems: inout [ItemProblem]) throws -> IndexRun? {
    var identities = Set<PackName>()
    try known.forEachPack { identities.insert(PackName(hash: $0.hash, owner: $0.owner)) }
    var unknown: [(ObjectKey, UInt64)] = []
    try storageCall("listing the packs") {
      try repository.storage.list(.packs) { key, size in
        if let name = PackName(key.name), !identities.contains(name) { unknown.append((key, size)) }
      }
    }
    var builder = IndexRunBuilder()
    for (key, size) in unknown {
      do {
        builder.add([try PackFile.read(key, size: size, storage: repository.storage, keys: repository.keys, .damagedTrailer)], digest: nil)
      } catch let error as CairnError where error.concernsOneObject {
        problems.append(ItemProblem(path: Array(key.path.utf8), during: "reading its directory", message: error.message))
      }
    }
    guard !builder.isEmpty else { return nil }
    return try IndexRun.inMemory(repository) { try builder.write(repository: repository, emit: $0) }
  }
}
