/// How thoroughly `check` looks.
public struct CheckOptions: Sendable {
  /// Which packs are read whole.
  public enum ReadData: Sendable, Equatable {
    /// None: only their headers and directories.
    case none
    case all
    /// The n-th of m parts, 1 … m: always the same packs, so that m runs cover everything.
    case part(Int, of: Int)
    /// About this many of a hundred packs, chosen at random; above 0, at most 100.
    case percent(Double)
    /// Packs chosen at random, of about this many bytes together.
    case bytes(UInt64)
  }

  public var readData: ReadData = .none
  /// Take what is there for what this machine has seen, even where it has seen newer things: they are not missed from then on.
  public var acceptsRollback = false

  public init(readData: ReadData = .none) { self.readData = readData }
}

extension CheckOptions.ReadData {
  /// Reads `n/m`, `p%` or a size (`500M`, `10G`: binary units K, M, G, T).
  ///
  /// - Throws: `CairnError(.usage)`.
  public init(subset text: String) throws {
    if let value = Self.part(text) ?? Self.percentage(text) ?? Self.size(text) {
      self = value
      return
    }
    throw CairnError(
      .usage, "'\(Escaping.terminal(Array(text.utf8)))' is not a subset of the data.",
      guidance: "Give 'n/m' (the n-th of m parts), a percentage such as '5%', or a size such as '10G'.")
  }

  private static func part(_ text: String) -> Self? {
    let numbers = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.count == 2, let n = numbers[0], let m = numbers[1], m >= 1, (1...m).contains(n), m <= 1 << 20 else { return nil }
    return .part(n, of: m)
  }

  private static func percentage(_ text: String) -> Self? {
    guard text.hasSuffix("%"), let value = Double(text.dropLast()), value > 0, value <= 100 else { return nil }
    return .percent(value)
  }

  private static func size(_ text: String) -> Self? {
    let units: [Character: UInt64] = ["K": 10, "M": 20, "G": 30, "T": 40]
    var digits = Substring(text)
    var shift: UInt64 = 0
    if let last = digits.last, let unit = units[Character(last.uppercased())] {
      shift = unit
      digits = digits.dropLast()
    }
    guard let value = UInt64(digits), value > 0, value <= UInt64.max >> shift else { return nil }
    return .bytes(value << shift)
  }
}
