import CairnKit
import CairnProfiles
import CairnSystem
import CairnTestSupport
import Foundation
import Testing

@testable import CairnAutomation

/// Units and crontabs, with stand-ins for systemctl and crontab.
@Suite(.timeLimit(.minutes(5))) struct InstallTests {
  private let directory = TemporaryDirectory()
  private var host: ScheduleHost

  init() throws {
    host = ScheduleHost(configuration: Array(directory.string.utf8))
    host.systemUnits = Array((directory.string + "/units").utf8)
    host.isSystemdRunning = true
    try program(
      "systemctl",
      """
      echo "$*" >> "$here/calls"
      [ -e "$here/fail" ] && case "$*" in $(cat "$here/fail")) exit 5;; esac
      exit 0
      """)
    try program(
      "crontab",
      """
      case $1 in
      -l) [ -e "$here/tab" ] || { echo "no crontab for me" >&2; exit 1; }; [ -e "$here/broken" ] && exit 1; cat "$here/tab" ;;
      -) [ -e "$here/full" ] && exit 1; cat > "$here/tab" ;;
      esac
      """)
    host.systemctl = Array((directory.string + "/systemctl").utf8)
    host.crontab = Array((directory.string + "/crontab").utf8)
  }

  private func program(_ name: String, _ script: String) throws {
    try directory.write(name, Array("#!/bin/sh\nhere='\(directory.string)'\n\(script)\n".utf8))
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: directory.string + "/" + name)
  }

  private static let all = """
    every = "daily"
    cron = ["0 4 13 * fri"]
    at-boot = true
    volumes = ["label:MY DISK", "uuid:3e6be9de-8139-11d1-9106-a43f08d823a6"]
    watch = ["/home/a/my docs"]
    on-mains-power = true
    random-delay = "10m"
    """
  private static let limits = "[profile.p.limits]\nnice = 10\nio-class = \"best-effort\"\nio-priority = 7"
  private static let hooks = "[profile.p.hooks]\nbefore = [\"mount /mnt\"]"

  private static func run() -> ScheduledRun {
    var run = ScheduledRun(program: "/opt/my 100% $tools/cairn", config: "/etc/c \"q\".toml", state: "/var/lib/c s", cache: "/var/cache/c")
    run.environment = [("HOME", "/root"), ("CAIRN_HOST", "a b%$c")]
    return run
  }

  private var unitFiles: [String: String] {
    var found: [String: String] = [:]
    let folder = directory.string + "/units"
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
      found[name] = try? String(contentsOfFile: folder + "/" + name, encoding: .utf8)
    }
    return found
  }

  private var calls: [String] {
    (try? directory.read("calls")).map { String(decoding: $0, as: UTF8.self).split(separator: "\n").map(String.init) } ?? []
  }

  private func install(_ lines: String, _ more: String = "", _ scope: UnitFiles.Scope = .system) throws {
    let profile = try ScheduleFixture.profile(lines, more)
    let units = try #require(UnitFiles(profile, scope, Self.run()))
    try UnitInstaller(host, scope).install(units.files, profile: "p")
  }

  // MARK: Units

  @Test(
    .enabled(if: ScheduleFixture.hasSystemdAnalyze, "needs systemd-analyze"), arguments: [UnitFiles.Scope.system, .user],
    ["", limits, hooks])
  func systemdAcceptsEveryUnit(scope: UnitFiles.Scope, more: String) throws {
    let profile = try ScheduleFixture.profile(Self.all, more)
    var run = Self.run()
    // A program that is there.
    run.program = "/bin/true"
    let files = try #require(UnitFiles(profile, scope, run)).files
    #expect(files.map(\.name) == ["cairn-p.service", "cairn-p.timer", "cairn-watch@p.service"])
    let folder = TemporaryDirectory()
    for file in files { try folder.write(file.name, Array(file.text.utf8)) }
    let arguments = ["verify", "--man=no"] + files.map { folder.string + "/" + $0.name }
    let (status, text) = try #require(try ScheduleFixture.run("systemd-analyze", arguments))
    #expect(status == 0 && text.isEmpty, "\(text)")
  }

  @Test func aServiceIsConfinedUnlessItRunsWhatNobodyKnows() throws {
    let text = try #require(UnitFiles(try ScheduleFixture.profile(Self.all, Self.limits), .system, Self.run())).files[0].text
    let lines = text.split(separator: "\n").map(String.init)
    let command = "\"/opt/my 100%% $tools/cairn\" --config \"/etc/c \\\"q\\\".toml\" backup -P p --scheduled"
    for line in [
      "ExecStart=\(command)", "ExecStartPre=+/bin/mkdir -p -m 700 \"/var/lib/c s\" /var/cache/c", "Environment=\"CAIRN_HOST=a b%%$c\"",
      "ProtectSystem=strict", "ReadWritePaths=\"-/mnt/my backup/r\"", "ReadWritePaths=\"-/var/lib/c s\"", "NoNewPrivileges=true", "Nice=10",
      "IOSchedulingClass=best-effort", "IOSchedulingPriority=7", "ConditionACPower=true", "KillMode=mixed",
    ] { #expect(lines.contains(line), "\(line)") }
    let wanted = try #require(lines.first { $0.hasPrefix("WantedBy=") })
    #expect(wanted.contains("multi-user.target") && wanted.contains("dev-disk-by\\x2dlabel-MY\\x5cx20DISK.device"))
    let free = try #require(UnitFiles(try ScheduleFixture.profile(Self.all, Self.hooks), .system, Self.run())).files[0].text
    for word in ["ProtectSystem", "ReadWritePaths", "NoNewPrivileges", "PrivateTmp"] { #expect(!free.contains(word)) }
    let user = try #require(UnitFiles(try ScheduleFixture.profile(Self.all), .user, Self.run())).files[0].text
    #expect(!user.contains("ProtectSystem") && user.contains("NoNewPrivileges=true") && user.contains("default.target"))
  }

  @Test func theTimerHasTheTimes() throws {
    let files = try #require(UnitFiles(try ScheduleFixture.profile(Self.all), .system, Self.run())).files
    let timer = try #require(files.first { $0.name == "cairn-p.timer" }).text
    for line in ["OnCalendar=*-*-* 02:00:00", "OnCalendar=Fri *-*-* 04:00:00", "Persistent=true", "RandomizedDelaySec=600"] {
      #expect(timer.contains(line + "\n"))
    }
    let plain = try #require(UnitFiles(try ScheduleFixture.profile("at-boot = true"), .system, Self.run())).files
    #expect(plain.map(\.name) == ["cairn-p.service"])
    #expect(plain[0].isEnabled)
    let once = try #require(UnitFiles(try ScheduleFixture.profile("every = \"daily\"\ncatch-up = false"), .system, Self.run())).files
    #expect(!once[1].text.contains("Persistent"))
    #expect(!once[0].isEnabled)
  }

  @Test func installedUnitsAreFoundReplacedAndRemoved() throws {
    try install(Self.all)
    #expect(unitFiles.keys.sorted() == ["cairn-p.service", "cairn-p.timer", "cairn-watch@p.service"])
    let mode = try FileManager.default.attributesOfItem(atPath: directory.string + "/units/cairn-p.timer")[.posixPermissions] as? Int
    #expect(mode == 0o644)
    #expect(
      calls == [
        "--quiet daemon-reload", "--quiet reenable cairn-p.service", "--quiet reenable cairn-p.timer", "--quiet restart cairn-p.timer",
        "--quiet reenable cairn-watch@p.service", "--quiet restart cairn-watch@p.service",
      ])
    let installer = try UnitInstaller(host, .system)
    let first = try #require(installer.installed().first)
    #expect(first.profile == "p" && first.place == .units(.system))
    let same = try #require(UnitFiles(try ScheduleFixture.profile(Self.all), .system, .neutral))
    #expect(first.fingerprint == same.fingerprint, "what it is installed with does not count")
    let other = try #require(UnitFiles(try ScheduleFixture.profile("every = \"hourly\""), .system, .neutral))
    #expect(first.fingerprint != other.fingerprint)
    // What is not wanted any more goes; a timer that stays the same is not begun anew.
    try install("every = \"daily\"")
    #expect(unitFiles.keys.sorted() == ["cairn-p.service", "cairn-p.timer"])
    #expect(calls.contains("--quiet disable --now cairn-watch@p.service"))
    try install("every = \"daily\"")
    #expect(calls.last == "--quiet start cairn-p.timer")
    try directory.write("units/cairn-other.service", Array("[Service]\nExecStart=/bin/true\n".utf8))
    #expect(try installer.remove("p"))
    #expect(unitFiles.keys.sorted() == ["cairn-other.service"])
    #expect(calls.contains("--quiet disable --now cairn-p.timer") && calls.contains("--quiet disable cairn-p.service"))
    #expect(try !installer.remove("p"))
  }

  @Test(arguments: [
    "daemon-reload", "reenable cairn-p.service", "reenable cairn-p.timer", "restart cairn-p.timer", "restart cairn-watch@p.service",
  ])
  func aStepThatFailsLeavesEverythingAsItWas(step: String) throws {
    try directory.write("fail", Array("*\(step.replacingOccurrences(of: " ", with: "?"))".utf8))
    #expect(throws: CairnError.self) { try install(Self.all) }
    #expect(unitFiles.isEmpty)
    // And over an older schedule.
    try FileManager.default.removeItem(atPath: directory.string + "/fail")
    try install("days = [\"mon\"]\nat-boot = true")
    let before = unitFiles
    #expect(before.count == 2)
    try directory.write("fail", Array("*\(step.replacingOccurrences(of: " ", with: "?"))".utf8))
    #expect(throws: CairnError.self) { try install(Self.all) }
    #expect(unitFiles == before)
    if !step.contains("daemon") { #expect(calls.last == "--quiet daemon-reload") }
  }

  @Test func aRemovalThatFailsRemovesNothing() throws {
    try install("every = \"daily\"")
    let before = unitFiles
    try directory.write("fail", Array("*daemon-reload".utf8))
    #expect(throws: CairnError.self) { try UnitInstaller(host, .system).remove("p") }
    #expect(!before.isEmpty && unitFiles == before)
    #expect(calls.contains("--quiet enable --now cairn-p.timer"))
  }

  @Test func aForeignUnitIsNotReplaced() throws {
    _ = try FileSystem.makeDirectories(host.systemUnits)
    try directory.write("units/cairn-p.timer", Array("[Timer]\n".utf8))
    #expect(throws: CairnError.self) { try install("every = \"daily\"") }
    #expect(unitFiles == ["cairn-p.timer": "[Timer]\n"])
  }

  @Test func withoutSystemdRunningUnitsAreOnlyEnabled() throws {
    var host = host
    host.isSystemdRunning = false
    let units = try #require(UnitFiles(try ScheduleFixture.profile("every = \"daily\""), .user, Self.run()))
    try UnitInstaller(host, .user).install(units.files, profile: "p")
    #expect(calls == ["--quiet --user reenable cairn-p.timer"])
  }

  @Test func whatCannotRunAloneIsRefused() throws {
    func refusal(_ text: String) -> String? {
      let configuration = Configuration([.init(path: Array("/c".utf8), text: Array(text.utf8))], home: nil)
      guard let profile = configuration.profile("p") else { return nil }
      do { try ScheduledRun.check(profile) } catch { return (error as? CairnError)?.message }
      return nil
    }
    let repository = "[repository.r]\npath = \"/r\"\n"
    let profile = "[profile.p]\nrepository = \"r\"\nsources = [\"/a\"]\n"
    let daily = "[profile.p.schedule]\nevery = \"daily\"\n"
    #expect(refusal(repository + "key-file = \"/k\"\n" + profile + daily) == nil)
    #expect(refusal(repository + "key-file = \"/k\"\n" + profile)?.contains("has no schedule") == true)
    #expect(refusal(repository + profile + daily)?.contains("nobody is there to type a password") == true)
    #expect(refusal("[profile.p]\nsources = [\"/a\"]\n" + daily)?.contains("names no repository") == true)
    #expect(refusal(repository + "key-file = \"/k\"\n[profile.p]\nrepository = \"r\"\n" + daily)?.contains("backs up nothing") == true)
  }

  // MARK: Crontab

  private var crontab: CrontabInstaller { CrontabInstaller(host, scratch: Array((directory.string + "/scratch").utf8)) }
  private var table: String? { (try? directory.read("tab")).map { String(decoding: $0, as: UTF8.self) } }

  private func put(_ name: String, _ lines: String) throws {
    let profile = try ScheduleFixture.profile(lines, name: name)
    let schedule = try #require(profile.schedule)
    try crontab.change {
      $0.put(name, CrontabText.block(profile, schedule, Self.run()), fingerprint: CrontabText.fingerprint(profile, schedule))
    }
  }

  @Test func theCrontabKeepsAllOtherLines() throws {
    let own = "# mine\nMAILTO=me\n\n5 4 * * * /bin/true # cairn begin p\n"
    try directory.write("tab", Array(own.utf8))
    try put("p", "every = \"daily\"\ncatch-up = false")
    try put("p-2", "every = \"daily\"\ncatch-up = false")
    let command =
      "HOME=/root CAIRN_HOST='a b\\%$c' '/opt/my 100\\% $tools/cairn' --config '/etc/c \"q\".toml' --quiet schedule run-now -P p --from-cron"
    #expect(table?.hasPrefix(own + "# cairn begin p ") == true)
    #expect(table?.contains("\n0 2 * * * \(command)\n# cairn end p\n# cairn begin p-2 ") == true, "\(table ?? "")")
    #expect(crontab.installed().map(\.profile) == ["p", "p-2"])
    let profile = try ScheduleFixture.profile("every = \"daily\"\ncatch-up = false")
    #expect(crontab.installed().first?.fingerprint == CrontabText.fingerprint(profile, try #require(profile.schedule)))
    // Replaced where it stands.
    try put("p", "every = \"hourly\"")
    #expect(crontab.installed().map(\.profile) == ["p", "p-2"])
    #expect(table?.contains("\n0 * * * * ") == true && table?.contains("@reboot ") == true)
    for name in ["p", "p-2"] { try crontab.change { $0.remove(name) } }
    #expect(table == own)
  }

  @Test func eventsAreForTheAgent() throws {
    try put("p", Self.all)
    #expect(table?.contains("@reboot HOME=/root") == true)
    #expect(table?.contains("--quiet schedule run -P p --events boot,volume,watch\n") == true)
    try put("p", "at-boot = true")
    #expect(table?.contains("backup -P p --trigger boot\n") == true)
  }

  @Test func aCrontabThatCannotBeReadIsNotReplaced() throws {
    try put("p", "every = \"daily\"")
    #expect(table?.contains("# cairn end p\n") == true, "having none is no failure")
    try directory.write("tab", Array("# mine\n".utf8))
    try directory.write("broken", [])
    #expect(throws: CairnError.self) { try put("p", "every = \"daily\"") }
    #expect(table == "# mine\n")
    try FileManager.default.removeItem(atPath: directory.string + "/broken")
    try directory.write("full", [])
    #expect(throws: CairnError.self) { try put("p", "every = \"daily\"") }
    #expect(table == "# mine\n")
  }

  @Test func aMarkWithoutItsEndTakesNothingElseAway() {
    var text = CrontabText("# cairn begin p 00\n0 1 * * * mine\n")
    let wasThere = text.remove("p")
    #expect(wasThere)
    #expect(text.text == "0 1 * * * mine\n")
  }

  @Test(arguments: [
    (
      "# cairn begin p 1\n0 1 * * * one\n# cairn begin p 2\n1 1 * * * ours\n# cairn end p\n0 2 * * * two\n",
      "0 1 * * * one\n0 2 * * * two\n"
    ),
    (
      "# cairn begin p 1\n0 9 * * * one\n# cairn begin q 2\n2 2 * * * q\n# cairn end q\n0 3 * * * two\n"
        + "# cairn begin p 2\n1 1 * * * ours\n# cairn end p\n",
      "0 9 * * * one\n# cairn begin q 2\n2 2 * * * q\n# cairn end q\n0 3 * * * two\n"
    ),
    ("# cairn begin p 1\n0 1 * * * one\n# cairn end q\n# cairn end p\n", "0 1 * * * one\n# cairn end q\n# cairn end p\n"),
    ("# cairn begin p 1\n1 1 * * * ours\n# cairn end p \r\n0 2 * * * two\r\n0 3 * * * three\n", "0 2 * * * two\r\n0 3 * * * three\n"),
    ("# cairn begin p\r\n1 1 * * * ours\r\n# cairn end p\r\n0 2 * * * two\r\n", "0 2 * * * two\r\n"),
  ])
  func damagedBlocksTakeNothingElseAway(before: String, after: String) {
    var text = CrontabText(before)
    #expect(text.blocks.first?.profile == "p")
    text.remove("p")
    #expect(Array(text.text.utf8) == Array(after.utf8))
    var other = CrontabText(before)
    other.put("p", ["5 5 * * * new"], fingerprint: "3")
    other.remove("p")
    #expect(Array(other.text.utf8) == Array(after.utf8))
  }
}
