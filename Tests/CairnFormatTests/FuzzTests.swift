import CairnTestSupport
import Testing

@Suite struct FuzzTests {
  /// In a child process, so that a trap or an allocation beyond 256 MiB ends the child and not the test run.
  ///
  /// `CAIRN_FUZZ_MUTATIONS`, `CAIRN_FUZZ_SEED` and `CAIRN_FUZZ_TRACE` are described at `DecoderFuzz`.
  @Test func everyDecoderReturnsOrThrowsFormatError() async throws {
    let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
      do {
        let decoders = try FuzzedDecoders.all
        DecoderFuzz.limitMemory(toFurther: 256 << 20)
        print(try DecoderFuzz.run(decoders))
      } catch {
        // Said, not thrown: what a failed child printed is not handed over.
        print("fuzz failed: \(error)")
      }
    }
    let output = String(decoding: result?.standardOutputContent ?? [], as: UTF8.self)
    let summary = try #require(output.split(separator: "\n").first { $0.hasPrefix("fuzz") }, "the child ended early: a trap, or memory")
    print(summary)
    #expect(summary.hasPrefix("fuzz: "), "\(summary)")
  }
}
