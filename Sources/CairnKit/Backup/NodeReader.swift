import CairnFormat
import CairnSystem

/// Turns what the file system says of an entry into a node. One for each thread: it remembers owner names.
struct NodeReader {
  private let accounts: AccountNames
  private var users: [UInt32: [UInt8]] = [:]
  private var groups: [UInt32: [UInt8]] = [:]

  init(_ accounts: AccountNames) { self.accounts = accounts }

  /// A node with everything a status tells; content, link target, attributes and flags are the caller's.
  mutating func node(_ name: [UInt8], _ status: FileStatus) -> Node {
    var node = Node(name: name, type: NodeType(status.type))
    node.mode = status.mode
    node.uid = status.uid
    node.gid = status.gid
    node.user = userName(status.uid)
    node.group = groupName(status.gid)
    node.mtime = Timestamp(status.mtime)
    node.ctime = Timestamp(status.ctime)
    node.btime = status.btime.map { Timestamp($0) }
    node.size = ChangeDetector.storedSize(status)
    node.inode = status.inode
    node.device = Self.device(status)
    node.links = Self.links(status)
    node.rdevMajor = Self.rdevMajor(status)
    node.rdevMinor = Self.rdevMinor(status)
    return node
  }

  /// Whether the owner's names are still those of the node.
  mutating func hasSameNames(_ node: Node) -> Bool { node.user == userName(node.uid) && node.group == groupName(node.gid) }

  mutating func names(uid: UInt32, gid: UInt32) -> (user: [UInt8], group: [UInt8]) { (userName(uid), groupName(gid)) }

  private mutating func userName(_ uid: UInt32) -> [UInt8] {
    if let known = users[uid] { return known }
    let name = Self.acceptable(accounts.userName(uid))
    if users.count < 4096 { users[uid] = name }
    return name
  }

  private mutating func groupName(_ gid: UInt32) -> [UInt8] {
    if let known = groups[gid] { return known }
    let name = Self.acceptable(accounts.groupName(gid))
    if groups.count < 4096 { groups[gid] = name }
    return name
  }

  private static func acceptable(_ name: [UInt8]?) -> [UInt8] {
    guard let name, name.count <= Limits.accountNameBytes else { return [] }
    return name
  }

  // MARK: - Fields that are stored only where they mean something

  /// The device number serves to tell hard links apart. It changes from boot to boot on many systems, so entries with one name do
  /// without: their nodes stay the same.
  static func device(_ status: FileStatus) -> UInt64 { status.type != .directory && status.linkCount > 1 ? status.device : 0 }

  /// A directory's link count only repeats how many directories it holds.
  static func links(_ status: FileStatus) -> UInt32 {
    status.type == .directory ? 1 : UInt32(clamping: status.linkCount)
  }

  static func rdevMajor(_ status: FileStatus) -> UInt32 { isDevice(status) ? status.rdevMajor : 0 }
  static func rdevMinor(_ status: FileStatus) -> UInt32 { isDevice(status) ? status.rdevMinor : 0 }

  private static func isDevice(_ status: FileStatus) -> Bool { status.type == .characterDevice || status.type == .blockDevice }

  /// Attributes as the format has them; nil when together they exceed what a node may hold.
  static func attributes(_ attributes: [ExtendedAttribute]) -> [NodeAttribute]? {
    let bytes = attributes.reduce(0) { $0 + $1.name.count + $1.value.count + 16 }
    guard bytes <= Limits.extendedAttributeBytes else { return nil }
    return attributes.map { NodeAttribute(name: $0.name, value: $0.value) }
  }
}

extension NodeType {
  init(_ type: FileType) {
    switch type {
    case .regular: self = .file
    case .directory: self = .directory
    case .symbolicLink: self = .symbolicLink
    case .fifo: self = .fifo
    case .socket: self = .socket
    case .characterDevice: self = .characterDevice
    case .blockDevice: self = .blockDevice
    }
  }
}
