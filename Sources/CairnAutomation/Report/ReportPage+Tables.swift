import CairnFormat
import CairnKit

/// How a kind is shown in legends.
struct SnapshotKindLook {
  let word: String
  let sign: String
  let meaning: String

  static let all = SnapshotKind.inOrder.map { kind in
    let meaning =
      switch kind {
      case .full: "full: every file was read"
      case .differential: "differential: compared with the newest full one"
      case .incremental: "incremental: compared with the newest one"
      }
    return SnapshotKindLook(word: kind.word, sign: KindCalendar.sign(kind, 0, 0, 11), meaning: meaning)
  }
}

/// How the outcome of a run is shown: a sign and a word, so that the colour is only a help.
struct RunOutcome {
  let sign: String
  let word: String
  let style: String

  init(_ run: RunRecord) {
    switch run.outcome {
    case .success: (sign, word, style) = ("✓", run.command == .prove ? "proven" : run.command == .check ? "no damage" : "success", "good")
    case .incomplete: (sign, word, style) = ("!", "incomplete", "warn")
    case .failure: (sign, word, style) = ("✗", run.check.map { $0.errors > 0 } == true ? "damage" : "failed", "bad")
    case .interrupted: (sign, word, style) = ("–", "interrupted", "warn")
    case .skipped: (sign, word, style) = ("·", "skipped", "soft")
    }
  }
}

extension ReportPage {
  // MARK: - Places

  func places(_ places: ReportData.Places, _ number: Int) -> String {
    let series = isOfManySeries ? " in <span class=\"name\">\(ReportText.name(places.series))</span>" : ""
    var body = "<h3>Largest</h3>\n" + Self.bars(places.largest)
    if let since = places.since {
      body += "<h3>Grown most since \(clock.long(since))</h3>\n"
      body += places.growing.isEmpty ? "<p class=\"soft\">Nothing has grown.</p>\n" : Self.bars(places.growing, sign: "+")
    }
    return Self.section(
      "Where the space goes\(series)",
      """
      Sizes of files in the snapshot of \(clock.long(places.time)). Folders, unless one entry makes up nearly all of them, and files that \
      matter beside these.
      """, body)
  }

  private static func bars(_ places: [PathSize], sign: String = "") -> String {
    guard let largest = places.first?.bytes, largest > 0 else { return "<p class=\"soft\">Nothing: all files are empty.</p>\n" }
    let rows = places.map { place in
      let width = ReportText.at(Double(place.bytes) / Double(largest) * 100)
      return """
        <tr><td class="name" title="\(ReportText.name(place.path))">\(ReportText.short(place.path, 90))\(place.isDirectory ? "/" : "")</td>\
        <td class="bars" aria-hidden="true"><span class="bar" style="width:\(width)%"></span></td>\
        <td class="n">\(sign)\(ReportText.bytes(place.bytes))</td></tr>

        """
    }
    return """
      <table class="places"><thead><tr><th scope="col">Path</th><th class="bars" aria-hidden="true"></th>\
      <th scope="col" class="n">Size</th></tr></thead>
      <tbody>\(rows.joined())</tbody></table>

      """
  }

  // MARK: - Journal

  /// Checks, proofs and runs.
  var history: [String] {
    let care = data.runs.filter { $0.command == .check || $0.command == .prove }
    let others = data.runs.filter { $0.command != .check && $0.command != .prove }
    let careBody =
      care.isEmpty
      ? "<p class=\"soft\">The journal of this machine knows of none. 'cairn check' looks for damage, 'cairn prove' restores a sample.</p>\n"
      : marks(care) + runTable(care)
    let runBody = others.isEmpty ? "<p class=\"soft\">The journal of this machine knows of none.</p>\n" : marks(others) + runTable(others)
    return [
      Self.section(
        "Checks and proofs", "Whether the repository was found whole, and whether files came back from it as recorded.", careBody),
      Self.section("Runs", "What the runs on this machine came to; newest on the right, and first in the table.", runBody),
    ]
  }

  private func marks(_ runs: [RunRecord]) -> String {
    let items = runs.prefix(Self.markedRuns).reversed().map { run in
      let outcome = RunOutcome(run)
      let title = "\(clock.minute(run.started)): \(run.command.rawValue), \(outcome.word)"
      return """
        <li title="\(title)" class="\(outcome.style)"><span aria-hidden="true">\(outcome.sign)</span>\
        <span class="hidden">\(title)</span></li>
        """
    }
    return "<ul class=\"marks\">\(items.joined())</ul>\n"
  }

  private func runTable(_ runs: [RunRecord]) -> String {
    let hasProfiles = runs.contains { $0.profile != nil }
    let rows = runs.prefix(Self.listedRuns).map { run in
      let outcome = RunOutcome(run)
      let profile = hasProfiles ? "<td class=\"name\">\(ReportText.sentence(run.profile ?? ""))</td>" : ""
      return """
        <tr><td class="t">\(clock.minute(run.started))</td><td>\(run.command.rawValue)</td>\(profile)\
        <td class="t \(outcome.style)">\(outcome.sign) \(outcome.word)</td><td class="n">\(Self.duration(run))</td>\
        <td>\(Self.result(run))</td></tr>

        """
    }
    let more =
      runs.count > Self.listedRuns
      ? "<p class=\"soft\">\(ReportText.count(runs.count - Self.listedRuns, "older run")) not listed.</p>\n" : ""
    return """
      <div class="scroll" tabindex="0"><table><thead><tr><th scope="col">Time</th><th scope="col">Command</th>\
      \(hasProfiles ? "<th scope=\"col\">Profile</th>" : "")<th scope="col">Outcome</th><th scope="col" class="n">Took</th>\
      <th scope="col">Result</th></tr></thead>
      <tbody>\(rows.joined())</tbody></table></div>
      \(more)
      """
  }

  private static func result(_ run: RunRecord) -> String {
    var parts: [String] = []
    if let snapshot = run.snapshot {
      parts.append("\(ReportText.sentence(snapshot.kind)), \(ReportText.bytes(snapshot.storedBytes)) stored")
    }
    if let check = run.check {
      parts.append(check.readBytes > 0 ? "\(ReportText.bytes(check.readBytes)) read" : "structure")
      if check.errors > 0 { parts.append(ReportText.count(Int(clamping: check.errors), "error")) }
    }
    if let proof = run.proof {
      parts.append("\(ReportText.count(Int(clamping: proof.files), "file")), \(ReportText.bytes(proof.bytes)) as recorded")
      if proof.failures > 0 { parts.append("\(ReportText.count(proof.failures)) not") }
    }
    for sentence in [run.message].compactMap({ $0 }) + (run.asides ?? []).prefix(3) {
      parts.append(ReportText.short(Array(sentence.utf8), 300))
    }
    return parts.joined(separator: "; ")
  }

  private static func duration(_ run: RunRecord) -> String {
    let seconds = max(0, run.ended.subtractingReportingOverflow(run.started).partialValue)
    if seconds < 60 { return "\(seconds) s" }
    return seconds < 3600 ? "\(seconds / 60) min" : "\(seconds / 3600) h \(seconds / 60 % 60) min"
  }

  // MARK: - Snapshots

  var isOfManySeries: Bool { data.snapshots.contains { $0.series != data.snapshots[0].series } }

  var table: String {
    let hasSeries = isOfManySeries
    let hasHosts = data.snapshots.contains { $0.host != data.snapshots[0].host }
    let rows = data.snapshots.suffix(Self.listed).reversed().map { row($0, hasSeries: hasSeries, hasHosts: hasHosts) }
    let left = data.snapshots.count - min(data.snapshots.count, Self.listed)
    let text = left > 0 ? "The latest \(Self.listed); \(ReportText.count(left, "older one")) not listed." : "All of them, newest first."
    let heads: [(String, Bool)] =
      [("Time", false), ("Id", false), ("Kind", false)] + (hasSeries ? [("Series", false)] : []) + (hasHosts ? [("Host", false)] : [])
      + [("Files", true), ("Size", true), ("Added", true), ("Stored", true), ("Notes", false)]
    return Self.section(
      "Snapshots", text,
      """
      <div class="scroll" tabindex="0"><table><thead><tr>\
      \(heads.map { "<th scope=\"col\"\($0.1 ? " class=\"n\"" : "")>\($0.0)</th>" }.joined())</tr></thead>
      <tbody>\(rows.joined())</tbody></table></div>

      """)
  }

  private func row(_ entry: ReportData.Entry, hasSeries: Bool, hasHosts: Bool) -> String {
    var notes = entry.tags.prefix(8).map { ReportText.short($0, 40) }
    if entry.errors > 0 { notes.append("<span class=\"warn\">\(ReportText.count(entry.errors)) not read</span>") }
    let base = entry.base.map { " on <code>\(ReportText.sentence($0))</code>" } ?? ""
    let sign = KindCalendar.sign(entry.kind, 0, 0, 11)
    return """
      <tr><td class="t">\(clock.minute(entry.time))</td><td><code>\(ReportText.sentence(entry.id))</code></td>\
      <td class="t">\(Self.swatch(entry.kind.word, sign))\(entry.kind.word)\(base)</td>\
      \(hasSeries ? "<td class=\"name\">\(ReportText.short(entry.series, 60))</td>" : "")\
      \(hasHosts ? "<td class=\"name\">\(ReportText.short(entry.host, 60))</td>" : "")\
      <td class="n">\(ReportText.count(entry.files))</td><td class="n">\(ReportText.bytes(entry.logicalBytes))</td>\
      <td class="n">\(ReportText.bytes(entry.addedUniqueBytes))</td><td class="n">\(ReportText.bytes(entry.addedStoredBytes))</td>\
      <td class="name">\(notes.joined(separator: ", "))</td></tr>

      """
  }
}
