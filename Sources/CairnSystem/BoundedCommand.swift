import CCairn
import Glibc
import Synchronization

/// A command that gets no more time than it is given, in a process group of its own.
///
/// What it leaves running in the background when it ends is not waited for and not ended; what still runs when its time is over, or when
/// it is to stop, is ended with everything in its group.
package struct BoundedCommand: Sendable {
  package var command: ChildProcess.Command
  /// What it reads from standard input; nil = nothing.
  package var input: [UInt8]?
  /// The whole environment as `NAME=value`; nil = ours.
  package var environment: [[UInt8]]?
  /// Seconds.
  package var timeLimit: Double
  /// Seconds between the request to end and the end.
  package var grace: Double = 5
  /// Bytes of its output that are kept, the last ones.
  package var keptBytes = 4096

  package init(_ command: ChildProcess.Command, input: [UInt8]? = nil, environment: [[UInt8]]? = nil, timeLimit: Double) {
    self.command = command
    self.input = input
    self.environment = environment
    self.timeLimit = timeLimit
  }

  package enum End: Sendable, Equatable {
    case exited(Int32)
    case signaled(Int32)
    case timedOut
    /// Because we are to stop.
    case stopped
  }

  package struct Outcome: Sendable {
    package let end: End
    /// The last of what it wrote to standard output and standard error.
    package let tail: [UInt8]
  }

  /// Runs it to its end.
  ///
  /// - Parameters:
  ///   - cancellation: ends the command early.
  ///   - onOutput: is handed what it writes, as it comes.
  /// - Throws: when it cannot be started.
  package func run(cancellation: Cancellation? = nil, onOutput: ([UInt8]) -> Void = { _ in }) throws(FileError) -> Outcome {
    let file = try input.map { bytes throws(FileError) in try Self.memory(bytes) }
    let child = try ChildProcess.spawnGroup(command, stdin: file?.descriptor, environment: environment)
    ProcessGroups.add(child.processID)
    defer { ProcessGroups.remove(child.processID) }
    var watch = Watch(child: child, keptBytes: keptBytes)
    if let end = try watch.untilEnd(seconds: timeLimit, cancellation: cancellation, onOutput) {
      return Outcome(end: end, tail: watch.tail)
    }
    let wasCancelled = cancellation?.isCancelled == true
    kill(-child.processID, SIGTERM)
    if try !watch.groupIsGone(within: grace, onOutput) { kill(-child.processID, SIGKILL) }
    _ = try child.wait()
    return Outcome(end: wasCancelled ? .stopped : .timedOut, tail: watch.tail)
  }

  private static func memory(_ bytes: [UInt8]) throws(FileError) -> OpenFile {
    let descriptor = try checked(Int(cairn_memory_file()), "make a file in memory", [])
    let file = OpenFile(adopting: CInt(descriptor))
    let result = bytes.withUnsafeBytes { buffer in Result { () throws(FileError) in try file.write(buffer, at: 0) } }
    try result.get()
    return file
  }
}

/// The groups of commands that run now, for a program that ends at once.
package enum ProcessGroups {
  private static let running = Mutex<Set<Int32>>([])

  static func add(_ group: Int32) { running.withLock { _ = $0.insert(group) } }
  static func remove(_ group: Int32) { running.withLock { _ = $0.remove(group) } }

  /// Ends all of them.
  package static func endAll() {
    running.withLock { for group in $0 { kill(-group, SIGKILL) } }
  }
}

/// Looks at a child and its output in turn.
private struct Watch {
  /// Milliseconds to wait at most before the next look.
  private static let longestPause: Int32 = 50

  let child: ChildProcess
  let keptBytes: Int
  private(set) var tail: [UInt8] = []
  private var outputHasEnded = false

  init(child: ChildProcess, keptBytes: Int) {
    self.child = child
    self.keptBytes = keptBytes
  }

  /// - Returns: nil when time is over, or when it was cancelled.
  mutating func untilEnd(seconds: Double, cancellation: Cancellation?, _ onOutput: ([UInt8]) -> Void) throws(FileError)
    -> BoundedCommand.End?
  {
    let deadline = Self.deadline(seconds)
    var pause: Int32 = 1
    while true {
      if let status = try child.poll() {
        // What it wrote is in the pipe by now. Others may hold the pipe open: they are not waited for.
        drain(onOutput)
        switch status {
        case .exited(let code): return .exited(code)
        case .signaled(let signal): return .signaled(signal)
        }
      }
      if cancellation?.isCancelled == true || SystemClock.monotonicNanoseconds() >= deadline { return nil }
      pause = wait(pause) ? 1 : min(pause * 2, Self.longestPause)
      drain(onOutput)
    }
  }

  mutating func groupIsGone(within seconds: Double, _ onOutput: ([UInt8]) -> Void) throws(FileError) -> Bool {
    let deadline = Self.deadline(seconds)
    while SystemClock.monotonicNanoseconds() < deadline {
      // The group lasts as long as a member that nobody has waited for, the child itself among them.
      if try child.poll() != nil, kill(-child.processID, 0) != 0 {
        drain(onOutput)
        return true
      }
      _ = wait(10)
      drain(onOutput)
    }
    return false
  }

  private static func deadline(_ seconds: Double) -> UInt64 {
    SystemClock.monotonicNanoseconds() + UInt64(max(0, min(seconds, 1e9)) * 1e9)
  }

  /// - Returns: whether there is output.
  private func wait(_ milliseconds: Int32) -> Bool {
    guard !outputHasEnded, let output = child.standardOutput else {
      Glibc.poll(nil, 0, milliseconds)
      return false
    }
    var descriptor = pollfd(fd: output.descriptor, events: Int16(POLLIN), revents: 0)
    return Glibc.poll(&descriptor, 1, milliseconds) > 0
  }

  /// Takes what the pipe holds now: at most 1 MiB at a time, so that one that never stops writing is still looked at.
  private mutating func drain(_ onOutput: ([UInt8]) -> Void) {
    guard !outputHasEnded, let output = child.standardOutput else { return }
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    for _ in 0..<64 {
      let count = buffer.withUnsafeMutableBytes { Glibc.read(output.descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else {
        if count == 0 { outputHasEnded = true }
        return
      }
      let piece = Array(buffer[..<count])
      onOutput(piece)
      tail += piece
      if tail.count > keptBytes { tail.removeFirst(tail.count - keptBytes) }
    }
  }
}
