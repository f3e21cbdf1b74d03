import Foundation
import Testing

/// Checks of the code itself: what each room may import, how long things are, what nobody calls.
@Suite struct TidyTests {
    /// What a room may import beside the standard library. The manifest draws the same arrows; here
    /// they also bind the system's modules, which need no arrow.
    static let imports: [String: Set<String>] = [
        "Model": ["Swift"],
        "IPC": ["Model"],
        "Supervision": ["Model"],
        "Peering": ["IPC", "Model"],
        "WebDAV": ["Model"],
        "PeerKeys": ["Peering", "Model", "Crypto"],
        "CRDT": ["Model"],
        "Membership": ["Model"],
        "Placement": ["Model"],
        "Reconciliation": ["Model"],
        "Replication": ["Model"],
        "Transfer": ["Model"],
        "Cluster": [
            "CRDT", "Membership", "Placement", "Reconciliation", "Replication", "Model",
        ],
        "Absence": ["Cluster", "Membership", "Transfer", "Model"],
        "Simulator": [
            "CRDT", "Membership", "Placement", "Reconciliation", "Replication", "Cluster", "Model",
            "Glibc", "Synchronization",
        ],
        "Sealing": ["Model", "Crypto", "CryptoExtras", "FoundationEssentials", "Synchronization"],
        "SealedDatabase": ["CSealedFiles", "Sealing", "GRDBSQLite", "Synchronization"],
        "Posix": ["CPosix", "Glibc"],
        "Loop": ["CLibUV", "Glibc", "Synchronization", "Posix", "CPosix"],
        "LMDB": ["CLMDB", "CPosix", "Glibc", "Synchronization"],
        "IPCTransport": ["IPC", "Model", "Loop", "Posix", "CPosix", "Glibc", "Synchronization"],
        "SupervisorProcess": [
            "Supervision", "IPC", "IPCTransport", "Loop", "Posix", "CPosix", "Model", "Glibc",
            "ArgumentParser", "TOMLKit", "Synchronization",
        ],
        "StoreProcess": [
            "Cluster", "CRDT", "Membership", "Placement", "Reconciliation", "Replication",
            "Transfer", "IPC", "IPCTransport", "LMDB", "Loop", "Posix", "CPosix", "Model", "Glibc",
            "GRDB", "Sealing", "SealedDatabase", "GRDBSQLite", "Synchronization", "Dispatch",
            "Crypto",
        ],
        "GatewayProcess": [
            "Absence", "Peering", "PeerKeys", "Sealing", "WebDAV", "IPC", "Posix", "CPosix",
            "Model", "Glibc", "NIOCore",
            "NIOPosix", "NIOTLS", "NIOSSL", "Crypto", "Synchronization",
        ],
        "ControlTool": ["IPC", "Posix", "CPosix", "Model", "Glibc", "ArgumentParser"],
        "clusterf-supervisor": ["SupervisorProcess"],
        "clusterf-store": ["StoreProcess"],
        "clusterf-gateway": ["GatewayProcess"],
        "clusterfctl": ["ControlTool"],
        "clusterf-sim": ["Simulator"],
        "clusterf-fuzz": ["Peering", "WebDAV", "IPC", "Model", "Glibc"],
    ]

    /// The rooms without clock, randomness and IO.
    static let cores: Set = [
        "Model", "IPC", "Supervision", "Peering", "CRDT", "Membership", "Placement",
        "Reconciliation", "Replication", "Transfer", "Cluster", "Absence", "WebDAV",
    ]

    static let lineCountMax = 600
    static let medianLineCountMax = 200
    static let functionLineCountMax = 70

    static func swiftFiles(_ folders: [String] = ["Sources", "Tests"]) throws -> [SourceFile] {
        try folders.flatMap { try Tree.files(below: $0, endings: [".swift"]) }
    }

    @Test func roomsImportOnlyWhatTheyMayTouch() throws {
        let word =
            #/^(?:@\S+ )*(?:package |public |internal |private )?import (?:struct |class |enum |func )?(\w+)/#
        for file in try Self.swiftFiles(["Sources"]) {
            let allowed = try #require(Self.imports[file.room], "\(file.path): a room unknown here")
            for line in file.lines {
                guard let match = line.trimmingPrefix(while: \.isWhitespace).prefixMatch(of: word)
                else { continue }
                #expect(allowed.contains(String(match.1)), "\(file.path): \(line)")
            }
        }
    }

    @Test func filesAreShort() throws {
        let files = try Self.swiftFiles()
        for file in files {
            #expect(file.lines.count <= Self.lineCountMax, "\(file.path) is too long")
        }
        let counts = try Self.swiftFiles(["Sources"]).map(\.lines.count).sorted()
        #expect(counts[counts.count / 2] <= Self.medianLineCountMax)
    }

    /// Counts from the line of `func` or `init` to the brace that closes it at the same depth.
    @Test func functionsAreShort() throws {
        let start = #/^(\s*)(?:@\S+ )*(?:[a-z()]+ )*(?:func |init[?(<]|deinit)/#
        for file in try Self.swiftFiles() {
            for (index, line) in file.lines.enumerated() {
                guard let match = line.prefixMatch(of: start), !line.contains("}") else { continue }
                let closing = match.1 + "}"
                let end = file.lines[(index + 1)...].firstIndex { $0 == closing }
                guard let end else { continue }
                let count = end - index + 1
                #expect(
                    count <= Self.functionLineCountMax,
                    "\(file.path):\(index + 1): a function of \(count) lines")
            }
        }
    }

    @Test func nobodyCallsWhatIsBanned() throws {
        let banned: [(String, Regex<Substring>)] = [
            ("try!", #/\btry!/#),
            ("as!", #/\bas!/#),
            ("a generator that is not passed in", #/\.random\(in:(?!.*using:)/#),
            ("a shuffle without a generator", #/\.shuffled\(\)/#),
            ("Date()", #/\bDate\(\)/#),
            ("fatalError without words", #/fatalError\(\)/#),
            ("a sleep", #/\b(?:usleep|nanosleep|Thread\.sleep|Task\.sleep)\b/#),
            ("an unfinished place", #/\b(?:TODO|FIXME|XXX)\b/#),
        ]
        for file in try Self.swiftFiles(["Sources"]) {
            for (index, line) in file.lines.enumerated() {
                for (name, pattern) in banned where line.contains(pattern) {
                    Issue.record("\(file.path):\(index + 1): \(name)")
                }
            }
        }
    }

    /// `print` belongs to the programs that talk to a person on standard output.
    @Test func onlyProgramsForPeoplePrint() throws {
        let rooms: Set = [
            "clusterf-fuzz", "ControlTool", "clusterfctl", "Simulator", "clusterf-sim",
        ]
        for file in try Self.swiftFiles(["Sources"]) where !rooms.contains(file.room) {
            for (index, line) in file.lines.enumerated()
            where line.contains(#/(?:^|[^.\w])print\(/#) {
                Issue.record("\(file.path):\(index + 1): print")
            }
        }
    }

    @Test func coresReadNoClockAndHaveNoRandomness() throws {
        let pattern =
            #/ContinuousClock|SuspendingClock|SystemRandomNumberGenerator|Glibc|Foundation/#
        for file in try Self.swiftFiles(["Sources"])
        where Self.cores.contains(file.room) {
            for (index, line) in file.lines.enumerated()
            where line.contains(pattern) && !line.contains("//") {
                Issue.record("\(file.path):\(index + 1): a core is a value: \(line)")
            }
        }
    }

    @Test func uncheckedConcurrencySaysWhyItIsSound() throws {
        for file in try Self.swiftFiles(["Sources"]) {
            for (index, line) in file.lines.enumerated()
            where line.contains(#/@unchecked Sendable|nonisolated\(unsafe\)/#) {
                let above = index > 0 ? file.lines[index - 1] : ""
                #expect(
                    above.contains("//"),
                    "\(file.path):\(index + 1): the sentence that makes it true")
            }
        }
    }

    @Test func mainFilesOnlyStart() throws {
        for file in try Self.swiftFiles(["Sources"]) where file.path.hasSuffix("/main.swift") {
            #expect(file.lines.count <= 31, "\(file.path)")
        }
    }

    /// Numbers that the documents name are those of the code.
    @Test func documentsNameTheLimitsOfTheCode() throws {
        let ipc = try Tree.text("docs/IPC.md")
        for (file, name) in [
            ("Sources/IPC/Limits.swift", "frameByteCountMax"),
            ("Sources/IPC/Limits.swift", "inlineContentByteCountMax"),
            ("Sources/IPC/Limits.swift", "creditDefault"),
            ("Sources/IPC/Limits.swift", "descriptorsInFlightMax"),
            ("Sources/IPC/Limits.swift", "listingPageCountMax"),
            ("Sources/IPC/Limits.swift", "lockTokensMax"),
            ("Sources/IPC/Limits.swift", "locksMax"),
            ("Sources/IPC/Limits.swift", "propertiesPathsMax"),
        ] {
            let source = try Tree.text(file)
            let pattern = try Regex("static let \(name)(?:: \\w+)? = ([0-9_]+(?: << [0-9]+)?)")
            let match = try #require(source.firstMatch(of: pattern), "\(name) is not in \(file)")
            let value = String(try #require(match.output[1].substring))
            #expect(ipc.contains("`\(name)` = \(value)"), "docs/IPC.md: \(name) is \(value)")
        }
    }

    @Test func everyMessageTypeIsInTheDocument() throws {
        let ipc = try Tree.text("docs/IPC.md")
        let source = try Tree.text("Sources/IPC/FrameHeader.swift")
        let cases = source.matches(of: #/case (\w+) = (\d+)/#)
        #expect(cases.count > 20)
        for match in cases {
            #expect(ipc.contains("| \(match.2) | `\(match.1)` |"), "\(match.1) = \(match.2)")
        }
    }
}
