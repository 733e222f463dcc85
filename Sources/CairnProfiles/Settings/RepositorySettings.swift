/// `[repository.NAME]`: a place for snapshots, and what opens it.
package struct RepositorySettings: Sendable {
  /// What opens the repository; nothing here holds a password itself.
  package enum Secret: Sendable, Equatable {
    case passwordFile([UInt8])
    /// Run by a shell.
    case passwordCommand(String)
    case keyFile([UInt8])
  }

  package let name: String
  package let place: ConfigPlace
  package private(set) var path: [UInt8]?
  /// nil: a variable, or the terminal.
  package private(set) var secret: Secret?
  package private(set) var cacheDirectory: [UInt8]?
  /// Keep no cache.
  package private(set) var noCache = false
  /// Bytes for tables and caches.
  package private(set) var memory: UInt64?
  package private(set) var compression: CompressionChoice?

  init(name: String, _ reader: inout SectionReader) {
    self.name = name
    place = reader.place
    path = reader.path("path")
    if path == nil && !reader.has("path") {
      reader.log.mistake(place, "the repository '\(name)' has no path; write path = \"/where/it/is\"")
    }
    let secrets: [(String, Secret?)] = [
      ("password-file", reader.path("password-file").map(Secret.passwordFile)),
      ("password-command", reader.string("password-command").map(Secret.passwordCommand)),
      ("key-file", reader.path("key-file").map(Secret.keyFile)),
    ]
    let given = secrets.filter { reader.has($0.0) }
    if given.count > 1 {
      reader.mistake(given[1].0, "and '\(given[0].0)' are both there; leave one of them")
    }
    secret = given.first?.1
    cacheDirectory = reader.path("cache-dir")
    noCache = reader.boolean("no-cache") ?? false
    if noCache && cacheDirectory != nil { reader.mistake("no-cache", "and 'cache-dir' exclude each other") }
    memory = reader.size("memory")
    if let memory, memory < 16 << 20 { reader.mistake("memory", "must be at least \"16M\"") }
    compression = reader.parsed("compression", "\"auto\", \"off\", 1 to 19, \"fastest\", \"better\" or \"max\"") {
      CompressionChoice(argument: $0)
    }
    reader.finish()
  }
}
