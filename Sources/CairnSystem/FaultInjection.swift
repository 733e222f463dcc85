#if FAULT_INJECTION
  import CCairn
  import Glibc
  import Synchronization
  package import SystemPackage

  /// A scripted fault: the n-th matching system call fails, is shortened, or kills the process. Debug builds only.
  ///
  /// A script applies to the thread that runs it and to the threads it starts through `ThreadScope`, so tests can run side by side.
  /// A whole process is scripted by the environment: `CAIRN_FAULT=fsync:3:EIO`, `write:2+:ENOSPC` (that one and all later ones),
  /// `any:17:crash`.
  package final class FaultScript: Sendable {
    package enum Action: Sendable, Equatable {
      case fail(Errno)
      /// At most so many bytes are moved; for reads and writes, ignored elsewhere.
      case short(Int)
      /// SIGKILL to the own process, before the call.
      case crash
    }

    /// The calls that count; empty means all.
    let calls: Set<SystemCall>
    /// The first call that is hit, counted from 1.
    let position: Int
    let action: Action
    /// Whether all later matching calls are hit too.
    let repeats: Bool
    private let seen = Atomic<Int>(0)

    package init(_ calls: Set<SystemCall> = [], at position: Int, _ action: Action, repeats: Bool = false) {
      self.calls = calls
      self.position = position
      self.action = action
      self.repeats = repeats
    }

    /// How many matching calls were made so far.
    package var matched: Int { seen.load(ordering: .relaxed) }
    /// Whether the fault was delivered at least once.
    package var hasFired: Bool { matched >= position }

    /// Runs `body` with this script in force on the calling thread.
    package func run<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
      let previous = cairn_thread_slot()
      cairn_set_thread_slot(Unmanaged.passUnretained(self).toOpaque())
      defer { cairn_set_thread_slot(previous) }
      return try withExtendedLifetime(self, body)
    }

    /// The script of the calling thread, to be handed to a thread it starts.
    static var current: FaultScript? {
      cairn_thread_slot().map { Unmanaged<FaultScript>.fromOpaque($0).takeUnretainedValue() }
    }

    private func next(_ kind: SystemCall) -> Action? {
      guard calls.isEmpty || calls.contains(kind) else { return nil }
      let number = seen.add(1, ordering: .relaxed).newValue
      guard number == position || (repeats && number > position) else { return nil }
      if action == .crash { kill(getpid(), SIGKILL) }
      return action
    }

    static func failure(of kind: SystemCall) -> Int? {
      var unlimited = Int.max
      return failure(of: kind, limit: &unlimited)
    }

    /// The negated errno that stands in for the call; nil when the call is to be made, with `limit` lowered for a short one.
    static func failure(of kind: SystemCall, limit: inout Int) -> Int? {
      switch (current ?? environment)?.next(kind) {
      case .fail(let error): return -Int(error.rawValue)
      case .short(let count):
        limit = min(limit, count)
        return nil
      case .crash, nil: return nil
      }
    }

    static let environment: FaultScript? = getenv("CAIRN_FAULT").flatMap { FaultScript(parsing: String(cString: $0)) }

    /// `call:position[+]:action`; nil for anything else, which then means no fault at all.
    convenience init?(parsing text: String) {
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 3 else { return nil }
      let calls: Set<SystemCall>
      if parts[0] == "any" {
        calls = []
      } else {
        guard let call = SystemCall(rawValue: String(parts[0])) else { return nil }
        calls = [call]
      }
      let repeats = parts[1].hasSuffix("+")
      guard let position = Int(repeats ? parts[1].dropLast() : parts[1]), position > 0 else { return nil }
      guard let action = Action(parsing: String(parts[2])) else { return nil }
      self.init(calls, at: position, action, repeats: repeats)
    }
  }

  extension FaultScript.Action {
    fileprivate init?(parsing text: String) {
      switch text {
      case "crash": self = .crash
      case "short": self = .short(1)
      case "ENOSPC": self = .fail(.noSpace)
      case "EDQUOT": self = .fail(Errno(rawValue: EDQUOT))
      case "EIO": self = .fail(.ioError)
      case "EINTR": self = .fail(.interrupted)
      case "EMFILE": self = .fail(.tooManyOpenFiles)
      case "EROFS": self = .fail(.readOnlyFileSystem)
      case "EACCES": self = .fail(.permissionDenied)
      case "EPERM": self = .fail(.notPermitted)
      default:
        guard let number = CInt(text), number > 0 else { return nil }
        self = .fail(Errno(rawValue: number))
      }
    }
  }
#endif
