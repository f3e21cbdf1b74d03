package import Model
package import Reconciliation
package import Replication

/// What must survive the process beside registers and entries: rows of bytes under small keys.
package enum MetaKey: Hashable, Comparable, Sendable {
    /// The node's lives, as a big-endian number.
    case life
    /// The hybrid clock's last reading.
    case clock
    /// Peers to say hello to at the next start.
    case peers
    /// There where the node knows what its cluster agreed on (`Gossip.isInformed`).
    case informed
    /// Layouts that the disk declared synced.
    case declared
    /// The incarnation in which the node left the cluster.
    case departed
    /// How far the disk has come, as peers remember it.
    case epoch
    /// One entry of the cluster's state, as an encoded delta, under the entry's name.
    case state([UInt8])

    package static func < (a: MetaKey, b: MetaKey) -> Bool {
        switch (a, b) {
        case (.state(let a), .state(let b)): a.lexicographicallyPrecedes(b)
        default: a.number < b.number
        }
    }

    private var number: Int {
        switch self {
        case .life: 0
        case .clock: 1
        case .peers: 2
        case .informed: 3
        case .declared: 4
        case .departed: 5
        case .epoch: 6
        case .state: 7
        }
    }
}

/// One row; nil removes it.
package struct MetaRow: Sendable {
    package var key: MetaKey
    package var bytes: [UInt8]?

    package init(_ key: MetaKey, _ bytes: [UInt8]?) {
        self.key = key
        self.bytes = bytes
    }
}

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

/// Everything that a data directory holds, as a value: what the simulator keeps of a disk, twice
/// (written, and synced).
package struct NodeDisk: Sendable {
    package var tables: MemoryTables
    package private(set) var meta: [MetaKey: [UInt8]]

    package var id: DiskID { tables.disk }

    /// A new disk.
    package init(id: DiskID) {
        tables = MemoryTables(disk: id)
        meta = [:]
    }

    /// From now on another disk: what it says of itself begins anew, what is on it stays.
    package mutating func renew(_ id: DiskID) {
        tables.renew(id)
        for key in [MetaKey.declared, .departed, .epoch] { meta[key] = nil }
    }

    package mutating func execute(_ request: StorageRequest, at now: Duration) -> StorageAnswer {
        switch request {
        case .replica(let request): return .replica(tables.execute(request, at: now))
        case .save(let rows):
            for row in rows { meta[row.key] = row.bytes }
            return .saved
        case .skipSequences(let count):
            tables.skipSequences(count)
            return .saved
        case .reconcile(let request, let shared):
            return .reconciled(
                ReconciliationResponder.answer(request, from: source(shared)))
        case .advance(var session, let reply, let shared):
            let directives = session.replyReceived(
                reply, byteCount: reply.encode().count, source: source(shared))
            return .advanced(session, directives)
        }
    }

    private func source(_ shared: SharedSums) -> IndexedSource<TableReader> {
        IndexedSource(
            index: shared.index, scope: shared.scope, total: shared.total,
            entries: TableReader(tables: tables))
    }
}

/// Reads the items of one partition for a comparison.
private struct TableReader: EntryReader {
    let tables: MemoryTables

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
