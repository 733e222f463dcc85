import CairnFormat
import CairnSystem
import Glibc

/// Where the walk begins: the directories above the sources, and the sources themselves.
extension Walker {
  /// Puts the root of the snapshot on the stack.
  ///
  /// - Parameter base: the root of the base snapshot, as `TreeReader.rootNode` gives it.
  func begin(_ plan: SourcePlan, base: Node?) throws {
    guard plan.root.isSource else {
      // A root that only leads to sources has no metadata of its own.
      var own = Node(name: [], type: .directory)
      own.mode = 0o755
      own.flags = [.partialDirectory]
      let site = WalkSite(path: PathNode(), device: 0, ignores: nil)
      let frame = WalkFrame(
        site: site, file: nil, identity: LinkKey(device: 0, inode: 0), entries: .places(plan.root.children), own: own, base: base,
        cursor: try cursor(base, site.path))
      return try push(frame, .absolute([]))
    }
    let path = PathNode.absolute(plan.root.absolute)
    do {
      let file = try OpenFile.open(path.bytes(), [.read, .directory, .nonBlock, .noAccessTime])
      let status = try file.status()
      let listing = try file.list()
      let own = try own([], path, file, status, base)
      try push(
        try frame(
          path: path, file: file, status: status, listing: listing, own: own, base: base, device: status.device, ignores: nil,
          depth: plan.root.absolute.count),
        .absolute(plan.root.absolute))
    } catch let error as FileError {
      throw CairnError(.sourceMissing, "The source \(Escaping.path(plan.root.absolute)) cannot be read: \(error.reason).")
    }
  }

  /// Visits something that leads to a source, or a source.
  func visit(_ frame: WalkFrame, _ place: SourcePlan.Place) throws {
    let base = try matchBase(frame) { name in place.name.withUnsafeBytes { Self.order(name, $0) } }
    do {
      let directory = Array(place.absolute.dropLast())
      components = directory
      let parent = try OpenFile.open(PathNode.absolute(directory).bytes(), [.path, .directory])
      if place.isSource {
        try visitSource(frame, place, directory, parent, base)
      } else {
        try visitAbove(frame, place, parent, base)
      }
    } catch let error as FileError {
      if let base { try noteRemoved(frame, base) }
      problem(PathNode.absolute(place.absolute).bytes(), error.operation, error.reason)
      try markPartial(frame)
    }
  }

  /// A source: from here on everything below is taken.
  private func visitSource(
    _ frame: WalkFrame, _ place: SourcePlan.Place, _ directory: [[UInt8]], _ parent: OpenFile, _ base: Node?
  ) throws {
    let path = PathNode.absolute(directory)
    if filter.patterns.excludes(place.absolute) {
      excludedSources += 1
      run.context.sink.report(.message("The source \(Escaping.path(place.absolute)) is left out by an exclude pattern."))
      return try leaveOut(frame, WalkSite(path: path, device: 0, ignores: nil), place.name, base)
    }
    let status = try FileSystem.status(at: parent, name: place.name)
    let site = WalkSite(path: path, device: status.device, ignores: nil)
    if status.type == .directory {
      try enter(frame, site, parent, place.name, base)
    } else {
      try take(frame, site, parent, place.name, status, base)
    }
  }

  private func visitAbove(_ frame: WalkFrame, _ place: SourcePlan.Place, _ parent: OpenFile, _ base: Node?) throws {
    let path = PathNode.absolute(place.absolute)
    // Links on the way to a source are the user's own words, so they are followed; their directory's metadata is what is stored.
    let handle = try OpenFile.open(place.name, at: parent, [.path, .directory])
    let status = try handle.status()
    let file = try? OpenFile.open(place.name, at: parent, [.read, .directory, .nonBlock, .noAccessTime])  // only for attributes
    var own: Node
    if let file {
      own = try self.own(place.name, path, file, status, base, flags: .partialDirectory)
    } else {
      own = nodes.node(place.name, status)
    }
    own.flags = [.partialDirectory]
    let next = WalkFrame(
      site: WalkSite(path: path, device: status.device, ignores: nil), file: nil,
      identity: LinkKey(device: status.device, inode: status.inode), entries: .places(place.children), own: own, base: base,
      cursor: try cursor(base, path))
    try push(next, .absolute(place.absolute))
  }
}
