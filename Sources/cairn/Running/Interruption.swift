import CairnSystem
import Glibc

/// Ctrl-C and the like: the first signal asks the command to stop in good order, the second ends the process at once.
enum Interruption {
  /// Call it before any thread starts. A hang-up that was ignored when the program started (nohup) stays so.
  static func install(_ console: Console, _ cancellation: Cancellation) {
    let signals = [SIGINT, SIGTERM] + (isIgnored(SIGHUP) ? [] : [SIGHUP])
    SignalWatch.install(signals) { _ in
      if cancellation.isCancelled {
        ProcessGroups.endAll()
        _exit(ExitStatus.interrupted.rawValue)
      }
      cancellation.cancel()
      if !console.json { console.complain("cairn: stopping; once more ends the program at once.") }
    }
  }

  private static func isIgnored(_ signal: CInt) -> Bool {
    var action = sigaction()
    guard sigaction(signal, nil, &action) == 0 else { return false }
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
  }

  /// Ends the process as a broken pipe does.
  static func endByBrokenPipe() -> Never {
    signal(SIGPIPE, SIG_DFL)
    raise(SIGPIPE)
    exit(128 + SIGPIPE)
  }
}

/// Descriptors 0, 1 and 2.
enum StandardStreams {
  /// Opens /dev/null for those that are closed: else the next file opened, perhaps of the repository, would be "standard output".
  static func ensureOpen() {
    for descriptor in 0..<CInt(3) where fcntl(descriptor, F_GETFD) == -1 && errno == EBADF {
      _ = open("/dev/null", descriptor == 0 ? O_RDONLY : O_WRONLY)
    }
  }
}
