import CairnFormat
import CairnSystem
import CairnTestSupport
import Foundation
import Testing

@testable import cairn

@Suite(.timeLimit(.minutes(2))) struct RepairCommandTests {
  private let cairn = CairnProcess()
  /// Takes key and password away.
  private let keyless: [String: String?] = ["CAIRN_KEY_FILE": nil]

  private func packs() throws -> [String] {
    let root = cairn.directory.string + "/repository/packs"
    return try FileManager.default.subpathsOfDirectory(atPath: root).filter { $0.contains("-") }.map { root + "/" + $0 }.sorted()
  }

  private func change(_ path: String, _ body: (inout Data) -> Void) throws {
    var data = try Data(contentsOf: URL(fileURLWithPath: path))
    body(&data)
    try FileManager.default.removeItem(atPath: path)
    try data.write(to: URL(fileURLWithPath: path))
  }

  private func backedUp(_ options: String...) throws {
    let made = try cairn.run(bytes: (["init", "--generate-key-file", "--chunker", "small"] + options).map { Array($0.utf8) })
    try #require(made.status == 0, "\(made.errors)")
    var random = SplitMix64(seed: 1)
    try FileManager.default.createDirectory(atPath: cairn.directory.string + "/data", withIntermediateDirectories: true)
    try cairn.directory.write("data/file", random.bytes(300_000))
    try #require(cairn.run("backup", cairn.directory.string + "/data").status == 0)
  }

  @Test func damageIsMendedWithoutAPassword() throws {
    try backedUp("--parity", "32+2")
    #expect(try cairn.run("repair", "parity", setting: keyless).text.contains("no pack is damaged"))
    for pack in try packs() { try change(pack) { $0[3000] ^= 1 } }
    let count = try packs().count
    let check = try cairn.run("check", "--read-data")
    #expect(check.status == 1 && check.errors.contains("cairn repair parity"))
    #expect(check.text.contains("'cairn repair parity' can mend what snapshots need"))
    let dry = try cairn.run("repair", "parity", "--dry-run", setting: keyless)
    #expect(dry.status == 0 && dry.text.contains("\(count) can be mended, 0 damaged beyond mending"))
    let mended = try cairn.run("repair", "parity", setting: keyless)
    #expect(mended.status == 0 && mended.text.contains("was damaged and is mended: bytes 0-4095"))
    #expect(mended.text.contains("\(count) mended"))
    #expect(try cairn.run("check", "--read-data").status == 0)
    #expect(try cairn.run("repair", "parity", setting: keyless).status == 0)
  }

  @Test func whatCannotBeMendedIsNamedAndHasStatus1() throws {
    try backedUp()
    let pack = try #require(packs().first)
    try change(pack) { $0[3000] ^= 1 }
    let result = try cairn.run("repair", "parity", setting: keyless)
    #expect(result.status == 1 && result.errors.contains("cannot be mended: it has no parity"))
    let named = try cairn.run("repair", "parity", String(pack.split(separator: "/").last?.prefix(8) ?? ""), setting: keyless)
    #expect(named.status == 1)
    #expect(try cairn.run("repair", "parity", "ffffffffffffffffffff", setting: keyless).status == 1)
  }

  private func largestPack() throws -> String? {
    try packs().map { ($0, try Data(contentsOf: URL(fileURLWithPath: $0)).count) }.max { $0.1 < $1.1 }?.0
  }

  private func objects(_ kind: String) throws -> [String] {
    let root = cairn.directory.string + "/repository/" + kind
    return try FileManager.default.subpathsOfDirectory(atPath: root).sorted().map { root + "/" + $0 }
  }

  @Test func allRepairsOneAfterTheOther() throws {
    try backedUp()
    #expect(try cairn.run("repair", "index").text.contains("nothing to repair was found"))
    for index in try objects("index") { try FileManager.default.removeItem(atPath: index) }
    let check = try cairn.run("check")
    #expect(check.status == 1 && check.errors.contains("cairn repair index"))
    #expect(try cairn.run("repair", "packs").errors.contains("cairn repair index"))
    let dry = try cairn.run("repair", "index", "--dry-run")
    #expect(dry.status == 0 && dry.text.contains("this was a dry run") && dry.text.contains("is missing: the directories of its packs"))
    #expect(try objects("index").isEmpty)
    #expect(try cairn.run("repair", "index").status == 0)
    #expect(try cairn.run("check", "--read-data").status == 0)

    // The pack with the file's content, which is still where it was.
    let pack = try #require(try largestPack())
    try change(pack) { $0.removeAll() }
    let copy = cairn.directory.string + "/data"
    let lost = try cairn.run("repair", "packs", "--json")
    #expect(lost.status == 3 && (lost.summary["lost"] as? [[String: Any]])?.count == 1)
    #expect(try objects("quarantine/packs").count == 1)
    let found = try cairn.run("repair", "packs", "--source", copy)
    #expect(found.status == 0 && found.text.contains("found elsewhere"))
    #expect(try cairn.run("check", "--read-data").status == 0)
    #expect(try cairn.run("repair", "snapshots").text.contains("nothing to repair was found"))
  }

  @Test func aSnapshotIsRepairedAndForgotten() throws {
    try backedUp()
    try change(try #require(try largestPack())) { $0.removeAll() }
    #expect(try cairn.run("repair", "snapshots").errors.contains("cairn repair packs"))
    #expect(try cairn.run("repair", "packs").status == 3)
    let repaired = try cairn.run("repair", "snapshots", "--forget")
    #expect(repaired.status == 3 && repaired.text.contains("lost: ") && repaired.text.contains("/data/file"))
    #expect(repaired.text.contains("takes the place of") && repaired.text.contains("forgot snapshot"))
    #expect(try cairn.run("check", "--read-data").status == 0)
    #expect(try cairn.run("repair", "packs", "--from-key-file", "x").status == ExitStatus.usage.rawValue)
  }

  @Test func parityMendsBeforeAnythingIsTakenApart() throws {
    try backedUp("--parity", "32+2")
    for pack in try packs() { try change(pack) { $0[3000] ^= 1 } }
    let names = try packs()
    let result = try cairn.run("repair", "packs")
    #expect(result.status == 0 && result.text.contains("its parity mends it whole"))
    #expect(try packs() == names)
    #expect(try cairn.run("check", "--read-data").status == 0)
  }

  @Test func theRecordsTellTheSame() throws {
    try backedUp("--parity", "8+2")
    let all = try packs()
    try change(all[0]) { $0[70] ^= 1 }
    try change(all[1]) { $0.removeAll() }
    let result = try cairn.run("repair", "parity", "--json", setting: keyless)
    #expect(result.status == 1)
    let pack = try #require(result.records.first { $0["message_type"] as? String == "pack" })
    #expect(pack["outcome"] as? String == "mended" && all[0].hasSuffix(pack["object"] as? String ?? "?"))
    #expect((pack["ranges"] as? [[String: Int]])?.first == ["offset": 0, "length": 4096])
    #expect(result.errorRecords.first?["outcome"] as? String == "damaged")
    #expect(result.summary["mended"] as? Int == 1 && result.summary["not_mended"] as? Int == 1)
    #expect(result.summary["packs"] as? Int == all.count)
  }

  @Test func parityIsASettingThatChanges() throws {
    try backedUp("--parity", "32+2")
    #expect(try cairn.run("config", "repository").text.contains("parity 32+2"))
    #expect(try cairn.run("config", "repository", "--parity", "16+4").status == 0)
    let record = try #require(try cairn.run("config", "repository", "--json").records.first)
    #expect(record["parity_data_shards"] as? Int == 16 && record["parity_shards"] as? Int == 4 && record["counter"] as? Int == 1)
    #expect(try cairn.run("config", "repository", "--parity", "off").text.contains("no parity"))
    #expect(try cairn.run("config", "repository").text.contains("no parity"))
    #expect(try cairn.run("check").status == 0)
  }

  @Test func theCipherIsChangedForWhatIsStoredFromThenOn() throws {
    try backedUp("--cipher", "xchacha20-poly1305")
    #expect(try cairn.run("config", "repository").text.contains("cipher         xchacha20-poly1305"))
    #expect(try cairn.run("config", "repository", "--cipher", "aes-256-gcm").status == 0)
    #expect(try #require(try cairn.run("config", "repository", "--json").records.first)["cipher"] as? String == "aes-256-gcm")
    var random = SplitMix64(seed: 2)
    try cairn.directory.write("data/other", random.bytes(300_000))
    #expect(try cairn.run("backup", cairn.directory.string + "/data").status == 0)
    #expect(try cairn.run("check", "--read-data").status == 0)
    #expect(try cairn.run("config", "repository", "--cipher", "aes-128-cbc").status == ExitStatus.usage.rawValue)
  }

  @Test(arguments: ["", "32", "32+", "+2", "0+2", "129+2", "32+17", "a+b", "32+2+1", "-1+2", "32 + 2", "on"])
  func aWrongParityIsRefused(_ text: String) throws {
    #expect(ParityArgument(argument: text) == nil)
    #expect(try cairn.run("config", "repository", "--parity=" + text).status == ExitStatus.usage.rawValue)
  }

  @Test func parityIsWrittenAsShards() {
    #expect(ParityArgument(argument: "32+2")?.choice?.data == 32)
    #expect(ParityArgument(argument: "128+16")?.choice?.parity == 16)
    for none in ["off", "32+0"] { #expect(ParityArgument(argument: none).map { $0.choice == nil } == true) }
  }
}
