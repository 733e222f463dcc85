import CairnFormat
import CairnStorage
import CairnSystem
import Synchronization

/// Reads every tree of every snapshot once, looks every chunk up in the index, and, if anything is wrong, finds out which files of
/// which snapshots it touches.
struct TreeCheck {
  let run: CheckRun

  func perform() throws {
    let sweep = TreeSweep(run.view, run.context)
    let trees = ReferenceCheck(run: run)
    try sweep.run(run.view.snapshots.map(\.manifest.root), trees)
    let records = ReferenceCheck(run: run)
    try sweep.run(run.view.snapshots.compactMap(\.manifest.deltaRoot), records)
    if trees.isDamaged {
      var impact = TreeImpact(run: run)
      try impact.perform()
    }
    if records.isDamaged { try reportRecords() }
  }

  /// Damaged delta trees: `diff` compares the trees themselves instead, nothing else needs them.
  private func reportRecords() throws {
    for snapshot in run.view.snapshots {
      guard let root = snapshot.manifest.deltaRoot else { continue }
      let check = ReferenceCheck(run: run)
      try TreeSweep(run.view, run.context).run([root], check)
      guard check.isDamaged else { continue }
      run.findings.add(
        "snapshot \(snapshot.shortID)",
        "has a damaged record of its differences from its base; they can still be found by comparing the two",
        .harmless, next: "Nothing needs to be done: 'cairn diff' and 'cairn restore' do without it.")
    }
  }
}

/// Whether everything that trees refer to is there.
private final class ReferenceCheck: TreeSweepVisitor {
  private let run: CheckRun
  private let found = Atomic<Bool>(false)

  init(run: CheckRun) { self.run = run }

  var isDamaged: Bool { found.load(ordering: .acquiring) }

  func read(_ id: BlobID, _ location: BlobLocation) { run.treesRead.add() }
  func misses(_ id: BlobID) { found.store(true, ordering: .releasing) }
  func fails(_ id: BlobID, _ location: BlobLocation, _ error: CairnError) { found.store(true, ordering: .releasing) }

  func refers(to id: BlobID, length: UInt64) throws {
    if try run.fault(of: id, length: length) != nil { found.store(true, ordering: .releasing) }
  }
}

extension CheckRun {
  /// What is wrong with a chunk that a file refers to: nil when a good place of it is known, else the finding.
  func fault(of id: BlobID, length: UInt64) throws -> FindingList.Place?? {
    guard let first = try view.index.locate(id.key) else { return .some(missing) }
    if first.type == .data, UInt64(first.length) == length, damage.finding(first.frame) == nil { return nil }
    var bad: FindingList.Place?
    var fits = false
    for place in try view.index.locations(id.key) where place.type == .data && UInt64(place.length) == length {
      fits = true
      guard let finding = damage.finding(place.frame) else { return nil }
      bad = bad ?? finding
    }
    return .some(fits ? bad : otherLength)
  }

  private var missing: FindingList.Place? {
    findings.add(
      "index", "does not name some of the blobs that snapshots need", .loss,
      next: CheckAdvice.blobs)
  }

  private var otherLength: FindingList.Place? {
    findings.add("index", "gives some blobs other lengths than the files that need them", .loss, next: CheckAdvice.replace("index/"))
  }

  /// The finding for a part of a directory or content list that cannot be read.
  func fault(ofTree id: BlobID, _ error: CairnError) throws -> FindingList.Place? {
    let places = try view.index.locations(id.key)
    guard let first = places.first else { return missing }
    for place in places {
      if let finding = damage.finding(place.frame) { return finding }
    }
    let object = try first.frame.pack.key().path
    let reason = error.message.hasSuffix(".") ? String(error.message.dropLast()) : error.message
    let place = findings.add(
      object, "holds a part of a directory or content list that cannot be used: \(reason)", .loss, next: CheckAdvice.replace(object))
    return place
  }
}
