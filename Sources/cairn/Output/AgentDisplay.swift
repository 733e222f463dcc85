import CairnAutomation
import CairnKit

/// What the agent says: a line each, at once.
struct AgentDisplay {
  private let console: Console

  init(_ console: Console) { self.console = console }

  func show(_ notice: AgentNotice) {
    if console.json {
      console.line(record(notice))
    } else {
      let name = notice.profile.map { "\($0): " } ?? ""
      let line = "\(LocalTime.text(notice.time)) \(name)\(words(notice))"
      // What is wrong is not to be left out by --quiet.
      if [.problem, .leftOut, .onBattery, .clockSetBack].contains(notice.kind) || (notice.status ?? 0) != 0 {
        console.complain(line)
      } else {
        console.remark(line)
      }
    }
    console.flush()
  }

  private func words(_ notice: AgentNotice) -> String {
    let count = UInt64(notice.count ?? 1)
    let runs = count >= 1000 ? "more than 1000 runs" : Human.count(count, "run")
    switch notice.kind {
    case .started: return "run begins (\(notice.trigger?.rawValue ?? ""))"
    case .ended: return notice.status == 0 ? "run ended well" : "run ended with status \(notice.status ?? 1)"
    case .missed: return "\(runs) missed; one makes up for it"
    case .leftOut: return "\(runs) missed and left out (catch-up = false)"
    case .arrived: return "\(Escaping.terminal(Array((notice.subject ?? "").utf8))) has appeared"
    case .busy: return "is being run by another process already; waits for its end"
    case .onBattery: return "is due and waits for mains power"
    case .clockSetBack: return "the clock was set back by \(Human.duration(Double(notice.seconds ?? 0))); times are reckoned anew"
    case .interrupted: return "run was interrupted; it is begun anew with the next start"
    case .problem: return notice.subject ?? ""
    case .waiting: return "waiting for what is due"
    case .reloaded: return "configuration read again"
    case .stopping: return notice.profile == nil ? "stopping" : "stopping; the run ends first"
    case .stopped: return "stopped"
    }
  }

  private func record(_ notice: AgentNotice) -> JSONLine {
    JSONLine.object { line in
      line.member("message_type", "schedule_event")
      line.member("event", notice.kind.rawValue)
      line.member("time", LocalTime.rfc3339(notice.time, 0))
      if let profile = notice.profile { line.member("profile", profile) }
      if let trigger = notice.trigger { line.member("trigger", trigger.rawValue) }
      if let status = notice.status { line.member("status", status) }
      if let count = notice.count { line.member("missed", count) }
      if let subject = notice.subject { line.member("subject", subject) }
      line.member("message", words(notice))
    }
  }
}
