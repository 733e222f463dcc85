import CairnFormat
import CairnKit
import CairnProfiles
import CairnSystem
import FoundationEssentials

/// A mail about a run, as `sendmail -t` takes it. Nothing that was read or printed by others gets into its head as it is.
struct MailMessage {
  private let mail: Notices.Mail
  private let occasion: Notices.Occasion
  private let record: RunRecord

  init(_ mail: Notices.Mail, _ occasion: Notices.Occasion, _ record: RunRecord) {
    self.mail = mail
    self.occasion = occasion
    self.record = record
  }

  var bytes: [UInt8] {
    var head: [(String, String)] = mail.from.map { [("From", $0)] } ?? []
    head += [
      ("To", Self.folded(mail.to)),
      ("Subject", Self.encoded(subject)),
      ("Date", Self.date(record.ended)),
      ("Message-ID", "<cairn.\(record.started).\(SystemRandom.bytes(8).map(Self.hexadecimal).joined())@\(domain)>"),
      ("Auto-Submitted", "auto-generated"),
      ("MIME-Version", "1.0"),
      ("Content-Type", "text/plain; charset=utf-8"),
      ("Content-Transfer-Encoding", "8bit"),
    ]
    // Lines end as on this machine; the program that sends makes of them what the network wants.
    let lines = head.map { "\($0.0): \($0.1)" } + [""] + text.flatMap(Self.wrapped)
    return Array((lines.joined(separator: "\n") + "\n").utf8)
  }

  private var subject: String {
    let what =
      switch occasion {
      case .start: "backup began"
      case .success: "backup succeeded"
      case .incomplete: "backup is incomplete"
      case .failure: record.outcome == .interrupted ? "backup was interrupted" : "backup failed"
      }
    let host = record.host.map { " on \($0)" } ?? ""
    return "cairn: \(record.profile ?? "")\(host): \(what)"
  }

  private var text: [String] {
    var lines = [Escaping.terminal(Array(subject.utf8)), ""]
    if occasion != .start, let message = record.message {
      lines += message.split(separator: "\n").map { Self.printable(String($0)) } + [""]
    }
    for (name, value) in facts { lines.append(name + String(repeating: " ", count: max(1, 14 - name.utf8.count)) + Self.printable(value)) }
    if let asides = record.asides, !asides.isEmpty {
      lines += ["", "Beside that:"] + asides.map { "- " + Self.printable($0) }
    }
    return lines
  }

  private var facts: [(String, String)] {
    var out = [("Profile", record.profile ?? "")]
    if let host = record.host { out.append(("Host", host)) }
    if let trigger = record.trigger { out.append(("Started by", trigger.rawValue)) }
    out.append(("Began", Self.date(record.started)))
    guard occasion != .start else { return out }
    out.append(("Ended", Self.date(record.ended)))
    out.append(("Outcome", "\(record.outcome.rawValue) (exit status \(record.status))"))
    if let repository = record.repository { out.append(("Repository", repository)) }
    guard let snapshot = record.snapshot else { return out }
    if let id = snapshot.id { out.append(("Snapshot", "\(id) (\(snapshot.kind))")) }
    out.append(("Files", "\(snapshot.filesNew) new, \(snapshot.filesChanged) changed, \(snapshot.filesUnmodified) unmodified"))
    out.append(("Added", "\(snapshot.addedBytes) bytes, \(snapshot.storedBytes) stored"))
    if snapshot.problems > 0 { out.append(("Problems", "\(snapshot.problems)")) }
    return out
  }

  private var domain: String {
    let name = (record.host ?? "").utf8.filter { byte in
      (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x2d || byte == 0x2e
    }
    return name.isEmpty ? "localhost" : String(decoding: name.prefix(100), as: UTF8.self)
  }

  private static func printable(_ text: String) -> String {
    // Sentences are escaped already where they quote something; a second time would double their backslashes.
    String(
      String.UnicodeScalarView(text.unicodeScalars.filter { $0.value >= 0x20 && $0.value != 0x7f && !(0x80...0x9f).contains($0.value) }))
  }

  /// In lines of at most 900 bytes: longer ones than 998 are not allowed.
  private static func wrapped(_ line: String) -> [String] {
    var out: [String] = []
    var part = String.UnicodeScalarView()
    var bytes = 0
    for scalar in line.unicodeScalars {
      let width = UTF8.width(scalar)
      if bytes + width > 900 {
        out.append(String(part))
        part = String.UnicodeScalarView()
        bytes = 0
      }
      part.append(scalar)
      bytes += width
    }
    return out + [String(part)]
  }

  /// Addresses, in lines of about 70 bytes.
  private static func folded(_ addresses: [String]) -> String {
    var text = ""
    var column = 0
    for address in addresses {
      let isBroken = column > 0 && column + address.utf8.count > 70
      if !text.isEmpty { text += isBroken ? ",\n " : ", " }
      text += address
      column = (isBroken ? 0 : column) + address.utf8.count + 2
    }
    return text
  }

  /// RFC 2047: words of at most 75 characters.
  static func encoded(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) && text.utf8.count < 900 { return text }
    var words: [String] = []
    var part: [UInt8] = []
    for scalar in text.unicodeScalars.prefix(500) {
      let bytes = Array(String(Character(scalar)).utf8)
      if part.count + bytes.count > 42 {
        words.append(word(part))
        part = []
      }
      part += bytes
    }
    return (words + [word(part)]).joined(separator: "\n ")
  }

  private static func word(_ bytes: [UInt8]) -> String { "=?UTF-8?B?\(Data(bytes).base64EncodedString())?=" }

  /// `Sat, 21 Nov 2026 08:30:00 +0000`
  static func date(_ seconds: Int64) -> String {
    let (dayNumber, second) = seconds.flooredQuotientAndRemainder(86_400)
    let day = CalendarDay(number: dayNumber)
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    let weekday = weekdays[Int(dayNumber.flooredQuotientAndRemainder(7).1)]
    func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : String(number) }
    let time = [second / 3600, second / 60 % 60, second % 60].map(two).joined(separator: ":")
    return "\(weekday), \(day.day) \(months[Int(day.month - 1)]) \(day.year) \(time) +0000"
  }

  private static func hexadecimal(_ byte: UInt8) -> String { String(byte >> 4, radix: 16) + String(byte & 15, radix: 16) }
}

extension Int64 {
  /// With a remainder from 0 on.
  fileprivate func flooredQuotientAndRemainder(_ divisor: Int64) -> (Int64, Int64) {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }
}
