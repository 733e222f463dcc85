import CairnProfiles
import CairnTestSupport
import Testing

@testable import cairn

@Suite struct ValueTests {
  @Test(
    arguments: [
      ("0", 0), ("1500", 1500), ("64k", 65_536), ("64K", 65_536), ("1.5G", 3 << 29), ("10MiB", 10 << 20), ("10MB", 10 << 20), ("7b", 7),
      ("2T", 2 << 40),
    ] as [(String, UInt64)])
  func aSizeIsReadInBinaryUnits(text: String, bytes: UInt64) {
    #expect(ByteSize(argument: text)?.bytes == bytes)
  }

  @Test(arguments: ["", "k", "-1", "+1", "1.5", "1.k", "1e3", "1 k", "0x10", "20000000000000000000", "99999999P", "١k"])
  func whatIsNoSizeIsRefused(text: String) { #expect(ByteSize(argument: text) == nil) }

  @Test(
    arguments: [
      ("90s", 90), ("15m", 900), ("12h", 43_200), ("2h30m", 9000), ("3d", 259_200), ("2w", 1_209_600), ("1y", 31_536_000),
      ("5mo", 12_960_000),
      ("2y5m7d3h", 2 * 31_536_000 + 5 * 2_592_000 + 7 * 86_400 + 3 * 3600), ("P1DT12H", 129_600), ("PT5M", 300), ("P1M", 2_592_000),
    ] as [(String, Int64)])
  func aTimeSpanIsRead(text: String, seconds: Int64) { #expect(TimeSpan(argument: text)?.seconds == seconds) }

  @Test(arguments: ["", "5", "m", "5x", "-5m", "P", "PT", "99999999999999999999s", "9223372036854775807y"])
  func whatIsNoTimeSpanIsRefused(text: String) { #expect(TimeSpan(argument: text) == nil) }

  @Test(
    arguments: [
      ("1970-01-01T00:00:00Z", 0, 0), ("2000-02-29T12:00:00Z", 951_825_600, 0), ("2026-11-21T08:30:15.5+02:00", 1_795_242_615, 500_000_000),
      ("1969-12-31T23:59:59-00:00", -1, 0),
    ] as [(String, Int64, UInt32)])
  func aMomentWithAZoneIsRead(text: String, seconds: Int64, nanoseconds: UInt32) {
    #expect(TimeArgument(argument: text) == TimeArgument(seconds: seconds, nanoseconds: nanoseconds))
  }

  @Test(arguments: ["", "2026", "2026-13-01", "2026-02-29", "2026-01-01 24:00", "2026-01-01 10", "2026-01-01 10:00:00x", "2026-1-1"])
  func whatIsNoMomentIsRefused(text: String) { #expect(TimeArgument(argument: text) == nil) }

  @Test(arguments: [("auto", nil), ("off", 0), ("1", 1), ("19", 19), ("max", 19), ("fastest", 1)] as [(String, Int32?)])
  func compressionIsALevel(text: String, level: Int32?) throws {
    #expect(try #require(CompressionChoice(argument: text)).level == level)
  }

  @Test(arguments: ["", "0", "20", "-1", "zstd"])
  func whatIsNoCompressionIsRefused(text: String) { #expect(CompressionChoice(argument: text) == nil) }

  @Test func tagsAreSplitAtCommas() {
    #expect(CommaList(argument: " a, b,,c ")?.items == ["a", "b", "c"])
    #expect(CommaList(argument: "")?.items == [])
  }

  @Test(arguments: 0..<200 as Range<UInt64>)
  func argumentsOfAnyBytesComeBack(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    // Half of the bytes are such as occur in UTF-8 sequences, so that whole, cut and forged ones all come up.
    let pool: [UInt8] = [0x41, 0xf4, 0x8f, 0xbc, 0xbf, 0x80, 0xc3, 0xa9, 0xff, 0xed, 0xa0]
    let bytes = (0..<Int(random.next() % 24)).map { _ in
      random.next() % 2 == 0 ? pool[Int(random.next() % 11)] : UInt8(random.next() % 255 + 1)
    }
    #expect(RawArguments.bytes(of: RawArguments.text(of: bytes)) == bytes, "seed \(seed)")
  }

  @Test func snapshotArgumentsAreSplitAtTheFirstColon() throws {
    let argument = try #require(SnapshotArgument(argument: "latest~1:/a:b/./c/"))
    #expect(argument.selector == "latest~1")
    #expect(argument.path == [Array("a:b".utf8), Array("c".utf8)])
    #expect(SnapshotArgument(argument: "latest:/a/../b") == nil)
    #expect(try #require(SnapshotArgument(argument: "abc")).hasPath == false)
  }

  @Test func verboseTakesANumber() {
    #expect(CommandLineRewriting.apply(["--verbose=2", "x", "--", "--verbose=2"]) == ["--verbose", "--verbose", "x", "--", "--verbose=2"])
  }
}
