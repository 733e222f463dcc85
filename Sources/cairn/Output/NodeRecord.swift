import CairnFormat
import CairnKit

/// An entry of a snapshot in text and JSON.
enum NodeRecord {
  /// restic's word for the type.
  static func typeName(_ type: NodeType) -> String {
    switch type {
    case .file: "file"
    case .directory: "dir"
    case .symbolicLink: "symlink"
    case .fifo: "fifo"
    case .socket: "socket"
    case .characterDevice: "chardev"
    case .blockDevice: "dev"
    }
  }

  /// `-rwxr-sr-t`, as ls(1) has it.
  static func permissions(_ node: Node) -> String {
    let letter: String =
      switch node.type {
      case .file: "-"
      case .directory: "d"
      case .symbolicLink: "l"
      case .fifo: "p"
      case .socket: "s"
      case .characterDevice: "c"
      case .blockDevice: "b"
      }
    var text = letter
    for (shift, special, lower, upper) in [(6, 0o4000, "s", "S"), (3, 0o2000, "s", "S"), (0, 0o1000, "t", "T")]
      as [(UInt32, UInt32, String, String)]
    {
      let bits = node.mode >> shift & 7
      text += bits & 4 != 0 ? "r" : "-"
      text += bits & 2 != 0 ? "w" : "-"
      let runs = bits & 1 != 0
      text += node.mode & special != 0 ? (runs ? lower : upper) : (runs ? "x" : "-")
    }
    return text
  }

  /// The members of restic's `node` record, without its type.
  static func write(_ node: Node, path: [UInt8], to line: inout JSONLine) {
    line.member("name", bytes: node.name)
    line.member("type", typeName(node.type))
    line.member("path", bytes: path)
    line.member("uid", node.uid)
    line.member("gid", node.gid)
    if !node.user.isEmpty { line.member("user", bytes: node.user) }
    if !node.group.isEmpty { line.member("group", bytes: node.group) }
    if node.type == .file { line.member("size", node.size) }
    line.member("mode", goMode(node))
    line.member("permissions", permissions(node))
    line.member("mtime", SnapshotRecord.rfc3339(node.mtime))
    if let time = node.ctime { line.member("ctime", SnapshotRecord.rfc3339(time)) }
    if let time = node.btime { line.member("btime", SnapshotRecord.rfc3339(time)) }
    line.member("inode", node.inode)
    if node.links > 1 { line.member("links", node.links) }
    if node.device != 0 { line.member("device_id", node.device) }
    if node.type == .symbolicLink { line.member("linktarget", bytes: node.linkTarget) }
    if node.rdevMajor != 0 || node.rdevMinor != 0 {
      line.member("device_major", node.rdevMajor)
      line.member("device_minor", node.rdevMinor)
    }
    if let image = ImageView(node) { line.member("image") { image.write(to: &$0) } }
  }

  /// One line of `ls -l`: mode, owner, size, time, path.
  static func long(_ node: Node, path: [UInt8]) -> String {
    let size = node.type == .file ? node.size : 0
    var text = permissions(node) + " " + pad(String(node.uid), 5) + " " + pad(String(node.gid), 5) + " " + pad(String(size), 12) + " "
    text += LocalTime.text(node.mtime.seconds) + " " + Escaping.terminal(path)
    if node.type == .symbolicLink { text += " -> " + Escaping.terminal(node.linkTarget) }
    return text
  }

  private static func pad(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.utf8.count)) + text }

  /// The mode as Go's `os.FileMode` has it, because that is what readers of restic's JSON expect.
  static func goMode(_ node: Node) -> UInt32 {
    var mode = node.mode & 0o777
    if node.mode & 0o4000 != 0 { mode |= 1 << 23 }
    if node.mode & 0o2000 != 0 { mode |= 1 << 22 }
    if node.mode & 0o1000 != 0 { mode |= 1 << 20 }
    switch node.type {
    case .file: break
    case .directory: mode |= 1 << 31
    case .symbolicLink: mode |= 1 << 27
    case .blockDevice: mode |= 1 << 26
    case .characterDevice: mode |= 1 << 26 | 1 << 21
    case .fifo: mode |= 1 << 25
    case .socket: mode |= 1 << 24
    }
    return mode
  }
}
