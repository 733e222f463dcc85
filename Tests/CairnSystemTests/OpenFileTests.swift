import CairnSystem
import CairnTestSupport
import Glibc
import Testing

import struct SystemPackage.Errno

/// The error number that `body` fails with; nil when it does not.
func errno(_ body: () throws -> Void) throws -> Errno? {
  do {
    try body()
    return nil
  } catch let error as FileError {
    return error.errno
  }
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

extension OpenFile {
  func write(_ content: [UInt8], at offset: UInt64 = 0) throws {
    try content.withUnsafeBytes { try write($0, at: offset) }
  }

  func content(at offset: UInt64 = 0, count: Int) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0xee, count: count)
    let done = try buffer.withUnsafeMutableBytes { try read(into: $0, at: offset) }
    return Array(buffer[0..<done])
  }
}

@Suite(.timeLimit(.minutes(1))) struct OpenFileTests {
  let directory = TemporaryDirectory()

  func file(_ name: String = "file") throws -> OpenFile {
    try OpenFile.open(directory.path(name), [.read, .write, .create])
  }

  @Test func readingStopsAtTheEnd() throws {
    let file = try file()
    try file.write(bytes("hello"), at: 3)
    #expect(try file.content(count: 100) == [0, 0, 0] + bytes("hello"))
    #expect(try file.content(at: 7, count: 100) == bytes("o"))
    #expect(try file.content(at: 8, count: 100) == [])
    #expect(try file.content(at: .max, count: 100) == [])
    #expect(try file.content(at: UInt64(Int64.max) - 5, count: 100) == [])
  }

  @Test func sequentialReadingGoesOnWhereItStopped() throws {
    try directory.write("file", Array(0..<10))
    let file = try OpenFile.open(directory.path("file"), [.read])
    var buffer = [UInt8](repeating: 0, count: 4)
    var parts: [[UInt8]] = []
    while true {
      let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0) }
      if count == 0 { break }
      parts.append(Array(buffer[0..<count]))
    }
    #expect(parts == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]])
  }

  @Test func writingBeyondTheLargestOffsetIsAnError() throws {
    let file = try file()
    #expect(try errno { try file.write([1], at: .max) } == .fileTooLarge)
    #expect(try errno { try file.truncate(to: .max) } == .fileTooLarge)
  }

  @Test func aLinkIsNotFollowed() throws {
    try directory.write("target", [1])
    let folder = try directory.open()
    try FileSystem.makeSymbolicLink(target: bytes("target"), at: folder, name: bytes("link"))
    #expect(try errno { _ = try OpenFile.open(bytes("link"), at: folder, .source) } == .tooManySymbolicLinkLevels)
    #expect(try errno { _ = try OpenFile.open(bytes("link"), at: folder, [.read, .directory, .noFollow]) } == .notDirectory)
    #expect(try OpenFile.open(bytes("link"), at: folder, [.path, .noFollow]).status().type == .symbolicLink)
    #expect(try FileSystem.status(at: folder, name: bytes("link")).type == .symbolicLink)
    #expect(try OpenFile.open(bytes("link"), at: folder, [.read]).status().type == .regular)
    #expect(try FileSystem.readLink(at: folder, name: bytes("link")) == bytes("target"))
  }

  @Test func aFifoDoesNotBlock() throws {
    let folder = try directory.open()
    try FileSystem.makeNode(at: folder, name: bytes("fifo"), type: .fifo)
    #expect(try OpenFile.open(bytes("fifo"), at: folder, .source).status().type == .fifo)
  }

  @Test func theAccessTimeIsLeftAlone() throws {
    try directory.write("file", [1, 2, 3])
    var before = stat()
    var after = stat()
    stat(directory.string + "/file", &before)
    let file = try OpenFile.open(directory.path("file"), .source)
    #expect(try file.content(count: 3) == [1, 2, 3])
    stat(directory.string + "/file", &after)
    #expect(before.st_atim.tv_sec == after.st_atim.tv_sec && before.st_atim.tv_nsec == after.st_atim.tv_nsec)
  }

  @Test func descriptorsAreClosedAndNotInherited() throws {
    var number: CInt = -1
    do {
      let file = try file()
      number = file.descriptor
      #expect(fcntl(number, F_GETFD) & FD_CLOEXEC != 0)
      withExtendedLifetime(file) {}
    }
    // Another test may have got the number meanwhile: what matters is that it is not our file any more.
    let path = try? FileSystem.readLink(at: try OpenFile.open(bytes("/proc/self/fd"), [.read, .directory]), name: bytes(String(number)))
    #expect(path != directory.path("file"))
  }

  @Test func namesWithNULOrNothingAreRefused() throws {
    let folder = try directory.open()
    #expect(try errno { _ = try OpenFile.open(bytes("a\0b"), at: folder, [.write, .create]) } == .invalidArgument)
    #expect(try errno { _ = try OpenFile.open([], at: folder, [.read]) } == .noSuchFileOrDirectory)
    #expect(try errno { _ = try FileSystem.status(at: folder, name: []) } == .noSuchFileOrDirectory)
    #expect(try errno { _ = try FileSystem.status(at: folder, name: bytes("../etc")) } == .invalidArgument)
    #expect(try errno { try FileSystem.unlink(at: folder, name: bytes("a/b")) } == .invalidArgument)
    #expect(try errno { _ = try OpenFile.open([UInt8](repeating: 97, count: 300), at: folder, [.read]) } == .fileNameTooLong)
    #expect(try folder.list().isEmpty)
  }

  @Test func anUnnamedFileAppearsWhenItIsLinked() throws {
    let folder = try directory.open()
    let file = try #require(try OpenFile.unnamed(in: folder))
    try file.write(bytes("content"))
    #expect(try folder.list().isEmpty)
    try file.linkInto(folder, name: bytes("name"))
    #expect(try directory.read("name") == bytes("content"))
    let other = try #require(try OpenFile.unnamed(in: folder))
    #expect(try errno { try other.linkInto(folder, name: bytes("name")) } == .fileExists)
    #expect(try directory.read("name") == bytes("content"))
  }

  @Test func locksExcludeOtherDescriptions() throws {
    let first = try file()
    let second = try file()
    #expect(first.tryLockExclusive())
    #expect(first.tryLockExclusive(), "the own lock is no obstacle")
    #expect(!second.tryLockExclusive())
  }

  @Test func statusTellsWhatStatTells() throws {
    try directory.write("file", [UInt8](repeating: 1, count: 5000))
    let file = try OpenFile.open(directory.path("file"), [.read, .write])
    try file.setMode(0o4751)
    try file.setModificationTime(FileTime(seconds: -5, nanoseconds: 999_999_999))
    var raw = stat()
    fstat(file.descriptor, &raw)
    let status = try file.status()
    #expect(status.type == .regular && status.mode == 0o4751 && status.size == 5000)
    #expect(status.uid == raw.st_uid && status.gid == raw.st_gid && status.inode == raw.st_ino && status.linkCount == UInt64(raw.st_nlink))
    #expect(status.mtime == FileTime(seconds: -5, nanoseconds: 999_999_999))
    #expect(status.ctime == FileTime(seconds: Int64(raw.st_ctim.tv_sec), nanoseconds: UInt32(raw.st_ctim.tv_nsec)))
    #expect(status.blocks512 == UInt64(raw.st_blocks))
    #expect(!status.isMountRoot)
    #expect(try OpenFile.open(bytes("/proc"), [.path]).status().isMountRoot)
    #expect(try FileSystem.status(at: try directory.open(), name: bytes("file")) == status)
    let null = try OpenFile.open(bytes("/dev/null"), [.path]).status()
    #expect(null.type == .characterDevice && null.rdevMajor == 1 && null.rdevMinor == 3)
  }

  @Test func theModificationTimeOfALinkIsItsOwn() throws {
    try directory.write("target", [1])
    let folder = try directory.open()
    try FileSystem.makeSymbolicLink(target: bytes("target"), at: folder, name: bytes("link"))
    let before = try FileSystem.status(at: folder, name: bytes("target"))
    try FileSystem.setModificationTime(at: folder, name: bytes("link"), FileTime(seconds: 1, nanoseconds: 2))
    #expect(try FileSystem.status(at: folder, name: bytes("link")).mtime == FileTime(seconds: 1, nanoseconds: 2))
    #expect(try FileSystem.status(at: folder, name: bytes("target")) == before)
    #expect(try errno { try FileSystem.setMode(at: folder, name: bytes("link"), 0o600) } == .notSupported)
    try FileSystem.setMode(at: folder, name: bytes("target"), 0o2640)
    #expect(try FileSystem.status(at: folder, name: bytes("target")).mode == 0o2640)
  }

  @Test func holesAreFound() throws {
    let file = try file()
    try file.write([UInt8](repeating: 1, count: 65536), at: 1 << 20)
    try file.truncate(to: 4 << 20)
    #expect(try file.nextData(from: 0) == 1 << 20)
    #expect(try file.nextHole(from: 1 << 20) == (1 << 20) + 65536)
    #expect(try file.nextData(from: (1 << 20) + 65536) == nil)
    #expect(try file.nextData(from: 8 << 20) == nil)
    #expect(try file.nextHole(from: 2 << 20) == 2 << 20)
    #expect(try file.nextHole(from: 8 << 20) == 8 << 20)
    try file.punchHole(at: 1 << 20, length: 65536)
    #expect(try file.nextData(from: 0) == nil)
    #expect(try file.status().size == 4 << 20)
    let dense = try self.file("dense")
    try dense.write([1])
    #expect(try dense.nextData(from: 0) == 0)
    #expect(try dense.nextHole(from: 0) == 1)
  }

  @Test func preallocatedSpaceIsToldApartFromHolesInWholeRuns() throws {
    let file = try file()
    try file.truncate(to: 64 << 20)
    for number in 0..<200 { try file.preallocate(at: UInt64(number) << 14, length: 8192) }
    try file.preallocate(at: 8 << 20, length: 1 << 20)
    try file.preallocate(at: 9 << 20, length: 1 << 20)
    guard let first = file.nextPreallocated(in: 0..<(64 << 20)) else {
      return print("the file system does not tell preallocated space apart: nothing to test")
    }
    #expect(first == 0..<8192)
    for number in 0..<200 as Range<UInt64> {
      #expect(file.nextPreallocated(in: ((number << 14) + 1)..<(64 << 20)) == ((number << 14) + 1)..<((number << 14) + 8192))
    }
    #expect(file.nextPreallocated(in: (4 << 20)..<(64 << 20)) == (8 << 20)..<(10 << 20))
    let cutOff: UInt64 = (9 << 20) + 5
    #expect(file.nextPreallocated(in: (4 << 20)..<cutOff) == (8 << 20)..<cutOff)
    #expect(file.nextPreallocated(in: (10 << 20)..<(64 << 20)) == nil)
    #expect(file.nextPreallocated(in: 5..<5) == nil)
    #expect(file.nextPreallocated(in: (.max - 1)..<(.max)) == nil)
  }

  @Test func rangesAreCopiedUpToTheEndOfTheSource() throws {
    var random = SplitMix64(seed: 5)
    let content = random.bytes(700_001)
    try directory.write("source", content)
    let source = try OpenFile.open(directory.path("source"), [.read])
    let target = try file("target")
    #expect(try target.copyRange(from: source, at: 1, to: 10, length: 500_000) == 500_000)
    #expect(try target.content(at: 10, count: 500_000) == Array(content[1...500_000]))
    #expect(try target.copyRange(from: source, at: 700_000, to: 0, length: 100) == 1)
    #expect(try target.copyRange(from: source, at: 800_000, to: 0, length: 100) == 0)
    // A file of the kernel's, which copy_file_range cannot copy.
    let version = try OpenFile.open(bytes("/proc/version"), [.read])
    #expect(try target.copyRange(from: version, at: 0, to: 0, length: 1 << 20) == UInt64(try version.content(count: 4096).count))
  }

  @Test func mappingShowsTheContent() throws {
    try directory.write("file", Array(0..<200))
    try directory.write("empty", [])
    #expect(try MappedFile.map(try OpenFile.open(directory.path("file"), [.read])).withBytes { Array($0) } == Array(0..<200))
    #expect(try MappedFile.map(try OpenFile.open(directory.path("empty"), [.read])).withBytes { $0.isEmpty })
  }

  @Test func inodeFlagsAreSetAndRead() throws {
    let file = try file()
    let nodump: UInt32 = 0x40
    let before = try file.inodeFlags()
    // File systems without the flag may refuse it; then there is nothing to compare.
    if try errno({ try file.setInodeFlags(before | nodump) }) == nil { #expect(try file.inodeFlags() & nodump != 0) }
    #expect(try OpenFile.open(bytes("/proc/version"), [.read]).inodeFlags() == 0)
  }

  @Test func errorsSayWhatAndWhereInOneSafeLine() throws {
    let error = FileError(errno: .noSpace, operation: "open", path: bytes("a\n\u{1b}[31m\\é\u{202e}") + [0xff, 0xc3])
    #expect(error.description == #"open 'a\n\x1b[31m\\é\xe2\x80\xae\xff\xc3': No space left on device"#)
    #expect(try errno { _ = try OpenFile.open(directory.path("missing"), [.read]) } == .noSuchFileOrDirectory)
  }
}
