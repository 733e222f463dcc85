import CairnSystem
import CairnTestSupport
import Glibc
import Testing

import struct SystemPackage.Errno

@Suite(.timeLimit(.minutes(1))) struct DirectoryTests {
  let directory = TemporaryDirectory()

  @Test func namesComeInByteOrderWhateverTheyAre() throws {
    let folder = try directory.open()
    var names: Set<[UInt8]> = [
      bytes("a"), bytes("A"), bytes("ab"), bytes("a b"), bytes("..."), bytes("-rf"), bytes("abcdefgh"), bytes("abcdefghi"),
      bytes("abcdefgh\u{1}"),
      [0xff], [0xff, 0xfe], [0x01], [0x0a], [0xed, 0xa0, 0x80], [UInt8](repeating: 0x78, count: 255), bytes("é"), bytes("e\u{301}"), [0x7f],
      [0x80],
    ]
    var random = SplitMix64(seed: 1)
    for _ in 0..<500 {
      let name = random.bytes(Int(random.next() % 20) + 1).map { $0 == 0 || $0 == 0x2f ? 0x61 : $0 }
      if name != [0x2e], name != [0x2e, 0x2e] { names.insert(name) }
    }
    for name in names { _ = try OpenFile.open(name, at: folder, [.write, .create, .exclusive]) }
    let listing = try folder.list()
    let listed = (0..<listing.count).map { listing.name($0) }
    #expect(listed == names.sorted { $0.lexicographicallyPrecedes($1) })
    for index in 0..<listing.count {
      #expect(listing.index(of: listed[index]) == index)
      #expect(try FileSystem.status(at: folder, listing, index).type == .regular)
      #expect(listing.withName(index) { Array($0) } == listed[index])
    }
    #expect(listing.index(of: bytes("missing")) == nil && listing.index(of: []) == nil)
    #expect(try folder.list().count == names.count, "a second listing starts from the beginning")
  }

  @Test func aFileIsPlacedWithTheModeThatWasAskedFor() throws {
    let folder = try directory.open()
    // No usual umask leaves all of these.
    try FileSystem.place([1], at: folder, name: bytes("f"), mode: 0o666)
    #expect(try FileSystem.status(at: folder, name: bytes("f")).mode & 0o7777 == 0o666)
    try FileSystem.place([2], at: folder, name: bytes("f"))
    #expect(try FileSystem.status(at: folder, name: bytes("f")).mode & 0o7777 == 0o600)
    #expect(throws: FileError.self) { try FileSystem.place([3], at: folder, name: bytes("f"), replace: false) }
    #expect(try directory.read("f") == [2])
    #expect(try folder.list().count == 1)
  }

  @Test func aLargeDirectoryIsListedWhole() throws {
    let folder = try directory.open()
    for number in 0..<5000 { _ = try OpenFile.open(bytes("entry number \(number)"), at: folder, [.write, .create]) }
    let listing = try folder.list()
    #expect(listing.count == 5000)
    #expect(Set((0..<listing.count).map { listing.name($0) }).count == 5000)
  }

  @Test func typesAreTold() throws {
    let folder = try directory.open()
    try FileSystem.makeDirectory(at: folder, name: bytes("1"))
    try FileSystem.makeSymbolicLink(target: bytes("nowhere"), at: folder, name: bytes("2"))
    try FileSystem.makeNode(at: folder, name: bytes("3"), type: .fifo)
    try FileSystem.makeNode(at: folder, name: bytes("4"), type: .socket)
    try directory.write("5", [])
    let listing = try folder.list()
    let expected: [FileType] = [.directory, .symbolicLink, .fifo, .socket, .regular]
    #expect((0..<5).map { listing.typeHint($0) } == expected)
    #expect(try (0..<5).map { try FileSystem.status(at: folder, listing, $0).type } == expected)
    #expect(try errno { _ = try OpenFile.open(bytes("5"), at: folder, [.read]).list() } == .notDirectory)
    #expect(try errno { try FileSystem.makeNode(at: folder, name: bytes("6"), type: .regular) } == .invalidArgument)
  }

  @Test func renamingRefusesOrReplaces() throws {
    let folder = try directory.open()
    try directory.write("a", [1])
    try directory.write("b", [2])
    #expect(
      try errno { try FileSystem.rename(from: folder, fromName: bytes("a"), to: folder, toName: bytes("b"), replace: false) } == .fileExists
    )
    try FileSystem.rename(from: folder, fromName: bytes("a"), to: folder, toName: bytes("b"), replace: true)
    #expect(try directory.read("b") == [1])
    #expect(try folder.list().count == 1)
  }

  @Test func hardLinksShareTheFile() throws {
    let folder = try directory.open()
    try directory.write("a", [1])
    try FileSystem.makeSymbolicLink(target: bytes("a"), at: folder, name: bytes("link"))
    try FileSystem.link(from: folder, fromName: bytes("a"), to: folder, toName: bytes("b"))
    try FileSystem.link(from: folder, fromName: bytes("link"), to: folder, toName: bytes("link2"))
    #expect(try FileSystem.status(at: folder, name: bytes("b")).linkCount == 2)
    #expect(try FileSystem.status(at: folder, name: bytes("link2")).type == .symbolicLink)
  }

  @Test func aTreeIsRemovedWithoutFollowingLinks() throws {
    let folder = try directory.open()
    try FileSystem.makeDirectory(at: folder, name: bytes("outside"))
    try directory.write("outside/kept", [1])
    try FileSystem.makeDirectory(at: folder, name: bytes("tree"))
    let tree = try OpenFile.open(bytes("tree"), at: folder, [.read, .directory])
    try FileSystem.makeSymbolicLink(target: bytes("../outside"), at: tree, name: bytes("link"))
    try FileSystem.makeDirectory(at: tree, name: bytes("closed"))
    try directory.write("tree/closed/file", [1])
    try FileSystem.setMode(at: tree, name: bytes("closed"), 0o500)
    if geteuid() != 0 { try FileSystem.setMode(at: tree, name: bytes("closed"), 0o700) }
    try FileSystem.removeTree(at: folder, name: bytes("tree"))
    let listing = try folder.list()
    #expect((0..<listing.count).map { listing.name($0) } == [bytes("outside")])
    #expect(try directory.read("outside/kept") == [1])
    #expect(try errno { try FileSystem.removeTree(at: folder, name: bytes("tree")) } == .noSuchFileOrDirectory)
  }

  @Test func depthIsNoLimit() throws {
    let folder = try directory.open()
    var current = folder
    for _ in 0..<3000 {
      try FileSystem.makeDirectory(at: current, name: bytes("directory"))
      current = try OpenFile.open(bytes("directory"), at: current, [.read, .directory])
    }
    try FileSystem.removeTree(at: folder, name: bytes("directory"))
    #expect(try folder.list().isEmpty)
  }

  @Test func attributesComeBackSortedAndExact() throws {
    try directory.write("file", [])
    let file = try OpenFile.open(directory.path("file"), [.read, .write])
    var random = SplitMix64(seed: 2)
    let attributes = [
      ExtendedAttribute(name: bytes("user.") + [UInt8](repeating: 0x61, count: 200), value: random.bytes(3000)),
      ExtendedAttribute(name: bytes("user.empty"), value: []), ExtendedAttribute(name: bytes("user.") + [0xff, 0x0a], value: [0, 1, 2]),
    ]
    for attribute in attributes { try file.setExtendedAttribute(name: attribute.name, value: attribute.value) }
    let sorted = attributes.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    #expect(try file.extendedAttributes() == sorted)
    let folder = try directory.open()
    #expect(try FileSystem.extendedAttributes(at: folder, name: bytes("file")) == sorted)
    try FileSystem.setExtendedAttribute(at: folder, name: bytes("file"), ExtendedAttribute(name: bytes("user.empty"), value: [9]))
    try FileSystem.removeExtendedAttribute(at: folder, name: bytes("file"), attributeName: sorted[2].name)
    try file.removeExtendedAttribute(name: sorted[0].name)
    #expect(try file.extendedAttributes() == [ExtendedAttribute(name: bytes("user.empty"), value: [9])])
    try FileSystem.makeSymbolicLink(target: bytes("file"), at: folder, name: bytes("link"))
    #expect(try FileSystem.extendedAttributes(at: folder, name: bytes("link")) == [])
    #expect(try OpenFile.open(bytes("/proc/version"), [.read]).extendedAttributes() == [])
  }

  @Test func theFileSystemTellsItsSpace() throws {
    let folder = try directory.open()
    #expect(try FileSystem.freeBytes(at: folder) > 1 << 20)
    #expect(try !FileSystem.isReadOnly(at: folder))
  }
}
