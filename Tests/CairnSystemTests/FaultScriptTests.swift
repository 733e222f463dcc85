#if FAULT_INJECTION
  import CairnSystem
  import CairnTestSupport
  import SystemPackage
  import Testing

  @Suite(.timeLimit(.minutes(1))) struct FaultScriptTests {
    let directory = TemporaryDirectory()

    @Test(arguments: [Errno.noSpace, .ioError, .tooManyOpenFiles])
    func theScriptedCallFailsAndNoOther(_ error: Errno) throws {
      let file = try OpenFile.open(directory.path("file"), [.read, .write, .create])
      for position in 1...4 {
        let script = FaultScript([.write], at: position, .fail(error))
        var failed: [Int] = []
        try script.run {
          for number in 1...4 where try errno({ try file.write([1, 2], at: 0) }) == error { failed.append(number) }
        }
        #expect(failed == [position])
      }
    }

    @Test func interruptedAndShortTransfersGoOn() throws {
      let file = try OpenFile.open(directory.path("file"), [.read, .write, .create])
      let content = [UInt8](0..<100)
      try FaultScript([.write], at: 1, .short(3), repeats: true).run { try file.write(content) }
      #expect(try FaultScript([.read], at: 1, .short(7), repeats: true).run { try file.content(count: 200) } == content)
      try FaultScript([.write], at: 1, .fail(.interrupted)).run { try file.write(content, at: 100) }
      #expect(try file.content(count: 300) == content + content)
    }

    @Test func anFsyncErrorComesThroughAfterOneCall() throws {
      let file = try OpenFile.open(directory.path("file"), [.write, .create])
      let script = FaultScript([.fsync], at: 1, .fail(.ioError))
      try script.run {
        #expect(try errno { try file.synchronize() } == .ioError)
        #expect(script.matched == 1)
        try file.synchronizeData()
      }
    }

    @Test func threadsOfTheScopeInheritTheScript() throws {
      let file = try OpenFile.open(directory.path("file"), [.write, .create])
      let script = FaultScript([.write], at: 1, .fail(.noSpace))
      #expect(throws: FileError.self) {
        try script.run { try ThreadScope.run { scope in scope.spawn("writer") { try file.write([1]) } } }
      }
      try ThreadScope.run { scope in scope.spawn("unharmed") { try file.write([1]) } }
    }

    @Test func aThreadThatCannotStartFailsTheScope() {
      // More stack than any address space has.
      #expect(throws: FileError.self) { try ThreadScope.run { scope in scope.spawn("huge", stackBytes: 1 << 50) {} } }
    }
  }
#endif
