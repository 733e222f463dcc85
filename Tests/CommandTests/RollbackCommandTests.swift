import CairnTestSupport
import Foundation
import Testing

@testable import cairn

/// A repository that was put back from an older copy, as the machine sees it that has used it since.
@Suite(.timeLimit(.minutes(5))) struct RollbackCommandTests {
  private let cairn: CairnProcess
  private let first: String
  private let second: String

  init() throws {
    cairn = try CairnProcess.withRepository()
    try cairn.makeSource()
    first = try cairn.backUp("--time", "2026-01-01 08:00:00")
    let (here, copy) = (cairn.path + "/repository", cairn.path + "/copy")
    try FileManager.default.copyItem(atPath: here, toPath: copy)
    second = try cairn.backUp("--time", "2026-01-02 08:00:00")
    // What is kept for the repository outlives the cache.
    try FileManager.default.removeItem(atPath: cairn.path + "/cache")
    try FileManager.default.removeItem(atPath: here)
    try FileManager.default.moveItem(atPath: copy, toPath: here)
  }

  private func warns(_ result: CairnProcess.Result) -> Bool {
    result.errors.contains("warning: Snapshot \(second.prefix(8)), which this machine has seen, is missing")
  }

  @Test func everyCommandThatListsSnapshotsWarns() throws {
    let list = try cairn.run("snapshots", "--quiet")
    #expect(list.status == 3 && warns(list) && list.text.contains(first.prefix(8)))
    #expect(list.errors.contains("'cairn check --accept-rollback'"))
    let named = try cairn.run("ls", first)
    #expect(named.status == 0 && warns(named))
    #expect(try cairn.run("restore", first, "--target", cairn.path + "/out").status == 0)
    #expect(try cairn.run("restore", "latest", "--target", cairn.path + "/latest").status == 3)
    let json = try cairn.run("snapshots", "--json")
    #expect(json.errorRecords.contains { $0["message_type"] as? String == "message" })
    #expect(try cairn.run("check").status == 1)
    #expect(try cairn.run("snapshots", "--no-cache").status == 0, "nothing is kept then")
  }

  @Test func nothingIsDeletedUntilItIsAccepted() throws {
    for command in [["prune"], ["forget", "--keep-last", "1"]] {
      let result = try cairn.run(bytes: command.map { Array($0.utf8) })
      #expect(result.status == 30)
      #expect(result.errors.contains("Nothing was "), "\(result.errors)")
    }
    let backup = try cairn.run("backup", "--json", cairn.path + "/source")
    #expect(backup.status == 0)
    #expect(try cairn.run("check", "--accept-rollback").status == 0)
    let list = try cairn.run("snapshots")
    #expect(list.status == 0 && list.errors.isEmpty)
    #expect(try cairn.run("forget", "--prune", "--keep-last", "1").status == 0)
  }
}
