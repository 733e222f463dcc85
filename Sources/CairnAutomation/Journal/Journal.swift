import CairnKit
import CairnSystem
import FoundationEssentials
import Glibc

/// The journal of runs, `STATE/journal.jsonl`: a JSON object a line, oldest first. When it has grown to 4 MiB it becomes
/// `journal.jsonl.1`, and four of those are kept.
package struct Journal: Sendable {
  /// Bytes at which a new file is begun.
  package static let rotationSize: UInt64 = 4 << 20
  /// Old files that are kept.
  package static let keptFiles = 4
  /// A longer line is none of ours.
  package static let maximumLine = 64 << 10

  private let directory: [UInt8]
  private let name = "journal.jsonl"

  /// - Parameter state: the state directory of the program.
  package init(state: [UInt8]) { directory = state }

  /// Adds a record; whole or not at all, also while other processes add theirs.
  ///
  /// - Throws: `CairnError(.failed)` when it cannot be written.
  package func append(_ record: RunRecord) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      let line = Array(try encoder.encode(record)) + [0x0a]
      guard line.count <= Self.maximumLine else { throw CairnError(.failed, "A record of the journal is longer than 64 KiB.") }
      let folder = try FileSystem.makeDirectories(directory)
      // Held until the end: between the look at the size and the renaming nobody else may add.
      let lock = try OpenFile.open(Array("journal.lock".utf8), at: folder, [.write, .create, .noFollow], mode: 0o600)
      try Self.take(lock)
      try withExtendedLifetime(lock) {
        let file = try rotated(folder)
        let end = try file.status().size
        // A line that a crash cut off ends here.
        let isCut = try end > 0 && byte(of: file, at: end - 1) != 0x0a
        try ((isCut ? [0x0a] : []) + line).withUnsafeBytes { try file.write($0, at: end) }
        try file.synchronizeData()
      }
    } catch let error as FileError {
      throw CairnError(
        .failed, "The journal of runs cannot be written in \(Escaping.terminal(directory)): \(error.reason).",
        guidance: "Make the directory writable, or name another with CAIRN_STATE_DIR.")
    }
  }

  /// Goes through the records, newest first, until `body` has had enough. Lines that are no records are skipped.
  ///
  /// - Parameter body: returns whether it wants more.
  /// - Returns: how many lines were skipped.
  @discardableResult
  package func forEachNewestFirst(_ body: (RunRecord) throws -> Bool) throws -> Int {
    var skipped = 0
    let decoder = JSONDecoder()
    for number in 0...Self.keptFiles {
      // `try?`: a file that is not there has no records, and what is no file has none either.
      guard let file = try? OpenFile.open(directory + [0x2f] + fileName(number), [.read, .noFollow, .nonBlock]),
        try file.status().type == .regular
      else { continue }
      var lines = BackwardLines(file, limit: Self.maximumLine)
      while let line = try lines.next() {
        if case .whole([]) = line { continue }
        guard case .whole(let bytes) = line, let record = try? decoder.decode(RunRecord.self, from: Data(bytes)) else {
          skipped += 1
          continue
        }
        if try !body(record) { return skipped }
      }
    }
    return skipped
  }

  private func fileName(_ number: Int) -> [UInt8] { Array((number == 0 ? name : "\(name).\(number)").utf8) }

  /// The file to add to, after a full one was put aside.
  private func rotated(_ folder: OpenFile) throws(FileError) -> OpenFile {
    let file = try OpenFile.open(fileName(0), at: folder, [.read, .write, .create, .noFollow], mode: 0o600)
    guard try file.status().size >= Self.rotationSize else { return file }
    for number in stride(from: Self.keptFiles - 1, through: 0, by: -1) {
      // `try?`: there may be none of that number.
      try? FileSystem.rename(from: folder, fromName: fileName(number), to: folder, toName: fileName(number + 1), replace: true)
    }
    return try OpenFile.open(fileName(0), at: folder, [.read, .write, .create, .noFollow], mode: 0o600)
  }

  /// A record takes a millisecond. Who holds the lock for long was stopped or hangs, and a backup is not to wait for that.
  private static func take(_ lock: OpenFile) throws {
    for _ in 0..<100 {
      if lock.tryLockExclusive() { return }
      usleep(50_000)
    }
    throw CairnError(.failed, "The journal of runs is being written by another process for more than 5 seconds.")
  }

  private func byte(of file: OpenFile, at offset: UInt64) throws(FileError) -> UInt8 {
    var byte: UInt8 = 0
    let result = withUnsafeMutableBytes(of: &byte) { buffer in Result { () throws(FileError) in try file.read(into: buffer, at: offset) } }
    _ = try result.get()
    return byte
  }
}

/// The lines of a file from its end, in windows of 64 KiB.
struct BackwardLines {
  enum Line {
    /// Without its end.
    case whole([UInt8])
    /// Of more than the limit; what it says is left out.
    case tooLong
  }

  private let file: OpenFile
  private let limit: Int
  /// What was read and not yet given out; it stands in the file before `end`.
  private var pending: [UInt8] = []
  /// Where the next window ends.
  private var position: UInt64?

  init(_ file: OpenFile, limit: Int) {
    self.file = file
    self.limit = limit
  }

  /// The line before the last one given out; nil at the beginning of the file.
  mutating func next() throws -> Line? {
    var position = try self.position ?? file.status().size
    defer { self.position = position }
    var isTooLong = false
    while true {
      let newline = pending.lastIndex(of: 0x0a)
      let start = newline.map { $0 + 1 } ?? 0
      if pending.count - start > limit { isTooLong = true }
      if newline != nil || position == 0 {
        let line = isTooLong ? [] : Array(pending[start...])
        pending.removeSubrange((newline ?? 0)...)
        if newline == nil, line.isEmpty, !isTooLong { return nil }
        return isTooLong ? .tooLong : .whole(line)
      }
      if isTooLong { pending = [] }
      let length = min(position, 64 << 10)
      position -= length
      var window = [UInt8](repeating: 0, count: Int(length))
      let count = try window.withUnsafeMutableBytes { try file.read(into: $0, at: position) }
      pending = window[..<count] + pending
    }
  }
}
