package import CairnFormat
package import CairnKit
import Glibc

/// `[profile.NAME.scheme]`: how often a snapshot of each kind is due.
///
/// A kind is due when the current day, week, month … has no snapshot of it or of a stronger kind yet (full is stronger than
/// differential, differential than incremental). A missed one is thus made up for by the next run, once. Runs in between make the
/// weakest kind.
package struct Scheme: Sendable, Equatable {
  package enum Frequency: String, Sendable, CaseIterable {
    /// Every run.
    case always
    /// Once a stretch of the calendar in local time; weeks begin on Monday.
    case hourly, daily, weekly, monthly, quarterly, yearly
    /// Not by the scheme. The first snapshot of a series is full all the same.
    case never

    package var period: RetentionPeriod? { RetentionPeriod(rawValue: rawValue) }
    /// 0 is the most frequent.
    fileprivate var rarity: Int { Self.allCases.firstIndex(of: self) ?? 0 }
  }

  package var full = Frequency.never
  package var differential = Frequency.never
  /// What other runs make where `differential` is not given; `never` where only full and differential ones are wanted.
  package var incremental = Frequency.always

  package init() {}

  init(_ reader: inout SectionReader) {
    full = reader.choice("full", Frequency.self) ?? .never
    differential = reader.choice("differential", Frequency.self) ?? .never
    incremental = reader.choice("incremental", Frequency.self) ?? (differential == .never ? .always : .never)
    let order = [("full", full), ("differential", differential), ("incremental", incremental)].filter { $0.1 != .never }
    for (stronger, weaker) in zip(order, order.dropFirst()) where weaker.1.rarity >= stronger.1.rarity {
      reader.mistake(
        weaker.0, "is '\(weaker.1.rawValue)' and '\(stronger.0)' is '\(stronger.1.rawValue)': it would never be due; make it more frequent")
    }
    if order.isEmpty { reader.log.mistake(reader.place, "[\(reader.name)] makes nothing: name a kind such as full = \"monthly\"") }
    reader.finish()
  }

  // MARK: - Which kind is due

  /// A snapshot of the series that exists.
  package struct Made: Sendable {
    package let time: Int64
    package let kind: SnapshotKind

    /// - Parameter time: seconds since 1970.
    package init(time: Int64, kind: SnapshotKind) {
      self.time = time
      self.kind = kind
    }
  }

  /// The kind of a snapshot made at `now`.
  ///
  /// - Parameters:
  ///   - now: seconds since 1970.
  ///   - history: the snapshots that the series has, in any order. Those dated more than a day after `now` are left out: the clock was
  ///     wrong then, or is now; they must not stand for the day at hand for years to come.
  package func kind(at now: Int64, history: [Made], calendar: LocalCalendar) -> SnapshotKind {
    let (limit, overflow) = now.addingReportingOverflow(86_400)
    let real = overflow ? history : history.filter { $0.time <= limit }
    guard real.contains(where: { $0.kind == .full }) else { return .full }
    let ranks: [(kind: SnapshotKind, frequency: Frequency)] = [
      (.full, full), (.differential, differential), (.incremental, incremental),
    ]
    var counted: [SnapshotKind] = []
    for rank in ranks {
      counted.append(rank.kind)
      switch rank.frequency {
      case .never: continue
      case .always: return rank.kind
      default: break
      }
      guard let period = rank.frequency.period else { continue }
      let stretch = calendar.stretch(period, at: now)
      let isThere = real.contains { counted.contains($0.kind) && calendar.stretch(period, at: $0.time) == stretch }
      if !isThere { return rank.kind }
    }
    return weakest
  }

  private var weakest: SnapshotKind { incremental != .never ? .incremental : differential != .never ? .differential : .full }
}

/// Local time: how far east of UTC its clocks are set at a moment.
package struct LocalCalendar: Sendable {
  /// Minutes east of UTC at seconds since 1970.
  package let offset: @Sendable (Int64) -> Int32

  package init(offset: @escaping @Sendable (Int64) -> Int32) { self.offset = offset }

  /// That of the system, TZ heeded.
  package static let system = LocalCalendar { seconds in
    var moment = time_t(seconds)
    var fields = tm()
    guard localtime_r(&moment, &fields) != nil else { return 0 }
    return Int32(clamping: fields.tm_gmtoff / 60)
  }

  /// A name that all moments of the same hour, day, week … share. The hour that comes twice when clocks are set back is two hours.
  package func stretch(_ period: RetentionPeriod, at seconds: Int64) -> String {
    let offset = offset(seconds)
    let name = period.bucket(LocalMoment(Timestamp(seconds: seconds, nanoseconds: 0), offsetMinutes: offset))
    return period == .hourly ? "\(name) \(offset)" : name
  }
}
