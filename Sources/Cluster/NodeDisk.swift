package import Model
package import Replication

/// What must survive the process beside registers and entries: rows of bytes under small keys.
package enum MetaKey: Hashable, Comparable, Sendable {
    /// The node's lives, as a big-endian number.
    case life
    /// The hybrid clock's last reading.
    case clock
    /// Peers to say hello to at the next start.
    case peers
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
        case .state: 3
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

package enum StorageRequest: Sendable {
    case replica(ReplicaRequest)
    case save([MetaRow])

    package var changes: Bool {
        switch self {
        case .replica(let request): request.changes
        case .save: true
        }
    }
}

package enum StorageAnswer: Sendable {
    case replica(ReplicaOutcome)
    case saved
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

    package mutating func execute(_ request: StorageRequest, at now: Duration) -> StorageAnswer {
        switch request {
        case .replica(let request): return .replica(tables.execute(request, at: now))
        case .save(let rows):
            for row in rows { meta[row.key] = row.bytes }
            return .saved
        }
    }
}
