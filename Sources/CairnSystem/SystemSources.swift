import CCairn
import Glibc

/// Random bytes from the kernel (`getrandom(2)`), fit for keys and nonces.
package enum SystemRandom {
  package static func bytes(_ count: Int) -> [UInt8] {
    var result = [UInt8](repeating: 0, count: count)
    result.withUnsafeMutableBytes { fill($0) }
    return result
  }

  /// Traps when the kernel has no random numbers: nothing secret may be made without.
  package static func fill(_ buffer: UnsafeMutableRawBufferPointer) {
    #if FAULT_INJECTION
      if let process = SimulatedProcess.current { return process.fill(buffer) }
    #endif
    var done = 0
    while done < buffer.count {
      let n = cairn_random(buffer.baseAddress?.advanced(by: done), buffer.count - done)
      precondition(n > 0 || n == -Int(EINTR), "the kernel gives no random numbers")
      done += max(n, 0)
    }
  }
}

package enum SystemClock {
  /// CLOCK_REALTIME: for what users read, never for what is safe to do.
  package static func now() -> FileTime {
    #if FAULT_INJECTION
      if let process = SimulatedProcess.current {
        let now = process.machine.nanoseconds
        return FileTime(seconds: Int64(now / 1_000_000_000), nanoseconds: UInt32(now % 1_000_000_000))
      }
    #endif
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return FileTime(seconds: Int64(time.tv_sec), nanoseconds: UInt32(time.tv_nsec))
  }

  /// CLOCK_MONOTONIC, for durations.
  package static func monotonicNanoseconds() -> UInt64 {
    #if FAULT_INJECTION
      if let process = SimulatedProcess.current { return process.machine.nanoseconds }
    #endif
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
