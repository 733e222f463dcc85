import CCairn
import Glibc
import Synchronization
import SystemPackage

/// Threads that end before the scope does, and whose first error ends the scope.
///
/// A `CancellationError` counts only as long as there is no other: a thread that was blocked may come back before the one whose failure
/// brought it back has thrown.
package final class ThreadScope: Sendable {
  private struct State {
    var threads: [pthread_t] = []
    var firstError: (any Error)?
    var hooks: [@Sendable () -> Void] = []
  }
  private let state = Mutex(State())

  private init() {}

  /// Runs `body` on the calling thread, then waits for every thread it (or one of them) started.
  ///
  /// - Throws: the first error, of whichever thread; a cancellation only where there is no other. The failure hooks run as soon as it occurs, so that blocked threads come back.
  package static func run<R>(_ body: (ThreadScope) throws -> R) throws -> R {
    let scope = ThreadScope()
    var result: R?
    do { result = try body(scope) } catch { scope.fail(error) }
    while let thread = scope.state.withLock({ $0.threads.popLast() }) { pthread_join(thread, nil) }
    if let error = scope.state.withLock({ $0.firstError }) { throw error }
    guard let result else { throw CancellationError() }  // not reached: a body without result has failed
    return result
  }

  /// Registers what brings blocked threads back when something fails: closing queues, cancelling. Run at once if that has happened.
  package func onFailure(_ hook: @escaping @Sendable () -> Void) {
    let hasFailed = state.withLock { state in
      if state.firstError == nil { state.hooks.append(hook) }
      return state.firstError != nil
    }
    if hasFailed { hook() }
  }

  /// Whether an error has occurred: threads with nothing to wait for may look at it now and then.
  package var hasFailed: Bool { state.withLock { $0.firstError != nil } }

  /// Records an error as if a thread had thrown it.
  package func fail(_ error: any Error) {
    let hooks = state.withLock { state in
      if let first = state.firstError {
        if first is CancellationError { state.firstError = error }
        return [@Sendable () -> Void]()
      }
      state.firstError = error
      defer { state.hooks = [] }
      return state.hooks
    }
    for hook in hooks { hook() }
  }

  /// Starts a thread. That it cannot be started counts as an error of the scope.
  ///
  /// - Parameters:
  ///   - name: for debuggers; cut to 15 bytes.
  ///   - stackBytes: raised to what the system needs at least.
  package func spawn(_ name: String, stackBytes: Int = 1 << 20, _ body: @escaping @Sendable () throws -> Void) {
    let start = ThreadStart(name: name) { [self] in
      do { try body() } catch { fail(error) }
    }
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, max(stackBytes, 65536))
    let box = Unmanaged.passRetained(start)
    let code = state.withLock { state -> CInt in
      var thread = pthread_t()
      let code = pthread_create(&thread, &attributes, ThreadStart.main, box.toOpaque())
      if code == 0 { state.threads.append(thread) }
      return code
    }
    guard code != 0 else { return }
    box.release()
    fail(FileError(errno: Errno(rawValue: code), operation: "start the thread", path: Array(name.utf8)))
  }
}

/// What a new thread is handed: its name, its work, and in debug builds the fault script of its parent.
final class ThreadStart: Sendable {
  private let name: String
  private let work: @Sendable () -> Void
  #if FAULT_INJECTION
    private let script = FaultScript.current
  #endif

  init(name: String, work: @escaping @Sendable () -> Void) {
    self.name = name
    self.work = work
  }

  static let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
    guard let argument else { return nil }
    let start = Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
    cairn_name_thread(String(decoding: start.name.utf8.prefix(15), as: UTF8.self))
    #if FAULT_INJECTION
      if let script = start.script {
        script.run { start.work() }
        return nil
      }
    #endif
    start.work()
    return nil
  }
}
