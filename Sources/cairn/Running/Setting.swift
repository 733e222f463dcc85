import CairnKit
import CairnProfiles

/// Where a value in force comes from: a flag beats a variable, a variable beats the file.
enum SettingOrigin: Equatable {
  case flag(String)
  case variable(String)
  case file(ConfigPlace)
  case standard

  var text: String {
    switch self {
    case .flag(let name): name
    case .variable(let name): name
    case .file(let place): place.text
    case .standard: "default"
    }
  }
}

/// A value in force.
struct Setting<Value> {
  let value: Value
  let origin: SettingOrigin

  func map<T>(_ transform: (Value) throws -> T) rethrows -> Setting<T> { Setting<T>(value: try transform(value), origin: origin) }
}

extension Invocation {
  /// Where a key of the profile is set.
  func origin(of key: String) -> SettingOrigin { profile.map { .file($0.place(of: key)) } ?? .standard }

  /// The value of a variable of the environment, ours or restic's, with its name.
  func variable(_ name: EnvironmentVariables.Name) -> Setting<String>? { environment.setting(name) }
}

extension EnvironmentVariables {
  func setting(_ name: Name) -> Setting<String>? {
    for level in Level.allCases {
      if let value = value(name, at: level) { return Setting(value: value, origin: .variable(level.rawValue + name.rawValue)) }
    }
    return nil
  }
}
