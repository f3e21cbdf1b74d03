import Foundation
import Model
import Replication
import Testing

/// The bytes of every request, reply and value, one line each: a change there is a change of what
/// nodes say to each other, which needs a new version (docs/PEER.md).
@Suite struct WireGoldenTests {
    private static let version = Version(
        dot: dot(1, 5), time: HybridTime(value: 0x0102),
        context: CausalContext(entries: [dot(0, 4)]))

    private static func version(_ value: RegisterValue) -> RegisterVersion {
        RegisterVersion(version: version, value: value, operation: operation(9))
    }

    private static let ballot = Ballot(round: 3, node: node("n1"), nonce: 7)
    private static let rank = Rank(time: HybridTime(value: 2), dot: dot(1, 5))
    private static let fingerprint = Fingerprint(high: 0xAA, low: 0xBB)

    private static let locks = LockSet(
        locks: [
            Lock(
                token: token(1), owner: [0x6D], scope: .shared, depth: .infinity, seconds: 60,
                expires: 0x0A, fence: HybridTime(value: 0x0B))
        ], traces: [LockSet.Trace(name: [0x62], until: 0x0C)], crowdedUntil: 0x0D)

    private static let context: PartitionContext = {
        var context = PartitionContext()
        context.raiseFloor(to: HybridTime(value: 8))
        for sequence in [1, 2, 5] as [UInt64] { context.insert(dot(1, sequence)) }
        return context
    }()

    private static let register: Register = {
        var register = Register(
            head: version(.mark),
            kept: [
                KeptVersion(
                    version: RegisterVersion(
                        version: Version(dot: dot(0, 4), time: .zero, context: .empty),
                        value: .deleted, operation: operation(8)), since: HybridTime(value: 6),
                    isConflict: true)
            ], prepared: [version(.deleted)],
            ballot: BallotSlot(
                promised: ballot, accepted: .init(ballot: ballot, version: version(.deleted)),
                settled: ballot))
        register.markDamaged([dot(0, 4)])
        return register
    }()

    private static let entryKey = EntryKey(directory: path("/d"), name: [0x66])
    private static let entry = DirectoryEntry(
        file: .init(rank: rank, record: version(file(3)).record, correction: 1),
        directory: .init(rank: rank, exists: true, correction: 2))
    private static let existence = Existence(
        exists: true, isMarked: false, markRank: rank, rank: rank, hasChanged: true)
    private static let registers = [KeyedRegister(key: .mark(path("/d")), register: register)]
    private static let entries = [KeyedEntry(key: entryKey, entry: entry)]
    private static let partition = Partition(number: 0x0304)

    private static let requests: [ReplicaRequest] = [
        .prepare(.file(path("/d/f")), version(file(3)), earlier: [version(.deleted)]),
        .prepare(.locks(path("/d")), version(.locks(locks))),
        .commit(.mark(.root), version(.mark), listed: true, settled: ballot),
        .commit(.mark(.root), version(.mark), listed: false),
        .withdraw(.file(path("/d")), dot(1, 5)), .read(.file(path("/d"))),
        .merge(partition, registers, entries, theirs: context, .holder),
        .merge(partition, [], [], theirs: PartitionContext(), .takeOver),
        .merge(partition, [], [], theirs: PartitionContext(), .handBack),
        .joinContext(partition, context, ifContents: fingerprint),
        .promise(.file(path("/d")), ballot), .accept(.file(path("/d")), ballot, version(.deleted)),
        .confirm(.file(path("/d")), ballot, version(.deleted)),
        .guarded(
            .prepare(.file(path("/d")), version(.deleted)),
            WriteGuard(
                locks: LockGuard(tokens: [token(1)], holdsShared: true, wallMilliseconds: 0x0E))),
        .guarded(
            .accept(.file(path("/d")), ballot, version(.deleted)),
            WriteGuard(passesDirectories: true)),
        .putEntry(entryKey, entry), .readEntry(entryKey),
        .list(path("/d"), after: [0x66], limit: 64, withGone: true),
        .list(.root, after: nil, limit: 64, withGone: false),
        .fetch(partition, [.context, ItemKey(bits: 0x11)], withUnsettled: true),
        .items(partition), .items(partition, checked: true),
        .expire(.file(path("/d")), [dot(0, 4), dot(1, 5)]),
        .dropTombstone(.file(path("/d")), dot(1, 5)), .dropEntry(entryKey, DirectoryEntry()),
        .writeBack(.file(path("/d/f")), version(file(3))),
        .purge(.file(path("/d")), [dot(0, 4), dot(1, 5)]), .moveOver(operation(9)),
        .guarded(
            .prepare(.file(path("/d")), version(file(3))),
            WriteGuard(
                passesDirectories: true,
                move: MoveIntent(
                    source: path("/s"), dot: dot(0, 4), destination: path("/d"),
                    operation: operation(9)))),
        .prepare(.file(path("/d")), version(.file(described))),
        .prepare(.mark(path("/d")), version(.describedMark([0x3C, 0x3E]))),
        .putEntry(entryKey, describedEntry(.bytes([0x3C]))),
        .putEntry(entryKey, describedEntry(.elsewhere)),
    ]

    private static let described: FileFacts = {
        guard case .file(let facts) = file(3) else { preconditionFailure("a file") }
        return facts.described(by: [0x3C, 0x61, 0x3E])
    }()

    private static func describedEntry(_ properties: FileProperties) -> DirectoryEntry {
        var record = version(file(3)).record
        record?.properties = properties
        return DirectoryEntry(file: .init(rank: rank, record: record))
    }

    private static let replies: [ReplicaReply] = [
        .alreadyApplied(version(.mark)), .prepared,
        .refused(context: version.context, above: HybridTime(value: 0x0102)), .full, .locked,
        .isDirectory, .committed, .register(register, context, isDirectory: true),
        .register(Register(), PartitionContext()), .damaged,
        .promised(Register(), context, isDirectory: true), .ballotTooLow(ballot), .accepted,
        .merged, .entry(entry, existence: existence),
        .entry(nil, existence: Existence(exists: false, isMarked: true, rank: nil)),
        .listing(entries, existence: existence, more: true),
        .items(
            [Item(key: ItemKey(bits: 0x11), fingerprint: fingerprint)], context,
            contents: fingerprint, hasUnsettled: true),
        .fetched(registers, entries, context, contents: fingerprint), .done, .stale,
        .refused(
            context: version.context, above: HybridTime(value: 0x0102),
            newest: version(.file(described))),
    ]

    private static let changes: [LockChange] = [
        .take(request(1, .shared, .infinity)), .refresh(token(1), seconds: 60), .release(token(1)),
        .trace(LockSet.Trace(name: [0x62], until: 0x0C)), .expire,
        .close([LockSet.Trace(name: [0x62], until: 0x0C)]),
        .drop([LockSet.Trace(name: [0x62], until: 0x0C, isClosing: true)]),
    ]

    private static let decisions: [LockDecision] = [
        .changed(locks), .unchanged(LockSet()), .conflict(locks.locks), .notFound, .tooMany,
    ]

    private static func conditions() throws -> [WriteCondition] {
        let digest = try #require(Digest(bytes: [UInt8](repeating: 7, count: 32)))
        return [
            .none, .absent, .present, .matches([digest]), .differs([digest]), .version(dot(1, 5)),
        ]
    }

    private static func lines() throws -> [String] {
        var lines: [String] = []
        func add(_ name: String, _ bytes: [UInt8]?) throws {
            lines.append("\(name) \(Hex.encode(try #require(bytes)))")
        }
        for request in requests {
            try add("request.\(RequestKind(request).rawValue)", request.encode())
        }
        for reply in replies { try add("reply.\(ReplyKind(reply).rawValue)", reply.encode()) }
        for change in changes { try add("lock-change", change.encoded) }
        for decision in decisions { try add("lock-decision", decision.encoded) }
        for condition in try conditions() { try add("condition", condition.encoded) }
        return lines
    }

    private static let url = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Fixtures/Peer/replica-v1.txt")

    @Test func bytesAreThoseOfVersion1() throws {
        let lines = try Self.lines()
        let golden = try? String(contentsOf: Self.url, encoding: .utf8)
        if golden == nil, ProcessInfo.processInfo.environment["CLUSTERF_WRITE_FIXTURES"] != nil {
            let text = lines.joined(separator: "\n") + "\n"
            try text.write(to: Self.url, atomically: true, encoding: .utf8)
        }
        let expected = try #require(golden).split(separator: "\n").map(String.init)
        #expect(lines.count == expected.count)
        for (line, expected) in zip(lines, expected) { #expect(line == expected) }
    }

    @Test func goldenBytesDecode() throws {
        for request in Self.requests {
            let bytes = try #require(request.encode())
            #expect(try ReplicaRequest(decoding: bytes.span.bytes) == request)
        }
        for reply in Self.replies {
            let bytes = try #require(reply.encode())
            #expect(try ReplicaReply(decoding: bytes.span.bytes) == reply)
        }
    }

    @Test func everyKindThatTravelsHasGoldenBytes() {
        let requests = Set(Self.requests.map { RequestKind($0) })
        #expect(requests == Set(RequestKind.allCases.filter(\.travels)))
        let replies = Set(Self.replies.map { ReplyKind($0) })
        #expect(replies == Set(ReplyKind.allCases.filter(\.travels)))
    }

    /// By hand, from docs/PEER.md.
    @Test func bytesAreAsTheDocumentSays() {
        let read = ReplicaRequest.read(.file(path("/d"))).encode()
        #expect(read.map { Hex.encode($0) } == "05" + "01" + "000000022f64")
        let list = ReplicaRequest.list(.root, after: [0x66], limit: 64, withGone: true).encode()
        #expect(
            list.map { Hex.encode($0) }
                == "11" + "000000012f" + "01" + "0000000166" + "00000040" + "01")
        let low = ReplicaReply.ballotTooLow(Self.ballot).encode()
        #expect(
            low.map { Hex.encode($0) }
                == "09" + "0000000000000003" + "000000026e31" + "0000000000000007")
        #expect(ReplicaReply.isDirectory.encode() == [18])
    }
}
