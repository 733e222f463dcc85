import CairnSystem

/// What the walker asks of the workers.
enum WorkItem: Sendable {
  case entries(EntryBatch)
  /// A directory has groups ready and nobody who feeds them.
  case feed(DirectoryAssembly)
}

/// Two lanes to the workers: batches from the walker, and chunks of big files from the workers that read those.
///
/// Chunks go first. No cycle of waiting is possible: only the walker waits for room; a reader whose chunk finds none works on others
/// itself, and one that waits for its chunks takes chunks from the lane meanwhile, which wait for nothing.
final class WorkQueue: Sendable {
  enum Task {
    case item(WorkItem)
    case chunks([ChunkJob])
  }

  private struct State {
    var items = Ring<WorkItem>()
    var chunks = Ring<ChunkJob>()
    /// Batches that were handed out and are worked on: as long as there is one, chunks may come.
    var active = 0
    var isClosed = false
    var isCancelled = false

    /// Several chunks are hashed together in half the time; taking more than a share would leave others idle.
    mutating func takeChunks(share: Int) -> [ChunkJob] {
      var taken: [ChunkJob] = []
      let wanted = min(4, max(1, chunks.count / share))
      while taken.count < wanted, let chunk = chunks.popFirst() { taken.append(chunk) }
      return taken
    }
  }

  private let state = Monitor(State())
  private let itemLimit: Int
  private let chunkLimit: Int
  /// Threads that share the chunks: one is busy reading them.
  private let takers: Int

  /// - Parameters:
  ///   - itemLimit: batches that may wait.
  ///   - chunkLimit: chunks that may wait.
  ///   - workers: threads that take from it.
  init(itemLimit: Int, chunkLimit: Int, workers: Int) {
    self.itemLimit = itemLimit
    self.chunkLimit = chunkLimit
    takers = max(1, workers - 1)
  }

  /// Hands on work, waiting for room. False when everything is over.
  func push(_ item: WorkItem) -> Bool {
    let pushed = state.waitFor { state -> Bool? in
      if state.isCancelled { return false }
      guard state.items.count < self.itemLimit else { return nil }
      state.items.append(item)
      return true
    }
    state.notifyAll()
    return pushed
  }

  /// Hands on a chunk.
  ///
  /// - Returns: what the caller has to do instead: none if there was room, else the chunks that waited longest.
  func exchange(_ chunk: ChunkJob) -> [ChunkJob] {
    let due: [ChunkJob] = state.withLock { state in
      if state.isCancelled { return [chunk] }
      let due = state.chunks.count < chunkLimit ? [] : state.takeChunks(share: takers)
      state.chunks.append(chunk)
      return due
    }
    state.notifyAll()
    return due
  }

  /// The next thing to do; nil when there will be nothing more. `finishItem` is due for every item.
  func pop() -> Task? {
    let task = state.waitFor { state -> Task?? in
      if state.isCancelled { return .some(nil) }
      if state.chunks.count > 0 { return .some(.chunks(state.takeChunks(share: takers))) }
      if let item = state.items.popFirst() {
        state.active += 1
        return .some(.item(item))
      }
      return state.isClosed && state.active == 0 ? .some(nil) : nil
    }
    if task != nil { state.notifyAll() }
    return task
  }

  /// What came with an item is done.
  func finishItem() {
    let isLast = state.withLock { state in
      state.active -= 1
      return state.isClosed && state.active == 0
    }
    if isLast { state.notifyAll() }
  }

  /// Chunks to work on while waiting; nil when `isDone` holds or everything is over.
  func popChunks(orUntil isDone: () -> Bool) -> [ChunkJob]? {
    state.waitFor { state -> [ChunkJob]?? in
      if isDone() || state.isCancelled { return .some(nil) }
      return state.chunks.count > 0 ? .some(state.takeChunks(share: takers)) : nil
    }
  }

  /// Lets waiters look at their conditions again. The lock makes sure that none of them is between looking and sleeping.
  func wake() {
    state.withLock { _ in }
    state.notifyAll()
  }

  /// No more batches come; workers end when all is done, the chunks of files that are still being read included.
  func close() {
    state.withLock { $0.isClosed = true }
    state.notifyAll()
  }

  /// Ends everything at once.
  func cancel() {
    state.withLock { $0.isCancelled = true }
    state.notifyAll()
  }

  var isCancelled: Bool { state.withLock { $0.isCancelled } }
}

/// First in, first out, without moving elements on each removal.
struct Ring<Element> {
  private var elements: [Element?] = []
  private var head = 0
  var count: Int { elements.count - head }

  mutating func append(_ element: Element) { elements.append(element) }

  mutating func popFirst() -> Element? {
    guard head < elements.count else { return nil }
    let element = elements[head].take()
    head += 1
    if head == elements.count {
      elements.removeAll(keepingCapacity: true)
      head = 0
    } else if head > 64, head * 2 > elements.count {
      elements.removeFirst(head)
      head = 0
    }
    return element
  }
}

/// Bounds the entries that lie in closed groups and are not in a tree node yet.
///
/// Only the walker waits here, and only for groups that need nothing more from it: after it has handed on its own batch, every such
/// group depends on workers alone.
final class Backlog: Sendable {
  private struct State {
    var entries = 0
    var isCancelled = false
  }
  private let state = Monitor(State())
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  func add(_ count: Int) { state.withLock { $0.entries += count } }

  func remove(_ count: Int) {
    state.withLock { $0.entries -= count }
    state.notifyAll()
  }

  var isOverLimit: Bool { state.withLock { $0.entries > limit } }

  func waitForRoom() { state.wait { $0.entries <= self.limit || $0.isCancelled } }

  func cancel() {
    state.withLock { $0.isCancelled = true }
    state.notifyAll()
  }
}
