import ArgumentParser
import Glibc

/// A moment: `now`, `2026-11-21`, `2026-11-21 08:30[:15[.5]]` in local time, or with `Z` or `+02:00` and a `T` as in RFC 3339.
struct TimeArgument: ExpressibleByArgument, Equatable {
  let seconds: Int64
  let nanoseconds: UInt32

  init(seconds: Int64, nanoseconds: UInt32 = 0) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  init?(argument: String) {
    if argument == "now" {
      var now = timespec()
      clock_gettime(CLOCK_REALTIME, &now)
      self.init(seconds: Int64(now.tv_sec), nanoseconds: UInt32(now.tv_nsec))
      return
    }
    var scanner = FieldScanner(argument)
    guard let year = scanner.number(digits: 4), scanner.take("-"), let month = scanner.number(digits: 2), scanner.take("-"),
      let day = scanner.number(digits: 2), (1...12).contains(month), (1...CivilTime.daysIn(month: month, year: year)).contains(day)
    else { return nil }
    var clock = (hour: 0, minute: 0, second: 0, nanoseconds: UInt32(0))
    var offset: Int?
    if scanner.take(" ") || scanner.take("T") {
      guard let hour = scanner.number(digits: 2), scanner.take(":"), let minute = scanner.number(digits: 2), hour < 24, minute < 60
      else { return nil }
      clock.hour = hour
      clock.minute = minute
      if scanner.take(":") {
        guard let second = scanner.number(digits: 2), second < 61 else { return nil }
        clock.second = second
        if scanner.take(".") {
          guard let fraction = scanner.fraction() else { return nil }
          clock.nanoseconds = fraction
        }
      }
      guard scanner.zone(&offset) else { return nil }
    }
    guard scanner.isAtEnd else { return nil }
    let wall = CivilTime.seconds(year: year, month: month, day: day) + Int64(clock.hour * 3600 + clock.minute * 60 + clock.second)
    self.init(seconds: offset.map { wall - Int64($0) } ?? CivilTime.utc(ofLocalWall: wall), nanoseconds: clock.nanoseconds)
  }
}

/// Takes a date apart from left to right.
private struct FieldScanner {
  private var rest: Substring

  init(_ text: String) { rest = text[...] }
  var isAtEnd: Bool { rest.isEmpty }

  mutating func take(_ character: Character) -> Bool {
    guard rest.first == character else { return false }
    rest.removeFirst()
    return true
  }

  mutating func number(digits: Int) -> Int? {
    let field = rest.prefix(digits)
    guard field.count == digits, field.allSatisfy({ ("0"..."9").contains($0) }) else { return nil }
    rest = rest.dropFirst(digits)
    return Int(field)
  }

  /// One to nine digits as nanoseconds.
  mutating func fraction() -> UInt32? {
    let field = rest.prefix { ("0"..."9").contains($0) }
    guard (1...9).contains(field.count) else { return nil }
    rest = rest.dropFirst(field.count)
    return UInt32(field + String(repeating: "0", count: 9 - field.count))
  }

  /// An optional zone at the end; `offset` is seconds east of UTC.
  mutating func zone(_ offset: inout Int?) -> Bool {
    if take("Z") {
      offset = 0
      return true
    }
    let sign = take("+") ? 1 : take("-") ? -1 : 0
    guard sign != 0 else { return true }
    guard let hours = number(digits: 2), hours < 24 else { return false }
    _ = take(":")
    guard let minutes = number(digits: 2), minutes < 60 else { return false }
    offset = sign * (hours * 3600 + minutes * 60)
    return true
  }
}

/// Calendar arithmetic in the Gregorian calendar, without Foundation; local time is glibc's.
enum CivilTime {
  static func daysIn(month: Int, year: Int) -> Int {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    return [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][(month - 1) % 12]
  }

  /// Seconds from 1970-01-01 to midnight of the day, as if UTC (Hinnant's `days_from_civil`).
  static func seconds(year: Int, month: Int, day: Int) -> Int64 {
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let yearOfEra = y - era * 400
    return Int64(era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468) * 86_400
  }

  /// The moment at which local clocks show `wall`; the first one when clocks are set back, the later reading when set forward.
  static func utc(ofLocalWall wall: Int64) -> Int64 {
    let guess = wall - Int64(offset(at: wall))
    return wall - Int64(offset(at: guess))
  }

  /// Seconds east of UTC of the local zone at a moment.
  static func offset(at seconds: Int64) -> Int {
    var moment = time_t(seconds)
    var fields = tm()
    return localtime_r(&moment, &fields) == nil ? 0 : Int(fields.tm_gmtoff)
  }
}
