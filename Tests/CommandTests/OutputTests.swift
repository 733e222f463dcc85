import Testing

@testable import cairn

@Suite struct OutputTests {
  @Test(
    arguments: [
      (0, "0 B"), (1023, "1023 B"), (1024, "1.000 KiB"), (1536, "1.500 KiB"), (5 << 30, "5.000 GiB"), (UInt64.max, "16.000 EiB"),
    ] as [(UInt64, String)])
  func sizesAreBinary(bytes: UInt64, text: String) { #expect(Human.bytes(bytes) == text) }

  @Test(arguments: [(0.4, "0:00"), (754, "12:34"), (3723, "1:02:03"), (-1, "0:00")] as [(Double, String)])
  func durationsReadLikeClocks(seconds: Double, text: String) { #expect(Human.duration(seconds) == text) }

  @Test func aHundredPerCentIsSaidAtTheEndOnly() {
    #expect(Human.percent(99_999, of: 100_000) == "99.99 %")
    #expect(Human.percent(100_000, of: 100_000) == "100.00 %")
    #expect(Human.percent(0, of: 0) == "100.00 %")
  }

  @Test func jsonIsEscapedForTerminalsToo() {
    let line = JSONLine.object { line in
      line.member("a", "q\"\\\n\u{1b}[31m\u{9b}\u{7f}é")
      line.member("b", bytes: [0x78, 0xff])
      line.list("c") { list in
        list.element("x")
        list.element { $0.member("y", 1) }
      }
      line.member("d") { $0.member("e", true) }
      line.member("f", Double.nan)
    }
    let expected =
      #"{"a":"q\"\\\n\u001b[31m\u009b\u007fé","b":"x�","b_base64":"eP8=","c":["x",{"y":1}],"d":{"e":true},"f":null}"#
    #expect(String(decoding: line.bytes, as: UTF8.self) == expected)
  }

  @Test(arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")])
  func base64IsThatOfTheRFC(plain: String, encoded: String) {
    #expect(String(decoding: Base64.encode(Array(plain.utf8)), as: UTF8.self) == encoded)
  }

  @Test func columnsAreAsWideAsTheirWidestCell() {
    var table = TextTable([("Name", .left), ("Size", .right)])
    table.add(["日本", "1"])
    table.add(["a\nb", "12345"])
    #expect(table.lines() == ["Name   Size", "-----------", "日本      1", "a     12345", "b", "-----------"])
  }

  @Test func aLineIsCutByColumnsAndNotByCharacters() {
    #expect(DisplayWidth.prefix("日本x", columns: 3) == "日")
    #expect(DisplayWidth.prefix("e\u{301}x", columns: 1) == "e\u{301}")
  }

  @Test func timesAreRFC3339() {
    #expect(LocalTime.rfc3339(0, 120_000_000).hasPrefix("19"))
    #expect(LocalTime.rfc3339(86_400 * 365, 5).contains(".000000005"))
  }

  @Test func theEnvironmentsLevelsAreKeptApart() {
    let environment = EnvironmentVariables(values: [
      "CAIRN_REPOSITORY": "", "RESTIC_REPOSITORY": "r", "RESTIC_KEY_FILE": "k", "CAIRN_HOST": "h",
    ])
    #expect(environment.value(.repository) == "r")
    #expect(environment.value(.keyFile) == nil)
    #expect(environment.value(.host) == "h")
  }
}
