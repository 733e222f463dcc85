import Glibc

/// A value behind a mutex, with waiting for a condition on it. For rare, longer waits; counters and tables use `Mutex` and `Atomic`.
package final class Monitor<State>: @unchecked Sendable {
  // Unchecked: `state` is touched only while `lock` is held. Heap storage, because a pthread mutex must never move.
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var state: State

  package init(_ state: State) {
    self.state = state
    lock.initialize(to: pthread_mutex_t())
    changed.initialize(to: pthread_cond_t())
    pthread_mutex_init(lock, nil)
    pthread_cond_init(changed, nil)
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(lock)
    changed.deallocate()
    lock.deallocate()
  }

  /// Runs `body` alone. It must not call back into this monitor.
  package func withLock<R>(_ body: (inout State) throws -> R) rethrows -> R {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    return try body(&state)
  }

  /// Blocks until `isDone` answers true; it runs under the lock, at once and after every `notifyAll`, and may change the state.
  package func wait(until isDone: (inout State) -> Bool) {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    while !isDone(&state) { pthread_cond_wait(changed, lock) }
  }

  /// Blocks until `attempt` answers a value; like `wait(until:)`, handing that value out.
  package func waitFor<R>(_ attempt: (inout State) -> R?) -> R {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    while true {
      if let result = attempt(&state) { return result }
      pthread_cond_wait(changed, lock)
    }
  }

  /// Wakes all waiters to look again. Call it after a change they may wait for, inside or outside of `withLock`.
  package func notifyAll() { pthread_cond_broadcast(changed) }
  /// Wakes one waiter: enough where each change lets exactly one go on.
  package func notifyOne() { pthread_cond_signal(changed) }
}
