internal import GRDB
internal import Model
internal import Replication

/// Takes what a node that was alone stored into the tables of registers and entries: each record is
/// the register of a file, each mark that of a directory, each entry one of its directory.
///
/// All sequences of this disk that were ever given out count as taken in everywhere: it alone wrote,
/// so what is not here any more was superseded or deleted here.
final class Adoption {
    private let reader: MetadataReader
    private let queries: TableQueries
    private let writes: TableWrites
    private let database: Database
    private let disk: DiskID
    private let sequence: UInt64
    private var states: [Partition: PartitionState] = [:]

    private init(_ database: Database) throws {
        self.database = database
        reader = try MetadataReader(database)
        queries = try TableQueries(database)
        writes = try TableWrites(database)
        disk = try reader.disk()
        sequence = UInt64(bitPattern: try reader.stateNumber("sequence") ?? 0)
    }

    /// Within a transaction, on tables that have nothing yet.
    static func run(_ database: Database) throws {
        let adoption = try Adoption(database)
        try adoption.adoptRecords()
        try adoption.adoptMarks()
        try adoption.adoptEntries()
        try adoption.finish()
    }

    private func note(_ fingerprint: Fingerprint, in partition: Partition) {
        var state = states[partition] ?? PartitionState()
        state.contents &+= fingerprint
        state.itemCount += 1
        states[partition] = state
    }

    private func adoptRecords() throws {
        let rows = try SQLStatement(
            database, "SELECT path, \(StoredRecord.columns) FROM records ORDER BY path")
        while try rows.step() {
            let key = RegisterKey.file(try rows.path(0))
            let stored = try StoredRecord(rows, first: 1)
            let register = Register(head: stored.version)
            note(register.fingerprint(of: key), in: key.partition)
            _ = try writes.addReference(
                stored.record.object, state: .here, contentKey: stored.contentKey)
        }
    }

    private func adoptMarks() throws {
        let rows = try SQLStatement(
            database, "SELECT path, disk, sequence, time FROM marks ORDER BY path")
        while try rows.step() {
            let key = RegisterKey.mark(try rows.path(0))
            let dot = Dot(disk: try rows.identifier(1), sequence: rows.count(2))
            let time = HybridTime(value: rows.count(3))
            let version = RegisterVersion(
                version: Version(dot: dot, time: time, context: CausalContext(entries: [dot])),
                value: .mark,
                // Its own is not known any more: one that no client has.
                operation: OperationID(
                    bits: Bits128(
                        high: time.wallMilliseconds << 16, low: dot.sequence)))
            let register = Register(head: version)
            try writes.put(register, since: nil, for: key)
            note(register.fingerprint(of: key), in: key.partition)
            try raise(key.path, to: version.rank)
        }
    }

    private func adoptEntries() throws {
        let rows = try SQLStatement(
            database,
            """
            SELECT directory, name, kind, disk, sequence, time FROM entries
            ORDER BY directory, name
            """)
        while try rows.step() {
            let key = EntryKey(directory: try rows.path(0), name: rows.bytes(1))
            let rank = Rank(
                time: HybridTime(value: rows.count(5)),
                dot: Dot(disk: try rows.identifier(3), sequence: rows.count(4)))
            let entry: DirectoryEntry
            if EntryRow.Kind(rawValue: rows.int(2)) == .directory {
                entry = DirectoryEntry(directory: .init(rank: rank, exists: true))
            } else if let path = key.child, let stored = try reader.record(at: path) {
                entry = DirectoryEntry(file: .init(rank: rank, record: stored.record))
            } else {
                throw CorruptRow(description: "an entry of a file that is not there")
            }
            try writes.put(entry, for: key)
            note(entry.fingerprint(of: key), in: key.partition)
            try raise(key.directory, to: rank, adding: 1)
        }
    }

    private func raise(_ directory: StorePath, to rank: Rank, adding count: Int = 0) throws {
        var state = try queries.directoryState(directory)
        state.liveCount += count
        state.rank = max(state.rank ?? rank, rank)
        try writes.put(state, of: directory)
    }

    private func finish() throws {
        for partition in states.keys.sorted() {
            var row = try queries.state(of: partition)
            row.state = states[partition] ?? PartitionState()
            row.state.context = PartitionContext(all: sequence, of: disk)
            try writes.put(row, of: partition)
        }
        try database.execute(
            sql: "INSERT OR REPLACE INTO state(key, value) VALUES('floor', \(sequence))")
    }
}
