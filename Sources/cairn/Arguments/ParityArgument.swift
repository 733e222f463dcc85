import ArgumentParser
import CairnFormat

/// `32+2`: data and parity shards of a pack; `off`: none.
struct ParityArgument: ExpressibleByArgument, Equatable {
  let choice: ParityChoice?

  init?(argument: String) {
    guard argument != "off" else {
      choice = nil
      return
    }
    let parts = argument.split(separator: "+", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
      let data = Int(parts[0]), let parity = Int(parts[1]), (1...Limits.parityDataShards).contains(data), parity <= Limits.parityShards
    else { return nil }
    choice = parity == 0 ? nil : ParityChoice(data: data, parity: parity)
  }
}
