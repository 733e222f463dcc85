import ArgumentParser

/// A path or name given on the command line, byte for byte.
struct PathArgument: ExpressibleByArgument {
  let bytes: [UInt8]

  init(bytes: [UInt8]) { self.bytes = bytes }
  init?(argument: String) { bytes = RawArguments.bytes(of: argument) }

  /// As text, bytes that are no UTF-8 replaced; for messages only through `Escaping`.
  var text: String { String(decoding: bytes, as: UTF8.self) }
  static var defaultCompletionKind: CompletionKind { .file() }
}
