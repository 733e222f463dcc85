import CairnSystem
import CairnTestSupport
import Foundation
import Glibc

/// The program as built beside the tests, run as a process of its own with nothing of the caller's environment.
struct CairnProcess {
  let directory = TemporaryDirectory()
  var environment: [String: String]

  /// A home in a directory of its own; `repository` and `key` are named but not made.
  init() {
    environment = [
      "PATH": "/usr/bin:/bin", "HOME": directory.string, "LANG": "C.UTF-8", "TZ": "UTC",
      "CAIRN_REPOSITORY": directory.string + "/repository",
      "CAIRN_KEY_FILE": directory.string + "/key", "CAIRN_CACHE_DIR": directory.string + "/cache",
    ]
  }

  /// With a repository that opens with a key file.
  static func withRepository() throws -> CairnProcess {
    let cairn = CairnProcess()
    let made = try cairn.run("init", "--generate-key-file", "--chunker", "small")
    guard made.status == 0 else { throw Unexpected(made) }
    return cairn
  }

  /// A command did not do what the test builds upon.
  struct Unexpected: Error {
    let result: Result
    init(_ result: Result) { self.result = result }
  }

  struct Result {
    /// The exit status; 128 + n for signal n.
    let status: Int32
    let output: [UInt8]
    let errors: String

    var text: String { String(decoding: output, as: UTF8.self) }
    var lines: [String] { text.split(separator: "\n").map(String.init) }
    /// Each line of standard output as a JSON object; lines that are none are left out.
    var records: [[String: Any]] { lines.compactMap(Self.object) }
    /// Each line of standard error likewise.
    var errorRecords: [[String: Any]] { errors.split(separator: "\n").compactMap { Self.object(String($0)) } }
    /// Standard output as one array of objects.
    var array: [[String: Any]] { (try? JSONSerialization.jsonObject(with: Data(output))) as? [[String: Any]] ?? [] }
    var summary: [String: Any] { records.last { $0["message_type"] as? String == "summary" } ?? [:] }

    private static func object(_ line: String) -> [String: Any]? {
      (try? JSONSerialization.jsonObject(with: Data(line.utf8))) as? [String: Any]
    }
  }

  /// Runs the program to its end.
  func run(_ arguments: String..., input: [UInt8] = [], setting: [String: String?] = [:]) throws -> Result {
    try run(bytes: arguments.map { Array($0.utf8) }, input: input, setting: setting)
  }

  func run(bytes arguments: [[UInt8]], input: [UInt8] = [], setting: [String: String?] = [:]) throws -> Result {
    let files = TemporaryDirectory()
    try files.write("in", input)
    let child = try start(
      arguments, setting: setting, input: files.string + "/in", output: files.string + "/out", errors: files.string + "/err")
    let status = child.wait()
    return Result(status: status, output: try files.read("out"), errors: String(decoding: try files.read("err"), as: UTF8.self))
  }

  /// Starts the program in a session of its own, in `directory`; the first terminal it opens becomes its own.
  func start(
    _ arguments: [[UInt8]], setting: [String: String?] = [:], input: String, output: String, errors: String
  ) throws -> Child {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, input, O_RDWR, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_RDWR | O_CREAT, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, errors, O_RDWR | O_CREAT, 0o600)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // A background job of a shell ignores interruptions, threads of the test library block them; neither is to be handed on.
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { sigaddset(&signals, signal) }
    posix_spawnattr_setsigdefault(&attributes, &signals)
    // 0x80 is POSIX_SPAWN_SETSID, which <spawn.h> shows to GNU programs only.
    posix_spawnattr_setflags(&attributes, 0x80 | Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
    var all = environment
    for (name, value) in setting { all[name] = value }
    var process: pid_t = 0
    // The shell changes the directory and makes way; glibc's own way of doing that is for GNU programs only.
    let shell = ["sh", "-c", "cd \"$0\" && exec \"$@\"", directory.string, Self.binary].map { Array($0.utf8) }
    let code = withStrings(shell + arguments) { argv in
      withStrings(all.map { Array("\($0.key)=\($0.value)".utf8) }) { posix_spawn(&process, "/bin/sh", &actions, &attributes, argv, $0) }
    }
    guard code == 0 else { throw POSIXError(POSIXErrorCode(rawValue: code) ?? .EINVAL) }
    return Child(process: process)
  }

  struct Child {
    let process: pid_t

    func send(_ signal: CInt) { kill(process, signal) }

    func wait() -> Int32 {
      var code: Int32 = 0
      while waitpid(process, &code, 0) == -1 && errno == EINTR {}
      return code & 0x7f == 0 ? (code >> 8) & 0xff : 128 + (code & 0x7f)
    }
  }

  /// The program lies beside the test bundle.
  static let binary: String = {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    let path = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    for candidate in [path, CommandLine.arguments.first { $0.contains(".xctest") } ?? path] {
      let beside = candidate.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") + "/cairn"
      if access(beside, X_OK) == 0 { return beside }
    }
    return #filePath.replacingOccurrences(of: "Tests/CommandTests/CairnProcess.swift", with: ".build/debug/cairn")
  }()

  private func withStrings<R>(_ strings: [[UInt8]], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> R) -> R {
    var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { string in
      let copy = UnsafeMutablePointer<CChar>.allocate(capacity: string.count + 1)
      for (index, byte) in (string + [0]).enumerated() { copy[index] = CChar(bitPattern: byte) }
      return copy
    }
    pointers.append(nil)
    defer { for pointer in pointers { pointer?.deallocate() } }
    return pointers.withUnsafeMutableBufferPointer { buffer in
      guard let start = buffer.baseAddress else { preconditionFailure("an array with an element has an address") }
      return body(start)
    }
  }

  // MARK: Files of the test

  func write(_ name: String, _ text: String) throws { try directory.write(name, Array(text.utf8)) }

  /// A small tree in `source`.
  func makeSource() throws {
    let root = try directory.open()
    try FileSystem.makeDirectory(at: root, name: Array("source".utf8), mode: 0o755)
    try FileSystem.makeDirectory(
      at: try OpenFile.open(Array("source".utf8), at: root, [.read, .directory]), name: Array("sub".utf8), mode: 0o755)
    try write("source/a.txt", "first\n")
    try write("source/sub/b.txt", "second\n")
  }

  /// The id of the snapshot that a backup of `source` makes.
  func backUp(_ arguments: String...) throws -> String {
    let result = try run(bytes: (["backup", "--json"] + arguments + ["source"]).map { Array($0.utf8) })
    guard result.status == 0, let id = result.summary["snapshot_id"] as? String else { throw Unexpected(result) }
    return id
  }

  var path: String { directory.string }
}
