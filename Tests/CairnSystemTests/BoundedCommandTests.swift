import CairnSystem
import CairnTestSupport
import Glibc
import Testing

@Suite(.timeLimit(.minutes(1))) struct BoundedCommandTests {
  private func run(
    _ text: String, input: [UInt8]? = nil, limit: Double = 60, grace: Double = 5, kept: Int = 4096, cancellation: Cancellation? = nil,
    onOutput: ([UInt8]) -> Void = { _ in }
  ) throws -> (end: BoundedCommand.End, tail: String) {
    var command = BoundedCommand(.shell(text), input: input, timeLimit: limit)
    command.grace = grace
    command.keptBytes = kept
    let outcome = try command.run(cancellation: cancellation, onOutput: onOutput)
    return (outcome.end, String(decoding: outcome.tail, as: UTF8.self))
  }

  private func milliseconds(_ body: () throws -> Void) rethrows -> UInt64 {
    let start = SystemClock.monotonicNanoseconds()
    try body()
    return (SystemClock.monotonicNanoseconds() - start) / 1_000_000
  }

  @Test func theEndAndBothOutputsAreToldInOrder() throws {
    let result = try run("echo one; echo two >&2; exit 7")
    #expect(result.end == .exited(7))
    #expect(result.tail == "one\ntwo\n")
    #expect(try run("kill -9 $$").end == .signaled(9))
    #expect(try run("! read line").end == .exited(0), "no input, no waiting")
  }

  @Test func inputOfAnySizeIsReadAndMayBeLeft() throws {
    let input = [UInt8](repeating: 0x61, count: 1 << 20)
    #expect(try run("wc -c", input: input).tail.contains("1048576"))
    #expect(try run("true", input: input).end == .exited(0))
    #expect(try run("! read line", input: []).end == .exited(0))
  }

  @Test func theLastBytesAreKeptAndAllAreHandedOn() throws {
    var count = 0
    let result = try run("yes | head -c 300000; echo end", kept: 100) { count += $0.count }
    #expect(count == 300_004)
    #expect(result.tail.utf8.count == 100 && result.tail.hasSuffix("end\n"))
  }

  @Test func whatGoesOnInTheBackgroundIsNotWaitedFor() throws {
    let directory = TemporaryDirectory()
    let took = try milliseconds {
      let result = try run("(sleep 30; echo late) & echo $! >\(directory.string)/pid; echo done")
      #expect(result.end == .exited(0))
      #expect(result.tail == "done\n")
    }
    #expect(took < 10_000)
    let process = try #require(Int32(String(decoding: try directory.read("pid"), as: UTF8.self).filter { $0 != "\n" }))
    #expect(kill(process, 0) == 0, "and not ended")
    kill(process, SIGKILL)
  }

  @Test func whatTakesTooLongIsEnded() throws {
    #expect(try run("sleep 60", limit: 0.3).end == .timedOut)
    #expect(try run("trap '' TERM; while :; do sleep 0.05; done", limit: 0.3, grace: 0.3).end == .timedOut)
  }

  /// Runs a command that is to stop as soon as it has said that it began.
  private func stopOnceBegun(_ text: String, grace: Double = 5) throws -> (end: BoundedCommand.End, tail: String) {
    let cancellation = Cancellation()
    return try run(text, grace: grace, cancellation: cancellation) { _ in cancellation.cancel() }
  }

  @Test func whatIsEndedIsEndedWithItsChildren() throws {
    let directory = TemporaryDirectory()
    let result = try stopOnceBegun("sleep 60 & echo $! >\(directory.string)/pid; echo begun; wait")
    #expect(result.end == .stopped)
    #expect(result.tail == "begun\n")
    let process = try #require(Int32(String(decoding: try directory.read("pid"), as: UTF8.self).filter { $0 != "\n" }))
    #expect(isGone(process))
  }

  @Test func whoeverIgnoresTheRequestToEndIsKilled() throws {
    let result = try stopOnceBegun("trap '' TERM; echo begun; while :; do sleep 0.05; done", grace: 0.3)
    #expect(result.end == .stopped)
    #expect(result.tail.hasPrefix("begun\n"))
  }

  @Test func whoeverHeedsItMayStillWrite() throws {
    let result = try stopOnceBegun("trap 'echo cleaned; exit 3' TERM; echo begun; while :; do sleep 0.05; done", grace: 30)
    #expect(result.end == .stopped)
    // The shell may tell of the signal in between.
    #expect(result.tail.hasPrefix("begun\n") && result.tail.hasSuffix("cleaned\n"), "\(result.tail)")
  }

  @Test func oneThatNeverStopsWritingIsEndedToo() throws {
    #expect(try run("yes", limit: 0.3).end == .timedOut)
  }

  @Test func theEnvironmentIsTheOneGiven() throws {
    var command = BoundedCommand(.shell("echo \"$A|$HOME|\""), timeLimit: 60)
    command.environment = [Array("A=b c".utf8), Array("PATH=/usr/bin:/bin".utf8)]
    #expect(String(decoding: try command.run().tail, as: UTF8.self) == "b c||\n")
    command.command = .arguments([Array("/no/such/program".utf8)])
    #expect(throws: FileError.self) { try command.run() }
  }

  /// Whether a process ends within a while, or was never waited for by whoever has to.
  private func isGone(_ process: Int32) -> Bool {
    for _ in 0..<500 {
      if Host.processStartTicks(process) == nil || state(process) == "Z" { return true }
      usleep(10_000)
    }
    return false
  }

  private func state(_ process: Int32) -> String {
    guard let file = try? OpenFile.open(Array("/proc/\(process)/stat".utf8), .read) else { return "" }
    var buffer = [UInt8](repeating: 0, count: 512)
    let count = (try? buffer.withUnsafeMutableBytes { try file.read(into: $0) }) ?? 0
    let text = String(decoding: buffer[..<count], as: UTF8.self)
    return String(text.split(separator: ")").last?.split(separator: " ").first ?? "")
  }
}
