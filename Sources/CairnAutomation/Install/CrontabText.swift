package import CairnProfiles

/// The lines of profiles in a crontab: a block for each, between marks. All other lines are somebody else's.
package struct CrontabText: Sendable {
  /// Without their ends.
  private var lines: [String]

  package init(_ text: String) {
    // Not by `Character`: a line end of Windows is one, and no line end to cron.
    lines = text.utf8.split(separator: 0x0a, omittingEmptySubsequences: false).map { String(Substring($0)) }
    if lines.last == "" { lines.removeLast() }
  }

  package var text: String { lines.map { $0 + "\n" }.joined() }

  private static let first = "# cairn begin "
  private static let last = "# cairn end "

  /// A block that is there.
  package struct Block: Sendable, Equatable {
    package let profile: String
    package let fingerprint: String
  }

  package var blocks: [Block] {
    lines.compactMap { line in
      guard line.hasPrefix(Self.first) else { return nil }
      let words = line.dropFirst(Self.first.utf8.count).split(whereSeparator: \.isWhitespace)
      return words.first.map { Block(profile: String($0), fingerprint: words.count > 1 ? String(words[1]) : "") }
    }
  }

  /// Takes a profile's block away.
  ///
  /// - Returns: whether there was one.
  @discardableResult
  package mutating func remove(_ profile: String) -> Bool {
    var wasThere = false
    while let start = lines.firstIndex(where: { isMark($0, Self.first, profile) }) {
      wasThere = true
      // A mark without its end is a line by itself: what follows it may be somebody else's. Blocks do not contain each other.
      let next = lines[(start + 1)...].firstIndex { $0.hasPrefix(Self.first) || $0.hasPrefix(Self.last) }
      let end = next.flatMap { isMark(lines[$0], Self.last, profile) ? $0 : nil }
      lines.removeSubrange(start...(end ?? start))
    }
    return wasThere
  }

  /// Puts a profile's block where it was, or at the end.
  package mutating func put(_ profile: String, _ block: [String], fingerprint: String) {
    let place = lines.firstIndex { isMark($0, Self.first, profile) }
    let before = lines[..<(place ?? lines.endIndex)].count
    remove(profile)
    let marked = ["\(Self.first)\(profile) \(fingerprint)"] + block + ["\(Self.last)\(profile)"]
    lines.insert(contentsOf: marked, at: min(before, lines.count))
  }

  private func isMark(_ line: String, _ mark: String, _ profile: String) -> Bool {
    line.hasPrefix(mark) && line.dropFirst(mark.utf8.count).split(whereSeparator: \.isWhitespace).first.map(String.init) == profile
  }

  // MARK: The lines of a profile

  /// What cron is to do for a profile. It knows the calendar and the start of the machine; changes and volumes need the agent.
  package static func block(_ profile: Profile, _ schedule: Schedule, _ run: ScheduledRun) -> [String] {
    let runs = command(run.words(["--quiet", "schedule", "run-now"], profile.name, ["--from-cron"]), run)
    var lines = schedule.crontabFields.map { "\($0) \(runs)" }
    let events = (schedule.atBoot ? ["boot"] : []) + (schedule.volumes.isEmpty ? [] : ["volume"]) + (schedule.watch == nil ? [] : ["watch"])
    if schedule.hasEvents {
      let words = run.words(["--quiet", "schedule", "run"], profile.name, ["--events", events.joined(separator: ",")])
      lines.append("@reboot \(command(words, run))")
    } else if schedule.atBoot {
      lines.append("@reboot \(command(run.words(["--quiet", "backup"], profile.name, ["--trigger", "boot"]), run))")
    }
    if schedule.isTimed && schedule.catchUp && !schedule.atBoot {
      lines.append("@reboot \(command(run.words(["--quiet", "schedule", "run-now"], profile.name, ["--missed"]), run))")
    }
    return lines
  }

  package static func fingerprint(_ profile: Profile, _ schedule: Schedule) -> String {
    Fingerprint.of(block(profile, schedule, .neutral).joined(separator: "\n"))
  }

  /// Cron ends a command at a percent sign, unless a backslash stands before it.
  private static func command(_ words: [String], _ run: ScheduledRun) -> String {
    let variables = run.environment.map { "\($0.name)=\(quoted($0.value))" }
    return (variables + words.map(quoted)).joined(separator: " ").replacing("%", with: "\\%")
  }

  /// For the shell.
  private static func quoted(_ word: String) -> String {
    let isPlain = word.unicodeScalars.allSatisfy { UnitText.isLetterOrDigit($0) || "/._-=:+@,".unicodeScalars.contains($0) }
    return isPlain && !word.isEmpty ? word : "'" + word.replacing("'", with: "'\\''") + "'"
  }
}
