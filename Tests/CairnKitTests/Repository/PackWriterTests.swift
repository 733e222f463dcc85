import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Glibc
import Synchronization
import Testing

@testable import CairnKit

/// Packs that are written in the name of something else than a session.
@Suite struct PackWriterTests {
  private let storage = MemoryStorage()

  private func packs(_ fixture: WriterFixture, savers: Int = 2) throws -> PackWriter {
    var options = PackWriter.Options()
    options.savers = savers
    return PackWriter(
      fixture.repository, owner: SessionID(random: SystemRandom.bytes(12), epoch: 0), options: options, context: RunContext())
  }

  /// Puts every frame of the repository's packs into packs of `writer`: one as it is, the next blob by blob, and so on.
  private func repack(_ fixture: WriterFixture, _ writer: PackWriter) throws -> [String] {
    try writer.run {
      let worker = writer.makeWorker()
      let view = try fixture.repository.loadView()
      var isRaw = false
      for key in try fixture.keys(.packs) {
        let bytes = try #require(storage.contents[key])
        let pack = try PackFile.read(key, size: UInt64(bytes.count), storage: storage, keys: fixture.repository.keys)
        try pack.forEachFrame { frame, offset in
          isRaw.toggle()
          if isRaw {
            try bytes.withUnsafeBytes {
              try writer.append(
                frame, UnsafeRawBufferPointer(rebasing: $0[Int(offset)..<Int(offset + frame.encodedLength)]), pack.packClass)
            }
          } else {
            for member in frame.members { try put(member, view, worker, fixture) }
          }
        }
      }
      try worker.flush()
      return try writer.flush()
    }
  }

  private func put(_ member: FrameMember, _ view: RepositoryView, _ worker: BlobWorker, _ fixture: WriterFixture) throws {
    let samples = WriterFixture.blobs(1) + [try DirectoryLeaf.encode([])]
    let blob = try #require(samples.first { fixture.repository.keys.blobID(member.type, $0).key == member.key })
    #expect(try worker.put(blob, member.type).key == member.key)
  }

  @Test(arguments: [0, 2]) func whatIsRepackedIsWholeWithoutTheOldPacks(_ savers: Int) throws {
    let fixture = WriterFixture(try TestRepository.create(storage))
    let snapshot = try fixture.backUp(1)
    let old = try fixture.keys(.packs)
    let writer = try packs(fixture, savers: savers)
    let deltas = try repack(fixture, writer)
    let added = try fixture.keys(.packs).filter { !old.contains($0) }
    #expect(!added.isEmpty && added.allSatisfy { PackFile.owner(of: $0) == writer.owner })
    #expect(writer.bytesStored == added.reduce(0) { $0 + UInt64(storage.contents[$1]?.count ?? 0) })
    #expect(try Set(deltas).isSubset(of: fixture.keys(.index).map(\.name)) && deltas.allSatisfy { DeltaName($0)?.session == writer.owner })
    try fixture.appendLog { _ in }
    try fixture.appendLog {
      $0.start = $0.index
      $0.checkpoint = .init(
        index: deltas, below: 1, accepted: [ManifestName(session: snapshot.id, hash: snapshot.object ?? .zero)])
    }
    for key in old { try storage.delete(key) }
    try fixture.expectWhole([1])
  }

  @Test func withoutSaversTheCallersThreadDoesAllTheWrites() throws {
    let faulty = FaultyStorage(storage)
    let fixture = WriterFixture(try TestRepository.create(faulty))
    let threads = Mutex<Set<UInt>>([])
    faulty.plan { _, _ in
      threads.withLock { _ = $0.insert(UInt(pthread_self())) }
      return nil
    }
    var options = WriterOptions()
    options.packs.savers = 0
    options.checkpointBytes = 1
    try fixture.backUp(1, options: options)
    #expect(threads.withLock { $0 } == [UInt(pthread_self())])
    faulty.plan { _, _ in nil }
    try fixture.expectWhole([1])
  }

  @Test(arguments: [0, 2]) func theFirstErrorEndsIt(_ savers: Int) throws {
    let faulty = FaultyStorage(storage)
    let fixture = WriterFixture(try TestRepository.create(faulty))
    let writer = try packs(fixture, savers: savers)
    faulty.plan { call, _ in call == .begin ? .refuse(.noSpace("The disk is full")) : nil }
    let error = #expect(throws: CairnError.self) {
      try writer.run {
        let worker = writer.makeWorker()
        for blob in WriterFixture.blobs(1) {
          _ = try worker.put(blob, .data)
          try worker.flush()
        }
        try writer.flush()
      }
    }
    #expect(error?.code == .noSpace)
  }

  @Test func aFrameThatNeedsItsPacksHeaderIsRefused() throws {
    let fixture = WriterFixture(try TestRepository.create(storage))
    let writer = try packs(fixture, savers: 0)
    let member = FrameMember(key: .zero, type: .data, length: 10)
    let bytes = [UInt8](repeating: 1, count: 50)
    for (reference, length) in [(UInt8(128), UInt32(50)), (0, 51)] {
      let entry = FrameEntry(encodedLength: length, rawLength: 10, codec: 0, keyReference: reference, members: [member])
      #expect(throws: CairnError.self) { try bytes.withUnsafeBytes { try writer.append(entry, $0, .data) } }
    }
  }
}
