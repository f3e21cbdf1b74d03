// swift-tools-version: 6.2
import PackageDescription

// One settings array for every Swift target: the strict mode of the language, warnings as errors.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableExperimentalFeature("Lifetimes"),
    .treatAllWarnings(as: .error),
]

// `#expect` expands spans into code it does not mark, so strict memory safety stays off in tests.
let safe: [SwiftSetting] = strict + [.strictMemorySafety()]

let nio = "swift-nio"

/// A library of this package: its sources in `Sources/NAME`, its tests in `Tests/NAMETests`.
func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: safe)
}

func program(_ name: String, _ room: Target.Dependency) -> Target {
    .executableTarget(name: name, dependencies: [room], swiftSettings: safe)
}

func tests(
    _ room: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []
) -> Target {
    .testTarget(
        name: "\(room)Tests", dependencies: [.byName(name: room)] + dependencies,
        exclude: exclude, swiftSettings: strict)
}

/// The parts of the cluster's brain.
let clusterCores: [Target.Dependency] = [
    "CRDT", "Membership", "Placement", "Reconciliation", "Replication", "Model",
]

let package = Package(
    name: "clusterf",
    products: [
        .executable(name: "clusterf-supervisor", targets: ["clusterf-supervisor"]),
        .executable(name: "clusterf-store", targets: ["clusterf-store"]),
        .executable(name: "clusterf-gateway", targets: ["clusterf-gateway"]),
        .executable(name: "clusterf-exec", targets: ["clusterf-exec"]),
        .executable(name: "clusterfctl", targets: ["clusterfctl"]),
        .executable(name: "clusterf-fuzz", targets: ["clusterf-fuzz"]),
        .executable(name: "clusterf-sim", targets: ["clusterf-sim"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
    ],
    targets: [
        // Words.
        room("Model"),

        // Pure cores: no IO, clock, randomness or logs.
        room("IPC", ["Model"]),
        room("Supervision", ["Model"]),
        room("Peering", ["IPC", "Model"]),
        room("WebDAV", ["Model"]),

        // The cluster's brain, in parts that do not know each other, and the node that joins them.
        room("CRDT", ["Model"]),
        room("Membership", ["Model"]),
        room("Placement", ["Model"]),
        room("Reconciliation", ["Model"]),
        room("Replication", ["Model"]),
        room("Cluster", clusterCores),
        room("Transfer", ["Model"]),
        room("Absence", ["Cluster", "Membership", "Transfer", "Model"]),

        // What follows from a cluster's key.
        room(
            "PeerKeys", ["Peering", "Model", .product(name: "Crypto", package: "swift-crypto")]),

        // Encryption at rest: keys, contents, pages.
        room(
            "Sealing",
            [
                "Model", .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
            ]),

        // Drivers.
        .systemLibrary(
            name: "CLibUV", pkgConfig: "libuv", providers: [.apt(["libuv1-dev"])]),
        .systemLibrary(name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
        .target(name: "CPosix"),
        room("Posix", ["CPosix"]),
        room("Loop", ["CLibUV", "Posix"]),
        room("LMDB", ["CLMDB", "CPosix"]),
        room("IPCTransport", ["IPC", "Model", "Loop", "Posix"]),

        // SQLite's files, sealed.
        .target(
            name: "CSealedFiles",
            dependencies: [.product(name: "GRDBSQLite", package: "GRDB.swift")]),
        room(
            "SealedDatabase",
            [
                "CSealedFiles", "Sealing",
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ]),

        // Processes.
        room(
            "SupervisorProcess",
            [
                "Supervision", "IPC", "IPCTransport", "Loop", "Posix", "Model",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "TOMLKit", package: "TOMLKit"),
            ]),
        room(
            "StoreProcess",
            [
                "Cluster", "Transfer", "IPC", "IPCTransport", "LMDB", "Loop", "Posix", "Sealing",
                "SealedDatabase",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ] + clusterCores),
        room(
            "GatewayProcess",
            [
                "Absence", "Peering", "PeerKeys", "Sealing", "WebDAV", "IPC", "Posix", "Model",
                .product(name: "NIOCore", package: nio),
                .product(name: "NIOPosix", package: nio),
                .product(name: "NIOTLS", package: nio),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Crypto", package: "swift-crypto"),
            ]),
        room(
            "ControlTool",
            [
                "IPC", "Posix", "Model",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),

        // Many nodes of the true cores in one process, under virtual time.
        room("Simulator", ["Cluster"] + clusterCores),

        // Executables: main alone.
        program("clusterf-supervisor", "SupervisorProcess"),
        program("clusterf-store", "StoreProcess"),
        program("clusterf-gateway", "GatewayProcess"),
        program("clusterfctl", "ControlTool"),
        program("clusterf-sim", "Simulator"),
        .executableTarget(name: "clusterf-exec"),
        // Cores alone, so that it builds in seconds and can be built with sanitizers.
        .executableTarget(
            name: "clusterf-fuzz", dependencies: ["Peering", "WebDAV", "IPC", "Model"],
            swiftSettings: safe),

        tests("Model"),
        tests("IPC", ["Model"], exclude: ["Fixtures"]),
        tests("Supervision", ["Model"]),
        tests("Absence", ["Cluster", "Membership", "Transfer", "Model"]),
        tests("Peering", ["PeerKeys", "IPC", "Model"], exclude: ["Fixtures"]),
        tests("WebDAV", ["Model"]),
        tests("CRDT", ["Model"]),
        tests("Membership", ["Model"]),
        tests("Placement", ["Model"]),
        tests("Reconciliation", ["Model"]),
        tests("Replication", ["Model"]),
        tests("Cluster", clusterCores),
        tests("Transfer", ["Model"]),
        tests("Sealing", ["Model", .product(name: "Crypto", package: "swift-crypto")]),
        tests(
            "SealedDatabase",
            [
                "Sealing", "Model", .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ]),
        tests("Simulator", ["Cluster"] + clusterCores),
        tests("Posix"),
        tests("Loop", ["Posix"]),
        tests("IPCTransport", ["IPC", "Model", "Loop", "Posix"]),
        tests("SupervisorProcess", ["Supervision", "IPC", "Posix", "Model"]),
        tests(
            "StoreProcess",
            [
                "Cluster", "Transfer", "IPC", "Loop", "Posix", "Sealing",
                .product(name: "GRDB", package: "GRDB.swift"),
            ] + clusterCores),
        tests(
            "GatewayProcess",
            [
                "Cluster", "Membership", "Transfer", "Peering", "Sealing", "WebDAV", "IPC", "Model",
                "Posix", .product(name: "NIOCore", package: nio),
                .product(name: "NIOEmbedded", package: nio),
            ]),
        tests("ControlTool", ["IPC", "Model"]),
        .testTarget(name: "TidyTests", swiftSettings: strict),
    ]
)
