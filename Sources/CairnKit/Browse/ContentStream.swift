package import CairnFormat
import CairnSystem

/// Bytes in a fixed order, parts of which are blobs that several threads fetch ahead.
///
/// One thread produces pieces, `workers` threads fetch the blobs in them, the caller receives the bytes in the order of the pieces.
/// Memory: at most `2 * workers + 3` batches of about 1 MiB plus one blob each.
struct ContentStream {
  /// What the stream is made of.
  enum Piece: Sendable {
    case bytes([UInt8])
    case blob(BlobID, length: Int)
    /// A hole: zeros.
    case zeros(UInt64)
  }

  /// Takes the pieces of one stream, on the producing thread.
  final class Sink {
    private let push: (Batch) -> Bool
    private var pieces: [Piece] = []
    private var bytes = 0

    fileprivate init(push: @escaping (Batch) -> Bool) { self.push = push }

    /// - Throws: `CancellationError` when nobody wants any more.
    func add(_ piece: Piece) throws {
      switch piece {
      case .bytes(let content): bytes += content.count
      case .blob(_, let length): bytes += length
      case .zeros: bytes += 64
      }
      pieces.append(piece)
      if bytes >= 1 << 20 || pieces.count >= 1024 { try flush() }
    }

    fileprivate func flush() throws {
      guard !pieces.isEmpty else { return }
      let batch = Batch(pieces)
      pieces = []
      bytes = 0
      guard push(batch) else { throw CancellationError() }
    }

    fileprivate func end(with error: any Error) { _ = push(Batch(failed: error)) }
  }

  /// A run of pieces that one worker fetches as a whole.
  fileprivate final class Batch: Sendable {
    struct Part {
      var bytes: [UInt8] = []
      /// Zeros behind the bytes.
      var zeros: UInt64 = 0
    }
    let pieces: [Piece]
    let result: Monitor<Result<[Part], any Error>?>

    init(_ pieces: [Piece]) {
      self.pieces = pieces
      result = Monitor(nil)
    }

    init(failed error: any Error) {
      pieces = []
      result = Monitor(.failure(error))
    }

    func fetch(_ blobs: BlobReader) {
      let outcome = Result { try parts(blobs) }
      result.withLock { $0 = outcome }
      result.notifyAll()
    }

    /// The parts, as soon as they are there.
    func take() throws -> [Part] { try result.waitFor { $0.take() }.get() }

    private func parts(_ blobs: BlobReader) throws -> [Part] {
      var parts = [Part()]
      for piece in pieces {
        if case .zeros(let count) = piece {
          parts[parts.count - 1].zeros += count
          continue
        }
        if parts[parts.count - 1].zeros > 0 { parts.append(Part()) }
        switch piece {
        case .bytes(let bytes): parts[parts.count - 1].bytes += bytes
        case .blob(let id, let length): try append(id, length, blobs, to: &parts[parts.count - 1].bytes)
        case .zeros: break
        }
      }
      return parts
    }

    private func append(_ id: BlobID, _ length: Int, _ blobs: BlobReader, to bytes: inout [UInt8]) throws {
      try blobs.withBlob(id, .data) { content in
        guard content.count == length else {
          throw CairnError.damaged("Blob \(id.hexadecimal.prefix(16))…", .invalid("length differs from what the tree says"))
        }
        bytes.append(contentsOf: content)
      }
    }
  }

  private let blobs: BlobReader
  private let workers: Int
  private let cancellation: Cancellation

  init(_ view: RepositoryView, _ context: RunContext) {
    blobs = view.blobs
    workers = max(1, context.threads ?? Host.processorCount)
    cancellation = context.cancellation
  }

  /// Runs a stream to its end.
  ///
  /// - Parameters:
  ///   - produce: gives the pieces; runs on a thread of its own.
  ///   - receive: gets the bytes on the calling thread.
  /// - Throws: the first error in the order of the stream: what comes before it has been received.
  func run(_ produce: @escaping @Sendable (Sink) throws -> Void, _ receive: (UnsafeRawBufferPointer) throws -> Void) throws {
    let order = BoundedQueue<Batch>(capacity: 2 * workers + 2)
    let work = BoundedQueue<Batch>(capacity: 2 * workers + 2)
    let blobs = blobs
    try ThreadScope.run { scope in
      defer {
        order.cancel()
        work.cancel()
      }
      scope.spawn("content") {
        defer {
          order.close()
          work.close()
        }
        let sink = Sink { batch in order.push(batch) && (batch.pieces.isEmpty || work.push(batch)) }
        do {
          try produce(sink)
          try sink.flush()
        } catch {
          // What came before the failure still goes out; then the receiver meets the error in its place.
          _ = try? sink.flush()
          sink.end(with: error)
        }
      }
      for number in 0..<workers {
        scope.spawn("fetch \(number)") { while let batch = work.pop() { batch.fetch(blobs) } }
      }
      while let batch = order.pop() {
        try cancellation.check()
        for part in try batch.take() { try deliver(part, receive) }
      }
    }
  }

  private func deliver(_ part: Batch.Part, _ receive: (UnsafeRawBufferPointer) throws -> Void) throws {
    if !part.bytes.isEmpty { try part.bytes.withUnsafeBytes(receive) }
    var left = part.zeros
    while left > 0 {
      let count = Int(min(left, UInt64(Self.zeros.count)))
      try Self.zeros.withUnsafeBytes { try receive(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      left -= UInt64(count)
    }
  }

  private static let zeros = [UInt8](repeating: 0, count: 64 << 10)
}

extension RepositoryView {
  /// Streams the content of a file; holes come as zeros. Blobs are fetched ahead by several threads.
  ///
  /// - Parameter receive: gets the bytes in order, in pieces of any size, on the calling thread.
  /// - Throws: `CairnError(.usage)` when the node is no file; `.damaged` naming what cannot be read, after everything before it was
  ///   received; what `receive` throws; `CancellationError`.
  package func writeFile(
    _ node: Node, context: RunContext = RunContext(), to receive: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    guard node.type == .file else {
      throw CairnError(.usage, "'\(Escaping.terminal(node.name))' is not a file; its content cannot be written.")
    }
    let trees = trees
    try ContentStream(self, context).run({ try $0.add(contentOf: node, trees) }, receive)
  }
}

extension ContentStream.Sink {
  /// Adds the bytes of a file, exactly as many as its size says.
  func add(contentOf node: Node, _ trees: TreeReader) throws {
    var content = trees.content(node)
    var left = node.size
    while let item = try content.next() {
      guard item.length <= left else { break }
      left -= item.length
      if let id = item.id { try add(.blob(id, length: Int(item.length))) } else { try add(.zeros(item.length)) }
    }
    guard left == 0, try content.next() == nil else {
      throw CairnError.damaged("the content list of '\(Escaping.terminal(node.name))'", .invalid("it does not add up to the file's size"))
    }
  }
}
