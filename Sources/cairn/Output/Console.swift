import CairnKit
import CairnSystem
import Glibc
import Synchronization

/// The end of standard output is gone (EPIPE): whoever read it has enough.
struct OutputClosed: Error {}

/// Standard output and standard error of a command; any thread.
///
/// Standard output is buffered (64 KiB) unless it is a terminal. What is written to standard error goes out at once and takes
/// the progress line away first.
final class Console: Sendable {
  let json: Bool
  let isQuiet: Bool
  /// 0, or the number of `--verbose`; restic's levels: 2 and more names every entry.
  let verbosity: Int
  let outputIsTerminal: Bool
  let errorIsTerminal: Bool
  private let state = Mutex(State())

  private struct State {
    var buffer: [UInt8] = []
    var isClosed = false
    var failure: Int32 = 0
    /// What the progress line shows now; empty = no line.
    var progress = ""
    /// Takes what is for standard error.
    var diversion: (@Sendable (String) -> Void)?
  }

  init(json: Bool, isQuiet: Bool, verbosity: Int) {
    self.json = json
    self.isQuiet = isQuiet
    self.verbosity = verbosity
    outputIsTerminal = Terminal.isTerminal(1)
    errorIsTerminal = Terminal.isTerminal(2)
  }

  // MARK: Standard output

  /// Writes a line to standard output. Names in it are escaped already.
  func line(_ text: String) { write(Array((text + "\n").utf8)) }

  /// Writes a JSON document and a line end.
  func line(_ document: JSONLine) { write(document.bytes + [0x0a]) }

  /// A line that `--quiet` and `--json` leave out.
  func remark(_ text: String) {
    if !json && !isQuiet { line(text) }
  }

  func write(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { write($0) }
  }

  /// Writes bytes to standard output; problems show in `check` and `finish`.
  func write(_ bytes: UnsafeRawBufferPointer) {
    state.withLock { state in
      guard !state.isClosed else { return }
      if outputIsTerminal { takeProgressAway(&state) }
      state.buffer += bytes
      if outputIsTerminal || state.buffer.count >= 65_536 { drain(&state) }
    }
  }

  /// - Throws: `OutputClosed` when nobody reads standard output any more, `CairnError` when it cannot be written.
  func check() throws {
    let (isClosed, failure) = state.withLock { ($0.isClosed, $0.failure) }
    guard isClosed else { return }
    if failure == EPIPE { throw OutputClosed() }
    throw CairnError(failure == ENOSPC ? .noSpace : .failed, "Cannot write to standard output: \(String(cString: strerror(failure))).")
  }

  /// Writes what is buffered.
  func flush() {
    state.withLock { drain(&$0) }
  }

  // MARK: Standard error

  /// Writes a line to standard error, whatever `--quiet` says.
  func complain(_ text: String) {
    if let diversion = state.withLock({ $0.diversion }) { return diversion(text) }
    state.withLock { state in
      drain(&state)
      takeProgressAway(&state)
      Self.writeAll(2, Array((text + "\n").utf8))
    }
  }

  func complain(_ document: JSONLine) { complain(String(decoding: document.bytes, as: UTF8.self)) }

  /// Shows `text` as the progress line of the terminal, replacing the one before; empty takes it away.
  func showProgress(_ text: String) {
    state.withLock { state in
      if text.isEmpty {
        takeProgressAway(&state)
      } else if text != state.progress {
        Self.writeAll(2, Array(("\r" + text + "\u{1b}[K").utf8))
        state.progress = text
      }
    }
  }

  /// While the terminal shows something else as a whole, hands the lines for standard error to somebody; nil ends that.
  func divert(to diversion: (@Sendable (String) -> Void)?) { state.withLock { $0.diversion = diversion } }

  // MARK: Details

  private func takeProgressAway(_ state: inout State) {
    guard !state.progress.isEmpty else { return }
    Self.writeAll(2, Array("\r\u{1b}[K".utf8))
    state.progress = ""
  }

  private func drain(_ state: inout State) {
    guard !state.buffer.isEmpty, !state.isClosed else { return }
    let failure = Self.writeAll(1, state.buffer)
    state.buffer.removeAll(keepingCapacity: true)
    if failure != 0 {
      state.isClosed = true
      state.failure = failure
    }
  }

  /// - Returns: 0, or the error number.
  @discardableResult
  private static func writeAll(_ descriptor: CInt, _ bytes: [UInt8]) -> Int32 {
    bytes.withUnsafeBytes { buffer in
      var done = 0
      while done < buffer.count, let start = buffer.baseAddress {
        let count = Glibc.write(descriptor, start + done, buffer.count - done)
        if count > 0 {
          done += count
        } else if errno == EAGAIN {
          var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          poll(&wait, 1, -1)
        } else if errno != EINTR {
          return errno
        }
      }
      return 0
    }
  }
}
