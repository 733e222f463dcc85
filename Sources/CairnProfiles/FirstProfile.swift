package import CairnKit

/// The sections of a configuration for somebody who begins: a repository and a profile from a few answers.
package struct FirstProfile: Sendable {
  package enum Every: String, Sendable, CaseIterable {
    case hourly, daily, weekly, monthly
    /// By hand.
    case never
  }

  /// How long snapshots stay.
  package enum Keep: Sendable, Equatable {
    case forever
    case span(RetentionSpan)

    /// `forever`, or a length of time such as `1y`.
    package init?(text: String) {
      if text == "forever" {
        self = .forever
      } else {
        // `try?`: whatever is wrong with the text, the caller says what is expected.
        guard let span = try? RetentionSpan(text) else { return nil }
        self = .span(span)
      }
    }
  }

  package var name: String
  package var sources: [[UInt8]]
  /// Of the section; a new one is written when `repositoryPath` is given.
  package var repositoryName: String
  package var repositoryPath: [UInt8]?
  package var secret: RepositorySettings.Secret?
  package var every: Every
  package var keep: Keep
  package var home: [UInt8]?

  package init(
    name: String, sources: [[UInt8]], repositoryName: String, repositoryPath: [UInt8]?, secret: RepositorySettings.Secret?, every: Every,
    keep: Keep, home: [UInt8]?
  ) {
    self.name = name
    self.sources = sources
    self.repositoryName = repositoryName
    self.repositoryPath = repositoryPath
    self.secret = secret
    self.every = every
    self.keep = keep
    self.home = home
  }

  /// The sections as a file has them.
  package var text: String {
    let profile = "profile.\(TOMLValue.key(name))"
    var parts: [String] = []
    if let repositoryPath {
      parts.append(section("repository.\(TOMLValue.key(repositoryName))", [("path", quoted(repositoryPath))] + secretLines))
    }
    parts.append(
      section(
        profile,
        [
          ("repository", TOMLValue.quoted(repositoryName)), ("sources", "[" + sources.map(quoted).joined(separator: ", ") + "]"),
          ("exclude-caches", "true"),
        ]))
    parts.append(section("\(profile).scheme", scheme))
    if case .span(let span) = keep { parts.append(section("\(profile).retention", retention(span))) }
    if let schedule {
      parts.append(section("\(profile).schedule", schedule))
      parts.append(section("\(profile).expect", [("every", TOMLValue.quoted(expected))]))
    }
    return parts.joined(separator: "\n")
  }

  private var secretLines: [(String, String)] {
    switch secret {
    case .passwordFile(let path): [("password-file", quoted(path))]
    case .passwordCommand(let command): [("password-command", TOMLValue.quoted(command))]
    case .keyFile(let path): [("key-file", quoted(path))]
    case nil: []
    }
  }

  private var scheme: [(String, String)] {
    switch every {
    case .hourly: [("full", "\"monthly\""), ("incremental", "\"hourly\"")]
    case .daily: [("full", "\"monthly\""), ("incremental", "\"daily\"")]
    case .weekly: [("full", "\"quarterly\""), ("incremental", "\"weekly\"")]
    case .monthly: [("full", "\"yearly\""), ("incremental", "\"monthly\"")]
    case .never: [("full", "\"monthly\"")]
    }
  }

  private var schedule: [(String, String)]? {
    switch every {
    case .hourly: [("every", "\"hourly\"")]
    case .daily: [("every", "\"daily\""), ("times", "[\"12:30\"]"), ("random-delay", "\"10m\"")]
    case .weekly: [("every", "\"weekly\""), ("days", "[\"mon\"]"), ("times", "[\"12:30\"]"), ("random-delay", "\"10m\"")]
    case .monthly: [("every", "\"monthly\""), ("month-days", "[1]"), ("times", "[\"12:30\"]"), ("random-delay", "\"10m\"")]
    case .never: nil
    }
  }

  private var expected: String {
    switch every {
    case .hourly: "3h"
    case .daily: "36h"
    case .weekly: "9d"
    case .monthly, .never: "35d"
    }
  }

  /// Dense for what is new, sparse for what is old, up to the length of time that was asked for.
  private func retention(_ span: RetentionSpan) -> [(String, String)] {
    let days = span.approximateDays
    var lines: [(String, String)] = []
    func add(_ key: String, _ value: String) { lines.append((key, TOMLValue.quoted(value))) }
    if days < 1 {
      add("keep-within", "\(span)")
    } else {
      if every == .hourly { add("keep-within-hourly", days > 2 ? "2d" : "\(span)") }
      add("keep-within-daily", days > 14 ? "14d" : "\(span)")
      if days > 14 { add("keep-within-weekly", days > 60 ? "2m" : "\(span)") }
      if days > 60 { add("keep-within-monthly", "\(span)") }
    }
    let runs = [Every.hourly: 100, .daily: 10, .weekly: 4, .monthly: 2, .never: 10]
    lines.append(("prune-every", "\(runs[every] ?? 10)"))
    return lines
  }

  private func section(_ header: String, _ lines: [(String, String)]) -> String {
    "[\(header)]\n" + lines.map { "\($0.0) = \($0.1)\n" }.joined()
  }

  /// With `~` for the home directory.
  private func quoted(_ path: [UInt8]) -> String {
    let text = String(decoding: path, as: UTF8.self)
    guard let home, home != [0x2f], path == home || path.starts(with: home + [0x2f]) else { return TOMLValue.quoted(text) }
    return TOMLValue.quoted("~" + String(decoding: path.dropFirst(home.count), as: UTF8.self))
  }
}
