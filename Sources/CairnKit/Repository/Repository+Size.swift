import CairnStorage

extension Repository {
  /// Bytes of all objects that the repository stores; its directories and what lies about are not counted.
  public func storedBytes() throws -> UInt64 {
    var total: UInt64 = 0
    try storageCall("listing the repository") {
      for kind in ObjectKey.Kind.allCases { try storage.list(kind) { _, size in total = total.addingReportingOverflow(size).partialValue } }
    }
    return total
  }
}
