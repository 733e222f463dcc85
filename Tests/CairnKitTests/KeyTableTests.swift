import CairnFormat
import CairnKit
import Testing

@Suite struct KeyTableTests {
  @Test func holdsWhatASetHolds() {
    var generator = SystemRandomNumberGenerator()
    let seed = generator.next()
    var state = seed
    func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return state
    }
    var table = KeyTable()
    var model = Set<BlobKey>()
    for step in 0..<30_000 {
      // Every eighth key shares its first word with others, so that probing has to look past keys that collide.
      let key = step % 8 == 0 ? BlobKey(word0: next() >> 44 % 512, word1: next() >> 61) : BlobKey(word0: next(), word1: next())
      #expect(table.contains(key) == model.contains(key), "seed \(seed)")
      let isNew = model.insert(key).inserted
      if table.insert(key) != isNew {
        Issue.record("insert differs from a set, seed \(seed), step \(step)")
        return
      }
    }
    #expect(table.count == model.count)
  }

  @Test func theZeroKeyIsAKeyLikeOthers() {
    var table = KeyTable()
    #expect(!table.contains(.zero))
    let first = table.insert(.zero)
    let second = table.insert(.zero)
    #expect(first && !second && table.contains(.zero) && table.count == 1)
  }
}
