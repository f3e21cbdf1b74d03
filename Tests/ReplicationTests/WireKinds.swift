import Model
import Replication

/// Every request to a disk. A new one does not compile before it is named here, and has a sample.
enum RequestKind: String, CaseIterable {
    case assign, prepare, commit, writeBack, withdraw, read, merge, joinContext, promise, accept,
        confirm, mint, guarded, putEntry, readEntry, list, fetch, items, scrub, quarantine, audit,
        addOutbox, settle, outbox, outboxDone, moves, movePlaced, moveOver, expire, purge,
        dropTombstone, dropEntry, forget, partitions, aged

    init(_ value: ReplicaRequest) {
        self =
            switch value {
            case .assign: .assign
            case .prepare: .prepare
            case .commit: .commit
            case .writeBack: .writeBack
            case .withdraw: .withdraw
            case .read: .read
            case .merge: .merge
            case .joinContext: .joinContext
            case .promise: .promise
            case .accept: .accept
            case .confirm: .confirm
            case .mint: .mint
            case .guarded: .guarded
            case .putEntry: .putEntry
            case .readEntry: .readEntry
            case .list: .list
            case .fetch: .fetch
            case .items: .items
            case .scrub: .scrub
            case .quarantine: .quarantine
            case .audit: .audit
            case .addOutbox: .addOutbox
            case .settle: .settle
            case .outbox: .outbox
            case .outboxDone: .outboxDone
            case .moves: .moves
            case .movePlaced: .movePlaced
            case .moveOver: .moveOver
            case .expire: .expire
            case .purge: .purge
            case .dropTombstone: .dropTombstone
            case .dropEntry: .dropEntry
            case .forget: .forget
            case .partitions: .partitions
            case .aged: .aged
            }
    }

    /// Whether peers say it to each other.
    var travels: Bool {
        switch self {
        case .assign, .mint, .scrub, .quarantine, .audit, .addOutbox, .settle, .outbox,
            .outboxDone, .moves, .movePlaced, .forget, .partitions, .aged:
            false
        default: true
        }
    }
}

/// Every reply of a disk. A new one does not compile before it is named here, and has a sample.
enum ReplyKind: String, CaseIterable {
    case assigned, alreadyApplied, prepared, refused, full, locked, isDirectory, committed,
        register, damaged, promised, ballotTooLow, accepted, merged, entry, listing, items,
        fetched, unsettled, outbox, moves, partitions, aged, audit, scrubbed, done, stale

    init(_ value: ReplicaReply) {
        self =
            switch value {
            case .assigned: .assigned
            case .alreadyApplied: .alreadyApplied
            case .prepared: .prepared
            case .refused: .refused
            case .full: .full
            case .locked: .locked
            case .isDirectory: .isDirectory
            case .committed: .committed
            case .register: .register
            case .damaged: .damaged
            case .promised: .promised
            case .ballotTooLow: .ballotTooLow
            case .accepted: .accepted
            case .merged: .merged
            case .entry: .entry
            case .listing: .listing
            case .items: .items
            case .fetched: .fetched
            case .unsettled: .unsettled
            case .outbox: .outbox
            case .moves: .moves
            case .partitions: .partitions
            case .aged: .aged
            case .audit: .audit
            case .scrubbed: .scrubbed
            case .done: .done
            case .stale: .stale
            }
    }

    /// Whether peers say it to each other.
    var travels: Bool {
        switch self {
        case .assigned, .unsettled, .outbox, .moves, .partitions, .aged, .audit, .scrubbed:
            false
        default: true
        }
    }
}

extension WireSamples {
    mutating func request(_ kind: RequestKind) -> ReplicaRequest {
        switch kind {
        case .assign: .assign(assignment())
        case .prepare: .prepare(key(), version(), earlier: some(0...2) { $0.version() })
        case .commit: .commit(key(), version(), listed: chance(), settled: maybe { $0.ballot() })
        case .writeBack: .writeBack(key(), version())
        case .withdraw: .withdraw(key(), dot())
        case .read: .read(key())
        case .merge:
            .merge(
                partition(), keyedRegisters(), keyedEntries(), theirs: partitionContext(),
                [.holder, .takeOver, .handBack][number(0...2)])
        case .joinContext: .joinContext(partition(), partitionContext(), ifContents: fingerprint())
        case .promise: .promise(key(), ballot())
        case .accept: .accept(key(), ballot(), version())
        case .confirm: .confirm(key(), ballot(), version())
        case .mint: .mint(assignment(), ballot())
        case .guarded:
            guardedWrite()
        case .putEntry: .putEntry(entryKey(), entry())
        case .readEntry: .readEntry(entryKey())
        case .list:
            .list(
                path(), after: maybe { _ in [0x61] }, limit: number(0...999), withGone: chance())
        case .fetch:
            .fetch(
                partition(), some(0...5) { ItemKey(bits: $0.generator.next()) },
                withUnsettled: chance())
        case .items: .items(partition(), checked: chance())
        case .scrub: .scrub(after: maybe { $0.key() }, limit: 3)
        case .quarantine: .quarantine(key(), [dot()])
        case .audit: .audit(partition())
        case .addOutbox: .addOutbox(.file(path()))
        case .settle: .settle(preparedBefore: nil)
        case .outbox: .outbox(after: nil, limit: 1)
        case .outboxDone: .outboxDone([OutboxItem(row: .directory(path()), entry: nil)])
        case .moves: .moves(after: nil, limit: 1)
        case .movePlaced: .movePlaced(OperationID(using: &generator))
        case .moveOver: .moveOver(OperationID(using: &generator))
        case .expire: .expire(key(), some(0...3) { $0.dot() })
        case .purge: .purge(key(), some(0...3) { $0.dot() })
        case .dropTombstone: .dropTombstone(key(), dot())
        case .dropEntry: .dropEntry(entryKey(), entry())
        case .forget: .forget(partition(), ifSum: fingerprint())
        case .partitions: .partitions
        case .aged:
            .aged(
                AgeBounds(
                    keptBefore: time(), surplusBefore: time(), keptCountMax: 1, losersMax: 1,
                    tombstonesBefore: time()), after: nil, limit: 1)
        }
    }

    /// With the move of which it makes the destination, or without one.
    private mutating func guardedWrite() -> ReplicaRequest {
        let key = key()
        var guarding = guarding()
        guarding.move = maybe {
            MoveIntent(
                source: $0.path(), dot: $0.dot(), destination: key.path,
                operation: OperationID(using: &$0.generator))
        }
        return chance()
            ? .guarded(.prepare(key, version()), guarding)
            : .guarded(.accept(key, ballot(), version()), guarding)
    }

    mutating func reply(_ kind: ReplyKind) -> ReplicaReply {
        switch kind {
        case .assigned: .assigned(version(), replacing: chance())
        case .alreadyApplied: .alreadyApplied(version())
        case .prepared: .prepared
        case .refused: .refused(context: context(), above: time())
        case .full: .full
        case .locked: .locked
        case .isDirectory: .isDirectory
        case .committed: .committed
        case .register: .register(register(), partitionContext(), isDirectory: chance())
        case .damaged: .damaged
        case .promised: .promised(register(), partitionContext(), isDirectory: chance())
        case .ballotTooLow: .ballotTooLow(ballot())
        case .accepted: .accepted
        case .merged: .merged
        case .entry: .entry(maybe { $0.entry() }, existence: existence())
        case .listing: .listing(keyedEntries(), existence: existence(), more: chance())
        case .items:
            .items(
                some(0...5) {
                    Item(key: ItemKey(bits: $0.generator.next()), fingerprint: $0.fingerprint())
                }, partitionContext(), contents: fingerprint(), hasUnsettled: chance())
        case .fetched:
            .fetched(
                keyedRegisters(), keyedEntries(), partitionContext(), contents: fingerprint())
        case .unsettled: .unsettled([key()], [], more: chance())
        case .outbox: .outbox([])
        case .moves: .moves([])
        case .partitions: .partitions([])
        case .aged: .aged([], next: nil)
        case .audit: .audit([], [], [])
        case .scrubbed: .scrubbed(next: nil, damaged: [])
        case .done: .done
        case .stale: .stale
        }
    }
}
