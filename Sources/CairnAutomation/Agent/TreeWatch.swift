import CairnKit
import CairnSystem
import SystemPackage

/// Tells whose watched files have changed.
///
/// Every directory below a watched path has a watch of its own. Where the system allows no more of them, the trees of a profile are looked
/// through now and then instead.
final class TreeWatch {
  /// What a watch of the system stands for.
  private struct Place {
    let path: [UInt8]
    /// Profiles that want everything in it.
    var all: Set<String> = []
    /// Those that want one name in it.
    var named: [[UInt8]: Set<String>] = [:]
  }

  /// Seconds between two looks at what is not watched.
  static let lookInterval: Int64 = 60

  private let watch: ChangeWatch
  /// Directories that no profile means: what backups write by themselves.
  private let excluded: Exclusion
  private var places: [Int32: Place] = [:]
  private var paths: [String: [[UInt8]]] = [:]
  /// Watched paths that are not there.
  private var missing: [String: Set<[UInt8]>] = [:]
  /// Profiles whose trees are looked through, and what they were like.
  private var looked: [String: UInt64] = [:]
  private var nextLook: Int64 = 0
  /// Profiles whose trees were not gone through to the end.
  private var unfinished: Set<String> = []
  /// Whether there is something more urgent than going through a tree.
  var isInterrupted: () -> Bool = { false }
  private(set) var problems: [(profile: String, sentence: String)] = []

  /// - Parameter excluded: whole paths.
  init(excluding excluded: [[UInt8]]) throws {
    do { watch = try ChangeWatch() } catch {
      throw CairnError(.failed, "Cannot \(error.description).", guidance: "See fs.inotify.max_user_instances.")
    }
    // The kernel's own directories change all the time.
    self.excluded = Exclusion(excluded.map(Self.cleaned) + ["/proc", "/sys", "/dev", "/run"].map { Array($0.utf8) })
  }

  var descriptor: CInt { watch.file.descriptor }
  /// Whether there is something to look at without being told.
  var looksByItself: Bool { !looked.isEmpty || !unfinished.isEmpty || missing.values.contains { !$0.isEmpty } }

  /// The sentences since the last call.
  func takeProblems() -> [(profile: String, sentence: String)] {
    defer { problems = [] }
    return problems
  }

  /// Watches a profile's paths, in place of those before.
  ///
  /// - Parameter since: seconds since 1970; nil = it does not matter what changed before.
  /// - Returns: whether something in them has changed since then.
  func set(_ profile: String, _ paths: [[UInt8]], changedSince since: Int64?) -> Bool {
    forget(profile)
    self.paths[profile] = paths.map(Self.cleaned)
    var isNewer = false
    for path in self.paths[profile] ?? [] where add(path, profile, since: since) { isNewer = true }
    return isNewer
  }

  func forget(_ profile: String) {
    paths[profile] = nil
    missing[profile] = nil
    looked[profile] = nil
    unfinished.remove(profile)
    for (number, var place) in places {
      place.all.remove(profile)
      place.named = place.named.mapValues { $0.subtracting([profile]) }.filter { !$0.value.isEmpty }
      keep(place, number)
    }
  }

  private func keep(_ place: Place, _ number: Int32) {
    places[number] = place
    guard place.all.isEmpty && place.named.isEmpty else { return }
    places[number] = nil
    watch.remove(number)
  }

  /// The profiles whose files have changed since the last call.
  func takeChanges(now: Int64) -> Set<String> {
    var changed: Set<String> = []
    for profile in unfinished { _ = set(profile, paths[profile] ?? [], changedSince: nil) }
    for change in watch.changes() { take(change, &changed) }
    if looksByItself && now >= nextLook {
      nextLook = now + Self.lookInterval
      changed.formUnion(look())
    }
    return changed
  }

  private func take(_ change: ChangeWatch.Change, _ changed: inout Set<String>) {
    guard let number = change.watch else {
      // Directories may be new that nobody watches.
      for (profile, paths) in paths where looked[profile] == nil {
        changed.insert(profile)
        _ = set(profile, paths, changedSince: nil)
      }
      return
    }
    guard let place = places[number] else { return }
    if change.isRemoved {
      places[number] = nil
      noteMissing(place)
      return
    }
    let path = change.name.isEmpty ? place.path : place.path + (place.path.last == 0x2f ? [] : [0x2f]) + change.name
    guard !excluded.paths.contains(path) else { return }
    changed.formUnion(place.all)
    changed.formUnion(place.named[change.name] ?? [])
    if change.isDirectory && change.hasGone && !change.name.isEmpty { forgetTree(path) }
    if change.isDirectory && change.hasAppeared {
      for profile in place.all.union(place.named[change.name] ?? []) { _ = add(path, profile, since: nil) }
    }
    if change.hasGone && change.name.isEmpty { noteMissing(place) }
  }

  /// A directory that went away lives on somewhere else, where nobody wants it.
  private func forgetTree(_ path: [UInt8]) {
    for (number, place) in places where place.path == path || place.path.starts(with: path + [0x2f]) {
      places[number] = nil
      watch.remove(number)
    }
  }

  private func noteMissing(_ place: Place) {
    for (profile, paths) in paths where paths.contains(place.path) { missing[profile, default: []].insert(place.path) }
  }

  // MARK: Watching

  /// Watches a path and everything below.
  ///
  /// - Returns: whether something in it has changed since then.
  private func add(_ path: [UInt8], _ profile: String, since: Int64?) -> Bool {
    guard looked[profile] == nil else { return false }
    let isRoot = paths[profile]?.contains(path) == true
    // `try?`: a path that is not there, or a part of it, is looked for again.
    guard let file = try? OpenFile.open(path, isRoot ? [.path] : [.path, .noFollow]), let status = try? file.status() else {
      if isRoot && missing[profile]?.contains(path) != true {
        missing[profile, default: []].insert(path)
        problems.append((profile, "\(Escaping.terminal(path)) is not there to be watched; it counts as changed when it appears."))
      }
      return false
    }
    do throws(FileError) {
      guard status.type == .directory else { return try addFile(path, profile) || Self.isNewer(status, since) }
      return try addTree(path, profile, since: since)
    } catch {
      guard error.errno == .noSpace || error.errno == .noMemory else { return false }
      problems.append(
        (
          profile,
          "There are more directories to watch than the system allows (fs.inotify.max_user_watches): "
            + "the files are looked through every \(Self.lookInterval) seconds instead."
        ))
      let paths = paths[profile] ?? []
      forget(profile)
      self.paths[profile] = paths
      looked[profile] = TreePrint.of(paths, excluded, isInterrupted)
      return false
    }
  }

  /// A file is replaced as often as it is written to: its directory tells both.
  private func addFile(_ path: [UInt8], _ profile: String) throws(FileError) -> Bool {
    guard let slash = path.lastIndex(of: 0x2f) else { return false }
    let folder = slash == 0 ? [0x2f] : Array(path[..<slash])
    let number = try watch.add(folder, follow: true)
    places[number, default: Place(path: folder)].named[Array(path[(slash + 1)...]), default: []].insert(profile)
    return false
  }

  private func addTree(_ root: [UInt8], _ profile: String, since: Int64?) throws(FileError) -> Bool {
    var isNewer = false
    var pending = [root]
    let identities = excluded.identities
    while let path = pending.popLast() {
      guard !isInterrupted() else {
        unfinished.insert(profile)
        break
      }
      guard !excluded.paths.contains(path) else { continue }
      let number: Int32
      // What has gone in between needs no watch.
      do { number = try watch.add(path, follow: path == root) } catch {
        if error.errno == .noSpace || error.errno == .noMemory { throw error }
        continue
      }
      var place = places[number] ?? Place(path: path)
      if place.path != path { place = Place(path: path, all: place.all, named: place.named) }
      place.all.insert(profile)
      places[number] = place
      pending += TreePrint.directories(path, follow: path == root, identities) { status in
        isNewer = isNewer || Self.isNewer(status, since)
      }
    }
    return isNewer
  }

  private static func isNewer(_ status: FileStatus, _ since: Int64?) -> Bool { since.map { status.ctime.seconds >= $0 } ?? false }

  // MARK: Looking

  private func look() -> Set<String> {
    var changed: Set<String> = []
    for (profile, before) in looked {
      let now = TreePrint.of(paths[profile] ?? [], excluded, isInterrupted)
      guard !isInterrupted() else { return changed }
      if now != before { changed.insert(profile) }
      looked[profile] = now
    }
    for (profile, paths) in missing {
      for path in paths where (try? OpenFile.open(path, .path)) != nil {
        missing[profile]?.remove(path)
        changed.insert(profile)
        _ = add(path, profile, since: nil)
      }
    }
    return changed
  }

  private static func cleaned(_ path: [UInt8]) -> [UInt8] {
    let parts = path.split(separator: 0x2f)
    return parts.isEmpty ? [0x2f] : parts.reduce(into: []) { $0 += [0x2f] + $1 }
  }
}

/// Directories that do not count, under whatever name they are met.
struct Exclusion {
  struct Identity: Hashable {
    let device: UInt64
    let inode: UInt64
  }

  let paths: Set<[UInt8]>

  init(_ paths: [[UInt8]]) { self.paths = Set(paths) }

  /// Of those that are there now.
  var identities: Set<Identity> {
    Set(
      paths.compactMap { path in
        // `try?`: what is not there has none.
        (try? OpenFile.open(path, .path).status()).map { Identity(device: $0.device, inode: $0.inode) }
      })
  }
}

/// What files are like, in a number.
enum TreePrint {
  static func of(_ paths: [[UInt8]], _ excluded: Exclusion, _ isInterrupted: () -> Bool) -> UInt64 {
    var sum: UInt64 = 0
    var pending = paths
    let identities = excluded.identities
    while let path = pending.popLast(), !isInterrupted() {
      guard !excluded.paths.contains(path) else { continue }
      // `try?`: what is gone counts as nothing.
      if paths.contains(path), let status = try? OpenFile.open(path, .path).status() { sum &+= value(status) }
      pending += directories(path, follow: paths.contains(path), identities) { sum &+= value($0) }
    }
    return sum
  }

  private static func value(_ status: FileStatus) -> UInt64 {
    var hasher = Hasher()
    hasher.combine(status.inode)
    hasher.combine(status.size)
    hasher.combine(status.ctime.seconds)
    hasher.combine(status.ctime.nanoseconds)
    return UInt64(bitPattern: Int64(hasher.finalize()))
  }

  /// The directories in a directory; `body` is told of all that is in it. What is excluded is left out.
  static func directories(
    _ path: [UInt8], follow: Bool, _ excluded: Set<Exclusion.Identity>, _ body: (FileStatus) -> Void
  ) -> [[UInt8]] {
    // `try?`: what cannot be read, or is no directory, has none.
    guard let directory = try? OpenFile.open(path, follow ? [.read, .directory] : [.read, .directory, .noFollow]),
      let listing = try? directory.list()
    else { return [] }
    var found: [[UInt8]] = []
    for index in 0..<listing.count {
      guard let status = try? FileSystem.status(at: directory, listing, index) else { continue }
      if status.type == .directory, excluded.contains(.init(device: status.device, inode: status.inode)) { continue }
      body(status)
      if status.type == .directory { found.append((path == [0x2f] ? [] : path) + [0x2f] + listing.name(index)) }
    }
    return found
  }
}
