import CairnFormat

extension BlobIndex {
  /// The place that an ordinal stands for; nil when there is none.
  func location(at ordinal: Int) throws -> BlobLocation? {
    guard ordinal >= 0 else { return nil }
    var position = ordinal
    for run in runs {
      guard position >= run.image.entryCount else {
        do { return try run.location(run.image.entry(position), ordinal: ordinal) } catch let error as FormatError {
          throw CairnError(
            .failed, "The index cache is damaged (\(error)).",
            guidance: "Run the command again with --no-cache, or remove the cache directory.")
        }
      }
      position -= run.image.entryCount
    }
    return nil
  }

  /// Type and length of the blob with an ordinal; nil when there is none.
  func blob(at ordinal: Int) throws -> (type: BlobType, length: Int)? {
    try location(at: ordinal).map { ($0.type, $0.length) }
  }
}
