package import CairnFormat
package import CairnStorage
import CairnSystem
import Synchronization

/// An open repository: its storage, keys and choices. Cheap to pass around; safe from any thread.
///
/// Everything blocks. Opening reads the config, the key slots and nothing else, and writes nothing.
public final class Repository: Sendable {
  package let storage: any Storage
  package let keys: KeySet
  package let config: Config
  package let options: OpenOptions
  /// The name of the slot that opened the repository.
  package let currentSlot: String
  package let currentSlotInfo: SlotInfo
  /// For `key add` and `key export`; never leaves memory otherwise.
  package let master: SecretBytes
  package let sink: any ProgressSink
  /// What was said already of differences to earlier states.
  let reportedDivergences = Mutex<Set<Divergence>>([])

  package init(
    storage: any Storage, keys: KeySet, config: Config, options: OpenOptions, slot: String, info: SlotInfo, master: SecretBytes,
    sink: any ProgressSink
  ) {
    self.storage = storage
    self.keys = keys
    self.config = config
    self.options = options
    self.currentSlot = slot
    self.currentSlotInfo = info
    self.master = master
    self.sink = sink
  }

  package var id: RepositoryID { config.repository }
  /// 32 lower-case hexadecimal digits.
  public var idHex: String { config.repository.hexadecimal }
  /// Where the repository is, for people.
  public var location: String { storage.location }

  /// Opens a repository.
  ///
  /// - Throws: `CairnError`: `.noRepository`, `.wrongPassword` (no slot of the credential's kind opens), `.unsupportedFormat`,
  ///   `.damaged` when no copy of the config or no slot can be read.
  package static func open(
    _ storage: any Storage, credential: Credential, options: OpenOptions = OpenOptions(), sink: any ProgressSink = NoProgress()
  ) throws -> Repository {
    let copies = try ConfigCopies.read(storage)
    var failure: (any Error)?
    // A damaged copy may have any header: what it says is tried, and so is what the others say.
    for header in try copies.headers(location: storage.location) {
      do {
        guard header.readFeatures & ~Config.knownReadFeatures == 0 else {
          throw CairnError(
            .unsupportedFormat, "The repository at \(storage.location) uses features that this version of cairn does not know.",
            guidance: "Use a newer cairn with this repository.")
        }
        let opened = try KeySlots.unlock(storage, credential: credential, repository: header.repository)
        let keys = KeySet(master: opened.master, repository: header.repository)
        let config = try copies.open(keys, sink: sink, isExported: credential.slotKind == nil)
        return Repository(
          storage: storage, keys: keys, config: config, options: options, slot: opened.name, info: opened.info, master: opened.master,
          sink: sink)
      } catch { failure = failure ?? error }
    }
    throw failure ?? CairnError.damaged("every copy of the config at \(storage.location)", .truncated)
  }

  /// What cuts files into chunks.
  func makeChunker() throws -> Chunker {
    do { return try Chunker(parameters: config.chunker, seed: keys.chunkerSeed) } catch {
      throw CairnError.damaged("the config", .invalid("chunk sizes"))
    }
  }

  /// Refuses to write when the repository needs a newer writer.
  package func requireWritable() throws {
    guard config.writeFeatures & ~Config.knownWriteFeatures == 0 else {
      throw CairnError(
        .unsupportedFormat, "The repository at \(location) may be read but not written by this version of cairn.",
        guidance: "Use a newer cairn to back up.")
    }
  }
}

/// The copies of the config object as found in the storage.
package struct ConfigCopies {
  /// The names of the copies, in order of preference.
  package static let names = ["config", "config.1", "config.2"]
  /// Name and bytes of each copy that could be read.
  package var found: [(name: String, bytes: [UInt8])] = []
  /// Names and reasons of those that could not.
  package var unreadable: [(name: String, reason: String)] = []

  /// - Throws: `CairnError(.noRepository)` when there is none at all.
  package static func read(_ storage: any Storage) throws -> ConfigCopies {
    var copies = ConfigCopies()
    for name in names.prefix(max(1, storage.copies(of: ObjectKey.config))) {
      guard let key = ObjectKey(kind: .config, name: name) else { continue }
      do {
        copies.found.append((name, try storage.readAll(key, limit: Limits.configBytes)))
      } catch StorageError.notFound {
        copies.unreadable.append((name, "it is missing"))
      } catch {
        let failure = CairnError(error, during: "opening the repository")
        if failure.code == .noRepository { throw failure }
        copies.unreadable.append((name, failure.message))
      }
    }
    if copies.found.isEmpty {
      if let other = copies.unreadable.first(where: { $0.reason != "it is missing" }) { throw CairnError(.storage, other.reason) }
      throw CairnError(
        .noRepository, "There is no repository at \(storage.location): it holds no config.",
        guidance: "Create one with 'cairn init', or check the --repo option.")
    }
    return copies
  }

  /// The clear headers of the copies, one for each repository that they name: first what most of them say, then the newest. Nothing in
  /// them is trusted until `open`.
  ///
  /// - Throws: `CairnError(.damaged)` when there is none; never returns an empty array.
  package func headers(location: String) throws -> [ConfigHeader] {
    var named: [(header: ConfigHeader, copies: Int)] = []
    var failure: FormatError?
    for copy in found {
      do {
        let header = try Config.readHeader(copy.bytes)
        if let known = named.firstIndex(where: { $0.header.repository == header.repository }) {
          named[known].copies += 1
          if header.counter > named[known].header.counter { named[known].header = header }
        } else {
          named.append((header, 1))
        }
      } catch { failure = failure ?? error }
    }
    guard !named.isEmpty else { throw CairnError.damaged("every copy of the config at \(location)", failure ?? .truncated) }
    return named.sorted { ($0.copies, $0.header.counter) > ($1.copies, $1.header.counter) }.map(\.header)
  }

  /// Opens the newest copy that authenticates; the others' faults are messages, not errors.
  ///
  /// - Parameter isExported: whether the keys are of an exported key, which nothing else has tried yet.
  package func open(_ keys: KeySet, sink: any ProgressSink, isExported: Bool = false) throws -> Config {
    var best: Config?
    var faults: [(name: String, error: FormatError)] = []
    for copy in found {
      do {
        let config = try Config.open(copy.bytes, keys: keys)
        if best.map({ config.counter > $0.counter }) ?? true { best = config }
      } catch { faults.append((copy.name, error)) }
    }
    guard let best else {
      if isExported { throw CairnError(.wrongPassword, "The exported key does not open the repository.") }
      throw CairnError.damaged("every copy of the config", faults.first?.error ?? .authenticationFailed)
    }
    for fault in faults {
      sink.report(.message("\(fault.name) is damaged (\(fault.error)); another copy is used. Run 'cairn check'."))
    }
    return best
  }
}
