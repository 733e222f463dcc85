import CairnAutomation
import CairnKit
import CairnSystem
import CairnTestSupport
import Foundation
import Testing

@Suite(.timeLimit(.minutes(1))) struct JournalTests {
  private let directory = TemporaryDirectory()
  private var journal: Journal { Journal(state: Array(directory.string.utf8)) }

  private func record(_ number: Int, message: String? = nil) -> RunRecord {
    var record = RunRecord(command: .backup, started: Int64(number), ended: Int64(number) + 5, outcome: .success, status: 0)
    record.profile = "home"
    record.trigger = .catchUp
    record.message = message
    record.snapshot = .init(
      id: "00ff", kind: "full", base: nil, filesNew: 1, filesChanged: 2, filesUnmodified: 3, totalBytes: 4, addedBytes: 5, storedBytes: 6,
      problems: 0)
    return record
  }

  private func all() throws -> (records: [RunRecord], skipped: Int) {
    var records: [RunRecord] = []
    let skipped = try journal.forEachNewestFirst {
      records.append($0)
      return true
    }
    return (records, skipped)
  }

  @Test func recordsComeBackNewestFirst() throws {
    #expect(try all().records.isEmpty)
    for number in 1...3 { try journal.append(record(number, message: "line\nend \u{1b}[31m")) }
    let found = try all()
    #expect(found.records == [3, 2, 1].map { record($0, message: "line\nend \u{1b}[31m") })
    #expect(found.skipped == 0)
    var first: [Int64] = []
    try journal.forEachNewestFirst {
      first.append($0.started)
      return false
    }
    #expect(first == [3])
  }

  @Test func cutAndForeignLinesAreSkipped() throws {
    try journal.append(record(1))
    let file = directory.string + "/journal.jsonl"
    let handle = try #require(FileHandle(forWritingAtPath: file))
    handle.seekToEndOfFile()
    handle.write(Data("\nno record\n{\"schema\":1}\n{\"command\":\"backup\",\"sta".utf8))
    try handle.close()
    try journal.append(record(2))
    let found = try all()
    #expect(found.records.map(\.started) == [2, 1])
    #expect(found.skipped == 3)
  }

  @Test func unknownMembersDoNotHurt() throws {
    try directory.write(
      "journal.jsonl", Array(#"{"command":"check","ended":9,"later":{"a":[1]},"outcome":"failure","schema":1,"started":8,"status":1}"#.utf8)
    )
    #expect(try all().records == [RunRecord(command: .check, started: 8, ended: 9, outcome: .failure, status: 1)])
  }

  @Test func linesAreFoundAcrossWindowsAndFiles() throws {
    // Lines of many lengths, so that ends of windows fall everywhere in them.
    let count = 500
    for number in 1...count { try journal.append(record(number, message: String(repeating: "x", count: number * 937 % 30_000))) }
    let found = try all()
    #expect(found.skipped == 0)
    #expect(found.records.map(\.started) == (1...Int64(count)).reversed())
    #expect(try FileManager.default.contentsOfDirectory(atPath: directory.string).filter { $0.hasPrefix("journal.jsonl") }.count >= 2)
  }

  @Test func oldFilesAreDropped() throws {
    let text = String(repeating: "y", count: 60_000)
    let perFile = Int(Journal.rotationSize) / 60_000 + 1
    for number in 1...(perFile * (Journal.keptFiles + 3)) { try journal.append(record(number, message: text)) }
    let files = try FileManager.default.contentsOfDirectory(atPath: directory.string).filter { $0.hasPrefix("journal.jsonl") }
    #expect(files.count == Journal.keptFiles + 1)
    let found = try all().records.map(\.started)
    #expect(found.first == Int64(perFile * (Journal.keptFiles + 3)))
    #expect(found == (found.last!...found.first!).reversed())
  }

  @Test func aLineWithoutEndIsOneThatIsSkipped() throws {
    try directory.write("journal.jsonl", [UInt8](repeating: 0x61, count: 1 << 20))
    let one = try all()
    #expect(one.records.isEmpty && one.skipped == 1)
    try journal.append(record(7))
    let found = try all()
    #expect(found.records.map(\.started) == [7] && found.skipped == 1)
  }

  /// Around the limit, and around the windows in which the file is read.
  @Test(arguments: [65_535, 65_536, 65_537, 131_071, 131_072, 131_073, 300_000])
  func longLinesHideNothingAndAreCounted(length: Int) throws {
    let file = directory.string + "/journal.jsonl"
    for number in 1...3 {
      try journal.append(record(number))
      let handle = try #require(FileHandle(forWritingAtPath: file))
      handle.seekToEndOfFile()
      handle.write(Data(count: length) + (number == 2 ? Data() : Data([0x0a])))
      try handle.close()
    }
    try journal.append(record(4))
    let found = try all()
    #expect(found.records.map(\.started) == [4, 3, 2, 1])
    #expect(found.skipped == 3)
  }

  @Test func onlyAFileIsAJournal() throws {
    try journal.append(record(1))
    let folder = try directory.open()
    try FileSystem.rename(
      from: folder, fromName: Array("journal.jsonl".utf8), to: folder, toName: Array("journal.jsonl.2".utf8), replace: false)
    try FileSystem.makeNode(at: folder, name: Array("journal.jsonl".utf8), type: .fifo)
    try FileSystem.makeDirectory(at: folder, name: Array("journal.jsonl.1".utf8))
    #expect(try all().records.map(\.started) == [1])
    #expect(throws: CairnError.self) { try journal.append(record(2)) }
  }

  @Test func writersAtTheSameTimeLoseNothing() async throws {
    let journal = journal
    await withTaskGroup(of: Void.self) { group in
      for worker in 0..<4 {
        let records = (0..<25).map { record(worker * 25 + $0 + 1) }
        group.addTask { for record in records { try? journal.append(record) } }
      }
    }
    #expect(Set(try all().records.map(\.started)) == Set(1...100))
  }
}
