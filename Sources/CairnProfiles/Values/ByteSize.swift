/// A number of bytes: `1500`, `64k`, `1.5G`, `10MiB`. Units are binary (1k = 1024), as restic has them.
package struct ByteSize: Sendable, Equatable {
  package let bytes: UInt64

  package init(bytes: UInt64) { self.bytes = bytes }

  package init?(argument: String) {
    var text = argument.lowercased()
    if text.hasSuffix("ib") { text.removeLast(2) } else if text.hasSuffix("b") { text.removeLast() }
    var shift: UInt64 = 0
    if let unit = text.last, let power = ["k": 10, "m": 20, "g": 30, "t": 40, "p": 50][String(unit)] {
      shift = UInt64(power)
      text.removeLast()
    }
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let whole = parts.first, !whole.isEmpty, whole.allSatisfy(\.isASCII), let integer = UInt64(whole), whole.first != "+",
      integer <= UInt64.max >> shift
    else { return nil }
    var total = integer << shift
    if parts.count == 2 {
      guard shift > 0, (1...6).contains(parts[1].count), parts[1].first != "+", let digits = UInt64(parts[1]) else { return nil }
      let scale = (0..<parts[1].count).reduce(UInt64(1)) { product, _ in product * 10 }
      let fraction = UInt64((Double(digits) / Double(scale) * Double(UInt64(1) << shift)).rounded(.down))
      guard total <= UInt64.max - fraction else { return nil }
      total += fraction
    }
    bytes = total
  }
}
