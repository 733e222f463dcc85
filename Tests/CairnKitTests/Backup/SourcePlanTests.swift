import CairnFormat
import CairnSystem
import Testing

@testable import CairnKit

@Suite struct SourcePlanTests {
  private func shape(_ sources: [String], in directory: String = "/base/dir") throws -> [String] {
    let plan = try SourcePlan(sources.map { SourcePlan.source(Array($0.utf8), workingDirectory: Array(directory.utf8)) })
    return Self.lines(plan.root, "")
  }

  private static func lines(_ place: SourcePlan.Place, _ path: String) -> [String] {
    let own = place.isSource ? ["\(path.isEmpty ? "/" : path) = \(Escaping.path(place.absolute))"] : []
    return own + place.children.flatMap { lines($0, path + "/" + String(decoding: $0.name, as: UTF8.self)) }
  }

  @Test func absoluteSourcesKeepTheirPath() throws {
    #expect(try shape(["/b/x", "/a//y/./z/"]) == ["/a/y/z = /a/y/z", "/b/x = /b/x"])
  }

  @Test func relativeSourcesLoseLeadingParents() throws {
    #expect(try shape(["../x/y", "z"]) == ["/x/y = /base/x/y", "/z = /base/dir/z"])
    #expect(try shape(["a/../b"]) == ["/b = /base/dir/b"])
    #expect(try shape(["../../../../q"]) == ["/q = /q"])
  }

  @Test func aDirectoryItselfLiesAtTheRoot() throws {
    #expect(try shape(["."]) == ["/ = /base/dir"])
    #expect(try shape([".."]) == ["/ = /base"])
    #expect(try shape(["/"]) == ["/ = /"])
  }

  @Test func doubledAndNestedSourcesAreStoredOnce() throws {
    #expect(try shape(["x", "./x/", "x/y/z", "x/../x"]) == ["/x = /base/dir/x"])
    #expect(try shape(["/a/b/c", "/a"]) == ["/a = /a"])
    #expect(try shape([".", "x"]) == ["/ = /base/dir"])
  }

  @Test func differentSourcesAtOnePlaceAreRefused() {
    #expect(throws: CairnError.self) { try shape(["/x", "x"]) }
    #expect(throws: CairnError.self) { try shape(["/x", "x/y"]) }
    #expect(throws: CairnError.self) { try shape([".", "/etc"]) }
  }

  @Test func neighboursBelowOneNameAreJoined() throws {
    #expect(try shape(["/x/a", "x/b"]) == ["/x/a = /x/a", "/x/b = /base/dir/x/b"])
  }
}
