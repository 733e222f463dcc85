import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

/// What an interrupted run has stored is used by the next one of the same client.
@Suite struct AdoptionTests {
  private let storage = MemoryStorage()

  /// A run that stored the blobs of snapshot 1, and whose process is gone without having decided anything.
  private func interrupted(isGone: Bool = true) throws -> (WriterFixture, SessionID) {
    let fixture = WriterFixture(try TestRepository.create(storage))
    let writer = try fixture.begin()
    try writer.run { writer in
      let worker = writer.makeWorker()
      for blob in WriterFixture.blobs(1) { _ = try worker.put(blob, .data) }
      try worker.flush()
      try writer.flush()
    }
    if isGone {
      let key = try #require(ObjectKey(kind: .sessions, name: writer.session.hexadecimal))
      storage.contents[key] = try fixture.recordOfTheDead(writer.session)
    }
    return (fixture, writer.session)
  }

  @Test func nothingIsStoredTwice() throws {
    let (fixture, dead) = try interrupted()
    let before = Set(try fixture.keys(.packs))
    try fixture.backUp(1)
    // The empty directory is the only thing that was not there.
    #expect(Set(try fixture.keys(.packs)).subtracting(before).count == 1)
    try fixture.expectWhole([1])
    let state = try RepositoryState.read(storage, keys: fixture.repository.keys)
    #expect(state.registers[dead]?.decision == .abandoned)
    #expect(try fixture.keys(.sessions).isEmpty)
  }

  @Test func aLivingRunIsLeftAlone() throws {
    let (fixture, living) = try interrupted(isGone: false)
    let before = Set(try fixture.keys(.packs))
    try fixture.backUp(1)
    #expect(Set(try fixture.keys(.packs)).subtracting(before).count > 1)
    #expect(try fixture.keys(.sessions).map(\.name) == [living.hexadecimal])
  }

  @Test func condemnedPacksAreNotUsed() throws {
    let (fixture, _) = try interrupted()
    let packs = try fixture.keys(.packs).compactMap { PackName($0.name) }
    try fixture.appendLog { $0.condemn = packs }
    try fixture.backUp(1)
    for key in storage.contents.keys where PackName(key.name).map(packs.contains) == true { try storage.delete(key) }
    try fixture.expectWhole([1])
  }

  @Test func aPackThatCannotBeReadIsStoredAgain() throws {
    let (fixture, _) = try interrupted()
    let key = try #require(try fixture.keys(.packs).first)
    storage.contents[key]?.removeLast(40)
    try fixture.backUp(1)
    try fixture.expectWhole([1])
  }

  @Test func adoptingManyPacksMakesSeveralDeltas() throws {
    let fixture = WriterFixture(try TestRepository.create(storage))
    let writer = try fixture.begin()
    try writer.run { writer in
      let worker = writer.makeWorker()
      for number in stride(from: 0, to: 140, by: 2) {
        for blob in WriterFixture.blobs(number, count: 8) { _ = try worker.put(blob, .data) }
        try worker.flush()
      }
      try writer.flush()
    }
    #expect(try fixture.keys(.packs).count > 128)
    for key in try fixture.keys(.index) { try storage.delete(key) }
    let key = try #require(ObjectKey(kind: .sessions, name: writer.session.hexadecimal))
    storage.contents[key] = try fixture.recordOfTheDead(writer.session)
    try fixture.backUp(2)
    try fixture.expectWhole([2])
    #expect(try fixture.keys(.index).count >= 3)
    let view = try fixture.repository.loadView()
    for blob in WriterFixture.blobs(100, count: 8) { #expect(try view.index.contains(fixture.repository.keys.blobID(.data, blob).key)) }
  }

  @Test func anAbandonedRunLeavesItsPacksToTheNext() throws {
    let fixture = WriterFixture(try TestRepository.create(storage))
    let writer = try fixture.begin()
    #expect(throws: CancellationError.self) {
      try writer.run { writer in
        let worker = writer.makeWorker()
        for blob in WriterFixture.blobs(1) { _ = try worker.put(blob, .data) }
        try worker.flush()
        try writer.flush()
        throw CancellationError()
      }
    }
    writer.abandon()
    #expect(try fixture.keys(.sessions).isEmpty)
    let before = try fixture.keys(.packs).count
    try fixture.backUp(1)
    #expect(try fixture.keys(.packs).count == before + 1)
    try fixture.expectWhole([1])
  }
}
