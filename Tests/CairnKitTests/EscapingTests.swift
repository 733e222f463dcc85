import CairnKit
import Testing

@Suite struct EscapingTests {
  @Test(arguments: [
    ("plain.txt", "plain.txt"), ("é漢😀", "é漢😀"), ("a\nb", "a\\nb"), ("a\rb\tc", "a\\rb\\tc"), ("\u{1b}[31m", "\\x1b[31m"),
    ("back\\slash", "back\\\\slash"), ("\u{202e}txt.exe", "\\u{202e}txt.exe"), ("zero\u{200b}width", "zero\\u{200b}width"),
    ("\u{7f}", "\\x7f"), ("\u{9b}31m", "\\u{9b}31m"), ("", ""),
  ])
  func textIsShownSafely(_ text: String, _ shown: String) {
    #expect(Escaping.terminal(Array(text.utf8)) == shown)
  }

  @Test(arguments: [
    ([0xff, 0xfe] as [UInt8], "\\xff\\xfe"), ([0x62, 0xc3], "b\\xc3"), ([0xed, 0xa0, 0x80], "\\xed\\xa0\\x80"),
    ([0xc0, 0xaf], "\\xc0\\xaf"),
    ([0xf5, 0x80, 0x80, 0x80], "\\xf5\\x80\\x80\\x80"),
  ])
  func bytesThatAreNoUTF8AreShownOneByOne(_ bytes: [UInt8], _ shown: String) {
    #expect(Escaping.terminal(bytes) == shown)
  }

  @Test(arguments: [
    ("a\tb", "a       b"), ("1234567\t8", "1234567 8"), ("é\t\t|", "é               |"), ("back\\slash\\", "back\\slash\\"),
    ("\u{1b}[31m\\", "\\x1b[31m\\"), ("", ""),
  ])
  func aLineOfATextIsShownAsItReads(_ text: String, _ shown: String) {
    #expect(Escaping.line(text.utf8) == shown)
  }

  @Test func differentNamesLookDifferent() {
    let names: [[UInt8]] = [[0x78, 0xff], [0x78, 0xfe], [0x78, 0xef, 0xbf, 0xbd], Array("x\\xff".utf8)]
    #expect(Set(names.map(Escaping.terminal)).count == names.count)
  }
}
