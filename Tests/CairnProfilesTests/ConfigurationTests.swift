import CairnKit
import Testing

@testable import CairnProfiles

@Suite struct ConfigurationTests {
  @Test func theExampleIsAccepted() {
    let configuration = Config.read(ExampleConfiguration.text)
    #expect(configuration.allMistakes.map(\.text) == [])
    #expect(configuration.profiles.map(\.name) == ["common", "home", "database", "disk"])
  }

  /// The example and the catalogue have the same keys, and those of the sections read here are what the readers ask for.
  @Test func theExampleHoldsEveryKeyThatIsRead() throws {
    var asked: [String: Set<String>] = [:]
    let empty = TOMLItem(value: .table(TOMLTable()), line: 1)
    func read(_ kind: String, _ body: (inout SectionReader) -> Void) {
      var reader = SectionReader(empty, name: kind, kind: kind, log: ConfigLog(files: []), home: nil)
      body(&reader)
      asked[kind] = Set(reader.asked)
    }
    read("repository") { _ = RepositorySettings(name: "r", &$0) }
    read("profile.scheme") { _ = Scheme(&$0) }
    read("profile.retention") { _ = RetentionSettings(&$0) }
    read("profile.schedule") { _ = Schedule(&$0) }
    read("profile.hooks") { _ = Hooks(&$0) }
    read("profile.notify") { _ = Notices(&$0) }
    read("profile.limits") { _ = RunLimits(&$0) }
    read("profile.expect") { _ = Expectation(&$0) }
    read("profile.upkeep") { _ = Upkeep(&$0) }
    for (kind, keys) in asked {
      let section = try #require(Catalogue.sections.first { $0.name == kind })
      #expect(Set(section.keys.map(\.name)) == keys, "\(kind)")
    }
    let root = try TOMLParser.parse(Array(ExampleConfiguration.text.utf8))
    var shown: [String: Set<String>] = [:]
    func walk(_ table: TOMLTable, _ kind: String) {
      for key in table.keys {
        guard case .table(let inner)? = table[key]?.value else {
          shown[kind, default: []].insert(key)
          continue
        }
        if !kind.isEmpty && kind != "profile." && kind != "repository." { shown[kind, default: []].insert(key) }
        walk(inner, kind.isEmpty ? key + "." : kind.hasSuffix(".") ? String(kind.dropLast()) : "\(kind).\(key)")
      }
    }
    walk(root, "")
    let subsections = Set(Catalogue.sections.map(\.name))
    for section in Catalogue.sections {
      let keys = (shown[section.name] ?? []).filter { section.name != "profile" || !subsections.contains("profile.\($0)") }
      #expect(keys == Set(section.keys.map(\.name)), "\(section.name)")
    }
    #expect(Set(shown.keys) == subsections)
  }

  @Test func everyKeyOfTheExampleReachesItsType() throws {
    let configuration = Config.read(ExampleConfiguration.text)
    let home = try #require(configuration.profile("home"))
    #expect(home.repository?.path == Array("/mnt/backup/cairn".utf8))
    #expect(home.repository?.secret == .passwordFile(Array("/home/a/.config/cairn/password".utf8)))
    #expect(home.source.paths == [Array("/home/a/documents".utf8), Array("/home/a/pictures".utf8)])
    #expect(home.source.exclude == ["*.tmp", "/home/a/.cache"])
    #expect(home.source.excludeLargerThan == 20 << 30)
    #expect(home.tags == ["home"])
    #expect(home.seriesName(host: "other") == "home@laptop")
    #expect(home.scheme?.full == .monthly)
    let retention = try #require(home.retention)
    #expect(retention.pruneEvery == 10)
    #expect(retention.policy.periods.count == 6)
    #expect(retention.policy.periodsWithin.count == 6)
    #expect(retention.policy.tags == [["keep"], ["before", "upgrade"]])
    #expect(retention.policy.kinds == [.full: .limited(2)])
    let schedule = try #require(home.schedule)
    #expect(schedule.rule?.weekdays == [.mon, .tue, .wed, .thu, .fri])
    #expect(schedule.rule?.times.map(\.minute) == [750, 1200])
    #expect(schedule.cron.count == 2)
    #expect(schedule.volumes == [.uuid("3e6be9de-8139-11d1-9106-a43f08d823a6"), .label("BACKUP")])
    #expect(schedule.watch == .init(paths: [Array("/home/a/documents".utf8)], quietPeriod: 120, minimumInterval: 3600))
    #expect(schedule.onMainsPower && schedule.atBoot && schedule.catchUp && schedule.randomDelay == 600)
    #expect(home.hooks?.before == ["mountpoint -q /mnt/backup"])
    #expect(home.hooks?.timeLimit == 600)
    #expect(home.notices?.webhook?.occasions == [.success, .failure])
    #expect(home.notices?.ping?.fail == "https://ping.example.org/1234/fail")
    #expect(home.notices?.mail?.to == ["anna@example.org"])
    #expect(
      home.limits
        == {
          var limits = RunLimits()
          limits.nice = 10
          limits.ioClass = .bestEffort
          limits.ioPriority = 7
          limits.upload = 5 << 20
          limits.download = 20 << 20
          return limits
        }())
    #expect(home.expectation?.every == 93_600)
    #expect(home.upkeep?.proveFiles == 20)
    let database = try #require(configuration.profile("database"))
    #expect(database.source.command == ["pg_dump", "shop"])
    #expect(database.repository?.secret == .passwordCommand("pass show backup/server"))
    #expect(configuration.profile("disk")?.schedule?.rule?.monthDays == [1, -1])
  }

  @Test(
    arguments: [
      ("exlude = [\"a\"]", "5: 'exlude' is not known in [profile.p]; did you mean 'exclude'?"),
      ("full = \"monthly\"", "5: 'full' is not known in [profile.p]; it belongs into a section [profile.NAME.scheme]"),
      ("zzzzzz = 1", "5: 'zzzzzz' is not known in [profile.p]; take it away. 'cairn config example' shows every key"),
      ("sources = 5", "5: 'sources' must be a text in quotation marks, not a number"),
      ("sources = [\"/a\", 5]", "5: 'sources' must be a text in quotation marks, not a number"),
      ("sources = [\"documents\"]", "5: 'sources' is the relative path \"documents\"; write a whole path, beginning with / or ~/"),
      ("sources = [\"\"]", "5: 'sources' is empty; give a value or take the line away"),
      ("one-file-system = \"yes\"", "5: 'one-file-system' must be true or false, not a text"),
      ("exclude-larger-than = \"big\"", "5: 'exclude-larger-than' must be a size such as \"500M\", not \"big\""),
      ("read-concurrency = 0", "5: 'read-concurrency' must be 1 to 256"),
      ("kind = \"odd\"", "5: 'kind' must be one of \"auto\", \"full\", \"incremental\", \"differential\", not \"odd\""),
      ("scheme = \"monthly\"", "5: 'scheme' must be a section, [profile.p.scheme], not a text"),
      ("stdin-filename = \"x\"", "5: 'stdin-filename' needs 'stdin-from-command'"),
      ("skip-bad-sectors = true", "5: 'skip-bad-sectors' needs 'image'"),
      ("sources = [\"/a\"]\nimage = \"/dev/sda\"", "6: 'image' and 'sources' exclude each other; make a profile for each"),
      ("inherit = \"q\"", "5: there is no profile \"q\" to inherit from; did you mean \"p\"?"),
      ("inherit = \"p\"", "5: profiles inherit from each other in a circle: p → p"),
      (
        "[profile.p.scheme]\nfull = \"daily\"\nincremental = \"weekly\"",
        "7: 'incremental' is 'weekly' and 'full' is 'daily': it would never be due; make it more frequent"
      ),
      (
        "[profile.p.scheme]\nfull = \"fortnightly\"",
        "6: 'full' must be one of \"always\", \"hourly\", \"daily\", \"weekly\", \"monthly\", \"quarterly\", \"yearly\", \"never\", "
          + "not \"fortnightly\""
      ),
      ("[profile.p.retention]", "5: [profile.p.retention] keeps nothing: name a rule such as keep-daily = 7"),
      ("[profile.p.retention]\nkeep-daily = -3", "6: 'keep-daily' must be a number, or \"unlimited\", not -3"),
      (
        "[profile.p.retention]\nkeep-last = 1\nkeep-within = \"5 days\"",
        "7: 'keep-within' must be a length of time such as \"14d\", \"8w\" or \"2y5m7d3h\", not \"5 days\""
      ),
      ("[profile.p.schedule]\ntimes = [\"24:00\"]", "6: 'times' must be a time such as \"02:30\", not \"24:00\""),
      ("[profile.p.schedule]\ncron = \"0 0 31 2 *\"", "6: 'cron' \"0 0 31 2 *\" names a day that never comes"),
      (
        "[profile.p.schedule]\ncron = \"0 0 * *\"",
        "6: 'cron' must be five fields (minute hour day month weekday), or a word such as @daily, not \"0 0 * *\""
      ),
      ("[profile.p.schedule]\nevery = \"daily\"\ndays = \"mon\"", "7: 'days' goes with every = \"weekly\" only"),
      (
        "[profile.p.schedule]\nevery = \"monthly\"\nmonth-days = [32]",
        "7: 'month-days' must be a day from 1 to 31, or -1 for the last one, not 32"
      ),
      (
        "[profile.p.schedule]\nwatch = \"/w\"\nquiet-period = \"292000000000y\"",
        "7: 'quiet-period' must be a length of time such as \"90s\", \"15m\", \"26h\" or \"2w\", not \"292000000000y\""
      ),
      ("[profile.p.schedule]\nquiet-period = \"1m\"", "6: 'quiet-period' needs 'watch'"),
      ("[profile.p.schedule]\nvolumes = \"/dev/sdb\"", "6: 'volumes' must be \"uuid:…\" (see blkid) or \"label:…\", not \"/dev/sdb\""),
      ("[profile.p.notify.webhook]\nurl = \"ftp://x\"", "6: 'url' must be a URL that begins with https:// or http://, not \"ftp://x\""),
      ("[profile.p.notify.webhook]\non = \"failure\"", "5: [profile.p.notify.webhook] needs a url"),
      (
        "[profile.p.notify.mail]\nto = \"a@b\\nBcc: c@d\"",
        "6: 'to' must be an address such as \"anna@example.org\", not \"a@b\\nBcc: c@d\""
      ),
      ("[profile.p.limits]\nnice = 20", "6: 'nice' must be -20 to 19"),
      ("[profile.p.limits]\nio-priority = 3", "6: 'io-priority' goes with io-class = \"best-effort\" only"),
      (
        "[profile.p.expect]\nevery = \"0s\"",
        "6: 'every' must be a length of time such as \"90s\", \"15m\", \"26h\" or \"2w\", not \"0s\""
      ),
    ] as [(String, String)])
  func aMistakeIsExplainedWithItsLine(lines: String, mistake: String) { #expect(Config.mistakes(lines).contains(mistake)) }

  @Test(
    arguments: [
      ("x = 1", "'x' is not known here; keys stand in sections [repository.NAME] or [profile.NAME]"),
      ("[profil.home]", "'profil' is not known here; did you mean [profile.NAME]?"),
      ("[profile]\nsources = []", "'sources' stands in [profile], which holds sections only; write [profile.NAME] above it"),
      ("[profile.\"a b\"]", "\"a b\" is no name for a profile: use letters, digits, '-', '_' and '.', at most 64"),
      ("[repository.r]", "the repository 'r' has no path; write path = \"/where/it/is\""),
      (
        "[repository.r]\npath = \"/r\"\npassword-file = \"/p\"\nkey-file = \"/k\"",
        "'key-file' and 'password-file' are both there; leave one of them"
      ),
      ("profile = 5", "'profile' must be a section with a name, [profile.NAME]"),
    ] as [(String, String)])
  func whatBelongsToNoProfileIsExplainedToo(text: String, mistake: String) {
    #expect(Config.read(text).allMistakes.map(\.message).contains(mistake))
  }

  @Test func anUnreadableFileIsFatalAndNamesTheLine() {
    let configuration = Config.read("[profile.a]\n", "x = \n")
    #expect(configuration.fatal.map(\.text) == ["/c1.toml:1: a value is missing after the ="])
    #expect(configuration.profile("a") != nil)
  }

  @Test func aProfileThatNamesAnUnknownRepositorySaysSo() throws {
    let configuration = Config.read("[repository.main]\npath = \"/r\"\n[profile.p]\nrepository = \"mian\"")
    #expect(
      configuration.allMistakes.map(\.text) == [
        "/c0.toml:4: 'repository' names \"mian\", and there is no such repository; did you mean \"main\"?"
      ])
  }

  @Test func ownKeysBeatInheritedOnesAndLaterParentsBeatEarlierOnes() throws {
    let configuration = Config.read(
      """
      [profile.a]
      tags = ["a"]
      exclude = ["a1", "a2"]
      [profile.a.retention]
      keep-daily = 1
      keep-weekly = 1
      [profile.b]
      inherit = "a"
      tags = ["b"]
      host = "b"
      [profile.c]
      exclude = ["c"]
      [profile.d]
      inherit = ["b", "c"]
      sources = ["/d"]
      [profile.d.retention]
      keep-weekly = 5
      """)
    #expect(configuration.allMistakes == [])
    let d = try #require(configuration.profile("d"))
    #expect(d.tags == ["b"])
    #expect(d.host == "b")
    #expect(d.source.exclude == ["c"])
    #expect(d.retention?.policy.periods == [.daily: .limited(1), .weekly: .limited(5)])
    #expect(d.place(of: "retention.keep-daily").line == 5)
    #expect(d.place(of: "retention.keep-weekly").line == 17)
    #expect(d.place(of: "tags").line == 9)
    #expect(configuration.profile("a")?.source.exclude == ["a1", "a2"])
  }

  @Test func aMistakeTouchesTheProfilesThatInheritItAndNoOther() {
    let configuration = Config.read("[profile.a]\nkind = 1\n[profile.b]\ninherit = \"a\"\n[profile.c]\nsources = [\"/c\"]")
    #expect(configuration.profile("a")?.mistakes.count == 1)
    #expect(configuration.profile("b")?.mistakes.count == 1)
    #expect(configuration.profile("c")?.mistakes == [])
    #expect(configuration.allMistakes.count == 1, "said once")
  }

  @Test func aCircleIsFoundWhereverItBegins() {
    let configuration = Config.read("[profile.a]\ninherit = \"b\"\n[profile.b]\ninherit = \"c\"\n[profile.c]\ninherit = \"b\"")
    for name in ["a", "b", "c"] { #expect(configuration.profile(name)?.mistakes.isEmpty == false, "\(name)") }
  }

  @Test func aLaterFileTakesThePlaceOfSectionsOfTheSameName() throws {
    let configuration = Config.read(
      "[repository.r]\npath = \"/system\"\n[profile.p]\nrepository = \"r\"\ntags = [\"system\"]\n[profile.q]\nrepository = \"r\"",
      "[profile.p]\nrepository = \"r\"\nhost = \"h\"")
    let p = try #require(configuration.profile("p"))
    #expect(p.tags == nil)
    #expect(p.host == "h")
    #expect(p.place(of: "host").text == "/c1.toml:3")
    #expect(p.place(of: "repository.path").text == "/c0.toml:2")
    #expect(configuration.profile("q") != nil)
  }

  @Test func aProfileWithoutASeriesHasOneOfItsOwnOnEachHost() throws {
    let profile = try #require(Config.profile(""))
    #expect(profile.seriesName(host: "x") == "p@x")
  }

  @Test func whatNothingCarriesOutYetIsSaid() throws {
    let profile = try #require(Config.profile("tags = \"t\"\n[profile.p.schedule]\nevery = \"daily\"\ncatch-up = true"))
    let notice = "'schedule' is understood, and this version does nothing with it yet"
    #expect(profile.notes.map(\.message) == (Catalogue.isPending("schedule.every") ? [notice] : []))
  }

  @Test func aNameOnlyForInheritingNeedsNoRepository() {
    let configuration = Config.read("[profile.a]\n[profile.b]\ninherit = \"a\"")
    #expect(configuration.allNotes.map(\.place.line) == [2])
  }

  @Test func thousandsOfProfilesAndKeysAreRefusedAndNotWorkedThrough() {
    let many = (0..<5000).map { "[profile.p\($0)]\ninherit = \"p\($0 + 1)\"\n" }.joined()
    #expect(Config.read(many).fatal.count == 1)
    let deep = (0..<900).map { "[profile.p\($0)]\ninherit = \"p\($0 + 1)\"\n" }.joined()
    #expect(!Config.read(deep).allMistakes.isEmpty)
    let wide = (0..<16).map { n in "[profile.p\(n)]\ninherit = [" + (n + 1..<17).map { "\"p\($0)\"" }.joined(separator: ",") + "]\n" }
      .joined()
    #expect(Set(Config.read(wide).allMistakes.map(\.message)) == ["there is no profile \"p16\" to inherit from; did you mean \"p1\"?"])
    let parents = (0..<20).map { "[profile.p\($0)]\n" }.joined()
    let many17 = parents + "[profile.q]\ninherit = [" + (0..<17).map { "\"p\($0)\"" }.joined(separator: ", ") + "]\n"
    #expect(Config.read(many17).allMistakes.map(\.message) == ["a profile inherits from at most 16 others"])
    let keys = "[profile.p]\n" + (0..<50_000).map { "k\($0) = 1\n" }.joined()
    #expect(Config.read(keys).allMistakes.map(\.message) == ["[profile.p] has more than 1000 keys"])
  }
}

@Suite struct CronTests {
  @Test(
    arguments: [
      // Saturday 21 November 2026, 08:30
      ("30 8 * * *", true), ("*/15 * * * *", true), ("0-29 * * * *", false), ("30 8 21 11 *", true), ("30 8 * nov sat", true),
      ("30 8 * * 6", true), ("30 8 * * 0,7", false), ("30 8 22 * 6", true), ("30 8 22 * *", false), ("30 8 */2 * *", true),
      ("10/20 8 * * *", true), ("30 8 * * mon-fri", false), ("@hourly", false), ("30 8-9/2 * * *", true),
    ] as [(String, Bool)])
  func anExpressionMatchesAsCronDoes(text: String, isMatch: Bool) throws {
    let expression = try #require(CronExpression(text))
    #expect(expression.matches(minute: 30, hour: 8, day: 21, month: 11, weekday: 6) == isMatch)
  }

  @Test(arguments: [
    "", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 * ", "* * * * 8", "5-1 * * * *",
    "*/0 * * * *",
    "a * * * *", "1,, * * * *", "1- * * * *", "-1 * * * *", "* * * * monday", "@reboot", "1/ * * * *", "+1 * * * *",
    "99999999999999999999 * * * *",
  ])
  func whatIsNoExpressionIsRefused(text: String) { #expect(CronExpression(text) == nil) }

  @Test(arguments: [("0 0 30 2 *", false), ("0 0 29 2 *", true), ("0 0 31 4,6,9,11 *", false), ("0 0 31 2 mon", true)] as [(String, Bool)])
  func anImpossibleDayIsSeen(text: String, isPossible: Bool) throws { #expect(try #require(CronExpression(text)).canOccur == isPossible) }
}
