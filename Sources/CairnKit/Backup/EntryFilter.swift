import CairnSystem
import Glibc

/// Everything that leaves entries out, as the walker asks it.
struct EntryFilter: Sendable {
  /// A file whose presence leaves out the rest of its directory.
  struct Tag: Sendable {
    let name: [UInt8]
    /// What the file must begin with; empty = anything.
    let header: [UInt8]

    /// Parses `name` or `name:header`.
    init?(_ text: String) {
      let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
      name = Array(parts[0].utf8)
      header = parts.count > 1 ? Array(parts[1].utf8) : []
      guard !name.isEmpty, !name.contains(0x2f) else { return nil }
    }
  }

  let patterns: ExcludePatterns
  let tags: [Tag]
  let largerThan: UInt64?
  let ignoreNames: [[UInt8]]
  let oneFileSystem: Bool
  /// The repository's own directory.
  var ownDirectory: LinkKey?

  /// Reads the pattern files and compiles everything.
  ///
  /// - Throws: `CairnError(.usage)` for what is malformed, `.notFound` for a pattern file that cannot be read.
  init(_ options: BackupOptions) throws {
    let excludes = options.excludes
    let patterns = try excludes.patterns + excludes.files.flatMap { try Self.lines(of: $0) }
    let folded = try excludes.caseInsensitivePatterns + excludes.caseInsensitiveFiles.flatMap { try Self.lines(of: $0) }
    self.patterns = try ExcludePatterns(patterns.filter { !$0.isEmpty }, ignoringCase: folded.filter { !$0.isEmpty })
    var tags = try excludes.ifPresent.map { text in
      guard let tag = Tag(text) else {
        throw CairnError(.usage, "'\(Escaping.terminal(Array(text.utf8)))' is not a file name, or a file name and a header divided by ':'.")
      }
      return tag
    }
    if excludes.caches, let tag = Tag("CACHEDIR.TAG:Signature: 8a477f597d28d172789f06886806bc55") { tags.append(tag) }
    self.tags = tags
    largerThan = excludes.largerThan
    ignoreNames = options.ignoreFiles.map { Array($0.utf8) }
    oneFileSystem = options.oneFileSystem
  }

  // MARK: - Pattern files

  private static let largestFile = 16 << 20

  private static func lines(of path: [UInt8]) throws -> [String] {
    let bytes: [UInt8]
    do { bytes = try read(try OpenFile.open(path, .read), limit: largestFile) } catch let error as FileError {
      throw CairnError(.notFound, "The exclude file '\(Escaping.terminal(path))' cannot be read: \(error.reason).")
    }
    return patternLines(bytes, environment: { name in getenv(name).map { String(cString: $0) } ?? "" })
  }

  /// The patterns of a file: lines without surrounding white space; empty ones and those that begin with `#` are left out; `$NAME`
  /// and `${NAME}` are replaced, `$$` is a dollar sign.
  static func patternLines(_ bytes: [UInt8], environment: (String) -> String) -> [String] {
    let text = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? bytes.dropFirst(3) : bytes[...]
    return text.split(separator: 0x0a).compactMap { raw in
      let line = raw.drop { isSpace($0) }.reversed().drop { isSpace($0) }.reversed()
      guard let first = line.first, first != 0x23 else { return nil }
      return expand(String(decoding: Array(line), as: UTF8.self), environment)
    }
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }

  private static func expand(_ line: String, _ environment: (String) -> String) -> String {
    guard line.contains("$") else { return line }
    var out = ""
    var rest = line[...]
    while let dollar = rest.firstIndex(of: "$") {
      out += rest[..<dollar]
      rest = rest[rest.index(after: dollar)...]
      if rest.first == "$" {
        out += "$"
        rest = rest.dropFirst()
      } else if rest.first == "{", let end = rest.firstIndex(of: "}") {
        out += environment(String(rest[rest.index(after: rest.startIndex)..<end]))
        rest = rest[rest.index(after: end)...]
      } else {
        let name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
        out += name.isEmpty ? "$" : environment(String(name))
        rest = rest[name.endIndex...]
      }
    }
    return out + rest
  }

  // MARK: - In the walk

  /// Whether a tag file in a directory leaves out its other entries; `directory` has just been listed.
  func tag(in directory: OpenFile, _ listing: borrowing DirectoryListing) -> [UInt8]? {
    for tag in tags where listing.index(of: tag.name) != nil {
      guard !tag.header.isEmpty else { return tag.name }
      // A tag that cannot be read is not proven to be one: better to store too much.
      guard let file = try? OpenFile.open(tag.name, at: directory, .source), let status = try? file.status(), status.type == .regular,
        let start = try? Self.read(file, limit: tag.header.count)
      else { continue }
      if start == tag.header { return tag.name }
    }
    return nil
  }

  /// The rules of the ignore files in a directory; nil when there are none.
  func ignoreFile(in directory: OpenFile, _ listing: borrowing DirectoryListing) -> IgnoreFile? {
    var files: [IgnoreFile] = []
    for name in ignoreNames where listing.index(of: name) != nil {
      // As git: what cannot be read ignores nothing.
      guard let file = try? OpenFile.open(name, at: directory, .source), let status = try? file.status(), status.type == .regular,
        let bytes = try? Self.read(file, limit: Self.largestFile)
      else { continue }
      files.append(IgnoreFile(bytes))
    }
    return files.isEmpty ? nil : IgnoreFile(joining: files)
  }

  /// Reads a small file whole.
  private static func read(_ file: OpenFile, limit: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < limit {
      let step = min(65536, limit - bytes.count)
      let at = UInt64(bytes.count)
      var got = 0
      let piece = try [UInt8](unsafeUninitializedCapacity: step) { buffer, count in
        count = try file.read(into: UnsafeMutableRawBufferPointer(buffer), at: at)
        got = count
      }
      bytes += piece
      if got < step { return bytes }
    }
    return bytes
  }
}

/// The ignore files that apply in a directory: its own first, then those above.
final class IgnoreChain: Sendable {
  private let file: IgnoreFile
  private let above: IgnoreChain?
  /// Components of the path of the directory that holds the file.
  private let depth: Int

  init(_ file: IgnoreFile, depth: Int, above: IgnoreChain?) {
    self.file = file
    self.depth = depth
    self.above = above
  }

  /// Whether an entry is ignored: the deepest file that says something decides.
  ///
  /// - Parameter path: components of the entry's absolute path.
  func ignores(_ path: [[UInt8]], isDirectory: Bool) -> Bool {
    var chain: IgnoreChain? = self
    while let current = chain {
      if let verdict = current.file.verdict(path[current.depth...], isDirectory: isDirectory) { return verdict }
      chain = current.above
    }
    return false
  }
}
