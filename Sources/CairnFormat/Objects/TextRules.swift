/// Checks shared by the records: they hold on both sides, so that nothing is written that could not be read again.
enum TextRules {
  static func checkShort(_ texts: [UInt8]...) throws(FormatError) {
    for text in texts where text.count > Limits.shortTextBytes { throw .limitExceeded("text length") }
  }

  static func checkList(_ list: [[UInt8]]) throws(FormatError) {
    guard list.count <= Limits.manifestListItems else { throw .limitExceeded("list length") }
    for item in list where item.count > Limits.longTextBytes { throw .limitExceeded("list item length") }
  }

  /// Strictly ascending: a set has one encoding.
  static func checkAscending<Element: Comparable>(_ list: [Element]) throws(FormatError) {
    for (previous, next) in zip(list, list.dropFirst()) where !(previous < next) { throw .notCanonical("order of a set") }
  }
}

extension TLVField {
  func text(maximum: Int = Limits.shortTextBytes) throws(FormatError) -> String {
    guard let text = String(validating: try bytes(maximum: maximum), as: UTF8.self) else { throw .invalid("UTF-8") }
    return text
  }

  func list() throws(FormatError) -> [[UInt8]] {
    try list(maximumCount: Limits.manifestListItems, maximumBytes: Limits.longTextBytes)
  }

  /// Pack names of 48 bytes each, strictly ascending, at least one.
  func packNames() throws(FormatError) -> [PackName] {
    guard !content.isEmpty else { throw .notCanonical("default value written out") }
    return try read { (reader) throws(FormatError) in try PackName.list(from: &reader, count: reader.remaining / PackName.encodedLength) }
  }
}

extension PackName {
  static func list(from reader: inout ByteReader, count: Int) throws(FormatError) -> [PackName] {
    guard count <= Limits.logPacks else { throw .limitExceeded("list length") }
    guard count <= reader.remaining / encodedLength else { throw .truncated }
    var names: [PackName] = []
    names.reserveCapacity(count)
    for _ in 0..<count { names.append(try PackName(from: &reader)) }
    try TextRules.checkAscending(names)
    return names
  }
}
