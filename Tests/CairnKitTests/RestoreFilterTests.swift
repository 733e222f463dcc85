import CairnFormat
import CairnStorage
import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

/// Restoring parts, and deleting no more than those.
@Suite struct RestoreFilterTests {
  private func prepared() throws -> (RestoreFixture, Snapshot) {
    let fixture = try RestoreFixture()
    for path in ["a", "a/b", "a/b/c", "x", "x/y", "void"] { try fixture.folder(path) }
    for path in ["a/one.txt", "a/b/two.txt", "a/b/c/three.jpg", "x/four.jpg", "x/y/five.txt", "six.JPG"] {
      try fixture.write(path, Array(path.utf8))
    }
    return (fixture, try fixture.backup())
  }

  private func names(_ fixture: RestoreFixture) throws -> [String] {
    try TreeSnapshot(fixture.target).entries.filter { $0.value.type != .directory }.keys.sorted()
  }

  @Test(
    arguments: [
      (["/a/b"], [], ["a/b/c/three.jpg", "a/b/two.txt"]),
      (["*.jpg"], [], ["a/b/c/three.jpg", "x/four.jpg"]),
      (["b"], ["*.jpg"], ["a/b/two.txt"]),
      ([], ["/a", "*.JPG"], ["x/four.jpg", "x/y/five.txt"]),
      ([], ["**/y", "three.*", "six.JPG"], ["a/b/two.txt", "a/one.txt", "x/four.jpg"]),
      (["/x/*/five.txt", "/six.JPG"], [], ["six.JPG", "x/y/five.txt"]),
      (["/a/**/three.jpg"], [], ["a/b/c/three.jpg"]),
      (["nothing"], [], []),
    ] as [([String], [String], [String])])
  func patternsSelect(_ includes: [String], _ excludes: [String], _ wanted: [String]) throws {
    let (fixture, snapshot) = try prepared()
    try fixture.restore(snapshot) {
      $0.includes = includes
      $0.excludes = excludes
    }
    #expect(try names(fixture) == wanted)
    let made = try TreeSnapshot(fixture.target)
    #expect(includes.isEmpty || made.entries["void"] == nil, "a directory that leads to nothing was made")
    let source = try TreeSnapshot(fixture.source)
    for (path, entry) in made.entries where path != "." { #expect(source.entries[path] == entry, "\(path)") }
  }

  @Test(
    arguments: [
      (["a/b/two.txt"], ["a/b/two.txt"]), (["a/b"], ["a/b/c/three.jpg", "a/b/two.txt"]),
      (["x/y", "six.JPG"], ["six.JPG", "x/y/five.txt"]), (["a/b", "a/b/two.txt"], ["a/b/c/three.jpg", "a/b/two.txt"]),
      (["nothing", "a/none"], []),
    ] as [([String], [String])])
  func placesAreTakenAndNothingElse(_ places: [String], _ wanted: [String]) throws {
    let (fixture, snapshot) = try prepared()
    try fixture.restore(snapshot) { $0.places = places.map(components) }
    #expect(try names(fixture) == wanted)
    let made = try TreeSnapshot(fixture.target)
    #expect(made.entries["void"] == nil && (!wanted.isEmpty || made.entries["a"] == nil))
  }

  @Test func aPlaceMayHaveAnyName() throws {
    let fixture = try RestoreFixture()
    let folder = try OpenFile.open(fixture.source, [.read, .directory])
    let odd: [[UInt8]] = [[0x2a], [0x61, 0xff, 0xfe], [0x5b, 0x5c]]
    for name in odd + [[0x61]] { _ = try OpenFile.open(name, at: folder, [.write, .create]) }
    let snapshot = try fixture.backup()
    try fixture.restore(snapshot) { $0.places = odd.map { [$0] } }
    let listing = try OpenFile.open(fixture.target, [.read, .directory]).list()
    #expect((0..<listing.count).map { listing.name($0) } == odd.sorted { $0.lexicographicallyPrecedes($1) })
  }

  @Test func whatLeadsToAPlaceKeepsItsMetadata() throws {
    let (fixture, snapshot) = try prepared()
    for path in ["target", "target/a"] { try fixture.folder(path, mode: 0o711, in: fixture.directory.path) }
    let before = try TreeSnapshot(fixture.target)
    try fixture.restore(snapshot) { $0.places = [components("a/b/two.txt")] }
    let after = try TreeSnapshot(fixture.target)
    #expect(after.entries["."]?.mode == before.entries["."]?.mode && after.entries["a"]?.mode == before.entries["a"]?.mode)
    #expect(after.entries["a/b"]?.mode == 0o755, "made on the way, with what the snapshot says of it")
  }

  @Test func caseMayBeIgnored() throws {
    let (fixture, snapshot) = try prepared()
    try fixture.restore(snapshot) { $0.caseInsensitiveIncludes = ["*.jpg"] }
    #expect(try names(fixture) == ["a/b/c/three.jpg", "six.JPG", "x/four.jpg"])
  }

  @Test func aMalformedPatternIsAUsageError() throws {
    let (fixture, snapshot) = try prepared()
    for pattern in ["[", "/a/[z"] {
      let error = try #require(throws: CairnError.self) { try fixture.restore(snapshot) { $0.includes = [pattern] } }
      #expect(error.code == .usage)
    }
  }

  @Test func deletingStaysInsideTheFilter() throws {
    let (fixture, snapshot) = try prepared()
    try fixture.restore(snapshot)
    for path in ["a/stray.jpg", "a/stray.txt", "x/stray.jpg", "stray.txt"] { try fixture.write(path, [1], in: fixture.target) }
    try fixture.folder("x/strange", in: fixture.target)
    try fixture.write("x/strange/in.txt", [1], in: fixture.target)
    let report = try fixture.restore(snapshot) {
      $0.includes = ["*.jpg"]
      $0.delete = true
    }
    #expect(report.deleted == 2)
    let left = try TreeSnapshot(fixture.source).differences(from: try TreeSnapshot(fixture.target)).filter { $0.hasPrefix("extra") }
    #expect(left == ["extra: a/stray.txt", "extra: stray.txt", "extra: x/strange", "extra: x/strange/in.txt"])
  }

  @Test func deletingKeepsWhatIsExcludedAlsoInsideStrangers() throws {
    let (fixture, snapshot) = try prepared()
    try fixture.restore(snapshot)
    for path in ["strange", "strange/deep", "gone"] { try fixture.folder(path, in: fixture.target) }
    for path in ["strange/keep.log", "strange/drop.txt", "strange/deep/keep.log", "gone/drop.txt", "keep.log"] {
      try fixture.write(path, [1], in: fixture.target)
    }
    try fixture.restore(snapshot) {
      $0.excludes = ["*.log"]
      $0.delete = true
    }
    let extra = try TreeSnapshot(fixture.source).differences(from: try TreeSnapshot(fixture.target)).filter { $0.hasPrefix("extra") }
    #expect(
      extra == ["extra: keep.log", "extra: strange", "extra: strange/deep", "extra: strange/deep/keep.log", "extra: strange/keep.log"])
  }

  @Test func directoriesOfWhichOnlyAPartWasStoredKeepTheirStrangers() throws {
    let fixture = try RestoreFixture()
    try fixture.folder("chosen")
    try fixture.write("chosen/file", [1])
    let snapshot = try fixture.backup { options in
      options.workingDirectory = nil
      options.sources = [fixture.at("chosen")]
    }
    try fixture.restore(snapshot)
    let below = fixture.target + fixture.source
    try fixture.write("neighbour", [1], in: below)
    try fixture.write("chosen/stranger", [1], in: below)
    try fixture.write("top", [1], in: fixture.target)
    let report = try fixture.restore(snapshot) { $0.delete = true }
    #expect(report.deleted == 1)
    #expect(try TreeSnapshot(below).entries.keys.sorted() == [".", "chosen", "chosen/file", "neighbour"])
  }

  @Test func theRepositoryIsNeverDeleted() throws {
    let directory = TemporaryDirectory()
    let target = directory.path("target")
    try FileSystem.makeDirectory(at: try directory.open(), name: Array("target".utf8))
    let storage = try LocalStorage.create(path: target + Array("/backups".utf8))
    let fixture = try RestoreFixture(storage: storage)
    try fixture.write("file", [1])
    let snapshot = try fixture.backup()
    let report = try fixture.restore(snapshot) {
      $0.target = target
      $0.delete = true
    }
    #expect(report.deleted == 0 && report.problems == 0)
    #expect(try fixture.repository.snapshots().snapshots.count == 1)
    let nested = directory.path("target")
    try FileSystem.makeDirectory(at: try OpenFile.open(nested, [.read]), name: Array("stray".utf8))
    let filtered = try fixture.restore(snapshot) {
      $0.target = target
      $0.delete = true
      $0.excludes = ["none"]
    }
    #expect(filtered.deleted == 1)
    #expect(try fixture.repository.snapshots().snapshots.count == 1)
  }

  @Test func hardLinksHoldAcrossFilters() throws {
    let fixture = try RestoreFixture()
    for path in ["a", "b", "c"] { try fixture.folder(path) }
    try fixture.write("a/one", [UInt8](repeating: 5, count: 70_000))
    try fixture.hardLink("b/two", to: "a/one")
    try fixture.hardLink("c/three", to: "a/one")
    try fixture.write("a/empty", [])
    try fixture.hardLink("b/empty", to: "a/empty")
    let snapshot = try fixture.backup()
    try fixture.restore(snapshot) { $0.includes = ["/b"] }
    let alone = try TreeSnapshot(fixture.target)
    #expect(alone.entries["b/two"]?.content.count == 70_000 && alone.entries["b/two"]?.linkedTo == "")
    try fixture.restore(snapshot) { $0.excludes = ["/a"] }
    let two = try TreeSnapshot(fixture.target)
    #expect(two.entries["c/three"]?.linkedTo == "b/two" && two.entries["b/two"]?.linkedTo == "b/two")
    try fixture.restore(snapshot)
    #expect(try fixture.differences() == [])
  }
}
