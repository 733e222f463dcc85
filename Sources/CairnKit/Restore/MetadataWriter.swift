import CairnFormat
import CairnSystem
import SystemPackage

/// Puts the metadata of the snapshot on an entry, as far as the caller and the file system can.
///
/// The order matters: attributes of users first (they need write permission, which a new owner or mode may take away), then the owner
/// (which makes the kernel drop set-id bits and file capabilities), then all other attributes and ACLs, then the permissions, then the
/// time. Inode flags come when the entry has its name: an immutable file could not be given one.
struct MetadataWriter: Sendable {
  let losses: RestoreLosses
  let setsOwner: Bool
  let setsAttributes: Bool
  let userID: UInt32
  let groupID: UInt32

  init(_ options: RestoreOptions, _ losses: RestoreLosses) {
    self.losses = losses
    setsOwner = !options.skipOwner
    setsAttributes = !options.skipAttributes
    userID = Host.userID
    groupID = Host.groupID
  }

  /// The inode flags that a restore sets and clears: those a user sets by `chattr` and that are not the file system's own affair
  /// (synchronous, immutable, append-only, no dump, no access time, synchronous directory, top of tree).
  static let flagMask: UInt32 = 0x8 | 0x10 | 0x20 | 0x40 | 0x80 | 0x10000 | 0x20000
  /// Flags that forbid to change an entry.
  static let protectionMask: UInt32 = 0x10 | 0x20

  /// Applies owner, attributes, permissions and time.
  ///
  /// - Parameters:
  ///   - existing: what is there, nil for an entry that this run has just made private (0600 or 0700).
  ///   - inheritance: of the directory it was made in; looked at for new entries only.
  /// - Returns: whether anything had to be changed.
  @discardableResult
  func apply(
    _ node: Node, to target: MetadataTarget, existing: FileStatus?, inheritance: Inheritance, path: () -> [UInt8]
  ) -> Bool {
    var change = Change(attributes: present(target, existing: existing, inheritance, path))
    if setsAttributes {
      setAttributes(node, target, existing, &change, path) { $0.starts(with: Self.userPrefix) }
    }
    removeStrangers(node, target, isNew: existing == nil, &change, path)
    setOwner(node, target, existing, inheritance, &change, path)
    if setsAttributes {
      setAttributes(node, target, existing, &change, path) { !$0.starts(with: Self.userPrefix) }
    }
    setMode(node, target, existing, &change, path)
    let time = FileTime(seconds: node.mtime.seconds, nanoseconds: node.mtime.nanoseconds)
    if existing?.mtime != time {
      change.isChanged = true
      do { try target.setModificationTime(time) } catch { losses.lost(.time, path, error.reason) }
    }
    return change.isChanged
  }

  /// Whether `apply` would find nothing to do.
  func matches(_ node: Node, _ target: MetadataTarget, _ status: FileStatus) -> Bool {
    if setsOwner, status.uid != node.uid || status.gid != node.gid { return false }
    if node.type != .symbolicLink, status.mode != node.mode { return false }
    if status.mtime != FileTime(seconds: node.mtime.seconds, nanoseconds: node.mtime.nanoseconds) { return false }
    guard setsAttributes else { return true }
    // `try?`: what cannot be read cannot be said to match.
    guard let present = try? target.attributes() else { return false }
    let wanted = node.extendedAttributes.filter { Self.isOurs($0.name) }
    return present.filter { Self.isOurs($0.name) } == wanted.map { ExtendedAttribute(name: $0.name, value: $0.value) }
  }

  /// Sets the inode flags; immutable and append-only among them, so nothing can follow.
  ///
  /// - Returns: whether anything had to be changed.
  @discardableResult
  func applyFlags(_ node: Node, to file: OpenFile, isNew: Bool, path: () -> [UInt8]) -> Bool {
    let wanted = node.inodeFlags & Self.flagMask
    if isNew, wanted == 0 { return false }
    do {
      let present = try file.inodeFlags()
      guard present & Self.flagMask != wanted else { return false }
      try file.setInodeFlags(present & ~Self.flagMask | wanted)
      return true
    } catch {
      losses.lost(.flags, path, error.reason)
      return false
    }
  }

  // MARK: - Steps

  private struct Change {
    var attributes: [ExtendedAttribute]
    var isChanged = false
    var ownerIsSet = true
    var groupIsSet = true
    /// The kernel may have dropped set-id bits and capabilities, or an ACL has changed the permissions.
    var modeIsUncertain = false
  }

  static let userPrefix = Array("user.".utf8)
  static let trustedPrefix = Array("trusted.".utf8)
  static let capability = Array("security.capability".utf8)
  static let accessACL = Array("system.posix_acl_access".utf8)
  static let defaultACL = Array("system.posix_acl_default".utf8)

  /// Whether an attribute that the snapshot does not have is to go. Labels of security modules are the target machine's own affair.
  static func isOurs(_ name: [UInt8]) -> Bool {
    name.starts(with: userPrefix) || name.starts(with: trustedPrefix) || name == capability || name == accessACL || name == defaultACL
  }

  private func present(
    _ target: MetadataTarget, existing: FileStatus?, _ inheritance: Inheritance, _ path: () -> [UInt8]
  ) -> [ExtendedAttribute] {
    guard existing != nil || inheritance.hasDefaultACL else { return [] }
    do { return try target.attributes() } catch {
      losses.lost(.attributes, path, error.reason)
      return []
    }
  }

  private func setAttributes(
    _ node: Node, _ target: MetadataTarget, _ existing: FileStatus?, _ change: inout Change, _ path: () -> [UInt8],
    where isTurn: ([UInt8]) -> Bool
  ) {
    for attribute in node.extendedAttributes where isTurn(attribute.name) {
      let isDropped = change.modeIsUncertain && attribute.name == Self.capability
      if !isDropped, change.attributes.contains(where: { $0.name == attribute.name && $0.value == attribute.value }) { continue }
      change.isChanged = true
      do {
        do throws(FileError) { try target.setAttribute(attribute.name, attribute.value) } catch {
          guard error.errno == .permissionDenied, let existing, existing.uid == userID, existing.mode & 0o200 == 0 else { throw error }
          // The owner may not write: a read-only file that is put right in place.
          try target.setMode(existing.mode | 0o200)
          change.modeIsUncertain = true
          try target.setAttribute(attribute.name, attribute.value)
        }
        if attribute.name == Self.accessACL { change.modeIsUncertain = true }
      } catch {
        let reason = (error as? FileError)?.reason ?? "\(error)"
        losses.lost(.attributes, path, "\(Escaping.terminal(attribute.name)): \(reason)")
      }
    }
  }

  private func removeStrangers(
    _ node: Node, _ target: MetadataTarget, isNew: Bool, _ change: inout Change, _ path: () -> [UInt8]
  ) {
    for attribute in change.attributes where Self.isOurs(attribute.name) {
      if node.extendedAttributes.contains(where: { $0.name == attribute.name }) { continue }
      // Without attributes, only an inherited ACL must go: it would make the permissions mean something else.
      guard setsAttributes || (isNew && (attribute.name == Self.accessACL || attribute.name == Self.defaultACL)) else { continue }
      change.isChanged = true
      if attribute.name == Self.accessACL { change.modeIsUncertain = true }
      do { try target.removeAttribute(attribute.name) } catch {
        losses.lost(.attributes, path, "removing \(Escaping.terminal(attribute.name)): \(error.reason)")
      }
    }
  }

  private func setOwner(
    _ node: Node, _ target: MetadataTarget, _ existing: FileStatus?, _ inheritance: Inheritance, _ change: inout Change,
    _ path: () -> [UInt8]
  ) {
    guard setsOwner else {
      change.ownerIsSet = node.uid == existing?.uid ?? userID
      change.groupIsSet = node.gid == existing?.gid ?? groupID
      return
    }
    if let existing {
      if existing.uid == node.uid, existing.gid == node.gid { return }
    } else if inheritance.ownerIsCaller, node.uid == userID, node.gid == groupID {
      return
    }
    change.isChanged = true
    change.modeIsUncertain = true
    do { try target.setOwner(node.uid, node.gid) } catch {
      change.ownerIsSet = node.uid == existing?.uid ?? userID
      change.groupIsSet = false
      // An ordinary user may still hand an own file to a group of theirs.
      do {
        try target.setOwner(.max, node.gid)
        change.groupIsSet = true
      } catch {
        // Reported below, with the owner.
      }
      losses.lost(.owner, path, "\(node.uid):\(node.gid): \(error.reason)")
    }
  }

  private func setMode(
    _ node: Node, _ target: MetadataTarget, _ existing: FileStatus?, _ change: inout Change, _ path: () -> [UInt8]
  ) {
    guard node.type != .symbolicLink else { return }
    var mode = node.mode & 0o7777
    // Never hand somebody else's set-id program out under the wrong account.
    if !change.ownerIsSet { mode &= ~0o4000 }
    if !change.groupIsSet, node.type != .directory { mode &= ~0o2000 }
    if !change.modeIsUncertain, existing?.mode == mode { return }
    if existing?.mode != mode { change.isChanged = true }
    do { try target.setMode(mode) } catch { losses.lost(.permissions, path, error.reason) }
  }
}
