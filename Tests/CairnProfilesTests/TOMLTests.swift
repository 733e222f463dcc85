import Testing

@testable import CairnProfiles

@Suite struct TOMLTests {
  private func parse(_ text: String) throws -> TOMLTable { try TOMLParser.parse(Array(text.utf8)) }

  @Test(
    arguments: [
      // Keys
      ("a=1", "{ a = 1 }"), ("  a = 1 # x", "{ a = 1 }"), ("a-b_C9 = 1", "{ a-b_C9 = 1 }"), ("1234 = 1", "{ 1234 = 1 }"),
      ("\"a b\" = 1", "{ \"a b\" = 1 }"), ("'a\"b' = 1", "{ \"a\\\"b\" = 1 }"), ("\"\" = 1", "{ \"\" = 1 }"),
      ("\"ʎǝʞ\" = 1", "{ \"ʎǝʞ\" = 1 }"), ("a . b.\"c\" = 1", "{ a = { b = { c = 1 } } }"),
      ("a.b = 1\na.c = 2", "{ a = { b = 1, c = 2 } }"),
      ("3.14 = 1", "{ 3 = { 14 = 1 } }"),
      // Strings
      (#"a = "b\t\"\\\n\r\b\f""#, #"{ a = "b\t\"\\\n\r\u0008\u000c" }"#), (#"a = "\u00e9\U0001F600""#, "{ a = \"é😀\" }"),
      (#"a = 'c:\x'"#, #"{ a = "c:\\x" }"#), ("a = ''", "{ a = \"\" }"), ("a = \"\"", "{ a = \"\" }"),
      ("a = \"\"\"\nx\ny\"\"\"", "{ a = \"x\\ny\" }"), ("a = \"\"\"x \\\n\n   y\"\"\"", "{ a = \"x y\" }"),
      ("a = \"\"\"x \\   \n  y\"\"\"", "{ a = \"x y\" }"), ("a = \"\"\"\"x\"\"\"\"\"", "{ a = \"\\\"x\\\"\\\"\" }"),
      ("a = \"\"\"x\r\ny\"\"\"", "{ a = \"x\\ny\" }"), ("a = '''\n\\x\n''y'''", "{ a = \"\\\\x\\n''y\" }"),
      ("a = ''''x'''''", "{ a = \"'x''\" }"),
      ("a = \"\"\"\"\"\"", "{ a = \"\" }"), ("a = \"x # y\" # z", "{ a = \"x # y\" }"),
      // Numbers
      ("a = +99", "{ a = 99 }"), ("a = -17", "{ a = -17 }"), ("a = -0", "{ a = 0 }"), ("a = 1_000", "{ a = 1000 }"),
      ("a = 0xDEAD_beef", "{ a = 3735928559 }"), ("a = 0o755", "{ a = 493 }"), ("a = 0b1101", "{ a = 13 }"), ("a = 0x00ff", "{ a = 255 }"),
      ("a = 9223372036854775807", "{ a = 9223372036854775807 }"), ("a = -9223372036854775808", "{ a = -9223372036854775808 }"),
      ("a = 1.5", "{ a = 1.5 }"), ("a = -0.01", "{ a = -0.01 }"), ("a = 5e+22", "{ a = 5e+22 }"), ("a = 1e06", "{ a = 1000000.0 }"),
      ("a = -2E-2", "{ a = -0.02 }"), ("a = 6.626e-34", "{ a = 6.626e-34 }"), ("a = 224_617.445_991", "{ a = 224617.445991 }"),
      ("a = inf", "{ a = inf }"), ("a = -inf", "{ a = -inf }"), ("a = nan", "{ a = nan }"),
      // Truth, dates and times
      ("a = true\nb = false", "{ a = true, b = false }"), ("a = 1979-05-27T07:32:00Z", "{ a = 1979-05-27T07:32:00Z }"),
      ("a = 1979-05-27T00:32:00.999-07:00", "{ a = 1979-05-27T00:32:00.999-07:00 }"),
      ("a = 1979-05-27 07:32:00z", "{ a = 1979-05-27 07:32:00z }"),
      ("a = 1979-05-27T07:32:00", "{ a = 1979-05-27T07:32:00 }"), ("a = 1979-05-27 # x", "{ a = 1979-05-27 }"),
      ("a = 2024-02-29", "{ a = 2024-02-29 }"),
      ("a = 07:32:00.5", "{ a = 07:32:00.5 }"), ("a = [1979-05-27 ]", "{ a = [1979-05-27] }"),
      // Lists and tables
      ("a = []", "{ a = [] }"), ("a = [1, 2,]", "{ a = [1, 2] }"), ("a = [\n1, # x\n\n 'b'\n,\n]", "{ a = [1, \"b\"] }"),
      ("a = [[1], ['x', {b = 2}]]", "{ a = [[1], [\"x\", { b = 2 }]] }"), ("a = {}", "{ a = { } }"),
      ("a = { b = 1, c.d = 2 }", "{ a = { b = 1, c = { d = 2 } } }"), ("a = {b={c=1}}", "{ a = { b = { c = 1 } } }"),
      ("[a]", "{ a = { } }"), ("[a]\nb=1\n[c]\nd=2", "{ a = { b = 1 }, c = { d = 2 } }"), ("[ a . 'b' ]\nc=1", "{ a = { b = { c = 1 } } }"),
      ("[a.b]\nx=1\n[a]\ny=2", "{ a = { b = { x = 1 }, y = 2 } }"), ("[[a]]\nb=1\n[[a]]\nb=2", "{ a = [{ b = 1 }, { b = 2 }] }"),
      ("[[a]]\n[a.b]\nc=1\n[[a]]\n[[a.d]]", "{ a = [{ b = { c = 1 } }, { d = [{ }] }] }"),
      ("[a]\nb.c=1\n[a.b.d]\ne=2", "{ a = { b = { c = 1, d = { e = 2 } } } }"),
      // The file
      ("", "{ }"), ("\n \t\n# only this", "{ }"), ("\u{feff}a=1", "{ a = 1 }"), ("a=1\r\nb=2\r\n", "{ a = 1, b = 2 }"), ("# é😀", "{ }"),
    ] as [(String, String)])
  func whatIsTOMLIsRead(text: String, values: String) throws {
    #expect(TOMLValue.table(try parse(text)).description == values)
  }

  @Test(
    arguments: [
      // Keys
      "a", "a =", "= 1", "a = 1 b = 2", "a = 1\na = 2", "a b = 1", "a. = 1", ".a = 1", "a..b = 1", "é = 1", "\"a\nb\" = 1",
      "\"\"\"a\"\"\" = 1", "a = 1\na.b = 2", "a.b = 1\na.b.c = 2", "a.b = 1\na = 2", "a+ = 1", "a =\n1", "\"a\" = 1\na = 2",
      // Strings
      "a = \"x", "a = \"x\ny\"", "a = 'x", "a = \"\\x41\"", "a = \"\\e\"", "a = \"\\ud800\"", "a = \"\\U00110000\"", "a = \"\\u12\"",
      "a = \"\u{1}\"", "a = '\u{7f}'", "a = \"\"\"x", "a = '''x''", "a = '''x\u{0}'''", "a = \"x\"y", "a = x", "a = \"\"\"x\ry\"\"\"",
      "a = \"\"\"x\"\"\"\"\"\"", "a = \"\"\" \\ x\"\"\"",
      // Numbers
      "a = 01", "a = +01", "a = 1__0", "a = _1", "a = 1_", "a = 0x", "a = +0x1", "a = 0xg", "a = 0o8", "a = 0b2", "a = 0X1", "a = 1.",
      "a = .5",
      "a = 1.e5", "a = 1._5", "a = 1_.5", "a = 1e", "a = 1e5e5", "a = 1e5.5", "a = e5", "a = 00.5", "a = +-1", "a = Inf", "a = 1.2.3",
      "a = 9223372036854775808", "a = 0x8000000000000000", "a = --1", "a = 1 2", "a = 0_1", "a = 0x_1",
      // Truth, dates and times
      "a = True", "a = truefalse", "a = 1979-13-27", "a = 1979-02-29", "a = 1979-05-27T24:00:00", "a = 1979-05-27T07:32", "a = 07:32",
      "a = 07:60:00", "a = 1979-5-27", "a = 1979-05-27T07:32:00+25:00", "a = 1979-05-27T07:32:00.", "a = 1979-05-27T",
      "a = 1979-05-2707:32:00",
      // Lists and tables
      "a = [1 2]", "a = [1,,2]", "a = [,]", "a = [1", "a = [1,", "a = ]", "a = [1]]", "a = {b = 1", "a = {b = 1,}", "a = {\nb = 1}",
      "a = {b = 1\n}",
      "a = {b = 1, b = 2}", "a = {b = 1, b.c = 2}", "a = {b 1}", "a = {b = 1 c = 2}", "a = {b = 1}\na.c = 2", "a = {b = 1}\n[a]",
      "a = {b = 1}\n[a.c]", "a = {b = {}}\na.b.c = 1", "a = [{}]\n[[a]]", "a = [1]\n[a.b]",
      "[a", "[a]]", "[[a]", "[]", "[[]]", "[a] b = 1", "[a]\n[a]", "[a.b]\n[a.b]", "a = 1\n[a]", "a.b = 1\n[a]", "a.b = 1\n[a.b]",
      "[a.b.c]\n[a]\nb.d = 1", "[a]\nb.c=1\n[a.b]", "[[a]]\n[a]", "[a]\n[[a]]", "[a.b]\n[[a]]", "[ [a]]", "[a.]", "[a]\n[a.b]\n[a]",
      "[a\n]",
      // The file
      "a = 1\rb = 2", "# \u{1}", "\u{0}", "a = 1 # \u{7f}", "a = \u{a0}1", "{}", "[[[a]]]",
    ])
  func whatIsNoTOMLIsRefused(text: String) { #expect(throws: TOMLError.self) { try parse(text) } }

  @Test func everyKeyKnowsItsLine() throws {
    let text = "\n# c\na = 1\n[t]\nb = '''\nx\n'''\nc = [\n 1,\n 2 ]\nd.e = 3\n[[u]]\n[[u]]\n"
    let root = try parse(text)
    guard case .table(let t)? = root["t"]?.value, case .array(let list)? = t["c"]?.value, case .table(let d)? = t["d"]?.value,
      case .array(let u)? = root["u"]?.value
    else {
      Issue.record("not as written")
      return
    }
    #expect(root["a"]?.line == 3)
    #expect(root["t"]?.line == 4)
    #expect(t["b"]?.line == 5)
    #expect(t["c"]?.line == 8)
    #expect(list.map(\.line) == [9, 10])
    #expect(d["e"]?.line == 11)
    #expect(u.map(\.line) == [12, 13])
  }

  @Test(
    arguments: [
      ("a = 1\n\nb = x", 3), ("a = [\n1\n2]", 3), ("a = \"\"\"\n\n", 1), ("[a]\nb = 1\nb = 2", 3), ("a = 1\n[x\n", 2), ("a = [\n\n", 1),
    ] as [(String, Int)])
  func anErrorNamesItsLine(text: String, line: Int) {
    #expect(throws: TOMLError.self) { try parse(text) }
    do { _ = try parse(text) } catch let error as TOMLError { #expect(error.line == line) } catch {}
  }

  @Test func bytesThatAreNoUTF8AreRefusedByLine() {
    #expect(throws: TOMLError(line: 2, message: "this is not UTF-8; write the file as UTF-8")) {
      try TOMLParser.parse(Array("a = 1\nb = '".utf8) + [0xff, 0x27])
    }
    // UTF-16 and overlong forms too.
    #expect(throws: TOMLError.self) { try TOMLParser.parse([0xff, 0xfe, 0x61, 0]) }
    #expect(throws: TOMLError.self) { try TOMLParser.parse([0x23, 0xc0, 0xaf]) }
  }

  @Test func depthAndSizeAreBounded() {
    #expect(throws: TOMLError.self) { try parse("a = " + String(repeating: "[", count: 100_000)) }
    #expect(throws: TOMLError.self) { try parse("a = " + String(repeating: "{a=", count: 100_000)) }
    #expect(throws: TOMLError.self) { try parse(Array(repeating: "a", count: 100_000).joined(separator: ".") + " = 1") }
    #expect(throws: TOMLError.self) { try parse("[" + Array(repeating: "a", count: 100_000).joined(separator: ".") + "]") }
    #expect(throws: TOMLError.self) { try TOMLParser.parse([UInt8](repeating: 0x0a, count: (1 << 20) + 1)) }
  }

  @Test func aLargeFileIsReadInLinearTime() throws {
    let clock = ContinuousClock()
    let text = String(repeating: "[[a]]\n", count: 100_000) + (0..<20_000).map { "k\($0) = \($0)\n" }.joined()
    #expect(try clock.measure { _ = try parse(text) } < .seconds(30))
  }

  @Test(arguments: ["", "a\"b\\c\n\t\r\u{1}\u{7f}é😀\u{202e}\u{feff}", "\u{10ffff}"])
  func aQuotedTextReadsBackAsItWas(text: String) throws {
    let quoted = TOMLValue.quoted(text)
    #expect(try parse("a = \(quoted)")["a"]?.value == .string(text))
    #expect(!quoted.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x202e })
  }
}
