import CairnKit
import CairnProfiles
import CairnSystem
import SystemPackage

/// Puts units in place, all of them or none.
package struct UnitInstaller: Sendable {
  private let host: ScheduleHost
  private let scope: UnitFiles.Scope
  private let folder: [UInt8]

  package init(_ host: ScheduleHost, _ scope: UnitFiles.Scope) throws {
    self.host = host
    self.scope = scope
    folder = try host.units(scope)
  }

  package func path(_ name: String) -> [UInt8] { folder + [0x2f] + name.utf8 }

  /// Installs a profile's units in place of those that it has. When a step fails, everything is as before.
  package func install(_ files: [UnitFile], profile: String) throws {
    var undo = UndoList()
    do {
      let directory = try opened()
      let old = try units(of: profile, directory)
      for name in files.map(\.name) { try refuseForeign(name, directory) }
      let gone = old.filter { unit in !files.contains { $0.name == unit.name } }
      try disable(gone.map(\.name), &undo)
      for unit in gone {
        undo.onFailure { write(unit.name, unit.text, directory) }
        try FileSystem.unlink(at: directory, name: Array(unit.name.utf8))
      }
      for file in files {
        let before = old.first { $0.name == file.name }
        undo.onFailure {
          if let before {
            write(before.name, before.text, directory)
          } else {
            try? FileSystem.unlink(at: directory, name: Array(file.name.utf8))
          }
        }
        try Self.replace(Array(file.name.utf8), Array(file.text.utf8), directory)
      }
      try reload()
      undo.onFailure { try? reload() }
      try enable(files, old, &undo)
    } catch {
      undo.undo()
      // Once more, for files that came back last.
      try? reload()
      throw Self.translate(error, folder)
    }
  }

  /// Removes a profile's units. When a step fails, everything is as before.
  ///
  /// - Returns: whether the profile had any.
  package func remove(_ profile: String) throws -> Bool {
    do {
      let directory = try opened()
      let units = try units(of: profile, directory)
      guard !units.isEmpty else { return false }
      var undo = UndoList()
      do {
        try disable(units.map(\.name), &undo)
        undo.onFailure { try? reload() }
        for unit in units {
          undo.onFailure { write(unit.name, unit.text, directory) }
          try FileSystem.unlink(at: directory, name: Array(unit.name.utf8))
        }
        try reload()
      } catch {
        undo.undo()
        throw error
      }
      return true
    } catch let error as FileError where error.errno == .noSuchFileOrDirectory {
      return false
    } catch { throw Self.translate(error, folder) }
  }

  /// What is installed, by profile.
  package func installed() -> [InstalledSchedule] {
    // `try?`: where nothing can be read nothing is installed.
    guard let directory = try? OpenFile.open(folder, [.read, .directory]), let all = try? units(of: nil, directory) else { return [] }
    var seen: Set<String> = []
    return all.compactMap { unit in
      guard let mark = unit.mark, seen.insert(mark.profile).inserted else { return nil }
      return InstalledSchedule(profile: mark.profile, place: .units(scope), fingerprint: mark.fingerprint)
    }
  }

  // MARK: Files

  private struct Unit {
    let name: String
    let text: [UInt8]

    var mark: (profile: String, fingerprint: String)? {
      let lines = String(decoding: text, as: UTF8.self).split(separator: "\n").prefix(3)
      guard let line = lines.first(where: { $0.hasPrefix(UnitFiles.mark) }) else { return nil }
      let words = line.dropFirst(UnitFiles.mark.utf8.count).split(separator: " ").map(String.init)
      return words.count == 2 ? (words[0], words[1]) : nil
    }
  }

  private func opened() throws(FileError) -> OpenFile { try FileSystem.makeDirectories(folder) }

  /// The units of ours that are there.
  ///
  /// - Parameter profile: nil = of all profiles.
  private func units(of profile: String?, _ directory: OpenFile) throws -> [Unit] {
    let listing = try directory.list()
    return (0..<listing.count).compactMap { index in
      let name = String(decoding: listing.name(index), as: UTF8.self)
      guard name.hasPrefix("cairn-"), name.hasSuffix(".service") || name.hasSuffix(".timer"), let unit = read(name, directory),
        let mark = unit.mark, profile == nil || mark.profile == profile
      else { return nil }
      return unit
    }
  }

  private func read(_ name: String, _ directory: OpenFile) -> Unit? {
    var bytes = [UInt8](repeating: 0, count: 256 << 10)
    // `try?`: what cannot be read is none of ours.
    guard let file = try? OpenFile.open(Array(name.utf8), at: directory, [.read, .noFollow, .nonBlock]),
      let count = try? bytes.withUnsafeMutableBytes({ try file.read(into: $0) })
    else { return nil }
    return Unit(name: name, text: Array(bytes[..<count]))
  }

  private func refuseForeign(_ name: String, _ directory: OpenFile) throws {
    // `try?`: what is in the way and cannot be looked at is told by the writing.
    guard (try? FileSystem.status(at: directory, name: Array(name.utf8))) != nil, read(name, directory)?.mark == nil else { return }
    throw CairnError(
      .exists, "There is a unit \(Escaping.terminal(path(name))) that cairn did not make.", guidance: "Move it away, or rename the profile."
    )
  }

  private func write(_ name: String, _ text: [UInt8], _ directory: OpenFile) {
    // `try?`: this is for the way back, when another error is told already.
    try? Self.replace(Array(name.utf8), text, directory)
  }

  /// Units are read by others than who installs them.
  private static func replace(_ name: [UInt8], _ text: [UInt8], _ directory: OpenFile) throws(FileError) {
    try FileSystem.place(text, at: directory, name: name, mode: 0o644)
  }

  // MARK: systemctl

  private func reload() throws { if host.isSystemdRunning { try systemctl(["daemon-reload"]) } }

  private func enable(_ files: [UnitFile], _ old: [Unit], _ undo: inout UndoList) throws {
    for file in files {
      let before = old.first { $0.name == file.name }
      if file.isEnabled {
        if before == nil { undo.onFailure { try? systemctl(["disable"] + (host.isSystemdRunning ? ["--now"] : []) + [file.name]) } }
        // What wants it may be others than before.
        try systemctl(["reenable", file.name])
      } else if before != nil {
        try systemctl(["disable", file.name])
      }
      guard file.isStarted, host.isSystemdRunning else { continue }
      try systemctl([before.map { $0.text == Array(file.text.utf8) } == true ? "start" : "restart", file.name])
    }
  }

  private func disable(_ names: [String], _ undo: inout UndoList) throws {
    for name in names {
      undo.onFailure { try? systemctl(["enable"] + (host.isSystemdRunning && !name.hasSuffix(".service") ? ["--now"] : []) + [name]) }
      // A run that is under way goes on to its end.
      let isRun = name.hasSuffix(".service") && !name.contains("@")
      try systemctl(["disable"] + (host.isSystemdRunning && !isRun ? ["--now"] : []) + [name])
    }
  }

  private func systemctl(_ words: [String]) throws {
    let all = (scope == .user ? ["--user"] : []) + words
    let (status, text) = try ScheduleHost.output([host.systemctl] + (["--quiet"] + all).map { Array($0.utf8) })
    guard status == 0 else {
      let said = text.isEmpty ? "" : ": " + Escaping.terminal(text.last == 0x0a ? text.dropLast() : text)
      throw CairnError(
        .failed, "'systemctl \(all.joined(separator: " "))' ended with status \(status)\(said). Nothing was installed or removed.",
        guidance: scope == .user && host.isSystemdRunning
          ? "A user's units need a session of that user; as root, --system installs for the machine." : nil)
    }
  }

  private static func translate(_ error: any Error, _ folder: [UInt8]) -> any Error {
    guard let error = error as? FileError else { return error }
    return CairnError(
      error.errno == .noSpace ? .noSpace : .failed, "Units cannot be written to \(Escaping.terminal(folder)): \(error.reason).",
      guidance: error.errno == .permissionDenied ? "Only root may; --user installs for you alone." : nil)
  }
}
