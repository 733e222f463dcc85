import CairnKit

/// `[profile.NAME.hooks]`: commands around a run, each a line for the shell, run one after the other.
package struct Hooks: Sendable, Equatable {
  /// Before anything else; one that fails stops the run.
  package var before: [String] = []
  /// After a run that succeeded.
  package var after: [String] = []
  /// After a run that failed, or that a hook stopped.
  package var onFailure: [String] = []
  /// At the end in any case.
  package var finally: [String] = []
  /// Seconds for each command; one that takes longer is ended and counts as failed.
  package var timeLimit: Int64 = 600

  package init() {}

  init(_ reader: inout SectionReader) {
    before = reader.strings("before") ?? []
    after = reader.strings("after") ?? []
    onFailure = reader.strings("on-failure") ?? []
    finally = reader.strings("finally") ?? []
    timeLimit = reader.duration("time-limit") ?? 600
    reader.finish()
  }
}

/// `[profile.NAME.notify]`: who is told how a run ended. None of these can make a backup fail.
package struct Notices: Sendable, Equatable {
  package enum Occasion: String, Sendable, CaseIterable {
    case start, success
    /// The snapshot exists, with files left out.
    case incomplete
    case failure
  }

  /// A JSON document is sent to the URL by POST.
  package struct Webhook: Sendable, Equatable {
    package let url: String
    package let occasions: Set<Occasion>
  }

  /// Addresses of a dead-man's switch, fetched by GET.
  package struct Ping: Sendable, Equatable {
    package let start: String?
    package let success: String?
    package let fail: String?
  }

  /// Handed to a program that takes what `sendmail -t` takes.
  package struct Mail: Sendable, Equatable {
    package let to: [String]
    package let from: String?
    package let occasions: Set<Occasion>
    package let sendmail: [UInt8]
  }

  package var webhook: Webhook?
  package var ping: Ping?
  package var mail: Mail?
  /// Seconds for each message.
  package var timeLimit: Int64 = 30

  package init() {}

  init(_ reader: inout SectionReader) {
    timeLimit = reader.duration("time-limit") ?? 30
    if var section = reader.section("webhook") {
      let url = Self.url("url", &section)
      let occasions = Self.occasions(&section)
      if !section.has("url") { section.log.mistake(section.place, "[\(section.name)] needs a url") }
      webhook = url.map { Webhook(url: $0, occasions: occasions) }
      section.finish()
    }
    if var section = reader.section("ping") {
      let ping = Ping(start: Self.url("start", &section), success: Self.url("success", &section), fail: Self.url("fail", &section))
      if !["start", "success", "fail"].contains(where: section.has) {
        section.log.mistake(section.place, "[\(section.name)] needs a url for start, success or fail")
      }
      self.ping = ping
      section.finish()
    }
    if var section = reader.section("mail") {
      let to = section.list("to", "an address such as \"anna@example.org\"", Self.address)
      let from = section.parsed("from", "an address such as \"cairn@example.org\"", Self.address)
      let sendmail = section.path("sendmail") ?? Array("/usr/sbin/sendmail".utf8)
      let occasions = Self.occasions(&section)
      if to?.isEmpty != false && !section.has("to") { section.log.mistake(section.place, "[\(section.name)] needs to = \"address\"") }
      mail = to.map { Mail(to: $0, from: from, occasions: occasions, sendmail: sendmail) }
      section.finish()
    }
    reader.finish()
  }

  private static func url(_ key: String, _ reader: inout SectionReader) -> String? {
    reader.parsed(key, "a URL that begins with https:// or http://") { text in
      guard let scheme = ["https://", "http://"].first(where: text.hasPrefix) else { return nil }
      let rest = text.dropFirst(scheme.utf8.count)
      let host = rest.prefix { !"/?#".contains($0) }
      return !host.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f } ? text : nil
    }
  }

  private static func occasions(_ reader: inout SectionReader) -> Set<Occasion> {
    let words = "one of " + Occasion.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
    return Set(reader.list("on", words, Occasion.init(rawValue:)) ?? [.incomplete, .failure])
  }

  /// Nothing that could begin another header line or option.
  private static func address(_ text: String) -> String? {
    let isPlain = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f } && !text.hasPrefix("-")
    return isPlain && text.utf8.count <= 254 && !text.contains(",") ? text : nil
  }
}

/// `[profile.NAME.limits]`: how much of the machine a run may take.
package struct RunLimits: Sendable, Equatable {
  package enum IOClass: String, Sendable, CaseIterable {
    /// Only when nobody else wants the disk.
    case idle
    case bestEffort = "best-effort"
  }

  /// -20 … 19 as nice(1) takes it.
  package var nice: Int?
  package var ioClass: IOClass?
  /// 0 (first) … 7, of the class best-effort.
  package var ioPriority: Int?
  /// Bytes a second to the repository.
  package var upload: UInt64?
  /// Bytes a second from the repository.
  package var download: UInt64?

  package init() {}

  init(_ reader: inout SectionReader) {
    nice = reader.integer("nice", -20...19)
    ioClass = reader.choice("io-class", IOClass.self)
    ioPriority = reader.integer("io-priority", 0...7)
    if ioPriority != nil && ioClass != .bestEffort { reader.mistake("io-priority", "goes with io-class = \"best-effort\" only") }
    upload = reader.size("upload")
    download = reader.size("download")
    for (key, limit) in [("upload", upload), ("download", download)] where limit.map({ $0 < 1024 }) == true {
      reader.mistake(key, "must be at least \"1k\" (bytes a second)")
    }
    reader.finish()
  }
}

/// `[profile.NAME.expect]`: what must have happened lately, so that `status` is content. Seconds.
package struct Expectation: Sendable, Equatable {
  /// Since the last successful backup.
  package var every: Int64?
  /// Since the repository was last checked.
  package var checkedEvery: Int64?
  /// Since a sample was last restored and compared.
  package var provenEvery: Int64?

  package init() {}

  init(_ reader: inout SectionReader) {
    every = reader.duration("every")
    checkedEvery = reader.duration("checked-every")
    provenEvery = reader.duration("proven-every")
    reader.finish()
  }
}

/// `[profile.NAME.upkeep]`: looking after what was stored.
package struct Upkeep: Sendable, Equatable {
  /// How often the repository is checked after a backup.
  package var check: Scheme.Frequency = .never
  /// As `check --read-data-subset` takes it; nil = structure only.
  package var readDataSubset: String?
  /// How often a sample is restored and compared after a backup.
  package var prove: Scheme.Frequency = .never
  /// How many files make the sample.
  package var proveFiles = 20
  /// A file for Prometheus' text collector, written after each run.
  package var metricsFile: [UInt8]?

  package init() {}

  init(_ reader: inout SectionReader) {
    check = reader.choice("check", Scheme.Frequency.self) ?? .never
    readDataSubset = reader.parsed("read-data-subset", "\"n/m\", \"p%\" or a size, as 'check' takes it") { text in
      // `try?`: whatever is wrong with the text, the mistake says what is expected.
      (try? CheckOptions.ReadData(subset: text)) == nil ? nil : text
    }
    prove = reader.choice("prove", Scheme.Frequency.self) ?? .never
    proveFiles = reader.integer("prove-files", 1...1_000_000) ?? 20
    metricsFile = reader.path("metrics-file")
    reader.finish()
  }
}
