import CairnStorage
import CairnSystem
import Synchronization
import Testing

@Suite struct LimitedStorageTests {
  private final class Simulated: RateLimiter.Clock {
    let time = Mutex<UInt64>(1 << 40)
    func nanoseconds() -> UInt64 { time.withLock { $0 } }
    func sleep(nanoseconds: UInt64) { time.withLock { $0 += nanoseconds } }
    func seconds(_ body: () throws -> Void) rethrows -> Double {
      let start = nanoseconds()
      try body()
      return Double(nanoseconds() - start) / 1e9
    }
  }

  private let clock = Simulated()
  private let base = MemoryStorage()
  private let key = ObjectKey(kind: .packs, name: String(repeating: "ab", count: 32))

  private func limited(upload: UInt64? = nil, download: UInt64? = nil) -> LimitedStorage {
    func limiter(_ rate: UInt64?) -> RateLimiter? { rate.map { RateLimiter(bytesPerSecond: $0, clock: clock) } }
    return LimitedStorage(base, upload: limiter(upload), download: limiter(download))
  }

  @Test func whatIsStoredTakesItsTime() throws {
    let key = try #require(key)
    let storage = limited(upload: 10_000)
    let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let took = try clock.seconds {
      let writer = try storage.beginObject(kind: .packs)
      try bytes.withUnsafeBytes { try writer.append($0) }
      var back = [UInt8](repeating: 0, count: 1000)
      try back.withUnsafeMutableBytes { try writer.read(at: 500, into: $0) }
      #expect(back == Array(bytes[500..<1500]))
      try writer.finish(as: key)
    }
    #expect(took > 9.5 && took < 10.5, "\(took)")
    let reading = try clock.seconds {
      let back = try storage.readAll(key, limit: 1 << 20)
      #expect(back == bytes)
    }
    #expect(reading == 0, "it is not limited")
  }

  @Test func whatIsReadTakesItsTime() throws {
    let key = try #require(key)
    let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 11) }
    try base.put(key, bytes)
    let storage = limited(download: 20_000)
    for (offset, wanted, expected) in [(0, 100_000, 100_000), (50_000, 100_000, 50_000), (99_999, 10, 1), (100_000, 10, 0), (7, 100, 100)] {
      var buffer = [UInt8](repeating: 0, count: wanted)
      let count = try buffer.withUnsafeMutableBytes { try storage.read(key, at: UInt64(offset), into: $0) }
      #expect(count == expected && Array(buffer[..<count]) == Array(bytes[offset..<(offset + count)]))
    }
    let took = try clock.seconds { _ = try storage.readAll(key, limit: 1 << 20) }
    #expect(took > 4.8, "\(took)")
    let storing = try clock.seconds { try storage.put(key, bytes) }
    #expect(storing == 0, "it is not limited")
  }
}
