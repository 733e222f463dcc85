import Glibc

/// What feeds the machine, by `/sys/class/power_supply`.
package enum PowerSupply {
  /// Whether it is not on battery. A machine that does not tell has none.
  ///
  /// - Parameter folder: the kernel's directory of supplies.
  package static func isOnMains(_ folder: [UInt8] = Array("/sys/class/power_supply".utf8)) -> Bool {
    // `try?`: see above.
    guard let directory = try? OpenFile.open(folder, [.read, .directory]), let listing = try? directory.list() else { return true }
    var isDischarging = false
    for index in 0..<listing.count {
      let supply = folder + [0x2f] + listing.name(index) + [0x2f]
      // Batteries of mice and the like say so.
      if word(supply, "scope") == "Device" { continue }
      let type = word(supply, "type")
      if type == "Battery" {
        isDischarging = isDischarging || word(supply, "status") == "Discharging"
      } else if type != nil, word(supply, "online") == "1" {
        return true
      }
    }
    return !isDischarging
  }

  private static func word(_ supply: [UInt8], _ name: String) -> String? {
    var buffer = [UInt8](repeating: 0, count: 64)
    guard let file = try? OpenFile.open(supply + name.utf8, .read),
      let count = try? buffer.withUnsafeMutableBytes({ try file.read(into: $0) })
    else { return nil }
    return String(decoding: buffer[..<count].prefix { $0 != 0x0a }, as: UTF8.self)
  }
}
