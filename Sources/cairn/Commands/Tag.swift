import ArgumentParser
import CairnFormat
import CairnKit

/// `cairn tag`
struct Tag: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    abstract: "Changes the tags and the description of snapshots.",
    discussion: "Manifests are never rewritten: the change is a record of the log, and ids stay.")

  @Argument(help: ArgumentHelp("Snapshots to change; default all that the filters let through.", valueName: "snapshot"))
  var ids: [String] = []

  @Option(parsing: .unconditionalSingleValue, help: ArgumentHelp("Add tags.", valueName: "tag,..."))
  var add: [CommaList] = []

  @Option(parsing: .unconditionalSingleValue, help: ArgumentHelp("Remove tags.", valueName: "tag,..."))
  var remove: [CommaList] = []

  @Option(parsing: .unconditionalSingleValue, help: ArgumentHelp("Replace all tags; '' leaves none.", valueName: "tag,..."))
  var set: [CommaList] = []

  @Option(parsing: .unconditional, help: ArgumentHelp("Replace the description.", valueName: "text"))
  var description: String?

  @OptionGroup(title: "Filters") var filters: FilterOptions
  @OptionGroup(title: "Global options") var global: GlobalOptions

  func validate() throws {
    if !set.isEmpty && !(add.isEmpty && remove.isEmpty) { throw ValidationError("--set excludes --add and --remove.") }
    if set.isEmpty && add.isEmpty && remove.isEmpty && description == nil {
      throw ValidationError("Nothing to change: use --add, --remove, --set or --description.")
    }
  }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let repository = try run.openRepository()
    let list = try run.list(repository)
    let chosen = try run.choose(ids, from: list.snapshots, filters.filter(run), forgotten: list.forgottenIDs)
    let text = description.map { Array($0.utf8) }
    let changes = chosen.compactMap { snapshot -> (Snapshot, tags: [[UInt8]]?, description: [UInt8]?)? in
      let tags = newTags(snapshot.manifest.tags)
      let isSame = tags == snapshot.manifest.tags && (text ?? snapshot.manifest.description) == snapshot.manifest.description
      return isSame ? nil : (snapshot, tags == snapshot.manifest.tags ? nil : tags, text)
    }
    try repository.amend(changes.map { ($0.0.id, tags: $0.tags, description: $0.description) })
    report(changes.map(\.0), to: run.console)
    return list.isComplete ? .success : .incomplete
  }

  private func newTags(_ old: [[UInt8]]) -> [[UInt8]] {
    let bytes: ([CommaList]) -> [[UInt8]] = { $0.flatMap(\.items).map { Array($0.utf8) } }
    var tags = set.isEmpty ? old : []
    for tag in bytes(set) + bytes(add) where !tags.contains(tag) { tags.append(tag) }
    let removed = bytes(remove)
    return tags.filter { !removed.contains($0) }
  }

  private func report(_ changed: [Snapshot], to console: Console) {
    guard console.json else { return console.remark("changed \(Human.count(UInt64(changed.count), "snapshot"))") }
    for snapshot in changed {
      console.line(
        JSONLine.object { line in
          line.member("message_type", "changed")
          line.member("old_snapshot_id", snapshot.idHex)
          line.member("new_snapshot_id", snapshot.idHex)
        })
    }
    console.line(
      JSONLine.object { line in
        line.member("message_type", "summary")
        line.member("changed_snapshot_count", changed.count)
      })
  }
}
