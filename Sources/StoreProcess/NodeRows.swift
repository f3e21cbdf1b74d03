internal import Cluster
internal import GRDB
internal import Model

/// What the cluster's brain needs of the disk when it starts.
enum NodeRows {
    /// The disk's id and all small rows; the tables stay in the database.
    static func load(_ database: Database) throws -> NodeDisk {
        let disk = try MetadataReader(database).disk()
        var meta: [MetaKey: [UInt8]] = [:]
        let rows = try SQLStatement(database, "SELECT key, value FROM meta")
        while try rows.step() {
            guard let key = MetaKey(bytes: rows.bytes(0)) else {
                throw CorruptRow(description: "a row of meta of an unknown kind")
            }
            meta[key] = rows.bytes(1)
        }
        return NodeDisk(id: disk, meta: meta)
    }
}
