import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Glibc
import Testing

@testable import CairnKit

/// What the source may hold, and what may happen to it while it is read.
@Suite struct BackupSourceTests {
  // MARK: - Types and names

  @Test func linksFifosSocketsAndDevicesAreNodes() throws {
    let f = try BackupFixture()
    let folder = try f.source.open()
    try FileSystem.makeSymbolicLink(target: [0xff, 0x0a, 0x2f], at: folder, name: Array("link".utf8))
    try FileSystem.makeNode(at: folder, name: Array("fifo".utf8), type: .fifo, mode: 0o640)
    try FileSystem.makeNode(at: folder, name: Array("socket".utf8), type: .socket, mode: 0o600)
    let isRoot = Host.userID == 0
    if isRoot {
      try FileSystem.makeNode(at: folder, name: Array("device".utf8), type: .characterDevice, mode: 0o600, major: 511, minor: 1_048_575)
    }
    let nodes = try f.nodes(f.snapshot())
    #expect(nodes["/link"]?.linkTarget == [0xff, 0x0a, 0x2f])
    #expect(nodes["/link"]?.size == 3)
    #expect((nodes["/fifo"]?.type, nodes["/fifo"]?.mode) == (.fifo, 0o640))
    #expect(nodes["/socket"]?.type == .socket)
    if isRoot { #expect((nodes["/device"]?.rdevMajor, nodes["/device"]?.rdevMinor) == (511, 1_048_575)) }
    let second = try f.backup()
    #expect((second.statistics.others, second.statistics.directoriesUnchanged) == (isRoot ? 4 : 3, 1))
  }

  @Test func namesAreBytes() throws {
    let f = try BackupFixture()
    let names: [[UInt8]] = [
      [0xff, 0xfe], [0xc0, 0xaf], Array("a\nb\u{1b}[31m".utf8), Array("-rf".utf8), Array(" *?[a]".utf8),
      [UInt8](repeating: 0x78, count: 255),
    ]
    for name in names { _ = try OpenFile.open(f.source.path + [0x2f] + name, [.write, .create]) }
    let snapshot = try f.snapshot()
    var cursor = try f.repository.loadView().trees.cursor(snapshot.manifest.root)
    var found: [[UInt8]] = []
    while let node = try cursor.next() { found.append(node.name) }
    #expect(found == names.sorted { $0.lexicographicallyPrecedes($1) })
  }

  @Test func attributesOfFilesDirectoriesAndLinksAreStored() throws {
    let f = try BackupFixture()
    try f.write("file", "x")
    try f.mkdir("dir")
    let file = try OpenFile.open(f.source.path("file"), .write)
    guard (try? file.setExtendedAttribute(name: Array("user.a".utf8), value: [0, 255])) != nil else { return }  // a file system without
    try OpenFile.open(f.source.path("dir"), [.read, .directory]).setExtendedAttribute(name: Array("user.d".utf8), value: [])
    let first = try f.nodes(f.snapshot())
    #expect(first["/file"]?.extendedAttributes == [NodeAttribute(name: Array("user.a".utf8), value: [0, 255])])
    #expect(first["/dir"]?.extendedAttributes.map(\.name) == [Array("user.d".utf8)])
    try file.setExtendedAttribute(name: Array("user.b".utf8), value: [1])
    #expect(try f.nodes(f.snapshot())["/file"]?.extendedAttributes.count == 2)
  }

  @Test func aTreeDeeperThanPathMaxIsStoredWhole() throws {
    let f = try BackupFixture()
    var directory = try f.source.open()
    let name = [UInt8](repeating: 0x6e, count: 20)
    for level in 0..<1200 {
      try FileSystem.makeDirectory(at: directory, name: name)
      let next = try OpenFile.open(name, at: directory, [.read, .directory])
      if level % 100 == 50 {
        // Sorts behind the directory: the walk has to come back to one that was closed meanwhile.
        _ = try OpenFile.open(Array("z-after".utf8), at: directory, [.write, .create])
      }
      directory = next
    }
    let first = try f.backup()
    #expect(first.statistics.directoriesNew == 1201)
    #expect(first.statistics.filesNew == 12)
    #expect(f.sink.problems.isEmpty)
    let second = try f.backup()
    #expect(second.statistics.directoriesUnchanged == 1201)
    #expect(second.snapshot?.manifest.root == first.snapshot?.manifest.root)
  }

  // MARK: - Content

  @Test func holesAreNotRead() throws {
    let f = try BackupFixture()
    let file = try OpenFile.open(f.source.path("sparse"), [.write, .create])
    try file.truncate(to: 1 << 30)
    var random = SplitMix64(seed: 9)
    let island = random.bytes(100_000)
    try island.withUnsafeBytes { try file.write($0, at: 512 << 20) }
    let report = try f.backup()
    guard let snapshot = report.snapshot, let node = try f.nodes(snapshot)["/sparse"], case .items(let items) = node.content else {
      throw BackupFixture.Missing(what: "sparse content")
    }
    #expect(node.size == 1 << 30)
    #expect(items.reduce(0) { $0 + $1.length } == 1 << 30)
    guard report.statistics.bytesRead < 1 << 30 else { return }  // a file system without holes
    #expect(report.statistics.bytesRead <= 1 << 20)
    #expect(items.first == ContentItem(length: 512 << 20, id: nil))
    #expect(items.last?.id == nil)
  }

  /// Each run of data is read behind or beside chunks that are still on their way to other workers.
  @Test(arguments: [1, 2, 8]) func everyIslandOfASparseFileComesBack(threads: Int) throws {
    let f = try BackupFixture()
    let file = try OpenFile.open(f.source.path("islands"), [.read, .write, .create])
    try file.truncate(to: 96 << 20)
    var random = SplitMix64(seed: 11)
    for island in 0..<90 {
      let bytes = random.bytes(1 + island * 9000)
      try bytes.withUnsafeBytes { try file.write($0, at: UInt64(island) << 20) }
    }
    let snapshot = try f.snapshot(threads: threads)
    guard let node = try f.nodes(snapshot)["/islands"] else { throw BackupFixture.Missing(what: "islands") }
    var expected = [UInt8](repeating: 0, count: 96 << 20)
    _ = try expected.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    let got = try f.content(node)
    let isSame = got == expected  // outside of #expect, which would print both
    #expect(isSame)
  }

  @Test func aBigFileIsSpreadOverWorkersAndComesBack() throws {
    let f = try BackupFixture()
    var random = SplitMix64(seed: 10)
    let bytes = random.bytes(40 << 20)
    try f.source.write("big", bytes)
    let snapshot = try f.snapshot(threads: 4)
    guard let node = try f.nodes(snapshot)["/big"], case .list = node.content else { throw BackupFixture.Missing(what: "list") }
    #expect(try f.content(node) == bytes)
  }

  @Test func filesWhoseSizeLiesAreReadToTheEnd() throws {
    let f = try BackupFixture()
    let snapshot = try f.snapshot { $0.sources = [Array("/proc/sys/kernel/ostype".utf8), Array("/proc/version".utf8)] }
    #expect(f.sink.problems.isEmpty)
    #expect(try f.content("/proc/sys/kernel/ostype", snapshot) == Array("Linux\n".utf8))
    #expect(try f.content("/proc/version", snapshot).starts(with: Array("Linux version".utf8)))
  }

  @Test func aFileWithSeveralNamesIsReadOnce() throws {
    let f = try BackupFixture()
    try f.mkdir("d")
    var random = SplitMix64(seed: 11)
    try f.source.write("one", random.bytes(100_000))
    let folder = try f.source.open()
    let below = try OpenFile.open(f.source.path("d"), [.read, .directory])
    for number in 0..<20 { try FileSystem.link(from: folder, fromName: Array("one".utf8), to: below, toName: Array("n\(number)".utf8)) }
    let report = try f.backup()
    guard let snapshot = report.snapshot else { throw BackupFixture.Missing(what: "snapshot") }
    let nodes = try f.nodes(snapshot)
    #expect(report.statistics.bytesRead == 100_000)
    #expect(report.statistics.bytesProcessed == 21 * 100_000)
    #expect(Set(nodes.values.filter { $0.type == .file }.map(\.content)).count == 1)
    #expect(nodes["/one"]?.links == 21)
    #expect(nodes["/d/n7"]?.inode == nodes["/one"]?.inode)
    #expect(nodes["/d/n7"]?.device == nodes["/one"]?.device)
  }

  // MARK: - Races

  @Test(arguments: [BackupPoint.examined, .opened, .read])
  func aFileThatVanishesIsLeftOutOrStoredButNeverAProblem(_ point: BackupPoint) throws {
    let f = try BackupFixture()
    try f.write("victim", "content")
    try f.write("other", "stays")
    let path = f.source.path("victim")
    let nodes = try f.nodes(f.snapshot { $0.hooks = ActingHooks(point: point, suffix: "/victim", act: { unlinkPath(path) }) })
    #expect(nodes["/other"] != nil)
    #expect((nodes["/victim"] == nil) == (point == .examined))
    #expect(f.sink.problems.isEmpty)
  }

  @Test func aFileThatBecomesALinkIsNotFollowed() throws {
    let f = try BackupFixture()
    try f.write("victim", "harmless")
    try f.write("secret", "the secret")
    let path = f.source.path("victim")
    let target = f.source.path("secret")
    let hooks = ActingHooks(point: .examined, suffix: "/victim") {
      unlinkPath(path)
      _ = (target + [0]).withUnsafeBufferPointer { target in
        (path + [0]).withUnsafeBufferPointer { path in
          symlink(String(decoding: target.dropLast(), as: UTF8.self), String(decoding: path.dropLast(), as: UTF8.self))
        }
      }
    }
    let nodes = try f.nodes(f.snapshot { $0.hooks = hooks })
    #expect(nodes["/victim"]?.type == .symbolicLink)
    #expect(nodes["/victim"]?.content == Content.none)
  }

  @Test func aFileThatBecomesAFifoDoesNotStopTheRun() throws {
    let f = try BackupFixture()
    try f.write("victim", "harmless")
    let path = f.source.path("victim")
    let hooks = ActingHooks(point: .examined, suffix: "/victim") {
      unlinkPath(path)
      _ = mkfifo(String(decoding: path, as: UTF8.self), 0o600)
    }
    #expect(try f.nodes(f.snapshot { $0.hooks = hooks })["/victim"]?.type == .fifo)
  }

  @Test func aFileThatChangesOnceIsReadAgain() throws {
    let f = try BackupFixture()
    try f.write("victim", "first")
    let source = f.source
    let once = Cancellation()
    let hooks = ActingHooks(point: .read, suffix: "/victim") {
      guard !once.isCancelled else { return }
      once.cancel()
      try? source.write("victim", Array("second".utf8))  // the outcome is what is tested
    }
    let snapshot = try f.snapshot { $0.hooks = hooks }
    #expect(try f.content("/victim", snapshot) == Array("second".utf8))
    #expect(try f.nodes(snapshot)["/victim"]?.flags == [])
  }

  @Test func aFileThatChangesAfterItWasFoundUnchangedIsRead() throws {
    let f = try BackupFixture()
    try f.write("victim", "first")
    _ = try f.snapshot()
    try OpenFile.open(f.source.path("victim"), .write).setMode(0o600)
    let source = f.source
    let hooks = ActingHooks(point: .examined, suffix: "/victim") {
      try? source.write("victim", Array("another content".utf8))  // the outcome is what is tested
    }
    let snapshot = try f.snapshot { $0.hooks = hooks }
    #expect(try f.content("/victim", snapshot) == Array("another content".utf8))
    #expect(try f.nodes(snapshot)["/victim"]?.size == 15)
  }

  @Test func aFileThatKeepsChangingIsMarkedAndReadAgainNextTime() throws {
    let f = try BackupFixture()
    try f.write("victim", "x")
    let path = f.source.path("victim")
    let hooks = ActingHooks(point: .read, suffix: "/victim") {
      guard let file = try? OpenFile.open(path, [.write, .append]) else { return }  // the outcome is what is tested
      try? [UInt8](repeating: 0x79, count: 10).withUnsafeBytes { try file.write($0) }
    }
    let snapshot = try f.snapshot { $0.hooks = hooks }
    #expect(try f.nodes(snapshot)["/victim"]?.flags == [.changedWhileRead])
    #expect(f.sink.problems.isEmpty)
    #expect(f.sink.messages.contains { $0.contains("victim") })
    #expect(try f.backup().statistics.bytesRead == 21)
  }

  // MARK: - Sources

  @Test func sparseFilesWithoutEndStopNoCount() {
    var node = Node(name: Array("sparse".utf8), type: .file)
    node.size = UInt64(Int64.max)
    var tally = Tally()
    let counter = Counter()
    for _ in 0..<3 {
      _ = tally.count(node, base: nil)
      counter.add(node.size)
    }
    var sum = Tally()
    for _ in 0..<2 { sum.add(tally) }
    #expect((sum.filesNew, sum.bytesProcessed) == (6, .max))
  }

  @Test func absoluteSourcesHaveTheirParents() throws {
    let f = try BackupFixture()
    try f.mkdir("in")
    try f.write("in/file", "x")
    try f.write("beside", "y")
    let source = f.source.path("in")
    let snapshot = try f.snapshot { $0.sources = [source] }
    let nodes = try f.nodes(snapshot)
    let prefix = f.source.string
    #expect(nodes[prefix + "/in/file"] != nil)
    #expect(nodes[prefix + "/beside"] == nil)
    #expect(nodes[prefix]?.flags == [.partialDirectory])
    #expect(nodes[prefix]?.mode == 0o700)
    #expect(nodes[prefix + "/in"]?.flags == [])
    #expect(snapshot.manifest.paths == [source])
    let second = try f.backup { $0.sources = [source] }
    #expect(second.kind == .incremental)
    // Not the whole: the directories above belong to others, who may change them meanwhile.
    #expect(try f.nodes(try #require(second.snapshot))[prefix] == nodes[prefix])
  }

  @Test func aMissingSourceIsAProblemAndTheRestIsStored() throws {
    let f = try BackupFixture()
    try f.write("good", "x")
    let report = try f.backup { $0.sources = [Array("good".utf8), Array("missing".utf8)] }
    #expect(report.problems == 1)
    #expect(report.snapshot?.manifest.flags.contains(.incomplete) == true)
    #expect(f.sink.problems.first?.contains("missing") == true)
    do {
      _ = try f.backup { $0.sources = [Array("missing".utf8)] }
      Issue.record("a backup of nothing was made")
    } catch let error as CairnError { #expect(error.code == .sourceMissing) }
    #expect(try f.repository.snapshots().snapshots.count == 1)
  }

  @Test func sourcesThatAreAllExcludedAreAnError() throws {
    let f = try BackupFixture()
    try f.mkdir("d")
    do {
      _ = try f.backup {
        $0.sources = [Array("d".utf8)]
        $0.excludes.patterns = ["d"]
      }
      Issue.record("an empty backup was made")
    } catch let error as CairnError { #expect(error.code == .sourceMissing) }
  }

  @Test func anEmptyDirectoryIsAFineSource() throws {
    let f = try BackupFixture()
    #expect(try f.nodes(f.snapshot()).isEmpty)
  }

  @Test func excludesLeaveOutWhatTheyName() throws {
    let f = try BackupFixture()
    for directory in ["keep", "cache/deep", "tagged/sub", "git/build", "git/src"] { try f.mkdir(directory) }
    for name in [
      "keep/a.tmp", "keep/a.txt", "keep/B.TMP", "cache/x", "cache/deep/y", "tagged/x", "tagged/sub/y", "git/build/o", "git/src/a.o",
      "git/src/a.c",
    ] {
      try f.write(name, "content")
    }
    try f.write("cache/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n# more")
    try f.write("keep/CACHEDIR.TAG", "not the signature")
    try f.write("tagged/.nobackup", "")
    try f.write("git/.gitignore", "build/\n*.o\n")
    try f.write("big", String(repeating: "x", count: 2000))
    try f.write("patterns", "# comment\n\n/nowhere\ngone*\n")
    try f.write("gone1", "")
    let list = f.source.path("patterns")
    let nodes = try f.nodes(
      f.snapshot {
        $0.excludes.patterns = ["*.tmp"]
        $0.excludes.files = [list]
        $0.excludes.caseInsensitivePatterns = ["b.tmp"]
        $0.excludes.caches = true
        $0.excludes.ifPresent = [".nobackup"]
        $0.excludes.largerThan = 1999
        $0.ignoreFiles = [".gitignore"]
      })
    #expect(
      nodes.keys.sorted() == [
        "/cache", "/cache/CACHEDIR.TAG", "/git", "/git/.gitignore", "/git/src", "/git/src/a.c", "/keep", "/keep/CACHEDIR.TAG",
        "/keep/a.txt",
        "/patterns", "/tagged", "/tagged/.nobackup",
      ])
    #expect(f.sink.problems.isEmpty)
  }

  @Test func theRepositoryInsideTheSourceIsLeftOut() throws {
    let source = TemporaryDirectory()
    try source.write("file", [1])
    let repository = try TestRepository.create(LocalStorage.create(path: source.path("repo")))
    let sink = RecordingSink()
    var options = BackupOptions()
    options.sources = [source.path]
    let report = try repository.backup(options, context: RunContext(sink: sink))
    #expect((report.statistics.filesNew, report.problems) == (1, 0))
    #expect(sink.messages.contains { $0.contains("repository itself") })
  }

  @Test func standardInputBecomesOneFile() throws {
    let f = try BackupFixture()
    var random = SplitMix64(seed: 12)
    let bytes = random.bytes(3_000_000)
    try f.source.write("data", bytes)
    let file = try OpenFile.open(f.source.path("data"), .read)
    let snapshot = try f.snapshot {
      $0.sources = []
      $0.standardInput = .init(name: Array("dir/piped".utf8), origin: .descriptor(file.descriptor))
    }
    #expect(try f.content("/dir/piped", snapshot) == bytes)
    let command = try f.snapshot {
      $0.sources = []
      $0.standardInput = .init(name: Array("out".utf8), origin: .command(["sh", "-c", "printf hello"]))
    }
    #expect(try f.content("/out", command) == Array("hello".utf8))
  }

  @Test func aCommandThatFailsMakesNoSnapshot() throws {
    let f = try BackupFixture()
    for command in [["sh", "-c", "printf half; exit 4"], ["/nonexistent/program"]] {
      #expect(throws: CairnError.self) {
        try f.backup {
          $0.sources = []
          $0.standardInput = .init(name: Array("out".utf8), origin: .command(command))
        }
      }
    }
    #expect(try f.repository.snapshots().snapshots.isEmpty)
  }

  @Test func aFailingRepositoryEndsTheRun() throws {
    let source = TemporaryDirectory()
    var random = SplitMix64(seed: 13)
    for number in 0..<50 { try source.write("f\(number)", random.bytes(200_000)) }
    let storage = FaultyStorage(MemoryStorage())
    let repository = try TestRepository.create(storage)
    storage.plan { call, _ in call == .begin ? .refuse(.noSpace("The disk is full")) : nil }
    var options = BackupOptions()
    options.sources = [source.path]
    #expect(throws: CairnError.self) { try repository.backup(options, context: RunContext(threads: 4)) }
  }
}

private func unlinkPath(_ path: [UInt8]) { _ = unlink(String(decoding: path, as: UTF8.self)) }
