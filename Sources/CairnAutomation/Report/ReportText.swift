import CairnFormat
import CairnKit
import CairnProfiles

/// Text for the page: what comes from outside is made harmless here, and nowhere else.
enum ReportText {
  /// For HTML and SVG, in elements and in quoted attributes; also well-formed as XML.
  static func escaped(_ text: String) -> String {
    var out = ""
    out.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": out += "&amp;"
      case "<": out += "&lt;"
      case ">": out += "&gt;"
      case "\"": out += "&quot;"
      case "'": out += "&#39;"
      default: out.unicodeScalars.append(isAllowed(scalar) ? scalar : "\u{fffd}")
      }
    }
    return out
  }

  /// A name as bytes: control characters, direction changes and what is no UTF-8 are shown by their numbers.
  static func name(_ bytes: [UInt8]) -> String { escaped(Escaping.terminal(bytes)) }

  /// A sentence that may quote anything.
  static func sentence(_ text: String) -> String { name(Array(text.utf8)) }

  /// A name cut in the middle where it is long; whoever shows it says it whole elsewhere.
  static func short(_ bytes: [UInt8], _ limit: Int) -> String {
    let text = Array(Escaping.terminal(bytes))
    guard text.count > limit else { return escaped(String(text)) }
    let tail = limit * 2 / 3
    return escaped(String(text.prefix(limit - tail - 1))) + "…" + escaped(String(text.suffix(tail)))
  }

  private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x0a, 0x20...0x7e, 0xa0...0xd7ff, 0xe000...0xfffd: true
    default: scalar.value >= 0x10000 && scalar.value & 0xfffe != 0xfffe
    }
  }

  // MARK: - Numbers

  private static let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]

  /// Three digits: `0 B`, `1.23 GiB`, `45.6 KiB`, `789 MiB`.
  static func bytes(_ count: UInt64) -> String {
    var value = Double(count)
    var unit = 0
    // 999.5 would be shown as 1000.
    while value >= (unit == 0 ? 1000 : 999.5), unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    guard unit > 0 else { return "\(count) B" }
    return decimal(value, value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2) + " " + units[unit]
  }

  /// As `bytes`, for the mark of an axis: `60 MiB`.
  static func mark(_ count: UInt64) -> String {
    let parts = bytes(count).split(separator: " ")
    var number = parts[0]
    while number.contains("."), number.last == "0" || number.last == "." { number.removeLast() }
    return number + " " + parts[1]
  }

  static func decimal(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "0" }
    let scale: Int64 = digits == 0 ? 1 : digits == 1 ? 10 : 100
    let scaled = Int64((value * Double(scale)).rounded())
    let fraction = String(scaled.magnitude % UInt64(scale))
    let whole = "\(scaled < 0 ? "-" : "")\(scaled.magnitude / UInt64(scale))"
    return digits == 0 ? whole : whole + "." + String(repeating: "0", count: digits - fraction.utf8.count) + fraction
  }

  /// `12 345` with thin spaces.
  static func count(_ n: UInt64) -> String {
    let digits = Array(String(n))
    guard digits.count > 4 else { return String(digits) }
    return digits.indices.map { ($0 > 0 && (digits.count - $0) % 3 == 0 ? "\u{202f}" : "") + String(digits[$0]) }.joined()
  }

  static func count(_ n: Int, _ noun: String) -> String { "\(count(UInt64(max(0, n)))) \(noun)\(n == 1 ? "" : "s")" }

  /// A coordinate.
  static func at(_ value: Double) -> String {
    let text = decimal(value, 1)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}

/// Moments by local clocks.
struct ReportClock: Sendable {
  let calendar: LocalCalendar

  static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
  static let weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

  /// Some ten thousand years to both sides of 1970: what lies outside is shown as the edge.
  static let edge: Int64 = 1 << 38

  /// Days since 1970-01-01.
  func day(_ seconds: Int64) -> Int64 { Self.floored(reading(seconds), 86_400) }

  /// `2026-11-21 08:30`
  func minute(_ seconds: Int64) -> String {
    let second = reading(seconds) - day(seconds) * 86_400
    return "\(Self.date(day(seconds))) \(Self.two(second / 3600)):\(Self.two(second / 60 % 60))"
  }

  /// `21 Nov 2026`
  func long(_ seconds: Int64) -> String {
    let date = CalendarDay(number: day(seconds))
    return "\(date.day) \(Self.months[Int(date.month) - 1]) \(date.year)"
  }

  /// `2026-11-21`
  static func date(_ day: Int64) -> String {
    let date = CalendarDay(number: day)
    return "\(date.year)-\(two(date.month))-\(two(date.day))"
  }

  /// 0 = Monday.
  static func weekday(_ day: Int64) -> Int64 { (day + 3) - floored(day + 3, 7) * 7 }

  static func floored(_ a: Int64, _ b: Int64) -> Int64 { a >= 0 ? a / b : -((b - 1 - a) / b) }

  private func reading(_ seconds: Int64) -> Int64 {
    let known = min(max(seconds, -Self.edge), Self.edge)
    return known + Int64(calendar.offset(known)) * 60
  }
  private static func two(_ n: Int64) -> String { n < 10 ? "0\(n)" : "\(n)" }
}
