import CairnProfiles
import CairnSystem

/// Which file systems there are: by the links that udev keeps, else by `blkid`.
struct VolumeLook {
  /// Seconds between two looks at links, and at what `blkid` is asked about.
  static let interval: Int64 = 2
  /// A file system can be made on a device that was there before.
  private static let patience: Int64 = 60

  private let links: [UInt8]
  private let blkid: [UInt8]
  /// Seconds that `blkid` has for an answer: a disk that fails may give none.
  private let timeLimit: Double
  private var devices: [UInt8]?
  private var asked: Int64 = 0
  private var found: Set<Schedule.Volume> = []
  /// Why nothing can be told.
  private(set) var problem: String?

  init(links: [UInt8] = Array("/dev/disk".utf8), blkid: [UInt8] = Array("blkid".utf8), timeLimit: Double = 10) {
    self.links = links
    self.blkid = blkid
    self.timeLimit = timeLimit
  }

  /// - Parameter wanted: those that matter.
  /// - Returns: nil when it cannot be told.
  mutating func present(_ wanted: Set<Schedule.Volume>, now: Int64) -> Set<Schedule.Volume>? {
    // `try?`: a directory that cannot be opened is not kept by anybody.
    if (try? OpenFile.open(links + Array("/by-uuid".utf8), [.path, .directory])) != nil {
      return Set(wanted.filter { (try? OpenFile.open(link($0), .path)) != nil })
    }
    let devices = Self.devices()
    guard devices != self.devices || now >= asked + Self.patience else { return found }
    self.devices = devices
    asked = now
    var found: Set<Schedule.Volume> = []
    for volume in wanted {
      guard let isThere = ask(volume) else { return nil }
      if isThere { found.insert(volume) }
    }
    self.found = found
    return found
  }

  private func link(_ volume: Schedule.Volume) -> [UInt8] {
    switch volume {
    case .uuid(let uuid): links + Array("/by-uuid/\(uuid)".utf8)
    case .label(let label): links + Array("/by-label/\(VolumeName.ofLink(label))".utf8)
    }
  }

  private mutating func ask(_ volume: Schedule.Volume) -> Bool? {
    let token =
      switch volume {
      case .uuid(let uuid): "UUID=\(uuid)"
      case .label(let label): "LABEL=\(label)"
      }
    // Without its cache, which remembers what is gone.
    let words = [blkid] + ["-c", "/dev/null", "-t", token, "-o", "device"].map { Array($0.utf8) }
    // `try?`: whatever keeps it from being run.
    guard let outcome = try? BoundedCommand(.arguments(words), timeLimit: timeLimit).run() else {
      problem = "Volumes cannot be seen: there is neither /dev/disk/by-uuid nor the program blkid."
      return nil
    }
    guard outcome.end != .timedOut else {
      problem = "Volumes cannot be seen: the program blkid does not answer."
      return nil
    }
    return outcome.end == .exited(0) && !outcome.tail.isEmpty
  }

  private static func devices() -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    guard let file = try? OpenFile.open(Array("/proc/partitions".utf8), .read),
      let count = try? bytes.withUnsafeMutableBytes({ try file.read(into: $0) })
    else { return [] }
    return Array(bytes[..<count])
  }
}
