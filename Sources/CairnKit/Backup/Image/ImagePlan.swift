import CairnFormat
import CairnSystem

/// What of an image is to be read, and what its record says.
struct ImagePlan {
  /// A part of the image that is read in one way. The areas of a plan cover it without gap, in order.
  struct Area {
    var range: Range<UInt64>
    /// The file system of which only the blocks in use are read; nil: all is read.
    var fileSystem: ExtFileSystem?
  }

  private(set) var record: ImageRecord
  private(set) var areas: [Area] = []
  /// Of each file system whose blocks in use are read, its superblock: it changes when somebody mounts it.
  private var superblocks: [(offset: UInt64, bytes: [UInt8])] = []
  /// Sentences for the person, without the name of the image.
  private(set) var remarks: [String] = []

  /// The chunks of small devices are short, so that little is stored again where a block changed; those of large ones are not, for
  /// the index.
  static func chunkBytes(size: UInt64) -> UInt32 { size < 1 << 40 ? 256 << 10 : 1 << 20 }

  init(_ source: ImageSource, chunkBytes: UInt32) throws {
    let isPartition = source.number.map { DeviceTable().isPartition($0) } ?? false
    record = ImageRecord(source: source.device == nil ? .file : isPartition ? .partition : .disk, chunkBytes: chunkBytes)
    record.logicalSector = source.device?.logicalSector ?? 0
    record.physicalSector = source.device?.physicalSector ?? 0
    try addVolumes(source)
    var fileSystems: [(Range<UInt64>, ExtFileSystem)] = []
    for index in record.volumes.indices {
      guard let found = fileSystem(of: index, source) else { continue }
      record.volumes[index].holdsUsedBlocksOnly = true
      let offset = record.volumes[index].range.lowerBound + 1024
      superblocks.append((offset, try source.bytes(at: offset, count: 1024)))
      fileSystems.append((record.volumes[index].range, found))
    }
    cover(source.size, fileSystems)
  }

  /// Whether a file system was mounted or changed since its bitmaps were read: blocks may be in use now that were not.
  func isOutdated(_ source: ImageSource) throws -> Bool {
    try superblocks.contains { place in
      // Whole pages are dropped only.
      source.file.advise(.dontNeed, offset: place.offset / 4096 * 4096, length: 8192)
      return try source.bytes(at: place.offset, count: 1024) != place.bytes
    }
  }

  private mutating func addVolumes(_ source: ImageSource) throws {
    let table = try PartitionTable.read(size: source.size, sector: source.device?.logicalSector) { offset, count in
      try source.bytes(at: offset, count: count)
    }
    guard let table else {
      guard let probe = try probe(0..<source.size, source) else { return }
      var volume = ImageRecord.Volume(number: 0, range: 0..<source.size)
      volume.apply(probe)
      record.volumes = [volume]
      return
    }
    remarks += table.problems
    guard table.partitions.count <= Limits.imageVolumes else {
      return remarks.append("it has more than \(Limits.imageVolumes) partitions, so all of it is read and none is listed")
    }
    record.table = table.kind
    record.tableID = table.id
    for partition in table.partitions {
      var volume = ImageRecord.Volume(number: partition.number, range: partition.range)
      volume.type = partition.type
      volume.id = partition.id
      volume.name = partition.name
      volume.attributes = partition.attributes
      if !volume.isExtended, let probe = try probe(partition.range, source) { volume.apply(probe) }
      record.volumes.append(volume)
    }
  }

  private func probe(_ range: Range<UInt64>, _ source: ImageSource) throws -> VolumeProbe? {
    let count = min(range.upperBound - range.lowerBound, UInt64(VolumeProbe.wantedBytes))
    return VolumeProbe(try source.bytes(at: range.lowerBound, count: Int(count)))
  }

  /// The file system of a volume when its blocks in use are known for certain.
  private mutating func fileSystem(of index: Int, _ source: ImageSource) -> ExtFileSystem? {
    let volume = record.volumes[index]
    guard volume.fileSystem.hasPrefix("ext") else { return nil }
    let title = volume.number == 0 ? "its \(volume.fileSystem)" : "partition \(volume.number) (\(volume.fileSystem))"
    let overlaps = record.volumes.indices.contains { other in
      other != index && !record.volumes[other].isExtended && record.volumes[other].range.overlaps(volume.range)
    }
    guard !overlaps else {
      remarks.append("\(title) is read whole: it overlaps another partition")
      return nil
    }
    do {
      let length = volume.range.upperBound - volume.range.lowerBound
      let found = try ExtFileSystem(source.file, at: volume.range.lowerBound, length: length)
      let used = try found.usedBytes(length: length)
      remarks.append("of \(title) the blocks in use are read: \((used + (1 << 20) - 1) >> 20) of \(length >> 20) MiB")
      return found
    } catch {
      remarks.append("\(title) is read whole: \(error.reason)")
      return nil
    }
  }

  private mutating func cover(_ size: UInt64, _ fileSystems: [(Range<UInt64>, ExtFileSystem)]) {
    var position: UInt64 = 0
    for (range, fileSystem) in fileSystems.sorted(by: { $0.0.lowerBound < $1.0.lowerBound }) {
      if position < range.lowerBound { areas.append(Area(range: position..<range.lowerBound)) }
      areas.append(Area(range: range, fileSystem: fileSystem))
      position = range.upperBound
    }
    if position < size { areas.append(Area(range: position..<size)) }
  }
}

extension ImageRecord.Volume {
  /// A partition that holds others.
  package var isExtended: Bool { type == [0x05] || type == [0x0F] || type == [0x85] }

  fileprivate mutating func apply(_ probe: VolumeProbe) {
    fileSystem = probe.kind
    label = Array(probe.label.prefix(Limits.imageTextBytes))
    fileSystemID = probe.id
  }
}
