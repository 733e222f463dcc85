import CairnFormat
import CairnTestSupport
import Testing

/// The harness itself: it must see each kind of failure that it exists for.
@Suite struct FuzzHarnessTests {
  @Test func anotherErrorThanFormatErrorIsReportedWithItsInput() {
    let decoder = DecoderFuzz.Decoder("planted", corpus: [[1, 2, 3]]) { bytes in
      if bytes.count > 5 { throw CancellationError() }
      if bytes.count < 3 { throw FormatError.truncated }
    }
    let failure = #expect(throws: DecoderFuzz.Failure.self) { try DecoderFuzz.run([decoder]) }
    #expect(failure?.description.hasPrefix("planted, mutation ") == true)
  }

  @Test func aCorpusThatIsRefusedIsReported() {
    let decoder = DecoderFuzz.Decoder("planted", corpus: [[1]]) { _ in throw FormatError.badMagic }
    #expect(throws: DecoderFuzz.Failure.self) { try DecoderFuzz.run([decoder]) }
  }

  @Test func aTrapEndsTheChild() async {
    await #expect(processExitsWith: .failure) {
      let decoder = DecoderFuzz.Decoder("planted", corpus: [[0, 1, 2, 3]]) { bytes in _ = bytes[3] }
      _ = try DecoderFuzz.run([decoder])
    }
  }

  @Test func anAllocationSizedByTheInputEndsTheChild() async {
    await #expect(processExitsWith: .failure) {
      DecoderFuzz.limitMemory(toFurther: 64 << 20)
      let decoder = DecoderFuzz.Decoder("planted", corpus: [[1, 0, 0, 0]]) { bytes in
        let count = try bytes.withReader { (reader) throws(FormatError) in try reader.u32() }
        var memory: [UInt8] = []
        memory.reserveCapacity(Int(count))
      }
      _ = try DecoderFuzz.run([decoder])
    }
  }

  @Test func aMutationFollowsFromItsSeed() {
    let corpus: [[UInt8]] = [Array(0...50), [9, 9]]
    var (first, second) = (SeededRandom(seed: 5), SeededRandom(seed: 5))
    let once = (0..<100).map { _ in DecoderFuzz.mutate(corpus, &first) }
    #expect(once == (0..<100).map { _ in DecoderFuzz.mutate(corpus, &second) })
    #expect(Set(once).count > 80)
  }

  @Test func aVectorPageIsReadAsDescribed() throws {
    let page = try VectorPage(
      text: """
        Text: not a value
        ```swift
        let a: Int
        ```
        ```vector name=one
        bytes: 0102
          03
        count: #300
        text: "a: b"
        empty:
        ```
        ```negative name=two error=truncated
        bytes: ff
        ```
        """)
    #expect(page.vectors.map(\.name) == ["one", "two"])
    let one = try page["one"]
    #expect(try one.bytes("bytes") == [1, 2, 3])
    #expect(try one.number("count") == 300)
    #expect(try one.bytes("text") == Array("a: b".utf8))
    #expect(try one.bytes("empty") == [])
    #expect(page.negatives("t").map(\.error) == ["truncated"])
    #expect(throws: VectorPage.Missing.self) { try one.bytes("other") }
    #expect(throws: VectorPage.Missing.self) { try page["three"] }
  }
}
