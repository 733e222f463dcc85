import CairnSystem
import Glibc

/// A terminal that the test holds the other end of.
final class PseudoTerminal {
  private let master: OpenFile
  let name: String
  private(set) var seen = ""
  /// What the terminal shows, once it has a size.
  private(set) var screen = VirtualScreen(columns: 0, rows: 0)

  init() throws {
    let descriptor = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    guard descriptor >= 0, Self.number("unlockpt", descriptor) == 0, let name = Self.text("ptsname", descriptor) else {
      throw CancellationError()
    }
    self.name = name
    master = OpenFile(adopting: descriptor)
  }

  /// These two are in glibc, but its module shows them to GNU programs only.
  private static func number(_ function: String, _ descriptor: CInt) -> CInt {
    guard let symbol = dlsym(nil, function) else { return -1 }
    return unsafeBitCast(symbol, to: (@convention(c) (CInt) -> CInt).self)(descriptor)
  }

  private static func text(_ function: String, _ descriptor: CInt) -> String? {
    guard let symbol = dlsym(nil, function) else { return nil }
    return unsafeBitCast(symbol, to: (@convention(c) (CInt) -> UnsafePointer<CChar>?).self)(descriptor).map { String(cString: $0) }
  }

  /// Reads until `text` has come, the program has hung up, or a minute has gone.
  @discardableResult
  func wait(for text: String) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while !seen.contains(text) {
      var wait = pollfd(fd: master.descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&wait, 1, 60_000) > 0 else { return false }
      let count = Glibc.read(master.descriptor, &buffer, buffer.count)
      guard count > 0 else { return seen.contains(text) }
      seen += String(decoding: buffer[..<count], as: UTF8.self)
    }
    return true
  }

  /// Reads until the screen shows what is wanted, the program has hung up, or a minute has gone.
  ///
  /// - Returns: whether the screen shows it.
  func wait(until isShown: (VirtualScreen) -> Bool) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4096)
    while !isShown(screen) {
      var wait = pollfd(fd: master.descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&wait, 1, 60_000) > 0 else { return false }
      let count = Glibc.read(master.descriptor, &buffer, buffer.count)
      guard count > 0 else { return isShown(screen) }
      screen.write(buffer[..<count])
    }
    return true
  }

  func resize(columns: Int, rows: Int) {
    var size = winsize()
    size.ws_col = UInt16(columns)
    size.ws_row = UInt16(rows)
    _ = ioctl(master.descriptor, UInt(TIOCSWINSZ), &size)
    screen = VirtualScreen(columns: columns, rows: rows)
  }

  /// The settings of the terminal, to compare.
  var settings: [UInt32] {
    var settings = termios()
    guard tcgetattr(master.descriptor, &settings) == 0 else { return [] }
    return [settings.c_iflag, settings.c_oflag, settings.c_cflag, settings.c_lflag]
  }

  func readToEnd() { wait(for: "\u{0}") }

  func type(_ text: String) {
    let bytes = Array(text.utf8)
    _ = Glibc.write(master.descriptor, bytes, bytes.count)
  }
}
