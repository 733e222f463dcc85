package import CairnKit

/// What a profile backs up and how: the options of `backup`, by the same names.
package struct SourceSettings: Sendable {
  package var paths: [[UInt8]]?
  package var filesFrom: [[UInt8]]?
  package var filesFromVerbatim: [[UInt8]]?
  package var filesFromRaw: [[UInt8]]?
  /// A program and its arguments; what it prints is backed up.
  package var command: [String]?
  /// The path of what the command prints in the snapshot.
  package var commandFilename: String?
  /// A disk, a partition or a file that holds the image of one.
  package var image: [UInt8]?
  package var skipBadSectors: Bool?

  package var exclude: [String]?
  package var iexclude: [String]?
  package var excludeFile: [[UInt8]]?
  package var iexcludeFile: [[UInt8]]?
  package var excludeIfPresent: [String]?
  package var excludeCaches: Bool?
  package var excludeLargerThan: UInt64?
  package var oneFileSystem: Bool?
  package var ignoreFile: [String]?

  package var kind: BackupOptions.KindChoice?
  package var description: String?
  package var ignoreInode: Bool?
  package var ignoreCtime: Bool?
  package var skipIfUnchanged: Bool?
  package var readConcurrency: Int?
  package var readBack: Bool?

  /// Whether anything to back up is named.
  package var isEmpty: Bool { !hasPaths && command == nil && image == nil }
  private var hasPaths: Bool { [paths, filesFrom, filesFromVerbatim, filesFromRaw].contains { $0 != nil } }

  init(_ reader: inout SectionReader) {
    paths = reader.paths("sources")
    filesFrom = reader.paths("files-from")
    filesFromVerbatim = reader.paths("files-from-verbatim")
    filesFromRaw = reader.paths("files-from-raw")
    command = reader.strings("stdin-from-command")
    commandFilename = reader.string("stdin-filename")
    image = reader.path("image")
    skipBadSectors = reader.boolean("skip-bad-sectors")
    if skipBadSectors != nil && !reader.has("image") { reader.mistake("skip-bad-sectors", "needs 'image'") }
    let kinds = [("sources", hasPaths), ("stdin-from-command", command != nil), ("image", image != nil)].filter(\.1).map(\.0)
    if kinds.count > 1 { reader.mistake(kinds[1], "and '\(kinds[0])' exclude each other; make a profile for each") }
    if commandFilename != nil && command == nil && !reader.has("stdin-from-command") {
      reader.mistake("stdin-filename", "needs 'stdin-from-command'")
    }
    exclude = reader.patterns("exclude")
    iexclude = reader.patterns("iexclude")
    excludeFile = reader.paths("exclude-file")
    iexcludeFile = reader.paths("iexclude-file")
    excludeIfPresent = reader.strings("exclude-if-present")
    excludeCaches = reader.boolean("exclude-caches")
    excludeLargerThan = reader.size("exclude-larger-than")
    oneFileSystem = reader.boolean("one-file-system")
    ignoreFile = reader.strings("ignore-file")
    kind = reader.choice("kind", BackupOptions.KindChoice.self)
    description = reader.string("description")
    ignoreInode = reader.boolean("ignore-inode")
    ignoreCtime = reader.boolean("ignore-ctime")
    skipIfUnchanged = reader.boolean("skip-if-unchanged")
    readConcurrency = reader.integer("read-concurrency", 1...256)
    readBack = reader.boolean("read-back")
  }
}
