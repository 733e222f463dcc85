import CairnSystem
import CairnTestSupport
import Foundation
import Testing

@testable import cairn

@Suite(.timeLimit(.minutes(5))) struct BackupCommandTests {
  @Test func theSummaryHasResticsCounters() throws {
    let cairn = try CairnProcess.withRepository()
    try cairn.makeSource()
    let summary = try cairn.run("backup", "--json", "--tag", "x,y", "--host", "here", "source").summary
    for name in [
      "files_new", "files_changed", "files_unmodified", "dirs_new", "dirs_changed", "dirs_unmodified", "data_blobs", "tree_blobs",
      "data_added",
      "data_added_packed", "total_files_processed", "total_bytes_processed", "total_duration",
    ] {
      #expect(summary[name] is NSNumber, "\(name)")
    }
    #expect(summary["files_new"] as? Int == 2)
    #expect(summary["backup_start"] is String && summary["backup_end"] is String)
    #expect((summary["snapshot_id"] as? String)?.count == 32)
  }

  @Test func snapshotsAreListedAsResticListsThem() throws {
    let cairn = try CairnProcess.withRepository()
    try cairn.makeSource()
    let first = try cairn.backUp("--tag", "x,y", "--host", "here", "--time", "2020-02-03 04:05:06", "--description", "why")
    let second = try cairn.backUp()
    let list = try cairn.run("snapshots", "--json").array
    #expect(list.map { $0["id"] as? String } == [first, second])
    let record = try #require(list.first)
    #expect(record["short_id"] as? String == String(first.prefix(8)))
    #expect(record["time"] as? String == "2020-02-03T04:05:06Z")
    #expect(record["hostname"] as? String == "here")
    #expect(record["tags"] as? [String] == ["x", "y"])
    #expect(record["paths"] as? [String] == [cairn.path + "/source"])
    #expect(record["description"] as? String == "why")
    #expect((record["tree"] as? String)?.count == 64)
    #expect(record["kind"] as? String == "full")
    #expect(record["program_version"] as? String != nil)
    #expect(try cairn.run("snapshots", "--json", "--tag", "x,y").array.count == 1)
    #expect(try cairn.run("snapshots", "--json", "--host", "nobody").array.isEmpty)
    #expect(try cairn.run("snapshots", "--json", "--latest", "1", "--group-by", "").array.count == 1)
    #expect(try cairn.run("snapshots").text.contains("2020-02-03 04:05:06"))
  }

  @Test func anEmptyListIsAnEmptyArray() throws {
    #expect(try CairnProcess.withRepository().run("snapshots", "--json").text == "[]\n")
  }

  @Test func aSourceThatIsMissingMakesTheBackupIncomplete() throws {
    let cairn = try CairnProcess.withRepository()
    try cairn.makeSource()
    let result = try cairn.run("backup", "--json", "source", "nowhere")
    #expect(result.status == ExitStatus.incomplete.rawValue)
    #expect(result.summary["snapshot_id"] is String)
    let record = try #require(result.errorRecords.first { $0["message_type"] as? String == "error" })
    #expect((record["item"] as? String)?.contains("nowhere") == true)
    #expect((record["error"] as? [String: Any])?["message"] is String)
    #expect(try cairn.run("backup", "nowhere").status == 1)
  }

  @Test func standardInputBecomesAFile() throws {
    let cairn = try CairnProcess.withRepository()
    #expect(try cairn.run("backup", "--stdin", "--stdin-filename", "db/dump.sql", input: Array("content".utf8)).status == 0)
    #expect(try cairn.run("cat", "latest:/db/dump.sql").text == "content")
    #expect(try cairn.run("backup", "--stdin-from-command", "--", "printf", "%s-", "-a", "b").status == 0)
    #expect(try cairn.run("cat", "latest:stdin").text == "-a-b-")
    let before = try cairn.run("snapshots", "--json").array.count
    #expect(try cairn.run("backup", "--stdin-from-command", "--", "sh", "-c", "echo x; exit 7").status == 1)
    #expect(try cairn.run("snapshots", "--json").array.count == before)
  }

  @Test func listsNameSources() throws {
    let cairn = try CairnProcess.withRepository()
    for name in ["a1", "a2", "b*", "#c"] { try cairn.write(name, name) }
    try cairn.write("globs", " a? \n# comment\n\n")
    try cairn.write("lines", "b*\n#c\n")
    try cairn.write("raw", "a1\u{0}#c\u{0}")
    #expect(try cairn.run("backup", "--files-from", "globs").status == 0)
    #expect(try cairn.run("ls", "-q", "latest").lines == ["/a1", "/a2"])
    #expect(try cairn.run("backup", "--files-from-verbatim", "lines").status == 0)
    #expect(try cairn.run("ls", "-q", "latest").lines == ["/#c", "/b*"])
    #expect(try cairn.run("backup", "--files-from-raw", "-", input: Array("a1\u{0}#c\u{0}".utf8)).status == 0)
    #expect(try cairn.run("ls", "-q", "latest").lines == ["/#c", "/a1"])
    #expect(try cairn.run("backup", "--files-from", "globs", "--files-from-raw", "missing").status == 64)
  }

  @Test func aDryRunStoresNothing() throws {
    let cairn = try CairnProcess.withRepository()
    try cairn.makeSource()
    let result = try cairn.run("backup", "--dry-run", "--json", "source")
    #expect(result.status == 0)
    #expect(result.summary["dry_run"] as? Bool == true)
    #expect(result.summary["snapshot_id"] == nil)
    #expect(try cairn.run("snapshots", "--json").array.isEmpty)
  }

  @Test func anUnchangedSourceCanBeSkipped() throws {
    let cairn = try CairnProcess.withRepository()
    try cairn.makeSource()
    _ = try cairn.backUp()
    #expect(try cairn.run("backup", "--skip-if-unchanged", "source").status == 0)
    #expect(try cairn.run("backup", "--error-if-unchanged", "source").status == ExitStatus.unchanged.rawValue)
    #expect(try cairn.run("snapshots", "--json").array.count == 1)
  }

  @Test func kindsAreRecorded() throws {
    let cairn = try CairnProcess.withRepository()
    try cairn.makeSource()
    for arguments in [["--kind", "auto"], [], ["--kind", "differential"], ["--kind", "full"], ["--force"]] {
      #expect(try cairn.run(bytes: (["backup", "-q"] + arguments + ["source"]).map { Array($0.utf8) }).status == 0)
    }
    let kinds = try cairn.run("snapshots", "--json").array.compactMap { $0["kind"] as? String }
    #expect(Array(kinds.prefix(4)) == ["full", "incremental", "differential", "full"])
  }

  @Test func exclusionsAndNamesOfAnyBytesWork() throws {
    let cairn = try CairnProcess.withRepository()
    try cairn.makeSource()
    let name = Array("source/".utf8) + [0x78, 0xff]
    _ = try OpenFile.open(cairn.directory.path + [0x2f] + name, [.write, .create])
    #expect(try cairn.run("backup", "--exclude", "*.TXT", "--iexclude", "B.TXT", "source").status == 0)
    let names = try cairn.run("ls", "-q", "latest").lines
    #expect(names == ["/source", "/source/a.txt", "/source/sub", "/source/x\\xff"])
    #expect(try cairn.run(bytes: [Array("backup".utf8), name]).status == 0)
    #expect(try cairn.run(bytes: [Array("cat".utf8), Array("latest:".utf8) + name]).status == 0)
    let record = try #require(try cairn.run("ls", "--json", "latest").records.last)
    #expect(record["path_base64"] as? String == String(decoding: Base64.encode([0x2f] + name), as: UTF8.self))
  }

  @Test func verboseNamesEntriesAndQuietSaysNothing() throws {
    let cairn = try CairnProcess.withRepository()
    try cairn.makeSource()
    try cairn.write("source/\u{1b}[31mred", "")
    let loud = try cairn.run("backup", "-vv", "source")
    #expect(loud.text.contains("/a.txt"))
    #expect(loud.text.contains("\\x1b[31mred"))
    #expect(!loud.output.contains(0x1b))
    let records = try cairn.run("backup", "--json", "--verbose=2", "--force", "source").records
    #expect(records.contains { $0["message_type"] as? String == "verbose_status" && ($0["item"] as? String)?.hasSuffix("/a.txt") == true })
    let quiet = try cairn.run("backup", "-q", "source")
    #expect(quiet.output.isEmpty && quiet.errors.isEmpty)
  }

  @Test func theRepositoryIsNeitherMadeTwiceNorFoundWhereItIsNot() throws {
    let cairn = try CairnProcess.withRepository()
    let again = try cairn.run("init")
    #expect(again.status == 1)
    #expect(again.errors.contains("already"))
    for verb in [["snapshots"], ["backup", "."], ["check"], ["restore", "latest", "-t", "x"]] {
      let result = try cairn.run(bytes: (verb + ["--repo", "nowhere"]).map { Array($0.utf8) })
      #expect(result.status == ExitStatus.noRepository.rawValue)
      #expect(result.errors.contains("nowhere"))
    }
    #expect(try cairn.run("snapshots", setting: ["CAIRN_REPOSITORY": nil]).status == 64)
    try cairn.write("where", "repository\n")
    #expect(try cairn.run("snapshots", "--repository-file", "where").status == 0)
    #expect(try cairn.run("--repo", "repository", "snapshots").status == 0)
  }

  @Test func initSaysWhatItMade() throws {
    let cairn = CairnProcess()
    let record = try #require(try cairn.run("init", "--json", "--generate-key-file").records.first)
    #expect(record["message_type"] as? String == "initialized")
    #expect((record["id"] as? String)?.count == 32)
    #expect(record["repository"] as? String == cairn.path + "/repository")
  }
}
