import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

@Suite struct CheckFaultTests {
  @Test func everyDamageIsFoundAndNamed() throws {
    let subject = try CheckSubject(.memory)
    for tag in ["a", "b"] { try subject.open().amend([(subject.snapshots[0].id, [Array(tag.utf8)], nil)]) }
    let memory = try #require(subject.storage as? MemoryStorage)
    let sound = memory.contents
    var random = SplitMix64(seed: 20)
    // Without the config and the only key slot nothing opens, which is for the tests of `Repository.open`.
    let kinds: [ObjectKey.Kind] = [.packs, .index, .commits, .snapshots, .log]
    let keys = sound.keys.filter { kinds.contains($0.kind) }.sorted()
    for round in 0..<150 {
      let key = try #require(keys.randomElement(using: &random))
      let bytes = try #require(sound[key])
      var damaged: [UInt8]? = bytes
      switch round % 5 {
      case 0: damaged?[Int.random(in: 0..<bytes.count, using: &random)] ^= UInt8.random(in: 1...255, using: &random)
      case 1: damaged = Array(bytes.prefix(Int.random(in: 0..<bytes.count, using: &random)))
      case 2: damaged = random.bytes(bytes.count)
      case 3: damaged = sound[keys.filter { $0.kind == key.kind && $0 != key }.randomElement(using: &random) ?? key]
      default: damaged = nil
      }
      memory.contents = sound
      memory.contents[key] = damaged
      let report = try subject.check(.all)
      let isNamed = report.errors.contains { $0.object == key.path }
      // The last record of the log and a register together with what it names may be gone without a trace of their own.
      let mayBeUnseen = damaged == nil && (key.kind == .log || key.kind == .commits)
      #expect(isNamed || mayBeUnseen, "round \(round): \(key.path)")
    }
    memory.contents = sound
    #expect(try !subject.check(.all).isDamaged)
  }

  @Test(arguments: [ObjectKey.Kind.packs, .index, .commits, .snapshots, .log])
  func aBadBlockInOneObjectNeverStopsTheCheckOfTheOthers(_ kind: ObjectKey.Kind) throws {
    let subject = try CheckSubject(.memory)
    try subject.open().amend([(subject.snapshots[0].id, [[0x61]], nil)])
    let lost = try subject.pack(of: "keep")
    try subject.damage(lost, .missing)
    // Of the last snapshot, which did not store what is lost.
    let own = try subject.objects(kind).last { $0.kind == .log || $0.name.hasPrefix(subject.snapshots[2].idHex) }
    let bad = try kind == .packs ? subject.pack(of: "one") : #require(own)
    let storage = BadBlockStorage(subject.storage, bad: bad, from: kind == .packs ? 5000 : 0)
    let report = try TestRepository.open(storage).check(CheckOptions(readData: .all))
    #expect(report.finding(lost.path)?.kind == .loss)
    let finding = try #require(report.finding(bad.path))
    #expect(finding.kind != .garbage && finding.what.contains("bad block"))
  }
}

/// Cannot read one object from some offset on.
private final class BadBlockStorage: Storage {
  private let base: any Storage
  private let bad: ObjectKey
  private let from: UInt64

  init(_ base: any Storage, bad: ObjectKey, from: UInt64) {
    self.base = base
    self.bad = bad
    self.from = from
  }

  var location: String { base.location }

  private func fail(_ key: ObjectKey, _ end: UInt64) throws(StorageError) {
    if key == bad, end > from { throw .io("'\(key.path)' has a bad block") }
  }

  func read(_ key: ObjectKey, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(StorageError) -> Int {
    try fail(key, offset + UInt64(buffer.count))
    return try base.read(key, at: offset, into: buffer)
  }
  func readAll(_ key: ObjectKey, limit: Int) throws(StorageError) -> [UInt8] {
    try fail(key, .max)
    return try base.readAll(key, limit: limit)
  }
  func put(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) { try base.put(key, bytes) }
  func putIfAbsent(_ key: ObjectKey, _ bytes: UnsafeRawBufferPointer) throws(StorageError) -> Bool { try base.putIfAbsent(key, bytes) }
  func beginObject(kind: ObjectKey.Kind) throws(StorageError) -> any ObjectWriter { try base.beginObject(kind: kind) }
  func size(of key: ObjectKey) throws(StorageError) -> UInt64 { try base.size(of: key) }
  func list(_ kind: ObjectKey.Kind, _ body: (ObjectKey, UInt64) throws -> Void) throws { try base.list(kind, body) }
  func foreign(_ kind: ObjectKey.Kind) throws(StorageError) -> [String] { try base.foreign(kind) }
  func delete(_ key: ObjectKey) throws(StorageError) { try base.delete(key) }
  func flush() throws(StorageError) { try base.flush() }
  func copies(of key: ObjectKey) -> Int { base.copies(of: key) }
}
