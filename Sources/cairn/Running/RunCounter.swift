import CairnAutomation

/// Counts the runs of a profile since its last prune, in a file of the state directory.
///
/// A file that is lost or damaged begins anew at nothing: the next prune comes later, and no harm is done.
struct RunCounter {
  private let files: StateFiles
  private let name: String

  /// nil where no state is kept.
  init?(_ profile: String, _ run: Invocation) {
    guard let state = run.stateDirectory else { return nil }
    files = StateFiles(state: state)
    name = "\(profile).runs"
  }

  /// The number of this run.
  func next() -> Int {
    let text = String(decoding: files.read(name, limit: 16) ?? [], as: UTF8.self)
    let number = Int(text.trimmingSpaces().filter { $0 != "\n" }) ?? 0
    return (0..<1_000_000).contains(number) ? number + 1 : 1
  }

  /// - Throws: `CairnError(.failed)` when the number cannot be kept: the run after would count wrongly, and nothing be pruned for ever.
  func set(_ number: Int) throws { try files.write(name, Array("\(number)\n".utf8)) }
}
