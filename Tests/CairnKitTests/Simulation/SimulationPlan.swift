import CairnTestSupport

@testable import CairnKit

/// Who takes part in a run, and how rough it is.
struct SimulationPlan: Sendable {
  var roles: [SimulatedRole] = []
  var rates = Scheduler.Rates()
  var alphabet: Int
  /// Backups in 1000 that hand over again and again.
  var handOvers = 400

  init(_ random: inout SplitMix64) {
    alphabet = 8 + Int(random.next() % 10)
    let hosts = 1 + random.next() % 2
    func host() -> Int { Int(random.next() % hosts) }
    for number in 0..<(1 + random.next() % 3) {
      // Every second one shares its series, and who it is, with another.
      let identity = random.next() % 2 == 0 ? 0 : UInt64(number)
      roles.append(SimulatedRole(task: .backup, count: 1 + Int(random.next() % 2), host: host(), series: identity, client: identity))
    }
    for _ in 0..<(1 + random.next() % 2) { roles.append(SimulatedRole(task: .prune, count: 1 + Int(random.next() % 3), host: host())) }
    if random.next() % 3 > 0 { roles.append(SimulatedRole(task: .forget, count: 1 + Int(random.next() % 3), host: host())) }
    if random.next() % 2 == 0 { roles.append(SimulatedRole(task: .restore, count: 2, host: host(), isMortal: false)) }
    if random.next() % 4 == 0 { roles.append(SimulatedRole(task: .tag, count: 1, host: host())) }
    rates.sticky = [0, 500, 850][Int(random.next() % 3)]
    rates.suspend = [0, 5, 15][Int(random.next() % 3)]
    rates.suspendAtDecision = [0, 100, 300][Int(random.next() % 3)]
    rates.crash = [0, 0, 3, 10][Int(random.next() % 4)]
    rates.error = [0, 0, 2, 8][Int(random.next() % 4)]
  }

  /// Makes it likely that the loss shows that a rule keeps away.
  mutating func provoke(_ rule: SafetyRule) {
    rates.crash = 0
    rates.error = 0
    rates.suspendAtDecision = 300
    if rule == .releaseAnchorAtHandOver {
      rates.sticky = 0
      handOvers = 1000
    }
    for index in roles.indices where roles[index].task == .prune { roles[index].count = 3 }
    if !roles.contains(where: { $0.task == .forget }) { roles.append(SimulatedRole(task: .forget, count: 2)) }
  }
}
