import CCairn
import Glibc
import Synchronization

/// How a child process ended.
package enum ExitStatus: Sendable, Equatable {
  case exited(Int32)
  case signaled(Int32)
}

/// A running child: `posix_spawn(3)`, default signal handling, no descriptors beyond 0, 1 and 2.
package final class ChildProcess: Sendable {
  package enum Command: Sendable {
    /// Run by `/bin/sh -c`.
    case shell(String)
    /// The program is looked up in PATH. At least one element.
    case arguments([[UInt8]])
  }

  package let processID: Int32
  /// The read end of the child's standard output, when it was asked for.
  package let standardOutput: OpenFile?
  private let status = Mutex<ExitStatus?>(nil)

  private init(processID: Int32, standardOutput: OpenFile?) {
    self.processID = processID
    self.standardOutput = standardOutput
  }

  /// Starts the command.
  ///
  /// - Parameters:
  ///   - stdin: a descriptor the child reads from; nil gives it /dev/null.
  ///   - captureStandardOutput: else the child shares ours. Standard error is always shared.
  package static func spawn(_ command: Command, stdin: CInt? = nil, captureStandardOutput: Bool) throws(FileError) -> ChildProcess {
    let pipe = captureStandardOutput ? try makePipe() : nil
    return try spawn(command, stdin: stdin, pipe: pipe, .output)
  }

  /// Starts the command in a process group of its own, so that signals of a terminal reach us alone. It shares our outputs.
  package static func spawnApart(_ command: Command) throws(FileError) -> ChildProcess {
    try spawn(command, stdin: nil, pipe: nil, .apart)
  }

  /// Starts the command in a process group of its own, with both outputs in one pipe that never blocks whoever reads it.
  ///
  /// - Parameters:
  ///   - stdin: as above.
  ///   - environment: the child's whole environment as `NAME=value`; nil passes ours on.
  static func spawnGroup(_ command: Command, stdin: CInt?, environment: [[UInt8]]?) throws(FileError) -> ChildProcess {
    let pipe = try makePipe()
    try checked(outcome(cairn_set_nonblocking(pipe.read.descriptor)), "prepare a pipe", [])
    return try spawn(command, stdin: stdin, pipe: pipe, .group, environment)
  }

  /// What of the child goes where.
  private enum Arrangement {
    /// Standard output into the pipe, if there is one; standard error stays ours.
    case output
    /// As above, and a process group of its own.
    case apart
    /// Both into the pipe, and a process group of its own.
    case group
  }

  private static func spawn(
    _ command: Command, stdin: CInt?, pipe: (read: OpenFile, write: OpenFile)?, _ arrangement: Arrangement, _ environment: [[UInt8]]? = nil
  ) throws(FileError) -> ChildProcess {
    let arguments: [[UInt8]] =
      switch command {
      case .shell(let text): [Array("/bin/sh".utf8), Array("-c".utf8), Array(text.utf8)]
      case .arguments(let list): list
      }
    guard !arguments.isEmpty, !arguments.contains(where: { $0.contains(0) }) else {
      throw failure(-Int(EINVAL), "run", arguments.first ?? [])
    }
    let input = stdin == nil ? try OpenFile.open(Array("/dev/null".utf8), .read) : nil
    defer { withExtendedLifetime((input, pipe)) {} }
    let process = try start(
      arguments, input: stdin ?? input?.descriptor ?? 0, output: pipe?.write.descriptor, arrangement, environment)
    return ChildProcess(processID: process, standardOutput: pipe?.read)
  }

  /// Turns this process into another program; descriptors opened by us do not go with it.
  ///
  /// - Returns: why that did not work.
  package static func become(_ arguments: [[UInt8]]) -> FileError {
    guard let program = arguments.first, !arguments.contains(where: { $0.contains(0) }) else {
      return failure(-Int(EINVAL), "run", arguments.first ?? [])
    }
    for number in [SIGPIPE, SIGXFSZ] { signal(number, SIG_DFL) }
    let code = withCStrings(arguments) { argv in
      guard let program = argv[0] else { return EINVAL }
      execvp(program, argv)
      return Glibc.errno
    }
    return failure(-Int(code), "run", program)
  }

  /// Waits for the end of the child; every call after the first returns at once.
  package func wait() throws(FileError) -> ExitStatus {
    while true {
      if let status = try look(0) { return status }
    }
  }

  /// How the child ended; nil while it runs.
  package func poll() throws(FileError) -> ExitStatus? { try look(WNOHANG) }

  private func look(_ options: CInt) throws(FileError) -> ExitStatus? {
    try status.withLock { status throws(FileError) in
      if let status { return status }
      var code: Int32 = 0
      let found = try checked(
        retrying(.lock) { outcome(waitpid(processID, &code, options)) }, "wait for the process", Array(String(processID).utf8))
      guard found > 0 else { return nil }
      let signal = code & 0x7f
      let result = signal == 0 ? ExitStatus.exited((code >> 8) & 0xff) : .signaled(signal)
      status = result
      return result
    }
  }

  /// Sends a signal, unless the child was already waited for.
  package func send(_ signal: CInt) {
    status.withLock { if $0 == nil { _ = kill(processID, signal) } }
  }

  private static func makePipe() throws(FileError) -> (read: OpenFile, write: OpenFile) {
    var ends: [CInt] = [-1, -1]
    try checked(Int(cairn_pipe(&ends)), "make a pipe", [])
    return (OpenFile(adopting: ends[0]), OpenFile(adopting: ends[1]))
  }

  private static func start(
    _ arguments: [[UInt8]], input: CInt, output: CInt?, _ arrangement: Arrangement, _ environment: [[UInt8]]?
  ) throws(FileError) -> Int32 {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, input, 0)
    if let output { posix_spawn_file_actions_adddup2(&actions, output, 1) }
    if let output, arrangement == .group { posix_spawn_file_actions_adddup2(&actions, output, 2) }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // We may ignore signals, or run on a thread that blocks them; a child must not inherit that.
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    for signal in [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGXFSZ] { sigaddset(&signals, signal) }
    posix_spawnattr_setsigdefault(&attributes, &signals)
    // Group 0 is a new one, numbered as the child.
    let group = arrangement == .output ? 0 : POSIX_SPAWN_SETPGROUP
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | group))
    var process: pid_t = 0
    let code = withCStrings(arguments) { argv in
      guard let program = argv[0] else { return EINVAL }
      guard let environment else { return posix_spawnp(&process, program, &actions, &attributes, argv, environ) }
      return withCStrings(environment) { posix_spawnp(&process, program, &actions, &attributes, argv, $0) }
    }
    guard code == 0 else { throw failure(-Int(code), "run", arguments[0]) }
    return process
  }

  private static func withCStrings(
    _ strings: [[UInt8]], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt
  ) -> CInt {
    let pointers = UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: strings.count + 1)
    defer { pointers.deallocate() }
    for (index, string) in strings.enumerated() {
      let copy = calloc(string.count + 1, 1)
      if let copy { string.withUnsafeBytes { UnsafeMutableRawBufferPointer(start: copy, count: string.count).copyMemory(from: $0) } }
      pointers[index] = copy?.assumingMemoryBound(to: CChar.self)
    }
    pointers[strings.count] = nil
    defer { for pointer in pointers { free(pointer) } }
    guard let start = pointers.baseAddress else { return ENOMEM }
    return body(start)
  }
}
