import CairnKit
import CairnStorage
import CairnSystem
import CairnTestSupport
import Testing

@testable import cairn

/// The browser with a repository in memory and without a terminal: what it asks for is done at once.
struct BrowserHarness {
  let directory = TemporaryDirectory()
  let repository: Repository
  private(set) var browser: Browser
  private var reading: BrowserReading
  private(set) var quit: Bool?
  private(set) var suspended = 0
  /// Effects that are not carried out but kept.
  var holds: (Browser.Effect) -> Bool = { _ in false }
  private(set) var held: [Browser.Effect] = []

  /// - Parameters:
  ///   - versions: what the source holds at each snapshot: paths and contents; nil removes one.
  ///   - start: a folder below the source, and an entry in it, to begin with.
  init(
    _ versions: [[(String, [UInt8]?)]], series: [String] = [], columns: Int = 120, rows: Int = 24,
    start: (folder: String, entry: String?)? = nil
  ) throws {
    let repository = try TestRepository.create()
    self.repository = repository
    let source = directory.path("source")
    _ = try FileSystem.makeDirectories(source)
    for (number, version) in versions.enumerated() {
      for (path, content) in version { try Self.write(source + [0x2f] + Array(path.utf8), content) }
      var options = BackupOptions()
      options.sources = [source]
      options.setTime(seconds: 1_700_000_000 + Int64(number) * 86_400, nanoseconds: 0)
      if number < series.count { options.seriesName = series[number] }
      _ = try repository.backup(options, context: RunContext())
    }
    let view = try repository.loadView()
    reading = BrowserReading(repository: repository, view: view, snapshots: view.snapshots, memoryBytes: 64 << 20, home: "/home/test")
    let first = try #require(view.snapshots.last)
    browser = Browser(
      repository: "/repository", snapshots: view.snapshots, all: view.snapshots, size: ScreenSize(columns: columns, rows: rows),
      start: start.map { start in
        (first, Self.components(source) + Self.components(Array(start.folder.utf8)), start.entry.map { Array($0.utf8) })
      })
    carryOut(browser.begin())
  }

  static func write(_ path: [UInt8], _ content: [UInt8]?) throws {
    let slash = path.lastIndex(of: 0x2f) ?? 0
    let folder = try FileSystem.makeDirectories(Array(path[..<slash]))
    let name = Array(path[(slash + 1)...])
    guard let content else { return try FileSystem.unlink(at: folder, name: name) }
    if name.isEmpty { return }
    let file = try OpenFile.open(name, at: folder, [.write, .create, .truncate], mode: 0o644)
    try content.withUnsafeBytes { try file.write($0) }
  }

  /// The components of the source's place in the snapshots.
  var source: [[UInt8]] { Self.components(directory.path("source")) }
  private static func components(_ path: [UInt8]) -> [[UInt8]] { path.split(separator: 0x2f).map(Array.init) }

  mutating func press(_ keys: Keystroke...) {
    for key in keys { send(.key(key)) }
  }

  mutating func type(_ text: String) {
    for scalar in text.unicodeScalars { send(.key(.character(scalar))) }
  }

  mutating func send(_ event: Browser.Event) { carryOut(browser.handle(event)) }

  private mutating func carryOut(_ effects: [Browser.Effect]) {
    for effect in effects {
      if holds(effect) {
        held.append(effect)
        continue
      }
      switch effect {
      case .quit(let isInterrupted): quit = isInterrupted
      case .suspend: suspended += 1
      case .redraw, .stop: break
      case .open(let ticket, _), .window(let ticket, _, _), .sort(let ticket, _, _, _), .find(let ticket, _, _, _, _),
        .versions(let ticket, _, _), .preview(let ticket, _, _), .changes(let ticket, _, _), .plan(let ticket, _), .restore(let ticket, _):
        let work = BrowserReading.Work { _ in }
        guard let outcome = reading.perform(effect, work) else { continue }
        send(.finished(ticket: ticket, outcome))
      }
    }
  }

  /// Carries out what was kept.
  mutating func release() {
    let effects = held
    (held, holds) = ([], { _ in false })
    carryOut(effects)
  }

  /// The screen as text, spaces at the ends of lines left out.
  var lines: [String] {
    browser.picture().lines.map { line in
      var text = line.text
      while text.last == " " { text.removeLast() }
      return text
    }
  }

  var selected: String { browser.picture().lines.first { $0.isSelected }?.text ?? "" }
  func shows(_ text: String) -> Bool { lines.contains { $0.contains(text) } }
}
