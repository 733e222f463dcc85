import CCairn
import Glibc

/// What is known of this machine and process.
package enum Host {
  /// The node name; "localhost" when there is none.
  package static var name: String {
    #if FAULT_INJECTION
      if let process = SimulatedProcess.current { return process.hostName }
    #endif
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0, buffer[0] != 0 else { return "localhost" }
    return string(buffer)
  }

  /// The name of the effective user, or its number where it has no name.
  package static var userName: String {
    #if FAULT_INJECTION
      if SimulatedProcess.current != nil { return "simulated" }
    #endif
    return AccountNames().userName(userID).map { String(decoding: $0, as: UTF8.self) } ?? String(userID)
  }

  package static var userID: UInt32 { geteuid() }
  package static var groupID: UInt32 { getegid() }
  package static var processID: Int32 {
    #if FAULT_INJECTION
      if let process = SimulatedProcess.current { return process.id }
    #endif
    return getpid()
  }

  /// A random number that changes with every boot; empty where /proc does not tell.
  package static var bootID: String {
    String(decoding: smallFile("/proc/sys/kernel/random/boot_id").prefix { $0 != 0x0a }, as: UTF8.self)
  }

  /// When a process was started, in clock ticks since the boot: with the boot id, it tells a process from a later one of the same number.
  ///
  /// - Returns: nil when there is no such process, or when it has ended and nobody has waited for it.
  package static func processStartTicks(_ process: Int32) -> UInt64? {
    #if FAULT_INJECTION
      if let own = SimulatedProcess.current { return own.machine.isAlive(process) ? UInt64(process) : nil }
    #endif
    let text = smallFile("/proc/\(process)/stat")
    // The second field is the command in parentheses and may hold anything, parentheses too: count from the last one.
    guard let close = text.lastIndex(of: 0x29) else { return nil }
    let fields = text[(close + 1)...].split(separator: 0x20)
    // Zombies keep their number and their time.
    guard fields.count > 19, let state = fields.first?.first, state != 0x5a, state != 0x58 else { return nil }
    return UInt64(String(decoding: fields[19], as: UTF8.self))
  }

  /// Whether AES-GCM is fast here.
  package static var hasAES: Bool { cairn_has_aes() != 0 }

  /// The processors this process may run on; at least 1.
  package static var processorCount: Int { max(1, Int(cairn_processor_count())) }

  /// Lets the process give back what it frees. For programs, early in `main`; a library leaves its host's allocator alone.
  ///
  /// Otherwise each thread's share of the heap stays as large as it ever was: what a hand-over needs for a moment, several times over.
  /// Buffers for a blob (4 MiB at most with the usual chunks) still come from the heap: they are needed all the time, and memory from the
  /// system is cleared first.
  package static func returnFreedMemory() { cairn_return_freed_memory(5 << 20) }

  /// Raises the soft limit of open files to the hard one.
  ///
  /// - Returns: the limit now in force.
  @discardableResult
  package static func raiseOpenFileLimit() -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
    let before = limit.rlim_cur
    // A hard limit of "infinity" is a billion on some systems; nobody needs more than this.
    limit.rlim_cur = min(limit.rlim_max, max(before, 1 << 16))
    if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 { return Int(clamping: before) }
    return Int(clamping: limit.rlim_cur)
  }

  /// The largest resident size so far, in bytes.
  package static func peakResidentBytes() -> UInt64 {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return UInt64(clamping: usage.ru_maxrss) * 1024
  }

  /// The resident size now, in bytes; 0 where /proc does not tell.
  package static func residentBytes() -> UInt64 {
    let fields = smallFile("/proc/self/statm").split(separator: 0x20)
    guard fields.count > 1, let pages = UInt64(String(decoding: fields[1], as: UTF8.self)) else { return 0 }
    return pages * UInt64(clamping: sysconf(Int32(_SC_PAGESIZE)))
  }

  /// Up to 4 KiB of a file of the kernel's; empty when it cannot be read.
  private static func smallFile(_ path: String) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 4096)
    // `try?`: the callers say what they answer when the kernel does not tell.
    guard let file = try? OpenFile.open(Array(path.utf8), .read),
      let count = try? buffer.withUnsafeMutableBytes({ try file.read(into: $0) })
    else { return [] }
    return Array(buffer[0..<count])
  }

  private static func string(_ buffer: [CChar]) -> String {
    String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// How much of the machine this process takes. Both hold for the calling thread, for the threads and children that it starts from then on.
package enum ProcessPriority {
  /// What nice(1) sets: -20 (first) … 19.
  package static func setNice(_ value: Int) throws(FileError) {
    try checked(outcome(setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, CInt(value))), "set the priority", [])
  }

  /// Only when nobody else wants the disk.
  package static func setIdleIO() throws(FileError) { try checked(Int(cairn_set_io_priority(3, 0)), "set the I/O class", []) }

  /// - Parameter priority: 0 (first) … 7.
  package static func setBestEffortIO(_ priority: Int) throws(FileError) {
    try checked(Int(cairn_set_io_priority(2, CInt(priority))), "set the I/O class", [])
  }
}
