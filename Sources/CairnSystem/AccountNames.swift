import Glibc
import Synchronization

/// User and group names for numbers and back, each asked of the system once. Safe from any thread.
package final class AccountNames: Sendable {
  private struct Cache {
    var users: [UInt32: [UInt8]?] = [:]
    var groups: [UInt32: [UInt8]?] = [:]
    var userIDs: [[UInt8]: UInt32?] = [:]
    var groupIDs: [[UInt8]: UInt32?] = [:]
  }
  private let cache = Mutex(Cache())

  package init() {}

  /// nil when the number has no name here.
  package func userName(_ uid: UInt32) -> [UInt8]? {
    cache.withLock { cache in
      if let known = cache.users[uid] { return known }
      let name = Self.user { entry, buffer, size, found in getpwuid_r(uid, entry, buffer, size, found) }?.name
      cache.users[uid] = .some(name)
      return name
    }
  }

  /// nil when the number has no name here.
  package func groupName(_ gid: UInt32) -> [UInt8]? {
    cache.withLock { cache in
      if let known = cache.groups[gid] { return known }
      let name = Self.group { entry, buffer, size, found in getgrgid_r(gid, entry, buffer, size, found) }?.name
      cache.groups[gid] = .some(name)
      return name
    }
  }

  /// nil when there is no such user here.
  package func userID(named name: [UInt8]) -> UInt32? {
    cache.withLock { cache in
      if let known = cache.userIDs[name] { return known }
      let id = Self.user { entry, buffer, size, found in
        CInt(withCPath(name) { Int(getpwnam_r($0, entry, buffer, size, found)) })
      }?.id
      cache.userIDs[name] = .some(id)
      return id
    }
  }

  /// nil when there is no such group here.
  package func groupID(named name: [UInt8]) -> UInt32? {
    cache.withLock { cache in
      if let known = cache.groupIDs[name] { return known }
      let id = Self.group { entry, buffer, size, found in
        CInt(withCPath(name) { Int(getgrnam_r($0, entry, buffer, size, found)) })
      }?.id
      cache.groupIDs[name] = .some(id)
      return id
    }
  }

  private typealias Found = (name: [UInt8], id: UInt32)

  private static func user(
    _ ask: (UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int, UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>) -> CInt
  ) -> Found? {
    lookUp { buffer, size in
      var entry = passwd()
      var found: UnsafeMutablePointer<passwd>?
      let code = ask(&entry, buffer, size, &found)
      return (code, found == nil ? nil : entry.pw_name.map { (bytes($0), entry.pw_uid) })
    }
  }

  private static func group(
    _ ask: (UnsafeMutablePointer<group>, UnsafeMutablePointer<CChar>, Int, UnsafeMutablePointer<UnsafeMutablePointer<group>?>) -> CInt
  ) -> Found? {
    lookUp { buffer, size in
      var entry = Glibc.group()
      var found: UnsafeMutablePointer<group>?
      let code = ask(&entry, buffer, size, &found)
      return (code, found == nil ? nil : entry.gr_name.map { (bytes($0), entry.gr_gid) })
    }
  }

  /// Calls `ask` with ever larger buffers while the answer does not fit: groups with many members need megabytes.
  private static func lookUp(_ ask: (UnsafeMutablePointer<CChar>, Int) -> (CInt, Found?)) -> Found? {
    var size = 4096
    while size <= 1 << 24 {
      let buffer = UnsafeMutablePointer<CChar>.allocate(capacity: size)
      defer { buffer.deallocate() }
      let (code, found) = ask(buffer, size)
      if code == ERANGE {
        size *= 4
      } else if code != EINTR {
        return found
      }
    }
    return nil
  }

  private static func bytes(_ text: UnsafeMutablePointer<CChar>) -> [UInt8] {
    Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
  }
}
