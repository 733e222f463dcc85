import CairnFormat
import CairnStorage
import CairnSystem

@testable import CairnKit

extension SimulatedClient {
  /// As `cairn backup` does, on a tree in memory.
  func backUp() throws {
    let started = Timestamp(SystemClock.now())
    let tree = SimulatedTree.random(alphabet: world.alphabet, &random)
    let number = world.oracle.begin(tree)
    let changes = chance(700) ? 1 + pick(3) : 0
    // The source fails, or somebody stops the run.
    let stop = chance(50) ? pick(6) : -1
    let description = SessionDescription(series: SeriesID(word0: 0, word1: role.series), client: ClientID(word0: 0, word1: role.client))
    do {
      let snapshot = try SessionWriter.write(
        to: repository, description: description, options: options, context: RunContext(threads: 1)
      ) { session in
        let chosen = BaseSelection.choose(.auto, series: SeriesID(word0: 0, word1: role.series), in: session.view.snapshots)
        if changes > 0, let base = chosen.base, let before = Oracle.number(base.manifest) {
          var tree = world.oracle.tree(before)
          for _ in 0..<changes { tree.change(alphabet: world.alphabet, &random) }
          world.oracle.replace(number, tree)
        }
        return try store(number, chosen, started, stop: stop, in: session)
      }
      world.oracle.committed(number, snapshot.id)
    } catch is CancellationError {}
  }

  private var options: WriterOptions {
    var options = WriterOptions.simulated
    if chance(world.handOvers) { options.checkpointBytes = 4096 * UInt64(1 + pick(4)) }
    return options
  }

  private func store(_ number: Int, _ chosen: BaseSelection, _ started: Timestamp, stop: Int, in session: SessionWriter) throws -> Snapshot
  {
    var files = 0
    let handsOver = chance(world.handOvers)
    let archiver = SimulatedArchiver(session) { [self] worker in
      files += 1
      if handsOver, chance(300) {
        try worker.flush()
        try session.handOver()
      }
      if files == stop { throw CancellationError() }
    }
    let root = try archiver.archive(world.oracle.tree(number), base: chosen.base)
    var manifest = Manifest(
      session: session.session, time: Timestamp(SystemClock.now()), root: root, kind: chosen.kind,
      series: SeriesID(word0: 0, word1: role.series), base: chosen.base?.id, client: ClientID(word0: 0, word1: role.client),
      started: started)
    manifest.description = Array("\(number)".utf8)
    return try session.commit(manifest)
  }
}

extension WriterOptions {
  /// On one thread, without compression, and without hand-overs by the clock.
  static var simulated: WriterOptions {
    var options = WriterOptions()
    options.packs.compression = .off
    options.packs.readBack = false
    options.packs.workers = 1
    options.packs.savers = 0
    options.checkpointNanoseconds = .max
    return options
  }
}
