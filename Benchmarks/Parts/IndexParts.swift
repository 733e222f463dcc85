import Benchmark
import CairnFormat
import CairnKit
import CairnStorage
import CairnSystem
import CairnTestSupport

/// Asking the index for blobs, in no order.
func lookUps() {
  for (name, blobs) in [("10^5", 100_000), ("10^6", 1_000_000)] {
    for isMapped in [false, true] {
      let place = isMapped ? "mapped" : "in memory"
      part(
        "look-up, present, \(name) blobs, \(place)", .items(100_000),
        prepare: { try FilledIndex(blobs: blobs, isMapped: isMapped) }, { try $0.look(areThere: true) })
      part(
        "look-up, absent, \(name) blobs, \(place)", .items(100_000),
        prepare: { try FilledIndex(blobs: blobs, isMapped: isMapped) }, { try $0.look(areThere: false) })
    }
  }
}

private final class FilledIndex {
  private let directory = TemporaryDirectory()
  private let index: BlobIndex
  private let present: [BlobKey]
  private let absent: [BlobKey]

  init(blobs: Int, isMapped: Bool) throws {
    let storage = MemoryStorage()
    let repository = try TestRepository.create(storage, chunker: .normal, cacheDirectory: isMapped ? directory.path("cache") : nil)
    var keys: [BlobKey] = []
    try SessionWriter.write(
      to: repository, description: SessionDescription(series: nil, client: ClientID(word0: 1, word1: 2)), context: RunContext()
    ) { session in
      let worker = session.makeWorker()
      for number in 0..<blobs { keys.append(try worker.put(Self.content(number), .data).key) }
      var builder = DirectoryBuilder(keys: repository.keys)
      let root = try builder.finish(store: { try worker.put($1, $0) })
      try worker.flush()
      try session.flush()
      let now = Timestamp(SystemClock.now())
      _ = try session.commit(
        Manifest(
          session: session.session, time: now, root: root.id, kind: .full, series: SeriesID(word0: 3, word1: 4), base: nil,
          client: ClientID(word0: 1, word1: 2), started: now))
    }
    index = try repository.loadView().index
    // A stride that is prime to the counts, so that every page is as likely as another.
    present = (0..<100_000).map { keys[$0 &* 7_368_787 % blobs] }
    absent = (0..<100_000).map { repository.keys.blobID(.data, Self.content(blobs + $0)).key }
  }

  func look(areThere: Bool) throws {
    let keys = areThere ? present : absent
    var found = 0
    for key in keys where try index.contains(key) { found += 1 }
    guard found == (areThere ? keys.count : 0) else { throw CairnError(.failed, "Of \(keys.count) blobs \(found) were found.") }
  }

  /// As long as an entry of a group may well be.
  private static func content(_ number: Int) -> [UInt8] { Samples.noise(96, seed: UInt64(number)) }
}
