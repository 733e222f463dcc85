import ArgumentParser
import CairnAutomation
import CairnKit
import CairnProfiles

/// `cairn report`
struct Report: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    abstract: "Writes a page about the repository: sizes over time, kinds, largest paths, checks, proofs and runs.",
    discussion: """
      The page is one HTML file with everything in it; it needs no network, no script and nothing beside it. With profiles, it is about \
      their series only.

      EXAMPLES
        cairn report --html report.html
        cairn report home --html - | ssh web 'cat > report.html'
      """)

  @Argument(
    help: ArgumentHelp("Only the series of these profiles, which share a repository.", valueName: "profile"),
    completion: .custom { _, _, _ in ConfigurationFiles.profileNames() })
  var names: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The file to write, replaced when it is complete; '-' is standard output.", valueName: "file"),
    completion: .file())
  var html: PathArgument?

  @OptionGroup(title: "Global options") var global: GlobalOptions

  var phase: String { "report" }

  mutating func validate() throws {
    guard html != nil || global.json else { throw ValidationError("Say where the page goes: --html FILE; or --json for the figures.") }
    if global.json, html?.bytes == [0x2d] { throw ValidationError("--html - and --json both want standard output.") }
    // The first profile opens the repository, unless something else is named for that.
    if global.profile == nil, global.repository == nil, global.repositoryFile == nil { global.profile = names.first }
  }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let profiles = try profiles(run)
    let view = try run.openView()
    run.stopsOnSignals()
    let data = try run.withProgress { try ReportSurvey(run, view, profiles).data() }
    if let html { try ReportFile.write(Array(ReportPage(data).html().utf8), to: html.bytes, run.console) }
    if global.json { run.console.line(ReportRecord.json(data)) }
    if let html, html.bytes != [0x2d] {
      run.console.remark("wrote \(Human.count(UInt64(data.snapshots.count), "snapshot")) to \(Escaping.terminal(html.bytes))")
    }
    return run.status
  }

  private func profiles(_ run: Invocation) throws -> [Profile] {
    var profiles = [run.profile].compactMap(\.self)
    guard !names.isEmpty else { return profiles }
    let configuration = try ConfigurationFiles(global, run.environment).read()
    for name in names where !profiles.contains(where: { $0.name == name }) { profiles.append(try configuration.usable(name)) }
    for profile in profiles.dropFirst() where profile.repository?.path != profiles[0].repository?.path {
      throw CairnError(
        .usage, "The profiles '\(profiles[0].name)' and '\(profile.name)' have different repositories.",
        guidance: "Write a report for each repository.")
    }
    return profiles
  }
}
