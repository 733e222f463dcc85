import CairnStorage

/// Finds files in the repository's folders that are no objects.
struct ForeignCheck {
  let run: CheckRun

  func perform() throws {
    let obstructions = Set(try run.repository.obstructions().map(\.path))
    for path in obstructions {
      run.findings.add(path, "is not a file, and no object can be stored there", .harmless, next: CheckAdvice.obstruction)
    }
    for kind in ObjectKey.Kind.allCases {
      let paths = try storageCall("listing \(kind.rawValue)") { try run.storage.foreign(kind) }
      for path in paths where !obstructions.contains(path) {
        run.findings.add(
          path, "does not belong to the repository", .garbage, next: CheckAdvice.foreign(path, at: run.storage.location))
      }
    }
  }
}
