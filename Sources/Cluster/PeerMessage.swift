package import CRDT
package import Membership
package import Model
package import Reconciliation
package import Replication

/// What travels between two nodes' stores. Boxed: it is handed on several times, as what it is.
package indirect enum PeerMessage: Equatable, Sendable {
    case membership(SwimMessage)
    case gossip(GossipMessage)
    case request(PeerRequest)
    case reply(PeerReply)
    /// A request whose answer nobody waits for.
    case tell(ReplicaRequest)
    /// The sender wants to hear, for a while, which files change (`ClusterLimits.watchLease`).
    case watch
    /// What changed on the sender's disk, to who watches. At most `ClusterLimits.changesMax`.
    case changed([FileChange])
}

/// A question to another node's store.
package struct PeerRequest: Equatable, Sendable {
    /// Unique in the asking node's life.
    package var id: UInt64
    /// The layouts that the asker goes by (`LayoutHistory.activeDigest`); nil where the answer does
    /// not depend on them.
    package var layouts: LayoutID?
    package var body: Body

    package enum Body: Equatable, Sendable {
        case replica(ReplicaRequest)
        /// A client's request, to be coordinated there. `isRepeat`: it may have been applied.
        /// `sentAt`: the sender's wall clock, in milliseconds.
        case forward(ClientRequest, isRepeat: Bool, sentAt: UInt64)
        /// Does the asked node still wait for the answer to this request of its own? A request that
        /// was long under way is not begun before: its client may have another answer by now.
        case isWanted(UInt64)
        /// The cluster is to be established: its first file or setting is about to be written.
        case establish
        /// Which partitions does the asker hold in the newest layout of which there is something
        /// here?
        case partitionsHeldBy(NodeID)
        /// What does the asked node remember of the asker's disk?
        case epoch(of: DiskID)
        /// A question about the differences in the partitions that both hold.
        case reconcile(ReconciliationRequest)
    }

    package init(id: UInt64, layouts: LayoutID?, body: Body) {
        self.id = id
        self.layouts = layouts
        self.body = body
    }
}

package struct PeerReply: Equatable, Sendable {
    package var id: UInt64
    /// The answering disk: an answer counts for this disk alone.
    package var disk: DiskID
    package var body: Body

    package enum Body: Equatable, Sendable {
        case replica(ReplicaReply)
        case client(ClientAnswer)
        /// And the layouts that the disk ever declared synced, among those in use.
        case partitions([PartitionSum], declared: [LayoutID])
        case reconciled(ReconciliationReply)
        /// The highest epoch that was heard of the disk; nil where it was not heard of.
        /// `isInformed`: the answering node knows what its cluster agreed on.
        case epoch(UInt64?, isInformed: Bool)
        case done
        /// The layouts differ: to be settled first.
        case layoutsDiffer
        case notReady
    }

    package init(id: UInt64, disk: DiskID, body: Body) {
        self.id = id
        self.disk = disk
        self.body = body
    }
}

extension PeerMessage {
    /// One word for a trace.
    package var kind: String {
        switch self {
        case .membership: "membership"
        case .gossip: "gossip"
        case .tell(let request): "tell-\(request.kind)"
        case .watch: "watch"
        case .changed: "changed"
        case .request(let request):
            switch request.body {
            case .replica(let request): request.kind
            case .forward: "forward"
            case .isWanted: "is-wanted"
            case .establish: "establish"
            case .partitionsHeldBy: "partitions"
            case .epoch: "epoch"
            case .reconcile: "reconcile"
            }
        case .reply(let reply):
            switch reply.body {
            case .replica(let reply): reply.kind
            case .client: "answer"
            case .partitions: "partitions-are"
            case .reconciled: "reconciled"
            case .epoch: "epoch-is"
            case .done: "done"
            case .layoutsDiffer: "layouts-differ"
            case .notReady: "not-ready"
            }
        }
    }

    /// Whether it travels as a datagram (may be lost, doubled, overtaken) or on a connection
    /// (arrives in order, or the connection breaks and what was under way is lost).
    package var isDatagram: Bool {
        if case .membership = self { return true }
        return false
    }
}

extension ReplicaRequest {
    /// One word for a trace.
    package var kind: String {
        switch self {
        case .assign: "assign"
        case .prepare: "prepare"
        case .commit: "commit"
        case .writeBack: "write-back"
        case .withdraw: "withdraw"
        case .read: "read"
        case .merge: "merge"
        case .joinContext: "join-context"
        case .promise: "promise"
        case .accept: "accept"
        case .confirm: "confirm"
        case .mint: "mint"
        case .guarded(let request, _): request.kind
        case .putEntry: "put-entry"
        case .readEntry: "read-entry"
        case .list: "list"
        case .fetch: "fetch"
        case .items: "items"
        case .audit: "audit"
        case .addOutbox: "add-outbox"
        case .settle: "settle"
        case .outbox: "outbox"
        case .outboxDone: "outbox-done"
        case .moves: "moves"
        case .movePlaced: "move-placed"
        case .moveOver: "move-over"
        case .expire: "expire"
        case .purge: "purge"
        case .dropTombstone: "drop-tombstone"
        case .dropEntry: "drop-entry"
        case .forget: "forget"
        case .partitions: "partitions"
        case .aged: "aged"
        case .scrub: "scrub"
        case .quarantine: "quarantine"
        }
    }

    /// Whether a peer may ask for it. The others are a node's own work.
    var isForPeers: Bool {
        switch self {
        case .prepare, .commit, .writeBack, .withdraw, .read, .merge, .joinContext, .promise,
            .accept, .confirm, .putEntry,
            .readEntry, .list, .fetch, .items, .moveOver, .expire, .purge, .dropTombstone,
            .dropEntry:
            true
        case .guarded(let request, _): request.isForPeers
        case .assign, .mint, .settle, .outbox, .outboxDone, .addOutbox, .moves, .movePlaced,
            .forget, .partitions, .aged, .audit, .scrub, .quarantine:
            false
        }
    }
}

extension ReplicaReply {
    /// One word for a trace.
    package var kind: String {
        switch self {
        case .assigned: "assigned"
        case .alreadyApplied: "already-applied"
        case .prepared: "prepared"
        case .refused: "refused"
        case .full: "full"
        case .locked: "locked"
        case .isDirectory: "is-directory"
        case .committed: "committed"
        case .register: "register"
        case .promised: "promised"
        case .ballotTooLow: "ballot-too-low"
        case .accepted: "accepted"
        case .merged: "merged"
        case .entry: "entry"
        case .listing: "listing"
        case .items: "items-are"
        case .fetched: "fetched"
        case .unsettled: "unsettled"
        case .outbox: "outbox-is"
        case .moves: "moves-are"
        case .partitions: "partitions-are"
        case .aged: "aged-are"
        case .audit: "audit-is"
        case .damaged: "damaged"
        case .scrubbed: "scrubbed"
        case .done: "done"
        case .stale: "stale"
        }
    }
}
