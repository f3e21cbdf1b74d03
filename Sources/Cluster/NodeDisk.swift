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
    /// The cluster's state, as one encoded delta a row.
    case state(UInt32)
    /// Layouts whose partitions this disk declared synced.
    case synced
}

package enum StorageRequest: Sendable {
    case replica(ReplicaRequest)
    case save(MetaKey, [UInt8])

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
        case .save(let key, let bytes):
            meta[key] = bytes
            return .saved
        }
    }
}
