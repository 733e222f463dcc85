package import SystemPackage

/// A system call that failed: what was tried, on which path, and why.
package struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
  package var errno: Errno
  /// The verb of the failed operation in plain English ("open", "read", "set attribute").
  package var operation: String
  /// The path or name as it was given to the call: raw bytes, possibly relative to a directory descriptor, possibly empty.
  package var path: [UInt8]

  package init(errno: Errno, operation: String, path: [UInt8]) {
    self.errno = errno
    self.operation = operation
    self.path = path
  }

  /// `open 'name': No space left on device`, the name escaped so that it is safe on a terminal.
  package var description: String {
    path.isEmpty ? "\(operation): \(reason)" : "\(operation) '\(Self.escaped(path))': \(reason)"
  }

  /// The system's words for `errno` alone.
  package var reason: String { errno.description }

  /// Renders raw name bytes on one line: valid printable UTF-8 as it is, everything else C-style (`\n`, `\x1b`, `\\`).
  package static func escaped(_ bytes: [UInt8]) -> String {
    if bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7f && $0 != 0x5c }) { return String(decoding: bytes, as: UTF8.self) }
    var text = ""
    var decoder = UTF8()
    var rest = bytes[...]
    while let first = rest.first {
      var iterator = rest.makeIterator()
      if case .scalarValue(let scalar) = decoder.decode(&iterator), let printable = printable(scalar) {
        text += printable
        rest = rest.dropFirst(UTF8.width(scalar))
      } else {
        text += hexadecimalEscape(first)
        rest = rest.dropFirst()
      }
      decoder = UTF8()
    }
    return text
  }

  /// The text of a scalar that may stand as it is or has a short escape; nil for controls, separators and invisible direction marks.
  private static func printable(_ scalar: Unicode.Scalar) -> String? {
    switch scalar {
    case "\n": return "\\n"
    case "\t": return "\\t"
    case "\r": return "\\r"
    case "\\": return "\\\\"
    default: break
    }
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .lineSeparator, .paragraphSeparator, .unassigned, .privateUse: return nil
    default: return String(Character(scalar))
    }
  }

  private static func hexadecimalEscape(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16)
    return byte < 16 ? "\\x0\(digits)" : "\\x\(digits)"
  }
}
