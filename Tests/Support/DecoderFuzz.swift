import CairnFormat
import Glibc

/// Feeds mutated bytes to decoders. The promise tested: a decoder returns or throws `FormatError`, never traps, never asks for memory that
/// its input does not justify.
///
/// Every mutation follows from the seed, the decoder's name and a number, so that a failure can be repeated.
package enum DecoderFuzz {
  package struct Decoder: Sendable {
    package let name: String
    /// Valid inputs to start from; at least one.
    package let corpus: [[UInt8]]
    /// Decodes, and may check properties of what it got: `FormatError` is expected, everything else thrown is a failure.
    package let decode: @Sendable ([UInt8]) throws -> Void

    package init(_ name: String, corpus: [[UInt8]], decode: @escaping @Sendable ([UInt8]) throws -> Void) {
      self.name = name
      self.corpus = corpus
      self.decode = decode
    }
  }

  /// A property that does not hold, with the number of the mutation.
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
  }

  /// Mutations for each decoder, from `CAIRN_FUZZ_MUTATIONS`; 15 000 unless set, which takes some seconds in a debug build.
  package static var mutationsPerDecoder: Int {
    getenv("CAIRN_FUZZ_MUTATIONS").flatMap { Int(String(cString: $0)) } ?? 15_000
  }

  package static var seed: UInt64 {
    getenv("CAIRN_FUZZ_SEED").flatMap { UInt64(String(cString: $0)) } ?? 20_261_121
  }

  /// Limits this process to what it uses now and `bytes` more, so that an allocation sized by forged lengths fails at once. Meant for the
  /// child process of an exit test.
  package static func limitMemory(toFurther bytes: Int) {
    var pages = 0
    if let file = fopen("/proc/self/statm", "r") {
      withUnsafeMutablePointer(to: &pages) { pointer in _ = withVaList([pointer]) { vfscanf(file, "%ld", $0) } }
      fclose(file)
    }
    var limit = rlimit()
    limit.rlim_cur = rlim_t(pages * Int(sysconf(Int32(_SC_PAGESIZE))) + bytes)
    limit.rlim_max = limit.rlim_cur
    setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
  }

  /// Runs all decoders over their corpora and mutations of them, and returns the line to print.
  ///
  /// `CAIRN_FUZZ_TRACE` names a file that always holds the decoder and number being tried: after a trap, the one that trapped.
  package static func run(_ decoders: [Decoder]) throws -> String {
    let trace = getenv("CAIRN_FUZZ_TRACE").map { open($0, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600) }
    defer { if let trace { close(trace) } }
    let count = mutationsPerDecoder
    for decoder in decoders {
      for input in decoder.corpus {
        do { try decoder.decode(input) } catch { throw Failure("\(decoder.name): a valid input is refused: \(error)") }
      }
      for number in 0..<count {
        if let trace {
          let line = Array("\(decoder.name) \(number)".utf8) + [UInt8](repeating: 0x20, count: 40)
          _ = pwrite(trace, line, line.count, 0)
        }
        var random = SeededRandom(seed: seed ^ hash(decoder.name) ^ UInt64(number) &* 0x9E37_79B9_7F4A_7C15)
        let input = mutate(decoder.corpus, &random)
        do {
          try decoder.decode(input)
        } catch is FormatError {
        } catch {
          throw Failure("\(decoder.name), mutation \(number), seed \(seed): \(error); input \(Hexadecimal.encode(input))")
        }
      }
    }
    return "fuzz: \(decoders.count) decoders, \(decoders.count * count) mutations, no trap"
  }

  private static func hash(_ name: String) -> UInt64 {
    name.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
  }
}

extension DecoderFuzz {
  /// One to six changes to a corpus item.
  package static func mutate(_ corpus: [[UInt8]], _ random: inout SeededRandom) -> [UInt8] {
    var bytes = corpus[random.below(corpus.count)]
    for _ in 0..<(1 + random.below(6)) { change(&bytes, corpus, &random) }
    return bytes
  }

  private static let interesting: [[UInt8]] = [
    [0], [1], [0x7F], [0x80], [0xFF], [0x80, 0x00], [0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 0x80], [0xFF, 0xFF, 0xFF, 0x7F],
    [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02],
    [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F], [0, 0, 0, 0, 0, 0, 0, 0], [0x80, 0x80, 0x80, 0x80, 0x10],
  ]

  private static func change(_ bytes: inout [UInt8], _ corpus: [[UInt8]], _ random: inout SeededRandom) {
    let place = random.below(bytes.count + 1)
    let length = min(bytes.count - place, 1 + random.below(16))
    switch random.below(9) {
    case 0 where place < bytes.count: bytes[place] ^= 1 << UInt8(random.below(8))
    case 1 where place < bytes.count: bytes[place] = UInt8(truncatingIfNeeded: random.next())
    case 2: bytes.removeSubrange(place...)
    case 3: bytes.removeSubrange(place..<place + length)
    case 4: bytes.insert(contentsOf: bytes[place..<place + length], at: place)
    case 5:
      let value = interesting[random.below(interesting.count)]
      bytes.replaceSubrange(place..<min(bytes.count, place + value.count), with: value)
    case 6: bytes.insert(contentsOf: interesting[random.below(interesting.count)], at: place)
    case 7:
      let other = corpus[random.below(corpus.count)]
      bytes.replaceSubrange(place..., with: other[min(other.count, place)...])
    case 8 where place < bytes.count: bytes[place] = bytes[place] &+ (random.below(2) == 0 ? 1 : 255)
    default: bytes.append(UInt8(truncatingIfNeeded: random.next()))
    }
  }
}

/// SplitMix64: small, seeded, the same everywhere.
package struct SeededRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// 0 ..< bound; the bias does not matter here.
  package mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

  package mutating func bytes(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) } }
}
