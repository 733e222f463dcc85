import CairnFormat
import CairnTestSupport

extension FuzzedDecoders {
  /// Packs, index and trees. Whatever decodes must encode to the same bytes again, except where fields of a later version were skipped.
  static var storage: [DecoderFuzz.Decoder] {
    get throws { try trees + images + packs + segments }
  }

  private static var trees: [DecoderFuzz.Decoder] {
    get throws {
      let nodes = NodeType.allCases.enumerated().map { TreeTests.node("n\($0.offset)", $0.element) }
      let numbers: ClosedRange<UInt32> = 1...70
      let inner = numbers.prefix(5).map { InnerItem(firstName: [97, UInt8($0)], id: TreeTests.id($0), entries: 300, bytes: 1 << 40) }
      let items = numbers.map { number -> ContentItem in
        ContentItem(length: UInt64(number) << 10, id: number % 3 == 0 ? nil : TreeTests.id(number))
      }
      let lists = numbers.prefix(5).map { ListInnerItem(id: TreeTests.id($0), bytes: 1 << 30) }
      return [
        node(
          "directory leaf",
          [try DirectoryLeaf.encode(nodes), try DirectoryLeaf.encode([]), try DirectoryLeaf.encode([Node(name: [97], type: .file)])]),
        node("directory inner", [try DirectoryInner.encode(inner)]),
        node("list leaf", [try ListLeaf.encode(items)]),
        node("list inner", [try ListInner.encode(lists)]),
        DecoderFuzz.Decoder("root item", corpus: [try nodes[1].encodeRootItem()]) { bytes in
          let node = try Node.decodeRootItem(bytes)
          try same(bytes, try node.encodeRootItem())
        },
      ]
    }
  }

  private static var images: [DecoderFuzz.Decoder] {
    get throws {
      [
        DecoderFuzz.Decoder("image record", corpus: [try ImageRecordTests.full.encode(), try ImageRecordTests.minimal.encode()]) { bytes in
          let record = try ImageRecord.decode(bytes)
          try same(bytes, try record.encode())
        },
        disk("GPT", DiskSamples.gpt()), disk("MBR", DiskSamples.mbr()),
        DecoderFuzz.Decoder("file system marks", corpus: DiskSamples.volumes) { bytes in
          guard let probe = VolumeProbe(bytes) else { return }
          guard probe.label.count <= Limits.imageTextBytes, probe.id.count <= 16 else { throw DecoderFuzz.Failure("a long label") }
        },
      ]
    }
  }

  /// Mutations of the parts of a disk that hold its partition table; the checksums of a GPT are sometimes made right again.
  private static func disk(_ name: String, _ sample: DiskSamples.Disk) -> DecoderFuzz.Decoder {
    DecoderFuzz.Decoder(name, corpus: [sample.table]) { bytes in
      for mended in [bytes, DiskSamples.withChecksums(bytes)] {
        guard let table = try PartitionTable.read(size: sample.size, sector: nil, sample.source(mended)) else { continue }
        guard table.partitions.allSatisfy({ !$0.range.isEmpty && $0.range.upperBound <= sample.size }) else {
          throw DecoderFuzz.Failure("a partition outside of the disk")
        }
        guard zip(table.partitions, table.partitions.dropFirst()).allSatisfy({ $0.number < $1.number }) else {
          throw DecoderFuzz.Failure("numbers of partitions do not ascend")
        }
      }
    }
  }

  private static func node(_ name: String, _ corpus: [[UInt8]]) -> DecoderFuzz.Decoder {
    DecoderFuzz.Decoder(name, corpus: corpus) { bytes in
      switch try TreeNode.decode(bytes) {
      case .leaf(let nodes): try same(bytes, try DirectoryLeaf.encode(nodes))
      case .inner(let items): try same(bytes, try DirectoryInner.encode(items))
      case .listLeaf(let items): try same(bytes, try ListLeaf.encode(items))
      case .listInner(let items): try same(bytes, try ListInner.encode(items))
      }
    }
  }

  private static func same(_ bytes: [UInt8], _ encode: @autoclosure () throws -> [UInt8]) throws {
    let again: [UInt8]
    do { again = try encode() } catch { throw DecoderFuzz.Failure("what was decoded cannot be encoded: \(error)") }
    guard again.count < bytes.count || again == bytes else { throw DecoderFuzz.Failure("two encodings of one value") }
  }

  private static var packs: [DecoderFuzz.Decoder] {
    get throws {
      var slots = PackTests.header
      slots.keySlots = [[UInt8](repeating: 3, count: 88)]
      let directory = try PackDirectory.encode(PackTests.frames(20), packClass: .data)
      let content = try CompressorTests.compress(SampleBytes.text(seed: 1, count: 3000)).content
      return [
        DecoderFuzz.Decoder("pack header", corpus: [PackTests.header.encode(), slots.encode()]) { bytes in
          let header = try PackHeader.decode(bytes)
          guard header.encode() == Array(bytes.prefix(header.encodedLength)) else {
            throw DecoderFuzz.Failure("two encodings of one header")
          }
        },
        DecoderFuzz.Decoder("parity table", corpus: try ParityTests.layouts.map { try ParityTests.table($0).encode() }) { bytes in
          let table = try ParityTable.decode(bytes)
          guard table.encode() == bytes else { throw DecoderFuzz.Failure("two encodings of one table") }
        },
        DecoderFuzz.Decoder("pack with parity", corpus: try ParityTests.layouts.map { try ParityTests.pack($0) }) { bytes in
          let read = ParityTests.reader(bytes)
          guard let table = try ParityTable.find(size: bytes.count, read: read) else { return }
          let decoder = ParityDecoder(table, read: read)
          guard try decoder.examine(size: bytes.count).isMendable else { return }
          var count = 0
          try decoder.mend { count += $0.count }
          guard count == table.layout.packLength else { throw DecoderFuzz.Failure("mended to another length") }
        },
        DecoderFuzz.Decoder("pack trailer", corpus: [PackTrailer(directoryOffset: 64, directoryLength: 256, parityOffset: 320).encode()]) {
          bytes in
          let trailer = try PackTrailer.decode(bytes, packSize: 352)
          try same(bytes, trailer.encode())
        },
        DecoderFuzz.Decoder("pack directory", corpus: [directory, try PackDirectory.encode([], packClass: .data)]) { bytes in
          let frames = try PackDirectory.decode(bytes, packClass: .data)
          try same(bytes, try PackDirectory.encode(frames, packClass: .data))
        },
        DecoderFuzz.Decoder("index delta", corpus: [try IndexDeltaTests.delta.encode()]) { bytes in
          let delta = try IndexDelta.decode(bytes)
          try same(bytes, try delta.encode())
        },
        DecoderFuzz.Decoder("zstd frame", corpus: [content]) { bytes in
          _ = try CompressorTests.decompress(Codec.zstd, bytes, rawLength: 3000)
        },
      ]
    }
  }

  private static var segments: [DecoderFuzz.Decoder] {
    get throws {
      let image = try SampleImage.bytes(entries: 40)
      return [
        // Only the header is mutated (the rest is added behind it): 64 KiB of zeros would be all that the mutations hit.
        DecoderFuzz.Decoder("segment image header", corpus: [Array(image[..<128])]) { bytes in
          let whole = bytes + image[min(bytes.count, image.count)...]
          let memory = SampleImage(whole)
          try memory.reader().verifyContents()
          guard whole == image else { throw DecoderFuzz.Failure("a changed header was accepted") }
        }
      ]
    }
  }
}
