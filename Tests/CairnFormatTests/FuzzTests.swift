import CairnTestSupport
import Testing

@Suite struct FuzzTests {
  /// In a child process, so that a trap or an allocation beyond 256 MiB ends the child and not the test run.
  @Test func everyDecoderReturnsOrThrowsFormatError() async throws {
    let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
      let decoders = try FuzzedDecoders.all
      DecoderFuzz.limitMemory(toFurther: 256 << 20)
      print(try DecoderFuzz.run(decoders))
    }
    let lines = String(decoding: result?.standardOutputContent ?? [], as: UTF8.self).split(separator: "\n")
    let summary = try #require(lines.first { $0.hasPrefix("fuzz: ") })
    print(summary)
  }
}
