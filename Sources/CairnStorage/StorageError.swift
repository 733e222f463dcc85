/// Why a storage did not do what was asked. The strings are whole sentences that name the place.
package enum StorageError: Error, Sendable, Equatable, CustomStringConvertible {
  case notFound(ObjectKey)
  /// Something of another size, or not an object at all, stands under that name.
  case alreadyExists(ObjectKey)
  case noSpace(String)
  case denied(String)
  case readOnly(String)
  case io(String)
  case notARepository(String)
  /// The object ends before the bytes that were asked for.
  case truncated(ObjectKey)

  package var description: String {
    switch self {
    case .notFound(let key): "The object '\(key.path)' is not in the repository."
    case .alreadyExists(let key): "The object '\(key.path)' exists already, with different content."
    case .truncated(let key): "The object '\(key.path)' is shorter than it should be."
    case .noSpace(let text), .denied(let text), .readOnly(let text), .io(let text), .notARepository(let text): text
    }
  }
}
