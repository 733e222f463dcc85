import CairnFormat
import CairnSystem

/// A quick count of the source beside the backup, for a progress line that knows how much there is. Nothing depends on it: what
/// cannot be listed is skipped, and ignore files and tags are not looked at.
struct SourceEstimate: Sendable {
  private static let largestStack = 1 << 16
  private let roots: [[[UInt8]]]
  private let filter: EntryFilter
  private let context: RunContext
  /// Set when the walk itself is over and knows better.
  private let isObsolete: Cancellation

  init(_ plan: SourcePlan, _ filter: EntryFilter, _ context: RunContext, isObsolete: Cancellation) {
    roots = Self.sources(plan.root)
    self.filter = filter
    self.context = context
    self.isObsolete = isObsolete
  }

  private static func sources(_ place: SourcePlan.Place) -> [[[UInt8]]] {
    place.isSource ? [place.absolute] : place.children.flatMap(sources)
  }

  func run() {
    var files: UInt64 = 0
    var bytes: UInt64 = 0
    var open = roots
    var isWhole = true
    while let path = open.popLast(), !isObsolete.isCancelled, !context.cancellation.isCancelled {
      // `try?` here and below: an estimate leaves out what it cannot see.
      let flags: OpenFlags = [.source, .directory]
      guard let directory = try? OpenFile.open(PathNode.absolute(path).bytes(), flags), let listing = try? directory.list() else {
        guard let parent = try? OpenFile.open(PathNode.absolute(path.dropLast()).bytes(), [.path, .directory]), let name = path.last,
          let status = try? FileSystem.status(at: parent, name: name), status.type == .regular
        else { continue }
        files += 1
        bytes = bytes.addingSaturated(status.size)
        continue
      }
      for index in 0..<listing.count {
        let entry = path + [listing.name(index)]
        if !filter.patterns.isEmpty, filter.patterns.excludesEntry(entry) { continue }
        if listing.typeHint(index) == .directory {
          // A directory of very many directories: their names would fill the memory for the sake of a guess.
          if open.count < Self.largestStack { open.append(entry) } else { isWhole = false }
        } else if let status = try? FileSystem.status(at: directory, listing, index), status.type == .regular,
          filter.largerThan.map({ status.size <= $0 }) ?? true
        {
          files += 1
          bytes = bytes.addingSaturated(status.size)
        }
      }
      context.counters.filesTotal.set(files)
      context.counters.bytesTotal.set(bytes)
    }
    if isWhole, !isObsolete.isCancelled, !context.cancellation.isCancelled { publish(files, bytes) }
  }

  private func publish(_ files: UInt64, _ bytes: UInt64) {
    context.counters.totalsKnown.set(1)
    context.sink.report(.scanned(files: files, bytes: bytes))
  }
}
