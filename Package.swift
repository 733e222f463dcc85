// swift-tools-version: 6.2
import PackageDescription

let swift: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]
/// Hooks for faults, and safety rules that can be switched off, exist in debug builds only; a release binary does not carry them.
let faults: [SwiftSetting] = [.define("FAULT_INJECTION", .when(configuration: .debug))]

/// The archives, not the shared objects: the binary runs where none of these libraries is installed. This is why the module maps have
/// no `link` line.
let archives: [LinkerSetting] = [.linkedLibrary(":libsodium.a"), .linkedLibrary(":libzstd.a")]
let ext2fs: [LinkerSetting] = [.linkedLibrary(":libext2fs.a"), .linkedLibrary(":libcom_err.a")]

/// With a static Swift runtime the release binary would still want the shared C++ and GCC runtimes; their archives take their place.
/// The package manager itself asks for `-lstdc++`, so a linker script of that name stands first in the search path.
let selfContained: [LinkerSetting] = [
  .unsafeFlags(
    [
      "-use-ld=lld", "-L\(Context.packageDirectory)/.link", "-Xlinker", "--as-needed", "-Xclang-linker", "-static-libgcc",
    ], .when(configuration: .release))
]

/// The names of error numbers (`Errno.noSpace`), for whoever looks at a `FileError`.
let errorNumbers: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")

let package = Package(
  name: "cairn",
  products: [
    .executable(name: "cairn", targets: ["cairn"]),
    .library(name: "Cairn", targets: ["CairnKit", "CairnStorage", "CairnFormat"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
  ],
  targets: [
    .systemLibrary(name: "CSodium", providers: [.apt(["libsodium-dev"])]),
    .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
    .target(name: "CCairn", cSettings: [.unsafeFlags(["-O3"])], linkerSettings: ext2fs),
    .target(
      name: "CairnSystem",
      dependencies: ["CCairn", errorNumbers],
      swiftSettings: swift + faults),
    .target(
      name: "CairnFormat",
      dependencies: ["CSodium", "CZstd", "CCairn", .product(name: "Crypto", package: "swift-crypto")],
      swiftSettings: swift, linkerSettings: archives),
    .target(name: "CairnStorage", dependencies: ["CairnSystem", errorNumbers], swiftSettings: swift),
    .target(
      name: "CairnKit", dependencies: ["CairnFormat", "CairnStorage", "CairnSystem", errorNumbers],
      swiftSettings: swift + faults),
    // The configuration file: profiles, and what they say.
    .target(name: "CairnProfiles", dependencies: ["CairnKit", "CairnFormat"], swiftSettings: swift),
    // What happens around a run: schedules, hooks, notices, the journal and what is told from it.
    .target(
      name: "CairnAutomation", dependencies: ["CairnProfiles", "CairnKit", "CairnFormat", "CairnSystem", errorNumbers], swiftSettings: swift
    ),
    .executableTarget(
      name: "cairn",
      dependencies: [
        "CairnKit", "CairnProfiles", "CairnAutomation", errorNumbers, .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swift, linkerSettings: selfContained),
    // No part of what is shipped: `make growth` builds it.
    .executableTarget(
      name: "cairn-growth", dependencies: ["CairnKit", "CairnFormat", "CairnStorage", "CairnSystem"], path: "Benchmarks/Growth",
      swiftSettings: swift, linkerSettings: selfContained),
    .target(
      name: "CairnTestSupport",
      dependencies: ["CairnKit", "CairnFormat", "CairnStorage", "CairnSystem"],
      path: "Tests/Support", swiftSettings: swift),
    .testTarget(
      name: "CairnSystemTests", dependencies: ["CairnSystem", "CairnTestSupport", errorNumbers],
      swiftSettings: swift + faults),
    .testTarget(
      name: "CairnFormatTests",
      dependencies: ["CairnFormat", "CCairn", "CairnTestSupport", .product(name: "Crypto", package: "swift-crypto")],
      swiftSettings: swift),
    .testTarget(
      name: "CairnStorageTests", dependencies: ["CairnStorage", "CairnTestSupport", errorNumbers],
      swiftSettings: swift + faults),
    .testTarget(
      name: "CairnKitTests", dependencies: ["CairnKit", "CairnTestSupport", errorNumbers],
      swiftSettings: swift + faults),
    .testTarget(name: "CairnProfilesTests", dependencies: ["CairnProfiles", "CairnTestSupport"], swiftSettings: swift),
    .testTarget(
      name: "CairnAutomationTests", dependencies: ["CairnAutomation", "CairnProfiles", "CairnTestSupport"], swiftSettings: swift),
    .testTarget(
      name: "CommandTests", dependencies: ["cairn", "CairnProfiles", "CairnAutomation", "CairnTestSupport"], exclude: ["Help"],
      swiftSettings: swift),
  ]
)

// `make parts` alone sets this: nobody who builds Cairn fetches or builds the benchmark package.
if Context.environment["CAIRN_BENCHMARKS"] != nil {
  // Without traits: neither of its interposers, which count allocations, is needed.
  package.dependencies.append(.package(url: "https://github.com/ordo-one/benchmark", from: "1.38.1", traits: []))
  package.targets.append(
    .executableTarget(
      name: "cairn-parts",
      dependencies: [
        "CairnKit", "CairnFormat", "CairnStorage", "CairnSystem", "CairnTestSupport",
        .product(name: "Benchmark", package: "benchmark"),
      ],
      path: "Benchmarks/Parts", swiftSettings: swift, linkerSettings: selfContained))
}
