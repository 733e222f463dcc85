/// What a file item says beyond a file's metadata when its content is the image of a disk, a partition or a file of one.
package struct ImageRecord: Hashable, Sendable {
  package enum Source: UInt8, Sendable, CaseIterable {
    case disk = 1
    case partition, file
  }

  package enum Table: UInt8, Sendable, CaseIterable {
    case mbr = 1
    case gpt
  }

  package var source: Source
  /// The length of every chunk but the last, which may be shorter.
  package var chunkBytes: UInt32
  /// 0 for a file.
  package var logicalSector: UInt32 = 0
  package var physicalSector: UInt32 = 0
  package var table: Table?
  /// As the table has it: 16 bytes of a GPT, 4 of an MBR.
  package var tableID: [UInt8] = []
  /// Partitions by number; where there is no table, at most one of number 0, which is the device itself.
  package var volumes: [Volume] = []
  /// Where the source could not be read and zeros are stored; ascending.
  package var unreadable: [Range<UInt64>] = []

  package init(source: Source, chunkBytes: UInt32) {
    self.source = source
    self.chunkBytes = chunkBytes
  }

  /// A partition, or the whole device where it has none.
  package struct Volume: Hashable, Sendable {
    package var number: UInt32
    /// Bytes from the start of the image.
    package var range: Range<UInt64>
    /// As the table has it: 16 bytes of a GPT, 1 of an MBR.
    package var type: [UInt8] = []
    package var id: [UInt8] = []
    package var name = ""
    package var attributes: UInt64 = 0
    /// What is in it, such as "ext4"; empty when unknown.
    package var fileSystem = ""
    package var label: [UInt8] = []
    package var fileSystemID: [UInt8] = []
    /// Only blocks in use were read: holes in it stand for the others, whatever they held, not for zeros.
    package var holdsUsedBlocksOnly = false

    package init(number: UInt32, range: Range<UInt64>) {
      self.number = number
      self.range = range
    }
  }
}

extension ImageRecord {
  /// - Throws: `.limitExceeded`, `.invalid`: what a program made of numbers and texts that do not fit the format.
  package func encode() throws(FormatError) -> [UInt8] {
    try validate()
    var fields = TLVWriter()
    fields.unsigned(2, UInt64(source.rawValue))
    fields.unsigned(4, UInt64(chunkBytes))
    fields.unsigned(6, UInt64(logicalSector))
    fields.unsigned(8, UInt64(physicalSector))
    fields.unsigned(10, UInt64(table?.rawValue ?? 0))
    fields.bytes(12, tableID)
    fields.list(14, volumes.map { $0.encode() })
    var ranges = ByteWriter()
    for range in unreadable {
      ranges.varint(range.lowerBound)
      ranges.varint(range.upperBound - range.lowerBound)
    }
    fields.bytes(16, ranges.bytes)
    guard fields.bytes.count <= Limits.imageRecordBytes else { throw .limitExceeded("image record") }
    return fields.bytes
  }

  /// - Throws: `FormatError` for everything that `encode` does not write, except even tags it does not know.
  package static func decode(_ bytes: [UInt8]) throws(FormatError) -> ImageRecord {
    var record = ImageRecord(source: .file, chunkBytes: 0)
    var seen: Set<UInt64> = []
    try bytes.forEachField { (field) throws(FormatError) in
      seen.insert(field.tag)
      try record.apply(field)
    }
    guard seen.contains(2), seen.contains(4) else { throw .invalid("missing field") }
    try record.validate()
    return record
  }

  private mutating func apply(_ field: TLVField) throws(FormatError) {
    switch field.tag {
    case 2:
      guard let source = Source(rawValue: UInt8(try field.unsigned(maximum: 255))) else { throw .unsupportedFeature }
      self.source = source
    case 4: chunkBytes = try field.unsigned32()
    case 6: logicalSector = try field.unsigned32()
    case 8: physicalSector = try field.unsigned32()
    case 10:
      guard let table = Table(rawValue: UInt8(try field.unsigned(maximum: 255))) else { throw .unsupportedFeature }
      self.table = table
    case 12: tableID = try field.bytes(maximum: 16)
    case 14:
      for item in try field.list(maximumCount: Limits.imageVolumes, maximumBytes: Limits.imageRecordBytes) {
        volumes.append(try Volume.decode(item))
      }
    case 16: unreadable = try Self.ranges(field)
    default: try field.skipUnknown()
    }
  }

  private static func ranges(_ field: TLVField) throws(FormatError) -> [Range<UInt64>] {
    guard !field.content.isEmpty else { throw .notCanonical("default value written out") }
    return try field.read { (reader) throws(FormatError) in
      var ranges: [Range<UInt64>] = []
      while !reader.isAtEnd {
        guard ranges.count < Limits.imageUnreadableRanges else { throw .limitExceeded("unreadable ranges") }
        ranges.append(try reader.range())
      }
      return ranges
    }
  }

  private func validate() throws(FormatError) {
    guard chunkBytes > 0, chunkBytes <= UInt32(Limits.blobBytes) else { throw .invalid("chunk size") }
    guard tableID.count <= 16, table != nil || tableID.isEmpty else { throw .invalid("partition table") }
    guard volumes.count <= Limits.imageVolumes else { throw .limitExceeded("volumes") }
    guard unreadable.count <= Limits.imageUnreadableRanges else { throw .limitExceeded("unreadable ranges") }
    var last: UInt32?
    for volume in volumes {
      if let last, volume.number <= last { throw .notCanonical("order of volumes") }
      last = volume.number
      try volume.validate()
    }
    var end: UInt64 = 0
    for range in unreadable {
      guard !range.isEmpty, range.upperBound <= UInt64(Int64.max) else { throw .invalid("unreadable range") }
      guard range.lowerBound >= end else { throw .notCanonical("order of unreadable ranges") }
      end = range.upperBound
    }
  }
}

extension ImageRecord.Volume {
  fileprivate func validate() throws(FormatError) {
    guard !range.isEmpty, range.upperBound <= UInt64(Int64.max) else { throw .invalid("volume") }
    guard type.count <= 16, id.count <= 16, fileSystemID.count <= 16 else { throw .limitExceeded("field length") }
    for text in [Array(name.utf8), Array(fileSystem.utf8), label] where text.count > Limits.imageTextBytes {
      throw .limitExceeded("text length")
    }
  }

  fileprivate func encode() -> [UInt8] {
    var fields = TLVWriter()
    fields.unsigned(2, UInt64(number))
    var place = ByteWriter(capacity: 20)
    place.varint(range.lowerBound)
    place.varint(range.upperBound - range.lowerBound)
    fields.field(4, place.bytes)
    fields.bytes(6, type)
    fields.bytes(8, id)
    fields.bytes(10, Array(name.utf8))
    fields.unsigned(12, attributes)
    fields.bytes(14, Array(fileSystem.utf8))
    fields.bytes(16, label)
    fields.bytes(18, fileSystemID)
    fields.unsigned(20, holdsUsedBlocksOnly ? 1 : 0)
    return fields.bytes
  }

  fileprivate static func decode(_ bytes: [UInt8]) throws(FormatError) -> ImageRecord.Volume {
    var number: UInt32 = 0
    var range: Range<UInt64>?
    var volume = ImageRecord.Volume(number: 0, range: 0..<0)
    try bytes.forEachField { (field) throws(FormatError) in
      switch field.tag {
      case 2: number = try field.unsigned32()
      case 4: range = try field.read { (reader) throws(FormatError) in try reader.range() }
      default: try volume.apply(field)
      }
    }
    guard let range else { throw .invalid("missing field") }
    volume.number = number
    volume.range = range
    return volume
  }

  private mutating func apply(_ field: TLVField) throws(FormatError) {
    switch field.tag {
    case 6: type = try field.bytes(maximum: 16)
    case 8: id = try field.bytes(maximum: 16)
    case 10: name = try field.text(maximum: Limits.imageTextBytes)
    case 12: attributes = try field.unsigned()
    case 14: fileSystem = try field.text(maximum: Limits.imageTextBytes)
    case 16: label = try field.bytes(maximum: Limits.imageTextBytes)
    case 18: fileSystemID = try field.bytes(maximum: 16)
    case 20: holdsUsedBlocksOnly = try field.unsigned(maximum: 1) == 1
    default: try field.skipUnknown()
    }
  }
}

extension ByteReader {
  /// An offset and a length, neither of which leaves 63 bits.
  fileprivate mutating func range() throws(FormatError) -> Range<UInt64> {
    let start = try varint()
    let length = try varint()
    let (end, overflow) = start.addingReportingOverflow(length)
    guard length > 0, !overflow, end <= UInt64(Int64.max) else { throw .invalid("range") }
    return start..<end
  }
}
