import CairnStorage
import CairnSystem
import CairnTestSupport
import Synchronization
import Testing

/// The storages under test. Each case makes a fresh, empty one.
enum Subject: String, CaseIterable, Sendable, CustomTestStringConvertible {
  case local
  /// A file system without O_TMPFILE: everything goes through `tmp/`.
  case localNamed
  case memory
  case limited

  var testDescription: String { rawValue }

  func make() throws -> Fixture {
    let directory = TemporaryDirectory()
    switch self {
    case .local: return Fixture(try LocalStorage.create(path: directory.path("repository")), directory)
    case .localNamed:
      return Fixture(try LocalStorage.create(path: directory.path("repository"), mayBeUnnamed: false), directory)
    case .limited:
      let limiter = RateLimiter(bytesPerSecond: 1 << 40)
      return Fixture(
        LimitedStorage(try LocalStorage.create(path: directory.path("repository")), upload: limiter, download: limiter), directory)
    case .memory: return Fixture(MemoryStorage(), directory)
    }
  }
}

struct Fixture {
  let storage: any Storage
  let directory: TemporaryDirectory

  init(_ storage: any Storage, _ directory: TemporaryDirectory) {
    self.storage = storage
    self.directory = directory
  }

  /// Keeps the directory until here.
  func end() { withExtendedLifetime(directory) {} }
}

func key(_ kind: ObjectKey.Kind, _ number: Int) throws -> ObjectKey {
  let digits = String(number, radix: 16)
  return try #require(ObjectKey(kind: kind, name: String(repeating: "0", count: 8 - digits.count) + digits))
}

@Suite(.timeLimit(.minutes(2))) struct StorageContractTests {
  @Test(arguments: Subject.allCases) func whatWasPutIsRead(_ subject: Subject) throws {
    let fixture = try subject.make()
    defer { fixture.end() }
    for kind in ObjectKey.Kind.allCases where kind != .config {
      let content = Array("content of \(kind)".utf8)
      try fixture.storage.put(try key(kind, 1), content)
      #expect(try fixture.storage.readAll(try key(kind, 1), limit: 100) == content)
      #expect(try fixture.storage.size(of: try key(kind, 1)) == UInt64(content.count))
    }
  }

  @Test(arguments: Subject.allCases) func anEmptyObjectIsAnObject(_ subject: Subject) throws {
    let fixture = try subject.make()
    defer { fixture.end() }
    let storage = fixture.storage
    try storage.put(try key(.snapshots, 1), [])
    #expect(try storage.readAll(try key(.snapshots, 1), limit: 0) == [])
    #expect(try storage.exists(try key(.snapshots, 1)))
  }

  @Test(arguments: Subject.allCases) func aMissingObjectIsNotFound(_ subject: Subject) throws {
    let fixture = try subject.make()
    defer { fixture.end() }
    let storage = fixture.storage
    let missing = try key(.packs, 7)
    var byte: UInt8 = 0
    #expect(throws: StorageError.notFound(missing)) { try storage.readAll(missing, limit: 10) }
    #expect(throws: StorageError.notFound(missing)) { try storage.size(of: missing) }
    #expect(throws: StorageError.notFound(missing)) { try withUnsafeMutableBytes(of: &byte) { try storage.read(missing, at: 0, into: $0) } }
    #expect(throws: StorageError.notFound(missing)) { try storage.delete(missing) }
    #expect(try !storage.exists(missing))
  }

  @Test(arguments: Subject.allCases) func rangesEndWithTheObject(_ subject: Subject) throws {
    let fixture = try subject.make()
    defer { fixture.end() }
    let storage = fixture.storage
    var random = SplitMix64(seed: 11)
    let content = random.bytes(10_000)
    try storage.put(try key(.packs, 1), content)
    for (offset, wanted) in [(0, 10_000), (1, 9_999), (5_000, 1), (9_999, 1), (9_990, 100), (10_000, 10), (20_000, 10), (0, 0)] {
      var buffer = [UInt8](repeating: 0, count: wanted)
      let count = try buffer.withUnsafeMutableBytes { try storage.read(try key(.packs, 1), at: UInt64(offset), into: $0) }
      let expected = Array(content.dropFirst(offset).prefix(wanted))
      #expect(count == expected.count)
      #expect(Array(buffer[0..<count]) == expected)
    }
  }

  @Test(arguments: Subject.allCases) func offsetsNoObjectCanHaveReadNothing(_ subject: Subject) throws {
    let fixture = try subject.make()
    defer { fixture.end() }
    let storage = fixture.storage
    try storage.put(try key(.packs, 1), [1, 2, 3])
    for offset in [UInt64.max, UInt64.max - 3, UInt64(Int64.max), UInt64(Int64.max) + 1] {
      var buffer = [UInt8](repeating: 0, count: 16)
      #expect(try buffer.withUnsafeMutableBytes { try storage.read(try key(.packs, 1), at: offset, into: $0) } == 0)
    }
  }

  @Test(arguments: Subject.allCases) func readingExactlyReportsATruncatedObject(_ subject: Subject) throws {
    let fixture = try subject.make()
    defer { fixture.end() }
    let storage = fixture.storage
    let pack = try key(.packs, 1)
    try storage.put(pack, [1, 2, 3])
    var buffer = [UInt8](repeating: 0, count: 3)
    #expect(throws: StorageError.truncated(pack)) { try buffer.withUnsafeMutableBytes { try storage.readExactly(pack, at: 1, into: $0) } }
    try buffer.withUnsafeMutableBytes { try storage.readExactly(pack, at: 0, into: $0) }
    #expect(buffer == [1, 2, 3])
  }

  @Test(arguments: Subject.allCases) func readingAllRefusesWhatIsTooLarge(_ subject: Subject) throws {
    let fixture = try subject.make()
    defer { fixture.end() }
    let storage = fixture.storage
    try storage.put(try key(.index, 1), [UInt8](repeating: 1, count: 100))
    #expect(throws: StorageError.self) { try storage.readAll(try key(.index, 1), limit: 99) }
    #expect(try storage.readAll(try key(.index, 1), limit: 100).count == 100)
  }

  @Test(arguments: Subject.allCases) func onlyConfigAndKeysAreReplaced(_ subject: Subject) throws {
    let fixture = try subject.make()
    defer { fixture.end() }
    let storage = fixture.storage
    for copy in ObjectKey.configCopies + [try key(.keys, 1)] {
      try storage.put(copy, [1])
      try storage.put(copy, [2, 3])
      #expect(try storage.readAll(copy, limit: 10) == [2, 3])
    }
    let pack = try key(.packs, 1)
    try storage.put(pack, [1, 2])
    try storage.put(pack, [1, 2])
    #expect(throws: StorageError.alreadyExists(pack)) { try storage.put(pack, [1]) }
    #expect(try storage.readAll(pack, limit: 10) == [1, 2])
  }

  @Test(arguments: Subject.allCases) func listingIsComplete(_ subject: Subject) throws {
    let fixture = try subject.make()
    defer { fixture.end() }
    let storage = fixture.storage
    var expected: [ObjectKey: UInt64] = [:]
    for number in 0..<300 {
      let pack = try #require(ObjectKey(kind: .packs, name: String(number * 7919 + 0x1000_0000, radix: 16) + "-\(number)"))
      try storage.put(pack, [UInt8](repeating: 7, count: number))
      expected[pack] = UInt64(number)
    }
    try storage.put(try key(.index, 1), [1])
    var found: [ObjectKey: UInt64] = [:]
    try storage.list(.packs) { found[$0] = $1 }
    #expect(found == expected)
    try storage.list(.commits) { key, _ in Issue.record("\(key) was never stored") }
  }

  @Test(arguments: Subject.allCases) func configIsListedWithItsCopies(_ subject: Subject) throws {
    let fixture = try subject.make()
    defer { fixture.end() }
    let storage = fixture.storage
    for copy in ObjectKey.configCopies { try storage.put(copy, [1]) }
    var found: [ObjectKey] = []
    try storage.list(.config) { key, _ in found.append(key) }
    #expect(found.sorted() == ObjectKey.configCopies)
    #expect(try storage.foreign(.config) == [])
  }

  @Test(arguments: Subject.allCases) func anErrorOfTheBodyEndsTheListing(_ subject: Subject) throws {
    struct Enough: Error {}
    let fixture = try subject.make()
    defer { fixture.end() }
    let storage = fixture.storage
    for number in 0..<5 { try storage.put(try key(.sessions, number), [1]) }
    var calls = 0
    #expect(throws: Enough.self) {
      try storage.list(.sessions) { _, _ in
        calls += 1
        if calls == 2 { throw Enough() }
      }
    }
    #expect(calls == 2)
  }

  @Test(arguments: Subject.allCases) func aDeletedObjectIsGone(_ subject: Subject) throws {
    let fixture = try subject.make()
    defer { fixture.end() }
    let storage = fixture.storage
    try storage.put(try key(.packs, 1), [1])
    try storage.delete(try key(.packs, 1))
    try storage.flush()
    #expect(try !storage.exists(try key(.packs, 1)))
    try storage.list(.packs) { key, _ in Issue.record("\(key) was deleted") }
    try storage.put(try key(.packs, 1), [1, 2])
    #expect(try storage.size(of: try key(.packs, 1)) == 2)
  }

  @Test(arguments: Subject.allCases) func aWriterStreamsABigObject(_ subject: Subject) throws {
    let fixture = try subject.make()
    defer { fixture.end() }
    let storage = fixture.storage
    var random = SplitMix64(seed: 3)
    let piece = random.bytes(1_234_567)
    let writer = try storage.beginObject(kind: .packs)
    for _ in 0..<9 { try piece.withUnsafeBytes { try writer.append($0) } }
    try storage.list(.packs) { key, _ in Issue.record("\(key) is listed before it is finished") }
    let pack = try key(.packs, 0x12)
    try writer.finish(as: pack)
    try storage.flush()
    #expect(try storage.size(of: pack) == 9 * 1_234_567)
    #expect(try storage.readAll(pack, limit: 1 << 30) == (0..<9).flatMap { _ in piece })
  }

  @Test(arguments: Subject.allCases) func finishingUnderATakenNameKeepsTheFirst(_ subject: Subject) throws {
    let fixture = try subject.make()
    defer { fixture.end() }
    let storage = fixture.storage
    let pack = try key(.packs, 1)
    try storage.put(pack, [1, 2, 3])
    let same = try storage.beginObject(kind: .packs)
    try [UInt8]([1, 2, 3]).withUnsafeBytes { try same.append($0) }
    try same.finish(as: pack)
    let other = try storage.beginObject(kind: .packs)
    try other.finish(as: try key(.packs, 2))
    #expect(throws: StorageError.self) { try other.finish(as: try key(.packs, 3)) }
    #expect(throws: StorageError.self) { try [UInt8]([1]).withUnsafeBytes { try other.append($0) } }
    let shorter = try storage.beginObject(kind: .packs)
    #expect(throws: StorageError.alreadyExists(pack)) { try shorter.finish(as: pack) }
    #expect(try storage.readAll(pack, limit: 10) == [1, 2, 3])
  }

  @Test(arguments: Subject.allCases) func aCancelledWriterLeavesNothing(_ subject: Subject) throws {
    let fixture = try subject.make()
    defer { fixture.end() }
    let storage = fixture.storage
    let cancelled = try storage.beginObject(kind: .packs)
    try [UInt8](repeating: 1, count: 1000).withUnsafeBytes { try cancelled.append($0) }
    cancelled.cancel()
    #expect(throws: StorageError.self) { try cancelled.finish(as: try key(.packs, 1)) }
    cancelled.cancel()
    do {
      let released = try storage.beginObject(kind: .packs)
      try [UInt8](repeating: 1, count: 1000).withUnsafeBytes { try released.append($0) }
    }
    try storage.list(.packs) { key, _ in Issue.record("\(key) was never finished") }
    #expect(try storage.foreign(.packs) == [])
  }

  @Test(arguments: Subject.allCases) func ofManyPutsIfAbsentExactlyOneWins(_ subject: Subject) throws {
    let fixture = try subject.make()
    defer { fixture.end() }
    let storage = fixture.storage
    let wins = Mutex<[Int: [UInt8]]>([:])
    try ThreadScope.run { scope in
      for thread in 0..<8 {
        scope.spawn("contender \(thread)") {
          for round in 0..<25 {
            let content = [UInt8(thread), UInt8(round)]
            guard try storage.putIfAbsent(try key(.commits, round), content) else { continue }
            wins.withLock { wins in
              #expect(wins[round] == nil, "two winners in round \(round)")
              wins[round] = content
            }
          }
        }
      }
    }
    let winners = wins.withLock { $0 }
    #expect(winners.count == 25)
    for (round, content) in winners { #expect(try storage.readAll(try key(.commits, round), limit: 10) == content) }
  }

  @Test(arguments: Subject.allCases) func aLateContenderLoses(_ subject: Subject) throws {
    let fixture = try subject.make()
    defer { fixture.end() }
    let storage = fixture.storage
    #expect(try storage.putIfAbsent(try key(.log, 1), [1]))
    #expect(try !storage.putIfAbsent(try key(.log, 1), [1]))
    #expect(try !storage.putIfAbsent(try key(.log, 1), [2, 3]))
    #expect(try storage.readAll(try key(.log, 1), limit: 10) == [1])
  }

  @Test(arguments: Subject.allCases) func threadsPutAndListAtOnce(_ subject: Subject) throws {
    let fixture = try subject.make()
    defer { fixture.end() }
    let storage = fixture.storage
    let finished = Mutex<Set<ObjectKey>>([])
    try ThreadScope.run { scope in
      for thread in 0..<4 {
        scope.spawn("writer \(thread)") {
          for number in 0..<40 {
            let pack = try #require(ObjectKey(kind: .packs, name: "\(number % 10)\(thread)aa\(number)"))
            try storage.put(pack, [UInt8](repeating: UInt8(thread), count: number))
            finished.withLock { _ = $0.insert(pack) }
            if number % 10 == 0 { try storage.flush() }
          }
        }
      }
      for _ in 0..<20 {
        let before = finished.withLock { $0 }
        var listed: Set<ObjectKey> = []
        try storage.list(.packs) { key, _ in listed.insert(key) }
        #expect(before.isSubset(of: listed))
      }
    }
    #expect(finished.withLock { $0.count } == 160)
  }

  @Test(arguments: Subject.allCases) func aReadOnlyStorageReadsAndRefusesChanges(_ subject: Subject) throws {
    let fixture = try subject.make()
    defer { fixture.end() }
    let base = fixture.storage
    try base.put(try key(.packs, 1), [1, 2, 3])
    let storage = ReadOnlyStorage(base)
    #expect(try storage.readAll(try key(.packs, 1), limit: 10) == [1, 2, 3])
    #expect(try storage.size(of: try key(.packs, 1)) == 3)
    try storage.flush()
    let refusals: [() throws -> Void] = [
      { try storage.put(try key(.keys, 1), [1]) }, { _ = try storage.putIfAbsent(try key(.log, 1), [1]) },
      { _ = try storage.beginObject(kind: .packs) }, { try storage.delete(try key(.packs, 1)) },
    ]
    for refused in refusals {
      let error = #expect(throws: StorageError.self) { try refused() }
      guard case .readOnly = error else {
        Issue.record("not refused as read-only: \(String(describing: error))")
        continue
      }
    }
    #expect(try base.size(of: try key(.packs, 1)) == 3)
  }

  @Test(arguments: Subject.allCases) func aWriterReadsBackWhatItHasAppended(_ subject: Subject) throws {
    let fixture = try subject.make()
    defer { fixture.end() }
    let writer = try fixture.storage.beginObject(kind: .packs)
    let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 7 >> 3) }
    try bytes.withUnsafeBytes { try writer.append($0) }
    var back = [UInt8](repeating: 0, count: 1000)
    try back.withUnsafeMutableBytes { try writer.read(at: 150_000, into: $0) }
    #expect(back == Array(bytes[150_000..<151_000]))
    #expect(throws: StorageError.self) { try back.withUnsafeMutableBytes { try writer.read(at: 199_001, into: $0) } }
    try [UInt8]([1, 2, 3]).withUnsafeBytes { try writer.append($0) }
    try writer.finish(as: try key(.packs, 1))
    #expect(try fixture.storage.readAll(try key(.packs, 1), limit: 1 << 20) == bytes + [1, 2, 3])
  }

  @Test(arguments: Subject.allCases) func aPackIsReplacedWhole(_ subject: Subject) throws {
    let fixture = try subject.make()
    defer { fixture.end() }
    let storage = fixture.storage
    let pack = try key(.packs, 1)
    try storage.put(pack, [1, 2, 3])
    let writer = try storage.beginObject(kind: .packs)
    try [UInt8]([4, 5, 6, 7]).withUnsafeBytes { try writer.append($0) }
    #expect(try storage.readAll(pack, limit: 10) == [1, 2, 3])
    try writer.finish(replacing: pack)
    #expect(try storage.readAll(pack, limit: 10) == [4, 5, 6, 7])
    try storage.flush()
    #expect(throws: StorageError.self) { try writer.finish(replacing: pack) }
    // What is dropped leaves the object as it was.
    let other = try storage.beginObject(kind: .packs)
    try [UInt8]([8]).withUnsafeBytes { try other.append($0) }
    other.cancel()
    #expect(try storage.readAll(pack, limit: 10) == [4, 5, 6, 7])
    var count = 0
    try storage.list(.packs) { _, _ in count += 1 }
    #expect(count == 1)
  }
}

@Suite struct ObjectKeyTests {
  @Test(arguments: ["", ".", "..", ".a", "A", "g", "a/b", "a b", "a\0", "a\n", "ä", String(repeating: "a", count: 201)])
  func aBadNameIsNoKey(_ name: String) {
    for kind in ObjectKey.Kind.allCases { #expect(ObjectKey(kind: kind, name: name) == nil) }
  }

  @Test func theConfigurationHasThreeNamesAndNothingElse() {
    for name in ["config", "config.1", "config.2"] {
      #expect(ObjectKey(kind: .config, name: name)?.path == name)
      #expect(ObjectKey(kind: .keys, name: name) == nil)
    }
    for name in ["ab", "config.3", "config.", "Config"] { #expect(ObjectKey(kind: .config, name: name) == nil) }
  }

  @Test func packsLieInFoldersOfTheirFirstTwoCharacters() {
    #expect(ObjectKey(kind: .packs, name: "abcdef-01")?.path == "packs/ab/abcdef-01")
    #expect(ObjectKey(kind: .packs, name: "a") == nil)
    #expect(ObjectKey(kind: .packs, name: "a.cd") == nil)
    #expect(ObjectKey(kind: .packs, name: "-acd") == nil)
    #expect(ObjectKey(kind: .sessions, name: "a.1")?.path == "sessions/a.1")
  }

  @Test func copiesAreNumbered() throws {
    let key = try #require(ObjectKey(kind: .keys, name: "ab"))
    #expect(key.copy(0) == key)
    #expect(key.copy(1)?.path == "keys/ab.1")
    #expect(ObjectKey.config.copy(2) == ObjectKey.configCopies[2])
    #expect(ObjectKey.config.copy(3) == nil)
  }

  @Test func keysAreOrderedByKindAndBytes() {
    let names = ["1", "10", "2", "a", "a-1", "a.1"].compactMap { ObjectKey(kind: .log, name: $0) }
    #expect(names.sorted().map(\.name) == ["1", "10", "2", "a", "a-1", "a.1"])
  }
}

@Suite(.timeLimit(.minutes(2))) struct MoveAsideTests {
  @Test(arguments: Subject.allCases) func whatIsMovedAsideIsKeptAndNoObjectAnyMore(_ subject: Subject) throws {
    let fixture = try subject.make()
    defer { fixture.end() }
    let storage = fixture.storage
    for kind in ObjectKey.Kind.allCases {
      let key = kind == .config ? ObjectKey.config : try key(kind, 1)
      var places: [String] = []
      for content in [[1], [2, 2], [3, 3, 3]] as [[UInt8]] {
        try storage.put(key, content)
        places.append(try storage.moveAside(key))
        #expect(!(try storage.exists(key)))
        let kept =
          try (storage as? MemoryStorage)?.movedAside[places.last ?? ""] ?? fixture.directory.read("repository/" + (places.last ?? ""))
        #expect(kept == content)
      }
      #expect(Set(places).count == 3 && places.allSatisfy { $0.hasPrefix("quarantine/\(kind.rawValue)/\(key.name)") })
      #expect(throws: StorageError.self) { try storage.moveAside(key) }
    }
    try storage.flush()
    #expect(try storage.foreign(.config) == [])
  }
}
