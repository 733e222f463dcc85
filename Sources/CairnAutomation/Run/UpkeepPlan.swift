package import CairnKit
package import CairnProfiles

/// What of the upkeep is due after a backup, by what the journal says of the repository.
package struct UpkeepPlan: Sendable, Equatable {
  /// nil = no check is due.
  package private(set) var check: CheckOptions.ReadData?
  /// How `check` was asked for, as the journal has it; nil = structure only.
  package private(set) var subset: String?
  package private(set) var proves = false

  /// Each is due once a stretch of the calendar, and counts from whoever did it. Where data is to be read too, a look at the structure
  /// does not count.
  package init(_ upkeep: Upkeep, _ repository: JournalDigest.OfRepository, now: Int64, calendar: LocalCalendar) {
    let last = upkeep.readDataSubset == nil ? repository.lastCheck : repository.lastReadingCheck
    if Self.isDue(upkeep.check, last: last?.ended, now: now, calendar: calendar) {
      subset = upkeep.readDataSubset.map { Self.next($0, after: repository.lastReadingCheck?.check?.subset) }
      // `try?`: the configuration was found to be right.
      check = subset.flatMap { try? CheckOptions.ReadData(subset: $0) } ?? CheckOptions.ReadData.none
    }
    proves = Self.isDue(upkeep.prove, last: repository.lastProof?.ended, now: now, calendar: calendar)
  }

  /// Whether the stretch of `now` has none yet. One dated in the future does not count: the clock was wrong then, or is now.
  static func isDue(_ frequency: Scheme.Frequency, last: Int64?, now: Int64, calendar: LocalCalendar) -> Bool {
    switch frequency {
    case .never: return false
    case .always: return true
    default: break
    }
    guard let period = frequency.period, let last, last <= now.addingClamped(JournalDigest.slack) else { return true }
    return calendar.stretch(period, at: last) != calendar.stretch(period, at: now)
  }

  /// Of a part `n/m` the one that comes after the last one read, so that m checks read everything.
  static func next(_ subset: String, after last: String?) -> String {
    func parts(_ text: String) -> [Int]? {
      let numbers = text.split(separator: "/", omittingEmptySubsequences: false).compactMap { Int($0) }
      return numbers.count == 2 && text.contains("/") && numbers[1] > 0 ? numbers : nil
    }
    guard let wanted = parts(subset), let last = last.flatMap(parts), last[1] == wanted[1], (1...last[1]).contains(last[0]) else {
      return subset
    }
    return "\(last[0] % last[1] + 1)/\(last[1])"
  }
}
