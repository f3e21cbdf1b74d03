package import Model
package import Replication

/// Everything that a data directory holds, as a value: what the simulator keeps of a disk, twice
/// (written, and synced).
package struct NodeDisk: Sendable {
    package var tables: MemoryTables
    package private(set) var meta: [MetaKey: [UInt8]]

    package var id: DiskID { tables.disk }

    /// A new disk; or what a node needs of one when it starts, whose tables are elsewhere.
    package init(id: DiskID, meta: [MetaKey: [UInt8]] = [:]) {
        tables = MemoryTables(disk: id)
        self.meta = meta
    }

    /// From now on another disk: what it says of itself begins anew, what is on it stays.
    package mutating func renew(_ id: DiskID) {
        tables.renew(id)
        for key in MetaKey.ofDisk { meta[key] = nil }
    }

    package mutating func execute(_ request: StorageRequest, at now: Duration) -> StorageAnswer {
        guard case .save(let rows) = request else { return request.execute(on: &tables, at: now) }
        for row in rows { meta[row.key] = row.bytes }
        return .saved
    }
}
