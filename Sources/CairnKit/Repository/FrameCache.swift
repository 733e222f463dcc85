import Synchronization

/// Opened frames, kept by least recent use within a fixed number of bytes. Safe from any thread.
final class FrameCache: Sendable {
  /// An opened frame; immutable once made.
  final class Frame: Sendable {
    let bytes: [UInt8]
    init(_ bytes: [UInt8]) { self.bytes = bytes }
  }

  private struct Entry {
    var frame: Frame
    var used: UInt64
  }

  private struct State {
    var entries: [FrameLocation: Entry] = [:]
    var bytes = 0
    var clock: UInt64 = 0
  }

  private let state = Mutex(State())
  private let limit: Int

  /// - Parameter limit: bytes of opened frames to keep; one frame is always kept.
  init(limit: Int) { self.limit = limit }

  func get(_ location: FrameLocation) -> Frame? {
    state.withLock { state in
      state.clock += 1
      state.entries[location]?.used = state.clock
      return state.entries[location]?.frame
    }
  }

  func put(_ location: FrameLocation, _ frame: Frame) {
    state.withLock { state in
      guard state.entries[location] == nil else { return }
      state.clock += 1
      state.entries[location] = Entry(frame: frame, used: state.clock)
      state.bytes += frame.bytes.count
      if state.bytes > limit { Self.makeRoom(&state, below: limit / 8 * 7) }
    }
  }

  /// Drops the oldest frames, an eighth of the limit at a time: sorting so rarely costs less than keeping a list.
  private static func makeRoom(_ state: inout State, below goal: Int) {
    for (location, entry) in state.entries.sorted(by: { $0.value.used < $1.value.used }).dropLast() {
      guard state.bytes > goal else { return }
      state.entries[location] = nil
      state.bytes -= entry.frame.bytes.count
    }
  }
}
