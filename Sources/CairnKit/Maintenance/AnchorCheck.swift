import CairnFormat

/// Reports what this machine has seen in the repository and that is gone.
struct AnchorCheck {
  let state: RepositoryState
  let findings: FindingList

  func perform() {
    for divergence in state.divergences {
      guard case .missing(let session) = divergence else {
        findings.add(divergence.object, divergence.finding, .harmless, next: [Divergence].advice)
        continue
      }
      let place = findings.add(divergence.object, divergence.finding, .loss, next: [Divergence].advice)
      findings.touch(place, session.hexadecimal, [0x2f])
    }
  }
}
