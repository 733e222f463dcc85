import CairnTestSupport
import Foundation
import Testing

@testable import cairn

/// Schemes and retention of profiles, over days that `--time` makes up.
@Suite(.timeLimit(.minutes(10))) struct SchemeCommandTests {
  private let cairn: CairnProcess

  init() throws {
    var cairn = try CairnProcess.withRepository()
    for name in ["CAIRN_REPOSITORY", "CAIRN_KEY_FILE"] { cairn.environment[name] = nil }
    cairn.environment["CAIRN_CONFIG"] = cairn.path + "/cairn.toml"
    self.cairn = cairn
    try cairn.makeSource()
  }

  private func configure(_ lines: String, sources: [String] = ["~/source"]) throws {
    try cairn.write(
      "cairn.toml",
      """
      [repository.main]
      path = "~/repository"
      key-file = "~/key"
      [profile.p]
      repository = "main"
      sources = \(sources)
      [profile.other]
      inherit = "p"
      \(lines)
      """)
  }

  private func backUp(_ day: String, _ arguments: String..., profile: String = "p") throws -> CairnProcess.Result {
    try cairn.run(bytes: (["backup", "-P", profile, "--json", "--time", day + " 12:00:00"] + arguments).map { Array($0.utf8) })
  }

  private func listed(_ profile: String = "p") throws -> [[String: Any]] { try cairn.run("snapshots", "--json", "-P", profile).array }

  @Test func theSchemeDecidesTheKind() throws {
    try configure("[profile.p.scheme]\nfull = \"monthly\"\ndifferential = \"weekly\"\nincremental = \"daily\"")
    // 2026-03-01 is a Sunday; 9 to 15 March are missed, and the first days of April.
    let days = [
      ("2026-03-01", "full"), ("2026-03-02", "differential"), ("2026-03-03", "incremental"), ("2026-03-04", "incremental"),
      ("2026-03-16", "differential"), ("2026-03-17", "incremental"), ("2026-04-04", "full"), ("2026-04-05", "incremental"),
      ("2026-04-06", "differential"),
    ]
    for (day, kind) in days { #expect(try backUp(day).summary["kind"] as? String == kind, "\(day)") }
    let all = try listed()
    let ids = all.map { $0["id"] as? String }
    #expect(all.map { $0["kind"] as? String } == days.map(\.1))
    // Differential ones stand on the newest full one, incremental ones on the one before.
    #expect(all.map { $0["base"] as? String } == [nil, ids[0], ids[1], ids[2], ids[0], ids[4], nil, ids[6], ids[6]])
    // What is named beats the scheme.
    #expect(try backUp("2026-04-07", "--kind", "full").summary["kind"] as? String == "full")
  }

  @Test func theListShowsBaseAndChain() throws {
    try configure("[profile.p.scheme]\nfull = \"monthly\"\ndifferential = \"weekly\"")
    for day in ["2026-03-01", "2026-03-02"] { #expect(try backUp(day).status == 0) }
    #expect(try backUp("2026-03-03", "--kind", "incremental").status == 0)
    let ids = try listed().compactMap { $0["short_id"] as? String }
    #expect(try listed().map { $0["chain_length"] as? Int } == [0, 1, 2])
    let lines = try cairn.run("snapshots", "-P", "p").lines
    #expect(lines.contains { $0.hasPrefix(ids[1]) && $0.contains("differential  \(ids[0])  \(ids[0]) +1 ") }, "\(lines)")
    #expect(lines.contains { $0.hasPrefix(ids[2]) && $0.contains("incremental   \(ids[1])  \(ids[0]) +2 ") }, "\(lines)")
    #expect(try cairn.run("forget", "-P", "p", ids[1]).status == 0)
    let after = try cairn.run("snapshots", "-P", "p").lines
    #expect(after.contains { $0.hasPrefix(ids[2]) && $0.contains("\(ids[1]) (gone)  gone +1 ") }, "\(after)")
    // The chain does not depend on what is shown.
    let one = try #require(try cairn.run("snapshots", "--json", "-P", "p", ids[2]).array.first)
    #expect(one["chain_full"] is NSNull)
  }

  @Test func theKindsOfAnotherProfileDoNotCount() throws {
    try configure("[profile.p.scheme]\nfull = \"monthly\"")
    #expect(try backUp("2026-03-01").summary["kind"] as? String == "full")
    #expect(try backUp("2026-03-02", profile: "other").summary["kind"] as? String == "full")
    #expect(try backUp("2026-03-03").summary["kind"] as? String == "incremental")
  }

  @Test func retentionForgetsOfItsOwnSeriesOnly() throws {
    try configure("[profile.p.retention]\nkeep-last = 2")
    for day in 1...3 { #expect(try backUp("2026-03-0\(day)", profile: "other").status == 0) }
    for day in 1...4 { #expect(try backUp("2026-03-0\(day)").status == 0) }
    #expect(try listed().count == 2)
    #expect(try listed("other").count == 2, "it inherits the retention, and has a series of its own")
    let record = try #require(try backUp("2026-03-05").records.last)
    #expect(record["message_type"] as? String == "retention")
    #expect(record["forgotten"] as? Int == 1)
    #expect(record["kept"] as? Int == 2)
  }

  @Test func theNewestFullOneStaysUnderAScheme() throws {
    try configure("[profile.p.scheme]\nfull = \"monthly\"\n[profile.p.retention]\nkeep-last = 1")
    for day in 1...5 { #expect(try backUp("2026-03-0\(day)").status == 0) }
    #expect(try listed().map { $0["kind"] as? String } == ["full", "incremental"])
  }

  @Test func pruneRunsEveryNthTime() throws {
    try configure("[profile.p.retention]\nkeep-last = 1\nprune-every = 3\nmax-unused = \"0\"")
    let pruned = try (1...7).map { day in try backUp("2026-03-0\(day)").records.last?["pruned"] as? Bool }
    #expect(pruned == [false, false, true, false, false, true, false])
  }

  @Test func aFailedRetentionIsToldApartFromTheBackup() throws {
    // The state directory cannot be made where there is a file.
    try cairn.write("state", "")
    try configure("[profile.p.retention]\nkeep-last = 1\nprune-every = 2")
    let result = try cairn.run("backup", "-P", "p", setting: ["CAIRN_STATE_DIR": cairn.path + "/state"])
    #expect(result.status == ExitStatus.followUpFailed.rawValue)
    #expect(result.errors.contains("is saved, but retention failed: What is to be known about runs cannot be kept"))
    #expect(try listed().count == 1)
    let json = try cairn.run("backup", "-P", "p", "--json", setting: ["CAIRN_STATE_DIR": cairn.path + "/state"])
    #expect(json.records.last?["status"] as? String == "failed")
    #expect(json.summary["snapshot_id"] is String)
  }

  @Test func anIncompleteBackupPushesNothingOut() throws {
    try configure("[profile.p.retention]\nkeep-last = 1")
    #expect(try backUp("2026-03-01").status == 0)
    try configure("[profile.p.retention]\nkeep-last = 1", sources: ["~/source", "~/missing"])
    let result = try cairn.run("backup", "-P", "p")
    #expect(result.status == 3)
    #expect(result.errors.contains("Retention is left out"))
    #expect(try listed().count == 2)
  }

  @Test func aSnapshotThatCannotBeReadStaysAndIsNamed() throws {
    try configure("[profile.p.retention]\nkeep-last = 1")
    #expect(try backUp("2026-03-01", profile: "other").status == 0)
    let folder = cairn.path + "/repository/snapshots"
    let name = try #require(try FileManager.default.contentsOfDirectory(atPath: folder).first)
    try FileManager.default.removeItem(atPath: folder + "/" + name)
    try cairn.write("repository/snapshots/" + name, "garbage")
    let result = try backUp("2026-03-02")
    #expect(result.status == 3, "\(result.errors)")
    #expect(result.errors.contains(name))
    #expect(result.records.last?["status"] as? String == "done")
  }

  @Test func otherSourcesAndAnotherSeriesTakeNoPartInTheProfile() throws {
    try configure("[profile.p.scheme]\nfull = \"always\"\nincremental = \"never\"\n[profile.p.retention]\nkeep-last = 1")
    #expect(try backUp("2026-03-01").status == 0)
    #expect(try backUp("2026-03-02", cairn.path + "/source/sub").records.last?["message_type"] as? String == "summary")
    #expect(try backUp("2026-03-03", "--series", "mine").records.last?["message_type"] as? String == "summary")
    #expect(try listed().count == 1, "neither is of the profile's series")
    #expect(try listed().first?["time"] as? String == "2026-03-01T12:00:00Z")
    #expect(try cairn.run("snapshots", "--json", "-P", "p", "--series", "mine").array.count == 1)
  }

  @Test func forgetNeverTakesTheSeriesForAReasonToForgetIt() throws {
    try configure("")
    #expect(try backUp("2026-03-01").status == 0)
    for arguments in [["forget", "-P", "p"], ["forget", "-P", "p", "--unsafe-allow-remove-all"]] {
      let result = try cairn.run(bytes: arguments.map { Array($0.utf8) })
      #expect(result.status == 64)
      #expect(result.errors.contains("does not say which snapshots to keep"))
    }
    #expect(try listed().count == 1)
  }

  @Test func forgetAppliesTheProfilesPolicy() throws {
    try configure("[profile.p.retention]\nkeep-last = 2\nafter-backup = false")
    for day in 1...4 { #expect(try backUp("2026-03-0\(day)").status == 0) }
    #expect(try backUp("2026-03-01", profile: "other").status == 0)
    #expect(try listed().count == 4)
    #expect(try cairn.run("forget", "-P", "p", "--dry-run").lines.last == "would forget 2 snapshots")
    #expect(try cairn.run("forget", "-P", "p", "--keep-last", "3").lines.last?.hasPrefix("forgot 1 snapshot") == true)
    #expect(try cairn.run("forget", "-P", "p").status == 0)
    #expect(try listed().count == 2)
    #expect(try listed("other").count == 1)
  }

  @Test func forgettingAnyMemberHarmsNoOther() throws {
    try configure("[profile.p.scheme]\nfull = \"monthly\"\ndifferential = \"weekly\"")
    for (number, day) in ["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-09", "2026-03-10"].enumerated() {
      try cairn.write("source/a.txt", "state \(number)\n")
      #expect(try backUp(day).status == 0)
    }
    var left = try listed().compactMap { $0["id"] as? String }
    let states = Dictionary(uniqueKeysWithValues: left.enumerated().map { ($0.element, "state \($0.offset)\n") })
    // The full one first, then the differential ones: what the others were compared with.
    for place in [0, 0, 1, 0] {
      #expect(try cairn.run("forget", "-P", "p", left.remove(at: place)).status == 0)
      #expect(try cairn.run("prune", "-P", "p", "--max-unused", "0").status == 0)
      for id in left { #expect(try cairn.run("cat", "\(id):\(cairn.path)/source/a.txt", "-P", "p").text == states[id]) }
      #expect(try cairn.run("check", "--read-data", "-P", "p").status == 0)
    }
    #expect(try backUp("2026-03-11").summary["kind"] as? String == "full", "none is left of this month")
  }
}
