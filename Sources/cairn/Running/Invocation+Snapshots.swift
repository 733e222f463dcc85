import ArgumentParser
import CairnKit
import CairnSystem

/// `SNAPSHOT` or `SNAPSHOT:PATH` as typed.
struct SnapshotArgument: ExpressibleByArgument {
  let selector: String
  /// Components of the path; empty = all.
  let path: [[UInt8]]
  /// Whether a path was given at all.
  let hasPath: Bool

  init?(argument: String) {
    let bytes = RawArguments.bytes(of: argument)
    guard let colon = bytes.firstIndex(of: 0x3a) else {
      selector = argument
      path = []
      hasPath = false
      return
    }
    // `try?`: a path that climbs makes the argument invalid, which the parser reports.
    guard let components = try? SnapshotSelector.components(Array(bytes[(colon + 1)...])) else { return nil }
    selector = String(decoding: bytes[..<colon], as: UTF8.self)
    path = components
    hasPath = true
  }

  static let latest = SnapshotArgument(selector: "latest")

  private init(selector: String) {
    self.selector = selector
    path = []
    hasPath = false
  }
}

extension Invocation {
  /// The snapshots of the repository; what could not be read is reported.
  ///
  /// - Returns: the list, which may not hold all that it should.
  func list(_ repository: Repository) throws -> SnapshotList {
    let list = try repository.snapshots()
    for problem in list.problems { reporter.report(problem) }
    return list
  }

  /// Opens the repository with its index; damaged snapshots are reported.
  func openView() throws -> RepositoryView {
    let view = try openRepository().loadView()
    for problem in view.problems { context.problem(problem.path, during: problem.during, problem.message) }
    return view
  }

  /// Snapshots by selectors, in the order given; without any, all that the filter lets through, oldest first.
  func choose(
    _ selectors: [String], from snapshots: [Snapshot], _ filter: SnapshotFilter, forgotten: [String] = []
  ) throws -> [Snapshot] {
    if selectors.isEmpty { return snapshots.filter(filter.matches) }
    return try selectors.map { try SnapshotSelector.resolve($0, in: snapshots, filter: filter, forgotten: forgotten) }
  }

  /// One snapshot of a view.
  func choose(_ snapshot: SnapshotArgument, from view: RepositoryView, _ filter: SnapshotFilter) throws -> Snapshot {
    try SnapshotSelector.resolve(snapshot.selector, in: view.snapshots, filter: filter, forgotten: view.forgottenIDs)
  }

  /// The status of a command that reported its problems: everything was done, or it is incomplete.
  var status: ExitStatus { context.counters.errors.value == 0 ? .success : .incomplete }

  /// Lets Ctrl-C stop the command in good order; before any thread is started.
  func stopsOnSignals() {
    Interruption.install(console, context.cancellation)
    Host.raiseOpenFileLimit()
  }
}
