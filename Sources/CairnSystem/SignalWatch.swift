import CCairn
import Glibc

/// Signals as ordinary calls on a thread of their own, where everything is allowed that a signal handler must not do.
package enum SignalWatch {
  /// Blocks the signals in the calling thread and hands each one that arrives to `handler`.
  ///
  /// Call it on the main thread before any other thread starts: those started later inherit the blocking.
  package static func install(_ signals: [CInt], handler: @escaping @Sendable (CInt) -> Void) {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in signals { sigaddset(&set, signal) }
    pthread_sigmask(SIG_BLOCK, &set, nil)
    let start = ThreadStart(name: "signals") {
      var set = sigset_t()
      sigemptyset(&set)
      for signal in signals { sigaddset(&set, signal) }
      while true {
        var signal: CInt = 0
        guard sigwait(&set, &signal) == 0 else { continue }
        cairn_prompt_interrupt(signal)
        handler(signal)
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
      pthread_sigmask(SIG_UNBLOCK, &set, nil)  // without the thread, the signals do what they always do
    }
  }

  /// Makes writing to a closed pipe an error (EPIPE) instead of the end of the process.
  package static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }
}
