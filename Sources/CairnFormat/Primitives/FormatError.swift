/// What a decoder of this module throws, and nothing else: bytes from a repository make it return a value or throw one of these, never trap.
///
/// The texts are constants of the program; no byte of the input ever enters a message.
package enum FormatError: Error, Sendable, Equatable {
  /// The bytes end before the value does.
  case truncated
  /// Bytes are left over after the value.
  case trailingBytes
  /// The first bytes are not those of this kind of object.
  case badMagic
  /// The object says a layout version this program does not know.
  case unsupportedVersion(UInt64)
  /// The object uses a feature, suite or must-understand field this program does not know.
  case unsupportedFeature
  /// Wrong key, damaged or forged bytes, or bytes of another object or repository: these cannot be told apart.
  case authenticationFailed
  /// A count, length or cost is above the limit named (see `Limits`).
  case limitExceeded(StaticString)
  /// A value is encoded in another way than the only allowed one.
  case notCanonical(StaticString)
  /// A value is outside of what its field may hold.
  case invalid(StaticString)

  package static func == (left: FormatError, right: FormatError) -> Bool {
    switch (left, right) {
    case (.truncated, .truncated), (.trailingBytes, .trailingBytes), (.badMagic, .badMagic),
      (.unsupportedFeature, .unsupportedFeature), (.authenticationFailed, .authenticationFailed):
      true
    case (.unsupportedVersion(let a), .unsupportedVersion(let b)): a == b
    case (.limitExceeded(let a), .limitExceeded(let b)), (.notCanonical(let a), .notCanonical(let b)), (.invalid(let a), .invalid(let b)):
      a.description == b.description
    default: false
    }
  }
}

extension FormatError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .truncated: "the object is shorter than its content"
    case .trailingBytes: "the object has bytes after its end"
    case .badMagic: "the object is not of the expected kind"
    case .unsupportedVersion(let version): "the object has format version \(version), which this program does not know"
    case .unsupportedFeature: "the object uses a feature this program does not know; a newer version may read it"
    case .authenticationFailed: "the object failed authentication: wrong key, or damaged or foreign bytes"
    case .limitExceeded(let what): "limit exceeded: \(what)"
    case .notCanonical(let what): "not in canonical form: \(what)"
    case .invalid(let what): "invalid value: \(what)"
    }
  }

  /// The case's name without its text, as negative test vectors in FORMAT.md spell it.
  package var name: String {
    switch self {
    case .truncated: "truncated"
    case .trailingBytes: "trailingBytes"
    case .badMagic: "badMagic"
    case .unsupportedVersion: "unsupportedVersion"
    case .unsupportedFeature: "unsupportedFeature"
    case .authenticationFailed: "authenticationFailed"
    case .limitExceeded: "limitExceeded"
    case .notCanonical: "notCanonical"
    case .invalid: "invalid"
    }
  }
}
