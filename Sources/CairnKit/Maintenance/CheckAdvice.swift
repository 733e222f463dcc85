import CairnFormat
import CairnStorage

/// What to do about a finding.
enum CheckAdvice {
  /// An object that has no second copy in the repository.
  static func replace(_ object: String) -> String {
    switch object.split(separator: "/").first {
    case "packs":
      "Run 'cairn repair packs' (with --source or --from where its content may be found), then 'cairn repair snapshots'; "
        + "'cairn restore SNAPSHOT --target DIR' brings back everything that does not need it and names the rest."
    case "index", "commits", "log", "sessions": "Run 'cairn repair index': it makes what is lost anew from the packs and snapshots."
    case "snapshots":
      "If another copy of the repository has \(object), put it back; otherwise 'cairn repair snapshots --forget' takes the snapshot out of "
        + "the list."
    default:
      "If another copy of the repository has \(object), put it back and run 'cairn check --read-data'; "
        + "otherwise 'cairn restore SNAPSHOT --target DIR' brings back everything that does not need it and names the rest."
    }
  }

  /// Something that is no object under an object's name.
  static let obstruction = "Run 'cairn repair index': it moves it aside."

  /// Blobs that are in no pack that the index names.
  static let blobs =
    "Run 'cairn repair index'. What is still missing then, 'cairn repair packs' looks for (with --source or --from), and "
    + "'cairn repair snapshots' makes snapshots without it."

  /// What a session stored that has neither register nor announcement.
  static let abandoned = "It only takes room, and 'cairn prune' frees it; should snapshots miss something, run 'cairn repair index' before."

  /// A pack whose parity can mend it.
  static let parity = "Run 'cairn repair parity': it mends the pack and needs no password."

  /// A damaged copy of an object that has a good one.
  static func copy(_ good: String, over damaged: String, at location: String) -> String {
    "Run 'cairn repair index', or replace it with the good copy: cp -f '\(location)/\(good)' '\(location)/\(damaged)'"
  }

  /// Something that nobody refers to.
  static let prune = "It only takes room; 'cairn prune' frees it."

  static func foreign(_ path: String, at location: String) -> String {
    "Cairn did not put it there and leaves it alone. If you do not need it: rm '\(location)/\(path)'"
  }

  /// The repository is sound; a file that can be made again is not.
  static let cache = "Run the command again with --no-cache; the cache directory can be removed at any time."
}

extension FormatError {
  /// Completes a sentence that begins with the object's name.
  var predicate: String {
    switch self {
    case .truncated: "is shorter than its content"
    case .trailingBytes: "has bytes after its end"
    case .badMagic: "is not an object of this kind"
    case .unsupportedVersion(let version): "has format version \(version), which this program does not know"
    case .unsupportedFeature: "uses a feature that this program does not know; a newer version may read it"
    case .authenticationFailed: "fails authentication: its bytes were changed, or are those of another object"
    case .limitExceeded(let what): "exceeds a limit (\(what))"
    case .notCanonical(let what): "is not in canonical form (\(what))"
    case .invalid(let what): "holds an invalid value (\(what))"
    }
  }
}

extension StorageError {
  /// Completes a sentence that begins with the object's name.
  var predicate: String {
    switch self {
    case .notFound: "is missing"
    case .truncated: "is shorter than it must be"
    case .alreadyExists: "has another size than it must have"
    case .noSpace(let text), .denied(let text), .readOnly(let text), .io(let text), .notARepository(let text):
      "cannot be read: \(text.hasSuffix(".") ? String(text.dropLast()) : text)"
    }
  }
}
