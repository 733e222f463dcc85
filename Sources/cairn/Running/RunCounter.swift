import CairnKit
import CairnSystem

/// Counts the runs of a profile since its last prune, in a file of the state directory.
///
/// A file that is lost or damaged begins anew at nothing: the next prune comes later, and no harm is done.
struct RunCounter {
  private let folder: [UInt8]
  private let name: [UInt8]

  /// nil where no state is kept.
  init?(_ profile: String, _ run: Invocation) {
    guard let state = run.stateDirectory else { return nil }
    folder = state + Array("/profiles".utf8)
    name = Array("\(profile).runs".utf8)
  }

  /// The number of this run.
  func next() -> Int {
    // `try?`: see above.
    guard let file = try? OpenFile.open(folder + [0x2f] + name, [.read, .noFollow]) else { return 1 }
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = (try? bytes.withUnsafeMutableBytes { try file.read(into: $0) }) ?? 0
    let number = Int(String(decoding: bytes[..<count], as: UTF8.self).trimmingSpaces().filter { $0 != "\n" }) ?? 0
    return (0..<1_000_000).contains(number) ? number + 1 : 1
  }

  /// - Throws: `CairnError(.failed)` when the number cannot be kept: the run after would count wrongly, and nothing be pruned for ever.
  func set(_ number: Int) throws {
    do {
      let directory = try FileSystem.makeDirectories(folder)
      let temporary = name + Array(".new".utf8)
      let file = try OpenFile.open(temporary, at: directory, [.write, .create, .truncate, .noFollow], mode: 0o600)
      try Array("\(number)\n".utf8).withUnsafeBytes { try file.write($0) }
      try file.synchronizeData()
      try FileSystem.rename(from: directory, fromName: temporary, to: directory, toName: name, replace: true)
    } catch let error as FileError {
      throw CairnError(
        .failed, "The number of runs cannot be kept in \(Escaping.terminal(folder)): \(error.reason).",
        guidance: "Make the directory writable, or name another with CAIRN_STATE_DIR.")
    }
  }
}
