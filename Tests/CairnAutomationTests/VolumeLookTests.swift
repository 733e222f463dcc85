import CairnProfiles
import CairnTestSupport
import Foundation
import Testing

@testable import CairnAutomation

/// Which volumes there are, by links and by a stand-in for blkid.
@Suite(.timeLimit(.minutes(1))) struct VolumeLookTests {
  private let directory = TemporaryDirectory()
  private let a: Schedule.Volume
  private let b: Schedule.Volume

  init() throws {
    a = try #require(Schedule.Volume(text: "label:A"))
    b = try #require(Schedule.Volume(text: "uuid:1234-ABCD"))
  }

  private func look(_ script: String) throws -> VolumeLook {
    try directory.write("blkid", Array("#!/bin/sh\n\(script)\n".utf8))
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: directory.string + "/blkid")
    return VolumeLook(links: directory.path("none"), blkid: directory.path("blkid"), timeLimit: 0.5)
  }

  @Test func linksTell() throws {
    for folder in ["by-uuid", "by-label"] {
      try FileManager.default.createDirectory(atPath: directory.string + "/" + folder, withIntermediateDirectories: true)
    }
    var look = VolumeLook(links: directory.path, blkid: [])
    #expect(look.present([a, b], now: 0) == [])
    try directory.write("by-label/A", [])
    #expect(look.present([a, b], now: 1) == [a])
  }

  @Test func elseBlkidIsAsked() throws {
    var look = try look("case \"$*\" in *LABEL=A*) echo /dev/x ;; *) exit 2 ;; esac")
    #expect(look.present([a, b], now: 0) == [a])
    var none = VolumeLook(links: directory.path("none"), blkid: directory.path("none"))
    #expect(none.present([a], now: 0) == nil && none.problem?.contains("neither") == true)
  }

  @Test func oneThatDoesNotAnswerIsNotWaitedFor() throws {
    var look = try look("exec sleep 100")
    #expect(look.present([a], now: 0) == nil)
    #expect(look.problem?.contains("does not answer") == true)
  }
}
