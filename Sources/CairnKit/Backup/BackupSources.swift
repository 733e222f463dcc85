import CairnSystem
import Glibc

/// The sources of one run, looked up and put in order.
struct BackupSources {
  /// nil when the content comes from a stream.
  let plan: SourcePlan?
  /// Absolute paths, sorted, each once: for the manifest and the series.
  let paths: [[UInt8]]
  /// Sources that exist.
  let count: Int

  /// Finds out what there is to back up; what is missing is reported.
  ///
  /// - Throws: `CairnError(.sourceMissing)` when nothing is left, `.usage` when nothing was named.
  static func find(_ options: BackupOptions, _ context: RunContext) throws -> BackupSources {
    if let input = options.standardInput {
      guard options.sources.isEmpty else { throw CairnError(.usage, "Standard input and sources cannot be backed up together.") }
      let absolute = SourcePlan.source(input.name, workingDirectory: [0x2f]).absolute
      return BackupSources(plan: nil, paths: [PathNode.absolute(absolute).bytes()], count: 1)
    }
    if let image = options.image {
      guard options.sources.isEmpty else { throw CairnError(.usage, "An image and other sources cannot be backed up together.") }
      let source = SourcePlan.source(image.path, workingDirectory: try workingDirectory(options, [image.path]))
      return BackupSources(plan: nil, paths: [PathNode.absolute(source.absolute).bytes()], count: 1)
    }
    guard !options.sources.isEmpty else {
      throw CairnError(.usage, "Nothing was named to back up.", guidance: "Name at least one file or directory.")
    }
    let here = try workingDirectory(options, options.sources)
    let all = options.sources.filter { !$0.isEmpty }.map { SourcePlan.source($0, workingDirectory: here) }
    var found: [SourcePlan.Source] = []
    for source in all where try exists(source, context) {
      if !found.contains(where: { $0.absolute == source.absolute && $0.stored == source.stored }) { found.append(source) }
    }
    guard !found.isEmpty else {
      throw CairnError(
        .sourceMissing, "None of the sources can be read, so no snapshot was made.", guidance: "Check the paths: \(list(options.sources)).")
    }
    let plan = try SourcePlan(try expanded(found, workingDirectory: here))
    // The series is that of what was asked for, so that a source that is missing once does not begin another.
    let paths = Set(all.map { PathNode.absolute($0.absolute).bytes() }).sorted { $0.lexicographicallyPrecedes($1) }
    return BackupSources(plan: plan, paths: paths, count: found.count)
  }

  private static func list(_ sources: [[UInt8]]) -> String {
    sources.prefix(5).map(Escaping.terminal).joined(separator: ", ") + (sources.count > 5 ? ", …" : "")
  }

  static func workingDirectory(_ options: BackupOptions, _ sources: [[UInt8]]) throws -> [UInt8] {
    if let given = options.workingDirectory { return given }
    guard let path = getcwd(nil, 0) else {
      guard sources.contains(where: { $0.first != 0x2f }) else { return [0x2f] }
      throw CairnError(.sourceMissing, "The working directory does not exist any more.", guidance: "Name the sources by absolute paths.")
    }
    defer { free(path) }
    return Array(UnsafeRawBufferPointer(start: path, count: strlen(path)))
  }

  private static func exists(_ source: SourcePlan.Source, _ context: RunContext) throws -> Bool {
    do {
      let parent = try OpenFile.open(PathNode.absolute(source.absolute.dropLast()).bytes(), [.path, .directory])
      if let name = source.absolute.last { _ = try FileSystem.status(at: parent, name: name) }
      return true
    } catch {
      context.problem(PathNode.absolute(source.absolute).bytes(), during: "looking up the source", error.reason)
      return false
    }
  }

  /// A directory whose contents would lie at the root, named together with other sources, becomes the list of its entries.
  private static func expanded(_ sources: [SourcePlan.Source], workingDirectory: [UInt8]) throws -> [SourcePlan.Source] {
    guard sources.count > 1, sources.contains(where: { $0.stored.isEmpty && !$0.absolute.isEmpty }) else { return sources }
    return try sources.flatMap { source -> [SourcePlan.Source] in
      guard source.stored.isEmpty, !source.absolute.isEmpty else { return [source] }
      do throws(FileError) {
        let listing = try OpenFile.open(PathNode.absolute(source.absolute).bytes(), [.read, .directory, .nonBlock]).list()
        return (0..<listing.count).map { index in
          let name = listing.name(index)
          return SourcePlan.Source(typed: source.typed + [0x2f] + name, absolute: source.absolute + [name], stored: [name])
        }
      } catch {
        throw CairnError(.sourceMissing, "The source \(Escaping.path(source.absolute)) cannot be read: \(error.reason).")
      }
    }
  }
}

extension PathNode {
  static func absolute(_ components: ArraySlice<[UInt8]>) -> PathNode { absolute(Array(components)) }
}
