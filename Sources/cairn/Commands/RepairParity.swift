import ArgumentParser
import CairnKit
import CairnStorage

/// `cairn repair parity`
struct RepairParity: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    commandName: "parity", abstract: "Finds damaged packs and mends them by their parity. Needs no password.",
    discussion: """
      Reads all packs, or those that are named. A pack is replaced only by bytes that hash to its name, so a repair cannot make \
      anything worse. It cannot know of packs that are missing altogether: 'cairn check' does. The exit status is 1 when a pack is \
      damaged that parity cannot mend.

      EXAMPLES
        cairn repair parity --dry-run
        cairn repair parity
      """)

  @Flag(name: [.customLong("dry-run"), .customShort("n")], help: "Say what is damaged and could be mended; change nothing.")
  var dryRun = false

  @Argument(help: ArgumentHelp("Packs: paths, names or their first digits; all if none is given.", valueName: "pack"))
  var packs: [String] = []

  @OptionGroup(title: "Global options") var global: GlobalOptions

  var phase: String { "repair" }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let path = try run.repositoryPath()
    let storage = try storageCall("opening the repository") { try LocalStorage.open(path: path) }
    run.stopsOnSignals()
    let console = run.console
    let repair = try ParityRepair(storage, isDryRun: dryRun, context: run.context) { Self.show($0, console) }
    let report = try run.withProgress { try repair.perform(packs) }
    if console.json { console.line(Self.record(report)) } else { for line in text(report) { console.remark(line) } }
    return report.isDamaged ? .failed : .success
  }

  private static func show(_ finding: ParityRepair.Finding, _ console: Console) {
    let isError = finding.outcome == .damaged
    if console.json {
      let line = record(finding)
      if isError { console.complain(line) } else { console.line(line) }
    } else if isError {
      console.complain("error: \(finding.object) \(finding.what).")
      console.complain("  If another copy of the repository has it, put it back; 'cairn check --read-data' tells what is lost otherwise.")
    } else {
      console.line("\(finding.object) \(finding.what)")
    }
  }

  private static func record(_ finding: ParityRepair.Finding) -> JSONLine {
    JSONLine.object { line in
      line.member("message_type", finding.outcome == .damaged ? "error" : "pack")
      line.member("object", finding.object)
      line.member("outcome", finding.outcome.rawValue)
      line.member("message", "\(finding.object) \(finding.what).")
      line.list("ranges") { line in
        for range in finding.ranges {
          line.element { line in
            line.member("offset", range.lowerBound)
            line.member("length", range.count)
          }
        }
      }
    }
  }

  private static func record(_ report: ParityRepair.Report) -> JSONLine {
    JSONLine.object { line in
      line.member("message_type", "summary")
      line.member("packs", report.packs)
      line.member("packs_with_parity", report.packsWithParity)
      line.member("bytes_read", report.bytes)
      line.member("mended", report.mended)
      line.member("mendable", report.mendable)
      line.member("not_mended", report.damaged)
      line.member("total_duration", report.seconds)
    }
  }

  private func text(_ report: ParityRepair.Report) -> [String] {
    var lines = [
      "\(Human.count(report.packs, "pack")) read, \(Human.bytes(report.bytes)); \(Human.count(report.packsWithParity, "has", "have")) parity"
    ]
    if report.mended + report.mendable + report.damaged == 0 {
      lines.append("no pack is damaged")
    } else {
      let mended = dryRun ? "\(report.mendable) can be mended" : "\(report.mended) mended"
      lines.append("\(mended), \(report.damaged) damaged beyond mending, in \(Human.duration(report.seconds))")
    }
    return lines
  }
}
