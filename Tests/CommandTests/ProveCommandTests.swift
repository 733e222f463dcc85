import CairnAutomation
import CairnSystem
import CairnTestSupport
import Foundation
import Glibc
import Testing

@testable import cairn

@Suite(.timeLimit(.minutes(2))) struct ProveCommandTests {
  private func planted(files: Int = 30) throws -> CairnProcess {
    let cairn = try CairnProcess.withRepository()
    try FileManager.default.createDirectory(atPath: cairn.path + "/source/sub", withIntermediateDirectories: true)
    try FileManager.default.createDirectory(atPath: cairn.path + "/scratch", withIntermediateDirectories: true)
    var random = SplitMix64(seed: 3)
    for number in 0..<files { try cairn.directory.write("source/\(number % 2 == 0 ? "sub/" : "")file\(number)", random.bytes(20_000)) }
    _ = try cairn.backUp()
    return cairn
  }

  private func prove(_ cairn: CairnProcess, _ arguments: String...) throws -> CairnProcess.Result {
    let result = try cairn.run(bytes: (["prove", "--scratch", "scratch"] + arguments).map { Array($0.utf8) })
    let left = try FileManager.default.contentsOfDirectory(atPath: cairn.path + "/scratch")
    #expect(left.isEmpty)
    return result
  }

  private func journal(_ cairn: CairnProcess) throws -> [RunRecord] {
    var records: [RunRecord] = []
    try Journal(state: Array((cairn.path + "/.local/state/cairn").utf8)).forEachNewestFirst {
      records.append($0)
      return true
    }
    return records
  }

  @Test func whatWasProvenIsSaidInWordsAndKeptInTheJournal() throws {
    let cairn = try planted()
    let result = try prove(cairn, "--seed", "42")
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.errors.isEmpty)
    let id = try #require(try cairn.run("snapshots", "--json").array.first?["short_id"] as? String)
    #expect(result.text.contains("20 of 30 files of snapshot \(id), 390.625 KiB, came back exactly as recorded, in 0:0"))
    #expect(result.text.contains("the same sample again: cairn prove \(id) --seed 42"))
    let record = try #require(try journal(cairn).first)
    #expect(record.command == .prove && record.outcome == .success && record.status == 0 && record.message == nil)
    #expect(record.proof?.files == 20 && record.proof?.failures == 0 && record.proof?.seed == 42 && record.proof?.bytes == 400_000)
    #expect(record.proof?.snapshot.hasPrefix(id) == true)
  }

  @Test func everythingIsProvenWithAll() throws {
    let cairn = try planted(files: 12)
    let result = try prove(cairn, "--all", "--json")
    #expect(result.status == 0)
    #expect(result.summary["files_proven"] as? Int == 12)
    #expect(result.summary["is_whole"] as? Bool == true)
    #expect((result.summary["statement"] as? String)?.hasPrefix("all 12 files of snapshot ") == true)
  }

  @Test func aDamagedPackNamesTheFilesAndHasStatus1() throws {
    let cairn = try planted()
    let packs = cairn.path + "/repository/packs"
    for name in try FileManager.default.subpathsOfDirectory(atPath: packs) where name.contains("-") {
      let path = packs + "/" + name
      var data = try Data(contentsOf: URL(fileURLWithPath: path))
      // Data packs are the large ones.
      guard data.count > 100_000 else { continue }
      for offset in stride(from: 200, to: data.count / 2, by: 100) { data[offset] ^= 1 }
      try FileManager.default.removeItem(atPath: path)
      try data.write(to: URL(fileURLWithPath: path))
    }
    let result = try prove(cairn, "--all")
    #expect(result.status == 1)
    #expect(result.errors.contains("differs: ") && result.errors.contains("/source/"))
    #expect(result.text.contains("NOT come back as recorded"))
    let record = try #require(try journal(cairn).first)
    #expect(record.outcome == .failure && record.status == 1 && (record.proof?.failures ?? 0) > 0)
    #expect(record.message?.contains("NOT come back as recorded") == true)
  }

  @Test func aSampleThatNothingFitsIntoHasStatus3() throws {
    let cairn = try planted(files: 3)
    let result = try prove(cairn, "--bytes", "1k")
    #expect(result.status == 3)
    #expect(result.text.contains("3 files larger than the whole sample were left out"))
    #expect(try journal(cairn).first?.outcome == .incomplete)
  }

  @Test func aProofThatFailsIsInTheJournalToo() throws {
    let cairn = try planted(files: 1)
    let result = try cairn.run("prove", "--scratch", "nowhere")
    #expect(result.status == 1 && result.errors.contains("--scratch"))
    let record = try #require(try journal(cairn).first)
    #expect(record.outcome == .failure && record.proof == nil && record.message?.contains("scratch folder") == true)
  }

  @Test(arguments: [["--files", "0"], ["--all", "--files", "3"], ["--all", "--seed", "1"], ["--bytes", "x"], ["--files", "9999999"]])
  func wrongNumbersHaveStatus64(arguments: [String]) throws {
    let cairn = CairnProcess()
    #expect(try cairn.run(bytes: (["prove"] + arguments).map { Array($0.utf8) }).status == 64)
  }

  @Test func anInterruptedProofLeavesNothingBehind() throws {
    let cairn = try planted(files: 3000)
    let files = TemporaryDirectory()
    try files.write("in", [])
    let child = try cairn.start(
      ["prove", "--all", "--scratch", "scratch"].map { Array($0.utf8) }, input: files.string + "/in", output: files.string + "/out",
      errors: files.string + "/err")
    // As soon as something is there; three thousand files take far longer than that.
    while try FileManager.default.contentsOfDirectory(atPath: cairn.path + "/scratch").isEmpty { sched_yield() }
    child.send(SIGTERM)
    #expect(child.wait() == ExitStatus.interrupted.rawValue)
    #expect(try FileManager.default.contentsOfDirectory(atPath: cairn.path + "/scratch").isEmpty)
    #expect(try journal(cairn).first?.outcome == .interrupted)
  }
}
