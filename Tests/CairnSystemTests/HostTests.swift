import CairnSystem
import CairnTestSupport
import Glibc
import Testing

import struct SystemPackage.Errno

@Suite(.timeLimit(.minutes(1))) struct HostTests {
  @Test func theProcessKnowsItself() throws {
    #expect(!Host.name.isEmpty && !Host.userName.isEmpty)
    #expect(Host.processID == getpid() && Host.userID == geteuid())
    #expect(Host.bootID.utf8.count == 36)
    let start = try #require(Host.processStartTicks(getpid()))
    #expect(start == Host.processStartTicks(getpid()))
    #expect(Host.processStartTicks(-1) == nil)
    #expect(Host.processorCount >= 1)
    #expect(Host.raiseOpenFileLimit() >= 64)
    #expect(Host.residentBytes() > 1 << 20)
    #expect(Host.peakResidentBytes() > 1 << 20)
  }

  @Test func aProcessThatNobodyHasWaitedForIsGone() throws {
    let child = try ChildProcess.spawn(.arguments([bytes("true")]), captureStandardOutput: false)
    var info = siginfo_t()
    #expect(waitid(P_PID, id_t(child.processID), &info, WEXITED | WNOWAIT) == 0)
    #expect(Host.processStartTicks(child.processID) == nil)
    _ = try child.wait()
  }

  @Test func aChildHeedsTheSignalsThatWeIgnore() throws {
    SignalWatch.ignoreFailedWrites()
    for number in [SIGPIPE, SIGXFSZ] {
      let child = try ChildProcess.spawn(.shell("ulimit -c 0; kill -\(number) $$; exit 7"), captureStandardOutput: false)
      #expect(try child.wait() == .signaled(number))
    }
  }

  @Test func accountsHaveNames() {
    let names = AccountNames()
    for _ in 0..<2 {
      #expect(names.userName(0) == bytes("root") && names.groupName(0) == bytes("root"))
      #expect(names.userID(named: bytes("root")) == 0 && names.groupID(named: bytes("root")) == 0)
      #expect(names.userName(4_294_967_000) == nil && names.groupName(4_294_967_000) == nil)
      #expect(names.userID(named: bytes("nobody of that name")) == nil && names.groupID(named: [0x61, 0, 0x62]) == nil)
    }
  }

  @Test func randomBytesDiffer() {
    #expect(SystemRandom.bytes(0) == [])
    #expect(SystemRandom.bytes(32) != SystemRandom.bytes(32))
    #expect(Set(SystemRandom.bytes(4096)).count > 200)
  }

  @Test func theClockGoesForward() {
    let first = SystemClock.monotonicNanoseconds()
    #expect(SystemClock.monotonicNanoseconds() >= first)
    #expect(SystemClock.now() > FileTime(seconds: 1_700_000_000, nanoseconds: 0))
    #expect(FileTime(seconds: -1, nanoseconds: 999_999_999) < FileTime(seconds: 0, nanoseconds: 0))
  }

  @Test func aChildWritesReadsAndEnds() throws {
    let directory = TemporaryDirectory()
    try directory.write("input", bytes("hello"))
    let input = try OpenFile.open(directory.path("input"), [.read])
    let child = try ChildProcess.spawn(.shell("tr a-z A-Z; exit 7"), stdin: input.descriptor, captureStandardOutput: true)
    let output = try #require(child.standardOutput)
    var buffer = [UInt8](repeating: 0, count: 100)
    let count = try buffer.withUnsafeMutableBytes { try output.read(into: $0) }
    #expect(Array(buffer[0..<count]) == bytes("HELLO"))
    #expect(try child.wait() == .exited(7))
    #expect(try child.wait() == .exited(7))
  }

  @Test func aChildGetsBytesAsTheyAreAndNoDescriptors() throws {
    let argument: [UInt8] = [0xff, 0x0a, 0x27]
    let child = try ChildProcess.spawn(.arguments([bytes("printf"), bytes("%s"), argument]), captureStandardOutput: true)
    var buffer = [UInt8](repeating: 0, count: 100)
    let count = try buffer.withUnsafeMutableBytes { try #require(child.standardOutput).read(into: $0) }
    #expect(Array(buffer[0..<count]) == argument)
    #expect(try child.wait() == .exited(0))
    #expect(try ChildProcess.spawn(.shell("kill -9 $$"), captureStandardOutput: false).wait() == .signaled(9))
    #expect(try ChildProcess.spawn(.shell("! read line"), captureStandardOutput: false).wait() == .exited(0), "no input, no waiting")
  }

  @Test func aMissingProgramIsSaid() throws {
    #expect(
      try errno { _ = try ChildProcess.spawn(.arguments([bytes("/no/such/program")]), captureStandardOutput: false) }
        == .noSuchFileOrDirectory)
    #expect(try errno { _ = try ChildProcess.spawn(.arguments([]), captureStandardOutput: false) } == .invalidArgument)
  }

  @Test func signalsReachTheHandler() async {
    await #expect(processExitsWith: .exitCode(42)) {
      SignalWatch.install([SIGTERM]) { signal in exit(signal == SIGTERM ? 42 : 1) }
      kill(getpid(), SIGTERM)
      while true { pause() }
    }
  }

  @Test func aFileIsNoTerminal() throws {
    let directory = TemporaryDirectory()
    try directory.write("file", [])
    let file = try OpenFile.open(directory.path("file"), [.read])
    #expect(!Terminal.isTerminal(file.descriptor))
    #expect(Terminal.columns(file.descriptor) == 80)
  }
}
