import Cluster
import Model
import Replication
import Testing

/// Which contents a message calls for before it is taken.
@Suite struct NamedContentsTests {
    private let samples = MessageSamples()

    private func facts(_ number: UInt64) throws -> FileFacts {
        FileFacts(
            byteCount: number,
            digest: try #require(Digest(bytes: [UInt8](repeating: 1, count: 32))),
            contentType: "", created: Timestamp(nanoseconds: 0),
            modified: Timestamp(nanoseconds: 0),
            object: ObjectID(bits: Bits128(high: 0, low: number)),
            home: Partition(number: 1))
    }

    private func version(_ number: UInt64) throws -> RegisterVersion {
        let dot = Dot(disk: DiskID(bits: Bits128(high: 1, low: 1)), sequence: number)
        return RegisterVersion(
            version: Version(
                dot: dot, time: HybridTime(value: number), context: CausalContext(entries: [dot])),
            value: .file(try facts(number)),
            operation: OperationID(bits: Bits128(high: 2, low: number)))
    }

    private func asked(_ body: ReplicaRequest) -> PeerMessage {
        .request(PeerRequest(id: 1, layouts: nil, body: .replica(body)))
    }

    @Test func whoPreparesOrAcceptsHasToHaveTheContent() throws {
        let key = RegisterKey.file(try samples.path("/f"))
        let ballot = Ballot(round: 1, node: try #require(NodeID("n")))
        let requests: [ReplicaRequest] = [
            .prepare(key, try version(1)), .accept(key, ballot, try version(1)),
            .guarded(.prepare(key, try version(1)), WriteGuard(passesDirectories: true)),
        ]
        for request in requests {
            let named = asked(request).namedContents
            #expect(named.required.map(\.byteCount) == [1])
            #expect(named.wanted.isEmpty)
            #expect(asked(request).partition == key.partition)
        }
    }

    @Test func whatIsMadeVisibleOrMergedIsTakenWithoutItToo() throws {
        let key = RegisterKey.file(try samples.path("/f"))
        #expect(
            PeerMessage.tell(.commit(key, try version(1), listed: true)).namedContents.wanted.map(
                \.byteCount) == [1])
        var register = Register(head: try version(1), prepared: [try version(2)])
        register.kept = [
            KeptVersion(version: try version(3), since: .zero, isConflict: true),
            KeptVersion(
                version: try version(4), since: .zero, isConflict: false, isPurged: true),
            KeptVersion(
                version: try version(5), since: .zero, isConflict: true, isPurged: true),
            KeptVersion(version: try version(6), since: .zero, isConflict: false),
        ]
        register.damaged = [try version(2).dot]
        let merge = ReplicaRequest.merge(
            key.partition, [KeyedRegister(key: key, register: register)], [],
            theirs: PartitionContext(), .holder)
        let named = asked(merge).namedContents
        // Not what its sender lacks as well, nor what nobody wants any more.
        #expect(named.wanted.map(\.byteCount) == [1, 3, 6])
        #expect(named.required.isEmpty)
        let reply = PeerMessage.reply(
            PeerReply(
                id: 1, disk: DiskID(bits: Bits128(high: 1, low: 1)),
                body: .replica(
                    .fetched(
                        [KeyedRegister(key: key, register: register)], [], PartitionContext(),
                        contents: .zero))))
        #expect(reply.namedContents.wanted.map(\.byteCount) == [1, 3, 6])
        #expect(reply.partition == key.partition)
    }

    @Test func aForwardedWriteIsStoredByItsCoordinator() throws {
        for request in try samples.requests() {
            let message = PeerMessage.request(
                PeerRequest(
                    id: 1, layouts: nil, body: .forward(request, isRepeat: false, sentAt: 1)))
            let isFile =
                switch request {
                case .put, .place: true
                case .showing(.put, _), .showing(.place, _): true
                // It is stored anew, under another version.
                case .describe(_, let value, _, _): value.facts != nil
                default: false
                }
            #expect(message.namedContents.required.count == (isFile ? 1 : 0), "\(request)")
        }
    }

    @Test func deletionsAndReadsNameNothing() throws {
        let key = RegisterKey.file(try samples.path("/f"))
        #expect(asked(.read(key)).namedContents.isEmpty)
        #expect(
            PeerMessage.reply(
                PeerReply(
                    id: 1, disk: DiskID(bits: Bits128(high: 1, low: 1)),
                    body: .replica(
                        .register(Register(head: try version(1)), PartitionContext())))
            ).namedContents.isEmpty)
    }
}
