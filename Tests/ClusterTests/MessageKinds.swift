import Replication

@testable import Cluster

// Every kind of what nodes say: a new one does not compile before it is named here, and the tests
// fail until it has samples, or is said to be a node's own.

enum ClientRequestKind: CaseIterable {
    case copy, put, delete, get, makeDirectory, removeDirectory, list, move, place, lock,
        refreshLock, unlock, locks, guarded, showing, lockSet, changeLocks, clearTraces, setSetting,
        setReplicationFactor, leave, cancelLeave, takeOut, joinCluster, history,
        restore, purge, describe, mark

    init(_ value: ClientRequest) {
        self =
            switch value {
            case .copy: .copy
            case .put: .put
            case .delete: .delete
            case .get: .get
            case .makeDirectory: .makeDirectory
            case .removeDirectory: .removeDirectory
            case .list: .list
            case .move: .move
            case .place: .place
            case .lock: .lock
            case .refreshLock: .refreshLock
            case .unlock: .unlock
            case .locks: .locks
            case .guarded: .guarded
            case .showing: .showing
            case .lockSet: .lockSet
            case .changeLocks: .changeLocks
            case .clearTraces: .clearTraces
            case .setSetting: .setSetting
            case .setReplicationFactor: .setReplicationFactor
            case .leave: .leave
            case .cancelLeave: .cancelLeave
            case .takeOut: .takeOut
            case .joinCluster: .joinCluster
            case .history: .history
            case .restore: .restore
            case .purge: .purge
            case .describe: .describe
            case .mark: .mark
            }
    }

    var travels: Bool {
        switch self {
        case .put, .delete, .makeDirectory, .removeDirectory, .place, .showing, .changeLocks,
            .describe:
            true
        default: false
        }
    }
}

enum ClientAnswerKind: CaseIterable {
    case written, file, history, listing, notFound, conditionFailed, directoryNotEmpty, isDirectory,
        notADirectory, lockGranted, unlocked, locks, locked, lockNotFound, tooManyLocks,
        lockSet, lockDecision, unavailable, done, refused, mark

    init(_ value: ClientAnswer) {
        self =
            switch value {
            case .written: .written
            case .file: .file
            case .history: .history
            case .listing: .listing
            case .notFound: .notFound
            case .conditionFailed: .conditionFailed
            case .directoryNotEmpty: .directoryNotEmpty
            case .isDirectory: .isDirectory
            case .notADirectory: .notADirectory
            case .lockGranted: .lockGranted
            case .unlocked: .unlocked
            case .locks: .locks
            case .locked: .locked
            case .lockNotFound: .lockNotFound
            case .tooManyLocks: .tooManyLocks
            case .lockSet: .lockSet
            case .lockDecision: .lockDecision
            case .unavailable: .unavailable
            case .done: .done
            case .refused: .refused
            case .mark: .mark
            }
    }

    var travels: Bool {
        switch self {
        case .written, .notFound, .conditionFailed, .directoryNotEmpty, .isDirectory,
            .notADirectory, .locked, .lockDecision, .unavailable, .done:
            true
        default: false
        }
    }
}

enum PeerRequestKind: CaseIterable {
    case replica, forward, isWanted, establish, partitionsHeldBy, epoch, reconcile

    init(_ value: PeerRequest.Body) {
        self =
            switch value {
            case .replica: .replica
            case .forward: .forward
            case .isWanted: .isWanted
            case .establish: .establish
            case .partitionsHeldBy: .partitionsHeldBy
            case .epoch: .epoch
            case .reconcile: .reconcile
            }
    }
}

enum PeerReplyKind: CaseIterable {
    case replica, client, partitions, reconciled, epoch, done, layoutsDiffer, notReady

    init(_ value: PeerReply.Body) {
        self =
            switch value {
            case .replica: .replica
            case .client: .client
            case .partitions: .partitions
            case .reconciled: .reconciled
            case .epoch: .epoch
            case .done: .done
            case .layoutsDiffer: .layoutsDiffer
            case .notReady: .notReady
            }
    }
}

enum PeerMessageKind: CaseIterable {
    case membership, gossip, request, reply, tell, watch, changed

    init(_ value: PeerMessage) {
        self =
            switch value {
            case .membership: .membership
            case .gossip: .gossip
            case .request: .request
            case .reply: .reply
            case .tell: .tell
            case .watch: .watch
            case .changed: .changed
            }
    }
}
