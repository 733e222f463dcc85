import CairnFormat
import CairnStorage
import CairnSystem

extension Repository {
  /// Checks the repository: every copy of config and keys, sessions, registers, log, manifests, index, the head and directory of
  /// every pack, and every tree of every snapshot; on request also every byte of some or all packs.
  ///
  /// Damage of one object never keeps the others from being checked. Nothing is written. Memory: a few bits a blob, about a hundred
  /// bytes a pack, and one buffer of the largest pack for each thread.
  /// - Throws: `CancellationError`; `CairnError` when the storage itself cannot be listed.
  public func check(_ options: CheckOptions = CheckOptions(), context: RunContext = RunContext()) throws -> CheckReport {
    let start = SystemClock.monotonicNanoseconds()
    var report = CheckReport()
    let findings = FindingList()
    try CopyCheck(repository: self, findings: findings).perform()
    try LogCheck(repository: self, findings: findings).perform()
    let view = try loadView(isReporting: false)
    let run = CheckRun(view: view, options: options, context: context, findings: findings)
    let records = try RecordCheck(run: run).perform()
    try ForeignCheck(run: run).perform()
    try PackCheck(run: run, records: records).perform()
    try TreeCheck(run: run).perform()
    if options.acceptsRollback { accept(view.state) } else { AnchorCheck(state: view.state, findings: findings).perform() }
    findings.finish(into: &report)
    run.fill(&report)
    report.seconds = Double(SystemClock.monotonicNanoseconds() - start) / 1e9
    return report
  }
}

/// What the parts of a check share.
final class CheckRun: Sendable {
  let view: RepositoryView
  let options: CheckOptions
  let context: RunContext
  let findings: FindingList
  let damage = DamageMap()
  let packs = Counter()
  let packsRead = Counter()
  let bytesRead = Counter()
  let blobsRead = Counter()
  let treesRead = Counter()

  var repository: Repository { view.repository }
  var storage: any Storage { view.repository.storage }
  var keys: KeySet { view.repository.keys }
  var threads: Int { max(1, context.threads ?? Host.processorCount) }

  init(view: RepositoryView, options: CheckOptions, context: RunContext, findings: FindingList) {
    self.view = view
    self.options = options
    self.context = context
    self.findings = findings
  }

  func fill(_ report: inout CheckReport) {
    report.snapshots = UInt64(view.snapshots.count)
    report.packs = packs.value
    report.packsRead = packsRead.value
    report.bytesRead = bytesRead.value
    report.blobsRead = blobsRead.value
    report.treesRead = treesRead.value
  }
}

/// Why an object is not as it should be; completes a sentence that begins with the object.
struct ObjectFault: Error {
  let what: String

  /// Runs `body`, and turns what is wrong with the one object it reads into a fault.
  static func catching<R>(_ body: () throws -> R) throws -> Result<R, ObjectFault> {
    do { return .success(try body()) } catch let error as FormatError {
      return .failure(ObjectFault(what: error.predicate))
    } catch let error as StorageError {
      return .failure(ObjectFault(what: error.predicate))
    } catch let fault as ObjectFault {
      return .failure(fault)
    } catch let error as CairnError where error.concernsOneObject {
      return .failure(
        ObjectFault(what: "cannot be used: " + (error.message.hasSuffix(".") ? String(error.message.dropLast()) : error.message)))
    }
  }

  /// What is wrong, where the sentence begins with the object's path and its reason did, too.
  func predicate(of path: String) -> String {
    let repeated = "cannot be used: \(path) "
    return what.hasPrefix(repeated) ? String(what.dropFirst(repeated.count)) : what
  }
}

extension Storage {
  /// Reads a small object and, when its name says so, compares its hash.
  func checkedBytes(_ key: ObjectKey, limit: Int, hash: ObjectHash? = nil) throws -> [UInt8] {
    let size = try size(of: key)
    guard size > 0 else { throw ObjectFault(what: "is empty") }
    guard size <= UInt64(limit) else { throw ObjectFault(what: "has \(size) bytes, more than such an object can have") }
    let bytes = try readAll(key, limit: limit)
    if let hash, SHA256Digest.hash(bytes) != hash {
      throw ObjectFault(what: "is damaged: its \(bytes.count) bytes do not hash to its name")
    }
    return bytes
  }
}
