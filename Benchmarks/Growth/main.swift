import CairnFormat
import CairnKit
import CairnStorage
import CairnSystem
import Glibc

// What `Benchmarks/growth` needs of the library: a repository of any number of blobs in minutes, and look-ups timed one by one.

let usage = """
  usage: cairn-growth build REPOSITORY KEY-FILE CACHE BLOBS
         cairn-growth look-up REPOSITORY KEY-FILE CACHE BLOBS

  build    fills a new repository, opened by a key file, with two snapshots of so many data blobs
  look-up  times the view of it, and up to a million look-ups of blobs that it has and of others; prints JSON

  """

func complain(_ text: String) { _ = Array(text.utf8).withUnsafeBytes { write(2, $0.baseAddress, $0.count) } }

func open(_ path: String, _ keyFile: String, cache: String?) throws -> Repository {
  let key = try OpenFile.open(Array(keyFile.utf8), .read)
  var text = [UInt8](repeating: 0, count: 4096)
  let count = try text.withUnsafeMutableBytes { try key.read(into: $0) }
  return try Repository.open(
    LocalStorage.open(path: Array(path.utf8)), credential: Credential.fromKeyFile(Array(text[..<count])),
    options: OpenOptions(cacheDirectory: cache.map { Array($0.utf8) }))
}

func run(_ arguments: [String]) throws -> Bool {
  switch (arguments.first, arguments.count) {
  case ("build", 5):
    guard let blobs = Int(arguments[4]) else { return false }
    // Small packs, so that there are as many for each blob as among files of some size.
    _ = try open(arguments[1], arguments[2], cache: nil).changeConfig { ($0.dataPackBytes, $0.treePackBytes) = (64 << 10, 256 << 10) }
    try SyntheticTree(repository: open(arguments[1], arguments[2], cache: arguments[3]), blobs: blobs).store()
  case ("look-up", 5):
    guard let blobs = Int(arguments[4]) else { return false }
    print(try LookUps(repository: open(arguments[1], arguments[2], cache: arguments[3]), blobs: blobs).measure())
  default: return false
  }
  return true
}

Host.returnFreedMemory()
do {
  if try !run(Array(CommandLine.arguments.dropFirst())) {
    complain(usage)
    exit(64)
  }
} catch {
  complain("\(error)\n")
  exit(1)
}
