package import CairnKit

extension PruneOptions.Unused {
  /// `5%`, `500M` or `unlimited`.
  package init?(text: String) {
    if text == "unlimited" {
      self = .unlimited
    } else if text.hasSuffix("%") {
      guard let value = Double(text.dropLast()), value >= 0, value <= 1e6 else { return nil }
      self = .percent(value)
    } else {
      guard let size = ByteSize(argument: text) else { return nil }
      self = .bytes(size.bytes)
    }
  }
}
