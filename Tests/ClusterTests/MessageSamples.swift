import CRDT
import Membership
import Model
import Replication
import Testing

@testable import Cluster
@testable import Reconciliation

/// Messages of every kind that travels.
struct MessageSamples {
    func path(_ text: String) throws -> StorePath {
        try StorePath(validating: Array(text.utf8))
    }

    func requests() throws -> [ClientRequest] {
        let path = try path("/a/b")
        let operation = OperationID(bits: Bits128(high: 1, low: 2))
        let digest = try #require(Digest(bytes: [UInt8](repeating: 7, count: 32)))
        let object = ObjectID(bits: Bits128(high: 3, low: 4))
        let content = FileContent(
            byteCount: 9, digest: digest, contentType: "text/plain",
            modified: Timestamp(nanoseconds: -1), object: object)
        let facts = FileFacts(
            byteCount: 9, digest: digest, contentType: "", created: Timestamp(nanoseconds: 1),
            modified: Timestamp(nanoseconds: 2), object: object, home: Partition(number: 5))
        let token = LockToken(bits: Bits128(high: 8, low: 9))
        let lock = LockRequest(
            token: token, owner: [1, 2], scope: .shared, depth: .infinity, seconds: 60)
        let conditions: [WriteCondition] = [
            .none, .absent, .present, .matches([digest]), .differs([digest, digest]),
            .version(Dot(disk: DiskID(bits: Bits128(high: 1, low: 1)), sequence: 3)),
        ]
        return conditions.map { .put(path, content, $0, operation) } + [
            .delete(path, .present, operation), .place(path, facts, operation),
            .place(path, facts, when: .absent, operation),
            .place(
                path, facts, operation,
                move: MoveIntent(
                    source: try self.path("/c"),
                    dot: Dot(disk: DiskID(bits: Bits128(high: 1, low: 1)), sequence: 3),
                    destination: path, operation: operation)),
            .makeDirectory(path, operation), .removeDirectory(path, operation),
            .changeLocks(path, .take(lock), operation),
            .changeLocks(path, .refresh(token, seconds: 9), operation),
            .changeLocks(path, .release(token), operation),
            .changeLocks(path, .trace(.init(name: [0x61], until: 8)), operation),
            .changeLocks(path, .expire, operation),
            .changeLocks(path, .close([.init(name: [0x61], until: 8)]), operation),
            .changeLocks(
                path, .drop([.init(name: [0x61], until: 8, isClosing: true)]), operation),
            .describe(
                path, .file(facts.described(by: [0x3C])), when: conditions[5], operation),
            .describe(path, .describedMark([0x3C, 0x3E]), when: .absent, operation),
            .describe(path, .mark, when: .none, operation),
            .showing(
                .delete(path, .none, operation),
                LockGuard(tokens: [token], holdsShared: true, wallMilliseconds: 7)),
        ]
    }

    func answers() throws -> [ClientAnswer] {
        let dot = Dot(disk: DiskID(bits: Bits128(high: 1, low: 1)), sequence: 3)
        let version = Version(
            dot: dot, time: HybridTime(value: 9), context: CausalContext(entries: [dot]))
        let lock = Lock(
            token: LockToken(bits: Bits128(high: 8, low: 9)), owner: [1], scope: .exclusive,
            depth: .zero, seconds: 5, expires: 6, fence: HybridTime(value: 7))
        let reasons: [UnavailableReason] = [
            .noQuorum, .timedOut, .clockInDoubt, .full, .notReady, .contended,
        ]
        return reasons.map { .unavailable($0) } + [
            .written(version, copies: 2, created: true, listingPending: false, exact: true),
            .notFound, .conditionFailed(exact: true), .directoryNotEmpty, .isDirectory,
            .notADirectory,
            .locked([PlacedLock(path: try path("/a"), lock: lock)]),
            .lockDecision(.changed(LockSet(locks: [lock])), copies: 2, exact: true),
            .lockDecision(.unchanged(LockSet()), copies: 0, exact: false),
            .lockDecision(.conflict([lock]), copies: 1, exact: true),
            .lockDecision(.notFound, copies: 1, exact: true),
            .lockDecision(.tooMany, copies: 1, exact: true), .done,
        ]
    }

    func messages() throws -> [PeerMessage] {
        let disk = DiskID(bits: Bits128(high: 1, low: 1))
        let layout = LayoutID(bits: Bits128(high: 5, low: 6))
        let node = try #require(NodeID("n1"))
        let read = ReplicaRequest.read(.file(try path("/a")))
        let sum = PartitionSum(
            partition: Partition(number: 3), sum: Fingerprint(high: 1, low: 2), itemCount: 4,
            hasUnsettled: true)
        let bodies: [PeerRequest.Body] = [
            .replica(read), .isWanted(9), .establish, .partitionsHeldBy(node), .epoch(of: disk),
            .reconcile(
                ReconciliationRequest(
                    salt: 6, round: 1, scope: .shared(layouts: layout.bits),
                    body: .compare(Fingerprint(high: 1, low: 2)))),
        ]
        let replies: [PeerReply.Body] = [
            .replica(.done), .partitions([sum], declared: [layout]), .done, .layoutsDiffer,
            .notReady, .epoch(nil, isInformed: false), .epoch(5, isInformed: true),
            .reconciled(
                ReconciliationReply(salt: 6, round: 1, body: .equal)),
        ]
        let swim = SwimMessage(
            body: .ack(sequence: 4, isRestarting: false),
            sender: PeerUpdate(node: node, disk: disk, incarnation: 3, state: .alive),
            wallMilliseconds: 7, updates: [])
        let gossip = GossipMessage(
            identity: ClusterIdentity(name: "home"), body: .digest(Fingerprint(high: 1, low: 2)))
        return bodies.map { .request(PeerRequest(id: 1, layouts: layout, body: $0)) }
            + (try requests()).map {
                .request(
                    PeerRequest(
                        id: 2, layouts: nil, body: .forward($0, isRepeat: true, sentAt: 77)))
            }
            + replies.map { .reply(PeerReply(id: 3, disk: disk, body: $0)) }
            + (try answers()).map { .reply(PeerReply(id: 4, disk: disk, body: .client($0))) }
            + [.tell(read), .membership(swim), .gossip(gossip), .watch]
            + [
                .changed([
                    FileChange(path: try path("/a/b"), version: Dot(disk: disk, sequence: 3)),
                    FileChange(path: try path("/c"), version: nil),
                ])
            ]
            + [.reply(PeerReply(id: 4, disk: disk, body: .client(.unavailable(.hasLeft))))]
    }

    /// What clients ask of a node, and no other node is asked.
    func ownRequests() throws -> [ClientRequest] {
        let path = try path("/a")
        let operation = OperationID(bits: Bits128(high: 1, low: 2))
        let token = LockToken(bits: Bits128(high: 8, low: 9))
        let lock = LockRequest(
            token: token, owner: [], scope: .shared, depth: .infinity, seconds: 60)
        return [
            .get(path, .checked), .list(path, after: nil, limit: 1),
            .move(path, to: path, operation), .lock(path, lock, operation),
            .refreshLock(path, token, seconds: 1, operation), .unlock(path, token, operation),
            .locks(path), .guarded(.delete(path, .none, operation), tokens: []), .lockSet(path),
            .setSetting(key: "k", value: "v"), .setReplicationFactor(3), .leave, .cancelLeave,
            .takeOut(try #require(NodeID("n1"))),
            .joinCluster(ClusterID(bits: Bits128(high: 1, low: 2))),
            .copy(path, to: path, operation), .history(path), .restore(path, nil, operation),
            .purge(path, []), .mark(path), .clearTraces(path, budget: 1),
        ]
    }
}
