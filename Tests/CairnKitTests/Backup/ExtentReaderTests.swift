import CairnStorage
import CairnSystem
import CairnTestSupport
import Glibc
import Testing

@testable import CairnKit

@Suite struct ExtentReaderTests {
  private struct Refused: Error {}

  /// An error that one thread meets, once, and nobody else: detected bad memory, or the revocation noticed by a hand-over.
  @Test(arguments: 1...12) func anErrorWhileChunksAreOnTheirWayEndsTheRun(call: Int) throws {
    let fixture = WriterFixture(try TestRepository.create(MemoryStorage()), packBytes: 1 << 20)
    let directory = TemporaryDirectory()
    var random = SplitMix64(seed: 7)
    try directory.write("big", random.bytes(12 << 20))
    try fixture.begin().run { writer in
      let archiver = Archiver(
        session: writer, context: RunContext(), options: BackupOptions(), filter: try EntryFilter(BackupOptions()))
      let run = try archiver.makeRun(workers: 1)
      let calls = Monitor(0)
      let worker = BlobWorker(writer.packs) { _, _, _ in
        let number = calls.withLock { count in
          count += 1
          return count
        }
        if number == call { throw Refused() }
        return true
      }
      let hasEnded = Monitor(false)
      try ThreadScope.run { scope in
        // Ends what would wait for ever, which is then no `Refused`.
        scope.spawn("watch") {
          for _ in 0..<2000 where !hasEnded.withLock({ $0 }) { usleep(10_000) }
          run.queue.cancel()
        }
        defer { hasEnded.withLock { $0 = true } }
        let file = try OpenFile.open(directory.path("big"), .read)
        var buffer = run.buffers.take()
        #expect(throws: Refused.self) { _ = try ContentReader(run: run).read(file, try file.status(), &buffer, worker) }
      }
    }
  }
}
