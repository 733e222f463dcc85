import CairnFormat
import CairnTestSupport

/// The decoders that `FuzzTests` feeds with mutated bytes, one list for each part of the format.
enum FuzzedDecoders {
  static var all: [DecoderFuzz.Decoder] { get throws { try primitives + records + sealed + storage } }

  private static var primitives: [DecoderFuzz.Decoder] {
    var fields = TLVWriter()
    fields.unsigned(2, 300)
    fields.bytes(4, [1, 2, 3])
    fields.list(6, [[], [9, 9]])
    return [
      DecoderFuzz.Decoder("TLV", corpus: [fields.bytes, []]) { bytes in
        var again = TLVWriter()
        try bytes.forEachField { (field) throws(FormatError) in again.field(field.tag, [UInt8](field.content)) }
        guard again.bytes == bytes else { throw DecoderFuzz.Failure("a second encoding was accepted") }
      },
      DecoderFuzz.Decoder("key file", corpus: [Array("cairn-key-1 \(String(repeating: "0a", count: 32))\n".utf8)]) { bytes in
        _ = try bytes.withReader { (reader) throws(FormatError) in try KeyFile.decode(reader.rest()) }
      },
      DecoderFuzz.Decoder("object names", corpus: names.map { Array($0.utf8) }) { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        let again = [DeltaName(text)?.name, PackName(text)?.name, ManifestName(text)?.name]
        guard again.allSatisfy({ $0 == nil || $0 == text }) else { throw DecoderFuzz.Failure("a second spelling was accepted") }
      },
    ]
  }

  private static var names: [String] {
    [
      Fixtures.delta.name, PackName(hash: Fixtures.hash, owner: Fixtures.session).name,
      ManifestName(session: Fixtures.session, hash: Fixtures.hash).name,
    ]
  }

  private static var records: [DecoderFuzz.Decoder] {
    get throws {
      let minimal = LogRecord(index: 0, previous: .zero, owner: Fixtures.session, time: .zero)
      return [
        record("session", [try Fixtures.sessionRecord.encode()], SessionRecord.decode) { try $0.encode() },
        record("commit", [try Fixtures.commitRecord.encode(), try CommitRecord(decision: .revoked).encode()], CommitRecord.decode) {
          try $0.encode()
        },
        record("manifest", [try Fixtures.manifest.encode()], Manifest.decode) { try $0.encode() },
        record("log", [try Fixtures.logRecord.encode(), try Fixtures.checkpointRecord.encode(), try minimal.encode()], LogRecord.decode) {
          try $0.encode()
        },
      ]
    }
  }

  /// A decoder whose every result must encode, and decode again to the same; and where nothing unknown was skipped, to the same bytes.
  private static func record<Record: Equatable & Sendable>(
    _ name: String, _ corpus: [[UInt8]], _ decode: @escaping @Sendable ([UInt8]) throws(FormatError) -> Record,
    _ encode: @escaping @Sendable (Record) throws -> [UInt8]
  ) -> DecoderFuzz.Decoder {
    DecoderFuzz.Decoder(name, corpus: corpus) { bytes in
      let value = try decode(bytes)
      let encoded: [UInt8]
      do { encoded = try encode(value) } catch { throw DecoderFuzz.Failure("what was decoded cannot be encoded: \(error)") }
      guard try decode(encoded) == value else { throw DecoderFuzz.Failure("decoding again gives another value") }
      guard encoded.count != bytes.count || encoded == bytes else { throw DecoderFuzz.Failure("two encodings of one value") }
    }
  }

  private static var sealed: [DecoderFuzz.Decoder] {
    get throws {
      let keys = Fixtures.keys
      let log = try Envelope.seal(.log, logicalName: "log/0", plaintext: [1, 2, 3], nonce: Fixtures.nonce, keys: keys)
      let session = try Envelope.seal(.session, logicalName: "x", plaintext: [], nonce: Fixtures.nonce, keys: keys)
      let config = try Fixtures.config.seal(keys, nonce: Fixtures.nonce)
      let slot = try KeySlotTests.keyFileSlot()
      return [
        untouched("log envelope", log) { _ = try Envelope.open(.log, logicalName: "log/0", $0, keys: keys) },
        untouched("session envelope", session) { _ = try Envelope.open(.session, logicalName: "x", $0, keys: keys) },
        untouched("config", config) { _ = try Config.open($0, keys: keys) },
        untouched("key slot", slot) { bytes in
          let parsed = try KeySlot.parse(bytes)
          guard parsed.kind == .keyFile else { return }
          _ = try Fixtures.master.withReader { (reader) throws(FormatError) in try parsed.unlock(reader.rest()) }
        },
        DecoderFuzz.Decoder("config header", corpus: [config]) { _ = try Config.readHeader($0) },
        DecoderFuzz.Decoder("padded plaintext", corpus: paddedCorpus) { plaintext in
          // Sealed anew, so that the mutation lies behind the authentication.
          let sealed = Self.sealRaw(plaintext)
          _ = try Envelope.open(.session, logicalName: "x", sealed, keys: keys)
        },
      ]
    }
  }

  private static let paddedCorpus: [[UInt8]] = [
    [3, 0, 0, 0, 1, 2, 3] + [UInt8](repeating: 0, count: 249), [UInt8](repeating: 0, count: 256),
    [0xFD, 0, 0, 0] + [UInt8](repeating: 7, count: 253) + [UInt8](repeating: 0, count: 255),
  ]

  /// A session envelope around a plaintext that need not be padded as the format wants it.
  static func sealRaw(_ plaintext: [UInt8]) -> [UInt8] {
    var writer = ByteWriter()
    writer.append("CRNSESS1")
    writer.u16(1)
    writer.u16(1)
    writer.u32(UInt32(plaintext.count))
    writer.append(Fixtures.nonce)
    let additional = writer.bytes + Fixtures.repository.bytes + Array("x".utf8)
    writer.append(plaintext.withUnsafeBytes { Fixtures.keys.seal(.session, nonce: Fixtures.nonce, additional: additional, $0) })
    return writer.bytes
  }

  /// A decoder of authenticated bytes: nothing but the original may be accepted.
  private static func untouched(
    _ name: String, _ original: [UInt8], _ open: @escaping @Sendable ([UInt8]) throws -> Void
  ) -> DecoderFuzz.Decoder {
    DecoderFuzz.Decoder(name, corpus: [original]) { bytes in
      try open(bytes)
      guard bytes == original else { throw DecoderFuzz.Failure("changed bytes were accepted") }
    }
  }
}
