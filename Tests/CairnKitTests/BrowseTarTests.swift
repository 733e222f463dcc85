import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Glibc
import SystemPackage
import Testing

@testable import CairnKit

@Suite struct BrowseTarTests {
  /// Runs GNU tar in a directory; nil output means that it failed.
  private func tar(_ arguments: [String], in directory: TemporaryDirectory) throws -> (status: CairnSystem.ExitStatus, output: String) {
    let command = ChildProcess.Command.shell("cd '\(directory.string)' && exec tar \(arguments.joined(separator: " ")) 2>&1")
    let child = try ChildProcess.spawn(command, captureStandardOutput: true)
    var output: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while let file = child.standardOutput {
      let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0) }
      if count == 0 { break }
      output += buffer[..<count]
    }
    return (try child.wait(), text(output))
  }

  /// Archives a tree into `archive.tar` in a new directory.
  private func archive(_ tree: [String: SampleNode], prefix: String = "") throws -> (TemporaryDirectory, TarReport) {
    let repository = try TestRepository.create()
    _ = try SampleStore(repository: repository).snapshot(tree)
    let view = try repository.loadView()
    var bytes: [UInt8] = []
    let report = try view.writeTar(view.trees.rootNode(of: view.snapshots[0]), prefix: components(prefix)) { bytes += $0 }
    #expect(bytes.count % 10240 == 0)
    let directory = TemporaryDirectory()
    try directory.write("archive.tar", bytes)
    return (directory, report)
  }

  private func custom(_ type: NodeType, _ content: [UInt8]? = nil, _ change: (inout Node) -> Void) -> SampleNode {
    var node = Node(name: [], type: type)
    node.mode = 0o640
    node.uid = getuid()
    node.gid = getgid()
    change(&node)
    return .custom(node, content)
  }

  @Test func gnuTarRestoresWhatWasArchived() throws {
    let long = String(repeating: "long-name-", count: 24)
    let deep = String(repeating: "d", count: 90)
    let tree: [String: SampleNode] = [
      "plain": .noise(1, 100_000), "empty": .file([]), long: .file([1, 2, 3]), "block": .noise(2, 512), "uml\u{e4}ut \n": .file([4]),
      deep: .directory([deep: .directory([deep: .directory(["f": .file([5])])])]), "link": .link("plain"),
      "long link": .link(String(repeating: "target/", count: 40)),
      "times": custom(.file, [6]) { $0.mtime = Timestamp(seconds: 1_234_567_890, nanoseconds: 123_456_789) },
      "old": custom(.file, [7]) { $0.mtime = Timestamp(seconds: -86_400 * 365, nanoseconds: 250_000_000) },
      "far": custom(.file, [8]) { $0.mtime = Timestamp(seconds: 10_000_000_000, nanoseconds: 0) },
      "fifo": custom(.fifo) { _ in }, "mode": custom(.file, [9]) { $0.mode = 0o751 },
    ]
    let (directory, report) = try archive(tree)
    #expect(report == TarReport(entries: 17, problems: 0))
    let result = try tar(["-xf", "archive.tar", "--one-top-level=out", "-p", "--warning=no-timestamp"], in: directory)
    #expect(result.status == .exited(0) && result.output.isEmpty, "\(result.output)")
    let compared = try tar(["--compare", "-f", "archive.tar", "-C", "out"], in: directory)
    #expect(compared.status == .exited(0) && compared.output.isEmpty, "\(compared.output)")
    guard case .file(let plain)? = tree["plain"] else { return }
    #expect(try directory.read("out/plain") == plain)
    #expect(try directory.read("out/\(long)") == [1, 2, 3])
    #expect(try directory.read("out/\(deep)/\(deep)/\(deep)/f") == [5])
    let out = try OpenFile.open(directory.path("out"), [.read, .directory])
    #expect(try FileSystem.status(at: out, name: Array("times".utf8)).mtime == FileTime(seconds: 1_234_567_890, nanoseconds: 123_456_789))
    #expect(try FileSystem.status(at: out, name: Array("old".utf8)).mtime == FileTime(seconds: -86_400 * 365, nanoseconds: 250_000_000))
    #expect(try FileSystem.status(at: out, name: Array("mode".utf8)).mode == 0o751)
    #expect(try FileSystem.readLink(at: out, name: Array("long link".utf8)) == Array(String(repeating: "target/", count: 40).utf8))
    #expect(try FileSystem.status(at: out, name: Array("fifo".utf8)).type == .fifo)
  }

  @Test func hardLinksAndHolesAndPrefixesComeBack() throws {
    var linked = Node(name: [], type: .file)
    (linked.mode, linked.inode, linked.device, linked.links) = (0o644, 77, 5, 3)
    var holes = Node(name: [], type: .file)
    (holes.mode, holes.size) = (0o644, 700_000)
    holes.content = .items([ContentItem(length: 700_000, id: nil)])
    let tree: [String: SampleNode] = [
      "a": .custom(linked, [1, 2]), "d": .directory(["b": .custom(linked, [1, 2])]), "z": .custom(linked, [1, 2]),
      "holes": .custom(holes, nil),
    ]
    let (directory, report) = try archive(tree, prefix: "etc/conf")
    #expect(report.entries == 6)
    let result = try tar(["-xf", "archive.tar"], in: directory)
    #expect(result.status == .exited(0) && result.output.isEmpty, "\(result.output)")
    let out = try OpenFile.open(directory.path("etc/conf"), [.read, .directory])
    let first = try FileSystem.status(at: out, name: [0x61])
    let last = try FileSystem.status(at: out, name: [0x7a])
    #expect(first.linkCount == 3 && last.inode == first.inode)
    #expect(try directory.read("etc/conf/d/b") == [1, 2])
    #expect(try directory.read("etc/conf/holes") == [UInt8](repeating: 0, count: 700_000))
  }

  @Test func extendedAttributesComeBack() throws {
    let attributes = [
      NodeAttribute(name: Array("user.a=b%c".utf8), value: [0, 1, 0x0a, 0xff]),
      NodeAttribute(name: Array("user.plain".utf8), value: Array("x".utf8)),
    ]
    let (directory, _) = try archive(["f": custom(.file, [1]) { $0.extendedAttributes = attributes }])
    let result = try tar(["--xattrs", "-xf", "archive.tar"], in: directory)
    let file = try OpenFile.open(directory.path("f"), [.read])
    guard result.status == .exited(0), result.output.isEmpty else {
      // A temporary directory without extended attributes: then at least the archive is sound.
      #expect(result.output.contains("Operation not supported"))
      return
    }
    #expect(try file.extendedAttributes().map { NodeAttribute(name: $0.name, value: $0.value) } == attributes)
  }

  @Test func bigNumbersDevicesAndSocketsAreWrittenAsPaxHasThem() throws {
    let tree: [String: SampleNode] = [
      "big": custom(.file) {
        $0.size = 9 << 30
        $0.content = .items([ContentItem(length: 9 << 30, id: nil)])
        ($0.uid, $0.gid) = (4_000_000_000, 3_000_000_000)
      },
      "device": custom(.blockDevice) { ($0.rdevMajor, $0.rdevMinor) = (8, 1_048_575) }, "socket": custom(.socket) { _ in },
    ]
    let repository = try TestRepository.create()
    _ = try SampleStore(repository: repository).snapshot(tree)
    let view = try repository.loadView()
    let directory = TemporaryDirectory()
    // 9 GiB of zeros come in pieces of 64 KiB and are left out of the file, which is then only listed.
    let file = try OpenFile.open(directory.path("archive.tar"), [.write, .create], mode: 0o600)
    var length: UInt64 = 0
    let report = try view.writeTar(view.trees.rootNode(of: view.snapshots[0])) { bytes in
      if bytes[0] != 0 || bytes.count < 65536 { try file.write(bytes, at: length) }
      length += UInt64(bytes.count)
    }
    try file.truncate(to: length)
    #expect(report == TarReport(entries: 3, problems: 1))
    let listed = try tar(["-tvf", "archive.tar", "--numeric-owner"], in: directory)
    #expect(listed.status == .exited(0), "\(listed.output)")
    #expect(
      listed.output.contains("4000000000/3000000000 9663676416 ") && listed.output.contains(" 8,1048575 ")
        && !listed.output.contains("socket"))
  }
}
