import ArgumentParser
import CairnFormat
import CairnKit

/// `cairn config repository`
struct ConfigRepository: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    commandName: "repository", abstract: "Shows the repository's settings, and changes those that can be changed.",
    discussion: """
      A change holds for what is stored from then on; packs that are there stay as they are until prune writes them anew. What prune moves \
      keeps its cipher.

      EXAMPLES
        cairn config repository
        cairn config repository --parity 32+2
        cairn config repository --parity off
        cairn config repository --cipher xchacha20-poly1305
      """)

  @Option(help: ArgumentHelp("Parity of new packs: data and parity shards, 1+1 to 128+16, or off.", valueName: "k+m"))
  var parity: ParityArgument?

  @Option(
    help: ArgumentHelp(
      "Cipher of what is stored from now on: aes-256-gcm, or xchacha20-poly1305 where clients lack AES instructions.", valueName: "name"))
  var cipher: CipherArgument?

  @OptionGroup(title: "Global options") var global: GlobalOptions

  func perform(_ run: Invocation) throws -> ExitStatus {
    let repository = try run.openRepository()
    let isChange = parity != nil || cipher != nil
    let config = isChange ? try repository.changeConfig(apply) : try repository.currentConfig()
    if run.console.json {
      run.console.line(Self.record(config))
    } else if !isChange {
      for line in Self.table(config) { run.console.line(line) }
    } else {
      let cipher = CipherArgument(config.frameCipher).rawValue
      run.console.remark("new packs have \(Self.text(config.parity)), sealed with \(cipher); those that are there stay as they are")
    }
    return .success
  }

  private func apply(_ config: inout Config) {
    if let parity { config.parity = parity.choice }
    if let cipher { config.frameCipher = cipher.cipher }
  }

  private static func table(_ config: Config) -> [String] {
    let chunker = config.chunker
    return [
      "repository     \(config.repository)",
      "created        \(LocalTime.text(config.created.seconds))",
      "chunks         \(Human.bytes(UInt64(chunker.average))) (\(Human.bytes(UInt64(chunker.minimum))) to "
        + "\(Human.bytes(UInt64(chunker.maximum))))",
      "groups         \(config.groupBytes == 0 ? "off" : Human.bytes(UInt64(config.groupBytes)))",
      "packs          \(Human.bytes(UInt64(config.dataPackBytes))) of data, \(Human.bytes(UInt64(config.treePackBytes))) of trees",
      "parity         \(text(config.parity))",
      "cipher         \(CipherArgument(config.frameCipher).rawValue)",
      "changes        \(config.counter)",
    ]
  }

  private static func text(_ parity: ParityChoice?) -> String { parity.map { "parity \($0.data)+\($0.parity)" } ?? "no parity" }

  private static func record(_ config: Config) -> JSONLine {
    JSONLine.object { line in
      line.member("message_type", "config")
      line.member("id", config.repository.hexadecimal)
      line.member("created", LocalTime.rfc3339(config.created.seconds, config.created.nanoseconds))
      line.member("chunker_average", config.chunker.average)
      line.member("group_size", config.groupBytes)
      line.member("data_pack_size", config.dataPackBytes)
      line.member("tree_pack_size", config.treePackBytes)
      line.member("parity_data_shards", config.parityData)
      line.member("parity_shards", config.parityExtra)
      line.member("cipher", CipherArgument(config.frameCipher).rawValue)
      line.member("counter", config.counter)
    }
  }
}
