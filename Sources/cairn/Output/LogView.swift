import CairnAutomation
import CairnKit
import FoundationEssentials

/// Records of the journal as a table, or as JSON lines.
struct LogView {
  let console: Console

  func print(_ records: [RunRecord]) {
    guard !console.json else {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      // `try?`: what was read can be written.
      for record in records { if let bytes = try? encoder.encode(record) { console.write(Self.safe(Array(bytes)) + [0x0a]) } }
      return
    }
    var table = TextTable([
      ("Time", .left), ("Profile", .left), ("Command", .left), ("Trigger", .left), ("Outcome", .left), ("Duration", .right),
      ("Snapshot", .left), ("Added", .right), ("Message", .left),
    ])
    for record in records { table.add(row(record)) }
    for line in table.lines() { console.line(line) }
    console.line(Human.count(UInt64(records.count), "run"))
  }

  private func row(_ record: RunRecord) -> [String] {
    let status = [0, 1].contains(record.status) ? "" : " (\(record.status))"
    return [
      LocalTime.text(record.started), Self.text(record.profile), record.command.rawValue, record.trigger?.rawValue ?? "",
      record.outcome.rawValue + status,
      Human.duration(Double(record.ended.subtractingReportingOverflow(record.started).partialValue)),
      Self.text(record.snapshot?.id.map { String($0.prefix(8)) }), record.snapshot.map { Human.bytes($0.storedBytes) } ?? "",
      message(record),
    ]
  }

  /// The message and what went wrong beside it, a line each.
  private func message(_ record: RunRecord) -> String {
    let asides = (record.asides ?? []).filter { $0 != record.message }
    let lines = [record.message ?? proof(record) ?? check(record) ?? ""] + asides
    return lines.map { Self.text($0) }.filter { !$0.isEmpty }.joined(separator: "\n")
  }

  private func check(_ record: RunRecord) -> String? {
    record.check.map { check in
      Human.count(check.errors, "error") + (check.readBytes > 0 ? ", \(Human.bytes(check.readBytes)) read" : "")
    }
  }

  private func proof(_ record: RunRecord) -> String? {
    record.proof.map { "\(Human.count($0.files, "file")) proven" + ($0.failures > 0 ? ", \($0.failures) not" : "") }
  }

  /// Whoever may write to the journal may not write to the terminal. Sentences quote names that are escaped already, so that backslashes
  /// stay as they are.
  static func text(_ text: String?) -> String {
    (text ?? "").split(separator: "\\", omittingEmptySubsequences: false).map { Escaping.terminal(Array($0.utf8)) }.joined(separator: "\\")
  }

  /// JSON whose strings hold no control characters of the C1 range and no DEL either.
  private static func safe(_ json: [UInt8]) -> [UInt8] {
    guard json.contains(0x7f) || json.contains(0xc2) else { return json }
    var out: [UInt8] = []
    var index = 0
    while index < json.count {
      let byte = json[index]
      if byte == 0x7f {
        out += Array("\\u007f".utf8)
      } else if byte == 0xc2, index + 1 < json.count, (0x80..<0xa0).contains(json[index + 1]) {
        out += Array("\\u00\(String(json[index + 1], radix: 16))".utf8)
        index += 1
      } else {
        out.append(byte)
      }
      index += 1
    }
    return out
  }
}
