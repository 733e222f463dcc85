import CairnFormat
import Glibc

/// The test vectors of a FORMAT page: fenced blocks that begin with ```` ```vector name=<id> ```` or ```` ```negative name=<id> error=<case> ````
/// and hold lines `key: value`. A value is hexadecimal, a decimal number after `#`, or text in double quotes; a line that begins with
/// a space continues the value before it.
package struct VectorPage: Sendable {
  package struct Vector: Sendable {
    package let name: String
    /// The `FormatError` case that a negative vector must give; nil for a positive one.
    package let error: String?
    fileprivate(set) package var values: [String: String] = [:]

    /// The value's bytes. A missing key or malformed value throws.
    package func bytes(_ key: String) throws -> [UInt8] {
      guard let value = values[key] else { throw Missing(description: "vector \(name) has no \(key)") }
      if value.hasPrefix("\"") { return Array(value.dropFirst().dropLast().utf8) }
      guard let bytes = Hexadecimal.decode(value) else { throw Missing(description: "vector \(name): \(key) is not hexadecimal") }
      return bytes
    }

    package func number(_ key: String) throws -> UInt64 {
      guard let value = values[key], value.hasPrefix("#"), let number = UInt64(value.dropFirst()) else {
        throw Missing(description: "vector \(name) has no number \(key)")
      }
      return number
    }
  }

  /// The page is not as the test expects it.
  package struct Missing: Error, CustomStringConvertible {
    package let description: String
    package init(description: String) { self.description = description }
  }

  package let vectors: [Vector]

  /// Reads a page, by default FORMAT.md at the top of the package.
  package init(named name: String = "FORMAT.md", source: String = #filePath) throws {
    let folder = source.split(separator: "/").dropLast(3).joined(separator: "/")
    try self.init(text: Self.read("/\(folder)/\(name)"))
  }

  package init(text: String) throws {
    var vectors: [Vector] = []
    var current: Vector?
    var key = ""
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```") {
        if let finished = current { vectors.append(finished) }
        current = current == nil ? Self.heading(line) : nil
      } else if current != nil, line.hasPrefix(" ") {
        current?.values[key, default: ""] += line.filter { $0 != " " }
      } else if current != nil, let colon = line.firstIndex(of: ":") {
        key = String(line[..<colon])
        let value = line[line.index(after: colon)...].drop { $0 == " " }
        current?.values[key] = value.hasPrefix("\"") ? String(value) : value.filter { $0 != " " }
      }
    }
    self.vectors = vectors
  }

  /// The vector of that name.
  package subscript(name: String) -> Vector {
    get throws {
      guard let vector = vectors.first(where: { $0.name == name }) else { throw Missing(description: "the page has no vector \(name)") }
      return vector
    }
  }

  /// Negative vectors whose name begins with `prefix`.
  package func negatives(_ prefix: String) -> [Vector] { vectors.filter { $0.error != nil && $0.name.hasPrefix(prefix) } }

  private static func heading(_ line: Substring) -> Vector? {
    let words = line.dropFirst(3).split(separator: " ")
    guard let kind = words.first, kind == "vector" || kind == "negative" else { return nil }
    var attributes: [String: String] = [:]
    for word in words.dropFirst() {
      let pair = word.split(separator: "=", maxSplits: 1)
      if pair.count == 2 { attributes[String(pair[0])] = String(pair[1]) }
    }
    return Vector(name: attributes["name"] ?? "", error: kind == "negative" ? attributes["error"] ?? "" : nil)
  }

  private static func read(_ path: String) throws -> String {
    guard let file = fopen(path, "r") else { throw Missing(description: "cannot open \(path)") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
    return String(decoding: bytes, as: UTF8.self)
  }
}
