import CairnFormat
import CairnStorage
import CairnTestSupport
import Testing

@testable import CairnKit

/// All repairs are killed at each of their changes to the storage: nothing that could be read is lost by it, nothing that is damaged is
/// deleted, and the next run completes.
@Suite struct RepairCrashTests {
  private func open(_ disk: CrashDisk, killedAt deadline: Int = .max, completesLast: Bool = false) throws -> Repository {
    try TestRepository.open(CrashProcess(disk, killedAt: deadline, completesLast: completesLast))
  }

  private func context() -> RunContext {
    var context = RunContext()
    context.threads = 1
    return context
  }

  /// A disk with damage of every kind that a repair deals with.
  private func damaged() throws -> (content: CrashDisk.Content, ruins: [[UInt8]]) {
    let disk = CrashDisk()
    _ = try TestRepository.create(CrashProcess(disk))
    let store = SampleStore(repository: try open(disk))
    let common: [String: SampleNode] = ["keep": .noise(1, 9000), "dir": .directory(["two": .noise(2, 7000)])]
    let first = try store.snapshot(common, time: 1)
    let second = try store.snapshot(common.merging(["one": .noise(3, 5000)]) { $1 }, time: 2)
    try open(disk).appendLog { log in
      var record = LogRecord(next: log)
      record.amend = [SnapshotAmendment(session: first.id, tags: [[0x61]])]
      return record
    }
    let third = try store.snapshot(common.merging(["one": .noise(4, 6000)]) { $1 }, time: 3)
    let view = try open(disk).loadView()
    let node = try view.node(at: components("one"), in: view.snapshots[2])
    guard case .items(let items) = node.content, let id = items.first?.id else { throw CairnError(.failed, "no content") }
    let frame = try #require(try view.index.locate(id.key)).frame
    var ruins: [[UInt8]] = []
    func flip(_ key: ObjectKey, at offset: Int) throws {
      var bytes = try #require(disk.content.objects[key])
      bytes[offset] ^= 1
      ruins.append(bytes)
      let ruin = bytes
      disk.change { $0.objects[key] = ruin }
    }
    try flip(frame.pack.key(), at: Int(frame.offset) + 25)
    let index = disk.content.objects.keys.filter { $0.kind == .index && $0.name.hasPrefix(second.idHex) }
    try flip(try #require(index.first), at: 60)
    try flip(try Records.key(.log, Records.logName(0)), at: 60)
    try flip(try Records.key(.commits, third.idHex), at: 60)
    disk.settle()
    return (disk.content, ruins)
  }

  private func repair(_ repository: Repository) throws {
    _ = try repository.repairIndex(RepairOptions(), context: context())
    _ = try repository.repairPacks(PackRepairOptions(), context: context())
    var options = SnapshotRepairOptions()
    options.forget = true
    _ = try repository.repairSnapshots(options, context: context())
  }

  /// Digests of all content that can be read through listed snapshots.
  private func contents(_ repository: Repository) throws -> Set<ObjectHash> {
    let view = try repository.loadView()
    var found = Set<ObjectHash>()
    for snapshot in view.snapshots {
      var walk = TreeWalk(view.trees, root: snapshot.manifest.root)
      while let node = try walk.next({ _, error in throw error }) {
        guard case .items(let items) = node.content else { continue }
        let bytes = try ObjectFault.catching {
          try items.reduce(into: [UInt8]()) { bytes, item in if let id = item.id { bytes += try view.blobs.read(id, .data) } }
        }
        if case .success(let bytes) = bytes { found.insert(SHA256Digest.hash(bytes)) }
      }
    }
    return found
  }

  @Test(arguments: [false, true])
  func anInterruptedRepairLosesNothingAndTheNextCompletes(_ completesLast: Bool) throws {
    let (content, ruins) = try damaged()
    let before = try contents(open(CrashDisk(content)))
    let whole = CrashProcess(CrashDisk(content))
    try repair(TestRepository.open(whole))
    #expect(before.count == 3 && whole.changes > 20)
    for deadline in 1...whole.changes {
      let comment: Comment = "killed at change \(deadline) of \(whole.changes)"
      let disk = CrashDisk(content)
      do { try repair(open(disk, killedAt: deadline, completesLast: completesLast)) } catch let error as CairnError {
        #expect(error.code == .storage || error.code == .failed, comment)
      }
      disk.cutPower { _ in false }
      #expect(try contents(open(disk)) == before, comment)
      try repair(open(disk))
      #expect(try contents(open(disk)) == before, comment)
      #expect(try open(disk).check(CheckOptions(readData: .all), context: context()).errors.map(\.sentence) == [], comment)
      let everything = Array(disk.content.objects.values) + disk.content.aside
      #expect(ruins.allSatisfy(everything.contains), comment)
    }
  }
}
