package import Model
package import Reconciliation
package import Replication

package indirect enum StorageRequest: Sendable {
    case replica(ReplicaRequest)
    case save([MetaRow])
    /// Passes over so many sequences in each partition.
    case skipSequences(UInt64)
    /// Answers a peer's question about the differences in what is shared with it.
    case reconcile(ReconciliationRequest, SharedSums)
    /// Takes a peer's answer into a session of this node.
    case advance(ReconciliationSession, ReconciliationReply, SharedSums)

    package var changes: Bool {
        switch self {
        case .replica(let request): request.changes
        case .save, .skipSequences: true
        case .reconcile, .advance: false
        }
    }

    /// A question about few rows, which a store's writer may answer in between.
    package var isShortQuestion: Bool {
        guard case .replica(let request) = self else { return false }
        switch request {
        case .read, .readEntry: return true
        case .list(_, _, let limit, _): return limit <= ClusterLimits.shortListMax
        default: return false
        }
    }

    /// Whether it is a step of a write, on whose answer the next step waits: worth an answer ahead.
    package var isStep: Bool {
        guard case .replica(let request) = self else { return false }
        switch request.plain {
        case .assign, .mint, .promise, .accept, .confirm, .putEntry, .withdraw: return true
        default: return isShortQuestion
        }
    }

    var changesRecords: Bool {
        switch self {
        case .replica(let request): request.changes
        case .save, .skipSequences, .reconcile, .advance: false
        }
    }

    /// Whether a disk that forgot it would break a word that was given.
    var isRemembered: Bool {
        switch self {
        case .replica(let request): request.changes
        case .save(let rows): rows.contains { $0.key == .declared }
        case .skipSequences, .reconcile, .advance: false
        }
    }
}

/// The sums over what a node shares with a peer, as of now.
package struct SharedSums: Sendable {
    package var index: FingerprintIndex
    package var scope: PartitionSet
    package var total: Fingerprint

    package init(index: FingerprintIndex, scope: PartitionSet, total: Fingerprint) {
        self.index = index
        self.scope = scope
        self.total = total
    }
}

package indirect enum StorageAnswer: Sendable {
    case replica(ReplicaOutcome)
    case saved
    case reconciled(ReconciliationReply)
    case advanced(ReconciliationSession, [ReconciliationDirective])
}

extension StorageRequest {
    /// Does the request on a disk's tables, as one transaction. Small rows are no matter of the
    /// tables: whoever has them saves them.
    ///
    /// - Parameter now: monotonic time (see `Replica.execute`).
    package func execute<Tables: ReplicaTables>(
        on tables: inout Tables, at now: Duration
    ) -> StorageAnswer {
        switch self {
        case .replica(let request):
            return .replica(Replica.execute(request, on: &tables, at: now))
        case .save: preconditionFailure("small rows are not in the tables")
        case .skipSequences(let count):
            tables.skipSequences(count)
            return .saved
        case .reconcile(let request, let shared):
            return .reconciled(
                ReconciliationResponder.answer(request, from: shared.source(tables)))
        case .advance(var session, let reply, let shared):
            let directives = session.replyReceived(
                reply, byteCount: reply.encode().count, source: shared.source(tables))
            return .advanced(session, directives)
        }
    }
}

extension SharedSums {
    fileprivate func source<Tables: ReplicaTables>(
        _ tables: Tables
    ) -> IndexedSource<TableReader<Tables>> {
        IndexedSource(
            index: index, scope: scope, total: total, entries: TableReader(tables: tables))
    }
}

/// Reads the items of one partition for a comparison.
private struct TableReader<Tables: ReplicaTables>: EntryReader {
    let tables: Tables

    func sum(of keys: ClosedRange<UInt64>) -> RangeSum {
        var sum = RangeSum.empty
        for item in items(in: keys, limit: .max) {
            sum += RangeSum(fingerprint: item.fingerprint, count: 1)
        }
        return sum
    }

    func items(in keys: ClosedRange<UInt64>, limit: Int) -> [ReconciliationItem] {
        let partition = Partition(number: UInt16(keys.lowerBound >> 48))
        return Array(
            tables.items(of: partition).lazy
                .map { item in
                    ReconciliationItem(
                        key: UInt64(partition.number) << 48 | item.key.bits,
                        fingerprint: item.fingerprint)
                }
                .filter { keys.contains($0.key) }
                .prefix(limit))
    }
}
