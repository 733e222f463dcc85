import CairnStorage
import CairnSystem
import CairnTestSupport
import Synchronization

/// Lets the clients of a simulation run one at a time, from one storage request to the next, and decides what becomes of each request.
///
/// Whoever asks for a request waits until it is chosen; from then on it runs alone until its next request. Everything that is chosen
/// comes from one seed, so the same seed gives the same trace.
final class Scheduler: Sendable {
  /// How often things happen, in parts of 1000 a request.
  struct Rates: Sendable {
    /// The client that ran last goes on.
    var sticky = 0
    /// The client that ran last is not chosen for long.
    var suspend = 5
    /// The same, where it is about to decide something: a register or a log record.
    var suspendAtDecision = 80
    var crash = 0
    var error = 0
    /// Requests a suspended client misses, at most.
    var longestSuspension = 600
  }

  /// What becomes of a request.
  enum Fate: String, Sendable {
    case done
    /// It has no effect, and the caller is told so.
    case refused
    /// It has its effect, and the caller gets an error.
    case answerLost
    /// The caller gets an error, and the effect comes later.
    case late
    /// It is made twice because the first answer was lost; the caller gets the second one.
    case repeated
    /// The process is killed before or after the effect.
    case killedBefore, killedAfter
  }

  struct Event: Equatable, Sendable {
    let client: Int
    let request: StorageRequest
    let fate: Fate
    var outcome = ""
  }

  private struct Client {
    var isFinished = false
    var suspendedUntil = 0
    /// Crashes and errors happen to it.
    let isMortal: Bool
  }

  private struct State {
    var random: SplitMix64
    var clients: [Client] = []
    var current: Int?
    var events: [Event] = []
    var late: [(due: Int, effect: @Sendable () -> Void)] = []
    var crashesLeft: Int
  }

  private let rates: Rates
  private let machine: SimulatedMachine
  private let state: Mutex<State>
  private let batons: [Monitor<Bool>]
  private let end = Monitor(false)

  /// - Parameter mortal: for each client whether it may crash and meet errors.
  init(seed: UInt64, mortal: [Bool], rates: Rates, machine: SimulatedMachine) {
    self.rates = rates
    self.machine = machine
    state = Mutex(State(random: SplitMix64(seed: seed), clients: mortal.map { Client(isMortal: $0) }, crashesLeft: 4))
    batons = mortal.map { _ in Monitor(false) }
  }

  // MARK: - Life of a run

  /// Waits for the client's first turn.
  func enter(_ client: Int) { waitForTurn(client) }

  /// Lets the first client go, once all have their threads, and waits for all to finish.
  func runAll() {
    if let first = state.withLock({ choose(&$0) }) { wake(first) } else { return }
    end.wait { $0 }
    for late in state.withLock({ $0.late }) { late.effect() }
  }

  /// The client makes no more requests.
  func leave(_ client: Int) {
    let next = state.withLock { state in
      state.clients[client].isFinished = true
      return choose(&state)
    }
    if let next { return wake(next) }
    end.withLock { $0 = true }
    end.notifyAll()
  }

  var events: [Event] { state.withLock { $0.events } }

  /// Requests made so far.
  var step: Int { state.withLock { $0.events.count } }

  // MARK: - Requests

  /// Waits until the request may be made, and says what becomes of it.
  ///
  /// - Parameter postponed: the effect, for a request that can have it later.
  func arrive(_ client: Int, _ request: StorageRequest, postponed: (@Sendable () -> Void)?) -> Fate {
    let next = state.withLock { state in
      if chance(suspension(before: request), &state) {
        state.clients[client].suspendedUntil = state.events.count + 1 + Int(state.random.next() % UInt64(rates.longestSuspension))
      }
      return choose(&state)
    }
    if let next, next != client {
      wake(next)
      waitForTurn(client)
    }
    return state.withLock { state in
      machine.pass(1_000_000_000)
      let fate = state.clients[client].isMortal ? decide(request, canBeLate: postponed != nil, &state) : .done
      state.events.append(Event(client: client, request: request, fate: fate))
      if fate == .late, let postponed { state.late.append((state.events.count + Int(state.random.next() % 300), postponed)) }
      applyLate(&state)
      return fate
    }
  }

  /// Says how the request that was granted last came out, for the trace.
  func note(_ outcome: String) {
    state.withLock { state in state.events[state.events.count - 1].outcome = outcome }
  }

  private func suspension(before request: StorageRequest) -> Int {
    request.verb == .putIfAbsent ? rates.suspendAtDecision : rates.suspend
  }

  private func decide(_ request: StorageRequest, canBeLate: Bool, _ state: inout State) -> Fate {
    if rates.crash > 0, state.crashesLeft > 0, chance(rates.crash, &state) {
      state.crashesLeft -= 1
      return chance(500, &state) ? .killedBefore : .killedAfter
    }
    // Where an answer decides something, losing it matters most.
    guard rates.error > 0, chance(request.verb == .putIfAbsent ? rates.error * 8 : rates.error, &state) else { return .done }
    guard request.verb.isChange else { return .refused }
    switch state.random.next() % 5 {
    case 0: return .refused
    case 1: return canBeLate ? .late : .refused
    case 2: return .answerLost
    default: return .repeated
    }
  }

  private func applyLate(_ state: inout State) {
    guard !state.late.isEmpty else { return }
    let now = state.events.count
    for late in state.late where late.due <= now { late.effect() }
    state.late.removeAll { $0.due <= now }
  }

  // MARK: - Turns

  private func chance(_ perMille: Int, _ state: inout State) -> Bool { state.random.next() % 1000 < UInt64(perMille) }

  /// The client whose turn is next; nil when all have finished.
  private func choose(_ state: inout State) -> Int? {
    let now = state.events.count
    if let current = state.current, !state.clients[current].isFinished, state.clients[current].suspendedUntil <= now,
      chance(rates.sticky, &state)
    {
      return current
    }
    var ready: [Int] = []
    var asleep: Int?
    for (number, client) in state.clients.enumerated() where !client.isFinished {
      if client.suspendedUntil <= now {
        ready.append(number)
      } else if asleep.map({ client.suspendedUntil < state.clients[$0].suspendedUntil }) ?? true {
        asleep = number
      }
    }
    state.current = ready.isEmpty ? asleep : ready[Int(state.random.next() % UInt64(ready.count))]
    return state.current
  }

  private func wake(_ client: Int) {
    batons[client].withLock { $0 = true }
    batons[client].notifyOne()
  }

  private func waitForTurn(_ client: Int) {
    batons[client].wait { isMine in
      defer { isMine = false }
      return isMine
    }
  }
}
