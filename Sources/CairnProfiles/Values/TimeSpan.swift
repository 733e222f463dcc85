/// A length of time: `90s`, `15m`, `12h`, `3d`, `2w`, `5mo`, `1y`, put together (`1y6mo`), restic's `2y5m7d3h`, or ISO 8601 (`P1DT12H`).
///
/// `m` alone or before `s`, or after `h`, means minutes; after `y` or before `d` it means months, as in restic.
package struct TimeSpan: Sendable, Equatable {
  /// At least 0.
  package let seconds: Int64

  package init(seconds: Int64) { self.seconds = seconds }

  package init?(argument: String) {
    let text = argument.lowercased()
    let parsed = text.hasPrefix("p") ? Self.iso(text.dropFirst()) : Self.plain(text)
    guard let parsed else { return nil }
    seconds = parsed
  }

  private static let second: [String: Int64] = [
    "s": 1, "sec": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800, "mo": 2_592_000, "month": 2_592_000, "y": 31_536_000,
  ]

  private static func plain(_ text: String) -> Int64? {
    let parts = pieces(text[...])
    guard let parts, !parts.isEmpty else { return nil }
    var total: Int64 = 0
    for (index, part) in parts.enumerated() {
      let before = index > 0 ? parts[index - 1].unit : ""
      let after = index + 1 < parts.count ? parts[index + 1].unit : ""
      let isMonth = before == "y" || after == "d" || after == "w" || after == "h"
      let unit = part.unit == "m" ? (isMonth ? "mo" : "min") : part.unit
      guard let factor = second[unit], let sum = add(total, part.count, factor) else { return nil }
      total = sum
    }
    return total
  }

  private static func iso(_ text: Substring) -> Int64? {
    let halves = text.split(separator: "t", maxSplits: 1, omittingEmptySubsequences: false)
    var total: Int64 = 0
    var fields = 0
    for (half, substring) in halves.enumerated() {
      guard let parts = pieces(substring) else { return nil }
      for part in parts {
        let unit = part.unit == "m" ? (half == 0 ? "mo" : "min") : part.unit
        guard let factor = second[unit], let sum = add(total, part.count, factor) else { return nil }
        total = sum
        fields += 1
      }
    }
    return fields > 0 ? total : nil
  }

  private static func add(_ total: Int64, _ count: Int64, _ factor: Int64) -> Int64? {
    let (product, overflow) = count.multipliedReportingOverflow(by: factor)
    let (sum, overflow2) = total.addingReportingOverflow(product)
    return overflow || overflow2 ? nil : sum
  }

  /// Splits "2y5m" into numbers and units; nil when it is not made of those.
  private static func pieces(_ text: Substring) -> [(count: Int64, unit: String)]? {
    var result: [(Int64, String)] = []
    var rest = text
    while !rest.isEmpty {
      let digits = rest.prefix { ("0"..."9").contains($0) }
      rest = rest.dropFirst(digits.count)
      let unit = rest.prefix { ("a"..."z").contains($0) }
      rest = rest.dropFirst(unit.count)
      guard !digits.isEmpty, !unit.isEmpty, let count = Int64(digits) else { return nil }
      result.append((count, String(unit)))
    }
    return result
  }
}
