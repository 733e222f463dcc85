import Benchmark
import CairnSystem
import Glibc

/// What one run of a part gets through.
enum Work {
  case bytes(Int)
  case items(Int)

  /// By the processor's time, all threads together: the rate of one core.
  var ofACore: BenchmarkMetric { metric("a core") }
  /// By the clock on the wall.
  var elapsed: BenchmarkMetric { metric("elapsed") }

  private func metric(_ clock: String) -> BenchmarkMetric {
    switch self {
    case .bytes: .custom("MB/s, \(clock)", polarity: .prefersLarger, useScalingFactor: false)
    case .items: .custom("thousand/s, \(clock)", polarity: .prefersLarger, useScalingFactor: false)
    }
  }

  /// Megabytes or thousands in a second.
  func rate(nanoseconds: UInt64) -> Int {
    switch self {
    case .bytes(let count): count * 1000 / Int(max(1, nanoseconds))
    case .items(let count): count * 1_000_000 / Int(max(1, nanoseconds))
    }
  }
}

/// Measures one part.
///
/// - Parameters:
///   - goal: in the metric's unit; which of the two where there are two.
///   - isWhole: several threads may take part: the elapsed time is told, too.
///   - prepare: makes what `body` needs; not measured.
///   - tidy: after each run; not measured.
func part<State>(
  _ name: String, goal: String? = nil, _ work: Work, isWhole: Bool = false, prepare: @escaping () throws -> State,
  tidy: @escaping (State) throws -> Void = { _ in }, _ body: @escaping (State) throws -> Void
) {
  let metrics = isWhole ? [work.ofACore, work.elapsed] : [work.ofACore]
  var state: State?
  Benchmark(
    goal.map { "\(name) (goal \($0))" } ?? name,
    configuration: .init(
      metrics: metrics, units: Dictionary(uniqueKeysWithValues: metrics.map { ($0, .count) }), warmupIterations: isWhole ? 2 : 1,
      maxDuration: .seconds(isWhole ? 6 : 1), maxIterations: 1000),
    closure: { (benchmark: Benchmark) throws in
      guard let state else { return }
      let (begin, used) = (SystemClock.monotonicNanoseconds(), processorNanoseconds())
      try body(state)
      let (usedAfter, end) = (processorNanoseconds(), SystemClock.monotonicNanoseconds())
      benchmark.measurement(work.ofACore, work.rate(nanoseconds: usedAfter - used))
      if isWhole { benchmark.measurement(work.elapsed, work.rate(nanoseconds: end - begin)) }
      try tidy(state)
    },
    setup: { state = try prepare() },
    teardown: { state = nil })
}

private func processorNanoseconds() -> UInt64 {
  var time = timespec()
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
