#if FAULT_INJECTION
  import CairnStorage
  import CairnSystem
  import CairnTestSupport
  import Glibc
  import SystemPackage
  import Testing

  /// What is done while a system call fails.
  enum Change: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case put, replace, putIfAbsent, stream, create

    var testDescription: String { rawValue }
    var content: [UInt8] { [UInt8](repeating: 5, count: 300_000) }

    func key() throws -> ObjectKey {
      switch self {
      case .put, .stream: try CairnStorageTests.key(.packs, 0x77)
      case .putIfAbsent: try CairnStorageTests.key(.commits, 1)
      case .replace, .create: .config
      }
    }

    func run(_ storage: LocalStorage) throws {
      switch self {
      case .put, .replace, .create: try storage.put(try key(), content)
      case .putIfAbsent: #expect(try storage.putIfAbsent(try key(), content))
      case .stream:
        let writer = try storage.beginObject(kind: .packs)
        for start in stride(from: 0, to: content.count, by: 100_000) {
          try content[start..<start + 100_000].withUnsafeBytes { try writer.append($0) }
        }
        try writer.finish(as: try key())
      }
      try storage.flush()
    }
  }

  struct FaultCase: Sendable, CustomTestStringConvertible {
    let change: Change
    let mayBeUnnamed: Bool
    var testDescription: String { "\(change)\(mayBeUnnamed ? "" : " without O_TMPFILE")" }

    static let all = Change.allCases.flatMap { change in [true, false].map { FaultCase(change: change, mayBeUnnamed: $0) } }

    /// A repository with an old configuration, or an empty place for `create`.
    func prepare(_ path: [UInt8]) throws {
      let storage = try LocalStorage.create(path: path, mayBeUnnamed: mayBeUnnamed)
      if change != .create { try storage.put(.config, Array("old".utf8)) }
    }

    /// Freshly opened, so that the sweep and the opening of directories are hit too.
    func perform(_ path: [UInt8]) throws { try change.run(try LocalStorage.attach(path, mayBeUnnamed: mayBeUnnamed)) }
  }

  @Suite(.timeLimit(.minutes(5))) struct StorageFaultTests {
    static let errors: [Errno] = [.noSpace, .ioError, .tooManyOpenFiles, .readOnlyFileSystem]

    @Test(arguments: FaultCase.all, errors) func aFailedChangeLeavesNothing(_ fault: FaultCase, _ error: Errno) throws {
      var position = 0
      var failures = 0
      while true {
        position += 1
        try #require(position < 200, "the change never succeeds")
        let directory = TemporaryDirectory()
        let path = directory.path("repository")
        try fault.prepare(path)
        let script = FaultScript(at: position, .fail(error))
        let thrown = Result { try script.run { try fault.perform(path) } }
        guard script.hasFired else {
          try thrown.get()
          break
        }
        if case .failure(let thrown) = thrown {
          failures += 1
          try check(thrown, error, "call \(position)")
          try checkNothingIsLeft(fault, path, "\(error) at call \(position)")
        }
        try checkItWorksAfterwards(fault, path)
      }
      #expect(failures >= 3, "the faults were never noticed")
    }

    @Test(arguments: FaultCase.all) func interruptionsAreRetried(_ fault: FaultCase) throws {
      for position in 1..<200 {
        let directory = TemporaryDirectory()
        try fault.prepare(directory.path("repository"))
        let script = FaultScript(at: position, .fail(.interrupted))
        try script.run { try fault.perform(directory.path("repository")) }
        try checkContent(fault, directory.path("repository"))
        if !script.hasFired { return }
      }
      Issue.record("more system calls than expected")
    }

    @Test(arguments: FaultCase.all) func shortWritesAreContinued(_ fault: FaultCase) throws {
      let directory = TemporaryDirectory()
      try fault.prepare(directory.path("repository"))
      let script = FaultScript([.write, .read], at: 1, .short(1009), repeats: true)
      try script.run { try fault.perform(directory.path("repository")) }
      #expect(script.matched > 100)
      try checkContent(fault, directory.path("repository"))
    }

    @Test func aFlushIncludesWhatAnotherProcessStored() throws {
      let directory = TemporaryDirectory()
      let path = directory.path + Array("/repository".utf8)
      let key = try CairnStorageTests.key(.packs, 0x31)
      try LocalStorage.create(path: path).put(key, [1, 2, 3])
      let storage = try LocalStorage.attach(path)
      let script = FaultScript([.fsync], at: .max, .crash)
      try script.run { try storage.flush() }
      #expect(script.matched == 0)
      try script.run {
        try storage.includeInFlush(key)
        try storage.flush()
      }
      // The folder of the pack, and the two above it, whose entries may be as new.
      #expect(script.matched == 3)
    }

    @Test(arguments: FaultCase.all) func anFsyncErrorIsThrownAndNeverRetried(_ fault: FaultCase) throws {
      for position in 1..<20 {
        let directory = TemporaryDirectory()
        try fault.prepare(directory.path("repository"))
        let storage = try LocalStorage.attach(directory.path("repository"), mayBeUnnamed: fault.mayBeUnnamed)
        let script = FaultScript([.fsync], at: position, .fail(.ioError))
        let result = Result { try script.run { try fault.change.run(storage) } }
        guard script.hasFired else { return }
        guard case .failure(let error as StorageError) = result, case .io = error else {
          Issue.record("fsync \(position) failed unnoticed: \(result)")
          return
        }
        #expect(script.matched == position, "synchronized again after a failure")
      }
    }

    @Test func noBarrierSucceedsAfterOneHasFailed() throws {
      let directory = TemporaryDirectory()
      let storage = try LocalStorage.create(path: directory.path("repository"))
      try storage.put(try key(.packs, 1), [1])
      let script = FaultScript([.fsync], at: 1, .fail(.ioError))
      let error = try #require(throws: StorageError.self) { try script.run { try storage.flush() } }
      #expect(throws: error) { try storage.flush() }
      #expect(throws: error) { _ = try storage.putIfAbsent(try key(.log, 1), [1]) }
      try LocalStorage.attach(directory.path("repository")).flush()
    }

    @Test func aFlushSynchronizesEveryDirectoryTouchedSince() throws {
      let directory = TemporaryDirectory()
      let storage = try LocalStorage.create(path: directory.path("repository"))
      try storage.flush()
      func barriers(_ body: () throws -> Void) throws -> Int {
        let script = FaultScript([.fsync], at: .max, .crash)
        try script.run(body)
        return script.matched
      }
      let names = ["aa01", "aa02", "bb01", "cc01"]
      let puts = try barriers {
        for name in names { try storage.put(try #require(ObjectKey(kind: .packs, name: name)), [1]) }
        try storage.put(try key(.index, 1), [1])
      }
      #expect(puts == 5, "one for each file")
      #expect(try barriers { try storage.flush() } == 5, "packs, its three folders, and index")
      #expect(try barriers { try storage.flush() } == 0)
      #expect(try barriers { try storage.delete(try key(.index, 1)) } == 0)
      #expect(try barriers { try storage.flush() } == 1)
      #expect(try barriers { _ = try storage.putIfAbsent(try key(.log, 1), [1]) } == 2, "the file and its directory")
      #expect(try barriers { _ = try storage.putIfAbsent(try key(.log, 1), [1]) } == 1, "the loser makes the winner durable")
    }

    @Test(arguments: [Change.put, .putIfAbsent, .stream], [true, false])
    func anObjectIsDurableBeforeItHasItsName(_ change: Change, _ mayBeUnnamed: Bool) throws {
      let directory = TemporaryDirectory()
      let fault = FaultCase(change: change, mayBeUnnamed: mayBeUnnamed)
      try fault.prepare(directory.path("repository"))
      let storage = try LocalStorage.attach(directory.path("repository"), mayBeUnnamed: mayBeUnnamed)
      // The first barrier is the one of the file. When it fails, no name must have been given.
      let links = FaultScript([.link, .rename], at: .max, .crash)
      let script = FaultScript([.fsync], at: 1, .fail(.ioError))
      #expect(throws: StorageError.self) { try script.run { try change.run(storage) } }
      #expect(try !storage.exists(try change.key()))
      try links.run { try change.run(storage) }
      #expect(links.matched == 1)
      #expect(try isComplete(fault, directory.path("repository")))
    }

    @Test func readingMakesNoCallThatWrites() throws {
      let directory = TemporaryDirectory()
      let storage = try LocalStorage.create(path: directory.path("repository"))
      try storage.put(.config, [1])
      try storage.put(try key(.packs, 1), [1, 2])
      let script = FaultScript(
        [.write, .fsync, .link, .rename, .unlink, .mkdir, .truncate, .copy, .metadata, .lock], at: 1, .fail(.readOnlyFileSystem),
        repeats: true)
      try script.run {
        let reader = try LocalStorage.open(path: directory.path("repository"))
        for kind in ObjectKey.Kind.allCases { try reader.list(kind) { key, _ in _ = try reader.readAll(key, limit: 10) } }
        try reader.flush()
      }
      #expect(script.matched == 0)
    }

    @Test(arguments: FaultCase.all) func aKillAtAnyCallLeavesGarbageAtMost(_ fault: FaultCase) async throws {
      let counter = FaultScript(at: .max, .crash)
      let undisturbed = TemporaryDirectory()
      try fault.prepare(undisturbed.path("repository"))
      try counter.run { try fault.perform(undisturbed.path("repository")) }
      // Every case starts a process: the odd calls here, the even ones in the variant.
      for position in stride(from: fault.mayBeUnnamed ? 1 : 2, through: counter.matched, by: 2) {
        let directory = TemporaryDirectory()
        let path = directory.path("repository")
        try fault.prepare(path)
        let change = fault.change.rawValue
        let mayBeUnnamed = fault.mayBeUnnamed
        await #expect(processExitsWith: .signal(SIGKILL)) {
          [path = path as [UInt8], change = change as String, mayBeUnnamed = mayBeUnnamed as Bool, position = position as Int] in
          let fault = FaultCase(change: try #require(Change(rawValue: change)), mayBeUnnamed: mayBeUnnamed)
          try FaultScript(at: position, .crash).run { try fault.perform(path) }
        }
        let storage = try LocalStorage.attach(path)
        if try storage.exists(try fault.change.key()), try !isComplete(fault, path) {
          #expect(try storage.readAll(try fault.change.key(), limit: 100) == Array("old".utf8))
        }
        try checkItWorksAfterwards(fault, path)
      }
    }

    // MARK: What must hold afterwards

    private func check(_ thrown: any Error, _ error: Errno, _ place: String) throws {
      switch (error, thrown as? StorageError) {
      case (.noSpace, .noSpace(let sentence)): #expect(sentence.contains("No space left"), "\(place)")
      case (.readOnlyFileSystem, .readOnly), (.ioError, .io), (.tooManyOpenFiles, .io): break
      default: Issue.record("\(error) at \(place) became \(thrown)")
      }
    }

    private func isComplete(_ fault: FaultCase, _ path: [UInt8]) throws -> Bool {
      let storage = try LocalStorage.attach(path)
      guard try storage.exists(try fault.change.key()) else { return false }
      return try storage.readAll(try fault.change.key(), limit: 1 << 30) == fault.change.content
    }

    /// The object is absent, or the old one, or (when only the last barrier failed) whole; nothing else lies about.
    private func checkNothingIsLeft(_ fault: FaultCase, _ path: [UInt8], _ place: String) throws {
      let storage = try LocalStorage.attach(path)
      let key = try fault.change.key()
      if try storage.exists(key), try !isComplete(fault, path) {
        #expect(try storage.readAll(key, limit: 100) == Array("old".utf8), "\(place)")
      }
      for kind in ObjectKey.Kind.allCases { #expect(try storage.foreign(kind) == [], "\(place)") }
      guard let temporaries = try? OpenFile.open(path + Array("/tmp".utf8), [.read, .directory]) else { return }
      #expect(try temporaries.list().isEmpty, "\(place)")
    }

    private func checkItWorksAfterwards(_ fault: FaultCase, _ path: [UInt8]) throws {
      if try isComplete(fault, path), fault.change == .putIfAbsent { return }
      try fault.perform(path)
      try checkContent(fault, path)
    }

    private func checkContent(_ fault: FaultCase, _ path: [UInt8]) throws {
      #expect(try isComplete(fault, path))
      guard let temporaries = try? OpenFile.open(path + Array("/tmp".utf8), [.read, .directory]) else { return }
      #expect(try temporaries.list().isEmpty)
    }
  }
#endif
