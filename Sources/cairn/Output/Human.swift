import Glibc

/// Numbers and times for people.
enum Human {
  /// Binary units with three digits behind the point, as restic prints them: `512 B`, `1.500 KiB`.
  static func bytes(_ count: UInt64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    guard count >= 1024 else { return "\(count) B" }
    var value = Double(count) / 1024
    var unit = 0
    while value >= 1024, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    return fixed(value, 3) + " " + units[unit]
  }

  /// Three digits at the most, for narrow columns: `512 B`, `1.5 KiB`, `340 MiB`.
  static func roundBytes(_ count: UInt64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    var value = Double(count)
    var unit = -1
    while value >= 999.5, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    return unit < 0 ? "\(count) B" : fixed(value, value < 9.95 ? 1 : 0) + " " + units[unit]
  }

  /// `1 234 567`: groups of three digits.
  static func grouped(_ count: Int) -> String {
    let digits = Array(String(count))
    return String(digits.enumerated().flatMap { $0 > 0 && (digits.count - $0) % 3 == 0 ? [" ", $1] : [$1] })
  }

  /// `0:07`, `12:34`, `1:02:03`.
  static func duration(_ seconds: Double) -> String {
    let total = Int(max(0, min(seconds, 1e9)))
    let (hours, minutes, rest) = (total / 3600, total / 60 % 60, total % 60)
    return hours > 0 ? "\(hours):\(two(minutes)):\(two(rest))" : "\(minutes):\(two(rest))"
  }

  /// `45.23 %`; never 100 before it is.
  static func percent(_ part: UInt64, of whole: UInt64) -> String {
    guard whole > 0 else { return "100.00 %" }
    let share = min(Double(part) / Double(whole) * 100, part >= whole ? 100 : 99.99)
    return fixed(share, 2) + " %"
  }

  /// A number with `digits` digits behind the point, rounded.
  static func fixed(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite, abs(value) < 1e15 else { return "-" }
    let scale = (0..<digits).reduce(1.0) { product, _ in product * 10 }
    let scaled = Int64((value * scale).rounded())
    let magnitude = scaled.magnitude
    let whole = magnitude / UInt64(scale)
    let fraction = String(magnitude % UInt64(scale))
    let sign = scaled < 0 ? "-" : ""
    return digits == 0 ? "\(sign)\(whole)" : "\(sign)\(whole)." + String(repeating: "0", count: digits - fraction.utf8.count) + fraction
  }

  /// `1 file`, `2 files`.
  static func count(_ n: UInt64, _ noun: String, _ plural: String? = nil) -> String {
    n == 1 ? "1 \(noun)" : "\(n) \(plural ?? noun + "s")"
  }

  /// `3 412`: digits in groups of three.
  static func grouped(_ n: UInt64) -> String {
    let digits = Array(String(n))
    return digits.indices.map { (($0 > 0 && (digits.count - $0) % 3 == 0) ? " " : "") + String(digits[$0]) }.joined()
  }

  static func two(_ n: Int) -> String { n < 10 ? "0\(n)" : String(n) }
}

/// Moments in the local zone, for people and as RFC 3339.
enum LocalTime {
  /// `2026-11-21 08:30:15`.
  static func text(_ seconds: Int64) -> String {
    let f = fields(seconds)
    return "\(year(f))-\(Human.two(Int(f.tm_mon) + 1))-\(Human.two(Int(f.tm_mday))) \(clock(f))"
  }

  /// `2026-11-21 08:30`.
  static func minutes(_ seconds: Int64) -> String { String(text(seconds).dropLast(3)) }

  /// RFC 3339 with nanoseconds and the offset of the local zone: `2026-11-21T08:30:15.000000001+01:00`.
  static func rfc3339(_ seconds: Int64, _ nanoseconds: UInt32) -> String {
    let f = fields(seconds)
    let digits = String(nanoseconds)
    var fraction = String(repeating: "0", count: max(0, 9 - digits.utf8.count)) + digits
    while fraction.last == "0" { fraction.removeLast() }
    let offset = Int(f.tm_gmtoff) / 60
    let zone = offset == 0 ? "Z" : (offset < 0 ? "-" : "+") + Human.two(abs(offset) / 60) + ":" + Human.two(abs(offset) % 60)
    return "\(year(f))-\(Human.two(Int(f.tm_mon) + 1))-\(Human.two(Int(f.tm_mday)))T\(clock(f))"
      + (fraction.isEmpty ? "" : "." + fraction) + zone
  }

  private static func fields(_ seconds: Int64) -> tm {
    var moment = time_t(seconds)
    var fields = tm()
    // Fails for years that do not fit an Int32; the epoch is shown then.
    if localtime_r(&moment, &fields) == nil {
      moment = 0
      localtime_r(&moment, &fields)
    }
    return fields
  }

  private static func year(_ f: tm) -> String {
    let digits = String(Int(f.tm_year) + 1900)
    return String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
  }

  private static func clock(_ f: tm) -> String { "\(Human.two(Int(f.tm_hour))):\(Human.two(Int(f.tm_min))):\(Human.two(Int(f.tm_sec)))" }
}
