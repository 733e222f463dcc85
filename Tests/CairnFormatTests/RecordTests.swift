import CairnFormat
import CairnTestSupport
import Testing

@Suite struct RecordTests {
  @Test func everyRecordComesBackAsItWas() throws {
    #expect(try SessionRecord.decode(Fixtures.sessionRecord.encode()) == Fixtures.sessionRecord)
    #expect(try CommitRecord.decode(Fixtures.commitRecord.encode()) == Fixtures.commitRecord)
    #expect(try Manifest.decode(Fixtures.manifest.encode()) == Fixtures.manifest)
    #expect(try LogRecord.decode(Fixtures.logRecord.encode()) == Fixtures.logRecord)
    #expect(try LogRecord.decode(Fixtures.checkpointRecord.encode()) == Fixtures.checkpointRecord)
  }

  @Test func aRecordWithNothingButWhatItNeedsComesBack() throws {
    let client = ClientID(bytes: Array(0xC0...0xCF))!
    let session = SessionRecord(kind: .read, client: client, started: .zero)
    #expect(try SessionRecord.decode(session.encode()) == session)
    let log = LogRecord(index: 0, previous: .zero, owner: Fixtures.session, time: .zero)
    #expect(try LogRecord.decode(log.encode()) == log)
    let commit = CommitRecord(decision: .abandoned)
    #expect(try CommitRecord.decode(commit.encode()) == commit)
    let manifest = Manifest(
      session: Fixtures.session, time: .zero, root: .zero, kind: .full, series: .zero, client: client, started: .zero)
    #expect(try Manifest.decode(manifest.encode()) == manifest)
  }

  @Test func unknownEvenFieldsAreSkippedAndOddOnesRefused() throws {
    let even: [UInt8] = [0x80, 0x02, 1, 9]  // tag 256
    let odd: [UInt8] = [0x81, 0x02, 1, 9]  // tag 257
    #expect(try Manifest.decode(Fixtures.manifest.encode() + even) == Fixtures.manifest)
    #expect(try LogRecord.decode(Fixtures.logRecord.encode() + even) == Fixtures.logRecord)
    #expect(formatError { try Manifest.decode(Fixtures.manifest.encode() + odd) } == .unsupportedFeature)
    #expect(formatError { try LogRecord.decode(Fixtures.logRecord.encode() + odd) } == .unsupportedFeature)
    #expect(formatError { try SessionRecord.decode(Fixtures.sessionRecord.encode() + odd) } == .unsupportedFeature)
    #expect(formatError { try CommitRecord.decode(Fixtures.commitRecord.encode() + odd) } == .unsupportedFeature)
  }

  /// Cut at the end of a field, a record may still be one, but never the same one.
  @Test func noShorterBytesGiveTheSameRecord() throws {
    func check<Record: Equatable>(_ record: Record, _ bytes: [UInt8], _ decode: ([UInt8]) throws(FormatError) -> Record) {
      for count in 0..<bytes.count {
        do throws(FormatError) {
          let shorter = try decode(Array(bytes[..<count]))
          #expect(shorter != record, "\(count) bytes")
        } catch {}
      }
    }
    check(Fixtures.sessionRecord, try Fixtures.sessionRecord.encode(), SessionRecord.decode)
    check(Fixtures.commitRecord, try Fixtures.commitRecord.encode(), CommitRecord.decode)
    check(Fixtures.manifest, try Fixtures.manifest.encode(), Manifest.decode)
    check(Fixtures.logRecord, try Fixtures.logRecord.encode(), LogRecord.decode)
    check(Fixtures.checkpointRecord, try Fixtures.checkpointRecord.encode(), LogRecord.decode)
  }

  @Test func aCommitThatContradictsItselfIsNeitherWrittenNorRead() {
    #expect(formatError { try CommitRecord(decision: .snapshot).encode() } == .invalid("manifest of a commit"))
    #expect(formatError { try CommitRecord(decision: .data, manifest: Fixtures.hash).encode() } == .invalid("manifest of a commit"))
    #expect(formatError { try CommitRecord(decision: .revoked, deltas: [Fixtures.delta.name]).encode() } == .invalid("deltas of a commit"))
    #expect(formatError { try CommitRecord(decision: .data, deltas: ["../x"]).encode() } == .invalid("delta name"))
    let twice = CommitRecord(decision: .data, deltas: [Fixtures.delta.name, Fixtures.delta.name])
    #expect(formatError { try twice.encode() } == .notCanonical("order of a set"))
    #expect(formatError { try CommitRecord.decode([2, 1, 5]) } == .unsupportedFeature)
    #expect(formatError { try CommitRecord.decode([]) } == .invalid("missing field"))
    #expect(formatError { try CommitRecord.decode([2, 1, 1]) } == .invalid("manifest of a commit"))
  }

  @Test func deltasOfACommitAreWrittenInOrder() throws {
    let names = [Fixtures.delta.with(sequence: 9), Fixtures.delta.with(sequence: 0x10), Fixtures.delta.with(sequence: 1)]
    let decoded = try CommitRecord.decode(CommitRecord(decision: .data, deltas: names).encode())
    #expect(decoded.deltas == [names[2], names[0], names[1]])
  }

  @Test func kindAndBaseOfAManifestMustAgree() {
    var manifest = Fixtures.manifest
    manifest.base = nil
    #expect(formatError { try manifest.encode() } == .invalid("base of a snapshot"))
    manifest.kind = .full
    #expect(formatError { try manifest.encode() } == .invalid("delta root without a base"))
    manifest = Fixtures.manifest
    manifest.kind = .full
    #expect(formatError { try manifest.encode() } == .invalid("base of a snapshot"))
    manifest = Fixtures.manifest
    manifest.zoneOffsetMinutes = 1441
    #expect(formatError { try manifest.encode() } == .invalid("zone offset"))
    manifest = Fixtures.manifest
    manifest.paths = [[UInt8](repeating: 65, count: (128 << 10) + 1)]
    #expect(formatError { try manifest.encode() } == .limitExceeded("list item length"))
  }

  @Test func everyStatisticHasItsOwnField() throws {
    var manifest = Fixtures.manifest
    manifest.statistics = SnapshotStatistics()
    let fields: [WritableKeyPath<SnapshotStatistics, UInt64>] = [
      \.filesNew, \.filesChanged, \.filesUnchanged, \.directoriesNew, \.directoriesChanged, \.directoriesUnchanged, \.others,
      \.bytesProcessed, \.bytesRead, \.filesTotal, \.dataBlobs, \.treeBlobs, \.bytesAdded, \.bytesStored, \.errors, \.durationNanoseconds,
    ]
    for (value, field) in fields.enumerated() { manifest.statistics[keyPath: field] = UInt64(value + 1) }
    #expect(try Manifest.decode(manifest.encode()).statistics == manifest.statistics)
  }

  @Test func aLogRecordRefusesWhatWouldBeAmbiguous() {
    func changed(_ record: LogRecord = Fixtures.logRecord, _ change: (inout LogRecord) -> Void) -> FormatError? {
      var record = record
      change(&record)
      return formatError { try record.encode() }
    }
    #expect(changed { $0.condemn.reverse() } == .notCanonical("order of a set"))
    #expect(changed { $0.condemn.append($0.condemn[1]) } == .notCanonical("order of a set"))
    #expect(changed { $0.sweeps.reverse() } == .notCanonical("order of a set"))
    #expect(changed { $0.sweeps[1].record = 9 } == .invalid("swept record"))
    #expect(changed { $0.restore = $0.forget } == .invalid("snapshot both forgotten and restored"))
    #expect(changed { $0.amend[0].tags = nil } == .invalid("empty amendment"))
    #expect(changed { $0.owner = Fixtures.session } == .invalid("delta name"))
    #expect(changed { $0.index = 0 } != nil)
    #expect(changed { $0.start = 9 } == .invalid("start of the log"))
    let checkpoint = Fixtures.checkpointRecord
    #expect(changed(checkpoint) { $0.checkpoint?.below = 10 } == .invalid("fold"))
    #expect(changed(checkpoint) { $0.checkpoint?.below = 7 } == .invalid("fold"))
    #expect(changed(checkpoint) { $0.checkpoint?.index = ["x"] } == .invalid("index object"))
    #expect(changed(checkpoint) { $0.start = 8 } == .invalid("start of the log"))
    #expect(changed(checkpoint) { $0.condemn = Fixtures.logRecord.condemn } == .invalid("checkpoint"))
    #expect(changed(checkpoint) { $0.deltas = Fixtures.logRecord.deltas } == .invalid("checkpoint"))
    #expect(changed(checkpoint) { $0.restore = Fixtures.logRecord.restore } == .invalid("checkpoint"))
  }

  @Test func sortingSetsMakesARecordCanonical() throws {
    var record = Fixtures.logRecord
    record.condemn.reverse()
    record.sweeps.reverse()
    record.amend.reverse()
    record.sortSets()
    #expect(try record.encode() == Fixtures.logRecord.encode())
  }

  @Test func anEmptyCheckpointDiffersFromNone() throws {
    var record = Fixtures.checkpointRecord
    record.checkpoint = .init(index: [], below: 0, accepted: [])
    #expect(try LogRecord.decode(record.encode()).checkpoint == record.checkpoint)
    record.checkpoint = nil
    record.start = 0
    #expect(try LogRecord.decode(record.encode()).checkpoint == nil)
  }
}
