import CCairn
import Glibc

/// The terminal: whether there is one, how wide it is, and reading a secret from it.
package enum Terminal {
  package static func isTerminal(_ descriptor: CInt) -> Bool { isatty(descriptor) == 1 }

  /// The width in characters; 80 where it is unknown.
  package static func columns(_ descriptor: CInt) -> Int {
    let columns = Int(cairn_terminal_columns(descriptor))
    return columns > 0 ? columns : 80
  }

  /// Asks on /dev/tty and reads one line (at most 4095 bytes) without showing it.
  ///
  /// The terminal is restored before this returns, also when a signal ends it.
  /// - Returns: the line without its end; nil when there is no terminal.
  /// - Throws: EINTR when a signal came; the signal was then handled as it would have been without the prompt.
  package static func readWithoutEcho(prompt: String) throws(FileError) -> [UInt8]? {
    switch try ask(prompt, hidden: true) {
    case .line(let line): line
    case .ended: []
    case .noTerminal: nil
    }
  }

  /// The same with what is typed shown.
  ///
  /// - Returns: nil also when the input ended (Ctrl-D) and there is nothing to answer with.
  package static func read(prompt: String) throws(FileError) -> [UInt8]? {
    if case .line(let line) = try ask(prompt, hidden: false) { line } else { nil }
  }

  private enum Answer {
    case line([UInt8])
    case ended
    case noTerminal
  }

  private static func ask(_ prompt: String, hidden isHidden: Bool) throws(FileError) -> Answer {
    let path = Array("/dev/tty".utf8)
    // `try?`: no controlling terminal is an answer here, not an error.
    guard let terminal = try? OpenFile.open(path, [.read, .write]), isTerminal(terminal.descriptor) else { return .noTerminal }
    var before = termios()
    guard tcgetattr(terminal.descriptor, &before) == 0 else { return .noTerminal }
    let event = cairn_prompt_begin()
    guard event >= 0 else { throw failure(Int(event), "read from", path) }
    var hidden = before
    if isHidden { hidden.c_lflag &= ~tcflag_t(ECHO) }
    hidden.c_lflag |= tcflag_t(ICANON | ISIG)
    withUnsafeMutableBytes(of: &hidden.c_cc) { $0[Int(VSUSP)] = 0 }  // no suspending while the echo is off
    // A secret typed too early was shown and is not taken; other answers may be typed, or pasted, ahead.
    tcsetattr(terminal.descriptor, isHidden ? TCSAFLUSH : TCSADRAIN, &hidden)
    let result = Result { () throws(FileError) in try line(terminal, event, prompt, hidden: isHidden) }
    tcsetattr(terminal.descriptor, isHidden ? TCSAFLUSH : TCSADRAIN, &before)
    let signal = cairn_prompt_end()
    if signal != 0 { raise(signal) }
    return try result.get()
  }

  private static func line(_ terminal: OpenFile, _ event: CInt, _ prompt: String, hidden isHidden: Bool) throws(FileError) -> Answer {
    try write(prompt, terminal)
    var line: [UInt8] = []
    while line.count < 4096 {
      var waits = [
        pollfd(fd: terminal.descriptor, events: Int16(POLLIN), revents: 0), pollfd(fd: event, events: Int16(POLLIN), revents: 0),
      ]
      try checked(retrying(.read) { outcome(poll(&waits, 2, -1)) }, "read from", terminal.path)
      guard waits[1].revents == 0 else {
        try write("\n", terminal)
        throw failure(-Int(EINTR), "read from", terminal.path)
      }
      var byte: UInt8 = 0
      let count = retrying(.read) { outcome(Glibc.read(terminal.descriptor, &byte, 1)) }
      try checked(count, "read from", terminal.path)
      if count == 0 && line.isEmpty {
        try write("\n", terminal)
        return .ended
      }
      if count == 0 || byte == 0x0a { break }
      line.append(byte)
    }
    if isHidden { try write("\n", terminal) }
    return .line(line)
  }

  private static func write(_ text: String, _ terminal: OpenFile) throws(FileError) {
    var text = text
    let result = text.withUTF8 { bytes in Result { () throws(FileError) in try terminal.write(UnsafeRawBufferPointer(bytes)) } }
    try result.get()
  }
}
