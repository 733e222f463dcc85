import CairnSystem
import Glibc
import Synchronization
import Testing

@testable import CairnKit

@Suite struct WorkQueueTests {
  /// The last file of a tree is read after the walk, and its chunks are for all workers.
  @Test func nobodyLeavesWhileAnItemIsWorkedOn() throws {
    let queue = WorkQueue(itemLimit: 1, chunkLimit: 1, workers: 1)
    let pool = BufferPool(bufferBytes: 4096, limit: 1)
    let chunk = ChunkJob(transfer: ChunkTransfer(), number: 0, buffer: pool.take(), range: 0..<1)
    _ = queue.push(.entries(EntryBatch([])))
    _ = queue.pop()
    queue.close()
    let taken = Atomic(0)
    let hasLeft = Atomic(false)
    try ThreadScope.run { scope in
      scope.spawn("other") {
        while queue.pop() != nil { taken.add(1, ordering: .sequentiallyConsistent) }
        hasLeft.store(true, ordering: .sequentiallyConsistent)
      }
      // Between two chunks there is nothing to do for the other thread, which then must wait.
      for number in 0..<1000 {
        taken.add(queue.exchange(chunk).count, ordering: .sequentiallyConsistent)
        while taken.load(ordering: .sequentiallyConsistent) <= number, !hasLeft.load(ordering: .sequentiallyConsistent) { sched_yield() }
      }
      queue.finishItem()
    }
    #expect(taken.load(ordering: .sequentiallyConsistent) == 1000)
  }
}
