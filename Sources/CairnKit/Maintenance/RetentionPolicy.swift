import CairnFormat

/// Which snapshots of a group stay. A snapshot stays if any rule wants it.
public struct RetentionPolicy: Sendable {
  /// The newest snapshots, whenever they were made.
  public var last: RetentionCount?
  /// The newest snapshot of each of the newest hours, days, … that have any.
  public var periods: [RetentionPeriod: RetentionCount] = [:]
  /// All that are newer than this long before the newest snapshot of the group.
  public var within: RetentionSpan?
  /// The newest snapshot of each hour, day, … since this long before the newest snapshot of the group.
  public var periodsWithin: [RetentionPeriod: RetentionSpan] = [:]
  /// Those with all tags of one of these lists; an empty list stands for those without tags.
  public var tags: [[String]] = []
  /// The newest snapshots of a kind.
  public var kinds: [RetentionKind: RetentionCount] = [:]

  public init() {}

  /// Whether no rule can keep anything.
  public var isEmpty: Bool {
    let counts = [last].compactMap(\.self) + periods.values + kinds.values
    return !counts.contains { $0 != .limited(0) } && within == nil && periodsWithin.isEmpty && tags.isEmpty
  }
}

/// How many.
public enum RetentionCount: Sendable, Hashable {
  case limited(Int)
  case unlimited

  /// - Parameter text: a number, or `unlimited` or restic's `-1` for any number.
  /// - Throws: `CairnError(.usage)`
  public init(_ text: String) throws {
    if text == "unlimited" || text == "-1" {
      self = .unlimited
    } else if let number = Int(text), number >= 0, text.utf8.first != 0x2b {
      self = .limited(number)
    } else {
      throw CairnError(.usage, "'\(Escaping.terminal(Array(text.utf8)))' is not a number from 0 on, or 'unlimited'.")
    }
  }

  var isExhausted: Bool { self == .limited(0) }

  /// One less.
  mutating func take() {
    if case .limited(let number) = self { self = .limited(number - 1) }
  }

  /// `3 of 10`, or just `3` where there is no limit.
  func text(_ number: Int) -> String {
    if case .limited(let limit) = self { "\(number) of \(limit)" } else { "\(number)" }
  }
}

/// How a snapshot was made, as far as retention asks.
public enum RetentionKind: String, Sendable, Hashable, CaseIterable {
  case full, incremental, differential

  init(_ kind: SnapshotKind) {
    switch kind {
    case .full: self = .full
    case .incremental: self = .incremental
    case .differential: self = .differential
    }
  }
}

/// Stretches of the calendar, in the local time of the snapshot.
public enum RetentionPeriod: String, Sendable, Hashable, CaseIterable {
  case hourly, daily, weekly, monthly, quarterly, yearly

  /// A name that all moments of the same stretch share: `2026-11-21 08`, `2026-W47`.
  package func bucket(_ moment: LocalMoment) -> String {
    let day = moment.day
    switch self {
    case .hourly: return "\(Self.text(day)) \(Self.two(moment.hour))"
    case .daily: return Self.text(day)
    case .weekly:
      let week = day.week
      return "\(week.year)-W\(Self.two(week.week))"
    case .monthly: return "\(day.year)-\(Self.two(day.month))"
    case .quarterly: return "\(day.year)-Q\(day.quarter)"
    case .yearly: return "\(day.year)"
    }
  }

  private static func text(_ day: CalendarDay) -> String { "\(day.year)-\(two(day.month))-\(two(day.day))" }
  private static func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
