import CairnFormat
import CairnSystem
import CairnTestSupport
import Synchronization

@testable import CairnKit

extension SimulatedClient {
  /// As `cairn prune` does, with little patience.
  func prune() throws {
    var options = PruneOptions()
    options.maxUnused = [.percent(0), .percent(0), .percent(30), .unlimited][pick(4)]
    options.revokeAfterSeconds = [40, 200, 1000, 86400][pick(4)]
    let revokes = pick(4) == 0 ? 500 : 0
    let own = Mutex(SplitMix64(seed: random.next()))
    options.revokes = { _ in own.withLock { $0.next() % 1000 < revokes } }
    let report = try repository.prune(options, context: RunContext(threads: 1))
    world.oracle.pruned(report)
  }

  func tag() throws {
    let repository = repository
    guard let snapshot = choose(try repository.snapshots().snapshots), let number = Oracle.number(snapshot.manifest) else { return }
    let tag = Array("tag\(pick(1000))".utf8)
    world.oracle.beginTag(number, tag)
    var isCertain = false
    defer { world.oracle.endTag(number, tag, isCertain: isCertain) }
    try repository.amend([(snapshot.id, tags: [tag], description: nil)])
    isCertain = true
  }

  /// As `cairn forget` does with an id, or with `--undo`.
  func forget() throws {
    let repository = repository
    if chance(350) { return try undo(repository) }
    let list = try repository.snapshots().snapshots
    guard list.count > 1, let snapshot = choose(list), let number = Oracle.number(snapshot.manifest) else { return }
    var options = ForgetOptions()
    options.snapshots = [snapshot.idHex]
    world.oracle.beginForget(number)
    var isCertain = false
    defer { world.oracle.endForget(number, isCertain: isCertain) }
    do { try repository.forget(try repository.planForget(options)) } catch let error as CairnError where error.code == .notFound {
      // Another client has forgotten it meanwhile.
    }
    isCertain = true
  }

  private func undo(_ repository: Repository) throws {
    guard let snapshot = choose(try repository.forgottenSnapshots().snapshots), let number = Oracle.number(snapshot.manifest) else {
      return
    }
    let before = world.oracle.forgetEvents(number)
    do {
      if try repository.undoForget([snapshot]) == 1 { world.oracle.undone(number, eventsBefore: before) }
    } catch let error as CairnError where error.code == .failed {
      // A prune has swept meanwhile.
    }
  }
}
