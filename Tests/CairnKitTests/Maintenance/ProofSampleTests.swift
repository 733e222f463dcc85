import CairnTestSupport
import Testing

@testable import CairnKit

@Suite struct ProofSampleTests {
  /// The places drawn from so many files of one byte each.
  private func draw(_ files: Int, of total: Int, seed: UInt64) -> [UInt64] {
    var sample = ProofSample(files: files, bytes: nil, seed: seed)
    for _ in 0..<total { sample.offer(size: 1, data: { 1 }, key: { [] }) }
    return sample.drawn().map(\.place)
  }

  @Test func everyFileIsDrawnAsOftenAsEveryOther() {
    let (files, drawn, rounds) = (50, 5, 4000)
    var counts = [Double](repeating: 0, count: files)
    for seed in 0..<rounds {
      let places = draw(drawn, of: files, seed: UInt64(seed))
      #expect(places.count == drawn && Set(places).count == drawn)
      #expect(places == places.sorted())
      for place in places { counts[Int(place)] += 1 }
    }
    // Draws without replacement vary less than a free draw: chi-square is to be taken times (N-1)/(N-n). 49 degrees of freedom: 99.9 % of
    // fair samples lie below 85.4, and 99.9 % above 23.9.
    let expected = Double(rounds * drawn) / Double(files)
    let statistic = counts.reduce(0) { $0 + ($1 - expected) * ($1 - expected) / expected } * Double(files - 1) / Double(files - drawn)
    #expect(statistic > 23.9 && statistic < 85.4, "\(statistic)")
  }

  @Test func pairsOfNeighboursAreDrawnAsOftenAsOtherPairs() {
    var (neighbours, distant) = (0, 0)
    for seed in 0..<20_000 {
      let places = draw(2, of: 20, seed: UInt64(seed))
      if places[1] - places[0] == 1 { neighbours += 1 }
      if places[1] - places[0] == 10 { distant += 1 }
    }
    // 19 and 10 of 190 pairs: 2000 and 1053 expected, with standard deviations of 42 and 32.
    #expect(abs(neighbours - 2000) < 170)
    #expect(abs(distant - 1053) < 130)
  }

  @Test func aSeedDrawsTheSameAgainAndAnotherSeedSomethingElse() {
    #expect(draw(20, of: 5000, seed: 7) == draw(20, of: 5000, seed: 7))
    #expect(draw(20, of: 5000, seed: 7) != draw(20, of: 5000, seed: 8))
    #expect(draw(20, of: 7, seed: 1) == [0, 1, 2, 3, 4, 5, 6])
    #expect(draw(20, of: 0, seed: 1).isEmpty)
  }

  @Test func aMillionFilesAreNotKept() {
    var sample = ProofSample(files: 20, bytes: nil, seed: 3)
    var asked = 0
    for number in 0..<1_000_000 {
      sample.offer(size: UInt64(number), data: { UInt64(number) }) {
        asked += 1
        return [UInt8](repeating: 1, count: 100)
      }
    }
    #expect(sample.drawn().count == 20)
    // 20 · (1 + ln(10⁶ / 20)) = 236 is what chance takes in and drops again.
    #expect(asked < 400)
  }

  @Test func bytesBoundTheSampleAndTooLargeFilesAreCounted() {
    for seed in UInt64(0)..<50 {
      var sample = ProofSample(files: 1000, bytes: 1000, seed: seed)
      var random = SplitMix64(seed: seed)
      for number in 0..<500 {
        let size = number % 10 == 0 ? 5000 : random.next() % 100
        sample.offer(size: size, data: { size }, key: { [] })
      }
      let drawn = sample.drawn()
      let bytes = drawn.reduce(0) { $0 + $1.data }
      #expect(bytes <= 1000 && bytes > 900, "as much as fits, up to one file")
      #expect(sample.tooLarge == 50)
      #expect(!drawn.contains { $0.size == 5000 })
    }
  }

  @Test func holesDoNotCountAsBytes() {
    var sample = ProofSample(files: 5, bytes: 10, seed: 1)
    sample.offer(size: 1 << 40, data: { 3 }, key: { [] })
    #expect(sample.drawn().map(\.size) == [1 << 40])
    #expect(sample.tooLarge == 0)
  }

  @Test func aSampleByBytesIsTheBeginningOfThatByFiles() {
    func draw(_ bytes: UInt64?) -> [UInt64] {
      var sample = ProofSample(files: 100, bytes: bytes, seed: 5)
      for number in 0..<1000 { sample.offer(size: UInt64(number % 7), data: { UInt64(number % 7) }, key: { [] }) }
      return sample.drawn().map(\.place)
    }
    let small = draw(50)
    #expect(small.count > 3 && small.count < 100)
    #expect(Set(small).isSubset(of: Set(draw(nil))))
  }
}

@Suite struct ChosenPathsTests {
  private func components(_ path: String) -> [[UInt8]] { path.split(separator: "/").map { Array($0.utf8) } }

  /// In the order of a walk: `a` with what is in it before `a-b`, although a hyphen comes before a slash.
  private let chosen = ChosenPaths(["/a/b", "/a/c/d", "/a-b", "/ab/x", "/e"].map { ChosenPaths.key(Array($0.utf8)) })

  @Test(arguments: ["/a/b", "/a/c/d", "/a-b", "/ab/x", "/e"])
  func whatIsChosenIsTaken(path: String) {
    #expect(chosen.decide(components(path), isDirectory: false) == .init(selected: true, descends: false))
    #expect(chosen.index(of: ChosenPaths.key(components(path))) != nil)
    #expect(ChosenPaths.path(ChosenPaths.key(Array(path.utf8))) == Array(path.utf8))
  }

  @Test(arguments: ["/a", "/a/c", "/ab"])
  func directoriesLeadToWhatIsChosen(path: String) {
    #expect(chosen.decide(components(path), isDirectory: true) == .init(selected: false, descends: true))
    #expect(chosen.decide(components(path), isDirectory: false) == .init(selected: false, descends: false))
  }

  @Test(arguments: ["/b", "/a/b/c", "/a/c/e", "/a-", "/a-bc", "/", "/z", "/e"])
  func nothingElseIsEntered(path: String) {
    #expect(!chosen.decide(components(path), isDirectory: true).descends || path == "/")
  }
}
