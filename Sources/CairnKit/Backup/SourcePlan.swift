/// Where the sources given on the command line end up in the snapshot. Pure: paths in, tree out.
///
/// An absolute source keeps its path, a relative one its cleaned path without leading "..". Sources named twice or lying inside
/// another are stored once.
struct SourcePlan {
  /// One source.
  struct Source: Equatable {
    /// As typed.
    let typed: [UInt8]
    /// Components of the absolute path.
    let absolute: [[UInt8]]
    /// Components of the path in the snapshot: the end of `absolute`. Empty: its contents lie at the root.
    let stored: [[UInt8]]
  }

  /// A directory above sources, or a source.
  final class Place {
    let name: [UInt8]
    let absolute: [[UInt8]]
    /// Sorted by name; empty for a source.
    fileprivate(set) var children: [Place] = []
    fileprivate(set) var isSource = false

    init(name: [UInt8], absolute: [[UInt8]]) {
      self.name = name
      self.absolute = absolute
    }
  }

  /// The root of the snapshot.
  let root: Place

  /// Cleans a path as typed; lexically, as `filepath.Clean` does.
  ///
  /// - Parameter workingDirectory: absolute.
  static func source(_ typed: [UInt8], workingDirectory: [UInt8]) -> Source {
    let isAbsolute = typed.first == 0x2f
    let own = clean(typed.split(separator: 0x2f).map(Array.init), keepsLeadingParents: !isAbsolute)
    if isAbsolute { return Source(typed: typed, absolute: own, stored: own) }
    let here = workingDirectory.split(separator: 0x2f).map(Array.init)
    let absolute = clean(here + own, keepsLeadingParents: false)
    return Source(typed: typed, absolute: absolute, stored: Array(own.drop { $0 == parent }))
  }

  private static let parent: [UInt8] = [0x2e, 0x2e]

  private static func clean(_ components: [[UInt8]], keepsLeadingParents: Bool) -> [[UInt8]] {
    var out: [[UInt8]] = []
    for component in components where component != [0x2e] {
      if component != parent {
        out.append(component)
      } else if let last = out.last, last != parent {
        out.removeLast()
      } else if keepsLeadingParents {
        out.append(component)
      }
    }
    return out
  }

  /// Puts the sources into one tree.
  ///
  /// - Throws: `CairnError(.usage)` when two different sources would be stored at the same place.
  init(_ sources: [Source]) throws {
    // Shorter ones first, so that a source inside another finds it there.
    let ordered = sources.sorted { $0.stored.count < $1.stored.count }
    root = Place(name: [], absolute: ordered.first.flatMap { $0.stored.isEmpty ? $0.absolute : nil } ?? [])
    for source in ordered { try insert(source) }
    Self.sort(root)
  }

  private func insert(_ source: Source) throws {
    let outer = source.absolute.count - source.stored.count
    var place = root
    for (depth, name) in source.stored.enumerated() {
      if place.isSource {
        guard place.absolute == Array(source.absolute.prefix(outer + depth)) else { throw Self.conflict(source, place) }
        return
      }
      if let child = place.children.first(where: { $0.name == name }) {
        place = child
      } else {
        let child = Place(name: name, absolute: Array(source.absolute.prefix(outer + depth + 1)))
        place.children.append(child)
        place = child
      }
    }
    guard !place.isSource || place.absolute == source.absolute else { throw Self.conflict(source, place) }
    guard place.children.isEmpty, place.absolute == source.absolute else { throw Self.conflict(source, place) }
    place.isSource = true
  }

  private static func conflict(_ source: Source, _ place: Place) -> CairnError {
    CairnError(
      .usage,
      "The source '\(Escaping.terminal(source.typed))' (\(Escaping.path(source.absolute))) would be stored at the same place as "
        + "\(Escaping.path(place.absolute)).",
      guidance: "Name the sources by absolute paths, or back them up in two runs.")
  }

  private static func sort(_ place: Place) {
    place.children.sort { $0.name.lexicographicallyPrecedes($1.name) }
    for child in place.children { sort(child) }
  }
}
