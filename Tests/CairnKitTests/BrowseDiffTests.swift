import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

@Suite struct BrowseDiffTests {
  /// Each entry as "sign path", or "sign path ?" where the content rotted.
  private func diff(
    _ old: [String: SampleNode], _ new: [String: SampleNode], metadata: Bool = false, recorded: [(String, NodeFlags)]? = nil
  ) throws -> ([String], DiffStatistics) {
    let repository = try TestRepository.create()
    let store = SampleStore(repository: repository)
    let a = try store.snapshot(old, time: 1)
    let b = try store.snapshot(new, time: 2, base: recorded == nil ? nil : a, deltaRoot: recorded)
    var options = DiffOptions()
    options.metadata = metadata
    var lines: [String] = []
    let statistics = try repository.loadView().diff((a, []), (b, []), options: options) { entry in
      let sign: String
      switch entry.change {
      case .added: sign = "+"
      case .removed: sign = "-"
      case .modified: sign = entry.isSuspicious ? "M?" : "M"
      case .metadata: sign = "U"
      case .typeChanged: sign = "T"
      }
      lines.append("\(sign) \(text(entry.path))")
    }
    return (lines, statistics)
  }

  @Test func equalTreesHaveNoDifferences() throws {
    let (lines, statistics) = try diff(BrowseTests.tree, BrowseTests.tree, metadata: true)
    #expect(lines.isEmpty && statistics == DiffStatistics())
  }

  @Test func everyKindOfChangeIsReportedInTheOrderOfPaths() throws {
    let old: [String: SampleNode] = [
      "changed": .touched(.file([1]), 1), "gone": .directory(["x": .file([2]), "y": .directory([:])]), "link": .link("a"),
      "rot": .file([3]),
      "same": .noise(1, 30_000), "touched": .touched(.file([5]), 1), "type": .file([6]),
      "dir": .directory(["in": .file([7]), "kept": .file([8])]),
    ]
    let new: [String: SampleNode] = [
      "changed": .touched(.file([1, 1]), 2), "link": .link("b"), "rot": .file([4]), "same": .noise(1, 30_000),
      "touched": .touched(.file([5]), 2),
      "type": .directory(["new": .file([9])]), "dir": .directory(["kept": .file([8]), "more": .file([10])]), "added": .file([11]),
    ]
    let (lines, statistics) = try diff(old, new)
    let expected = [
      "+ /added", "M /changed", "- /dir/in", "+ /dir/more", "- /gone", "- /gone/x", "- /gone/y", "M /link", "M? /rot", "T /type",
      "+ /type/new",
    ]
    #expect(lines == expected)
    #expect(try diff(old, new, metadata: true).0 == Array(expected[..<9]) + ["U /touched"] + Array(expected[9...]))
    #expect(statistics.changedFiles == 2)
    #expect(statistics.added.files == 3 && statistics.added.directories == 1 && statistics.added.others == 0)
    #expect(statistics.removed.files == 3 && statistics.removed.directories == 2)
    // Two changed files, one added at the root and two in directories; the nodes of the root, of dir and of type.
    #expect(statistics.added.dataBlobs == 5 && statistics.added.treeBlobs == 3)
    #expect(statistics.removed.dataBlobs == 5)
  }

  @Test(arguments: [1, 40, 3000])
  func oneChangeInABigDirectoryIsFound(_ step: Int) throws {
    var old: [String: SampleNode] = [:]
    for number in 0..<6000 { old["entry \(1_000_000 + number)"] = .link("x") }
    var new = old
    var expected: [String] = []
    for number in stride(from: 0, to: 6000, by: 2 * step) {
      let name = "entry \(1_000_000 + number)"
      switch number / step % 3 {
      case 0:
        new[name] = .link("y")
        expected.append("M /\(name)")
      case 1:
        new[name] = nil
        expected.append("- /\(name)")
      default:
        new[name + "b"] = .link("z")
        expected.append("+ /\(name)b")
      }
    }
    #expect(try diff(old, new).0 == expected.sorted { $0.dropFirst(2) < $1.dropFirst(2) })
  }

  @Test func sharedPartsOfABigDirectoryAreNotRead() throws {
    let repository = try TestRepository.create()
    var tree: [String: SampleNode] = [:]
    for number in 0..<6000 { tree["entry \(1_000_000 + number)"] = .link("x") }
    let a = try SampleStore(repository: repository).snapshot(tree, time: 1)
    tree["entry 1003000"] = .link("y")
    let b = try SampleStore(repository: repository).snapshot(tree, time: 2)
    let view = try repository.loadView()
    var opened = 0
    var merge = DirectoryMerge(
      old: SpanCursor(view.trees, root: a.manifest.root) { _ in opened += 1 },
      new: SpanCursor(view.trees, root: b.manifest.root) { _ in opened += 1 })
    var changed = 0
    while let pair = try merge.next() { if pair.old != pair.new { changed += 1 } }
    #expect(changed == 1 && opened <= 6)
  }

  @Test func recordedDifferencesAreUsed() throws {
    let old: [String: SampleNode] = ["a": .file([1]), "b": .file([2]), "c": .file([3])]
    let new: [String: SampleNode] = ["a": .file([9]), "b": .file([8]), "d": .file([4])]
    // The record leaves b out, which shows that it is what is followed.
    let recorded: [(String, NodeFlags)] = [("a", .deltaChanged), ("c", .deltaRemoved), ("d", .deltaAdded)]
    #expect(try diff(old, new, recorded: recorded).0 == ["M? /a", "- /c", "+ /d"])
    #expect(try diff(old, new).0 == ["M? /a", "M? /b", "- /c", "+ /d"])
  }

  @Test func subdirectoriesAndFilesAreComparedUnderTheirPaths() throws {
    let repository = try TestRepository.create()
    let store = SampleStore(repository: repository)
    let a = try store.snapshot(["old": .directory(["f": .file([1]), "g": .file([2])])], time: 1)
    let b = try store.snapshot(["new": .directory(["f": .file([3]), "g": .file([2])])], time: 2)
    let view = try repository.loadView()
    var lines: [String] = []
    _ = try view.diff((a, components("old")), (b, components("new"))) { lines.append(text($0.path)) }
    #expect(lines == ["/f"])
    lines = []
    _ = try view.diff((a, components("old/f")), (b, components("new/f"))) { lines.append(text($0.path)) }
    #expect(lines == ["/f"])
    #expect(throws: CairnError.self) { try view.diff((a, components("old")), (b, components("new/f"))) { _ in } }
    #expect(throws: CairnError.self) { try view.diff((a, components("none")), (b, [])) { _ in } }
  }

  @Test func aDirectoryThatCannotBeReadIsCountedAndTheRestCompared() throws {
    let storage = MemoryStorage()
    let repository = try TestRepository.create(storage, groupBytes: 0)
    let store = SampleStore(repository: repository)
    let a = try store.snapshot(["a": .directory(["f": .file([1])]), "b": .file([2])], time: 1)
    let b = try store.snapshot(["a": .directory(["f": .file([3])]), "b": .file([4])], time: 2)
    let view = try repository.loadView()
    let tree = try #require(try view.node(at: components("a"), in: b).subtree)
    let frame = try #require(try view.index.locate(tree.key)).frame
    storage.contents[try frame.pack.key()]?[Int(frame.offset) + 30] ^= 1
    var lines: [String] = []
    let statistics = try view.diff((a, []), (b, [])) { lines.append(text($0.path)) }
    #expect(lines == ["/b"] && statistics.problems == 1)
  }
}
