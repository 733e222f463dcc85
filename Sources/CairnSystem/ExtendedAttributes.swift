import CCairn
import Glibc

/// One extended attribute; ACLs appear under their `system.posix_acl_*` names in the kernel's encoding.
package struct ExtendedAttribute: Sendable, Equatable {
  package var name: [UInt8]
  package var value: [UInt8]

  package init(name: [UInt8], value: [UInt8]) {
    self.name = name
    self.value = value
  }
}

extension OpenFile {
  /// All attributes the caller may see, sorted by the bytes of their names; none where the file system has no attributes.
  package func extendedAttributes() throws(FileError) -> [ExtendedAttribute] {
    try AttributeReader(descriptor: descriptor, name: nil, path: path).all()
  }

  package func setExtendedAttribute(name: [UInt8], value: [UInt8]) throws(FileError) {
    let result = withCPath(name) { key in
      value.withUnsafeBytes { value in
        retrying(.metadata) { Int(cairn_set_attribute(descriptor, nil, key, value.baseAddress, value.count)) }
      }
    }
    try checked(result, "set an extended attribute of", path)
  }

  package func removeExtendedAttribute(name: [UInt8]) throws(FileError) {
    let result = withCPath(name) { key in retrying(.metadata) { Int(cairn_remove_attribute(descriptor, nil, key)) } }
    try checked(result, "remove an extended attribute of", path)
  }
}

/// Attributes of entries that cannot be opened (links, devices): through /proc/self/fd, the final link not followed.
extension FileSystem {
  package static func extendedAttributes(at directory: OpenFile, name: [UInt8]) throws(FileError) -> [ExtendedAttribute] {
    var attributes: [ExtendedAttribute] = []
    var thrown: FileError?
    let result = withCName(name) { entry in
      do throws(FileError) {
        attributes = try AttributeReader(descriptor: directory.descriptor, name: entry, path: name).all()
      } catch { thrown = error }
      return 0
    }
    if let thrown { throw thrown }
    try checked(result, "list the extended attributes of", name)
    return attributes
  }

  package static func setExtendedAttribute(at directory: OpenFile, name: [UInt8], _ attribute: ExtendedAttribute) throws(FileError) {
    let result = withCName(name) { entry in
      withCPath(attribute.name) { key in
        attribute.value.withUnsafeBytes { value in
          retrying(.metadata) { Int(cairn_set_attribute(directory.descriptor, entry, key, value.baseAddress, value.count)) }
        }
      }
    }
    try checked(result, "set an extended attribute of", name)
  }

  package static func removeExtendedAttribute(at directory: OpenFile, name: [UInt8], attributeName: [UInt8]) throws(FileError) {
    let result = withCName(name) { entry in
      withCPath(attributeName) { key in retrying(.metadata) { Int(cairn_remove_attribute(directory.descriptor, entry, key)) } }
    }
    try checked(result, "remove an extended attribute of", name)
  }
}

/// The list-then-get dance of `listxattr(2)` and `getxattr(2)`.
private struct AttributeReader {
  /// XATTR_LIST_MAX and XATTR_SIZE_MAX are both 64 KiB; a file system that has more answers ERANGE or E2BIG, which is thrown.
  static let largest = 65536

  let descriptor: CInt
  let name: UnsafePointer<CChar>?
  let path: [UInt8]

  func all() throws(FileError) -> [ExtendedAttribute] {
    // Nearly every file has none: ask for the size first, without a buffer.
    let size = retrying(.metadata) { cairn_list_attributes(descriptor, name, nil, 0) }
    if size == 0 || size == -Int(EOPNOTSUPP) || size == -Int(ENOSYS) { return [] }
    try checked(size, "list the extended attributes of", path)
    // The list may grow between the two calls: take the largest there can be.
    let names = UnsafeMutablePointer<CChar>.allocate(capacity: Self.largest)
    defer { names.deallocate() }
    let used = retrying(.metadata) { cairn_list_attributes(descriptor, name, names, Self.largest) }
    try checked(used, "list the extended attributes of", path)
    let value = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.largest, alignment: 8)
    defer { value.deallocate() }
    var attributes: [ExtendedAttribute] = []
    var start = 0
    while start < used {
      let key = names + start
      let length = strnlen(key, used - start)
      guard start + length < used else { break }
      start += length + 1
      let count = retrying(.metadata) { cairn_get_attribute(descriptor, name, key, value.baseAddress, value.count) }
      // Removed since it was listed, or listed without being readable as an attribute (some network file systems).
      if count == -Int(ENODATA) || count == -Int(EOPNOTSUPP) { continue }
      try checked(count, "read an extended attribute of", path)
      let content = Array(UnsafeRawBufferPointer(start: value.baseAddress, count: count))
      attributes.append(ExtendedAttribute(name: Array(UnsafeRawBufferPointer(start: key, count: length)), value: content))
    }
    return attributes.sorted { $0.name.lexicographicallyPrecedes($1.name) }
  }
}
