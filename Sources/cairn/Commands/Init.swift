import ArgumentParser
import CairnFormat
import CairnKit
import CairnProfiles
import CairnStorage
import CairnSystem

/// `cairn init`
struct Init: ParsableCommand, Verb {
  static let configuration = CommandConfiguration(
    abstract: "Makes a new repository.",
    discussion: """
      The directory is created if need be and must be empty. Whoever loses the password and all key files loses the data: \
      nothing else opens the repository. 'cairn key export' writes a copy of the key to be kept elsewhere.

      EXAMPLES
        cairn init --repo /mnt/backup/cairn
        cairn init --repo /mnt/backup/cairn --parity 32+2
        cairn init --repo /mnt/backup/cairn --key-file ~/.config/cairn/key --generate-key-file
      """)

  enum ChunkerChoice: String, ExpressibleByArgument, CaseIterable {
    case small, normal, large
  }

  @Flag(help: "Make the file that --key-file names, with a new random key; it must not exist.")
  var generateKeyFile = false

  @Option(parsing: .unconditional, help: ArgumentHelp("A name for the first key.", valueName: "text"))
  var label: String?

  @Option(
    help: ArgumentHelp(
      "Average chunk: small 256 KiB, normal 1 MiB, large 4 MiB. Fixed for the repository's life; default normal.", valueName: "size"))
  var chunker = ChunkerChoice.normal

  @Option(
    help: ArgumentHelp(
      "Small blobs are compressed and sealed together up to this size; 0 seals each by itself. Default 1M.", valueName: "size"))
  var groupSize: ByteSize?

  @Option(
    help: ArgumentHelp(
      "Parity against bit rot: data and parity shards of a pack, as 32+2; 'cairn config repository' changes it later. Default off.",
      valueName: "k+m"))
  var parity: ParityArgument?

  @Option(
    help: ArgumentHelp(
      "Cipher of what is stored: aes-256-gcm or xchacha20-poly1305; 'cairn config repository' changes it later. Default: the faster one here.",
      valueName: "name"))
  var cipher: CipherArgument?

  @Option(help: ArgumentHelp("Passes of the password hash (Argon2id), 3 to 16; default 3.", valueName: "number"))
  var kdfOperations: UInt32?

  @Option(help: ArgumentHelp("Memory of the password hash, 64M to 1G; default 64M.", valueName: "size"))
  var kdfMemory: ByteSize?

  @OptionGroup(title: "Global options") var global: GlobalOptions

  func validate() throws {
    if let size = groupSize, size.bytes > 8 << 20 { throw ValidationError("--group-size must be at most 8M.") }
    if let count = kdfOperations, !(3...16).contains(count) { throw ValidationError("--kdf-operations must be 3 to 16.") }
    if let size = kdfMemory, !(64 << 20...1 << 30).contains(size.bytes) { throw ValidationError("--kdf-memory must be 64M to 1G.") }
  }

  func perform(_ run: Invocation) throws -> ExitStatus {
    let path = try run.repositoryPath()
    let source = try run.passwordSetting().value
    let keyFile = try generateKeyFile ? GeneratedKeyFile.make(for: source) : nil
    let repository: Repository
    do {
      let credential = try keyFile?.credential ?? source.newCredential("Password for the new repository")
      let storage = try Self.create(path)
      repository = try Repository.create(storage, credential: credential, parameters: parameters)
    } catch {
      keyFile?.remove()
      throw error
    }
    if run.console.json {
      run.console.line(
        JSONLine.object { line in
          line.member("message_type", "initialized")
          line.member("id", repository.idHex)
          line.member("repository", bytes: path)
        })
    } else {
      run.console.remark("created repository \(repository.idHex.prefix(10)) at \(Escaping.terminal(path))")
      run.console.remark("")
      run.console.remark(advice(keyFile))
    }
    return .success
  }

  static func create(_ path: [UInt8]) throws -> LocalStorage {
    do { return try LocalStorage.create(path: path) } catch StorageError.alreadyExists {
      throw CairnError(
        .exists, "There is a repository at \(Escaping.terminal(path)) already.", guidance: "Use it, or name an empty directory.")
    } catch { throw CairnError(error, during: "creating the repository") }
  }

  private var parameters: RepositoryParameters {
    var parameters = RepositoryParameters()
    parameters.chunker = chunker == .small ? .small : chunker == .large ? .large : .normal
    if let groupSize { parameters.groupBytes = UInt32(clamping: groupSize.bytes) }
    parameters.parity = parity?.choice
    parameters.frameCipher = cipher?.cipher
    parameters.label = label ?? ""
    if let kdfOperations { parameters.kdf.operations = kdfOperations }
    if let kdfMemory { parameters.kdf.memoryKiB = UInt32(clamping: kdfMemory.bytes >> 10) }
    return parameters
  }

  private func advice(_ keyFile: GeneratedKeyFile?) -> String {
    if let keyFile { return "Keep a copy of \(Escaping.terminal(keyFile.path)) elsewhere: without it the data cannot be read." }
    return global.keyFile == nil
      ? "Remember the password: without it the data cannot be read."
      : "Keep a copy of the key file elsewhere: without it the data cannot be read."
  }
}
