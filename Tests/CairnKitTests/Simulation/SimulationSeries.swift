import CairnSystem
import Synchronization

@testable import CairnKit

/// Many runs, on all processors, until one shows a loss.
struct SimulationSeries: Sendable {
  var first: UInt64 = 1
  var count: Int
  var brokenRules: Set<SafetyRule> = []
  /// Ends after the first run that shows a violation.
  var stops = true
  /// Only a loss counts: nothing else is to be expected of clients that break rules.
  var onlyLosses = false
  /// Fits runs to what is looked for.
  var plan: @Sendable (inout SimulationPlan) -> Void = { _ in }

  struct Outcome: Sendable {
    var runs = 0
    var requests = 0
    var runsWithSweep = 0
    var commits = 0
    var restores = 0
    var revocations = 0
    var handOvers = 0
    var rescues = 0
    var undone = 0
    var crashes = 0
    /// The smallest seed that showed a loss among those that were run, and what it showed.
    var failure: (seed: UInt64, result: Simulation.Result)?
    /// All of them, with the first thing that each showed.
    var failures: [(seed: UInt64, violation: String)] = []
    var seconds = 0.0

    var summary: String {
      let rate = Int(Double(runs) / max(seconds, 0.001))
      return """
        \(runs) runs, \(rate) a second, \(requests) requests; runs with deleted packs: \(runsWithSweep); commits: \(commits); \
        restores: \(restores); hand-overs: \(handOvers); revocations: \(revocations); \
        rescued packs: \(rescues); forgotten and brought back: \(undone); crashes: \(crashes)
        """
    }

    fileprivate mutating func add(_ seed: UInt64, _ result: Simulation.Result, onlyLosses: Bool) {
      runs += 1
      requests += result.events.count
      runsWithSweep += result.deletedPacks > 0 ? 1 : 0
      commits += result.commits
      restores += result.restores
      revocations += result.revocations
      handOvers += result.handOvers
      rescues += result.rescues
      undone += result.undone
      crashes += result.crashes
      guard let first = result.violations.first(where: { $0.isLoss || !onlyLosses }) else { return }
      failures.append((seed, first.description))
      if failure.map({ seed < $0.seed }) ?? true { failure = (seed, result) }
    }
  }

  func run(threads: Int = Host.processorCount) throws -> Outcome {
    let outcome = Mutex(Outcome())
    let next = Atomic<UInt64>(first)
    let start = SystemClock.monotonicNanoseconds()
    try ThreadScope.run { scope in
      for thread in 0..<threads {
        scope.spawn("simulation \(thread)", stackBytes: 8 << 20) {
          while !stops || outcome.withLock({ $0.failure == nil }) {
            let seed = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard seed < first + UInt64(count) else { return }
            let result = try Simulation(seed: seed, breaking: brokenRules, plan: plan).run()
            outcome.withLock { $0.add(seed, result, onlyLosses: onlyLosses) }
          }
        }
      }
    }
    return outcome.withLock { outcome in
      outcome.seconds = Double(SystemClock.monotonicNanoseconds() - start) / 1e9
      return outcome
    }
  }
}
