import CairnFormat
import CairnStorage
import CairnSystem

import struct SystemPackage.Errno

/// Looks for lost blobs wherever they could be, and stores those it finds.
struct BlobSearch {
  let view: RepositoryView
  let worker: BlobWorker
  let wanted: WantedBlobs
  let context: RunContext
  /// Paths of files that the damage touches, as in snapshots: where what is lost came from.
  let likely: [[UInt8]]
  private let compressor = Compressor()

  init(_ view: RepositoryView, _ worker: BlobWorker, _ wanted: WantedBlobs, likely: [[UInt8]], _ context: RunContext) {
    self.view = view
    self.worker = worker
    self.wanted = wanted
    self.likely = likely
    self.context = context
  }

  private var repository: Repository { view.repository }

  // MARK: - Packs that nobody names

  /// Looks into packs that the index does not name, of runs that ended early, and into damaged ones: another pack may lie under the name.
  func searchUnnamedPacks(_ stored: [PackName: UInt64], _ bad: Set<PackName>) throws {
    guard wanted.count > 0 else { return }
    let named = try view.index.named(Set(stored.keys))
    for (name, size) in stored.sorted(by: { $0.key < $1.key }) where (!named.contains(name) || bad.contains(name)) && wanted.count > 0 {
      try context.cancellation.check()
      guard let key = ObjectKey(kind: .packs, name: name.name) else { continue }
      // What cannot be read has nothing to give.
      _ = try ObjectFault.catching {
        let pack = try PackFile.read(key, size: size, storage: repository.storage, keys: repository.keys, [.misplaced, .damagedTrailer])
        try search(LoadedPack(pack), key)
      }
    }
  }

  private func search(_ loaded: LoadedPack, _ key: ObjectKey) throws {
    for (number, frame) in loaded.pack.frames.enumerated() where frame.members.contains(where: { wanted.contains($0.key) }) {
      let location = loaded.location(number)
      let raw = try ObjectFault.catching { try view.blobs.withRawFrame(location, cached: false) { [UInt8]($0) } }
      guard case .success(let raw) = raw else { continue }
      var offset = 0
      for member in frame.members {
        try put(Array(raw[offset..<(offset + Int(member.length))]), member.type)
        offset += Int(member.length)
      }
    }
  }

  private func put(_ bytes: [UInt8], _ type: BlobType) throws { _ = try worker.put(bytes, type) }

  // MARK: - Another repository

  /// Looks into another repository: by id where it is a copy of this one, else by the content of its files.
  func search(_ other: RepositoryView) throws {
    guard wanted.count > 0 else { return }
    if other.repository.id == repository.id, other.repository.keys.blobID(.data, [0]) == repository.keys.blobID(.data, [0]) {
      return try searchCopy(other)
    }
    let finder = try ContentFinder(repository, worker, wanted, context)
    let paths = Set(likely)
    for isLikely in [true, false] {
      for snapshot in other.snapshots.reversed() where !finder.isDone {
        var walk = TreeWalk(other.trees, root: snapshot.manifest.root)
        while !finder.isDone, let node = try walk.next({ _, _ in }) {
          guard node.type == .file, paths.contains(walk.path) == isLikely else { continue }
          _ = try ObjectFault.catching { try search(node, other, finder) }
        }
      }
    }
  }

  private func search(_ node: Node, _ other: RepositoryView, _ finder: ContentFinder) throws {
    var content = other.trees.content(node)
    finder.begin()
    while let item = try content.next() {
      try context.cancellation.check()
      guard let id = item.id else {
        try finder.endExtent()
        continue
      }
      try other.blobs.withBlob(id, .data) { try finder.feed($0) }
    }
    try finder.endExtent()
  }

  /// - Note: a directory that is found may lead to others that are lost: they are looked for as well.
  private func searchCopy(_ other: RepositoryView) throws {
    var tried = Set<BlobKey>()
    while true {
      let keys = wanted.keys.filter { tried.insert($0).inserted }
      guard !keys.isEmpty else { return }
      for key in keys {
        try context.cancellation.check()
        for place in try other.index.locations(key) where wanted.contains(key) {
          let bytes = try ObjectFault.catching {
            try other.blobs.withRawFrame(place.frame, cached: true) { raw -> [UInt8] in
              guard place.memberOffset + place.length <= raw.count else { throw FormatError.truncated }
              return Array(raw[place.memberOffset..<(place.memberOffset + place.length)])
            }
          }
          guard case .success(let bytes) = bytes, repository.keys.blobID(place.type, bytes).key == key else { continue }
          try put(bytes, place.type)
          if place.type.packClass == .tree { try follow(bytes) }
        }
      }
    }
  }

  private func follow(_ bytes: [UInt8]) throws {
    func want(_ id: BlobID, _ type: BlobType?) throws { if try view.index.locate(id.key) == nil { wanted.add(id.key, type) } }
    guard case .success(let node) = try ObjectFault.catching({ try TreeNode.decode(bytes) }) else { return }
    switch node {
    case .inner(let items): for item in items { try want(item.id, nil) }
    case .listInner(let items): for item in items { try want(item.id, nil) }
    case .listLeaf(let items): for item in items { if let id = item.id { try want(id, .data) } }
    case .leaf(let nodes):
      for node in nodes {
        if let tree = node.subtree { try want(tree, nil) }
        switch node.content {
        case .none: break
        case .items(let items): for item in items { if let id = item.id { try want(id, .data) } }
        case .list(let root, _): try want(root, nil)
        }
      }
    }
  }

  // MARK: - Directories

  /// Looks for chunks in the files below a directory: first where the lost files were, then everywhere.
  func search(directory: [UInt8]) throws {
    guard wanted.hasData else { return }
    let finder = try ContentFinder(repository, worker, wanted, context)
    var root: [UInt8] = directory
    while root.count > 1, root.last == 0x2f { root.removeLast() }
    for path in likely where !finder.isDone {
      // The directory may be the root of what was backed up, or any directory in it.
      var rest = path[...]
      while let slash = rest.firstIndex(of: 0x2f), !finder.isDone {
        try search(file: root + rest[slash...], finder)
        rest = rest[(slash + 1)...]
      }
    }
    var pending = [root]
    while let path = pending.popLast(), !finder.isDone {
      try context.cancellation.check()
      do { try list(path, &pending, finder) } catch let error as FileError {
        context.problem(path, during: "searching", error.reason)
      }
    }
  }

  private func list(_ path: [UInt8], _ pending: inout [[UInt8]], _ finder: ContentFinder) throws {
    let directory = try OpenFile.open(path, [.read, .directory])
    let listing = try directory.list()
    for index in 0..<listing.count where !finder.isDone {
      let own = path + (path.last == 0x2f ? [] : [0x2f]) + listing.name(index)
      let status: FileStatus
      do { status = try FileSystem.status(at: directory, listing, index) } catch { continue }  // gone since
      switch status.type {
      case .directory: pending.append(own)
      case .regular: try search(file: own, finder)
      default: break
      }
    }
  }

  private func search(file path: [UInt8], _ finder: ContentFinder) throws {
    do {
      let file = try OpenFile.open(path, [.read, .noFollow, .nonBlock])
      let status = try file.status()
      if status.type == .regular { try finder.search(file, status) }
    } catch let error as FileError {
      guard error.errno != .noSuchFileOrDirectory, error.errno != .notDirectory, error.errno != .tooManySymbolicLinkLevels else { return }
      context.problem(path, during: "searching", error.reason)
    }
  }
}
