import Glibc

/// Command-line arguments as bytes, carried through `String`.
///
/// The kernel hands over bytes; a name need not be UTF-8. Bytes that are not travel as the scalars U+10FF00 + byte, which
/// ArgumentParser passes through untouched, and `bytes(of:)` turns them back. A genuine scalar of that range is taken apart
/// into such bytes too, so that the mapping loses nothing.
enum RawArguments {
  private static let base: UInt32 = 0x10ff00

  /// The arguments of this process without the program's name.
  static func ofProcess() -> [String] {
    (1..<max(1, Int(CommandLine.argc))).compactMap { index in
      CommandLine.unsafeArgv[index].map { text(of: Array(UnsafeRawBufferPointer(start: $0, count: strlen($0)))) }
    }
  }

  /// Raw bytes as a string that `bytes(of:)` undoes.
  static func text(of bytes: [UInt8]) -> String {
    if bytes.allSatisfy({ $0 < 0x80 }) { return String(decoding: bytes, as: UTF8.self) }
    var scalars = String.UnicodeScalarView()
    var rest = bytes[...]
    while let first = rest.first {
      if first < 0x80 {
        scalars.append(Unicode.Scalar(first))
        rest.removeFirst()
      } else if let (scalar, length) = UTF8Text.firstScalar(rest), scalar.value < base || scalar.value > base + 0xff {
        scalars.append(scalar)
        rest.removeFirst(length)
      } else {
        if let carrier = Unicode.Scalar(base + UInt32(first)) { scalars.append(carrier) }
        rest.removeFirst()
      }
    }
    return String(scalars)
  }

  /// The bytes that were given on the command line.
  static func bytes(of text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      if scalar.value >= base, scalar.value <= base + 0xff {
        bytes.append(UInt8(scalar.value - base))
      } else {
        bytes.append(contentsOf: Array(String(Character(scalar)).utf8))
      }
    }
    return bytes
  }
}

/// Looking at bytes as UTF-8 without repairing them.
enum UTF8Text {
  /// The scalar that starts `bytes` and its length, if it is well-formed (shortest form, no surrogates).
  static func firstScalar(_ bytes: ArraySlice<UInt8>) -> (Unicode.Scalar, Int)? {
    guard let lead = bytes.first else { return nil }
    if lead < 0x80 { return (Unicode.Scalar(lead), 1) }
    let length = lead > 0xf4 ? 0 : lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc2 ? 2 : 0
    guard length > 0, bytes.count >= length else { return nil }
    var value = UInt32(lead) & (0xff >> UInt32(length + 1))
    for byte in bytes.dropFirst().prefix(length - 1) {
      guard byte & 0xc0 == 0x80 else { return nil }
      value = value << 6 | UInt32(byte & 0x3f)
    }
    let minimum: [UInt32] = [0, 0, 0x80, 0x800, 0x10000]
    guard value >= minimum[length], let scalar = Unicode.Scalar(value) else { return nil }
    return (scalar, length)
  }

  static func isWellFormed(_ bytes: [UInt8]) -> Bool {
    if bytes.allSatisfy({ $0 < 0x80 }) { return true }
    var rest = bytes[...]
    while !rest.isEmpty {
      guard let (_, length) = firstScalar(rest) else { return false }
      rest.removeFirst(length)
    }
    return true
  }
}
