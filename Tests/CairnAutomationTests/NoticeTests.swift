import CairnKit
import CairnSystem
import CairnTestSupport
import Foundation
import Testing

@testable import CairnAutomation
@testable import CairnProfiles

@Suite(.timeLimit(.minutes(2))) struct NoticeTests {
  private let directory = TemporaryDirectory()

  private var record: RunRecord {
    var record = RunRecord(command: .backup, started: 1_795_249_800, ended: 1_795_249_860, outcome: .failure, status: 12)
    record.profile = "home"
    record.host = "laptop"
    record.message = "Wrong \"password\" \\ here.\nSecond line"
    return record
  }

  private func send(
    _ notices: Notices, _ occasion: Notices.Occasion = .failure, record: RunRecord? = nil,
    cancellation: Cancellation = Cancellation()
  ) -> [String] {
    let environment = ["PATH=/usr/bin:/bin", "HOME=\(directory.string)", "CAIRN_PASSWORD=secret"].map { Array($0.utf8) }
    return NoticeSender(notices, environment: environment, cancellation: cancellation).send(occasion, record ?? self.record)
  }

  private func webhook(_ url: String, limit: Int64 = 30) -> Notices {
    var notices = Notices()
    notices.webhook = .init(url: url, occasions: Set(Notices.Occasion.allCases))
    notices.timeLimit = limit
    return notices
  }

  // MARK: HTTP

  @Test func theWebhookGetsTheRecord() throws {
    let listener = HTTPListener()
    #expect(send(webhook(listener.url + "/hook?a=[1]&b={2}")) == [])
    let request = try #require(listener.requests.first)
    #expect(request.method == "POST" && request.path == "/hook?a=[1]&b={2}")
    #expect(request.headers.contains("Content-Type: application/json"))
    let document = try #require(JSONSerialization.jsonObject(with: Data(request.body.utf8)) as? [String: Any])
    #expect(document["event"] as? String == "failure" && document["profile"] as? String == "home" && document["status"] as? Int == 12)
    #expect(document["message"] as? String == record.message)
    #expect(document["outcome"] as? String == "failure" && document["schema"] as? Int == 1)
  }

  @Test func theStartTellsOfNoOutcome() throws {
    let listener = HTTPListener()
    #expect(send(webhook(listener.url), .start) == [])
    let body = try #require(listener.requests.first?.body)
    let document = try #require(JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any])
    #expect(document["event"] as? String == "start" && document["outcome"] == nil && document["message"] == nil)
    #expect(document["started"] as? Int == 1_795_249_800)
  }

  @Test(arguments: [
    (Notices.Occasion.start, "/start"), (.success, "/success"), (.incomplete, "/fail"), (.failure, "/fail"),
  ])
  func onlyAWholeSuccessIsOneForTheDeadMansSwitch(occasion: Notices.Occasion, path: String) {
    let listener = HTTPListener()
    var notices = Notices()
    notices.ping = .init(start: listener.url + "/start", success: listener.url + "/success", fail: listener.url + "/fail")
    #expect(send(notices, occasion) == [])
    #expect(listener.requests.map { "\($0.method) \($0.path)" } == ["GET \(path)"])
  }

  @Test func onlyTheOccasionsThatAreWantedAreTold() {
    let listener = HTTPListener()
    var notices = Notices()
    notices.webhook = .init(url: listener.url, occasions: [.success])
    notices.ping = .init(start: nil, success: listener.url, fail: nil)
    #expect(send(notices, .failure) == [])
    #expect(listener.requests.isEmpty)
  }

  @Test func anErrorOfTheServerIsAFailure() {
    let listener = HTTPListener(answer: "500 Internal Server Error")
    let failures = send(webhook(listener.url + "/secret-token"))
    #expect(failures.count == 1)
    #expect(failures.first?.contains("The webhook could not be sent: ") == true && failures.first?.contains("500") == true)
    #expect(failures.first?.contains("secret-token") == false)
  }

  @Test func whoeverRefusesAndWhoeverHangsDoesNotHoldTheRun() {
    let refused = send(webhook("http://127.0.0.1:\(HTTPListener.closedPort())/"))
    #expect(refused.count == 1)
    let listener = HTTPListener(answer: nil)
    let start = SystemClock.monotonicNanoseconds()
    #expect(send(webhook(listener.url, limit: 1)) == ["The webhook could not be sent: there was no answer within 1 s."])
    #expect(SystemClock.monotonicNanoseconds() - start < 20_000_000_000)
    #expect(listener.requests.count == 1)
  }

  @Test func aRedirectionLeadsToHTTPOnly() throws {
    let good = HTTPListener()
    let redirects = HTTPListener(answer: "302 Found\r\nLocation: \(good.url)/other")
    var notices = Notices()
    notices.ping = .init(start: nil, success: redirects.url, fail: nil)
    #expect(send(notices, .success) == [])
    #expect(good.requests.map(\.path) == ["/other"])
    try directory.write("file", Array("x".utf8))
    let bad = HTTPListener(answer: "302 Found\r\nLocation: file://\(directory.string)/file")
    notices.ping = .init(start: nil, success: bad.url, fail: nil)
    #expect(send(notices, .success).count == 1)
  }

  @Test func anAddressOfAnotherKindIsNotFetched() {
    #expect(send(webhook("file:///etc/passwd")).count == 1)
  }

  @Test func theOwnSettingsOfCurlAreLeftAlone() throws {
    try directory.write(".curlrc", Array("max-time = 0.0001\nproxy = \"127.0.0.1:1\"".utf8))
    let listener = HTTPListener()
    #expect(send(webhook(listener.url)) == [])
  }

  @Test func anInterruptedRunStillTells() {
    let cancellation = Cancellation()
    cancellation.cancel()
    let listener = HTTPListener()
    #expect(send(webhook(listener.url), cancellation: cancellation) == [])
    #expect(listener.requests.count == 1)
  }

  // MARK: Mail

  private func mail(_ script: String, to: [String] = ["anna@example.org", "root"], from: String? = nil, limit: Int64 = 30) throws -> Notices
  {
    try directory.write("sendmail", Array("#!/bin/sh\n\(script)\n".utf8))
    chmod(directory.string + "/sendmail", 0o755)
    var notices = Notices()
    notices.mail = .init(to: to, from: from, occasions: [.failure, .incomplete], sendmail: directory.path("sendmail"))
    notices.timeLimit = limit
    return notices
  }

  private func message(_ record: RunRecord, from: String? = nil) throws -> (head: [String], body: String) {
    let notices = try mail("echo \"$@\" >\(directory.string)/arguments; cat >\(directory.string)/message", from: from)
    #expect(send(notices, record: record) == [])
    #expect(String(decoding: try directory.read("arguments"), as: UTF8.self) == "-t -i\n")
    let text = String(decoding: try directory.read("message"), as: UTF8.self)
    let parts = text.components(separatedBy: "\n\n")
    return (parts[0].components(separatedBy: "\n"), parts.dropFirst().joined(separator: "\n\n"))
  }

  @Test func manyAddressesAreFolded() throws {
    let addresses = (1...60).map { "somebody-\($0)@a-long-name.example.org" }
    let mail = Notices.Mail(to: addresses, from: nil, occasions: [.failure], sendmail: [])
    let head = String(decoding: MailMessage(mail, .failure, record).bytes, as: UTF8.self).components(separatedBy: "\n\n")[0]
    #expect(head.components(separatedBy: "\n").allSatisfy { $0.utf8.count <= 998 })
    let line = try #require(head.replacingOccurrences(of: "\n ", with: " ").components(separatedBy: "\n").first { $0.hasPrefix("To: ") })
    #expect(line == "To: " + addresses.joined(separator: ", "))
  }

  @Test func theMailSaysWhatIsToBeKnown() throws {
    let (head, body) = try message(record, from: "cairn@example.org")
    #expect(
      head.prefix(4) == [
        "From: cairn@example.org", "To: anna@example.org, root", "Subject: cairn: home on laptop: backup failed",
        "Date: Sat, 21 Nov 2026 08:31:00 +0000",
      ])
    #expect(head[4].hasPrefix("Message-ID: <cairn.1795249800.") && head[4].hasSuffix("@laptop>"))
    #expect(head.contains("Content-Type: text/plain; charset=utf-8"))
    #expect(body.contains("Wrong \"password\" \\ here.\nSecond line\n"))
    #expect(body.contains("Outcome       failure (exit status 12)"))
  }

  @Test func nothingGetsIntoTheHead() throws {
    var record = record
    record.host = "évil\nBcc: victim@example.org\r\n\r\nbody"
    record.message = "line\r\n.\r\nBcc: x"
    let (head, body) = try message(record)
    #expect(!head.contains { $0.lowercased().hasPrefix("bcc") })
    let subject = try #require(head.first { $0.hasPrefix("Subject: ") })
    #expect(subject.hasPrefix("Subject: =?UTF-8?B?"))
    #expect(head.allSatisfy { $0.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7f } })
    #expect(head.allSatisfy { $0.utf8.count <= 78 || !$0.contains("=?") || $0.hasPrefix("Subject") })
    #expect(body.contains("Bcc: x"), "in the body it does no harm")
    #expect(head.first { $0.hasPrefix("Message-ID") }?.hasSuffix("@vilBccvictimexample.orgbody>") == true)
  }

  @Test func longLinesAreCut() throws {
    var record = record
    record.message = String(repeating: "ä", count: 5000)
    let (_, body) = try message(record)
    #expect(body.split(separator: "\n").allSatisfy { $0.utf8.count <= 900 })
    #expect(body.filter { $0 == "ä" }.count == 5000)
  }

  @Test func aMailThatCannotBeSentIsSaid() throws {
    #expect(
      send(try mail("echo no route; exit 75")) == [
        "The mail could not be sent: \(directory.string)/sendmail ended with status 75: no route"
      ])
    #expect(send(try mail("sleep 60", limit: 1)).first?.hasSuffix("took longer than 1 s.") == true)
    var notices = try mail("true")
    notices.mail = .init(to: ["a"], from: nil, occasions: [.failure], sendmail: Array("/no/sendmail".utf8))
    #expect(send(notices) == ["The mail could not be sent: run '/no/sendmail': No such file or directory."])
    #expect(send(try mail("true")) == [], "it need not read to the end")
  }

  @Test func oneThatFailsDoesNotKeepTheOthersFromBeingSent() throws {
    let listener = HTTPListener()
    var notices = try mail("cat >\(directory.string)/message")
    notices.webhook = .init(url: "http://127.0.0.1:\(HTTPListener.closedPort())", occasions: [.failure])
    notices.ping = .init(start: nil, success: nil, fail: listener.url)
    #expect(send(notices).count == 1)
    #expect(listener.requests.count == 1)
    #expect(try directory.read("message").isEmpty == false)
  }

  @Test(arguments: [
    (Int64(0), "Thu, 1 Jan 1970 00:00:00 +0000"), (-1, "Wed, 31 Dec 1969 23:59:59 +0000"),
    (1_709_210_096, "Thu, 29 Feb 2024 12:34:56 +0000"),
  ])
  func datesAreThoseOfMails(seconds: Int64, text: String) { #expect(MailMessage.date(seconds) == text) }

  @Test func subjectsThatAreNoASCIIAreEncodedInShortWords() {
    #expect(MailMessage.encoded("plain") == "plain")
    let encoded = MailMessage.encoded(String(repeating: "Büro ", count: 30))
    let words = encoded.components(separatedBy: "\n ")
    #expect(words.count > 1 && words.allSatisfy { $0.hasPrefix("=?UTF-8?B?") && $0.hasSuffix("?=") && $0.count <= 75 })
    let text = words.map { Data(base64Encoded: String($0.dropFirst(10).dropLast(2))) ?? Data() }.reduce(Data(), +)
    #expect(String(decoding: text, as: UTF8.self) == String(repeating: "Büro ", count: 30))
  }
}
