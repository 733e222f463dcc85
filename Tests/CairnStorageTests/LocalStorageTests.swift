import CairnStorage
import CairnSystem
import CairnTestSupport
import Glibc
import Testing

import struct SystemPackage.Errno

@Suite(.timeLimit(.minutes(2))) struct LocalStorageTests {
  let directory = TemporaryDirectory()

  func create() throws -> LocalStorage {
    let storage = try LocalStorage.create(path: directory.path("repository"))
    for copy in ObjectKey.configCopies { try storage.put(copy, Array("configuration".utf8)) }
    return storage
  }

  @Test func whatIsMissingIsNoRepository() throws {
    try directory.write("file", [1])
    let folder = try directory.open()
    try FileSystem.makeNode(at: folder, name: Array("fifo".utf8), type: .fifo)
    try FileSystem.makeDirectory(at: folder, name: Array("empty".utf8))
    for name in ["missing", "missing/below", "file", "file/below", "fifo", "empty"] {
      let error = #expect(throws: StorageError.self) { try LocalStorage.open(path: directory.path(name)) }
      guard case .notARepository(let sentence) = error else {
        Issue.record("\(name): \(String(describing: error))")
        continue
      }
      #expect(sentence.contains(directory.string + "/" + name) && sentence.hasSuffix("."))
    }
    #expect(try folder.list().count == 3, "opening has created something")
  }

  @Test(arguments: ["config", "config.1", "config.2"]) func anyCopyOfTheConfigurationMakesARepository(_ name: String) throws {
    let storage = try create()
    for copy in ObjectKey.configCopies where copy.name != name { try storage.delete(copy) }
    _ = try LocalStorage.open(path: directory.path("repository"))
  }

  @Test func anObjectThatIsProtectedByItsFlagsIsRetained() throws {
    let storage = try create()
    let key = try #require(ObjectKey(kind: .snapshots, name: "ab"))
    #expect(!storage.retains(key), "what is not there is not kept")
    try storage.put(key, [1])
    #expect(!storage.retains(key))
    for path in ["repository/snapshots/ab", "repository/snapshots"] {
      for flag: UInt32 in [0x10, 0x20] {
        let file = try OpenFile.open(directory.path(path), [.read])
        // `try?`: only root may do this, and not on every file system.
        guard (try? file.setInodeFlags(flag)) != nil else { return }
        #expect(storage.retains(key), "\(path)")
        try file.setInodeFlags(0)
        #expect(!storage.retains(key), "\(path)")
      }
    }
  }

  @Test func theReserveIsGivenUpInPartsAndMadeAgain() throws {
    let storage = try create()
    func reserve() throws -> UInt64? {
      do throws(FileError) { return try FileSystem.status(at: storage.rootDirectory, name: Array("reserve".utf8)).size } catch {
        guard error.errno == .noSuchFileOrDirectory else { throw error }
        return nil
      }
    }
    storage.makeReserve()
    let whole = try #require(try reserve())
    #expect(try storage.releaseReserve(keeping: 100_000) && reserve() == 100_000)
    #expect(try !storage.releaseReserve(keeping: 100_000) && reserve() == 100_000)
    #expect(try !storage.releaseReserve(keeping: 200_000) && reserve() == 100_000)
    storage.makeReserve()
    #expect(try reserve() == whole)
    #expect(try storage.releaseReserve(keeping: 0) && reserve() == nil)
    #expect(try !storage.releaseReserve(keeping: 0) && reserve() == nil)
    #expect(try !storage.releaseReserve(keeping: 50_000) && reserve() == 50_000, "set aside for what follows")
    #expect(try storage.foreign(.config) == [])
  }

  @Test func creationMakesTheDirectoriesAbove() throws {
    let storage = try LocalStorage.create(path: directory.path("a/b//c/"))
    try storage.put(.config, [1])
    #expect(try LocalStorage.open(path: directory.path("a/b/c")).readAll(.config, limit: 9) == [1])
    #expect(try OpenFile.open(directory.path("a"), [.read]).status().mode == 0o700)
  }

  @Test func creationRefusesARepositoryAndStrangeContent() throws {
    _ = try create()
    #expect(throws: StorageError.alreadyExists(.config)) { try LocalStorage.create(path: directory.path("repository")) }
    try FileSystem.makeDirectory(at: try directory.open(), name: Array("home".utf8))
    try directory.write("home/letter.txt", [1])
    let error = #expect(throws: StorageError.self) { try LocalStorage.create(path: directory.path("home")) }
    guard case .denied(let sentence) = error else { throw try #require(error) }
    #expect(sentence.contains("letter.txt"))
    try directory.write("file", [1])
    #expect(throws: StorageError.self) { try LocalStorage.create(path: directory.path("file")) }
    #expect(throws: StorageError.self) { try LocalStorage.create(path: directory.path("file/below")) }
  }

  @Test func anInterruptedCreationIsResumed() throws {
    let first = try LocalStorage.create(path: directory.path("repository"))
    try first.put(try key(.keys, 1), [1])
    let second = try LocalStorage.create(path: directory.path("repository"))
    #expect(try second.readAll(try key(.keys, 1), limit: 1) == [1])
  }

  @Test func foreignFilesAreReportedAndNotListed() throws {
    let storage = try create()
    try storage.put(try key(.packs, 0x12), [1])
    try storage.put(try key(.keys, 1), [1])
    try directory.write("repository/README", [1])
    try directory.write("repository/keys/.hidden", [1])
    try directory.write("repository/keys/ABC", [1])
    try directory.write("repository/packs/aa", [1])
    try directory.write("repository/packs/00/11111111", [1])
    let keys = try OpenFile.open(directory.path("repository/keys"), [.read, .directory])
    try FileSystem.makeSymbolicLink(target: Array("00000001".utf8), at: keys, name: Array("00000002".utf8))
    try FileSystem.makeNode(at: keys, name: Array("00000003".utf8), type: .fifo)
    try FileSystem.makeDirectory(at: keys, name: Array("00000004".utf8))
    try FileSystem.makeDirectory(at: keys, name: [0xff, 0x0a])
    #expect(try storage.foreign(.config) == ["README"])
    #expect(try storage.foreign(.packs) == ["packs/00/11111111", "packs/aa"])
    let odd = ["keys/.hidden", "keys/00000002", "keys/00000003", "keys/00000004", "keys/ABC", "keys/\\xff\\n"]
    #expect(try storage.foreign(.keys) == odd)
    var listed: [ObjectKey] = []
    try storage.list(.keys) { key, _ in listed.append(key) }
    try storage.list(.packs) { key, _ in listed.append(key) }
    #expect(listed == [try key(.keys, 1), try key(.packs, 0x12)])
  }

  @Test func anObjectThatIsNoFileIsNotRead() throws {
    let storage = try create()
    try storage.put(try key(.keys, 1), [1])
    let keys = try OpenFile.open(directory.path("repository/keys"), [.read, .directory])
    try FileSystem.makeSymbolicLink(target: Array("00000001".utf8), at: keys, name: Array("00000002".utf8))
    try FileSystem.makeNode(at: keys, name: Array("00000003".utf8), type: .fifo)
    try FileSystem.makeDirectory(at: keys, name: Array("00000004".utf8))
    for number in 2...4 {
      let error = #expect(throws: StorageError.self) { try storage.readAll(try key(.keys, number), limit: 10) }
      guard case .io = error else { throw try #require(error) }
    }
  }

  @Test func aDirectoryReplacedByALinkIsNotWrittenThrough() throws {
    _ = try create()
    let root = try OpenFile.open(directory.path("repository"), [.read, .directory])
    try FileSystem.removeTree(at: root, name: Array("snapshots".utf8))
    try FileSystem.makeDirectory(at: try directory.open(), name: Array("elsewhere".utf8))
    try FileSystem.makeSymbolicLink(target: Array("../elsewhere".utf8), at: root, name: Array("snapshots".utf8))
    let storage = try LocalStorage.open(path: directory.path("repository"))
    #expect(throws: StorageError.self) { try storage.put(try key(.snapshots, 1), [1]) }
    #expect(try OpenFile.open(directory.path("elsewhere"), [.read, .directory]).list().isEmpty)
  }

  @Test func anObjectCutShortReadsShort() throws {
    let storage = try create()
    let pack = try key(.packs, 1)
    try storage.put(pack, [UInt8](repeating: 9, count: 1000))
    try OpenFile.open(directory.path("repository/" + pack.path), [.write]).truncate(to: 10)
    var buffer = [UInt8](repeating: 0, count: 100)
    #expect(try buffer.withUnsafeMutableBytes { try storage.read(pack, at: 0, into: $0) } == 10)
    #expect(throws: StorageError.truncated(pack)) { try buffer.withUnsafeMutableBytes { try storage.readExactly(pack, at: 0, into: $0) } }
    #expect(throws: StorageError.alreadyExists(pack)) { try storage.put(pack, [UInt8](repeating: 9, count: 1000)) }
  }

  @Test(arguments: [0o000, 0o077, 0o777] as [UInt32]) func everythingIsPrivateWhateverTheUmask(_ mask: UInt32) async throws {
    let path = directory.path("repository")
    await #expect(processExitsWith: .success) { [mask = mask as UInt32, path = path as [UInt8]] in
      umask(mask)
      let storage = try LocalStorage.create(path: path)
      for kind in ObjectKey.Kind.allCases where kind != .config { try storage.put(try key(kind, 1), [1]) }
      for copy in ObjectKey.configCopies { try storage.put(copy, [1]) }
      _ = try storage.putIfAbsent(try key(.log, 2), [1])
      let writer = try storage.beginObject(kind: .packs)
      try writer.finish(as: try key(.packs, 2))
    }
    var files = 0
    try walk(path) { status in
      if status.type == .regular { files += 1 }
      #expect(status.mode == (status.type == .directory ? 0o700 : 0o400))
    }
    #expect(files == 12)
  }

  @Test func nothingTemporaryIsLeft() throws {
    let storage = try create()
    try storage.put(.config, [1, 2])
    try storage.put(try key(.packs, 1), [1])
    #expect(try temporaries() == [])
  }

  @Test func abandonedTemporariesAreSweptAndLockedOnesKept() throws {
    _ = try create()
    let abandoned = String(repeating: "a", count: 32)
    let used = String(repeating: "b", count: 32)
    for name in [abandoned, used, "foreign"] { try directory.write("repository/tmp/" + name, [1]) }
    let lock = try OpenFile.open(directory.path("repository/tmp/" + used), [.read])
    #expect(lock.tryLockExclusive())
    let storage = try LocalStorage.open(path: directory.path("repository"))
    _ = try storage.readAll(.config, limit: 100)
    #expect(try temporaries() == [abandoned, used, "foreign"], "reading has changed something")
    try storage.put(try key(.packs, 1), [1])
    #expect(try temporaries() == [used, "foreign"])
    withExtendedLifetime(lock) {}
  }

  @Test func copiesAreAskedForWhereABadBlockWouldCostEverything() throws {
    let storage = try create()
    #expect(storage.copies(of: .config) == 3)
    #expect(storage.copies(of: try key(.keys, 1)) == 3)
    #expect(storage.copies(of: try key(.packs, 1)) == 1)
  }

  @Test func readingChangesNothing() throws {
    let storage = try create()
    try storage.put(try key(.packs, 1), [1, 2, 3])
    try storage.flush()
    func state() throws -> [FileStatus] {
      var all: [FileStatus] = []
      try walk(directory.path("repository")) { all.append($0) }
      return all
    }
    let before = try state()
    let reader = try LocalStorage.open(path: directory.path("repository"))
    _ = try reader.readAll(try key(.packs, 1), limit: 10)
    for kind in ObjectKey.Kind.allCases {
      try reader.list(kind) { _, _ in }
      _ = try reader.foreign(kind)
    }
    try reader.flush()
    #expect(try state() == before)
  }

  @Test(.enabled(if: geteuid() == 0, "mounting needs root")) func aFullAndAReadOnlyFileSystemAreReadAndSaid() async throws {
    let path = directory.path("mount")
    try FileSystem.makeDirectory(at: try directory.open(), name: Array("mount".utf8))
    await #expect(processExitsWith: .success) { [path = path as [UInt8]] in
      let mount = String(decoding: path, as: UTF8.self)
      try enterPrivateMounts()
      try run("mount -t tmpfs -o size=2m,mode=700 cairn-test '\(mount)'")
      let storage = try LocalStorage.create(path: path)
      try storage.put(.config, [1])
      var stored = 0
      let full = #expect(throws: StorageError.self) {
        for number in 0..<100 {
          try storage.put(try key(.packs, number), [UInt8](repeating: 1, count: 100_000))
          stored += 1
        }
      }
      guard case .noSpace(let sentence) = full else { throw try #require(full) }
      #expect(sentence.contains("No space left"))
      try fill(path + Array("/filler".utf8))
      var listed = 0
      try LocalStorage.open(path: path).list(.packs) { key, size in
        listed += 1
        let content = try storage.readAll(key, limit: 1 << 20)
        #expect(size == 100_000 && content.count == 100_000)
      }
      #expect(listed == stored)
      try run("mount -o remount,ro '\(mount)'")
      let reader = try LocalStorage.open(path: path)
      try reader.list(.packs) { key, _ in
        let content = try reader.readAll(key, limit: 1 << 20)
        #expect(content.count == 100_000)
      }
      try reader.flush()
      let refused = #expect(throws: StorageError.self) { try reader.put(try key(.index, 1), [1]) }
      guard case .readOnly = refused else { throw try #require(refused) }
    }
  }

  private func temporaries() throws -> [String] {
    guard let folder = try? OpenFile.open(directory.path("repository/tmp"), [.read, .directory]) else { return [] }
    let listing = try folder.list()
    return (0..<listing.count).map { String(decoding: listing.name($0), as: UTF8.self) }
  }
}

/// Every entry of a tree, itself included, in name order.
func walk(_ path: [UInt8], _ body: (FileStatus) throws -> Void) throws {
  let file = try OpenFile.open(path, [.read, .noFollow, .noAccessTime])
  let status = try file.status()
  try body(status)
  guard status.type == .directory else { return }
  let listing = try file.list()
  for index in 0..<listing.count { try walk(path + [0x2f] + listing.name(index), body) }
}

/// Mounts made from here on are seen by this thread and its children only.
private func enterPrivateMounts() throws {
  typealias Unshare = @convention(c) (CInt) -> CInt
  let symbol = try #require(dlsym(nil, "unshare"))
  try #require(unsafeBitCast(symbol, to: Unshare.self)(0x0002_0000) == 0)
  try run("mount --make-rprivate /")
}

/// Writes until the last byte of the file system is taken.
private func fill(_ path: [UInt8]) throws {
  let file = try OpenFile.open(path, [.write, .create])
  let block = [UInt8](repeating: 1, count: 4096)
  while (try? block.withUnsafeBytes { try file.write($0) }) != nil {}
}

private func run(_ command: String) throws {
  try #require(try ChildProcess.spawn(.shell(command), captureStandardOutput: false).wait() == .exited(0), "\(command)")
}
