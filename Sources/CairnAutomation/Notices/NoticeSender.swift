import CairnKit
package import CairnProfiles
package import CairnSystem
import FoundationEssentials

/// Tells others how a run went. Whatever comes of it, the run goes on.
package struct NoticeSender: Sendable {
  private let notices: Notices
  /// That of the programs that send.
  private let environment: [[UInt8]]
  /// Ends a message that is under way.
  private let cancellation: Cancellation
  private let allowance: StopAllowance

  package init(
    _ notices: Notices, environment: [[UInt8]], cancellation: Cancellation, allowance: StopAllowance = StopAllowance()
  ) {
    self.allowance = allowance
    self.notices = notices
    self.environment = HookVariables.environment(environment, adding: [])
    self.cancellation = cancellation
  }

  /// Sends what the profile wants sent on an occasion.
  ///
  /// The ping `success` is for a run that succeeded wholly; each other end is a `fail`: a dead-man's switch knows no more.
  ///
  /// - Returns: a sentence for each message that could not be sent.
  package func send(_ occasion: Notices.Occasion, _ record: RunRecord) -> [String] {
    var failures: [String] = []
    func attempt(_ name: String, _ body: () throws -> String?) {
      do {
        if let failure = try body() { failures.append("The \(name) could not be sent: \(failure)") }
      } catch let error as FileError {
        failures.append("The \(name) could not be sent: \(error.description).")
      } catch { failures.append("The \(name) could not be sent.") }
    }
    if let webhook = notices.webhook, webhook.occasions.contains(occasion) {
      attempt("webhook") {
        try fetch(CurlRequest(url: webhook.url, body: Self.document(occasion, record), timeLimit: limit))
      }
    }
    if let url = notices.ping.flatMap({ Self.address(in: $0, occasion) }) {
      attempt("ping '\(Self.pingName(occasion))'") { try fetch(CurlRequest(url: url, body: nil, timeLimit: limit)) }
    }
    if let mail = notices.mail, mail.occasions.contains(occasion) { attempt("mail") { try post(mail, occasion, record) } }
    return failures
  }

  /// The record of the run with the occasion in `event`.
  static func document(_ occasion: Notices.Occasion, _ record: RunRecord) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(Event(event: occasion.rawValue, record: record)))
  }

  private struct Event: Encodable {
    let event: String
    let record: RunRecord

    private enum Keys: String, CodingKey { case event, command, started, profile, trigger, host, repository, series, schema }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Keys.self)
      try container.encode(event, forKey: .event)
      // Of a run that has only begun there is nothing to say yet of how it ended.
      guard event == Notices.Occasion.start.rawValue else { return try record.encode(to: encoder) }
      try container.encode(record.schema, forKey: .schema)
      try container.encode(record.command, forKey: .command)
      try container.encode(record.started, forKey: .started)
      try container.encodeIfPresent(record.profile, forKey: .profile)
      try container.encodeIfPresent(record.trigger, forKey: .trigger)
      try container.encodeIfPresent(record.host, forKey: .host)
      try container.encodeIfPresent(record.repository, forKey: .repository)
      try container.encodeIfPresent(record.series, forKey: .series)
    }
  }

  private static func address(in ping: Notices.Ping, _ occasion: Notices.Occasion) -> String? {
    switch occasion {
    case .start: ping.start
    case .success: ping.success
    case .incomplete, .failure: ping.fail
    }
  }

  private static func pingName(_ occasion: Notices.Occasion) -> String {
    occasion == .start || occasion == .success ? occasion.rawValue : "fail"
  }

  private var limit: Double { cancellation.isCancelled ? allowance.limit(Double(notices.timeLimit)) : Double(notices.timeLimit) }

  private func fetch(_ request: CurlRequest) throws -> String? {
    try request.run(environment: environment, cancellation: cancellation.isCancelled ? nil : cancellation)
  }

  private func post(_ mail: Notices.Mail, _ occasion: Notices.Occasion, _ record: RunRecord) throws -> String? {
    let message = MailMessage(mail, occasion, record)
    let command = BoundedCommand(
      .arguments([mail.sendmail, Array("-t".utf8), Array("-i".utf8)]), input: message.bytes, environment: environment, timeLimit: limit)
    let outcome = try command.run(cancellation: cancellation.isCancelled ? nil : cancellation)
    let program = Escaping.terminal(mail.sendmail)
    let said = OutputTail.text(outcome.tail, lines: 2)
    switch outcome.end {
    case .exited(0): return nil
    case .exited(let code): return "\(program) ended with status \(code)" + (said.isEmpty ? "." : ": \(said)")
    case .signaled(let signal): return "\(program) was ended by signal \(signal)."
    case .timedOut: return "\(program) took longer than \(Int(command.timeLimit)) s."
    case .stopped: return "the run was interrupted."
    }
  }
}
