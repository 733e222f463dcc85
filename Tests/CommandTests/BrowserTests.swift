import CairnFormat
import CairnKit
import CairnSystem
import CairnTestSupport
import Testing

@testable import cairn

@Suite(.timeLimit(.minutes(3))) struct BrowserTests {
  private static let letters: [[(String, [UInt8]?)]] = [
    [("letters/ada.txt", Array("one\n".utf8)), ("letters/bob.txt", Array("bob\n".utf8)), ("big.bin", [UInt8](repeating: 0, count: 5000))],
    [("letters/ada.txt", Array("the second\n".utf8))],
    [("letters/ada.txt", Array("and a third\n".utf8)), ("letters/bob.txt", nil)],
  ]

  /// In the source folder of the newest snapshot.
  private func opened(columns: Int = 120, rows: Int = 24) throws -> BrowserHarness {
    var harness = try BrowserHarness(Self.letters, columns: columns, rows: rows)
    harness.press(.enter)
    for _ in harness.source { harness.press(.enter) }
    return harness
  }

  @Test func seriesSnapshotsAndFoldersLieBelowEachOther() throws {
    var harness = try BrowserHarness(Self.letters, series: ["home", "home", "other"])
    #expect(harness.lines[0].hasPrefix(" /repository"))
    #expect(harness.lines[2].contains("2 home") && harness.lines[3].contains("1 other"))
    harness.press(.enter)
    #expect(harness.lines[0].contains("home") && harness.lines[0].contains("2 snapshots"))
    #expect(harness.lines[2].contains("2023-11-15") && harness.lines[2].contains("incremental"))
    #expect(harness.lines[3].contains("2023-11-14") && harness.lines[3].contains("full"))
    harness.press(.down, .right)
    #expect(harness.lines[0].contains("2023-11-14") && harness.lines[0].contains(" / "))
    for _ in harness.source { harness.press(.enter) }
    #expect(harness.lines[0].contains("/source") && harness.selected.contains("big.bin"))
    for _ in harness.source { harness.press(.left) }
    #expect(harness.lines[0].contains(" / "))
    harness.press(.backspace, .character("h"))
    #expect(harness.lines[0].hasPrefix(" /repository") && harness.selected.contains("home"))
    harness.press(.left)
    #expect(harness.quit == nil && harness.shows("q quits."))
    harness.press(.character("q"))
    #expect(harness.quit == false)
  }

  @Test func oneSeriesIsNotAskedFor() throws {
    let harness = try BrowserHarness(Self.letters)
    #expect(harness.lines[0].contains("3 snapshots"))
  }

  @Test func aPlaceMayBeGivenAndTheFoldersAboveAreThere() throws {
    var harness = try BrowserHarness(Self.letters.dropLast(), start: ("letters", "bob.txt"))
    #expect(harness.lines[0].contains("/source/letters") && harness.selected.contains("bob.txt"))
    harness.press(.left)
    #expect(harness.lines[0].contains("/source ") && harness.selected.contains("letters/"))
    for _ in harness.source { harness.press(.left) }
    #expect(harness.lines[0].contains(" / "))
    harness.press(.left)
    #expect(harness.lines[0].contains("2 snapshots"))
  }

  @Test func entriesAreSortedByNameSizeAndTime() throws {
    var harness = try opened()
    #expect(harness.lines[2].contains("big.bin") && harness.lines[3].contains("letters/"))
    harness.press(.down, .character("s"))
    #expect(harness.lines[1].contains("Size ↓") && harness.lines[2].contains("big.bin") && harness.lines[2].contains("##########"))
    #expect(harness.selected.contains("letters/"), "the cursor stays on its entry")
    harness.press(.character("s"))
    #expect(harness.lines[1].contains("Modified ↓") && harness.lines[2].contains("letters/"))
    harness.press(.enter)
    #expect(harness.lines[1].contains("Modified ↓"), "folders below are sorted likewise")
  }

  @Test func aSearchGoesThroughTheFolderAndOnFromItsEnd() throws {
    let files = (0..<1000).map { ("f/entry\($0)", Array("x".utf8) as [UInt8]?) }
    var harness = try BrowserHarness([files + [("f/Needle", []), ("f/zneedle", [])]])
    harness.press(.enter)
    for _ in harness.source { harness.press(.enter) }
    harness.press(.enter)
    #expect(harness.lines[0].contains("/1 002"))
    harness.type("/need")
    #expect(harness.selected.contains("Needle") && harness.lines.last?.hasPrefix("/need") == true)
    harness.press(.enter)
    harness.type("n")
    #expect(harness.selected.contains("zneedle"))
    harness.type("n")
    #expect(harness.selected.contains(" Needle"))
    harness.type("N")
    #expect(harness.selected.contains("zneedle"))
    harness.type("/entry77")
    #expect(harness.selected.contains("entry77"))
    harness.press(.escape)
    #expect(harness.selected.contains("zneedle"), "an abandoned search leaves the cursor where it was")
    harness.type("/Entry")
    #expect(harness.shows("Not found."), "a capital makes letter case count")
  }

  @Test func aLongFolderIsReadInPieces() throws {
    let files = (0..<3000).map { ("f/entry\(10_000 + $0)", Array("x".utf8) as [UInt8]?) }
    var harness = try BrowserHarness([files])
    harness.press(.enter)
    for _ in harness.source { harness.press(.enter) }
    harness.press(.enter)
    var steps = 0
    while !harness.selected.contains("entry12999"), steps < 300 {
      harness.press(.pageDown)
      steps += 1
      let isMissing = harness.lines.contains(" …")
      #expect(!isMissing)
      guard let folder = harness.browser.top as? FolderScreen else { break }
      #expect(folder.window.count <= FolderScreen.windowRows + 40)
    }
    #expect(steps < 300)
    harness.press(.home)
    #expect(harness.selected.contains("entry10000"))
    harness.press(.character("G"), .up)
    #expect(harness.selected.contains("entry12998"))
  }

  @Test func versionsLeadToSnapshotsAndPreviews() throws {
    var harness = try opened()
    harness.press(.down, .enter)
    harness.type("v")
    #expect(harness.lines[0].contains("versions of") && harness.lines[0].contains("3 versions"))
    harness.press(.down)
    harness.type("p")
    #expect(harness.lines[1] == "the second")
    harness.type("q")
    harness.press(.enter)
    #expect(harness.lines[0].contains("1 snapshot") && harness.selected.contains("2023-11-15"))
    harness.press(.enter)
    #expect(harness.lines[0].contains("2023-11-15") && harness.lines[0].contains("letters") && harness.selected.contains("ada.txt"))
    #expect(harness.shows("bob.txt"))
    harness.press(.down)
    harness.type("v")
    #expect(harness.shows("1 do not have it"))
  }

  @Test func theChangesAgainstTheSnapshotBeforeAreShown() throws {
    var harness = try BrowserHarness(Self.letters)
    harness.type("d")
    #expect(harness.shows("M") && harness.shows("ada.txt") && harness.shows("-") && harness.shows("bob.txt"))
    #expect(harness.shows("files: 0 new, 1 removed, 1 changed"))
    harness.type("/bob")
    harness.press(.enter, .enter)
    #expect(harness.lines[0].contains("2023-11-15") && harness.selected.contains("bob.txt"), "removed: shown where it still is")
    harness.type("hhG")
    harness.press(.character("d"))
    #expect(harness.shows("There is no snapshot before this one"))
  }

  @Test func previewsShowTextAndBytes() throws {
    let text = Array("a\tb\\n\u{1b}[31mred\r\nlong ".utf8) + [UInt8](repeating: 0x78, count: 200) + [0x0a, 0xff, 0x0a]
    var harness = try BrowserHarness([[("1.txt", text), ("2.bin", [0, 1, 2, 0x41]), ("3.empty", [])]])
    harness.press(.enter)
    for _ in harness.source { harness.press(.enter) }
    harness.press(.enter)
    #expect(
      Array(harness.lines[1...5]) == [
        "a       b\\n\\x1b[31mred", "long " + String(repeating: "x", count: 115),
        String(repeating: "x", count: 85), "\\xff", "",
      ])
    harness.send(.resize(ScreenSize(columns: 40, rows: 10)))
    #expect(harness.lines[3] == String(repeating: "x", count: 40))
    harness.type("x")
    #expect(harness.lines[1] == "000000  61 09 62 5c  a.b\\")
    harness.type("q")
    harness.press(.down, .enter)
    #expect(harness.lines[1] == "000000  00 01 02 41  ...A")
    harness.type("qjp")
    #expect(harness.shows("This file is empty."))
  }

  @Test func marksCoverWhatIsBelowThem() throws {
    var harness = try opened()
    harness.press(.down)
    harness.type(" ")
    #expect(harness.lines[3].hasPrefix("*") && harness.shows("1 marked"))
    harness.press(.enter)
    #expect(harness.lines[2].hasPrefix("+"))
    harness.type(" ")
    #expect(harness.shows("A folder above is marked"))
    harness.type("u")
    #expect(!harness.shows("marked,") && !harness.lines[2].hasPrefix("+"))
    harness.type(" " + String(repeating: "h", count: harness.source.count + 2))
    harness.press(.down)
    for _ in 0..<(harness.source.count + 1) { harness.press(.enter) }
    harness.type(" ")
    #expect(harness.shows("1 entry is marked in snapshot"))
    harness.type("r")
    #expect(harness.shows("The marks are in another snapshot"))
  }

  @Test func aPlanComesBeforeTheRestore() throws {
    var harness = try opened()
    let target = harness.directory.path("out")
    try BrowserHarness.write(target + Array("/letters/ada.txt".utf8), Array("mine".utf8))
    harness.type(" j r")
    #expect(harness.shows("Restore 2 entries: f to a folder  i in place"))
    harness.type("f")
    harness.press(.pasted(Array(String(decoding: target, as: UTF8.self).unicodeScalars)), .enter)
    #expect(harness.lines[0].contains("nothing is written yet"))
    #expect(harness.shows("written anew    1") && harness.shows("overwritten     1"))
    #expect(harness.shows("overwrite     12 B") && harness.shows("new"))
    #expect(try harness.directory.read("out/letters/ada.txt") == Array("mine".utf8))
    harness.type("oo")
    #expect(harness.shows("left alone      1") && harness.shows("overwrite: never"))
    harness.type("oy")
    #expect(harness.lines[0].contains("restored") && harness.shows("restored: 2 files"))
    #expect(try harness.directory.read("out/letters/ada.txt") == Array("and a third\n".utf8))
    #expect(try harness.directory.read("out/big.bin").count == 5000)
    #expect(harness.browser.marks.isEmpty)
    harness.type("q")
    #expect(harness.lines[0].contains("/source"))
  }

  @Test func aVersionGoesBackInPlace() throws {
    var harness = try opened()
    harness.press(.down, .enter)
    harness.type("vGri")
    #expect(harness.shows("overwritten     1") && harness.shows("written anew    0"))
    harness.type("y")
    #expect(try harness.directory.read("source/letters/ada.txt") == Array("one\n".utf8))
  }

  @Test func whatIsTypedWhileAPlanIsMadeConfirmsNothing() throws {
    var harness = try opened()
    harness.holds = { if case .plan = $0 { true } else { false } }
    harness.type("rfout")
    harness.press(.enter)
    harness.type("yyq")
    harness.release()
    #expect(harness.lines[0].contains("nothing is written yet") && harness.quit == nil)
  }

  @Test func keysWaitForWhatIsBeingRead() throws {
    var harness = try opened()
    harness.holds = { if case .open = $0 { true } else { false } }
    harness.press(.down, .enter)
    harness.type("vp")
    harness.release()
    #expect(harness.lines[1] == "and a third")
  }

  @Test func escapeStopsATaskAndForgetsTheKeys() throws {
    var harness = try opened()
    harness.holds = { if case .versions = $0 { true } else if case .stop = $0 { true } else { false } }
    harness.press(.down, .enter)
    harness.type("vq")
    guard case .versions(let ticket, _, _)? = harness.held.first else { return #expect(Bool(false)) }
    harness.send(.progress(ticket: ticket, "1 of 3"))
    #expect(harness.lines.last == "Esc stops  looking through the snapshots: 1 of 3")
    harness.press(.escape)
    guard case .stop(ticket)? = harness.held.last else { return #expect(Bool(false)) }
    harness.send(.finished(ticket: ticket, .stopped))
    #expect(harness.shows("Stopped.") && harness.shows("ada.txt") && harness.quit == nil)
  }

  /// The source folder is being opened, and nothing has come of it so far.
  private func opening() throws -> (harness: BrowserHarness, ticket: Int) {
    var harness = try opened()
    harness.press(.left)
    harness.holds = { if case .open = $0 { true } else if case .stop = $0 { true } else { false } }
    harness.press(.down, .up)
    harness.press(.control("l"), .enter)
    guard case .open(let ticket, _)? = harness.held.last else { throw CairnError(.failed, "nothing is opened") }
    return (harness, ticket)
  }

  @Test func aFolderMayBeLookedAtWhileItIsRead() throws {
    var (harness, ticket) = try opening()
    let entries = (0..<50).map { number in
      var node = Node(name: Array("entry\(100 + number)".utf8), type: .file)
      node.size = 7
      return FolderEntry(node)
    }
    var content = Browser.FolderContent(listing: nil, count: 50, total: 50)
    content.window = entries
    harness.send(.finished(ticket: ticket, .folder(content)))
    harness.send(.progress(ticket: ticket, "50 entries"))
    harness.press(.down, .down)
    #expect(harness.selected.contains("entry102") && harness.lines[0].contains("3/50+"))
    #expect(harness.lines.last?.hasPrefix("Esc stops") == true && harness.lines.last?.hasSuffix("50 entries") == true)
    content.window = []
    (content.count, content.total, content.isComplete) = (40, 40, true)
    harness.send(.finished(ticket: ticket, .folder(content)))
    #expect(harness.selected.contains("entry102") && harness.lines[0].contains("3/40") && !harness.lines[0].contains("+"))
    #expect(harness.lines.last?.hasPrefix("Enter open") == true)
  }

  @Test func readingAFolderMayBeStopped() throws {
    var (harness, ticket) = try opening()
    var content = Browser.FolderContent(listing: nil, count: 1, total: 1)
    content.window = [FolderEntry(Node(name: [0x78], type: .fifo))]
    harness.send(.finished(ticket: ticket, .folder(content)))
    harness.press(.escape)
    guard case .stop(ticket)? = harness.held.last else { return #expect(Bool(false)) }
    harness.send(.finished(ticket: ticket, .stopped))
    #expect(harness.shows("not read to its end") && harness.lines[0].contains("1/1+"))
  }

  @Test func whatCannotBeReadIsSaidAndBrowsingGoesOn() throws {
    var (harness, ticket) = try opening()
    var content = Browser.FolderContent(listing: nil, isComplete: true)
    content.problem = String(repeating: "damaged ", count: 30)
    harness.send(.finished(ticket: ticket, .folder(content)))
    #expect(harness.lines[2].hasPrefix("damaged") && harness.lines[3].contains("damaged"), "folded, not cut")
    harness.holds = { if case .preview = $0 { true } else { false } }
    harness.press(.left)
    #expect(harness.selected.contains("source/"))
    harness.press(.control("l"), .enter)
    harness.type("p")
    guard case .preview(let preview, _, _)? = harness.held.last else { return #expect(Bool(false)) }
    harness.send(.finished(ticket: preview, .failed("short")))
    #expect(harness.lines.last == "short")
    harness.type("p")
    guard case .preview(let other, _, _)? = harness.held.last else { return #expect(Bool(false)) }
    harness.send(.finished(ticket: other, .failed(String(repeating: "a long reason ", count: 20))))
    #expect(harness.lines[0].contains("this could not be done") && harness.lines[2].contains("reason"))
    harness.type("q")
    #expect(harness.shows("big.bin"))
  }

  @Test func theControlKeysWork() throws {
    var harness = try opened()
    harness.press(.control("z"))
    #expect(harness.suspended == 1)
    harness.type("?")
    #expect(harness.shows("Restoring") || harness.shows("Moving"))
    harness.press(.escape, .control("c"))
    #expect(harness.quit == true)
  }

  @Test func everySizeOfAScreenIsFilledAndNothingMore() throws {
    for screen in 0..<6 {
      var harness = try opened()
      switch screen {
      case 0: harness.type("hh")
      case 1: harness.type(" s")
      case 2: harness.type("jlv")
      case 3: harness.type("jlp")
      case 4: harness.type("?")
      default: harness.type("/le")
      }
      for (columns, rows) in [(200, 60), (80, 24), (79, 23), (52, 12), (40, 10), (36, 8), (24, 7), (10, 5), (3, 3), (1, 1)] {
        harness.send(.resize(ScreenSize(columns: columns, rows: rows)))
        let picture = harness.browser.picture()
        #expect(picture.lines.count == rows, "screen \(screen), \(columns)x\(rows)")
        #expect(picture.lines.allSatisfy { $0.width <= columns }, "screen \(screen), \(columns)x\(rows)")
        if let cursor = picture.cursor { #expect(cursor.row < rows && cursor.column < columns) }
        harness.press(.down, .up)
      }
    }
  }

  @Test func namesOfAnyBytesStayNames() throws {
    let names = ["evil\u{1b}]0;owned\u{7}", "new\nline", "right\u{202e}left", "日本語のファイル名.txt", "e\u{301}te\u{301}"]
    var harness = try BrowserHarness([names.map { ($0, Array("x".utf8)) }], columns: 60)
    harness.press(.enter)
    for _ in harness.source { harness.press(.enter) }
    #expect(harness.shows("evil\\x1b]0;owned\\x07") && harness.shows("new\\nline") && harness.shows("right\\u{202e}left"))
    var painter = Painter(ScreenCapabilities(hasColours: true))
    let bytes = painter.paint(harness.browser.picture())
    var screen = VirtualScreen(columns: 60, rows: 24)
    screen.write(bytes)
    #expect(screen.strange.isEmpty && screen.contains("日本語のファイル名.txt"))
  }

  @Test func onlyLinesThatDifferArePainted() throws {
    var harness = try opened()
    var painter = Painter(ScreenCapabilities(hasColours: false))
    let all = painter.paint(harness.browser.picture())
    #expect(painter.paint(harness.browser.picture()).isEmpty)
    harness.press(.down)
    let changed = painter.paint(harness.browser.picture())
    // The two entries, the title with its number, and the detail.
    #expect(String(decoding: changed, as: UTF8.self).split(separator: "H").count - 1 <= 4 && changed.count < all.count)
    #expect(!String(decoding: all + changed, as: UTF8.self).contains(";3"), "colours")
    painter.forget()
    #expect(painter.paint(harness.browser.picture()).count >= all.count / 2)
  }

  @Test func terminalsThatCannotAreRefused() throws {
    for name in ["", "dumb", "unknown"] {
      #expect(throws: CairnError.self) { try ScreenCapabilities(EnvironmentVariables(values: ["TERM": name])) }
    }
    #expect(try ScreenCapabilities(EnvironmentVariables(values: ["TERM": "xterm"])).hasColours)
    #expect(try !ScreenCapabilities(EnvironmentVariables(values: ["TERM": "xterm", "NO_COLOR": "1"])).hasColours)
    #expect(try !ScreenCapabilities(EnvironmentVariables(values: ["TERM": "vt100"])).hasColours)
  }
}
