import CairnFormat
import CairnKit
import CairnSystem
import Glibc

/// Times single look-ups in the index of a synthetic repository, by the processor's time.
struct LookUps {
  let repository: Repository
  let blobs: Int

  /// - Returns: JSON: seconds until there is a view, nanoseconds of one look-up by kind.
  func measure() throws -> String {
    let begin = SystemClock.monotonicNanoseconds()
    let view = try repository.loadView()
    let loaded = SystemClock.monotonicNanoseconds()
    let count = min(blobs, 1_000_000)
    // Strides that are prime to the counts, so that every page of the index is as likely as another.
    let present = try time(view.index, (0..<count).map { $0 &* 7_368_787 % blobs }, areThere: true)
    let absent = try time(view.index, (0..<count).map { blobs + $0 }, areThere: false)
    return """
      {"blobs": \(view.index.count), "load_seconds": \(Double(loaded - begin) / 1e9), "look_ups": \(count), \
      "present_ns": \(present), "absent_ns": \(absent)}
      """
  }

  private func time(_ index: BlobIndex, _ numbers: [Int], areThere: Bool) throws -> Double {
    let keys = numbers.map { repository.keys.blobID(.data, SyntheticTree.content($0)).key }
    let begin = Self.processorNanoseconds()
    var found = 0
    for key in keys where try index.contains(key) { found += 1 }
    let end = Self.processorNanoseconds()
    guard found == (areThere ? keys.count : 0) else {
      throw CairnError(.failed, "Of \(keys.count) blobs that are \(areThere ? "" : "not ")there, \(found) were found.")
    }
    return Double(end - begin) / Double(max(1, keys.count))
  }

  private static func processorNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
