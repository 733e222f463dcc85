import CairnSystem
import CairnTestSupport
import Foundation
import Testing

@testable import cairn

@Suite(.timeLimit(.minutes(5))) struct RestoreCommandTests {
  private let cairn: CairnProcess

  init() throws {
    cairn = try CairnProcess.withRepository()
    try cairn.makeSource()
    _ = try cairn.backUp()
  }

  private func content(_ name: String) throws -> String { String(decoding: try cairn.directory.read(name), as: UTF8.self) }

  @Test func aSnapshotComesBack() throws {
    let result = try cairn.run("restore", "latest", "--target", "out", "--verify")
    #expect(result.status == 0)
    #expect(result.text.contains("verified 2 files"))
    #expect(try content("out/source/sub/b.txt") == "second\n")
  }

  @Test func theSummaryIsResticsInJSON() throws {
    let summary = try cairn.run("restore", "--json", "latest", "--target", "out").summary
    for name in ["total_files", "files_restored", "total_bytes", "bytes_restored", "seconds_elapsed"] {
      #expect(summary[name] is Int, "\(name)")
    }
    #expect(summary["bytes_restored"] as? Int == 13)
  }

  @Test func aPartComesBackByPathAndByPattern() throws {
    #expect(try cairn.run("restore", "latest:/source/sub", "--target", "part").status == 0)
    #expect(try content("part/b.txt") == "second\n")
    #expect(try cairn.run("restore", "latest", "--target", "chosen", "--include", "a.txt").status == 0)
    #expect(try content("chosen/source/a.txt") == "first\n")
    #expect(throws: FileError.self) { try content("chosen/source/sub/b.txt") }
    try cairn.write("patterns", "# not these\nsub\n")
    #expect(try cairn.run("restore", "latest", "--target", "rest", "--exclude-file", "patterns").status == 0)
    #expect(throws: FileError.self) { try content("rest/source/sub/b.txt") }
  }

  @Test func filesGoBackToWhereTheyCameFrom() throws {
    try cairn.write("source/a.txt", "spoiled")
    try cairn.write("source/sub/b.txt", "spoiled")
    #expect(try cairn.run("restore", "latest:/source/sub", "--in-place").status == 0)
    #expect(try content("source/sub/b.txt") == "second\n")
    #expect(try content("source/a.txt") == "spoiled")
    #expect(try cairn.run("restore", "latest:/source/a.txt", "--in-place").status == 0)
    #expect(try content("source/a.txt") == "first\n")
    #expect(try cairn.run(bytes: [Array("backup".utf8), cairn.directory.path("source")]).status == 0)
    try cairn.write("source/a.txt", "spoiled")
    #expect(try cairn.run("restore", "latest", "--in-place", "--include", cairn.path).status == 0)
    #expect(try content("source/a.txt") == "first\n")
  }

  @Test func aDryRunWritesNothing() throws {
    let result = try cairn.run("restore", "latest", "--target", "out", "--dry-run", "-vv")
    #expect(result.status == 0)
    #expect(result.text.contains("/source/a.txt"))
    #expect(throws: FileError.self) { try content("out/source/a.txt") }
  }

  @Test func whatExistsIsTreatedAsAskedFor() throws {
    #expect(try cairn.run("restore", "latest", "--target", "out").status == 0)
    try cairn.write("out/source/a.txt", "mine")
    try cairn.write("out/source/extra", "mine")
    #expect(try cairn.run("restore", "latest", "--target", "out", "--overwrite", "never").status == 0)
    #expect(try content("out/source/a.txt") == "mine")
    #expect(try cairn.run("restore", "latest", "--target", "out", "--delete").status == 0)
    #expect(try content("out/source/a.txt") == "first\n")
    #expect(throws: FileError.self) { try content("out/source/extra") }
  }

  @Test func anotherSnapshotThanTheLatestIsNotPassedOffForIt() throws {
    let id = try cairn.backUp()
    let folder = URL(fileURLWithPath: cairn.path + "/repository/snapshots")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix(id) }
    #expect(names.count == 1)
    for name in names { try FileManager.default.removeItem(at: folder.appendingPathComponent(name)) }
    let result = try cairn.run("restore", "latest", "--target", "out")
    #expect(result.status == 3)
    #expect(result.errors.contains("a later one"))
    #expect(try content("out/source/a.txt") == "first\n")
  }

  @Test func anUnknownSnapshotOrPathIsNamed() throws {
    let result = try cairn.run("restore", "ffffffff", "--target", "out")
    #expect(result.status == 1)
    #expect(result.errors.contains("ffffffff"))
    #expect(try cairn.run("restore", "latest:/nowhere", "--target", "out").errors.contains("/nowhere"))
  }
}
