import Model
import Testing

@testable import Replication

/// Requests and replies between stores survive their encoding, and nothing else decodes or traps.
@Suite struct WireTests {
    private static let seeds = UInt64(1)...60

    private func decodedRequest(_ bytes: [UInt8]) throws(DecodeError) -> ReplicaRequest {
        try ReplicaRequest(decoding: bytes.span.bytes)
    }

    private func decodedReply(_ bytes: [UInt8]) throws(DecodeError) -> ReplicaReply {
        try ReplicaReply(decoding: bytes.span.bytes)
    }

    /// And what is a node's own work has no bytes, so that nobody can ask for it.
    @Test(arguments: RequestKind.allCases)
    func requestsComeBackAsTheyWere(_ kind: RequestKind) throws {
        for seed in Self.seeds {
            var samples = WireSamples(seed: seed)
            let request = samples.request(kind)
            #expect(RequestKind(request) == kind)
            guard kind.travels else {
                #expect(request.encode() == nil)
                continue
            }
            let bytes = try #require(request.encode())
            let again = try decodedRequest(bytes)
            #expect(again == request, "seed \(seed)")
            #expect(again.encode() == bytes, "seed \(seed)")
        }
    }

    @Test(arguments: ReplyKind.allCases)
    func repliesComeBackAsTheyWere(_ kind: ReplyKind) throws {
        for seed in Self.seeds {
            var samples = WireSamples(seed: seed)
            let reply = samples.reply(kind)
            #expect(ReplyKind(reply) == kind)
            guard kind.travels else {
                #expect(reply.encode() == nil)
                continue
            }
            let bytes = try #require(reply.encode())
            let again = try decodedReply(bytes)
            #expect(again == reply, "seed \(seed)")
            #expect(again.encode() == bytes, "seed \(seed)")
        }
    }

    /// Only what is written is guarded, and by one guard.
    @Test func guardsDoNotNest() throws {
        var samples = WireSamples(seed: 1)
        let inner = samples.request(.guarded)
        let reading = ReplicaRequest.read(.file(path("/a")))
        for request in [inner, reading, samples.request(.assign), samples.request(.mint)] {
            let guarded = ReplicaRequest.guarded(request, samples.guarding())
            #expect(guarded.encode() == nil)
        }
        let guarding = WriteGuard().encoded
        for request in [inner, reading] {
            let bytes = [1] + guarding + (try #require(request.encode()))
            #expect(throws: DecodeError.self) { try decodedRequest(bytes) }
        }
    }

    /// Registers merge the same after they travelled.
    @Test func mergingIsTheSameAfterTheWire() throws {
        for seed in Self.seeds {
            var samples = WireSamples(seed: seed)
            let (mine, other) = (samples.register(), samples.register())
            let theirs = samples.partitionContext()
            let travelled = try Register(decoding: other.encoded.span.bytes)
            let context = try PartitionContext(decoding: theirs.encoded.span.bytes)
            #expect(travelled == other && context == theirs, "seed \(seed)")
            #expect(context.fingerprint == theirs.fingerprint, "seed \(seed)")
            var (a, b) = (mine, mine)
            var (contextA, contextB) = (PartitionContext(), PartitionContext())
            a.merge(other, mine: &contextA, theirs: theirs)
            b.merge(travelled, mine: &contextB, theirs: context)
            #expect(a == b && contextA == contextB, "seed \(seed)")
        }
    }

    @Test func truncatedMessagesAreRefused() throws {
        for seed in 7...9 as ClosedRange<UInt64> {
            var samples = WireSamples(seed: seed)
            for kind in RequestKind.allCases where kind.travels {
                let bytes = try #require(samples.request(kind).encode())
                for count in 0..<bytes.count {
                    let part = Array(bytes.prefix(count))
                    #expect(throws: DecodeError.self) { try decodedRequest(part) }
                }
                #expect(throws: DecodeError.trailingBytes) { try decodedRequest(bytes + [0]) }
            }
            for kind in ReplyKind.allCases where kind.travels {
                let bytes = try #require(samples.reply(kind).encode())
                for count in 0..<bytes.count {
                    let part = Array(bytes.prefix(count))
                    #expect(throws: DecodeError.self) { try decodedReply(part) }
                }
                #expect(throws: DecodeError.trailingBytes) { try decodedReply(bytes + [0]) }
            }
        }
    }

    /// What decodes at all comes back as the same bytes: there is one encoding of each message.
    @Test func damagedMessagesNeverTrap() throws {
        for seed in Self.seeds {
            var samples = WireSamples(seed: seed)
            for kind in RequestKind.allCases where kind.travels {
                let bytes = try #require(samples.request(kind).encode())
                for _ in 0..<20 {
                    let damaged = samples.damaged(bytes)
                    guard let request = try? decodedRequest(damaged) else { continue }
                    #expect(request.encode() == damaged)
                }
            }
            for kind in ReplyKind.allCases where kind.travels {
                let bytes = try #require(samples.reply(kind).encode())
                for _ in 0..<20 {
                    let damaged = samples.damaged(bytes)
                    guard let reply = try? decodedReply(damaged) else { continue }
                    #expect(reply.encode() == damaged)
                }
            }
        }
    }

    /// What was damaged and decodes all the same can be done: a peer's bytes bring no disk down.
    @Test func damagedRequestsNeverTrapADisk() throws {
        var disk = MemoryTables(disk: disk(1))
        for seed in Self.seeds {
            var samples = WireSamples(seed: seed)
            for kind in RequestKind.allCases where kind.travels {
                let bytes = try #require(samples.request(kind).encode())
                for _ in 0..<5 {
                    let request = try? decodedRequest(samples.damaged(bytes))
                    guard let request else { continue }
                    let outcome = disk.execute(request, at: .seconds(Int64(seed)))
                    #expect(outcome.reply.encode() != nil, "\(request): \(outcome.reply)")
                }
            }
        }
    }

    /// A count is checked against what is left of the message, before room is made for it.
    @Test func hugeCountsAreRefusedBeforeAnythingIsAllocated() throws {
        var samples = WireSamples(seed: 3)
        let partition = Partition(number: 1)
        var bytes = try #require(
            ReplicaRequest.fetch(partition, [], withUnsettled: false).encode())
        for byte in 3..<7 { bytes[byte] = 0xFF }
        #expect(throws: DecodeError.truncated) { try decodedRequest(bytes) }

        var locks = LockSet(locks: [samples.lock()]).encoded
        locks[3] = UInt8(ReplicationLimits.locksPerPathMax + 1)
        #expect(throws: DecodeError.self) { try LockSet(decoding: locks.span.bytes) }

        let long = [UInt8](repeating: 0, count: WireLimits.messageByteCountMax + 1)
        #expect(throws: DecodeError.invalid("length")) { try decodedRequest(long) }
        #expect(throws: DecodeError.invalid("length")) { try decodedReply(long) }
    }

    /// The checks of counts go by these.
    @Test func noValueIsShorterThanItsTypeSays() {
        func check<Value: WireValue>(_ value: Value) {
            let count = value.encoded.count
            #expect(count >= Value.byteCountMin, "\(Value.self): \(count)")
        }
        for seed in Self.seeds {
            var samples = WireSamples(seed: seed)
            check(samples.register())
            check(Register())
            check(KeyedRegister(key: .file(.root), register: Register()))
            check(samples.version())
            check(samples.entry())
            check(DirectoryEntry())
            check(KeyedEntry(key: EntryKey(directory: .root, name: [1]), entry: DirectoryEntry()))
            check(Existence(exists: false, isMarked: false, rank: nil))
            check(samples.ballot())
            check(PartitionContext())
            check(samples.lockSet())
            check(LockSet())
            check(LockSet.Trace(name: [0x61], until: 0))
            check(samples.guarding())
            check(samples.facts())
            check(samples.key())
            check(Item(key: .context, fingerprint: .zero))
        }
    }

    /// A kind that is not known is told from one that is broken: the peer may be newer.
    @Test func unknownKindsAreTheirOwnError() throws {
        #expect(throws: DecodeError.unknown("request kind")) { try decodedRequest([0]) }
        #expect(throws: DecodeError.unknown("request kind")) { try decodedRequest([23]) }
        #expect(throws: DecodeError.unknown("reply kind")) { try decodedReply([21]) }
        #expect(throws: DecodeError.unknown("register kind")) { try decodedRequest([5, 4]) }
        #expect(throws: DecodeError.unknown("value")) {
            try RegisterValue(decoding: [6].span.bytes)
        }
        #expect(throws: DecodeError.unknown("condition")) {
            try WriteCondition(decoding: [6].span.bytes)
        }
    }

    @Test func pathsAndNamesAreValidated() throws {
        for text in ["", "a", "/a/", "/a//b", "/..", "/a/./b", "/\0"] {
            var writer = ByteWriter()
            writer.writeText(text)
            #expect(throws: DecodeError.invalid("path"), "\(text)") {
                try StorePath(decoding: writer.bytes.span.bytes)
            }
        }
        for name in ["", "a/b", ".", "..", "\0", String(repeating: "a", count: 256)] {
            var writer = ByteWriter()
            writer.write(path("/d"))
            writer.writeText(name)
            #expect(throws: DecodeError.self, "\(name)") {
                try EntryKey(decoding: writer.bytes.span.bytes)
            }
        }
        let long =
            "/" + (0..<16).map { _ in String(repeating: "a", count: 254) }.joined(separator: "/")
        var writer = ByteWriter()
        writer.write(path(long))
        writer.writeText(String(repeating: "a", count: 255))
        #expect(throws: DecodeError.invalid("entry")) {
            try EntryKey(decoding: writer.bytes.span.bytes)
        }
    }

    /// Contexts and sets have one order; numbers that nothing could follow are refused.
    @Test func valuesAreCanonical() {
        let late = HybridTime(value: WireLimits.numberMax + 1)
        #expect(throws: DecodeError.self) { try HybridTime(decoding: late.encoded.span.bytes) }
        let rank = Rank(time: .zero, dot: dot(1, 1))
        let slot = DirectoryEntry.DirectorySlot(
            rank: rank, exists: true, correction: WireLimits.correctionMax + 1)
        #expect(throws: DecodeError.invalid("correction")) {
            try DirectoryEntry.DirectorySlot(decoding: slot.encoded.span.bytes)
        }
        var writer = ByteWriter()
        writer.write([dot(2, 1), dot(1, 1)])
        #expect(throws: DecodeError.self) {
            try CausalContext(decoding: writer.bytes.span.bytes)
        }
        var register = Register()
        register.damaged = [dot(2, 1), dot(1, 1)]
        #expect(throws: DecodeError.invalid("damaged versions")) {
            try Register(decoding: register.encoded.span.bytes)
        }
    }
}
