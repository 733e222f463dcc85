package import ArgumentParser
package import CairnProfiles

// Values that options and the configuration write alike.

extension ByteSize: ExpressibleByArgument {}

extension TimeSpan: ExpressibleByArgument {
  package var defaultValueDescription: String { seconds % 3600 == 0 ? "\(seconds / 3600)h" : "\(seconds)s" }
}

extension CompressionChoice: ExpressibleByArgument {
  package static var defaultCompletionKind: CompletionKind {
    .list(["auto", "off", "fastest", "better", "max"] + (1...19).map(String.init))
  }
}
