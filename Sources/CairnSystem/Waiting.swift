import CCairn
import Glibc

/// Waits for the wall clock to show a moment, and notices when it is set.
package final class WallTimer: Sendable {
  package let file: OpenFile

  package init() throws(FileError) {
    file = OpenFile(adopting: CInt(try checked(Int(cairn_wall_timer()), "make a timer", [])))
  }

  /// - Parameter seconds: since 1970; nil = only when the clock is set.
  package func set(_ seconds: Int64?) throws(FileError) {
    // Setting it again is asked for where the clock was set between two calls.
    let far: Int64 = 1 << 33
    let moment = max(1, min(seconds ?? far, far))
    let result = retrying(.lock) { Int(cairn_set_wall_timer(file.descriptor, moment)) }
    if result != -Int(ECANCELED) { try checked(result, "set a timer", []) }
  }

  /// Takes notice of what made it readable.
  ///
  /// - Returns: whether the clock was set.
  package func wasClockSet() -> Bool { cairn_read_wall_timer(file.descriptor) == -ECANCELED }
}

/// `poll(2)` for reading.
package enum Waiting {
  /// Waits until one of the descriptors can be read, or a time has passed.
  ///
  /// - Parameter seconds: nil = for ever.
  package static func forAny(_ descriptors: [CInt], seconds: Double?) {
    var entries = descriptors.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    // A signal ends it early, which does no harm: whoever waits looks at everything again.
    _ = poll(&entries, nfds_t(entries.count), seconds.map { CInt(max(0, min($0, 86_400)) * 1000 + 1) } ?? -1)
  }

  package static func isReadable(_ descriptor: CInt) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 0) > 0
  }
}

/// Waits for children of others that have ended, if this process is the first of all: nobody else does.
package enum Orphans {
  package static func reap(except own: Int32?) {
    guard getpid() == 1 else { return }
    while cairn_reap_other(own ?? -1) > 0 {}
  }
}

/// `inotify(7)`: what changes in watched directories.
package final class ChangeWatch: Sendable {
  /// One change.
  package struct Change: Sendable {
    /// nil = there were too many, and some are lost.
    package let watch: Int32?
    package let isDirectory: Bool
    package let hasAppeared: Bool
    package let hasGone: Bool
    /// It has gone, and is somewhere else.
    package let hasMoved: Bool
    /// The watch is gone with what it watched.
    package let isRemoved: Bool
    /// In the watched directory; empty = that itself.
    package let name: [UInt8]
  }

  package let file: OpenFile

  package init() throws(FileError) {
    file = OpenFile(adopting: CInt(try checked(Int(cairn_changes()), "watch for changes", [])))
  }

  /// Watches a directory or a file. A second watch of the same one has the same number.
  ///
  /// - Parameter follow: go where a symbolic link leads.
  /// - Throws: ENOSPC when the system allows no more watches.
  package func add(_ path: [UInt8], follow: Bool) throws(FileError) -> Int32 {
    let result = withCPath(path) { path in retrying(.open) { Int(cairn_add_watch(file.descriptor, path, follow ? 1 : 0)) } }
    return Int32(try checked(result, "watch", path))
  }

  package func remove(_ watch: Int32) { _ = cairn_remove_watch(file.descriptor, watch) }

  /// What changed since the last call; never waits.
  package func changes() -> [Change] {
    var found: [Change] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 8)
    defer { buffer.deallocate() }
    // Bounded: whoever changes files faster than this is heard again.
    for _ in 0..<64 {
      let count = read(file.descriptor, buffer.baseAddress, buffer.count)
      guard count > 0 else { break }
      var change = cairn_change()
      var offset = 0
      while true {
        offset = cairn_next_change(buffer.baseAddress, offset, count, &change)
        guard offset >= 0 else { break }
        let name = Array(UnsafeRawBufferPointer(start: change.name, count: Int(change.name_length)))
        found.append(
          Change(
            watch: change.watch < 0 ? nil : change.watch, isDirectory: change.is_directory != 0, hasAppeared: change.has_appeared != 0,
            hasGone: change.has_gone != 0, hasMoved: change.has_moved != 0, isRemoved: change.is_removed != 0, name: name))
      }
    }
    return found
  }
}
