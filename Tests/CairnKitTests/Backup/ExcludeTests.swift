import CairnSystem
import CairnTestSupport
import Testing

@testable import CairnKit

@Suite struct ExcludePatternTests {
  /// Patterns, a path, and whether restic would exclude it.
  static let table: [([String], String, Bool)] = [
    (["*.tmp"], "/home/u/a.tmp", true), (["*.tmp"], "/home/u/a.txt", false), (["*.tmp"], "/home/x.tmp/below", true),
    (["/home"], "/home/u", true), (["/home"], "/mnt/home", false), (["home"], "/mnt/home", true), (["home/u"], "/mnt/home/u/file", true),
    (["home/u"], "/mnt/home/x/u", false), (["/home/*/cache"], "/home/u/cache", true), (["/home/*/cache"], "/home/u/v/cache", false),
    (["/home/**/cache"], "/home/u/v/cache", true), (["/home/**/cache"], "/home/cache", true), (["**/b"], "/b", true),
    (["foo/**"], "/x/foo", true), (["foo/**/bar"], "/foo/a/b/bar/baz", true), (["foo/**/bar"], "/foo/a/b/barr", false),
    (["fo?"], "/foo", true), (["fo?"], "/fo", false), (["fo?"], "/foé", true), (["f?"], "/fé", true), (["[a-c]x"], "/bx", true),
    (["[^a-c]x"], "/bx", false), (["[^a-c]x"], "/dx", true), (["a\\*b"], "/a*b", true), (["a\\*b"], "/axb", false),
    (["*"], "/anything", true), (["/"], "/anything", true), (["a*b*c"], "/aXbYbZc", true), (["a*b*c"], "/aXbYbZ", false),
    (["*.txt", "!keep.txt"], "/keep.txt", false), (["*.txt", "!keep.txt"], "/other.txt", true),
    (["!keep.txt", "*.txt"], "/keep.txt", true), (["dir/*", "!dir/keep"], "/x/dir/keep", false), (["./a"], "/a", true),
    (["a//b/"], "/a/b", true), (["A"], "/a", false),
  ]

  @Test(arguments: table) func patternsMeanWhatTheyMeanInRestic(_ patterns: [String], _ path: String, _ expected: Bool) throws {
    let compiled = try ExcludePatterns(patterns)
    let components = path.split(separator: "/").map { Array($0.utf8) }
    #expect(compiled.excludes(components) == expected, "\(patterns) \(path)")
  }

  /// The walk asks for each level only whether it matches itself; the answers must come to the same.
  @Test(arguments: table) func askingLevelByLevelGivesTheSame(_ patterns: [String], _ path: String, _ expected: Bool) throws {
    let compiled = try ExcludePatterns(patterns)
    let components = path.split(separator: "/").map { Array($0.utf8) }
    let stepwise = components.indices.contains { compiled.excludesEntry(Array(components[...$0])) }
    let hasNegation = patterns.contains { $0.hasPrefix("!") }
    if !hasNegation, patterns != ["/"] { #expect(stepwise == expected, "\(patterns) \(path)") }
  }

  @Test func caseIsIgnoredOnRequest() throws {
    let patterns = try ExcludePatterns([], ignoringCase: ["*.JPG", "É"])
    #expect(patterns.excludes([Array("x.jpg".utf8)]))
    #expect(patterns.excludes([Array("é".utf8)]))
    #expect(!patterns.excludes([Array("x.png".utf8)]))
  }

  @Test(arguments: ["[a", "a\\", "[]a]", "[-]", "[z"]) func aMalformedPatternIsAnError(_ pattern: String) {
    #expect(throws: CairnError.self) { try ExcludePatterns([pattern]) }
  }

  @Test func aHostilePatternEndsSoon() throws {
    let pattern = String(repeating: "*a", count: 200)
    let name = [UInt8](repeating: 0x61, count: 250) + [0x62]
    #expect(try !ExcludePatterns([pattern]).excludes([name]))
  }

  @Test func patternFilesMayHoldCommentsBlanksAndVariables() {
    let text = "# comment\n\n  *.o  \r\n$HOME/x\n${HOME}y\n$$z\nlast"
    let lines = EntryFilter.patternLines(Array(text.utf8)) { $0 == "HOME" ? "/h" : "" }
    #expect(lines == ["*.o", "/h/x", "/hy", "$z", "last"])
  }
}

@Suite struct IgnoreFileTests {
  static let rules = [
    "*.log", "!important.log", "/only-root", "dir-only/", "a/b", "**/deep", "deep2/**", "x/**/y", "foo*", "!foobar", "\\#hash", "\\!bang",
    "trail   ", "esc\\ ", "[ab].c", "[!ab].d", "[[:digit:]].e", "a**b", "q?", "#comment", "", "/sub/*.txt", "!/sub/keep.txt", "**/",
    "mid/*/end",
    "bad[", "sp ace", "tab\t", "r[a-c-e]", "s/**", "!s/keep", "\\*star",
  ]
  static let paths = [
    "x.log", "d/x.log", "important.log", "only-root", "d/only-root", "dir-only/f", "dir-only", "a/b", "d/a/b", "deep", "p/q/deep",
    "deep2/f",
    "deep2/g/h", "x/y", "x/1/2/y", "foo", "foobar", "foo1", "#hash", "!bang", "trail", "trail   ", "esc ", "a.c", "c.c", "c.d", "a.d",
    "1.e",
    "x.e", "ab", "aXXb", "a/x/b", "q1", "q", "sub/a.txt", "sub/keep.txt", "sub/d/a.txt", "mid/1/end", "mid/1/2/end", "bad[", "sp ace",
    "tab\t",
    "ra", "rd", "r-", "re", "s/keep", "s/other", "*star", "plain",
  ]

  /// What git itself says, for each rule alone and for all of them together.
  @Test func everyVerdictIsGits() throws {
    guard Self.gitExists else { return }
    // "**/" alone would ignore every directory and hide the rest.
    for rules in Self.rules.map({ [$0] }) + [Self.rules.filter { $0 != "**/" }] {
      let directory = TemporaryDirectory()
      try directory.write(".gitignore", Array((rules.joined(separator: "\n") + "\n").utf8))
      let expected = try Self.ignoredByGit(in: directory)
      let file = IgnoreFile(Array((rules.joined(separator: "\n") + "\n").utf8))
      for path in Self.paths { #expect(Self.isIgnored(path, file) == expected.contains(path), "\(rules.prefix(3)) … '\(path)'") }
    }
  }

  /// As the walk would see it: a directory that is ignored hides what is in it.
  static func isIgnored(_ path: String, _ file: IgnoreFile) -> Bool {
    let components = path.split(separator: "/").map { Array($0.utf8) }
    return components.indices.contains { level in file.verdict(components[0...level], isDirectory: level < components.count - 1) == true }
  }

  private static var gitExists: Bool {
    guard let child = try? ChildProcess.spawn(.shell("git --version >/dev/null 2>&1"), captureStandardOutput: false) else { return false }
    return (try? child.wait()) == .exited(0)
  }

  private static func ignoredByGit(in directory: TemporaryDirectory) throws -> Set<String> {
    try directory.write("paths", Array(paths.joined(separator: "\0").utf8))
    let child = try ChildProcess.spawn(
      .shell("cd '\(directory.string)' && git init -q . && git check-ignore --no-index -z --stdin < paths > out; true"),
      captureStandardOutput: false)
    _ = try child.wait()
    return Set(try directory.read("out").split(separator: 0).map { String(decoding: $0, as: UTF8.self) })
  }

  @Test func theDeepestFileThatSaysSomethingDecides() {
    let outer = IgnoreChain(IgnoreFile(Array("*.o\n".utf8)), depth: 0, above: nil)
    let inner = IgnoreChain(IgnoreFile(Array("!keep.o\n".utf8)), depth: 1, above: outer)
    let path = { (name: String) in [Array("d".utf8), Array(name.utf8)] }
    #expect(!inner.ignores(path("keep.o"), isDirectory: false))
    #expect(inner.ignores(path("other.o"), isDirectory: false))
  }
}
