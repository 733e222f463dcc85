import CairnProfiles
import CairnSystem
import CairnTestSupport
import Foundation
import Testing

@testable import CairnAutomation

/// Which volumes there are, by links and by a stand-in for blkid.
@Suite(.timeLimit(.minutes(1))) struct VolumeLookTests {
  private let directory = TemporaryDirectory()
  private let wanted: Set<Schedule.Volume> = [.uuid("1234-ABCD"), .label("MY DISK"), .uuid("none")]

  private func look(_ script: String, timeLimit: Double = 30) throws -> VolumeLook {
    try directory.write("blkid", Array("#!/bin/sh\n\(script)\n".utf8))
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: directory.string + "/blkid")
    return VolumeLook(links: directory.path("none"), blkid: directory.path("blkid"), timeLimit: timeLimit)
  }

  @Test func linksTell() throws {
    let (ids, labels) = (directory.string + "/by-uuid/", directory.string + "/by-label/")
    for folder in [ids, labels] { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) }
    try directory.write("device", [])
    var look = VolumeLook(links: directory.path, blkid: [])
    #expect(look.present(wanted, now: 0) == [])
    for name in [ids + "1234-ABCD", ids + "FF"] {
      try FileManager.default.createSymbolicLink(atPath: name, withDestinationPath: "../device")
    }
    #expect(look.present(wanted, now: 1) == [.uuid("1234-ABCD")])
    try FileManager.default.createSymbolicLink(atPath: labels + #"MY\x20DISK"#, withDestinationPath: "../device")
    #expect(look.present(wanted, now: 2) == [.uuid("1234-ABCD"), .label("MY DISK")])
    try FileManager.default.removeItem(atPath: ids + "1234-ABCD")
    #expect(look.present(wanted, now: 3) == [.label("MY DISK")])
    #expect(look.problem == nil)
  }

  @Test func elseBlkidIsAsked() throws {
    let folder = directory.string
    var look = try look("cd '\(folder)'; echo \"$*\" >> asked; grep -qxF \"$4\" volumes && echo /dev/sdx1 || exit 2")
    try directory.write("volumes", Array("LABEL=MY DISK\nUUID=1234-ABCD\n".utf8))
    #expect(look.present(wanted, now: 100) == [.label("MY DISK"), .uuid("1234-ABCD")])
    let asked = Set(String(decoding: try directory.read("asked"), as: UTF8.self).split(separator: "\n").map(String.init))
    #expect(asked == Set(["UUID=1234-ABCD", "LABEL=MY DISK", "UUID=none"].map { "-c /dev/null -t \($0) -o device" }))
    try directory.write("volumes", Array("UUID=none\n".utf8))
    // Much later: with the same devices it is asked now and then only.
    #expect(look.present(wanted, now: 1000) == [.uuid("none")])
    #expect(look.problem == nil)
    var none = VolumeLook(links: directory.path("none"), blkid: directory.path("none"))
    #expect(none.present(wanted, now: 0) == nil && none.problem?.contains("neither") == true)
  }

  @Test func oneThatDoesNotAnswerIsNotWaitedFor() throws {
    var look = try look("exec sleep 100", timeLimit: 0.5)
    #expect(look.present(wanted, now: 0) == nil)
    #expect(look.problem?.contains("does not answer") == true)
  }
}
