/// The version of this program, as snapshots and `cairn version` carry it.
public let programVersion = "cairn 0.1.0"
