import CairnFormat
import CairnSystem
import Synchronization

/// What a sweep tells about the trees it goes through. Called from several threads at once.
protocol TreeSweepVisitor: Sendable {
  /// A node of a directory or content list was read; told once for each.
  func read(_ id: BlobID, _ location: BlobLocation)
  /// A file refers to a chunk; told for every reference that the nodes read hold.
  func refers(to id: BlobID, length: UInt64) throws
  /// A node is not in the index.
  func misses(_ id: BlobID)
  /// A node is in the index and cannot be read.
  func fails(_ id: BlobID, _ location: BlobLocation, _ error: CairnError)
}

/// Reads every tree node that is reachable from some roots, once each, with several threads.
///
/// Memory: one bit a blob of the repository, and on each thread a stack of what its way down left for later.
struct TreeSweep {
  fileprivate struct Job {
    let id: BlobID
    let isList: Bool
    /// File bytes that a content list must add up to.
    let bytes: UInt64?
  }

  private let view: RepositoryView
  private let context: RunContext
  private let visited: OrdinalBitmap

  init(_ view: RepositoryView, _ context: RunContext) {
    self.view = view
    self.context = context
    visited = OrdinalBitmap(capacity: view.index.count)
  }

  /// Goes through what is reachable from `roots` and was not in an earlier call.
  func run(_ roots: [BlobID], _ visitor: any TreeSweepVisitor) throws {
    let threads = max(1, context.threads ?? Host.processorCount)
    let pool = JobPool(threads: threads, jobs: roots.reversed().map { Job(id: $0, isList: false, bytes: nil) })
    try ThreadScope.run { scope in
      scope.onFailure { pool.cancel() }
      for number in 1..<max(threads, 1) { scope.spawn("trees \(number)") { try work(pool, visitor) } }
      try work(pool, visitor)
    }
  }

  private func work(_ pool: JobPool, _ visitor: any TreeSweepVisitor) throws {
    var local: [Job] = []
    while let job = local.popLast() ?? pool.take() {
      try context.cancellation.check()
      try process(job, &local, visitor)
      if pool.isHungry, local.count > 1 { pool.give(&local) }
    }
  }

  private func process(_ job: Job, _ found: inout [Job], _ visitor: any TreeSweepVisitor) throws {
    guard let location = try view.index.locate(job.id.key) else { return visitor.misses(job.id) }
    guard visited.insert(location.ordinal) else { return }
    do {
      let node = try view.trees.node(job.id)
      visitor.read(job.id, location)
      let start = found.count
      try follow(node, job, &found, visitor)
      found[start...].reverse()
    } catch let error as CairnError where error.concernsOneObject {
      visitor.fails(job.id, location, error)
    }
  }

  private func follow(_ node: TreeNode, _ job: Job, _ found: inout [Job], _ visitor: any TreeSweepVisitor) throws {
    switch node {
    case .leaf(let nodes) where !job.isList:
      for node in nodes { try follow(node, &found, visitor) }
    case .inner(let items) where !job.isList:
      for item in items { found.append(Job(id: item.id, isList: false, bytes: nil)) }
    case .listLeaf(let items) where job.isList:
      try expect(items.reduce(UInt64(0)) { $0 &+ $1.length }, job)
      for item in items { if let id = item.id { try visitor.refers(to: id, length: item.length) } }
    case .listInner(let items) where job.isList:
      try expect(items.reduce(UInt64(0)) { $0 &+ $1.bytes }, job)
      for item in items { found.append(Job(id: item.id, isList: true, bytes: item.bytes)) }
    default: throw TreeReader.wrongKind(job.id)
    }
  }

  private func follow(_ node: Node, _ found: inout [Job], _ visitor: any TreeSweepVisitor) throws {
    if let tree = node.subtree { found.append(Job(id: tree, isList: false, bytes: nil)) }
    switch node.content {
    case .none: break
    case .items(let items):
      for item in items { if let id = item.id { try visitor.refers(to: id, length: item.length) } }
    case .list(let root, _): found.append(Job(id: root, isList: true, bytes: node.size))
    }
  }

  private func expect(_ bytes: UInt64, _ job: Job) throws {
    guard let wanted = job.bytes, wanted != bytes else { return }
    throw CairnError.damaged("content list \(job.id.hexadecimal.prefix(16))…", .invalid("it does not add up to the file's size"))
  }

  /// Work that threads without any may take over from the others.
  fileprivate final class JobPool: Sendable {
    private struct State {
      var jobs: [Job]
      var waiting = 0
      var isOver = false
    }
    private let threads: Int
    private let state: Monitor<State>
    private let waiting = Atomic<Int>(0)

    init(threads: Int, jobs: [Job]) {
      self.threads = threads
      state = Monitor(State(jobs: jobs))
    }

    /// Whether a thread has nothing to do.
    var isHungry: Bool { waiting.load(ordering: .relaxed) > 0 }

    /// A job; nil when all threads have run out of them.
    func take() -> Job? {
      var isWaiting = false
      return state.waitFor { state -> Job?? in
        if !state.isOver, let job = state.jobs.popLast() {
          if isWaiting { self.count(&state, -1) }
          return .some(job)
        }
        if !isWaiting {
          isWaiting = true
          self.count(&state, 1)
          if state.waiting == self.threads {
            state.isOver = true
            self.state.notifyAll()
          }
        }
        return state.isOver ? .some(nil) : nil
      }
    }

    /// Hands over the half of the jobs that would come last.
    func give(_ jobs: inout [Job]) {
      let half = jobs.count / 2
      state.withLock { $0.jobs += jobs[..<half] }
      jobs.removeSubrange(..<half)
      state.notifyAll()
    }

    func cancel() {
      state.withLock {
        $0.isOver = true
        $0.jobs = []
      }
      state.notifyAll()
    }

    private func count(_ state: inout State, _ change: Int) {
      state.waiting += change
      waiting.store(state.waiting, ordering: .relaxed)
    }
  }
}
