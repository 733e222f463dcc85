import CairnTestSupport
import Foundation
import Testing

@testable import CairnAutomation

/// What is watched stays watched, whatever becomes of the way there.
@Suite struct TreeWatchTests {
  private let directory = TemporaryDirectory()
  private let watch: TreeWatch

  init() throws {
    watch = try TreeWatch()
    for folder in ["w/p/docs", "w/t1", "w/t2"] { try make(folder) }
    try directory.write("w/p/file", [])
    try link("t1")
  }

  private func path(_ name: String) -> String { directory.string + "/" + name }
  private func make(_ name: String) throws {
    try FileManager.default.createDirectory(atPath: path(name), withIntermediateDirectories: true)
  }
  private func move(_ name: String, _ to: String) throws { try FileManager.default.moveItem(atPath: path(name), toPath: path(to)) }
  private func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: path(name)) }
  private func link(_ target: String) throws {
    if (try? FileManager.default.destinationOfSymbolicLink(atPath: path("w/link"))) != nil { try remove("w/link") }
    try FileManager.default.createSymbolicLink(atPath: path("w/link"), withDestinationPath: target)
  }

  /// Watches a path, and has looked once.
  private func begin(_ name: String) {
    #expect(!watch.set("p", [directory.path(name)], changedSince: nil))
    #expect(watch.takeChanges(now: 0).isEmpty)
  }

  /// The changes of the next look.
  private func look(_ round: Int64 = 1) -> Set<String> { watch.takeChanges(now: round * TreeWatch.lookInterval) }

  /// A change of a file is told without a look, and no look tells anything by itself.
  private func expectIsWatched(_ file: String, after round: Int64 = 1) throws {
    #expect(look(round + 1).isEmpty)
    try directory.write(file, [1])
    #expect(watch.takeChanges(now: (round + 1) * TreeWatch.lookInterval) == ["p"])
    #expect(look(round + 2).isEmpty)
  }

  @Test func aFileWhoseDirectoryIsMadeAnew() throws {
    begin("w/p/file")
    try remove("w/p")
    #expect(watch.takeChanges(now: 1) == ["p"])
    #expect(look().isEmpty)
    try make("w/p")
    try directory.write("w/p/file", [])
    #expect(look(2) == ["p"])
    try expectIsWatched("w/p/file", after: 2)
  }

  @Test func aFileWhoseDirectoryIsAnother() throws {
    begin("w/p/file")
    try move("w/p", "w/old")
    #expect(watch.takeChanges(now: 1) == ["p"])
    try make("w/p")
    try directory.write("w/p/file", [])
    #expect(look() == ["p"])
    try directory.write("w/old/file", [1])
    try expectIsWatched("w/p/file")
  }

  @Test func aFileThatComesAndGoesIsToldAtOnce() throws {
    begin("w/p/file")
    try remove("w/p/file")
    #expect(watch.takeChanges(now: 1) == ["p"])
    #expect(look().isEmpty)
    try expectIsWatched("w/p/file")
    #expect(watch.takeProblems().isEmpty)
  }

  @Test func aDirectoryWhoseParentIsAnother() throws {
    begin("w/p/docs")
    try move("w/p", "w/old")
    try make("w/p/docs")
    #expect(look() == ["p"])
    try directory.write("w/old/docs/a", [1])
    try expectIsWatched("w/p/docs/a")
  }

  @Test func aDirectoryWhoseParentIsGone() throws {
    begin("w/p/docs")
    try move("w/p", "w/old")
    #expect(look() == ["p"], "nothing else tells it")
    #expect(watch.takeProblems().count == 1)
    #expect(look(2).isEmpty)
    try move("w/old", "w/p")
    #expect(look(3) == ["p"])
    try expectIsWatched("w/p/docs/a", after: 3)
    #expect(watch.takeProblems().isEmpty)
  }

  @Test func aDirectoryThatIsAwayForAMoment() throws {
    // Another profile watches what contains it.
    begin("w/p/docs")
    _ = watch.set("q", [directory.path("w")], changedSince: nil)
    try move("w/p/docs", "w/p/other")
    try move("w/p/other", "w/p/docs")
    #expect(look().contains("p"))
    watch.forget("q")
    try expectIsWatched("w/p/docs/a")
  }

  @Test func aLinkThatIsLedElsewhere() throws {
    begin("w/link")
    try link("t2")
    #expect(look() == ["p"])
    try directory.write("w/t1/a", [1])
    try expectIsWatched("w/t2/a")
  }

  @Test func whatWasTakenOutWhileNobodyWatchedIsNoticed() throws {
    let time = try FileManager.default.attributesOfItem(atPath: path("w/p/file"))[.modificationDate] as? Date
    let now = Int64(try #require(time).timeIntervalSince1970)
    #expect(!watch.set("p", [directory.path("w/p")], changedSince: now + 60))
    try remove("w/p/file")
    try remove("w/p/docs")
    #expect(watch.set("p", [directory.path("w/p")], changedSince: now))
  }

  @Test func aTreeThatIsRemovedIsMissedOnlyOnce() throws {
    try make("w/p/docs/a/b/c")
    begin("w/p")
    try remove("w/p/docs")
    #expect(watch.takeChanges(now: 1) == ["p"])
    #expect(look().isEmpty)
    try make("w/p/docs/a/b")
    #expect(watch.takeChanges(now: 61) == ["p"])
    try expectIsWatched("w/p/docs/a/b/x")
  }

  @Test func anotherConfigurationExcludesOtherPaths() throws {
    begin("w/p")
    watch.begin(["p"], excluding: [directory.path("w/p/docs")])
    begin("w/p")
    try directory.write("w/p/docs/a", [1])
    #expect(watch.takeChanges(now: 1).isEmpty)
    try expectIsWatched("w/p/file", after: 0)
    watch.begin(["q"], excluding: [])
    try directory.write("w/p/file", [2])
    #expect(look(9).isEmpty && !watch.looksByItself)
  }

  @Test func aDirectoryThatIsMountedOver() throws {
    begin("w/t1")
    // Only root may.
    guard let (status, _) = try ScheduleFixture.run("mount", ["-t", "tmpfs", "none", path("w/t1")]), status == 0 else { return }
    defer { _ = try? ScheduleFixture.run("umount", ["-l", path("w/t1")]) }
    #expect(look() == ["p"])
    try expectIsWatched("w/t1/a")
  }
}
