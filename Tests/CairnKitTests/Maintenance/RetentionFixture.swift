import CairnFormat
import CairnTestSupport
import Testing

@testable import CairnKit

/// Snapshots by their time, for policies.
enum RetentionFixture {
  /// 2100-01-01: nothing of these tests is in the future.
  static let now = Timestamp(seconds: 4_102_444_800)

  /// - Parameter text: `2026-11-21 08:30` by the clock of the zone, optionally with seconds.
  static func seconds(_ text: String, offset: Int32 = 0) throws -> Int64 {
    let numbers = text.split { !$0.isNumber }.compactMap { Int64($0) }
    try #require(numbers.count >= 5)
    let day = CalendarDay(year: numbers[0], month: numbers[1], day: numbers[2]).number
    return day * 86_400 + numbers[3] * 3600 + numbers[4] * 60 + (numbers.count > 5 ? numbers[5] : 0) - Int64(offset) * 60
  }

  /// - Parameter number: tells snapshots of the same time apart.
  static func snapshot(
    _ seconds: Int64, offset: Int32 = 0, number: UInt8 = 0, tags: [String] = [], kind: SnapshotKind = .full, series: UInt8 = 0
  ) -> Snapshot {
    var random = withUnsafeBytes(of: seconds.bigEndian) { [UInt8]($0) }
    random += [number, kind.rawValue, series, 0]
    let id = SessionID(random: random, epoch: 0)
    var manifest = Manifest(
      session: id, time: Timestamp(seconds: seconds), root: .zero, kind: kind, series: .zero, client: .zero, started: .zero)
    manifest.zoneOffsetMinutes = offset
    manifest.tags = tags.map { Array($0.utf8) }
    return Snapshot(id: id, manifest: manifest, object: nil)
  }

  /// Snapshots at these local times, in the order given.
  static func snapshots(_ times: [String], offset: Int32 = 0) throws -> [Snapshot] {
    try times.map { snapshot(try seconds($0, offset: offset), offset: offset) }
  }

  /// From the words of the command line: `daily 7`, `within 2d`, `daily within 7d`, `tag a,b`, `full 3`.
  static func policy(_ text: String) throws -> RetentionPolicy {
    var policy = RetentionPolicy()
    for rule in text.split(separator: ";") {
      let words = rule.split(separator: " ").map(String.init)
      let last = try #require(words.last)
      if words[0] == "last" {
        policy.last = try RetentionCount(last)
      } else if words[0] == "within" {
        policy.within = try RetentionSpan(last)
      } else if words[0] == "tag" {
        policy.tags.append(last.split(separator: ",").map(String.init))
      } else if let kind = RetentionKind(rawValue: words[0]) {
        policy.kinds[kind] = try RetentionCount(last)
      } else {
        let period = try #require(RetentionPeriod(rawValue: words[0]))
        if words.count == 3 {
          policy.periodsWithin[period] = try RetentionSpan(last)
        } else {
          policy.periods[period] = try RetentionCount(last)
        }
      }
    }
    return policy
  }

  /// Seeded snapshots of some years, with zones, tags and kinds.
  static func random(_ random: inout SplitMix64) -> [Snapshot] {
    let count = Int(random.next() % 60)
    return (0..<count).map { number in
      snapshot(
        1_700_000_000 + Int64(random.next() % 4) * 31_000_000 + Int64(random.next() % 4_000_000),
        offset: Int32(random.next() % 5) * 90 - 180, number: UInt8(number), tags: random.next() % 8 == 0 ? ["keep"] : [],
        kind: random.next() % 4 == 0 ? .full : .incremental)
    }
  }

  static func randomPolicy(_ random: inout SplitMix64) throws -> RetentionPolicy {
    var rules: [String] = []
    for name in ["last", "hourly", "daily", "weekly", "monthly", "quarterly", "yearly", "full", "incremental"] where random.next() % 3 == 0
    {
      rules.append("\(name) \(random.next() % 9 == 0 ? "unlimited" : String(random.next() % 6))")
    }
    for name in ["within", "hourly within", "daily within", "monthly within", "yearly within"] where random.next() % 6 == 0 {
      rules.append("\(name) \(1 + random.next() % 3)\(["h", "d", "w", "m", "y"][Int(random.next() % 5)])")
    }
    if random.next() % 4 == 0 { rules.append("tag keep") }
    return try policy(rules.joined(separator: ";"))
  }
}
