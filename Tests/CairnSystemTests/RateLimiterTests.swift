import CairnSystem
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct RateLimiterTests {
  /// A clock that goes on by as much as is slept.
  private final class Simulated: RateLimiter.Clock {
    private let time = Mutex<UInt64>(1_000_000_000)
    let slept = Mutex<[UInt64]>([])
    func nanoseconds() -> UInt64 { time.withLock { $0 } }
    func sleep(nanoseconds: UInt64) {
      time.withLock { $0 += nanoseconds }
      slept.withLock { $0.append(nanoseconds) }
    }
    func goOn(_ nanoseconds: UInt64) { time.withLock { $0 += nanoseconds } }
  }

  private let clock = Simulated()

  @Test func theRateIsKept() {
    let limiter = RateLimiter(bytesPerSecond: 1000, clock: clock)
    let start = clock.nanoseconds()
    for _ in 0..<50 { limiter.take(100) }
    let took = Double(clock.nanoseconds() - start) / 1e9
    #expect(took > 4.8 && took < 5.1, "\(took)")
    #expect(clock.slept.withLock { $0.max() ?? 0 } <= 50_000_000, "so that an end is noticed soon")
  }

  @Test func silenceIsMadeUpForALittleOnly() {
    let limiter = RateLimiter(bytesPerSecond: 1000, clock: clock)
    clock.goOn(3600 * 1_000_000_000)
    let start = clock.nanoseconds()
    limiter.take(100)
    #expect(clock.nanoseconds() == start)
    limiter.take(1000)
    #expect(clock.nanoseconds() - start == 1_000_000_000)
  }

  @Test func nobodyWaitsOnceCancelled() {
    let cancellation = Cancellation()
    cancellation.cancel()
    let limiter = RateLimiter(bytesPerSecond: 1, cancellation: cancellation, clock: clock)
    limiter.take(.max)
    limiter.take(1 << 40)
    #expect(clock.slept.withLock { $0.isEmpty })
  }

  @Test func nothingCostsNothing() {
    let limiter = RateLimiter(bytesPerSecond: 1, clock: clock)
    limiter.take(0)
    limiter.take(-5)
    #expect(clock.slept.withLock { $0.isEmpty })
    #expect((4096...(1 << 20)).contains(RateLimiter(bytesPerSecond: .max, clock: clock).pieceSize))
    #expect(RateLimiter(bytesPerSecond: 0, clock: clock).bytesPerSecond == 1)
  }

  @Test func threadsShareTheRate() throws {
    let limiter = RateLimiter(bytesPerSecond: 1_000_000)
    let start = SystemClock.monotonicNanoseconds()
    let done = Mutex<[Int]>([0, 0, 0])
    try ThreadScope.run { scope in
      for thread in 0..<3 {
        scope.spawn("taker") {
          while SystemClock.monotonicNanoseconds() - start < 600_000_000 {
            limiter.take(10_000)
            done.withLock { $0[thread] += 1 }
          }
        }
      }
    }
    let counts = done.withLock { $0 }
    #expect(counts.reduce(0, +) < 120, "\(counts)")
    #expect(counts.allSatisfy { $0 > 0 }, "\(counts)")
  }
}
