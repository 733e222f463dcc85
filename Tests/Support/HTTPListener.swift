import CairnSystem
import Glibc
import Synchronization

/// A small HTTP server on the loopback interface, for one test: keeps what was asked, and answers as it is told, or not at all.
package final class HTTPListener: Sendable {
  package struct Request: Sendable {
    /// `POST`, `GET`
    package let method: String
    package let path: String
    /// Lines of the head after the first.
    package let headers: [String]
    package let body: String
  }

  /// What is sent back; empty = nothing, and the connection stays open.
  private let answer: String
  private let descriptor: CInt
  /// Where it listens.
  package let port: UInt16
  private let state = Monitor<[Request]>([])
  private let open = Mutex<[CInt]>([])

  /// - Parameter answer: the status line and further lines of the head, as `200 OK`; nil = none ever comes.
  package init(answer: String? = "200 OK") {
    self.answer = answer.map { "HTTP/1.1 \($0)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" } ?? ""
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = descriptor
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(descriptor, address, length) == 0 && listen(descriptor, 16) == 0 && getsockname(descriptor, address, &length) == 0
      }
    }
    precondition(isBound, "there is no loopback interface")
    port = UInt16(bigEndian: address.sin_port)
    start()
  }

  deinit {
    shutdown(descriptor, Int32(SHUT_RDWR))
    close(descriptor)
    for connection in open.withLock({ $0 }) { close(connection) }
  }

  package var url: String { "http://127.0.0.1:\(port)" }

  package var requests: [Request] { state.withLock { $0 } }

  /// A port at which nobody listens.
  package static func closedPort() -> UInt16 {
    let listener = HTTPListener()
    return listener.port
  }

  private func start() {
    let descriptor = descriptor
    let serve = { @Sendable [weak self] in
      while true {
        let connection = accept(descriptor, nil, nil)
        guard connection >= 0, let self else { return }
        self.serve(connection)
      }
    }
    var thread = pthread_t()
    let box = Unmanaged.passRetained(Work(serve))
    pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
        return nil
      }, box.toOpaque())
    pthread_detach(thread)
  }

  private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  private func serve(_ connection: CInt) {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    var request = Self.parsed(bytes)
    while request == nil {
      let count = read(connection, &buffer, buffer.count)
      guard count > 0 else { break }
      bytes += buffer[..<count]
      request = Self.parsed(bytes)
    }
    if let request { state.withLock { $0.append(request) } }
    guard !answer.isEmpty else { return open.withLock { $0.append(connection) } }
    _ = Array(answer.utf8).withUnsafeBytes { write(connection, $0.baseAddress, $0.count) }
    close(connection)
  }

  /// nil while something is missing.
  private static func parsed(_ bytes: [UInt8]) -> Request? {
    let text = String(decoding: bytes, as: UTF8.self)
    let end = "\r\n\r\n"
    guard let head = text.firstRange(of: end) else { return nil }
    var lines = text[..<head.lowerBound].split(separator: "\r\n").map(String.init)
    let words = lines.removeFirst().split(separator: " ").map(String.init)
    let body = String(text[head.upperBound...])
    let length = lines.first { $0.lowercased().hasPrefix("content-length:") }?.split(separator: ":").last?.filter { $0 != " " }
    guard words.count == 3, body.utf8.count >= Int(length ?? "0") ?? 0 else { return nil }
    return Request(method: words[0], path: words[1], headers: lines, body: body)
  }
}
