package import CairnFormat

/// A committed snapshot: its manifest with later amendments (tags, description) applied.
public struct Snapshot: Sendable {
  /// The session that made it; also its name.
  package let id: SessionID
  /// As stored, with tags and description as last amended.
  package var manifest: Manifest
  /// The object that holds the manifest.
  package let object: ObjectHash?

  /// 32 lower-case hexadecimal digits.
  public var idHex: String { id.hexadecimal }
  /// The first eight digits of `idHex`.
  public var shortID: String { String(id.hexadecimal.prefix(8)) }
  /// Whether it holds the image of a disk, a partition or a file of one.
  public var isImage: Bool { manifest.flags.contains(.image) }
}

/// Snapshots and what was wrong with those that could not be read.
public struct SnapshotList: Sendable {
  /// Oldest first; equal times by id.
  public let snapshots: [Snapshot]
  /// Objects that are damaged or missing, named by their path in the repository.
  public let problems: [ItemProblem]
  /// Snapshots that this machine has seen and that are gone although nobody has forgotten them, as 32 hexadecimal digits.
  public let missingIDs: [String]
  /// Snapshots that are forgotten and can be brought back.
  public let forgottenIDs: [String]

  /// Whether the list holds all that it should.
  public var isComplete: Bool { problems.isEmpty && missingIDs.isEmpty }
}

/// Which snapshots a command looks at.
public struct SnapshotFilter: Sendable {
  /// Any of these host names; empty = all.
  public var hosts: [String] = []
  /// Each inner list must be present as a whole (AND); one inner list suffices (OR).
  public var tags: [[String]] = []
  /// Every one of these source paths must be among the snapshot's.
  public var paths: [String] = []
  /// The series' name or the start of its id in hexadecimal.
  public var series: String?
  /// Names of series, the whole of them and nothing else; one of them.
  public var seriesNames: [String] = []

  public init() {}

  /// Whether it lets every snapshot through.
  public var isEmpty: Bool { hosts.isEmpty && tags.isEmpty && paths.isEmpty && series == nil && seriesNames.isEmpty }

  public func matches(_ snapshot: Snapshot) -> Bool {
    let m = snapshot.manifest
    let has = Set(m.tags)
    return (hosts.isEmpty || hosts.contains { Array($0.utf8) == m.host })
      && (tags.isEmpty || tags.contains { $0.allSatisfy { has.contains(Array($0.utf8)) } })
      && paths.allSatisfy { path in m.paths.contains(Array(path.utf8)) }
      && (seriesNames.isEmpty || seriesNames.contains { Array($0.utf8) == m.seriesName })
      && (series.map { Array($0.utf8) == m.seriesName || (!$0.isEmpty && m.series.hexadecimal.hasPrefix($0)) } ?? true)
  }
}

/// Turns what people type into snapshots.
public enum SnapshotSelector {
  /// Finds one snapshot.
  ///
  /// - Parameters:
  ///   - text: `latest`, `latest~N` (N snapshots before the latest), or the start of an id.
  ///   - snapshots: oldest first.
  ///   - filter: narrows what `latest` means; an id is found whatever the filter says.
  ///   - forgotten: of these an error says how to bring them back.
  /// - Throws: `CairnError` `.notFound` or `.ambiguous`.
  public static func resolve(
    _ text: String, in snapshots: [Snapshot], filter: SnapshotFilter = SnapshotFilter(), forgotten: [String] = []
  ) throws -> Snapshot {
    if text == "latest" || text.hasPrefix("latest~") {
      let back = text == "latest" ? 0 : Int(text.dropFirst(7)) ?? -1
      guard back >= 0 else { throw CairnError(.usage, "'\(Escaping.terminal(Array(text.utf8)))' is not of the form latest~N.") }
      let chosen = snapshots.filter(filter.matches)
      guard back < chosen.count else {
        let many = chosen.isEmpty ? "there is no snapshot" : "there are only \(chosen.count) snapshots"
        throw CairnError(
          .notFound, "Cannot find snapshot \(text): \(many) that match.", guidance: "List them with 'cairn snapshots'.")
      }
      return chosen[chosen.count - 1 - back]
    }
    let shown = Escaping.terminal(Array(text.utf8))
    guard !text.isEmpty, text.utf8.allSatisfy({ ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) }), text.utf8.count <= 32 else {
      throw CairnError(
        .notFound, "'\(shown)' is not a snapshot: give 'latest', 'latest~N' or the first digits of an id.",
        guidance: "List them with 'cairn snapshots'.")
    }
    let found = snapshots.filter { $0.idHex.hasPrefix(text) }
    if found.count == 1 { return found[0] }
    if found.isEmpty, let id = forgotten.first(where: { $0.hasPrefix(text) })?.prefix(8) {
      throw CairnError(.notFound, "Snapshot \(id) is forgotten.", guidance: "Bring it back with 'cairn forget --undo \(id)'.")
    }
    if found.isEmpty { throw CairnError(.notFound, "There is no snapshot \(shown).", guidance: "List them with 'cairn snapshots'.") }
    throw CairnError(
      .ambiguous,
      "\(shown) is the start of \(found.count) snapshot ids: \(found.prefix(5).map { $0.idHex.prefix(12) }.joined(separator: ", ")).",
      guidance: "Give more digits.")
  }

  /// Splits `SNAPSHOT:PATH` at the first colon; the path's empty and "." components are dropped.
  ///
  /// - Throws: `CairnError(.usage)` when the path climbs with "..".
  public static func split(_ text: String) throws -> (selector: String, path: [[UInt8]]) {
    guard let colon = text.firstIndex(of: ":") else { return (text, []) }
    return (String(text[..<colon]), try components(Array(text[text.index(after: colon)...].utf8)))
  }

  /// The components of a path inside a snapshot.
  public static func components(_ path: [UInt8]) throws -> [[UInt8]] {
    let parts = path.split(separator: 0x2f).map(Array.init).filter { $0 != [0x2e] }
    guard !parts.contains([0x2e, 0x2e]) else {
      throw CairnError(.usage, "The path '\(Escaping.terminal(path))' climbs with '..'; give it from the snapshot's root.")
    }
    return parts
  }
}
