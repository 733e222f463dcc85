import Benchmark
import CairnFormat
import CairnKit
import CairnStorage
import CairnSystem
import CairnTestSupport

/// Whole backups and restores within this process, and what a backup does with data that is there already.
func runs() {
  let size = 256 << 20
  part(
    "duplicates: cut, id, look-up", goal: "1000", .bytes(size), prepare: { try Known(bytes: size) }, { try $0.ingest() })
  part(
    "backup of a known file, read again", goal: "1000 a core", .bytes(size), isWhole: true,
    prepare: { try Known(bytes: size) },
    { known in
      var options = known.source.options
      options.readEverything = true
      _ = try known.source.backup(options)
    })
  let files = 50_000
  part(
    "unchanged backup of 50 000 files", goal: "200 elapsed", .items(files), isWhole: true,
    prepare: {
      let source = try Source()
      try source.write(files: files)
      _ = try source.backup(source.options)
      return source
    },
    { source in
      let report = try source.backup(source.options)
      guard report.statistics.filesUnchanged == UInt64(files) else { throw CairnError(.failed, "The tree has changed.") }
    })
  // With the repository 1.6 GB in memory.
  let restored = 768 << 20
  part(
    "restore of noise", goal: "500 a core", .bytes(restored), isWhole: true, prepare: { try Restorable(bytes: restored) },
    tidy: { try $0.removeTarget() }, { try $0.restore() })
}

/// A folder to back up, and a repository beside it.
final class Source {
  let directory = TemporaryDirectory()
  private let storage: LocalStorage

  init() throws {
    try FileSystem.makeDirectory(at: directory.open(), name: Array("source".utf8))
    storage = try LocalStorage.create(path: directory.path("repository"))
    _ = try TestRepository.create(storage, chunker: .normal, groupBytes: 1 << 20, cacheDirectory: directory.path("cache"))
  }

  var options: BackupOptions {
    var options = BackupOptions()
    options.sources = [directory.path("source")]
    return options
  }

  func open() throws -> Repository { try TestRepository.open(storage, cacheDirectory: directory.path("cache")) }

  func backup(_ options: BackupOptions) throws -> BackupReport {
    let report = try open().backup(options, context: RunContext())
    guard report.problems == 0 else { throw CairnError(.failed, "The backup had problems.") }
    return report
  }

  /// Small files, 500 in a folder.
  func write(files: Int) throws {
    let top = try OpenFile.open(directory.path("source"), [.read, .directory])
    for number in 0..<files {
      let folder = "folder-\(1000 + number / 500)"
      if number % 500 == 0 { try FileSystem.makeDirectory(at: top, name: Array(folder.utf8)) }
      try directory.write("source/\(folder)/file-\(number).txt", Samples.noise(64, seed: UInt64(number)))
    }
  }
}

/// A file whose every chunk the repository has.
private final class Known {
  let source: Source
  private let bytes: [UInt8]
  private let chunker: Chunker
  private let keys: KeySet
  private let index: BlobIndex

  init(bytes count: Int) throws {
    source = try Source()
    bytes = Samples.noise(count)
    try source.directory.write("source/noise", bytes)
    _ = try source.backup(source.options)
    let repository = try source.open()
    keys = repository.keys
    chunker = try Chunker(parameters: repository.config.chunker, seed: keys.chunkerSeed)
    index = try repository.loadView().index
  }

  func ingest() throws {
    try bytes.withUnsafeBytes { bytes in
      try forEachChunk(bytes, chunker) { (chunk) throws -> Void in
        guard try index.contains(keys.blobID(.data, chunk).key) else { throw CairnError(.failed, "A chunk is not there.") }
      }
    }
  }
}

private final class Restorable {
  private let source: Source
  private let snapshot: Snapshot

  init(bytes: Int) throws {
    source = try Source()
    for number in 0..<bytes >> 26 { try source.directory.write("source/noise-\(number)", Samples.noise(64 << 20, seed: UInt64(number))) }
    guard let made = try source.backup(source.options).snapshot else { throw CairnError(.failed, "No snapshot was made.") }
    snapshot = made
    try remove("source")
  }

  func restore() throws {
    let options = RestoreOptions(snapshot: snapshot, target: source.directory.path("target"))
    guard try source.open().restore(options, context: RunContext()).problems == 0 else {
      throw CairnError(.failed, "The restore had problems.")
    }
  }

  func removeTarget() throws { try remove("target") }

  private func remove(_ name: String) throws { try FileSystem.removeTree(at: source.directory.open(), name: Array(name.utf8)) }
}
