import CairnFormat
import CairnKit

/// Matches as text under a line for each snapshot, or as restic's array of snapshots.
struct FindOutput {
  let console: Console
  let isLong: Bool
  private var current: Snapshot?
  private var hits: UInt64 = 0

  init(console: Console, isLong: Bool) {
    self.console = console
    self.isLong = isLong
    if console.json { console.write(Array("[".utf8)) }
  }

  mutating func show(_ match: FindMatch) {
    if match.snapshot.id != current?.id { begin(match.snapshot) }
    hits += 1
    guard console.json else {
      return console.line(isLong ? NodeRecord.long(match.node, path: match.path) : Escaping.terminal(match.path))
    }
    if hits > 1 { console.write([0x2c]) }
    console.write(JSONLine.object { NodeRecord.write(match.node, path: match.path, to: &$0) }.bytes)
  }

  private mutating func begin(_ snapshot: Snapshot) {
    let isFirst = current == nil
    end()
    if console.json {
      console.write(Array((isFirst ? "" : ",").utf8) + Array("{\"matches\":[".utf8))
    } else {
      if !isFirst { console.line("") }
      console.line("Found matching entries in snapshot \(snapshot.shortID) from \(LocalTime.text(snapshot.manifest.time.seconds))")
    }
    current = snapshot
    hits = 0
  }

  private func end() {
    guard console.json, let current else { return }
    console.write(Array("],\"hits\":\(hits),\"snapshot\":\"\(current.idHex)\"}".utf8))
  }

  func finish() {
    end()
    if console.json { console.line("]") }
  }
}
