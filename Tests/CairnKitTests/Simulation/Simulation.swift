import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport

@testable import CairnKit

/// One run: clients and maintainers on one repository, everything decided by a seed.
struct Simulation: Sendable {
  let seed: UInt64
  let brokenRules: Set<SafetyRule>
  private let change: @Sendable (inout SimulationPlan) -> Void

  struct Result: Sendable {
    var violations: [Violation] = []
    var events: [Scheduler.Event] = []
    var roles: [SimulatedRole] = []
    var commits = 0
    var restores = 0
    var rescues = 0
    var undone = 0
    /// Requests at which a process was killed.
    var crashes: Int { events.count { $0.fate == .killedBefore || $0.fate == .killedAfter } }
    /// Sessions that maintenance decided.
    var revocations: Int {
      events.count { $0.request.verb == .putIfAbsent && $0.request.kind == .commits && isMaintenance($0) && $0.outcome == "won" }
    }
    /// Packs that maintenance deleted.
    var deletedPacks: Int {
      events.count {
        $0.request.verb == .delete && $0.request.kind == .packs && isMaintenance($0) && $0.fate == .done && $0.outcome.isEmpty
      }
    }
    /// Registers that backups won for something else than a snapshot: hand-overs, and runs that were stopped.
    var handOvers: Int {
      let registers = events.count {
        $0.request.verb == .putIfAbsent && $0.request.kind == .commits && roles[$0.client].task == .backup && $0.outcome == "won"
      }
      return max(0, registers - commits)
    }
    private func isMaintenance(_ event: Scheduler.Event) -> Bool { roles[event.client].task == .prune }

    /// What happened, for people.
    var report: String {
      var lines = roles.enumerated().map { "client \($0): \($1.task) × \($1.count) on host \($1.host)" }
      lines += events.enumerated().map { number, event in
        "\(number)  c\(event.client)  \(event.request)  \(event.fate == .done ? "" : "[\(event.fate.rawValue)] ")\(event.outcome)"
      }
      return (lines + violations.map(\.description)).joined(separator: "\n")
    }
  }

  /// - Parameter plan: changes what the seed has chosen.
  init(seed: UInt64, breaking rules: Set<SafetyRule> = [], plan: @escaping @Sendable (inout SimulationPlan) -> Void = { _ in }) {
    self.seed = seed
    brokenRules = rules
    change = plan
  }

  func run() throws -> Result {
    var random = SplitMix64(seed: seed)
    var plan = SimulationPlan(&random)
    change(&plan)
    let base = try SimulationBase.shared.get()
    let storage = MemoryStorage()
    storage.contents = base.contents
    let machine = SimulatedMachine(nanoseconds: SimulationBase.end)
    let scheduler = Scheduler(seed: random.next(), mortal: plan.roles.map(\.isMortal), rates: plan.rates, machine: machine)
    let world = SimulatedWorld(
      storage: storage, template: base.repository, scheduler: scheduler, machine: machine, oracle: Oracle(base.known),
      alphabet: plan.alphabet, handOvers: plan.handOvers, brokenRules: brokenRules)
    let seeds = plan.roles.map { _ in random.next() }
    try ThreadScope.run { scope in
      for (number, role) in plan.roles.enumerated() {
        scope.spawn("client \(number)") { SimulatedClient(world, number: number, role: role, seed: seeds[number]).run() }
      }
      scheduler.runAll()
    }
    var result = Result(events: scheduler.events, roles: plan.roles)
    finish(world, random.next())
    result.violations = world.oracle.violations
    result.commits = world.oracle.commits
    result.restores = world.oracle.restores
    result.rescues = world.oracle.rescues
    result.undone = world.oracle.undone
    return result
  }

  /// When nobody runs any more: everything that was committed is there, and stays there when others come and tidy up.
  private func finish(_ world: SimulatedWorld, _ seed: UInt64) {
    let process = SimulatedProcess(world.machine, host: "host0", id: 1, seed: seed)
    process.run {
      do {
        try verifyIndependently(world, "at the end")
        try verify(world, "at the end")
        try backUp(world)
        try verifyIndependently(world, "after another backup")
        try tidyUp(world)
        try verifyIndependently(world, "after everything was pruned")
        try verify(world, "after everything was pruned")
      } catch {
        world.oracle.violate("at the end: \(error)")
      }
    }
  }

  /// Prunes until nothing is left to do. Every other process is gone by now.
  private func tidyUp(_ world: SimulatedWorld) throws {
    var options = PruneOptions()
    options.maxUnused = .bytes(0)
    options.revokeAfterSeconds = 0
    for _ in 0..<6 {
      let report = try world.repository(world.storage).prune(options, context: RunContext(threads: 1))
      guard report.waitingFor.isEmpty else { return world.oracle.violate("prune waits though everybody is gone") }
      guard report.deleted.count > 0 || report.writtenBytes > 0 else { return try requireTidy(world) }
    }
    world.oracle.violate("prune finds ever more to do")
  }

  /// Nothing is left that nobody needs.
  private func requireTidy(_ world: SimulatedWorld) throws {
    let reader = try IndependentReader(world.storage.contents, world.template.keys)
    let names = world.storage.contents.keys.filter { $0.kind == .packs }.map(\.name)
    let left = names.filter { name in PackName(name).map { !reader.packs.contains($0) } ?? true }
    if !left.isEmpty { world.oracle.violate("packs that nobody needs are left: \(left)") }
    if !reader.condemned.isEmpty { world.oracle.violate("packs are still condemned") }
  }

  private func verifyIndependently(_ world: SimulatedWorld, _ when: String) throws {
    let reader = try IndependentReader(world.storage.contents, world.template.keys)
    for manifest in reader.snapshots {
      do { world.oracle.check(manifest, try reader.files(manifest), by: when) } catch {
        world.oracle.lose("\(when): snapshot #\(Oracle.number(manifest) ?? -1) is lost: \(error)")
      }
    }
    world.oracle.checkComplete(reader.snapshots, by: when)
  }

  private func verify(_ world: SimulatedWorld, _ when: String) throws {
    let view = try world.repository(world.storage).loadView()
    for snapshot in view.snapshots {
      do {
        world.oracle.check(snapshot.manifest, try SimulatedTree.read(snapshot.manifest.root, view.trees), by: when)
      } catch {
        world.oracle.lose("\(when): snapshot #\(Oracle.number(snapshot.manifest) ?? -1) cannot be read: \(error)")
      }
    }
    world.oracle.checkComplete(view.snapshots.map(\.manifest), by: when)
  }

  private func backUp(_ world: SimulatedWorld) throws {
    let tree = SimulatedTree(directories: ["d1": ["f1": [0, 1, 2], "f2": [3]]])
    _ = try SimulationBase.backUp(tree, world.oracle.begin(tree), world.repository(world.storage))
  }
}

/// The repository that every run begins with: a few snapshots that share blobs.
struct SimulationBase: Sendable {
  let repository: Repository
  let contents: [ObjectKey: [UInt8]]
  let known: [(SimulatedTree, SessionID)]

  /// Of the first second of every run.
  static let end: UInt64 = 1_700_001_000_000_000_000

  static let shared = Swift.Result { try SimulationBase() }

  private init() throws {
    let machine = SimulatedMachine(nanoseconds: 1_700_000_000_000_000_000)
    let process = SimulatedProcess(machine, host: "host0", id: 1, seed: 1)
    (repository, contents, known) = try process.run {
      let storage = MemoryStorage()
      let created = try TestRepository.create(storage)
      var config = created.config
      (config.groupBytes, config.groupMaximumBlob) = (900, 500)
      (config.dataPackBytes, config.treePackBytes) = (2100, 2000)
      let repository = Repository(
        storage: storage, keys: created.keys, config: config, options: OpenOptions(memoryBytes: 1 << 20), slot: created.currentSlot,
        info: created.currentSlotInfo, master: created.master, sink: NoProgress())
      var random = SplitMix64(seed: 11)
      var known: [(SimulatedTree, SessionID)] = []
      var tree = SimulatedTree.random(alphabet: 12, &random)
      for number in 0..<3 {
        known.append((tree, try Self.backUp(tree, number, repository).id))
        machine.pass(100_000_000_000)
        tree.change(alphabet: 12, &random)
        tree.change(alphabet: 12, &random)
      }
      return (repository, storage.contents, known)
    }
  }

  /// A backup without any disturbance.
  static func backUp(_ tree: SimulatedTree, _ number: Int, _ repository: Repository) throws -> Snapshot {
    let started = Timestamp(SystemClock.now())
    let description = SessionDescription(series: .zero, client: .zero)
    return try SessionWriter.write(to: repository, description: description, options: .simulated, context: RunContext()) { session in
      let chosen = BaseSelection.choose(.auto, series: .zero, in: session.view.snapshots)
      let root = try SimulatedArchiver(session) { _ in }.archive(tree, base: chosen.base)
      var manifest = Manifest(
        session: session.session, time: started, root: root, kind: chosen.kind, series: .zero, base: chosen.base?.id, client: .zero,
        started: started)
      manifest.description = Array("\(number)".utf8)
      return try session.commit(manifest)
    }
  }
}
