import CCairn
import Glibc

/// The terminal as a screen that is the program's own: keys come as they are pressed, and what was on the screen before comes back at the
/// end, also when the program fails.
///
/// One in a process, used by one thread; `wake` may be called by any.
package final class FullScreenTerminal: @unchecked Sendable {
  // Unchecked: everything but `wake`, which only writes to a pipe, belongs to one thread.

  /// What a wait ended with.
  package enum Arrival: Equatable, Sendable {
    case input([UInt8])
    case woken
    case timeout
    /// There is no terminal any more.
    case closed
  }

  private let input: CInt
  private let output: CInt
  private let wakeReader: OpenFile
  private let wakeWriter: OpenFile

  /// Another screen, no cursor, no wrapping at the end of a line, pasted text marked as such.
  private static let enterSequence = "\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l\u{1b}[?2004h\u{1b}[0m\u{1b}[2J"
  private static let leaveSequence = "\u{1b}[0m\u{1b}[?2004l\u{1b}[?7h\u{1b}[?25h\u{1b}[2J\u{1b}[?1049l"

  /// - Throws: where the descriptors are no terminal, or one that is gone.
  package init(input: CInt, output: CInt) throws(FileError) {
    self.input = input
    self.output = output
    var ends: [CInt] = [-1, -1]
    try checked(Int(cairn_pipe(&ends)), "make a pipe for", [])
    wakeReader = OpenFile(adopting: ends[0])
    wakeWriter = OpenFile(adopting: ends[1])
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
    try enter()
  }

  deinit { leave() }

  /// Takes the screen, again after `leave`, or after something else has changed the terminal.
  package func enter() throws(FileError) {
    Self.restore()
    try checked(Int(cairn_screen_begin(input, output, Self.enterSequence, Self.leaveSequence)), "use the terminal", [])
  }

  /// Gives the screen back.
  package func leave() { Self.restore() }

  /// As `leave`, from anywhere, also where no screen was taken.
  package static func restore() { cairn_screen_end() }

  /// 80 by 24 where the terminal does not tell.
  package var size: (columns: Int, rows: Int) {
    let packed = Int(cairn_terminal_size(output))
    guard packed > 0 else { return (80, 24) }
    let (columns, rows) = (packed & 0xffff, packed >> 16)
    return (columns > 0 ? columns : 80, rows > 0 ? rows : 24)
  }

  /// - Returns: false when the terminal takes nothing any more.
  package func write(_ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { buffer in
      var done = 0
      while done < buffer.count, let start = buffer.baseAddress {
        let count = Glibc.write(output, start + done, buffer.count - done)
        if count > 0 {
          done += count
        } else if errno == EAGAIN {
          var wait = pollfd(fd: output, events: Int16(POLLOUT), revents: 0)
          poll(&wait, 1, -1)
        } else if errno != EINTR {
          return false
        }
      }
      return true
    }
  }

  /// Ends the wait that goes on, or the next one.
  package func wake() {
    var byte: UInt8 = 0
    // A full pipe wakes just as well.
    _ = Glibc.write(wakeWriter.descriptor, &byte, 1)
  }

  /// Waits for keys, for `wake`, or for so many milliseconds to pass; -1: for ever.
  package func wait(milliseconds: CInt) -> Arrival {
    var waits = [
      pollfd(fd: input, events: Int16(POLLIN), revents: 0), pollfd(fd: wakeReader.descriptor, events: Int16(POLLIN), revents: 0),
    ]
    let count = poll(&waits, 2, milliseconds)
    if count == 0 { return .timeout }
    if count < 0 { return errno == EINTR ? .woken : .closed }
    if waits[1].revents != 0 {
      var buffer = [UInt8](repeating: 0, count: 64)
      while Glibc.read(wakeReader.descriptor, &buffer, buffer.count) > 0 {}
      return .woken
    }
    var buffer = [UInt8](repeating: 0, count: 4096)
    let got = Glibc.read(input, &buffer, buffer.count)
    if got > 0 { return .input(Array(buffer[..<got])) }
    return got < 0 && (errno == EINTR || errno == EAGAIN) ? .woken : .closed
  }
}
