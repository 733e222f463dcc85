#if FAULT_INJECTION
  import CCairn
  import Synchronization

  /// Time, and which processes run: what all simulated processes have in common. Debug builds only.
  package final class SimulatedMachine: Sendable {
    private let time: Atomic<UInt64>
    private let alive = Mutex<Set<Int32>>([])

    /// - Parameter nanoseconds: since 1970; stands still but for `pass`.
    package init(nanoseconds: UInt64) { time = Atomic(nanoseconds) }

    package var nanoseconds: UInt64 { time.load(ordering: .relaxed) }
    package func pass(_ nanoseconds: UInt64) { time.add(nanoseconds, ordering: .relaxed) }

    func isAlive(_ process: Int32) -> Bool { alive.withLock { $0.contains(process) } }
    func begin(_ process: Int32) { alive.withLock { _ = $0.insert(process) } }
    func end(_ process: Int32) { alive.withLock { _ = $0.remove(process) } }
  }

  /// A thread that stands for a process of its own, with a clock and random numbers that repeat themselves run after run.
  ///
  /// Random bytes, clocks, host name and process ids of `SystemRandom`, `SystemClock` and `Host` come from here while `run` lasts, on
  /// the thread that called it and on no other.
  package final class SimulatedProcess: Sendable {
    let machine: SimulatedMachine
    let hostName: String
    let id: Int32
    private let random: Mutex<UInt64>

    /// - Parameters:
    ///   - id: unique on the machine; the process counts as running from now on.
    ///   - seed: of its random bytes.
    package init(_ machine: SimulatedMachine, host: String, id: Int32, seed: UInt64) {
      self.machine = machine
      self.id = id
      hostName = host
      random = Mutex(seed)
      machine.begin(id)
    }

    /// Runs `body` as this process.
    package func run<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
      let previous = cairn_process_slot()
      cairn_set_process_slot(Unmanaged.passUnretained(self).toOpaque())
      defer { cairn_set_process_slot(previous) }
      return try withExtendedLifetime(self, body)
    }

    /// From now on every other process of the machine can tell that it is gone.
    package func end() { machine.end(id) }

    static var current: SimulatedProcess? {
      cairn_process_slot().map { Unmanaged<SimulatedProcess>.fromOpaque($0).takeUnretainedValue() }
    }

    /// SplitMix64: good enough to name things apart.
    func fill(_ buffer: UnsafeMutableRawBufferPointer) {
      random.withLock { state in
        var word: UInt64 = 0
        for index in buffer.indices {
          if index % 8 == 0 { word = Self.next(&state) }
          buffer[index] = UInt8(truncatingIfNeeded: word)
          word >>= 8
        }
      }
    }

    private static func next(_ state: inout UInt64) -> UInt64 {
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      return z ^ (z >> 31)
    }
  }
#endif
