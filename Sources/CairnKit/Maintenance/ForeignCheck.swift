import CairnStorage

/// Finds files in the repository's folders that are no objects.
struct ForeignCheck {
  let run: CheckRun

  func perform() throws {
    for kind in ObjectKey.Kind.allCases {
      let paths = try storageCall("listing \(kind.rawValue)") { try run.storage.foreign(kind) }
      for path in paths {
        run.findings.add(
          path, "does not belong to the repository", .garbage, next: CheckAdvice.foreign(path, at: run.storage.location))
      }
    }
  }
}
