import CairnSystem
import CairnTestSupport
import Foundation
import Testing

@testable import cairn

@Suite(.timeLimit(.minutes(5))) struct BrowseCommandTests {
  /// Two snapshots: b.txt changes, c.txt comes.
  private let cairn: CairnProcess
  private let first: String
  private let second: String

  init() throws {
    cairn = try CairnProcess.withRepository()
    try cairn.makeSource()
    first = try cairn.backUp()
    try cairn.write("source/sub/b.txt", "second and more\n")
    try cairn.write("source/c.txt", "third\n")
    second = try cairn.backUp()
  }

  @Test func filesAreListed() throws {
    #expect(try cairn.run("ls", "-q", first).lines == ["/source", "/source/a.txt", "/source/sub", "/source/sub/b.txt"])
    #expect(
      try cairn.run("ls", "-q", "--no-recursive", "latest:source").lines == ["/source", "/source/a.txt", "/source/c.txt", "/source/sub"])
    #expect(try cairn.run("ls", "-l", "latest:/source/a.txt").lines.last?.hasPrefix("-rw-r--r--") == true)
    let records = try cairn.run("ls", "--json", "latest").records
    #expect(records.first?["message_type"] as? String == "snapshot")
    #expect(records.first?["id"] as? String == second)
    let node = try #require(records.first { $0["path"] as? String == "/source/c.txt" })
    #expect(node["struct_type"] as? String == "node")
    #expect(node["type"] as? String == "file")
    #expect(node["size"] as? Int == 6)
    #expect(node["permissions"] as? String == "-rw-r--r--")
    let missing = try cairn.run("ls", "latest:/nowhere")
    #expect(missing.status == 1)
    #expect(missing.errors.contains("/nowhere"))
    #expect(try cairn.run("ls", "latest~7").status == 1)
  }

  @Test func filesAreFoundInEverySnapshot() throws {
    let text = try cairn.run("find", "B.TXT", "-i", "c.*")
    #expect(text.lines.filter { $0 == "/source/sub/b.txt" }.count == 2)
    #expect(text.lines.filter { $0 == "/source/c.txt" }.count == 1)
    let hits = try cairn.run("find", "--json", "*.txt").array
    #expect(hits.map { $0["snapshot"] as? String } == [first, second])
    #expect(hits.map { $0["hits"] as? Int } == [2, 3])
    #expect((hits.last?["matches"] as? [[String: Any]])?.count == 3)
    #expect(try cairn.run("find", "--json", "nothing").text == "[]\n")
    #expect(try cairn.run("find", "-s", first, "--newest", "1990-01-01", "*").output.isEmpty)
    #expect(try cairn.run("find", "--type", "dir", "-s", "latest", "source").lines.count == 3)
  }

  @Test func theHistoryOfAFileHasItsVersions() throws {
    let record = try #require(try cairn.run("history", "--json", "/source/sub/b.txt").records.first)
    let versions = try #require(record["versions"] as? [[String: Any]])
    #expect(versions.map { $0["snapshots"] as? [String] } == [[first], [second]])
    #expect(try cairn.run("history", "source/c.txt").text.contains("not in 1 snapshot"))
    #expect(try cairn.run("history", "/source/none").status == 1)
  }

  @Test func differencesAreThoseOfRestic() throws {
    let text = try cairn.run("diff", "latest~1", "latest")
    #expect(text.lines.contains("M    /source/sub/b.txt"))
    #expect(text.lines.contains("+    /source/c.txt"))
    let records = try cairn.run("diff", "--json", first, second).records
    #expect(records.contains { $0["path"] as? String == "/source/c.txt" && $0["modifier"] as? String == "+" })
    let statistics = try #require(records.last)
    #expect(statistics["message_type"] as? String == "statistics")
    #expect(statistics["changed_files"] as? Int == 1)
    #expect((statistics["added"] as? [String: Any])?["files"] as? Int == 1)
  }

  @Test func contentComesAsFileOrArchive() throws {
    #expect(try cairn.run("cat", "\(first):/source/sub/b.txt").text == "second\n")
    #expect(try cairn.run("dump", "latest", "/source/sub/b.txt").text == "second and more\n")
    let archive = try cairn.run("cat", "latest:/source")
    #expect(archive.status == 0)
    #expect(archive.output.count % 512 == 0 && archive.output.count > 1024)
    #expect(Array(archive.output[257..<262]) == Array("ustar".utf8))
  }

  @Test func statisticsAddUp() throws {
    let record = try #require(try cairn.run("stats", "--json").records.first)
    #expect(record["total_size"] as? Int == 13 + 28)
    #expect(record["total_file_count"] as? Int == 5)
    #expect(record["snapshots_count"] as? Int == 2)
    #expect((try #require(try cairn.run("stats", "--json", "--mode", "snapshot").records.first)["groups"] as? [Any])?.count == 2)
    #expect(try cairn.run("stats", "--mode", "series").text.contains("Deduplication"))
  }

  @Test func tagsChangeWithoutChangingTheId() throws {
    let records = try cairn.run("tag", "--json", "--add", "x", "latest").records
    #expect(records.last?["changed_snapshot_count"] as? Int == 1)
    #expect(try cairn.run("tag", "--set", "y", "--description", "new", first).status == 0)
    let list = try cairn.run("snapshots", "--json").array
    #expect(list.map { $0["id"] as? String } == [first, second])
    #expect(list.map { $0["tags"] as? [String] } == [["y"], ["x"]])
    #expect(list.first?["description"] as? String == "new")
    #expect(try cairn.run("tag", "--remove", "y", first).status == 0)
    #expect(try cairn.run("snapshots", "--json", first).array.first?["tags"] == nil)
  }

  @Test func aCleanRepositoryChecksClean() throws {
    #expect(try cairn.run("check").status == 0)
    let summary = try cairn.run("check", "--json", "--read-data").summary
    #expect(summary["num_errors"] as? Int == 0)
    #expect(summary["broken_packs"] as? [String] == [])
    #expect((summary["packs_read"] as? Int ?? 0) > 0)
  }

  @Test func damageIsNamedWithTheFilesItTouches() throws {
    let packs = URL(fileURLWithPath: cairn.path + "/repository/packs")
    let files = try #require(FileManager.default.enumerator(at: packs, includingPropertiesForKeys: nil))
    var names: [String] = []
    for case let file as URL in files where file.lastPathComponent.count > 64 {
      names.append(file.lastPathComponent)
      try FileManager.default.removeItem(at: file)
    }
    let result = try cairn.run("check")
    #expect(result.status == 1)
    #expect(names.contains { result.errors.contains($0) })
    let json = try cairn.run("check", "--json")
    #expect(json.status == 1)
    #expect((json.summary["num_errors"] as? Int ?? 0) > 0)
    #expect((json.summary["broken_packs"] as? [String])?.isEmpty == false)
    #expect(json.errorRecords.contains { $0["message_type"] as? String == "error" && $0["message"] is String })
  }
}
