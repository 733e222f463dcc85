package import CairnFormat
package import CairnKit
package import CairnStorage
import CairnSystem

/// A repository in memory that opens with a key file, so that no test pays for a passphrase.
package enum TestRepository {
  package static let credential = Credential.keyFile([UInt8](repeating: 7, count: 32).withUnsafeBytes { SecretBytes(copying: $0) })

  /// - Parameter chunker: small chunks by default, so that little data makes many.
  package static func create(
    _ storage: any Storage = MemoryStorage(), chunker: ChunkerParameters = .small, groupBytes: UInt32 = 64 << 10,
    cacheDirectory: [UInt8]? = nil
  ) throws -> Repository {
    var parameters = RepositoryParameters()
    parameters.chunker = chunker
    parameters.groupBytes = groupBytes
    return try Repository.create(
      storage, credential: credential, parameters: parameters, options: OpenOptions(cacheDirectory: cacheDirectory))
  }

  package static func open(
    _ storage: any Storage, cacheDirectory: [UInt8]? = nil, stateDirectory: [UInt8]? = nil, sink: any ProgressSink = NoProgress()
  ) throws -> Repository {
    let options = OpenOptions(cacheDirectory: cacheDirectory, stateDirectory: stateDirectory)
    return try Repository.open(storage, credential: credential, options: options, sink: sink)
  }
}
