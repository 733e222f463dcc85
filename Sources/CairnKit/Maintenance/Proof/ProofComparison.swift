import CairnFormat
import CairnSystem
import SystemPackage

/// Compares what a restore has put into the scratch folder with what the snapshot recorded: every byte, and all metadata.
///
/// It shares nothing with the restore but the walk through the snapshot. What it has compared it makes removable.
struct ProofComparison {
  let batch: ProofBatch
  let losses: ProofLosses
  let tally: ProofTally
  let content: ProofContent
  let trees: TreeReader
  let cancellation: Cancellation
  /// The last path of the batch before this one: directories above it were counted with that.
  let previous: [UInt8]
  private let userID = Host.userID
  /// The first restored name of each file that has several.
  private var links: [LinkKey: (content: Int, restored: LinkKey)] = [:]

  init(
    _ batch: ProofBatch, _ losses: ProofLosses, _ tally: ProofTally, _ content: ProofContent, _ trees: TreeReader,
    _ cancellation: Cancellation, previous: [UInt8]
  ) {
    self.batch = batch
    self.losses = losses
    self.tally = tally
    self.content = content
    self.trees = trees
    self.cancellation = cancellation
    self.previous = previous
  }

  /// Goes through everything chosen; what the content is is compared by other threads meanwhile.
  ///
  /// - Throws: `CancellationError`.
  mutating func run(_ start: Node, _ root: OpenFile) throws {
    var walk = SelectedWalk(start, trees: trees, filter: RestoreFilter(chosen: batch.paths))
    // Nil: it did not come back, and neither did anything in it.
    var levels: [OpenFile?] = [root]
    if !start.flags.contains(.partialDirectory) { try compareRoot(start, root) }
    while let event = walk.next() {
      try cancellation.check()
      guard let parent = levels[levels.count - 1] else {
        if case .enter = event { levels.append(nil) }
        if case .leave = event { levels.removeLast() }
        continue
      }
      switch event {
      case .enter(let node, _): levels.append(directory(node, ChosenPaths.key(walk.path), parent))
      case .entry(let node):
        guard let index = batch.paths.index(of: ChosenPaths.key(walk.path + [node.name])) else { continue }
        try entry(node, index, parent)
      case .damaged: break  // What is missing for it is named as such.
      case .leave: levels.removeLast()
      }
    }
  }

  // MARK: - Directories

  private func compareRoot(_ node: Node, _ root: OpenFile) throws {
    let loss = losses[[0x2f]]
    do {
      let differences = try metadata(node, try root.status(), .file(root), loss) + flags(node, root, loss)
      finish(differences, loss, path: [0x2f], index: nil)
    } catch { tally.differs([0x2f], Self.reason(error)) }
  }

  private func directory(_ node: Node, _ key: [UInt8], _ parent: OpenFile) -> OpenFile? {
    let path = ChosenPaths.path(key)
    // One that is chosen itself is empty, and counted like a file.
    let index = batch.paths.index(of: key)
    if let index { batch.isSeen(index) }
    if previous.count <= key.count || previous[key.count] != 0 || !previous.starts(with: key) { tally.update { $0.directories += 1 } }
    let loss = losses[path]
    do {
      if let failure = loss?.failure { throw CairnError(.failed, failure) }
      let status = try FileSystem.status(at: parent, name: node.name)
      guard status.type == .directory else { throw CairnError(.failed, "it is no directory") }
      var differences = try metadata(node, status, .name(parent, node.name), loss)
      if status.mode & 0o700 != 0o700, userID != 0 { try FileSystem.setMode(at: parent, name: node.name, status.mode | 0o700) }
      let file = try OpenFile.open(node.name, at: parent, [.read, .directory, .noFollow])
      differences += try flags(node, file, loss)
      finish(differences, loss, path: path, index: index)
      return file
    } catch {
      if let index { batch.differs(index, Self.reason(error)) } else { tally.differs(path, Self.reason(error)) }
      return nil
    }
  }

  // MARK: - Files, links, special files

  private mutating func entry(_ node: Node, _ index: Int, _ parent: OpenFile) throws {
    batch.isSeen(index)
    let path = batch.path(index)
    let loss = losses[path]
    if let failure = loss?.failure {
      let isForRoot = userID != 0 && (node.type == .characterDevice || node.type == .blockDevice)
      return isForRoot ? batch.isUncompared(index, "only root can make a device") : batch.differs(index, failure)
    }
    do {
      let status = try FileSystem.status(at: parent, name: node.name)
      guard status.type.rawValue == node.type.rawValue else { throw CairnError(.failed, "it came back as something else") }
      var differences = try metadata(node, status, .name(parent, node.name), loss) + special(node, status, parent)
      if !isLinked(node, status, loss) { differences.append("it is no longer the same file as its other names") }
      if node.type == .file {
        let file = try open(node, parent, status)
        differences += try flags(node, file, loss)
        try content.queue(node, file, index)
      }
      finish(differences, loss, path: path, index: index)
    } catch let error as CancellationError {
      throw error
    } catch {
      batch.differs(index, Self.reason(error))
    }
  }

  private func open(_ node: Node, _ parent: OpenFile, _ status: FileStatus) throws -> OpenFile {
    if status.mode & 0o400 == 0, userID != 0 { try FileSystem.setMode(at: parent, name: node.name, status.mode | 0o400) }
    return try OpenFile.open(node.name, at: parent, .source)
  }

  /// What only some types have.
  private func special(_ node: Node, _ status: FileStatus, _ parent: OpenFile) throws -> [String] {
    switch node.type {
    case .file: return status.size == node.size ? [] : ["its size was \(node.size) and is \(status.size)"]
    case .symbolicLink:
      return try FileSystem.readLink(at: parent, name: node.name) == node.linkTarget ? [] : ["the link leads elsewhere"]
    case .characterDevice, .blockDevice:
      return status.rdevMajor == node.rdevMajor && status.rdevMinor == node.rdevMinor ? [] : ["it is another device"]
    case .directory, .fifo, .socket: return []
    }
  }

  /// Whether an entry that shares its file with one met before still does.
  private mutating func isLinked(_ node: Node, _ status: FileStatus, _ loss: ProofLosses.Loss?) -> Bool {
    guard LinkTable.isShared(node), loss?.has(.links) != true else { return true }
    let key = LinkKey(device: node.device, inode: node.inode)
    let restored = LinkKey(device: status.device, inode: status.inode)
    // Names that claim one inode and differ in content are no names of one file: the number was given out again during the backup.
    guard let first = links[key], first.content == node.content.hashValue else {
      links[key] = (node.content.hashValue, restored)
      return true
    }
    return first.restored == restored
  }

  // MARK: - Metadata

  /// What differs, as far as it could be set.
  private func metadata(_ node: Node, _ status: FileStatus, _ target: MetadataTarget, _ loss: ProofLosses.Loss?) throws -> [String] {
    var differences: [String] = []
    let hasOwner = loss?.has(.owner) != true
    if hasOwner, status.uid != node.uid || status.gid != node.gid {
      differences.append("its owner was \(node.uid):\(node.gid) and is \(status.uid):\(status.gid)")
    }
    // Set-id bits go with the owner.
    let bits: UInt32 = hasOwner ? 0o7777 : 0o1777
    if node.type != .symbolicLink, loss?.has(.permissions) != true, (status.mode ^ node.mode) & bits != 0 {
      differences.append("its mode was \(Self.octal(node.mode)) and is \(Self.octal(status.mode))")
    }
    let time = FileTime(seconds: node.mtime.seconds, nanoseconds: node.mtime.nanoseconds)
    if loss?.has(.time) != true, status.mtime != time {
      differences.append("its modification time was \(Self.seconds(time)) and is \(Self.seconds(status.mtime))")
    }
    if loss?.has(.attributes) != true { differences += try attributes(node, target) }
    return differences
  }

  private func attributes(_ node: Node, _ target: MetadataTarget) throws -> [String] {
    let present = try target.attributes()
    let missing = node.extendedAttributes.filter { wanted in
      !present.contains { $0.name == wanted.name && $0.value == wanted.value }
    }
    let strange = present.filter { there in
      MetadataWriter.isOurs(there.name) && !node.extendedAttributes.contains { $0.name == there.name }
    }
    return missing.map { "its attribute \(Escaping.terminal($0.name)) did not come back" }
      + strange.map { "it has an attribute \(Escaping.terminal($0.name)) that it did not have" }
  }

  /// Compares the inode flags that a restore sets, and takes off those that would be in the way of removing the entry.
  private func flags(_ node: Node, _ file: OpenFile, _ loss: ProofLosses.Loss?) throws -> [String] {
    let present = try file.inodeFlags()
    if present & MetadataWriter.protectionMask != 0 { try file.setInodeFlags(present & ~MetadataWriter.protectionMask) }
    // A file system may give its own flags to what is made in it.
    let isRight = loss?.has(.flags) == true || node.inodeFlags & MetadataWriter.flagMask & ~present == 0
    return isRight ? [] : ["its inode flags did not come back"]
  }

  // MARK: - Results

  private func finish(_ differences: [String], _ loss: ProofLosses.Loss?, path: [UInt8], index: Int?) {
    if !differences.isEmpty {
      let message = differences.joined(separator: "; ")
      if let index { batch.differs(index, message) } else { tally.differs(path, message) }
    }
    guard let lost = loss?.metadata, !lost.isEmpty else { return }
    // An ordinary user cannot have expected these.
    let others = userID == 0 ? lost : lost.filter { $0.kind != .owner && $0.kind != .attributes }
    if others.count < lost.count { tally.update { $0.withoutOwner += 1 } }
    guard !others.isEmpty else { return }
    let message = others.map { "\($0.kind.during) failed: \($0.reason)" }.joined(separator: "; ")
    if let index { batch.isUncompared(index, message) } else { tally.isUncompared(path, message) }
  }

  private static func reason(_ error: any Error) -> String {
    (error as? FileError)?.reason ?? (error as? CairnError)?.message ?? "\(error)"
  }

  private static func octal(_ mode: UInt32) -> String {
    let digits = String(mode & 0o7777, radix: 8)
    return String(repeating: "0", count: 4 - digits.utf8.count) + digits
  }

  private static func seconds(_ time: FileTime) -> String {
    let digits = String(time.nanoseconds)
    return "\(time.seconds)." + String(repeating: "0", count: max(0, 9 - digits.utf8.count)) + digits
  }
}
