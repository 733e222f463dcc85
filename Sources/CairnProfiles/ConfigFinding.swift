import CairnKit

/// A place in a configuration file.
package struct ConfigPlace: Sendable, Hashable {
  /// The file's path as bytes.
  package let file: [UInt8]
  package let line: Int

  /// `path:line`, safe on a terminal.
  package var text: String { "\(Escaping.terminal(file)):\(line)" }
}

/// Something to say about a place.
package struct ConfigFinding: Sendable, Hashable {
  package let place: ConfigPlace
  /// One or two sentences without the last stop: what is wrong and what to do. Safe on a terminal.
  package let message: String

  package init(place: ConfigPlace, message: String) {
    self.place = place
    self.message = message
  }

  package var text: String { "\(place.text): \(message)" }
}

/// Collects what is found while one part of a configuration is read.
final class ConfigLog {
  /// More are not counted: a file with so many is something else.
  private static let limit = 100
  let files: [[UInt8]]
  private(set) var mistakes: [ConfigFinding] = []
  private(set) var notices: [ConfigFinding] = []

  init(files: [[UInt8]]) { self.files = files }

  func place(_ item: TOMLItem) -> ConfigPlace { ConfigPlace(file: item.file < files.count ? files[item.file] : [], line: item.line) }

  func mistake(_ place: ConfigPlace, _ message: String) {
    let finding = ConfigFinding(place: place, message: message)
    if mistakes.count < Self.limit && !mistakes.contains(finding) { mistakes.append(finding) }
  }

  func notice(_ place: ConfigPlace, _ message: String) {
    let finding = ConfigFinding(place: place, message: message)
    if notices.count < Self.limit && !notices.contains(finding) { notices.append(finding) }
  }
}
