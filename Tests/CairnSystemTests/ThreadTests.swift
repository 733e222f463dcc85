import CairnSystem
import Glibc
import CairnTestSupport
import Synchronization
import Testing

import struct SystemPackage.Errno

@Suite(.timeLimit(.minutes(1))) struct ThreadTests {
  struct First: Error {}
  struct Second: Error {}

  @Test func everyElementArrivesOnceAndInOrderOfItsProducer() throws {
    let queue = BoundedQueue<(producer: Int, number: Int)>(capacity: 7)
    let received = Mutex<[[Int]]>(Array(repeating: [], count: 3))
    try ThreadScope.run { scope in
      scope.spawn("consumer") {
        while let element = queue.pop() { received.withLock { $0[element.producer].append(element.number) } }
      }
      try ThreadScope.run { producers in
        for producer in 0..<3 {
          producers.spawn("producer \(producer)") {
            for number in 0..<2000 { #expect(queue.push((producer, number))) }
          }
        }
      }
      queue.close()
    }
    #expect(received.withLock { $0 } == Array(repeating: Array(0..<2000), count: 3))
  }

  @Test func manyConsumersShareTheWork() throws {
    let queue = BoundedQueue<Int>(capacity: 2)
    let sum = Atomic<Int>(0)
    try ThreadScope.run { scope in
      for consumer in 0..<4 {
        scope.spawn("consumer \(consumer)") { while let number = queue.pop() { sum.add(number, ordering: .relaxed) } }
      }
      for number in 1...5000 { queue.push(number) }
      queue.close()
    }
    #expect(sum.load(ordering: .relaxed) == 5000 * 5001 / 2)
  }

  @Test func aClosedQueueIsDrainedAndThenEnds() {
    let queue = BoundedQueue<Int>(capacity: 3)
    #expect(queue.tryPop() == nil)
    #expect(queue.push(1) && queue.push(2) && queue.tryPush(3) && !queue.tryPush(4))
    #expect(queue.count == 3)
    queue.close()
    #expect(!queue.push(5) && !queue.tryPush(5))
    #expect([queue.pop(), queue.tryPop(), queue.pop(), queue.pop()] == [1, 2, 3, nil])
  }

  @Test func cancellingDropsAndWakes() throws {
    final class Element: Sendable {}
    let queue = BoundedQueue<Element>(capacity: 1)
    weak var dropped: Element?
    try ThreadScope.run { scope in
      do {
        let element = Element()
        dropped = element
        queue.push(element)
      }
      scope.spawn("blocked producer") { #expect(!queue.push(Element())) }
      scope.spawn("canceller") { queue.cancel() }
    }
    #expect(dropped == nil)
    #expect(queue.pop() == nil && queue.count == 0)
  }

  @Test func theFirstErrorEndsTheScopeAndWakesTheOthers() {
    let queue = BoundedQueue<Int>(capacity: 1)
    #expect(throws: First.self) {
      try ThreadScope.run { scope in
        scope.onFailure { queue.cancel() }
        scope.spawn("blocked") {
          guard queue.pop() == nil else { return }
          throw Second()
        }
        scope.spawn("failing") { throw First() }
      }
    }
  }

  @Test func aCancellationHidesNoOtherError() {
    struct Real: Error {}
    #expect(throws: Real.self) {
      try ThreadScope.run { scope in
        scope.spawn("cancelled") { throw CancellationError() }
        while !scope.hasFailed { sched_yield() }
        throw Real()
      }
    }
    #expect(throws: Real.self) {
      try ThreadScope.run { scope in
        scope.spawn("failed") { throw Real() }
        while !scope.hasFailed { sched_yield() }
        throw CancellationError()
      }
    }
  }

  @Test func anErrorOfTheBodyComesOutAfterTheThreads() {
    let finished = Atomic<Int>(0)
    let queue = BoundedQueue<Int>(capacity: 1)
    #expect(throws: First.self) {
      try ThreadScope.run { scope in
        scope.onFailure { queue.close() }
        for number in 0..<3 {
          scope.spawn("waiting \(number)") {
            while queue.pop() != nil {}
            finished.add(1, ordering: .relaxed)
          }
        }
        throw First()
      }
    }
    #expect(finished.load(ordering: .relaxed) == 3)
  }

  @Test func aThreadMayStartThreads() throws {
    let finished = Atomic<Int>(0)
    let answer = try ThreadScope.run { scope in
      for number in 0..<3 {
        scope.spawn("outer \(number)") {
          scope.spawn("inner \(number)") { finished.add(1, ordering: .relaxed) }
        }
      }
      return 42
    }
    #expect(answer == 42)
    #expect(finished.load(ordering: .relaxed) == 3)
  }

  @Test func aHookRegisteredAfterTheFailureRunsAtOnce() {
    let ran = Atomic<Bool>(false)
    #expect(throws: First.self) {
      try ThreadScope.run { scope in
        scope.fail(First())
        scope.fail(Second())
        #expect(scope.hasFailed)
        scope.onFailure { ran.store(true, ordering: .relaxed) }
      }
    }
    #expect(ran.load(ordering: .relaxed) == true)
  }

  @Test func buffersAreLimitedAlignedAndReused() throws {
    let pool = BufferPool(bufferBytes: 5000, limit: 2)
    var first = pool.tryTake()
    let second = pool.take()
    #expect(pool.tryTake() == nil)
    #expect(second.bytes.count == 8192)
    let address = try #require(first?.bytes.baseAddress)
    #expect(UInt(bitPattern: address) % 4096 == 0)
    first = nil
    #expect(pool.take().bytes.baseAddress == address)
  }

  @Test func takingWaitsForABuffer() throws {
    let pool = BufferPool(bufferBytes: 4096, limit: 3)
    let most = Mutex<(now: Int, peak: Int)>((0, 0))
    try ThreadScope.run { scope in
      for worker in 0..<8 {
        scope.spawn("worker \(worker)") {
          for round in 0..<500 {
            let buffer = pool.take()
            most.withLock { count in
              count.now += 1
              count.peak = max(count.peak, count.now)
            }
            buffer.bytes.storeBytes(of: worker * 1000 + round, as: Int.self)
            #expect(buffer.bytes.load(as: Int.self) == worker * 1000 + round)
            most.withLock { $0.now -= 1 }
            withExtendedLifetime(buffer) {}
          }
        }
      }
    }
    #expect(most.withLock { $0.peak } <= 3)
  }

  @Test func aPoolMayGoBeforeItsBuffers() {
    var pool: BufferPool? = BufferPool(bufferBytes: 4096, limit: 1)
    let buffer = pool?.take()
    pool = nil
    buffer?.bytes.storeBytes(of: 7, as: UInt8.self)
    #expect(buffer?.bytes.load(as: UInt8.self) == 7)
  }

  @Test func aMonitorWaitsForItsCondition() throws {
    let monitor = Monitor(0)
    try ThreadScope.run { scope in
      scope.spawn("counter") {
        for _ in 0..<100 {
          monitor.withLock { $0 += 1 }
          monitor.notifyAll()
        }
      }
      monitor.wait { $0 == 100 }
    }
    #expect(monitor.waitFor { $0 == 100 ? "done" : nil } == "done")
  }

  @Test func cancellationIsSeen() throws {
    let cancellation = Cancellation()
    try cancellation.check()
    cancellation.cancel()
    #expect(cancellation.isCancelled)
    #expect(throws: CancellationError.self) { try cancellation.check() }
  }
}
