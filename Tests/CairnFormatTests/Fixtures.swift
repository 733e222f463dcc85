import CairnFormat
import CairnTestSupport

/// Fixed keys and records that the format's tests share.
enum Fixtures {
  static let repository = RepositoryID(bytes: Array(0xA0...0xAF))!
  static let master = Array(UInt8(0)...31)
  static let keys = keySet(master, repository)
  static let nonce = Array(UInt8(0x40)...0x57)
  static let session = SessionID(random: Array(1...12), epoch: 7)
  static let hash = ObjectHash(bytes: Array(0x20...0x3F))!
  static let time = Timestamp(seconds: 1_795_248_000, nanoseconds: 123_456_789)
  static let delta = DeltaName(session: session, sequence: 3, hash: hash)

  static func keySet(_ master: [UInt8], _ repository: RepositoryID) -> KeySet {
    KeySet(master: master.withUnsafeBytes { SecretBytes(copying: $0) }, repository: repository)
  }

  static var sessionRecord: SessionRecord {
    var record = SessionRecord(kind: .backup, client: ClientID(bytes: Array(0xC0...0xCF))!, started: time)
    record.host = Array("host".utf8)
    record.user = [0xFF, 0x00, 0x41]
    record.processID = 4711
    record.processStart = 123_456_789_012
    record.bootID = Array("b5f4b6a2-0f0e-4d52-9d0a-6f6f1c7f0a55".utf8)
    record.logIndex = 7
    record.series = SeriesID(bytes: Array(0xD0...0xDF))!
    record.predecessors = [session, SessionID(random: Array(2...13), epoch: 8)]
    record.snapshots = [session]
    record.programVersion = "1.0.0"
    return record
  }

  static var commitRecord: CommitRecord {
    CommitRecord(decision: .snapshot, deltas: [delta.name, delta.with(sequence: 4)], manifest: hash, previous: session)
  }

  static var manifest: Manifest {
    var manifest = Manifest(
      session: session, time: time, root: BlobID(bytes: Array(0x60...0x7F))!, kind: .incremental,
      series: SeriesID(bytes: Array(0xD0...0xDF))!, base: SessionID(random: Array(3...14), epoch: 2),
      client: ClientID(bytes: Array(0xC0...0xCF))!, started: Timestamp(seconds: -5, nanoseconds: 1))
    manifest.zoneOffsetMinutes = -210
    manifest.zoneName = "America/St_Johns"
    manifest.host = Array("host".utf8)
    manifest.user = Array("user".utf8)
    manifest.arguments = [Array("cairn".utf8), Array("backup".utf8), [], [0xFF]]
    manifest.paths = [Array("/home".utf8)]
    manifest.tags = [Array("weekly".utf8)]
    manifest.description = Array("before the move".utf8)
    manifest.rootNodeItem = [1, 2, 3]
    manifest.seriesName = Array("home".utf8)
    manifest.deltaRoot = BlobID(bytes: Array(0x80...0x9F))!
    manifest.logIndex = 7
    manifest.previousCommit = session
    manifest.statistics.filesNew = 3
    manifest.statistics.durationNanoseconds = .max
    manifest.excludes = [Array("*.o".utf8)]
    manifest.flags = [.partial, .readBack]
    manifest.programVersion = "1.0.0"
    return manifest
  }

  static var logRecord: LogRecord {
    let packs = (UInt8(0)..<4).map { PackName(hash: ObjectHash(bytes: [UInt8](repeating: $0, count: 32))!, owner: session) }
    var record = LogRecord(index: 9, previous: hash, owner: SessionID(random: Array(5...16), epoch: 9), time: time)
    record.condemn = Array(packs[..<2])
    record.sweeps = [.init(record: 3, packs: Array(packs[2...])), .init(record: 5, packs: [])]
    record.start = 4
    record.forget = [session]
    record.restore = [SessionID(random: Array(3...14), epoch: 2)]
    record.amend = [
      SnapshotAmendment(session: session, tags: [], description: nil),
      SnapshotAmendment(session: SessionID(random: Array(3...14), epoch: 2), tags: [Array("x".utf8)], description: []),
    ]
    record.deltas = [DeltaName(session: record.owner, sequence: 0, hash: hash).name]
    record.config = hash
    record.host = Array("host".utf8)
    record.user = Array("root".utf8)
    record.programVersion = "1.0.0"
    return record
  }

  /// A record that makes all before it void.
  static var checkpointRecord: LogRecord {
    var record = logRecord
    record.checkpoint = .init(
      index: [DeltaName(session: session, sequence: 7, hash: hash).name], below: 8,
      accepted: [ManifestName(session: session, hash: hash)],
      swept: [PackName(hash: ObjectHash(bytes: [UInt8](repeating: 9, count: 32))!, owner: session)])
    record.start = record.index
    (record.condemn, record.deltas, record.restore) = ([], [], [])
    return record
  }

  static var config: Config {
    var config = Config(repository: repository, maintenancePublicKey: keys.signingKey.publicKey)
    config.counter = 5
    config.created = time
    config.chunker = .small
    return config
  }
}

extension DeltaName {
  func with(sequence: UInt32) -> String { DeltaName(session: session, sequence: sequence, hash: hash).name }
}

/// The error that `body` throws; nil when it returns.
func formatError<Result>(_ body: () throws -> Result) -> FormatError? {
  do {
    _ = try body()
    return nil
  } catch {
    return error as? FormatError
  }
}
