#if FAULT_INJECTION
  import CairnStorage
  import CairnSystem
  import CairnTestSupport
  import Foundation
  import Testing

  @testable import CairnKit

  import struct SystemPackage.Errno

  /// A system call fails while a repository on a disk is maintained.
  @Suite(.timeLimit(.minutes(30))) struct MaintenanceFaultTests {
    static let commands: [MaintenanceCommand] = [.forget, .prune]

    /// A repository in a directory, to be copied for every fault.
    private struct Place {
      let directory = TemporaryDirectory()
      var path: [UInt8] { directory.path("repository") }

      init(_ command: MaintenanceCommand) throws { try command.prepare(LocalStorage.create(path: path)) }

      init(copying other: Place) throws {
        try FileManager.default.copyItem(atPath: other.directory.string + "/repository", toPath: directory.string + "/repository")
      }

      func open() throws -> LocalStorage { try storageCall("opening") { try LocalStorage.open(path: path) } }
      func run(_ command: MaintenanceCommand) throws { try command.run(MaintenanceCommand.open(open())) }
    }

    /// Positions among so many system calls: all, or some that are spread over them.
    private func positions(_ count: Int, some: Int) -> [Int] {
      MaintenanceCommand.triesAll ? Array(1...count) : (0..<some).map { 1 + (2 * $0 + 1) * count / (2 * some) }
    }

    private func calls(_ command: MaintenanceCommand, _ prepared: Place) throws -> Int {
      let place = try Place(copying: prepared)
      let script = FaultScript(at: .max, .crash)
      try script.run { try place.run(command) }
      return script.matched
    }

    @Test(arguments: commands, [Errno.ioError, .noSpace, .tooManyOpenFiles])
    func anErrorIsReportedAndNothingIsLost(_ command: MaintenanceCommand, _ error: Errno) throws {
      let prepared = try Place(command)
      let count = try calls(command, prepared)
      var failures = 0
      for position in positions(count, some: 8) {
        let comment: Comment = "\(error) at call \(position) of \(count)"
        let place = try Place(copying: prepared)
        do { try FaultScript(at: position, .fail(error)).run { try place.run(command) } } catch is CairnError { failures += 1 }
        try command.expectWhole(place.open(), isFinished: false, comment)
        try place.run(command)
        try command.expectWhole(place.open(), isFinished: true, comment)
        try command.expectClean(place.open(), comment)
      }
      #expect(failures > 0, "the faults were never noticed")
    }

    @Test(arguments: commands) func aDiskThatIsFullFromSomeMomentOnLosesNothing(_ command: MaintenanceCommand) throws {
      let prepared = try Place(command)
      let writes: Set<SystemCall> = [.write, .fsync, .mkdir, .link]
      let script = FaultScript(writes, at: .max, .crash)
      let counted = try Place(copying: prepared)
      try script.run { try counted.run(command) }
      for position in positions(script.matched, some: 4) {
        let comment: Comment = "full from call \(position) of \(script.matched) on"
        let place = try Place(copying: prepared)
        do { try FaultScript(writes, at: position, .fail(.noSpace), repeats: true).run { try place.run(command) } } catch let error
          as CairnError
        {
          #expect(error.code == .noSpace, comment)
        }
        try command.expectWhole(place.open(), isFinished: false, comment)
        try place.run(command)
        try command.expectClean(place.open(), comment)
        try command.expectWhole(place.open(), isFinished: true, comment)
      }
    }

    @Test(arguments: commands) func interruptedAndShortCallsAreContinued(_ command: MaintenanceCommand) throws {
      let prepared = try Place(command)
      let count = try calls(command, prepared)
      for position in positions(count, some: 4) {
        let place = try Place(copying: prepared)
        try FaultScript(at: position, .fail(.interrupted)).run { try place.run(command) }
        try command.expectWhole(place.open(), isFinished: true, "interrupted at call \(position)")
      }
      let place = try Place(copying: prepared)
      try FaultScript([.write, .read], at: 1, .short(1009), repeats: true).run { try place.run(command) }
      try command.expectWhole(place.open(), isFinished: true, "short reads and writes")
    }
  }
#endif
