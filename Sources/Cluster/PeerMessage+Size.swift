import CRDT
import Membership
import Model
import Reconciliation
import Replication

// About as many bytes as messages take on the wire, contents of files apart: these travel beside.
extension PeerMessage {
    package var byteCount: Int {
        switch self {
        case .membership(let message): message.byteCount
        case .gossip(let message): message.encodedByteCount
        case .tell(let request): PeerMessage.headByteCount + request.byteCount
        case .watch: PeerMessage.headByteCount
        case .changed(let changes):
            changes.reduce(PeerMessage.headByteCount) { $0 + 29 + $1.path.bytes.count }
        case .request(let request): PeerMessage.headByteCount + request.body.byteCount
        case .reply(let reply): PeerMessage.headByteCount + reply.body.byteCount
        }
    }

    /// The frame's head, a number, the layouts or the disk that it goes by, and two kinds.
    private static let headByteCount = 48
}

extension GossipMessage {
    /// By the sizes of the entries: encoding each message to count its bytes costs more than the
    /// rest of sending it.
    fileprivate var encodedByteCount: Int {
        func bytes(_ delta: Delta) -> Int { delta.entries.reduce(8) { $0 + $1.byteCount } }
        // The identity of a cluster that was named shortly and joined no other.
        let head = 64
        return switch body {
        case .rumor(let delta, let offers): head + bytes(delta) + 48 * offers.count
        case .repair(let delta, let wants): head + bytes(delta) + 40 * wants.count
        case .buckets(let sums): head + 8 * sums.count
        case .summary(_, let items): head + 40 + 48 * items.count
        case .digest, .question, .agreed: head + 24
        }
    }
}

extension PeerRequest.Body {
    fileprivate var byteCount: Int {
        switch self {
        case .replica(let request): request.byteCount
        case .forward(let request, _, _): 16 + request.byteCount
        case .isWanted, .establish: 8
        case .epoch: 16
        case .partitionsHeldBy(let node): 1 + node.name.utf8.count
        case .reconcile(let request): request.encode().count
        }
    }
}

extension PeerReply.Body {
    fileprivate var byteCount: Int {
        switch self {
        case .replica(let reply): reply.byteCount
        case .client(let answer): answer.byteCount
        case .partitions(let sums, let declared): 24 * sums.count + 16 * declared.count
        case .reconciled(let reply): reply.encode().count
        case .epoch: 10
        case .done, .layoutsDiffer, .notReady: 1
        }
    }
}

extension ClientRequest {
    fileprivate var byteCount: Int {
        switch self {
        case .put(let path, let content, _, _):
            path.bytes.count + 128 + content.contentType.utf8.count
        case .delete(let path, _, _), .get(let path, _), .makeDirectory(let path, _),
            .removeDirectory(let path, _), .history(let path), .restore(let path, _, _):
            path.bytes.count + 64
        case .purge(let path, let dots): path.bytes.count + 24 * dots.count
        case .list(let path, let after, _): path.bytes.count + (after?.count ?? 0) + 8
        case .move(let path, let destination, _, _), .copy(let path, let destination, _, _):
            path.bytes.count + destination.bytes.count + 24
        case .place(let path, let facts, _, _, let move):
            path.bytes.count + 128 + facts.contentType.utf8.count + facts.properties.count
                + (move?.byteCount ?? 0)
        case .describe(let path, let value, _, _):
            path.bytes.count + 128 + value.properties.count
        case .guarded(let request, let tokens, _): 16 * tokens.count + request.byteCount
        case .showing(let request, let guarding): guarding.byteCount + request.byteCount
        case .lock(let path, let lock, _): path.bytes.count + lock.byteCount
        case .refreshLock(let path, _, _, _), .unlock(let path, _, _), .locks(let path, _),
            .lockSet(let path), .clearTraces(let path, _), .mark(let path):
            path.bytes.count + 40
        case .changeLocks(let path, let change, _): path.bytes.count + change.byteCount
        case .setSetting(let key, let value): key.utf8.count + value.utf8.count + 8
        case .takeOut(let node): 1 + node.name.utf8.count
        case .joinCluster: 16
        case .setReplicationFactor, .leave, .cancelLeave: 8
        }
    }
}

extension ClientAnswer {
    fileprivate var byteCount: Int {
        switch self {
        case .written(let version, _, _, _, _): version.encodedByteCount + 8
        case .file(let record): record.encodedByteCount
        case .history(let register): register.encodedByteCount
        case .listing(let entries, let next):
            entries.reduce(next?.count ?? 0) {
                $0 + 8 + $1.name.count + ($1.record?.encodedByteCount ?? 0)
            }
        case .mark(let version): 1 + (version?.encodedByteCount ?? 0)
        case .lockGranted(let lock, _, _): lock.encodedByteCount + 8
        case .locks(let locks, _), .locked(let locks):
            locks.reduce(4) { $0 + $1.path.bytes.count + $1.lock.encodedByteCount }
        case .lockSet(let path, let set): path.bytes.count + set.encodedByteCount
        case .lockDecision(let decision, _, _): 8 + decision.byteCount
        case .notFound, .conditionFailed, .directoryNotEmpty, .isDirectory, .notADirectory,
            .unlocked, .lockNotFound, .tooManyLocks, .unavailable, .done, .refused:
            4
        }
    }
}

extension LockGuard {
    fileprivate var byteCount: Int { 16 + 16 * tokens.count }
}

extension WriteGuard {
    fileprivate var byteCount: Int { 2 + (locks?.byteCount ?? 0) + (move?.byteCount ?? 0) }
}

extension MoveIntent {
    fileprivate var byteCount: Int { 44 + source.bytes.count }
}

extension LockRequest {
    fileprivate var byteCount: Int { 40 + owner.count }
}

extension LockChange {
    fileprivate var byteCount: Int {
        switch self {
        case .take(let request): request.byteCount
        case .trace(let trace): 24 + trace.name.count
        case .close(let traces), .drop(let traces):
            traces.reduce(4) { $0 + 24 + $1.name.count }
        case .refresh, .release, .expire: 40
        }
    }
}

extension LockDecision {
    fileprivate var byteCount: Int {
        switch self {
        case .changed(let set), .unchanged(let set): set.encodedByteCount
        case .conflict(let locks): locks.reduce(4) { $0 + $1.encodedByteCount }
        case .notFound, .tooMany: 4
        }
    }
}

extension ReplicaRequest {
    fileprivate var byteCount: Int {
        switch self {
        case .guarded(let request, let guarding): guarding.byteCount + request.byteCount
        case .prepare(let key, let version, let earlier):
            earlier.reduce(key.byteCount + version.encodedByteCount) { $0 + $1.encodedByteCount }
        case .commit(let key, let version, _, _), .accept(let key, _, let version),
            .confirm(let key, _, let version), .writeBack(let key, let version):
            key.byteCount + version.encodedByteCount + 64
        case .merge(_, let registers, let entries, let context, _):
            context.encodedByteCount + registers.byteCount + entries.byteCount
        case .joinContext(_, let context, _): context.encodedByteCount + 18
        case .fetch(_, let keys, _): 16 + 8 * keys.count
        case .putEntry(let key, let entry), .dropEntry(let key, let entry):
            KeyedEntry(key: key, entry: entry).encodedByteCount
        case .list(let path, let after, _, _): path.bytes.count + (after?.count ?? 0) + 8
        case .read(let key), .promise(let key, _), .withdraw(let key, _),
            .dropTombstone(let key, _):
            key.byteCount + 64
        case .expire(let key, let dots), .purge(let key, let dots):
            key.byteCount + 24 * dots.count
        case .readEntry(let key): key.directory.bytes.count + key.name.count
        case .items: 8
        case .moveOver: 16
        // For the own disk alone (`isForPeers`).
        case .assign, .mint, .settle, .outbox, .outboxDone, .addOutbox, .moves, .movePlaced,
            .forget, .partitions, .aged, .audit, .scrub, .quarantine:
            0
        }
    }
}

extension ReplicaReply {
    fileprivate var byteCount: Int {
        switch self {
        case .assigned(let version, _), .alreadyApplied(let version): version.encodedByteCount
        case .refused(let context, _, let newest):
            context.encodedByteCount + 8 + (newest?.encodedByteCount ?? 0)
        case .register(let register, let context, _), .promised(let register, let context, _):
            register.encodedByteCount + context.encodedByteCount
        case .entry(let entry, _): 64 + (entry?.encodedByteCount ?? 0)
        case .listing(let entries, _, _): 64 + entries.byteCount
        case .items(let items, let context, _, _): 24 * items.count + context.encodedByteCount
        case .fetched(let registers, let entries, let context, _):
            context.encodedByteCount + registers.byteCount + entries.byteCount
        case .ballotTooLow: 24
        case .prepared, .full, .locked, .isDirectory, .committed, .damaged, .accepted, .merged,
            .done, .stale:
            4
        // What the own disk alone is asked for.
        case .unsettled, .outbox, .moves, .partitions, .aged, .audit, .scrubbed: 0
        }
    }
}

extension RegisterKey {
    fileprivate var byteCount: Int { 3 + path.bytes.count }
}

extension [KeyedRegister] {
    fileprivate var byteCount: Int {
        reduce(0) { $0 + 3 + $1.key.path.bytes.count + $1.register.encodedByteCount }
    }
}

extension [KeyedEntry] {
    fileprivate var byteCount: Int { reduce(0) { $0 + $1.encodedByteCount } }
}
