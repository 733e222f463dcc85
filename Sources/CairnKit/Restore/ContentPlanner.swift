import CairnFormat
import CairnSystem

/// Takes files apart into pieces and hands them on, a window at a time. Belongs to the walk.
struct ContentPlanner {
  private let run: RestoreRun
  private let trees: TreeReader
  private let windows: BoundedQueue<ContentWindow>
  private var window = ContentWindow()

  init(_ run: RestoreRun, _ windows: BoundedQueue<ContentWindow>) {
    self.run = run
    self.windows = windows
    trees = run.view.trees
  }

  /// Plans a file's content. From here on the file belongs to the threads that fetch, which finish it.
  mutating func plan(_ file: PendingFile, _ node: Node) throws {
    var place = add(file)
    var offset: UInt64 = 0
    var pieces = 0
    if file.comparison != .trusted {
      do {
        var cursor = trees.content(node)
        while let item = try cursor.next() {
          try run.context.cancellation.check()
          if window.isFull(fileBudget: run.openFileBudget) {
            try flush()
            place = add(file)
          }
          guard append(item, file, place, offset), let end = offset.checkedSum(item.length), end <= UInt64(Int64.max) else {
            throw CairnError.damaged("the content list", .invalid("a length"))
          }
          offset = end
          if item.id != nil { pieces += 1 }
          if pieces == 2 { window.filesOfPieces += 1 }
        }
        guard offset == node.size else { throw CairnError.damaged("the content list", .invalid("the sum of the lengths")) }
      } catch { try run.fail(file, error) }
    } else {
      offset = node.size
    }
    file.size = offset
    window.complete.append(place)
    if window.isFull(fileBudget: run.openFileBudget) { try flush() }
  }

  /// Hands on what has been planned.
  mutating func flush() throws {
    guard !window.isEmpty else { return }
    let full = window
    window = ContentWindow()
    // Refused only when another thread has failed; its error is the one that surfaces.
    guard windows.push(full) else { throw CancellationError() }
  }

  private func add(_ file: PendingFile) -> UInt32 {
    window.files.append(file)
    return UInt32(window.files.count - 1)
  }

  private func append(_ item: ContentItem, _ file: PendingFile, _ place: UInt32, _ offset: UInt64) -> Bool {
    file.endsInHole = item.id == nil
    guard let id = item.id else {
      guard let end = offset.checkedSum(item.length) else { return false }
      if file.comparison == .content { window.holes.append(ContentWindow.Hole(file: place, range: offset..<end)) }
      return true
    }
    guard item.length <= UInt64(Limits.blobBytes) else { return false }
    window.pieces.append(ContentPiece(id: id, fileOffset: offset, length: UInt32(item.length), file: place))
    return true
  }
}

extension UInt64 {
  /// The sum; nil when it does not fit.
  func checkedSum(_ other: UInt64) -> UInt64? {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? nil : sum
  }
}
