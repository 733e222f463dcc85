import CCairn
import Glibc

/// Signals as ordinary calls on a thread of their own, where everything is allowed that a signal handler must not do.
package enum SignalWatch {
  /// Catches the signals and hands each one that arrives to `handler`. Once in a process; other threads may run already.
  ///
  /// A signal that cannot be caught, or all of them when there is no thread to be had, do what they always do.
  package static func install(_ signals: [CInt], handler: @escaping @Sendable (CInt) -> Void) {
    let pipes = signals.map { cairn_watch_signal($0) }
    guard let pipe = pipes.first(where: { $0 >= 0 }) else { return }
    let start = ThreadStart(name: "signals") {
      var number: UInt8 = 0
      while true {
        let count = read(pipe, &number, 1)
        if count == 1 { handler(CInt(number)) }
        if count == 0 || (count < 0 && Glibc.errno != EINTR) { return }
      }
    }
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
    var thread = pthread_t()
    let box = Unmanaged.passRetained(start)
    if pthread_create(&thread, &attributes, ThreadStart.main, box.toOpaque()) != 0 {
      box.release()
      for number in signals { signal(number, SIG_DFL) }
    }
  }

  /// Stops the processes of this job as Ctrl-Z does and returns when they go on; at once where nobody could make them go on.
  ///
  /// Call it on the main thread. That signal may be watched.
  package static func stopJob() {
    var (standard, before) = (sigaction(), sigaction())
    sigaction(SIGTSTP, &standard, &before)
    kill(0, SIGTSTP)
    sigaction(SIGTSTP, &before, nil)
  }

  /// Catches the signals and writes the number of each that arrives, a byte, to a pipe. Once in a process, and instead of `install`.
  ///
  /// - Returns: the end to read from, which does not block; nil when none of them can be caught.
  package static func pipe(_ signals: [CInt]) -> CInt? {
    let ends = signals.map { cairn_watch_signal($0) }
    guard let end = ends.first(where: { $0 >= 0 }), cairn_set_nonblocking(end) >= 0 else { return nil }
    return end
  }

  /// The signals that arrived at a pipe since the last look.
  package static func arrived(_ pipe: CInt) -> [CInt] {
    var numbers = [UInt8](repeating: 0, count: 64)
    let count = read(pipe, &numbers, numbers.count)
    return count > 0 ? numbers[..<count].map { CInt($0) } : []
  }

  /// Makes writing to a closed pipe (EPIPE), and beyond the limit of a file's size (EFBIG), an error instead of the end of the process.
  package static func ignoreFailedWrites() {
    signal(SIGPIPE, SIG_IGN)
    signal(SIGXFSZ, SIG_IGN)
  }
}
