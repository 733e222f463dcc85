/// The name of an object: what it is, and which one.
///
/// The relative path is `config`, `config.1` or `config.2` for the configuration, `packs/<first two characters>/<name>` for packs,
/// and `<kind>/<name>` for everything else.
package struct ObjectKey: Hashable, Sendable, Comparable {
  package enum Kind: String, CaseIterable, Sendable {
    case config, keys, sessions, packs, index, snapshots, commits, log
  }

  package let kind: Kind
  /// 1 … 200 characters of `[0-9a-f.-]`, the first no dot; for packs the first two hexadecimal; for the configuration its file name.
  package let name: String

  /// - Returns: nil when the name is not valid for the kind.
  package init?(kind: Kind, name: String) {
    guard Self.isValid(name, kind) else { return nil }
    self.kind = kind
    self.name = name
  }

  private init(unchecked kind: Kind, _ name: String) {
    self.kind = kind
    self.name = name
  }

  /// The copies of the configuration, best first: three of them, because without it nothing else can be read.
  package static let configCopies = [
    ObjectKey(unchecked: .config, "config"), ObjectKey(unchecked: .config, "config.1"), ObjectKey(unchecked: .config, "config.2"),
  ]

  /// The first copy of the configuration.
  package static let config = configCopies[0]

  /// The key under which copy `number` (0 … 2) is stored: the key itself, then `name.1`, `name.2`.
  ///
  /// - Returns: nil when the longer name would not be valid.
  package func copy(_ number: Int) -> ObjectKey? {
    number == 0 ? self : ObjectKey(kind: kind, name: "\(name).\(number)")
  }

  /// Where the object lies below the root of a repository.
  package var path: String {
    switch kind {
    case .config: name
    case .packs: "packs/\(name.prefix(2))/\(name)"
    default: "\(kind.rawValue)/\(name)"
    }
  }

  /// By kind, then by the bytes of the name.
  package static func < (a: ObjectKey, b: ObjectKey) -> Bool {
    a.kind != b.kind ? a.kind.rawValue < b.kind.rawValue : a.name.utf8.lexicographicallyPrecedes(b.name.utf8)
  }

  private static func isValid(_ name: String, _ kind: Kind) -> Bool {
    let bytes = name.utf8
    if kind == .config { return name == "config" || name == "config.1" || name == "config.2" }
    guard (1...200).contains(bytes.count), bytes.first != 0x2e else { return false }
    guard bytes.allSatisfy({ isHexadecimal($0) || $0 == 0x2e || $0 == 0x2d }) else { return false }
    return kind != .packs || (bytes.count >= 2 && bytes.prefix(2).allSatisfy(isHexadecimal))
  }

  static func isHexadecimal(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) }
}
