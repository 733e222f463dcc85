import CairnKit
import CairnSystem
import Glibc

/// Shows the counters while a verb runs: a line of the terminal, lines where `CAIRN_PROGRESS_FPS` asks for them, or JSON.
///
/// On a terminal ten times a second; `--json` once a second; else not at all. The variable changes the rate, 0 turns it off.
struct ProgressDisplay {
  private let console: Console
  private let counters: ProgressCounters
  /// "restore" and "check" have words of their own.
  private let phase: String
  private let mode: Mode
  private let interval: Double
  private let started = SystemClock.monotonicNanoseconds()

  private enum Mode { case none, line, lines, json }

  /// - Parameter rate: reports a second as the environment has it; nil = not set.
  init(_ console: Console, _ counters: ProgressCounters, rate: Double?, phase: String) {
    self.console = console
    self.phase = phase
    self.counters = counters
    if console.isQuiet || rate == 0 {
      mode = .none
    } else if console.json {
      mode = .json
    } else if console.errorIsTerminal {
      mode = .line
    } else {
      mode = rate == nil ? .none : .lines
    }
    interval = 1 / min(60, max(rate ?? (mode == .json ? 1 : 10), 0.001))
  }

  /// Runs `body` with the display on.
  func during<R>(_ body: () throws -> R) throws -> R {
    guard mode != .none else { return try body() }
    return try ThreadScope.run { scope in
      var ends: [CInt] = [-1, -1]
      guard pipe(&ends) == 0 else { return try body() }
      let (end, done) = (OpenFile(adopting: ends[0]), OpenFile(adopting: ends[1]))
      scope.spawn("progress") { show(until: end) }
      // Writing a byte ends the display's wait; `done` must live until then.
      defer {
        var byte: UInt8 = 0
        _ = Glibc.write(done.descriptor, &byte, 1)
      }
      return try body()
    }
  }

  private func show(until end: OpenFile) {
    var meter = RateMeter()
    while true {
      var wait = pollfd(fd: end.descriptor, events: Int16(POLLIN), revents: 0)
      let count = poll(&wait, 1, Int32(interval * 1000))
      if count > 0 { break }
      let seconds = Double(SystemClock.monotonicNanoseconds() - started) / 1e9
      meter.add(seconds: seconds, bytes: counters.bytesDone.value)
      switch mode {
      case .none: break
      case .line: console.showProgress(text(seconds, meter, columns: Terminal.columns(2)))
      case .lines: console.complain(text(seconds, meter, columns: .max))
      case .json:
        console.line(ProgressText.json(counters, seconds, meter, phase: phase))
        console.flush()
      }
    }
    if mode == .line { console.showProgress("") }
  }

  private func text(_ seconds: Double, _ meter: RateMeter, columns: Int) -> String {
    ProgressText.line(counters, seconds, meter, noun: phase == "check" ? "pack" : "file", columns: columns)
  }
}

/// Bytes a second over the last few seconds.
struct RateMeter {
  private var samples: [(seconds: Double, bytes: UInt64)] = [(0, 0)]

  mutating func add(seconds: Double, bytes: UInt64) {
    samples.append((seconds, bytes))
    while samples.count > 2, let first = samples.first, seconds - first.seconds > 10 { samples.removeFirst() }
  }

  var bytesPerSecond: Double {
    guard let first = samples.first, let last = samples.last, last.seconds > first.seconds, last.bytes >= first.bytes else { return 0 }
    return Double(last.bytes - first.bytes) / (last.seconds - first.seconds)
  }

  /// Seconds until `total` bytes are reached; nil when there is no telling.
  func remaining(total: UInt64) -> Double? {
    guard let last = samples.last, bytesPerSecond > 0, total >= last.bytes else { return nil }
    return Double(total - last.bytes) / bytesPerSecond
  }
}

/// What the progress display says.
enum ProgressText {
  /// `[0:12] 45.23 %  1234 / 5678 files, 1.234 / 3.456 GiB, 123.4 MiB/s, ETA 0:23  current/name`, cut to the width.
  static func line(_ counters: ProgressCounters, _ seconds: Double, _ meter: RateMeter, noun: String, columns: Int) -> String {
    let (files, bytes, errors) = (counters.filesDone.value, counters.bytesDone.value, counters.errors.value)
    var text = "[\(Human.duration(seconds))]"
    if counters.totalsKnown.value > 0 {
      let (totalFiles, totalBytes) = (counters.filesTotal.value, counters.bytesTotal.value)
      text +=
        " \(Human.percent(bytes, of: totalBytes))  \(files)/\(totalFiles) \(noun)s, \(Human.bytes(bytes)) of \(Human.bytes(totalBytes))"
    } else {
      text += " \(Human.count(files, noun)), \(Human.bytes(bytes))"
    }
    text += ", \(Human.bytes(UInt64(meter.bytesPerSecond)))/s"
    if counters.totalsKnown.value > 0, let rest = meter.remaining(total: counters.bytesTotal.value) {
      text += ", ETA \(Human.duration(rest))"
    }
    if errors > 0 { text += ", \(Human.count(errors, "error"))" }
    let current = counters.current
    if !current.isEmpty { text += "  " + Escaping.terminal(current) }
    return columns == .max ? text : DisplayWidth.prefix(text, columns: max(1, columns - 1))
  }

  /// restic's `status` record.
  static func json(_ counters: ProgressCounters, _ seconds: Double, _ meter: RateMeter, phase: String) -> JSONLine {
    JSONLine.object { line in
      let (bytes, total) = (counters.bytesDone.value, counters.bytesTotal.value)
      line.member("message_type", "status")
      line.member("seconds_elapsed", UInt64(seconds))
      if counters.totalsKnown.value > 0, let rest = meter.remaining(total: total) { line.member("seconds_remaining", UInt64(rest)) }
      line.member("percent_done", counters.totalsKnown.value > 0 && total > 0 ? min(1, Double(bytes) / Double(total)) : 0)
      line.member("total_files", counters.filesTotal.value)
      line.member(phase == "restore" ? "files_restored" : "files_done", counters.filesDone.value)
      line.member("total_bytes", total)
      line.member(phase == "restore" ? "bytes_restored" : "bytes_done", bytes)
      line.member("bytes_stored", counters.bytesStored.value)
      line.member("error_count", counters.errors.value)
      let current = counters.current
      if !current.isEmpty { line.member("current_files", names: [current]) }
    }
  }
}
