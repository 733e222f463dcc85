import Benchmark
import CairnSystem
import Glibc

/// What `make parts` runs: the rates of the parts that a backup and a restore are made of, each over the same data every time.
@main
enum Parts: BenchmarkRunnerHooks {
  static func registerBenchmarks() {
    Host.returnFreedMemory()
    // Nothing that is measured shall wait for a disk.
    if access("/dev/shm", W_OK) == 0 { setenv("TMPDIR", "/dev/shm", 1) }
    chunking()
    identities()
    frames()
    compression()
    trees()
    lookUps()
    runs()
  }
}
