import Glibc
import Synchronization

/// Lets so many bytes a second pass, whichever threads ask.
///
/// Each call takes its turn when it comes, so that no thread is left out, and waits until what was let through before it has had its
/// time. A short while of silence may be made up for.
package final class RateLimiter: Sendable {
  /// Time as the limiter sees it.
  package protocol Clock: Sendable {
    func nanoseconds() -> UInt64
    func sleep(nanoseconds: UInt64)
  }

  package let bytesPerSecond: UInt64
  /// Bytes that are best moved at a time, so that they flow and do not come in gushes.
  package let pieceSize: Int
  private let clock: any Clock
  private let cancellation: Cancellation?
  /// When everything let through so far has had its time.
  private let paidUntil: Mutex<UInt64>

  /// What may be made up for.
  private static let credit: UInt64 = 100_000_000
  /// Cancelling is noticed within this time.
  private static let longestSleep: UInt64 = 50_000_000

  /// - Parameter cancellation: nobody waits any more once cancelled.
  package init(bytesPerSecond: UInt64, cancellation: Cancellation? = nil, clock: any Clock = SystemPace()) {
    self.bytesPerSecond = max(1, bytesPerSecond)
    self.cancellation = cancellation
    self.clock = clock
    pieceSize = Int(clamping: min(max(self.bytesPerSecond / 8, 4096), 1 << 20))
    paidUntil = Mutex(clock.nanoseconds())
  }

  /// Waits until so many bytes may pass.
  package func take(_ bytes: Int) {
    guard bytes > 0 else { return }
    let cost = UInt64((Double(bytes) / Double(bytesPerSecond) * 1e9).rounded(.up).clamped(to: 0...1e17))
    let mine = paidUntil.withLock { paid -> UInt64 in
      let now = clock.nanoseconds()
      let start = max(paid, now > Self.credit ? now - Self.credit : 0)
      paid = start.addingReportingOverflow(cost).partialValue
      return paid
    }
    while cancellation?.isCancelled != true {
      let now = clock.nanoseconds()
      guard now < mine else { return }
      clock.sleep(nanoseconds: min(mine - now, Self.longestSleep))
    }
  }
}

/// The clock of the system.
package struct SystemPace: RateLimiter.Clock {
  package init() {}
  package func nanoseconds() -> UInt64 { SystemClock.monotonicNanoseconds() }
  package func sleep(nanoseconds: UInt64) {
    var time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
    nanosleep(&time, nil)
  }
}

extension Double {
  fileprivate func clamped(to range: ClosedRange<Double>) -> Double { Swift.min(Swift.max(self, range.lowerBound), range.upperBound) }
}
