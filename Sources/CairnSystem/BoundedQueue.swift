import Glibc

/// A first-in-first-out queue of limited length between threads; any number of producers and consumers.
///
/// A full queue blocks producers, an empty one consumers. After `close` producers are turned away and consumers drain what is left;
/// after `cancel` both stop at once.
package final class BoundedQueue<Element: Sendable>: @unchecked Sendable {
  // Unchecked: everything below the locks is touched only while `lock` is held.
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let notEmpty = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let notFull = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var ring: [Element?]
  private var head = 0
  private var used = 0
  private var isClosed = false
  private var waitingConsumers = 0
  private var waitingProducers = 0

  /// - Parameter capacity: at least 1.
  package init(capacity: Int) {
    precondition(capacity >= 1)
    ring = Array(repeating: nil, count: capacity)
    lock.initialize(to: pthread_mutex_t())
    notEmpty.initialize(to: pthread_cond_t())
    notFull.initialize(to: pthread_cond_t())
    pthread_mutex_init(lock, nil)
    pthread_cond_init(notEmpty, nil)
    pthread_cond_init(notFull, nil)
  }

  deinit {
    pthread_cond_destroy(notEmpty)
    pthread_cond_destroy(notFull)
    pthread_mutex_destroy(lock)
    notEmpty.deallocate()
    notFull.deallocate()
    lock.deallocate()
  }

  /// The elements waiting now; outdated as soon as it is returned.
  package var count: Int {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    return used
  }

  /// Appends, waiting while the queue is full.
  ///
  /// - Returns: false when the queue is closed; the element is then not in it.
  @discardableResult
  package func push(_ element: Element) -> Bool {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    while used == ring.count, !isClosed {
      waitingProducers += 1
      pthread_cond_wait(notFull, lock)
      waitingProducers -= 1
    }
    return insert(element)
  }

  /// Appends without waiting.
  ///
  /// - Returns: false when the queue is full or closed.
  package func tryPush(_ element: Element) -> Bool {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    return used < ring.count && insert(element)
  }

  /// Takes the oldest element, waiting while there is none.
  ///
  /// - Returns: nil when the queue is closed and empty.
  package func pop() -> Element? {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    while used == 0, !isClosed {
      waitingConsumers += 1
      pthread_cond_wait(notEmpty, lock)
      waitingConsumers -= 1
    }
    return takeOldest()
  }

  /// Takes the oldest element without waiting; nil when there is none.
  package func tryPop() -> Element? {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    return takeOldest()
  }

  /// Refuses further elements; those inside can still be taken. Closing again changes nothing.
  package func close() {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    isClosed = true
    wakeAll()
  }

  /// Closes and drops what is inside. The elements are released on the calling thread, after the lock.
  package func cancel() {
    pthread_mutex_lock(lock)
    isClosed = true
    let dropped = ring
    for index in ring.indices { ring[index] = nil }
    head = 0
    used = 0
    wakeAll()
    pthread_mutex_unlock(lock)
    withExtendedLifetime(dropped) {}
  }

  private func insert(_ element: Element) -> Bool {
    guard !isClosed else { return false }
    var index = head + used
    if index >= ring.count { index -= ring.count }
    ring[index] = element
    used += 1
    if waitingConsumers > 0 { pthread_cond_signal(notEmpty) }
    return true
  }

  private func takeOldest() -> Element? {
    guard used > 0 else { return nil }
    let element = ring[head].take()
    head = head + 1 == ring.count ? 0 : head + 1
    used -= 1
    if waitingProducers > 0 { pthread_cond_signal(notFull) }
    return element
  }

  private func wakeAll() {
    pthread_cond_broadcast(notEmpty)
    pthread_cond_broadcast(notFull)
  }
}
