import CairnFormat
import CairnStorage

/// Checks the maintenance log: every record by itself, and that each follows the one before it.
struct LogCheck {
  let repository: Repository
  let findings: FindingList

  func perform() throws {
    let storage = repository.storage
    var numbers: [(UInt64, ObjectKey)] = []
    try storageCall("listing the maintenance log") {
      try storage.list(.log) { key, _ in
        if let number = Hexadecimal.number64(key.name) {
          numbers.append((number, key))
        } else {
          findings.add(key.path, "is no record of the log", .garbage, next: CheckAdvice.foreign(key.path, at: storage.location))
        }
      }
    }
    var ignored: [ItemProblem] = []
    let start = try LogState.read(storage, keys: repository.keys, problems: &ignored).start
    var expected = start
    var digest: ObjectHash? = start == 0 ? .zero : nil
    var last: UInt64?
    for (number, key) in numbers.sorted(by: { $0.0 < $1.0 }) {
      defer { last = number }
      guard number >= start else {
        findings.add(key.path, "is older than the newest checkpoint", .garbage, next: CheckAdvice.prune)
        continue
      }
      guard !LogState.isStray(number, after: last) else {
        let what = "is far beyond the newest record, so it is no record of the log"
        findings.add(key.path, what, .harmless, next: CheckAdvice.replace(key.path))
        continue
      }
      if number != expected { reportGap(from: expected, to: number) }
      digest = try check(number, key, after: number == expected ? digest : nil)
      expected = number + 1
    }
    try checkEnd(expected)
  }

  /// Session ids carry the length that the log had when they were announced: it cannot be shorter now.
  private func checkEnd(_ length: UInt64) throws {
    var announced: UInt64 = 0
    try storageCall("listing the commit registers") {
      try repository.storage.list(.commits) { key, _ in
        guard let session = SessionID(hex: key.name), UInt64(session.epoch) > max(announced, length) else { return }
        // Anybody can give a file such a name.
        let result = try ObjectFault.catching { _ = try Records.commit(session, repository.storage, repository.keys) }
        if case .success = result { announced = UInt64(session.epoch) }
      }
    }
    guard announced > length else { return }
    // It may have grown since it was listed.
    var grown = length
    try storageCall("listing the maintenance log") {
      try repository.storage.list(.log) { key, _ in
        if let number = Hexadecimal.number64(key.name), !LogState.isStray(number, after: nil) { grown = max(grown, number + 1) }
      }
    }
    if announced > grown { reportGap(from: grown, to: announced) }
  }

  /// - Parameter previous: the digest of the record before, when that was good.
  /// - Returns: the digest of this record, when it is good.
  private func check(_ number: UInt64, _ key: ObjectKey, after previous: ObjectHash?) throws -> ObjectHash? {
    let result = try ObjectFault.catching {
      let bytes = try repository.storage.checkedBytes(key, limit: Envelope.Kind.log.maximumStoredBytes)
      let content = try Envelope.open(.log, logicalName: LogicalName.log(number), bytes, keys: repository.keys)
      let record = try LogRecord.decode(content)
      guard record.index == number else { throw FormatError.invalid("index of the record") }
      return (record, SHA256Digest.hash(bytes))
    }
    switch result {
    case .failure(let fault):
      findings.add(
        key.path, "\(fault.what): what maintenance decided there (snapshots forgotten, tags changed, packs removed) is not known",
        .harmless, next: CheckAdvice.replace(key.path))
      return nil
    case .success(let (record, digest)):
      if let previous, record.previous != previous {
        findings.add(
          key.path, "does not follow the record before it: one of the two was replaced", .harmless, next: CheckAdvice.replace(key.path))
      }
      return digest
    }
  }

  private func reportGap(from first: UInt64, to next: UInt64) {
    let name = "log/\(Records.logName(first))"
    let what = next - first == 1 ? "is missing" : "and \(next - first - 1) records behind it are missing"
    findings.add(
      name, "\(what): what maintenance decided there is not known", .harmless, next: CheckAdvice.replace(name))
  }
}
