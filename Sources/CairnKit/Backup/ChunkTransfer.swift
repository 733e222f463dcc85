import CairnFormat
import CairnSystem
import Synchronization

/// One chunk of a big file on its way to whichever worker is free.
struct ChunkJob: Sendable {
  let transfer: ChunkTransfer
  /// Position in the order of the file's chunks.
  let number: Int
  let buffer: PooledBuffer
  let range: Range<Int>

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer.bytes)[range]) }
}

/// Brings the ids of a big file's chunks back to the worker that reads it, in order.
final class ChunkTransfer: Sendable {
  private struct State {
    var done: [Int: ContentItem] = [:]
    var issued = 0
    var taken = 0
    var finished = 0
  }
  private let state = Mutex(State())

  /// The number for the next chunk; it counts as outstanding until `deliver`.
  func issue() -> Int {
    state.withLock { state in
      defer { state.issued += 1 }
      return state.issued
    }
  }

  /// True when nothing is outstanding after this.
  func deliver(_ number: Int, _ item: ContentItem) -> Bool {
    state.withLock { state in
      state.done[number] = item
      state.finished += 1
      return state.finished == state.issued
    }
  }

  /// The next item in the file's order, if it is there.
  func next() -> ContentItem? {
    state.withLock { state in
      guard let item = state.done.removeValue(forKey: state.taken) else { return nil }
      state.taken += 1
      return item
    }
  }

  var isIdle: Bool { state.withLock { $0.finished == $0.issued } }
}
