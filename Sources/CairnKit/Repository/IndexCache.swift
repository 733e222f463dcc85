import CairnFormat
import CairnStorage
import CairnSystem
import SystemPackage

/// The images of the index that are kept between runs, one folder a repository.
///
/// Deletable at any time. Files are written under another name and renamed; one that is damaged, of another repository or
/// about deltas that no longer count is removed. Every failure to write means an image in memory instead, never an error.
struct IndexCache {
  private let repository: Repository
  private let directory: OpenFile?

  init(_ repository: Repository) {
    self.repository = repository
    directory = Self.open(repository)
  }

  /// The key of the page codes: a cache made with other keys is not believed.
  static func key(_ repository: Repository) -> SecretBytes { repository.keys.derivedKey(.index, "cairn-cache", repository.id.bytes) }

  private static func open(_ repository: Repository) -> OpenFile? {
    guard let path = repository.options.cacheDirectory else { return nil }
    // Any failure here means that there is no cache.
    return try? FileSystem.makeDirectories(path + Array("/\(repository.idHex)/index".utf8))
  }

  // MARK: - Reading

  /// The images whose deltas all count and that do not overlap, largest first. Others are removed.
  func runs(covering wanted: Set<ObjectHash>) -> [IndexRun] {
    // A cache that cannot be listed is an empty one.
    guard let directory, let listing = try? directory.list() else { return [] }
    var found: [IndexRun] = []
    for number in 0..<listing.count {
      let name = listing.name(number)
      if name.suffix(4) == Array(".tmp".utf8)[...] { sweep(name) }
      guard name.count == 20, name.suffix(4) == Array(".run".utf8)[...] else { continue }
      if let run = open(name) { found.append(run) } else { remove(name) }
    }
    var covered = Set<ObjectHash>()
    return found.sorted { $0.image.entryCount > $1.image.entryCount }.filter { run in
      guard run.covers.allSatisfy({ wanted.contains($0) && !covered.contains($0) }), !run.covers.isEmpty else {
        run.fileName.map(remove)
        return false
      }
      covered.formUnion(run.covers)
      return true
    }
  }

  private func open(_ name: [UInt8]) -> IndexRun? {
    guard let directory,
      // Anything that does not open as an image is made again.
      let file = try? OpenFile.open(name, at: directory, [.read, .noFollow, .nonBlock]),
      let map = try? MappedFile.map(file)
    else { return nil }
    map.advise(.random)
    let discard: @Sendable () -> Void = { try? FileSystem.unlink(at: directory, name: name) }  // best effort, see `remove`
    return try? IndexRun(.mapped(map), fileName: name, repository: repository, discard: discard)  // as above
  }

  /// Removes what a run that was killed left half-written; one that still writes holds a lock.
  private func sweep(_ name: [UInt8]) {
    // Gone meanwhile, or somebody else's: nothing to do.
    guard let directory, let file = try? OpenFile.open(name, at: directory, [.read, .noFollow, .nonBlock]), file.tryLockExclusive() else {
      return
    }
    remove(name)
  }

  private func remove(_ name: [UInt8]) {
    guard let directory else { return }
    try? FileSystem.unlink(at: directory, name: name)  // what stays is looked at and removed again next time
  }

  // MARK: - Writing

  /// Stores an image that `write` produces, in the cache if possible, else in memory.
  func store(_ write: (@escaping (UnsafeRawBufferPointer) throws -> Void) throws -> Void) throws -> IndexRun {
    try storeInFile(write) ?? IndexRun.inMemory(repository, write)
  }

  private func storeInFile(_ write: (@escaping (UnsafeRawBufferPointer) throws -> Void) throws -> Void) throws -> IndexRun? {
    guard let directory else { return nil }
    let base = Array(Hexadecimal.encode(SystemRandom.bytes(8)).utf8)
    let (temporary, final) = (base + Array(".tmp".utf8), base + Array(".run".utf8))
    do {
      let file = try OpenFile.open(temporary, at: directory, [.read, .write, .create, .exclusive, .noFollow], mode: 0o600)
      _ = file.tryLockExclusive()  // held until it has its name: `sweep` leaves it alone
      try write { try file.write($0) }
      let map = try MappedFile.map(file)
      map.advise(.random)
      let run = try IndexRun(.mapped(map), fileName: final, repository: repository)
      try FileSystem.rename(from: directory, fromName: temporary, to: directory, toName: final, replace: true)
      return run
    } catch is FileError {
      remove(temporary)
      return nil
    } catch is FormatError {
      remove(temporary)
      return nil
    } catch {
      remove(temporary)
      throw error
    }
  }

  /// Merges images of like size, so that there are about log₄ of them; returns all that are left, largest first.
  ///
  /// Where the cache takes no more they stay as they are: a merged one in memory could be as large as the whole index.
  func tidy(_ runs: [IndexRun]) throws -> [IndexRun] {
    var sorted = runs.sorted { $0.image.entryCount > $1.image.entryCount }
    while sorted.count > 1 {
      let (smaller, larger) = (sorted[sorted.count - 1], sorted[sorted.count - 2])
      guard larger.image.entryCount < 4 * max(smaller.image.entryCount, 4096) || sorted.count > 8 else { break }
      let repository = self.repository
      do {
        let write = { try IndexRunBuilder.merge([larger, smaller], repository: repository, emit: $0) }
        guard let merged = try directory == nil ? IndexRun.inMemory(repository, write) : storeInFile(write) else { break }
        for name in [larger.fileName, smaller.fileName] { name.map(remove) }
        sorted.removeLast(2)
        sorted.append(merged)
        sorted.sort { $0.image.entryCount > $1.image.entryCount }
      } catch is FormatError {
        // A page that turned bad: leave the images to `guarded`, which says so when it is touched.
        break
      }
    }
    return sorted
  }
}
