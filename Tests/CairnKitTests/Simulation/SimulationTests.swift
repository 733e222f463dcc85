import CairnSystem
import Glibc
import Testing

@testable import CairnKit

/// `CAIRN_SIMULATE_SEEDS` says how many runs there are (`make simulate`), `CAIRN_SIMULATE_FIRST` with which seed they begin. With
/// `CAIRN_SIMULATE_ALL` a loss does not end them.
@Suite struct SimulationTests {
  private static func number(_ variable: String) -> UInt64? { getenv(variable).flatMap { UInt64(String(cString: $0)) } }

  @Test func whatWasCommittedIsNeverLost() throws {
    var series = SimulationSeries(count: Self.number("CAIRN_SIMULATE_SEEDS").map { Int(clamping: $0) } ?? 300)
    series.first = Self.number("CAIRN_SIMULATE_FIRST") ?? 1
    series.stops = getenv("CAIRN_SIMULATE_ALL") == nil
    let outcome = try series.run()
    print("simulation: \(outcome.summary)")
    for (seed, violation) in outcome.failures { print("  seed \(seed): \(violation)") }
    if let (seed, result) = outcome.failure { Issue.record("seed \(seed)\n\(result.report)") }
    #expect(outcome.commits > outcome.runs / 2)
  }

  /// Without one of its safety rules the protocol loses data, and this test would see it.
  @Test(arguments: SafetyRule.allCases) func aMissingRuleIsNoticed(_ rule: SafetyRule) throws {
    var series = SimulationSeries(count: Self.number("CAIRN_SIMULATE_SEEDS").map { Int(clamping: $0) } ?? 1000)
    series.brokenRules = [rule]
    series.onlyLosses = true
    series.plan = { $0.provoke(rule) }
    let outcome = try series.run()
    print(
      "simulation without \(rule.rawValue): \(outcome.failure.map { "noticed with seed \($0.seed)" } ?? "nothing noticed"); \(outcome.summary)"
    )
    #expect(outcome.failure != nil)
  }

  @Test(arguments: [1, 2, 3, 4, 5]) func aSeedAlwaysGivesTheSameTrace(_ seed: UInt64) throws {
    let first = try Simulation(seed: seed).run().events
    let second = try Simulation(seed: seed).run().events
    #expect(first.count > 50)
    let difference = zip(first, second).enumerated().first { $1.0 != $1.1 }
    if let (number, pair) = difference {
      Issue.record("request \(number): \(pair.0.request) \(pair.0.outcome), then \(pair.1.request) \(pair.1.outcome)")
    }
    #expect(first.count == second.count)
  }
}
