import CairnTestSupport
import Testing

@testable import CairnProfiles

/// The file may come from anywhere: whatever it holds is read or explained.
@Suite(.timeLimit(.minutes(10))) struct ConfigurationFuzzTests {
  /// `CAIRN_FUZZ_MUTATIONS`, `CAIRN_FUZZ_SEED` and `CAIRN_FUZZ_TRACE` are described at `DecoderFuzz`.
  @Test func mutationsOfTheExampleAreReadOrExplained() async throws {
    let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
      do {
        // By part, so that a mutation is not lost in a long text.
        let lines = ExampleConfiguration.text.split(separator: "\n").filter { !$0.hasPrefix("#") }
        let parts = stride(from: 0, to: lines.count, by: 12).map { lines[$0..<min($0 + 12, lines.count)].joined(separator: "\n") }
        let decoder = DecoderFuzz.Decoder("configuration", corpus: parts.map { Array($0.utf8) }) { bytes in
          let configuration = Configuration([.init(path: [0x63], text: bytes)], home: [0x2f])
          let count = bytes.split(separator: 0x0a, omittingEmptySubsequences: false).count
          for finding in configuration.allMistakes + configuration.allNotes where !(1...max(1, count)).contains(finding.place.line) {
            throw DecoderFuzz.Failure("a mistake in line \(finding.place.line) of \(count)")
          }
        }
        DecoderFuzz.limitMemory(toFurther: 256 << 20)
        print(try DecoderFuzz.run([decoder]))
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
