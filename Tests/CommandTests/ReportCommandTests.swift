import CairnSystem
import CairnTestSupport
import Foundation
import Testing

@testable import cairn

@Suite(.timeLimit(.minutes(2))) struct ReportCommandTests {
  private func planted() throws -> CairnProcess {
    let cairn = try CairnProcess.withRepository()
    try cairn.makeSource()
    _ = try cairn.backUp("--time", "2026-10-01 02:00:00")
    try cairn.directory.write("source/sub/new", [UInt8](repeating: 7, count: 50_000))
    _ = try cairn.backUp("--time", "2026-11-20 02:00:00")
    _ = try cairn.run("prove")
    return cairn
  }

  @Test func thePageIsWrittenAndReplacedAsAWhole() throws {
    let cairn = try planted()
    let path = cairn.path + "/report.html"
    let result = try cairn.run("report", "--html", "report.html")
    #expect(result.status == 0, "\(result.errors)")
    #expect(result.text == "wrote 2 snapshots to report.html\n")
    let html = try String(contentsOfFile: path, encoding: .utf8)
    #expect(html.hasPrefix("<!DOCTYPE html>") && html.hasSuffix("</html>\n"))
    #expect(html.contains("✓ proven") && html.contains("Grown most since 1 Oct 2026") && html.contains("/source/sub/new"))
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o600)
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
    #expect(try cairn.run("report", "--html", path).status == 0)
    #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o644)
    #expect(try !FileManager.default.contentsOfDirectory(atPath: cairn.path).contains { $0.hasPrefix(".cairn-report") })
  }

  @Test func aLinkIsReplacedByAFileForItsOwnerAlone() throws {
    let cairn = try planted()
    try cairn.write("other", "other")
    let folder = try cairn.directory.open()
    try FileSystem.makeSymbolicLink(target: Array("other".utf8), at: folder, name: Array("report.html".utf8))
    #expect(try cairn.run("report", "--html", "report.html").status == 0)
    let status = try FileSystem.status(at: folder, name: Array("report.html".utf8))
    #expect(status.type == .regular && status.mode & 0o7777 == 0o600)
    #expect(try cairn.directory.read("other") == Array("other".utf8))
  }

  @Test func aDashIsStandardOutput() throws {
    let result = try planted().run("report", "--html", "-")
    #expect(result.status == 0 && result.text.hasPrefix("<!DOCTYPE html>") && result.text.hasSuffix("</html>\n"))
  }

  @Test func theFiguresAreToBeHadAsJSON() throws {
    let record = try #require(try planted().run("report", "--json").records.first)
    let snapshots = try #require(record["snapshots"] as? [[String: Any]])
    #expect(snapshots.map { $0["logical_size"] as? Int } == [13, 50_013])
    let growing = ((record["places"] as? [[String: Any]])?.first?["growing"] as? [[String: Any]])?.first
    #expect((growing?["path"] as? String)?.hasSuffix("/source/sub/new") == true && growing?["size"] as? Int == 50_000)
    #expect(record["runs"] as? Int == 1)
  }

  @Test func anEmptyRepositoryHasAReport() throws {
    let result = try CairnProcess.withRepository().run("report", "--html", "-")
    #expect(result.status == 0 && result.text.contains("No snapshots yet"))
  }

  @Test func aProfileHasItsOwnSeriesOnly() throws {
    let cairn = try planted()
    try cairn.write(
      "cairn.toml",
      """
      [repository.disk]
      path = "\(cairn.path)/repository"
      key-file = "\(cairn.path)/key"
      [profile.own]
      repository = "disk"
      sources = ["\(cairn.path)/source"]
      """)
    let setting: [String: String?] = ["CAIRN_REPOSITORY": nil, "CAIRN_KEY_FILE": nil, "CAIRN_CONFIG": cairn.path + "/cairn.toml"]
    #expect(try cairn.run("backup", "-P", "own", setting: setting).status == 0)
    for arguments in [["report", "own", "--json"], ["report", "-P", "own", "--json"]] {
      let result = try cairn.run(bytes: arguments.map { Array($0.utf8) }, setting: setting)
      #expect((result.records.first?["snapshots"] as? [Any])?.count == 1, "\(result.errors)")
    }
    #expect(try cairn.run("report", "other", "--json", setting: setting).status == 64)
  }

  @Test(arguments: [["report"], ["report", "--html", "-", "--json"]])
  func aReportThatGoesNowhereHasStatus64(arguments: [String]) throws {
    #expect(try CairnProcess().run(bytes: arguments.map { Array($0.utf8) }).status == 64)
  }

  @Test func aPlaceThatCannotBeWrittenIsNamed() throws {
    let result = try planted().run("report", "--html", "nowhere/report.html")
    #expect(result.status == 1 && result.errors.contains("The report cannot be written to 'nowhere/report.html'"))
  }
}
