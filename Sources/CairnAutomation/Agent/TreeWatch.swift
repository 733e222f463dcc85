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

  /// What a watched path led to when its watch was set: a directory, or that in which a file lies.
  private struct Root {
    let isFile: Bool
    let identity: Exclusion.Identity
    /// nil = it has no watch.
    var number: Int32?
  }

  /// Seconds between two looks at what no watch tells.
  static let lookInterval: Int64 = 60

  private let watch: ChangeWatch
  /// Directories that no profile means: what backups write by themselves.
  private var excluded: Exclusion
  private var places: [Int32: Place] = [:]
  private var paths: [String: [[UInt8]]] = [:]
  /// Of the watched paths of each profile those that are there.
  private var roots: [String: [[UInt8]: Root]] = [:]
  /// Profiles whose trees are looked through, and what they were like.
  private var looked: [String: UInt64] = [:]
  private var nextLook: Int64 = 0
  /// Profiles whose trees were not gone through to the end.
  private var unfinished: Set<String> = []
  /// Whether there is something more urgent than going through a tree.
  var isInterrupted: () -> Bool = { false }
  private(set) var problems: [(profile: String, sentence: String)] = []

  /// - Parameter excluded: whole paths.
  init(excluding excluded: [[UInt8]] = []) throws {
    do { watch = try ChangeWatch() } catch {
      throw CairnError(.failed, "Cannot \(error.description).", guidance: "See fs.inotify.max_user_instances.")
    }
    self.excluded = Self.exclusion(excluded)
  }

  private static func exclusion(_ paths: [[UInt8]]) -> Exclusion {
    // The kernel's own directories change all the time.
    Exclusion(paths.map(cleaned) + ["/proc", "/sys", "/dev", "/run"].map { Array($0.utf8) })
  }

  /// Excludes other paths from now on, for what is set after this; forgets the profiles that are not among these.
  func begin(_ profiles: Set<String>, excluding excluded: [[UInt8]]) {
    self.excluded = Self.exclusion(excluded)
    for profile in paths.keys where !profiles.contains(profile) { forget(profile) }
  }

  var descriptor: CInt { watch.file.descriptor }
  /// Whether there is something to look at without being told.
  var looksByItself: Bool { !paths.isEmpty }

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
    roots[profile] = nil
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
      return
    }
    let path = change.name.isEmpty ? place.path : place.path + (place.path.last == 0x2f ? [] : [0x2f]) + change.name
    guard !excluded.paths.contains(path) else { return }
    changed.formUnion(place.all)
    changed.formUnion(place.named[change.name] ?? [])
    if change.hasGone && change.name.isEmpty { for profiles in place.named.values { changed.formUnion(profiles) } }
    // Of what is deleted each directory tells itself that its watch is gone.
    if change.hasMoved && (change.isDirectory || change.name.isEmpty) { forgetTree(path) }
    if change.isDirectory && change.hasAppeared {
      for profile in place.all.union(place.named[change.name] ?? []) { _ = add(path, profile, since: nil) }
    }
  }

  /// A directory that went away lives on somewhere else, where nobody wants it.
  private func forgetTree(_ path: [UInt8]) {
    let below = path + [0x2f]
    for (number, place) in places where place.path == path || place.path.starts(with: below) {
      places[number] = nil
      watch.remove(number)
    }
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
      if isRoot {
        roots[profile]?[path] = nil
        problems.append((profile, "\(Escaping.terminal(path)) is not there to be watched; it counts as changed when it appears."))
      }
      return false
    }
    // Before the watch: whatever takes its place in between is noticed by the next look.
    if isRoot { roots[profile, default: [:]][path] = Self.root(path, wasFile: false) }
    do throws(FileError) {
      guard status.type == .directory else { return try addFile(path, profile) || Self.isNewer(status, since) }
      let isNewer = try addTree(path, profile, since: since)
      // Of what was taken out of it only the directory itself tells.
      return isNewer || (isRoot && Self.isNewer(status, since))
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
    let folder = Self.folder(path)
    let number = try watch.add(folder, follow: true)
    places[number, default: Place(path: folder)].named[Array(path[(slash + 1)...]), default: []].insert(profile)
    roots[profile]?[path]?.number = number
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
      if path == root { roots[profile]?[path]?.number = number }
      pending += TreePrint.directories(path, follow: path == root, identities) { status in
        isNewer = isNewer || Self.isNewer(status, since)
      }
    }
    return isNewer
  }

  private static func folder(_ path: [UInt8]) -> [UInt8] {
    guard let slash = path.lastIndex(of: 0x2f), slash > 0 else { return [0x2f] }
    return Array(path[..<slash])
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
    for (profile, paths) in paths where looked[profile] == nil {
      let moved = paths.filter { !isInPlace($0, profile) }
      guard !moved.isEmpty else { continue }
      // Of what is gone with its watch, its end has told.
      if moved.contains(where: { Self.root($0, wasFile: false) != nil || isAlive(roots[profile]?[$0]) }) { changed.insert(profile) }
      _ = set(profile, paths, changedSince: nil)
    }
    return changed
  }

  /// Whether a watched path still leads to what is watched, or is still not there: its parents can be renamed and mounted over, and links
  /// be led elsewhere, of which a watch hears nothing.
  private func isInPlace(_ path: [UInt8], _ profile: String) -> Bool {
    let before = roots[profile]?[path]
    let now = Self.root(path, wasFile: before?.isFile == true)
    guard let before, let now else { return before == nil && now == nil }
    return before.isFile == now.isFile && before.identity == now.identity && (before.number == nil || isAlive(before))
  }

  private func isAlive(_ root: Root?) -> Bool { root?.number.map { places[$0] != nil } == true }

  /// What a path leads to now.
  ///
  /// - Parameter wasFile: that which is not there is a file that may come back, as long as its directory is there.
  private static func root(_ path: [UInt8], wasFile: Bool) -> Root? {
    // `try?`: what cannot be reached is not there.
    let status = try? OpenFile.open(path, .path).status()
    guard status != nil || wasFile else { return nil }
    if let status, status.type == .directory { return Root(isFile: false, identity: Exclusion.Identity(status)) }
    return (try? OpenFile.open(folder(path), .path).status()).map { Root(isFile: true, identity: Exclusion.Identity($0)) }
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

    init(_ status: FileStatus) { (device, inode) = (status.device, status.inode) }
  }

  let paths: Set<[UInt8]>

  init(_ paths: [[UInt8]]) { self.paths = Set(paths) }

  /// Of those that are there now.
  var identities: Set<Identity> {
    Set(
      paths.compactMap { path in
        // `try?`: what is not there has none.
        (try? OpenFile.open(path, .path).status()).map(Identity.init)
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
      if status.type == .directory, excluded.contains(.init(status)) { continue }
      body(status)
      if status.type == .directory { found.append((path == [0x2f] ? [] : path) + [0x2f] + listing.name(index)) }
    }
    return found
  }
}
