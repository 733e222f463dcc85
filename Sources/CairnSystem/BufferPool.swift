import Glibc

/// A fixed number of equal, page-aligned buffers; running out of them is the back-pressure of a pipeline.
///
/// Buffers are made when first needed and live as long as the pool, which lives as long as any of its buffers is out.
package final class BufferPool: Sendable {
  private struct State {
    var free: [UnsafeMutableRawPointer] = []
    var made = 0
  }
  package let bufferBytes: Int
  package let limit: Int
  private let state = Monitor(State())
  private let onReturn: (@Sendable () -> Void)?

  /// - Parameters:
  ///   - bufferBytes: at least 1; rounded up to whole pages.
  ///   - limit: at least 1.
  ///   - onReturn: called after each return of a buffer, by the thread that let go of it: for those who wait for something else, too.
  package init(bufferBytes: Int, limit: Int, onReturn: (@Sendable () -> Void)? = nil) {
    precondition(bufferBytes >= 1 && limit >= 1)
    self.onReturn = onReturn
    self.bufferBytes = (bufferBytes + 4095) / 4096 * 4096
    self.limit = limit
  }

  deinit {
    for buffer in state.withLock({ $0.free }) { munmap(buffer, bufferBytes) }
  }

  /// Hands out a buffer, waiting while all are out. Its content is whatever was there before.
  package func take() -> PooledBuffer {
    PooledBuffer(state.waitFor { [self] in next(&$0) }, pool: self)
  }

  /// Hands out a buffer, or nil when all are out.
  package func tryTake() -> PooledBuffer? {
    state.withLock { [self] in next(&$0) }.map { PooledBuffer($0, pool: self) }
  }

  fileprivate func giveBack(_ start: UnsafeMutableRawPointer) {
    state.withLock { $0.free.append(start) }
    state.notifyOne()
    onReturn?()
  }

  private func next(_ state: inout State) -> UnsafeMutableRawPointer? {
    if let buffer = state.free.popLast() { return buffer }
    guard state.made < limit else { return nil }
    let memory = mmap(nil, bufferBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let memory, memory != MAP_FAILED else {
      // Make do with fewer. Without a single one there is no progress: out of memory, like any allocation in Swift.
      precondition(state.made > 0, "out of memory")
      return nil
    }
    state.made += 1
    return memory
  }
}

/// A buffer on loan from a `BufferPool`; goes back when the last reference goes.
package final class PooledBuffer: @unchecked Sendable {
  // Unchecked: the content has one owner at a time, which hands the reference on with the message.
  /// Valid as long as the object: keep that in a variable of longer life, or use `withBytes`.
  package let bytes: UnsafeMutableRawBufferPointer

  package func withBytes<R>(_ body: (UnsafeMutableRawBufferPointer) throws -> R) rethrows -> R {
    try withExtendedLifetime(self) { try body(bytes) }
  }
  private let pool: BufferPool

  fileprivate init(_ start: UnsafeMutableRawPointer, pool: BufferPool) {
    bytes = UnsafeMutableRawBufferPointer(start: start, count: pool.bufferBytes)
    self.pool = pool
  }

  deinit {
    if let start = bytes.baseAddress { pool.giveBack(start) }
  }
}
