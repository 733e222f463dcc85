import CairnKit
import CairnSystem
import Glibc
import Synchronization

/// Runs the browser on a terminal: keys in, pictures out, and two threads that do what takes time.
final class BrowserSession {
  private var browser: Browser
  private let terminal: FullScreenTerminal
  private let mailbox: Mailbox
  private let reading: BrowserReading
  private var painter: Painter
  private var decoder = KeyDecoder()
  private var running: [Int: Running] = [:]
  private var end: ExitStatus?
  /// Something that was to be restored is not.
  private var hadProblems = false

  /// A task that has not answered yet.
  private struct Running {
    let effect: Browser.Effect
    let work: BrowserReading.Work
    let started = SystemClock.monotonicNanoseconds()
  }

  /// What other threads have for the one with the terminal.
  final class Mailbox: Sendable {
    enum Letter: Sendable {
      case event(Browser.Event)
      case signal(CInt)
    }

    private let letters = Mutex<[Letter]>([])
    private let terminal: FullScreenTerminal

    init(_ terminal: FullScreenTerminal) { self.terminal = terminal }

    func post(_ letter: Letter) {
      letters.withLock { $0.append(letter) }
      terminal.wake()
    }

    func takeAll() -> [Letter] {
      letters.withLock { letters in
        defer { letters = [] }
        return letters
      }
    }
  }

  init(_ browser: Browser, _ reading: BrowserReading, terminal: FullScreenTerminal, mailbox: Mailbox, capabilities: ScreenCapabilities) {
    self.browser = browser
    self.reading = reading
    self.terminal = terminal
    self.mailbox = mailbox
    painter = Painter(capabilities)
  }

  /// Runs until somebody quits; the terminal is as before when this returns.
  func run() throws -> ExitStatus {
    let tasks = BoundedQueue<@Sendable () -> Void>(capacity: 64)
    return try ThreadScope.run { scope in
      defer {
        terminal.leave()
        for task in running.values { task.work.cancellation.cancel() }
        tasks.close()
      }
      // The long reading of one folder leaves the other thread for everything else.
      for number in 0..<2 {
        scope.spawn("browse-\(number)", stackBytes: 8 << 20) { while let task = tasks.pop() { task() } }
      }
      perform(browser.begin(), tasks)
      while end == nil {
        if !terminal.write(painter.paint(browser.picture())) { break }
        wait(tasks)
      }
      return end ?? .interrupted
    }
  }

  private func wait(_ tasks: BoundedQueue<@Sendable () -> Void>) {
    let patience: CInt = decoder.isWaiting ? 100 : running.isEmpty ? -1 : 100
    switch terminal.wait(milliseconds: patience) {
    case .input(let bytes): for key in decoder.decode(bytes) { handle(.key(key), tasks) }
    case .timeout: for key in decoder.flush() { handle(.key(key), tasks) }
    case .closed: end = .interrupted
    case .woken: break
    }
    for letter in mailbox.takeAll() {
      switch letter {
      case .event(let event): finished(event, tasks)
      case .signal(let number): caught(number, tasks)
      }
    }
    for (ticket, task) in running {
      let seconds = Double(SystemClock.monotonicNanoseconds() - task.started) / 1e9
      guard seconds > 0.2 else { continue }
      handle(.progress(ticket: ticket, BrowserReading.progress(task.effect, task.work.counters, seconds: seconds)), tasks)
    }
  }

  private func finished(_ event: Browser.Event, _ tasks: BoundedQueue<@Sendable () -> Void>) {
    if case .finished(let ticket, let outcome) = event {
      if case .folder(let content) = outcome, !content.isComplete {} else { running[ticket] = nil }
      if case .restored(let report, _, _) = outcome, report.problems > 0 { hadProblems = true }
    }
    handle(event, tasks)
  }

  private func handle(_ event: Browser.Event, _ tasks: BoundedQueue<@Sendable () -> Void>) {
    guard end == nil else { return }
    perform(browser.handle(event), tasks)
  }

  private func perform(_ effects: [Browser.Effect], _ tasks: BoundedQueue<@Sendable () -> Void>) {
    for effect in effects {
      switch effect {
      case .quit(let isInterrupted): end = isInterrupted ? .interrupted : hadProblems ? .incomplete : .success
      case .suspend: suspend(tasks)
      case .redraw: painter.forget()
      case .stop(let ticket): running[ticket]?.work.cancellation.cancel()
      case .open(let ticket, _), .window(let ticket, _, _), .sort(let ticket, _, _, _), .find(let ticket, _, _, _, _),
        .versions(let ticket, _, _), .preview(let ticket, _, _), .changes(let ticket, _, _), .plan(let ticket, _), .restore(let ticket, _):
        start(effect, ticket, tasks)
      }
    }
  }

  private func start(_ effect: Browser.Effect, _ ticket: Int, _ tasks: BoundedQueue<@Sendable () -> Void>) {
    let work = BrowserReading.Work { [mailbox] in mailbox.post(.event(.finished(ticket: ticket, $0))) }
    running[ticket] = Running(effect: effect, work: work)
    _ = tasks.push { [reading] in
      if let outcome = reading.perform(effect, work) { work.report(outcome) }
    }
  }

  // MARK: - Signals

  /// Hands signals to the mailbox; of those that end the program, the second ends it at once.
  static func watchSignals(_ mailbox: Mailbox) {
    let isEnding = Mutex(false)
    SignalWatch.install([SIGINT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGWINCH]) { number in
      if [SIGINT, SIGTERM, SIGHUP].contains(number) {
        let isSecond = isEnding.withLock { isEnding in
          defer { isEnding = true }
          return isEnding
        }
        if isSecond {
          FullScreenTerminal.restore()
          _exit(ExitStatus.interrupted.rawValue)
        }
      }
      mailbox.post(.signal(number))
    }
  }

  private func caught(_ number: CInt, _ tasks: BoundedQueue<@Sendable () -> Void>) {
    switch number {
    case SIGWINCH: handle(.resize(screenSize), tasks)
    case SIGTSTP: suspend(tasks)
    case SIGCONT: resume(tasks)
    default: end = .interrupted
    }
  }

  private func suspend(_ tasks: BoundedQueue<@Sendable () -> Void>) {
    terminal.leave()
    SignalWatch.stopJob()
    resume(tasks)
  }

  private func resume(_ tasks: BoundedQueue<@Sendable () -> Void>) {
    do { try terminal.enter() } catch { return end = .interrupted }
    handle(.resize(screenSize), tasks)
  }

  private var screenSize: ScreenSize { ScreenSize(columns: terminal.size.columns, rows: terminal.size.rows) }
}
