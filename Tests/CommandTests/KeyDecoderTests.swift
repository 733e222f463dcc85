import CairnTestSupport
import Testing

@testable import cairn

@Suite struct KeyDecoderTests {
  private static let known: [(String, [Keystroke])] = [
    ("q", [.character("q")]), ("é", [.character("é")]), ("日🚀", [.character("日"), .character("🚀")]),
    ("\r\n\t", [.enter, .enter, .tab]), ("\u{7f}\u{8}", [.backspace, .backspace]), ("\u{3}\u{1a}", [.control("c"), .control("z")]),
    ("\u{1b}[A\u{1b}[B\u{1b}[C\u{1b}[D", [.up, .down, .right, .left]), ("\u{1b}OA\u{1b}OH", [.up, .home]),
    ("\u{1b}[5~\u{1b}[6~\u{1b}[3~", [.pageUp, .pageDown, .delete]), ("\u{1b}[1~\u{1b}[4~\u{1b}[7~\u{1b}[8~", [.home, .end, .home, .end]),
    ("\u{1b}[1;5A", [.up]), ("\u{1b}[5;2~", [.pageUp]), ("\u{1b}[[Ax", [.character("x")]), ("\u{1b}\u{1b}[A", [.escape, .up]),
    ("\u{1b}[200~a\u{1b}[31mb\u{1b}[201~c", [.pasted(Array("a[31mb".unicodeScalars)), .character("c")]),
    ("\u{1b}]11;rgb:0/0/0\u{7}j", [.character("j")]), ("\u{1b}P1$r0m\u{1b}\\j", [.character("j")]), ("\u{1b}[15~j", [.character("j")]),
    ("\u{1b}xj", [.character("j")]), ("\u{85}j", [.character("j")]),
  ]

  @Test func keysAreTold() {
    for (text, keys) in Self.known {
      var decoder = KeyDecoder()
      #expect(decoder.decode(text.utf8) == keys, "\(text.debugDescription)")
      #expect(!decoder.isWaiting)
    }
  }

  @Test func sequencesMayComeInPieces() {
    for (text, keys) in Self.known {
      for cut in 1..<max(2, text.utf8.count) {
        var decoder = KeyDecoder()
        let bytes = Array(text.utf8)
        #expect(decoder.decode(bytes.prefix(cut)) + decoder.decode(bytes.dropFirst(cut)) == keys, "\(text.debugDescription) at \(cut)")
      }
    }
  }

  @Test func anEscapeByItselfIsAKeyOnceNothingFollows() {
    var decoder = KeyDecoder()
    #expect(decoder.decode([0x1b]) == [])
    #expect(decoder.isWaiting)
    #expect(decoder.flush() == [.escape])
    #expect(!decoder.isWaiting && decoder.flush() == [])
  }

  @Test func bytesThatAreNoCharacterAreDropped() {
    var decoder = KeyDecoder()
    #expect(decoder.decode([0xff, 0xc3, 0x28, 0xe2, 0x82, 0x71, 0xc2, 0x9b, 0x71, 0xed, 0xa0, 0x80, 0x71]).count == 4)
  }

  @Test func aPasteIsBounded() {
    var decoder = KeyDecoder()
    let long = [UInt8](repeating: 0x61, count: 3 * KeyDecoder.pastedBytes)
    let keys = decoder.decode(Array("\u{1b}[200~".utf8) + long + Array("\u{1b}[201~j".utf8))
    #expect(keys.count == 2 && keys.last == .character("j"))
    guard case .pasted(let text)? = keys.first else { return #expect(Bool(false)) }
    #expect(text.count == KeyDecoder.pastedBytes)
  }

  @Test func aPasteMayStop() {
    var decoder = KeyDecoder()
    #expect(decoder.decode("\u{1b}[200~/srv/da".utf8) == [])
    for _ in 0..<10 { #expect(decoder.flush() == [] && decoder.isWaiting) }
    #expect(decoder.decode("ta\nq\u{1b}[20".utf8) == [])
    #expect(decoder.flush() == [])
    #expect(decoder.decode("1~j".utf8) == [.pasted(Array("/srv/dataq".unicodeScalars)), .character("j")])
  }

  @Test func aPasteThatStopsForLongIsGivenUpAndItsRestIsNoKeys() {
    var decoder = KeyDecoder()
    #expect(decoder.decode("\u{1b}[200~/srv/da\u{1b}[2".utf8) == [])
    for _ in 0..<1000 { #expect(decoder.flush() == []) }
    #expect(decoder.decode("01~j".utf8) == [.character("j")])
    #expect(decoder.decode("\u{1b}[200~/srv/da".utf8) == [])
    for _ in 0..<1000 { _ = decoder.flush() }
    #expect(decoder.decode("ta\nq\ny\u{1b}[201~j".utf8) == [.character("j")])
  }

  @Test func aPasteWithoutEndDoesNotTakeTheKeyboardForEver() {
    var decoder = KeyDecoder()
    #expect(decoder.decode("\u{1b}[200~/srv/data".utf8) == [])
    for _ in 0..<100 { _ = decoder.flush() }
    #expect(decoder.decode("q".utf8) == [])
    for _ in 0..<100 { _ = decoder.flush() }
    #expect(!decoder.isWaiting && decoder.decode("j".utf8) == [.character("j")])
  }

  @Test func anythingMaySentAndTheNextKeyIsUnderstood() {
    let corpus = Self.known.map { Array($0.0.utf8) }
    for number in 0..<20_000 {
      var random = SeededRandom(seed: UInt64(number))
      var bytes = DecoderFuzz.mutate(corpus, &random)
      bytes += DecoderFuzz.mutate(corpus, &random)
      var decoder = KeyDecoder()
      var keys = 0
      while !bytes.isEmpty {
        let count = 1 + random.below(bytes.count)
        let found = decoder.decode(bytes.prefix(count))
        bytes.removeFirst(count)
        keys += found.count
        for case .character(let scalar) in found where scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value) {
          Issue.record("mutation \(number) gave the character \(scalar.value)")
        }
        if random.below(4) == 0 { _ = decoder.flush() }
      }
      for _ in 0..<100 { _ = decoder.flush() }
      _ = decoder.decode([0x20])
      for _ in 0..<100 { _ = decoder.flush() }
      #expect(decoder.decode([0x6a]) == [.character("j")], "mutation \(number)")
    }
  }
}

@Suite struct LineEditorTests {
  private func typed(_ keys: [Keystroke], into text: String = "") -> LineEditor {
    var line = LineEditor(text)
    for key in keys { _ = line.handle(key) }
    return line
  }

  @Test func aLineIsEdited() {
    #expect(typed([.character("b"), .home, .character("a"), .end, .character("c")]).text == "abc")
    #expect(typed([.backspace, .left, .delete, .character("x")], into: "abcd").text == "abx")
    #expect(typed([.control("w")], into: "/srv/data/old").text == "/srv/data/")
    #expect(typed([.left, .left, .control("u")], into: "abcd").text == "cd")
    #expect(typed([.left, .left, .control("k")], into: "abcd").text == "ab")
    #expect(typed([.pasted(Array("日本".unicodeScalars))], into: "a").text == "a日本")
    #expect(typed([.backspace, .delete, .left, .right, .control("w")]).text == "")
  }

  @Test func whatIsAroundTheCursorIsShown() {
    let line = typed([], into: "/a/long/path/to/somewhere")
    #expect(line.shown(columns: 10).text.hasSuffix("somewhere"))
    #expect(line.shown(columns: 10).cursor == 9)
    #expect(typed([.home], into: "abcdef").shown(columns: 4) == ("abcd", 0))
  }
}
