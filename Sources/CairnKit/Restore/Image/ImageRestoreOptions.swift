/// An image that is to be written, and what to.
public struct ImageRestoreOptions: Sendable {
  public var snapshot: Snapshot
  /// The file in the snapshot that is the image. Empty: the only file there is.
  public var path: [[UInt8]] = []
  /// A block device, or a file, which is made when it is missing. Links are followed.
  public var target: [UInt8]
  /// Write zeros where blocks were not in use when the image was made; else what the target has there is left alone.
  public var zeroFree = false
  /// Read everything back at the end and compare.
  public var verify = true
  /// Say how much would be written, and write nothing.
  public var dryRun = false

  public init(snapshot: Snapshot, target: [UInt8]) {
    self.snapshot = snapshot
    self.target = target
  }
}

/// What the restore of an image has done; on a dry run, what it would do.
public struct ImageRestoreReport: Sendable {
  /// The length of the image.
  public var bytes: UInt64 = 0
  public var bytesWritten: UInt64 = 0
  /// Content that was there already.
  public var bytesEqual: UInt64 = 0
  /// Written as zeros, where something else was.
  public var bytesZeroed: UInt64 = 0
  /// Not in use when the image was made, and left as it was.
  public var bytesLeft: UInt64 = 0
  public var isVerified = false
  /// Not 0 means that the target is not what the snapshot says (exit status 3).
  public var problems: UInt64 = 0
  public var seconds: Double = 0

  public init() {}
}
