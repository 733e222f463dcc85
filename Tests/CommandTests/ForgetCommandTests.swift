import CairnTestSupport
import Foundation
import Testing

@testable import cairn

@Suite(.timeLimit(.minutes(5))) struct ForgetCommandTests {
  private let cairn: CairnProcess
  /// Two of 1 January, one each of 2 and 3 January 2026.
  private let ids: [String]

  init() throws {
    cairn = try CairnProcess.withRepository()
    try cairn.makeSource()
    var made: [String] = []
    for time in ["2026-01-01 08:00:00", "2026-01-01 20:00:00", "2026-01-02 08:00:00", "2026-01-03 08:00:00"] {
      made.append(try cairn.backUp("--time", time))
    }
    ids = made
  }

  private func listed() throws -> [String] { try cairn.run("snapshots", "--json").array.compactMap { $0["id"] as? String } }
  private func names(_ value: Any?) -> [String] { (value as? [[String: Any]] ?? []).compactMap { $0["id"] as? String } }

  @Test func aPolicyShowsItsReasonsAndForgets() throws {
    let plan = try cairn.run("forget", "--keep-daily", "2", "--dry-run")
    #expect(plan.status == 0)
    #expect(plan.lines.last == "would forget 2 snapshots")
    #expect(plan.lines.contains("keep 2 snapshots:"))
    #expect(plan.lines.contains("remove 2 snapshots:"))
    #expect(plan.text.contains("daily 2026-01-02"))
    #expect(try listed() == ids)
    let done = try cairn.run("forget", "-d", "2")
    #expect(done.status == 0)
    #expect(done.lines.last?.hasPrefix("forgot 2 snapshots") == true)
    #expect(try listed() == Array(ids[2...]))
    let again = try cairn.run("forget", "-d", "2", "--compact")
    #expect(again.status == 0)
    #expect(again.lines.last == "nothing to forget")
    #expect(try cairn.run("forget", "-q", "-d", "1").output.isEmpty)
  }

  @Test func spaceIsFreedAfterwardsWhereThatIsAskedFor() throws {
    try cairn.write("source/only-here.txt", String(repeating: "once ", count: 400))
    let extra = try cairn.backUp("--time", "2026-01-02 12:00:00")
    try FileManager.default.removeItem(atPath: cairn.path + "/source/only-here.txt")
    let last = try cairn.backUp("--time", "2026-01-04 08:00:00")
    let plan = try cairn.run("forget", "--json", "--dry-run", "--prune", "--max-unused", "0", "-l", "1")
    #expect(plan.status == 0)
    #expect(plan.summary["dry_run"] as? Bool == true)
    let planned = (plan.summary["unused_bytes"] as? Int ?? 0) + (plan.summary["repacked_bytes"] as? Int ?? 0)
    #expect(planned > 0, "what would be forgotten counts as garbage in the plan")
    #expect(try listed().count == 6)
    let done = try cairn.run("forget", "--json", "--prune", "--max-unused", "0", "-l", "1")
    #expect(done.status == 0)
    #expect(done.summary["deleted_bytes"] as? Int == planned)
    #expect(try listed() == [last])
    let undo = try cairn.run("forget", "--undo", extra)
    #expect(undo.status == 1)
    #expect(undo.errors.contains("cannot come back"), "\(undo.errors)")
    #expect(try cairn.run("check", "--read-data").status == 0)
  }

  @Test func theJSONIsThatOfRestic() throws {
    let groups = try cairn.run("forget", "--json", "-l", "1", "--keep-weekly", "1", "-g", "host,paths").array
    let group = try #require(groups.first)
    #expect(groups.count == 1)
    #expect(group["tags"] is NSNull)
    #expect(group["host"] is String)
    #expect(group["paths"] as? [String] == [cairn.path + "/source"])
    #expect(names(group["keep"]) == [ids[3]])
    #expect(names(group["remove"]) == Array(ids[..<3]))
    let reasons = try #require((group["reasons"] as? [[String: Any]])?.first)
    #expect((reasons["snapshot"] as? [String: Any])?["id"] as? String == ids[3])
    #expect(reasons["matches"] as? [String] == ["last 1 of 1", "weekly 2026-W01"])
    let named = try #require(try cairn.run("forget", "--json", "latest").array.first)
    #expect(names(named["remove"]) == [ids[3]])
    #expect(named["keep"] is NSNull)
  }

  @Test func undoListsAndBringsBack() throws {
    #expect(try cairn.run("forget", ids[0], ids[1], ids[2]).status == 0)
    let list = try cairn.run("forget", "--undo")
    #expect(list.status == 0)
    #expect(list.lines.last == "3 snapshots can be brought back: name them, or use --all")
    #expect(try cairn.run("forget", "--undo", "--json").array.compactMap { $0["id"] as? String } == Array(ids[..<3]))
    #expect(try cairn.run("forget", "--undo", "--all", "-n").lines.last == "would bring back 3 snapshots")
    #expect(try listed() == [ids[3]])
    #expect(try cairn.run("forget", "--undo", ids[1]).lines.last == "brought back 1 snapshot")
    #expect(try listed() == [ids[1], ids[3]])
    #expect(try cairn.run("forget", "--undo", "--all", "--json").array.compactMap { $0["id"] as? String } == [ids[0], ids[2]])
    #expect(try listed() == ids)
    #expect(try cairn.run("forget", "--undo", ids[1]).status == 1)
    #expect(try cairn.run("check", "--read-data").status == 0)
  }

  @Test func aWrongRequestForgetsNothing() throws {
    let requests = [
      [], ["--keep-last", "0"], ["--keep-last", "-2"], ["--keep-last", "x"], ["--keep-within", "5x"], ["--keep-within", "-5d"],
      ["--keep-kind", "odd=1"], ["--keep-kind", "full"], ["--keep-kind", "full=1", "--keep-kind", "full=2"], ["-g", "colour", "-l", "1"],
      ["--undo", "-l", "1"], ["--undo", "--prune", "latest"], ["--all"], ["--undo", "--all", "latest"], ["-l", "1", "latest"],
      ["latest", "latest"],
      ["--unsafe-allow-remove-all"],
    ]
    for arguments in requests {
      let result = try cairn.run(bytes: (["forget"] + arguments).map { Array($0.utf8) })
      #expect(result.status == ExitStatus.usage.rawValue, "\(arguments): \(result.errors)")
      #expect(result.errors.hasPrefix("cairn: "))
    }
    #expect(try listed() == ids)
  }

  @Test func aWrongUnitIsNamed() throws {
    #expect(try cairn.run("forget", "--keep-within", "5x").errors.contains("'x' is not a unit of time"))
    #expect(try cairn.run("forget", "-l", "-2").errors.contains("not a number from 0 on"))
  }

  @Test func whatDoesNotExistOrWouldLeaveNothingForgetsNothing() throws {
    #expect(try cairn.run("forget", "deadbeef").status == 1)
    #expect(try cairn.run("forget", ids[0], "deadbeef").status == 1)
    let typo = try cairn.run("forget", "--keep-tag", "typo")
    #expect(typo.status == 1)
    #expect(typo.errors.contains("all 4 snapshots of series ["))
    #expect(try cairn.run("forget", "--keep-tag", "typo", "--json").errorRecords.first?["code"] as? Int == 1)
    #expect(try listed() == ids)
    #expect(try cairn.run("forget", "--keep-tag", "typo", "--unsafe-allow-remove-all").status == 0)
    #expect(try listed() == [])
  }

  @Test func filtersLimitThePolicyAndItsGroups() throws {
    let other = try cairn.backUp("--time", "2026-01-04 08:00:00", "--host", "elsewhere", "--tag", "x,y")
    #expect(try cairn.run("forget", "-l", "1", "--host", "elsewhere").lines.last == "nothing to forget")
    #expect(try cairn.run("forget", "-l", "1", "--tag", "x", "-g", "").lines.last == "nothing to forget")
    #expect(try cairn.run("forget", "-l", "1", "-g", "").status == 0)
    #expect(try listed() == [other])
  }

  @Test func aSnapshotFromTheFutureIsKeptAndNamed() throws {
    let future = try cairn.backUp("--time", "2999-01-01 00:00:00")
    let result = try cairn.run("forget", "-l", "1")
    #expect(result.status == 0)
    #expect(result.errors.contains("warning: snapshot \(future.prefix(8)) is dated 2999-01-01"))
    #expect(try listed() == [ids[3], future])
  }

  @Test func anUnreadableSnapshotIsReportedAndStays() throws {
    let folder = cairn.path + "/repository/snapshots"
    let name = try #require(FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String }.first { $0.contains(ids[1]) })
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: folder + "/" + name))
    let result = try cairn.run("forget", "-l", "1")
    #expect(result.status == ExitStatus.incomplete.rawValue)
    #expect(result.errors.contains(ids[1]))
    #expect(result.lines.last?.hasPrefix("forgot 2 snapshots") == true)
    let named = try cairn.run("forget", ids[1])
    #expect(named.status == ExitStatus.incomplete.rawValue)
    #expect(named.lines.last?.hasPrefix("forgot 1 snapshot") == true)
    #expect(try cairn.run("snapshots").status == 0)
  }

  @Test func whoAsksForAForgottenSnapshotIsToldHowToBringItBack() throws {
    #expect(try cairn.run("forget", ids[0]).status == 0)
    let id = String(ids[0].prefix(8))
    let restore = ["restore", id, "--target", cairn.path + "/out"]
    for command in [restore, ["ls", id], ["cat", id + ":/"], ["diff", id, "latest"], ["tag", "--add", "x", id]] {
      let result = try cairn.run(bytes: command.map { Array($0.utf8) })
      #expect(result.status != 0 && result.errors.contains("cairn forget --undo \(id)"), "\(command)")
    }
    #expect(try cairn.run("ls", "00").errors.contains("--undo") == ids[0].hasPrefix("00"))
  }

  @Test func anAnnouncementThatCannotBeReadIsSaidToNeedARepair() throws {
    try cairn.write("source/only-here.txt", String(repeating: "once ", count: 400))
    let extra = try cairn.backUp("--time", "2026-01-02 12:00:00")
    #expect(try cairn.run("forget", extra).status == 0)
    let session = "0123456789abcdef0123456700000000"
    try cairn.write("repository/sessions/\(session)", "what was written here is no announcement")
    for options in [[], ["--wait"]] {
      let result = try cairn.run(bytes: (["prune", "--max-unused", "0"] + options).map { Array($0.utf8) })
      #expect(result.status == 0 && result.text.contains("sessions/\(session) cannot be read"), "\(result.text)")
      #expect(result.text.contains("'cairn repair index'"))
    }
    #expect(try cairn.run("repair", "index").status == 0)
    let last = try cairn.run("prune", "--max-unused", "0")
    #expect(last.status == 0 && !last.text.contains("cannot be read"))
    #expect(try cairn.run("check", "--read-data").status == 0)
  }
}
