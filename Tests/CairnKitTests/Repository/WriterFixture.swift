import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

/// Small snapshots made straight with a `SessionWriter`: their number is their time, and tells what they must hold.
struct WriterFixture {
  let repository: Repository
  /// The longest blob that `backUp` makes.
  var blobBytes = 30_000

  /// - Parameter packBytes: small packs by default, so that little data makes many.
  init(_ repository: Repository, packBytes: UInt32 = 64 << 10, sink: any ProgressSink = NoProgress()) {
    var config = repository.config
    config.dataPackBytes = packBytes
    config.treePackBytes = packBytes
    self.repository = Repository(
      storage: repository.storage, keys: repository.keys, config: config, options: repository.options, slot: repository.currentSlot,
      info: repository.currentSlotInfo, master: repository.master, sink: sink)
  }

  /// The blobs of a snapshot; every second one is also in the next.
  static func blobs(_ number: Int, count: Int = 16, upTo bytes: Int = 30_000) -> [[UInt8]] {
    (0..<count).map { index in
      var random = SplitMix64(seed: UInt64((number + index % 2) * 1000 + index / 2))
      return random.bytes(1 + Int(random.next() % UInt64(bytes)))
    }
  }

  func begin(_ options: WriterOptions = WriterOptions(), context: RunContext = RunContext()) throws -> SessionWriter {
    try SessionWriter.begin(repository, description: SessionWriterTests.description, options: options, context: context)
  }

  static func manifest(_ number: Int, root: BlobID) -> Manifest {
    Manifest(
      session: .zero, time: Timestamp(seconds: Int64(number), nanoseconds: 0), root: root, kind: .full, series: .zero, client: .zero,
      started: .zero)
  }

  /// Stores a snapshot, handing over in the middle.
  @discardableResult
  func backUp(_ number: Int, options: WriterOptions = WriterOptions()) throws -> Snapshot {
    try begin(options).run { writer in
      let worker = writer.makeWorker()
      let blobs = Self.blobs(number, upTo: blobBytes)
      for blob in blobs[..<(blobs.count / 2)] { _ = try worker.put(blob, .data) }
      try worker.flush()
      try writer.flush()
      try writer.handOver()
      for blob in blobs[(blobs.count / 2)...] { _ = try worker.put(blob, .data) }
      let root = try worker.put(try DirectoryLeaf.encode([]), .treeLeaf)
      try worker.flush()
      return try writer.commit(Self.manifest(number, root: root))
    }
  }

  /// Expects the snapshots of these numbers, or at least them, to be whole.
  func expectWhole(_ numbers: [Int], orMore: Bool = false, _ comment: Comment? = nil) throws {
    let view = try repository.loadView()
    let found = view.snapshots.map { Int($0.manifest.time.seconds) }
    #expect(orMore ? Set(found).isSuperset(of: numbers) : found == numbers, comment)
    #expect(view.problems.isEmpty, comment)
    for number in found {
      for blob in Self.blobs(number, upTo: blobBytes) {
        #expect(try view.blobs.read(repository.keys.blobID(.data, blob), .data) == blob, comment)
      }
    }
    for snapshot in view.snapshots { #expect(try view.blobs.readNode(snapshot.manifest.root) == DirectoryLeaf.encode([]), comment) }
  }

  func keys(_ kind: ObjectKey.Kind) throws -> [ObjectKey] {
    var keys: [ObjectKey] = []
    try repository.storage.list(kind) { key, _ in keys.append(key) }
    return keys.sorted()
  }

  /// The record of a session as if its process had ended: another process has the number now.
  func recordOfTheDead(_ session: SessionID) throws -> [UInt8] {
    var record = try Records.session(session, repository.storage, repository.keys)
    record.processStart += 1
    return try Envelope.seal(
      .session, logicalName: LogicalName.session(session), plaintext: record.encode(), nonce: SystemRandom.bytes(24), keys: repository.keys)
  }

  /// Appends a record to the maintenance log, as a prune would.
  func appendLog(_ change: (inout LogRecord) -> Void) throws {
    try repository.appendLog { state in
      var record = LogRecord(next: state)
      change(&record)
      return record
    }
  }
}
