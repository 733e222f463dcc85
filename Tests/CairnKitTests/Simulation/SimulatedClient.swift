import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport

@testable import CairnKit

/// What all clients of a simulation have in common.
struct SimulatedWorld: Sendable {
  let storage: MemoryStorage
  let template: Repository
  let scheduler: Scheduler
  let machine: SimulatedMachine
  let oracle: Oracle
  let alphabet: Int
  let handOvers: Int
  var brokenRules: Set<SafetyRule> = []

  /// The repository as a process sees it that has this access to the storage.
  func repository(_ storage: any Storage) -> Repository {
    var options = template.options
    options.brokenRules = brokenRules
    return Repository(
      storage: storage, keys: template.keys, config: template.config, options: options, slot: template.currentSlot,
      info: template.currentSlotInfo, master: template.master, sink: NoProgress())
  }
}

/// One thread of a simulation: does some things one after another, each as a process of its own when the one before was killed.
final class SimulatedClient {
  let world: SimulatedWorld
  let number: Int
  let role: SimulatedRole
  var random: SplitMix64
  private(set) var storage: ScheduledStorage
  private var process: SimulatedProcess
  private var generation: Int32 = 0

  init(_ world: SimulatedWorld, number: Int, role: SimulatedRole, seed: UInt64) {
    self.world = world
    self.number = number
    self.role = role
    random = SplitMix64(seed: seed)
    storage = ScheduledStorage(world.storage, world.scheduler, client: number)
    process = Self.process(world, number, role, 0, seed)
  }

  private static func process(_ world: SimulatedWorld, _ number: Int, _ role: SimulatedRole, _ generation: Int32, _ seed: UInt64)
    -> SimulatedProcess
  {
    SimulatedProcess(
      world.machine, host: "host\(role.host)", id: Int32(number + 1) * 100 + generation, seed: seed &+ UInt64(generation) &* 0x1234_5677)
  }

  var repository: Repository { world.repository(storage) }

  /// A number below `limit`.
  func pick(_ limit: Int) -> Int { Int(random.next() % UInt64(limit)) }
  func chance(_ perMille: Int) -> Bool { pick(1000) < perMille }

  /// Does what the role says, `role.count` times.
  func run() {
    world.scheduler.enter(number)
    for _ in 0..<role.count { runOnce() }
    process.end()
    world.scheduler.leave(number)
  }

  private func runOnce() {
    let before = storage.disturbances
    do {
      try process.run {
        switch role.task {
        case .backup: try backUp()
        case .restore: try restore()
        case .forget: try forget()
        case .tag: try tag()
        case .prune: try prune()
        }
      }
    } catch {
      // A client whose requests all went well has nothing to complain of but that others were faster.
      if storage.disturbances == before, ![.conflict, .revoked].contains((error as? CairnError)?.code) {
        world.oracle.violate("client \(number) (\(role.task)) failed undisturbed: \(error)")
      }
    }
    if storage.isDead { succeed() }
  }

  /// Another process goes on in the place of the one that was killed.
  private func succeed() {
    process.end()
    generation += 1
    storage = ScheduledStorage(world.storage, world.scheduler, client: number)
    process = Self.process(world, number, role, generation, random.next())
  }

  // MARK: - Reading

  private func restore() throws {
    let repository = repository
    let view = try repository.loadView()
    guard let snapshot = choose(view.snapshots) else { return }
    do {
      world.oracle.check(snapshot.manifest, try SimulatedTree.read(snapshot.manifest.root, view.trees), by: "restore")
    } catch {
      if let number = Oracle.number(snapshot.manifest), world.oracle.mayBeForgotten(number) { return }
      throw error
    }
  }

  func choose(_ snapshots: [Snapshot]) -> Snapshot? { snapshots.isEmpty ? nil : snapshots[pick(snapshots.count)] }
}

/// What a client does.
struct SimulatedRole: Sendable {
  enum Task: String, Sendable { case backup, restore, forget, tag, prune }
  let task: Task
  /// How often.
  var count: Int
  var host = 0
  /// Clients of one series compare with each other's snapshots; those of one client id resume each other's runs.
  var series: UInt64 = 0
  var client: UInt64 = 0
  var isMortal = true
}
