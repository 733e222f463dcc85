public import CairnSystem
import Synchronization

/// A problem with one file of the source or target; counted, reported, and never fatal (exit status 3).
public struct ItemProblem: Sendable {
  /// The path as the user knows it, raw bytes.
  public let path: [UInt8]
  /// What was being done, a verb phrase such as "reading".
  public let during: String
  /// What went wrong, a sentence without the path.
  public let message: String

  public init(path: [UInt8], during: String, message: String) {
    self.path = path
    self.during = during
    self.message = message
  }
}

/// What happened to one entry.
public enum ItemAction: String, Sendable {
  case new, modified, unchanged, excluded
  case restored, updated, deleted, skipped, metadata
}

/// Something worth telling while a verb runs.
public enum ProgressEvent: Sendable {
  case problem(ItemProblem)
  case item(path: [UInt8], action: ItemAction, bytes: UInt64, isDirectory: Bool)
  /// A whole sentence for the person at the terminal.
  case message(String)
  /// As `message`, and not to be kept back even where little is to be said.
  case warning(String)
  /// The totals are known now.
  case scanned(files: UInt64, bytes: UInt64)
}

/// Receives events from any thread; must not block for long.
public protocol ProgressSink: Sendable {
  func report(_ event: ProgressEvent)
}

/// A sink that drops everything.
public struct NoProgress: ProgressSink {
  public init() {}
  public func report(_ event: ProgressEvent) {}
}

/// A counter that any thread may add to.
public final class Counter: Sendable {
  private let storage = Atomic<UInt64>(0)
  public init() {}
  /// Wraps around: sizes of sparse files, of which there is no end, must not stop a backup.
  public func add(_ n: UInt64 = 1) { storage.wrappingAdd(n, ordering: .relaxed) }
  public func set(_ n: UInt64) { storage.store(n, ordering: .relaxed) }
  public var value: UInt64 { storage.load(ordering: .relaxed) }
}

/// Running totals of a verb, polled by whoever draws the progress line.
public final class ProgressCounters: Sendable {
  public let filesDone = Counter()
  public let filesTotal = Counter()
  public let bytesDone = Counter()
  public let bytesTotal = Counter()
  public let bytesStored = Counter()
  public let errors = Counter()
  /// 1 once `filesTotal` and `bytesTotal` are final.
  public let totalsKnown = Counter()
  private let currentPath = Mutex<[UInt8]>([])

  public init() {}

  /// The entry being worked on, raw bytes.
  public var current: [UInt8] { currentPath.withLock { $0 } }
  public func setCurrent(_ path: [UInt8]) { currentPath.withLock { $0 = path } }
}

/// What every verb is handed besides its own options.
public struct RunContext: Sendable {
  public var sink: any ProgressSink
  public var counters: ProgressCounters
  public var cancellation: Cancellation
  /// The heap that the verb may use for what grows, in bytes (`--memory`).
  public var memoryBytes: Int
  /// Worker threads; nil = one per processor.
  public var threads: Int?

  public init(
    sink: any ProgressSink = NoProgress(), counters: ProgressCounters = ProgressCounters(), cancellation: Cancellation = Cancellation(),
    memoryBytes: Int = 256 << 20, threads: Int? = nil
  ) {
    self.sink = sink
    self.counters = counters
    self.cancellation = cancellation
    self.memoryBytes = memoryBytes
    self.threads = threads
  }

  /// Reports and counts a problem with one entry.
  package func problem(_ path: [UInt8], during: String, _ message: String) {
    counters.errors.add()
    sink.report(.problem(ItemProblem(path: path, during: during, message: message)))
  }
}
