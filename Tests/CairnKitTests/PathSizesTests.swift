import CairnFormat
import CairnStorage
import CairnTestSupport
import Testing

@testable import CairnKit

@Suite struct PathSizesTests {
  private func texts(_ places: [PathSize]) -> [String] {
    places.map { "\(String(decoding: $0.path, as: UTF8.self))\($0.isDirectory ? "/" : "") \($0.bytes)" }
  }

  @Test func theLargestPlacesAreNamedOnceAndInOrder() throws {
    let subject = try CheckSubject(.memory)
    try subject.add(
      [
        "home": .directory([
          "anna": .directory([
            "video": .directory(["a": .noise(1, 40_000), "b": .noise(2, 35_000)]), "mail": .directory(["inbox": .noise(3, 20_000)]),
            "tiny": .noise(4, 10),
          ])
        ]),
        "etc": .directory(["a": .noise(5, 300), "b": .noise(6, 300)]),
      ], time: 9)
    let view = try subject.open().loadView()
    let last = try #require(view.snapshots.last)
    let sizes = PathSizes(view, RunContext())
    #expect(
      texts(try sizes.largest(in: last, count: 10)) == [
        "/home/anna/ 95010", "/home/anna/video/ 75000", "/home/anna/video/a 40000", "/home/anna/video/b 35000",
        "/home/anna/mail/inbox 20000", "/etc/ 600",
      ])
    #expect(texts(try sizes.largest(in: last, count: 2)) == ["/home/anna/ 95010", "/home/anna/video/ 75000"])
  }

  @Test func growthIsFoundBelowWhatHasShrunk() throws {
    let subject = try CheckSubject(.memory)
    try subject.add(
      [
        "same": .directory(["x": .noise(1, 50_000)]),
        "mixed": .directory(["gone": .noise(2, 60_000), "log": .directory(["a": .noise(3, 1000)])]), "kind": .noise(4, 100),
      ], time: 10)
    try subject.add(
      [
        "same": .directory(["x": .noise(1, 50_000)]),
        "mixed": .directory(["log": .directory(["a": .noise(5, 9000), "b": .noise(6, 8000)])]),
        "kind": .directory(["new": .noise(7, 5000)]),
      ], time: 20)
    let view = try subject.open().loadView()
    let (old, new) = (view.snapshots[view.snapshots.count - 2], view.snapshots[view.snapshots.count - 1])
    let sizes = PathSizes(view, RunContext())
    #expect(
      texts(try sizes.growing(from: old, to: new, count: 10)) == [
        "/mixed/log/ 16000", "/mixed/log/a 8000", "/mixed/log/b 8000", "/kind/new 5000",
      ])
    #expect(try sizes.growing(from: new, to: new, count: 10).isEmpty)
  }

  @Test func whatCannotBeReadIsAProblemAndTheRestIsFound() throws {
    let subject = try CheckSubject(.memory)
    let view = try subject.open().loadView()
    try subject.storage.delete(try subject.treePack(0))
    let recorder = Recorder()
    _ = try PathSizes(view, RunContext(sink: recorder)).largest(in: view.snapshots[0], count: 5)
    #expect(!recorder.problems.isEmpty)
  }

  @Test func whatEachSnapshotAddsMakesUpTheWhole() throws {
    let view = try CheckSubject(.memory).open().loadView()
    let growth = try view.growth(view.snapshots)
    let totals = try view.statistics(view.snapshots).totals
    #expect(growth.count == 3)
    #expect(growth.reduce(0) { $0 + $1.addedUniqueBytes } == totals.uniqueBytes)
    #expect(growth.reduce(0) { $0 + $1.addedStoredBytes } == totals.storedBytes)
    #expect(growth.reduce(0) { $0 + $1.logicalBytes } == totals.logicalBytes)
    let groups = try view.statistics(view.snapshots, by: .snapshot).groups
    #expect(growth.map(\.addedUniqueBytes) == groups.map(\.addedUniqueBytes))
  }
}
