import CairnSystem
import Glibc

/// A terminal that the test holds the other end of.
final class PseudoTerminal {
  private let master: OpenFile
  let name: String
  private(set) var seen = ""

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

  func readToEnd() { wait(for: "\u{0}") }

  func type(_ text: String) {
    let bytes = Array(text.utf8)
    _ = Glibc.write(master.descriptor, bytes, bytes.count)
  }
}
