internal import GRDB
internal import Model
internal import Replication

/// Changes of the tables of registers and entries, for the writer's connection.
final class TableWrites {
    private let putRegister: SQLStatement
    private let dropRegister: SQLStatement
    private let putRecord: SQLStatement
    private let putState: SQLStatement
    private let dropState: SQLStatement
    private let putListing: SQLStatement
    private let dropListing: SQLStatement
    private let putDirectory: SQLStatement
    private let addOutbox: SQLStatement
    private let removeOutbox: SQLStatement
    private let dropFromPartition: [SQLStatement]
    private let putMeta: SQLStatement
    private let dropMeta: SQLStatement
    private let setDisk: SQLStatement
    private let addReference: SQLStatement
    private let setObject: SQLStatement
    private let dropObject: SQLStatement

    init(_ database: Database) throws {
        func make(_ sql: String) throws -> SQLStatement { try SQLStatement(database, sql) }
        putRegister = try make(
            """
            INSERT INTO registers(partition, kind, path, since, register) VALUES(?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET since = excluded.since, register = excluded.register
            """)
        dropRegister = try make(
            "DELETE FROM registers WHERE partition = ? AND kind = ? AND path = ?")
        let columns = StoredRecord.columns.split(separator: ", ").map(String.init)
        // Not REPLACE: the index by partition stays as it is.
        putRecord = try make(
            """
            INSERT INTO records(path, partition, \(StoredRecord.columns))
            VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
            \(columns.map { "\($0) = excluded.\($0)" }.joined(separator: ", "))
            """)
        putState = try make(
            """
            INSERT INTO partitions(id, counter, items, contents, context, files, bytes)
            VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
            counter = excluded.counter, items = excluded.items, contents = excluded.contents,
            context = excluded.context, files = excluded.files, bytes = excluded.bytes
            """)
        dropState = try make("DELETE FROM partitions WHERE id = ?")
        putListing = try make(
            """
            INSERT INTO listings(partition, directory, name, live, entry) VALUES(?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET live = excluded.live, entry = excluded.entry
            """)
        dropListing = try make(
            "DELETE FROM listings WHERE partition = ? AND directory = ? AND name = ?")
        putDirectory = try make(
            """
            INSERT INTO directories(partition, path, live, rank) VALUES(?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET live = excluded.live, rank = excluded.rank
            """)
        addOutbox = try make(
            "INSERT OR IGNORE INTO entry_outbox(kind, path, partition) VALUES(?, ?, ?)")
        removeOutbox = try make("DELETE FROM entry_outbox WHERE kind = ? AND path = ?")
        dropFromPartition = try ["listings", "directories", "entry_outbox"].map {
            try make("DELETE FROM \($0) WHERE partition = ?")
        }
        putMeta = try make("INSERT OR REPLACE INTO meta(key, value) VALUES(?, ?)")
        dropMeta = try make("DELETE FROM meta WHERE key = ?")
        setDisk = try make("INSERT OR REPLACE INTO state(key, value) VALUES('disk', ?)")
        addReference = try make(
            """
            INSERT INTO objects(object, refs, state, content) VALUES(?, 1, ?, ?)
            ON CONFLICT DO UPDATE SET refs = refs + 1 RETURNING refs, state, content
            """)
        setObject = try make(
            "UPDATE objects SET refs = ?2, state = ?3, content = ?4 WHERE object = ?1")
        dropObject = try make("DELETE FROM objects WHERE object = ?")
    }

    // MARK: Registers

    private func bind(_ key: RegisterKey, to statement: SQLStatement) {
        statement.bind(1, Int64(key.partition.number))
        statement.bind(2, Int64(key.kind.rawValue))
        statement.bind(3, key.path)
    }

    func put(_ register: Register, since: Int64?, for key: RegisterKey) throws {
        bind(key, to: putRegister)
        if let since { putRegister.bind(4, since) } else { putRegister.bindNull(4) }
        putRegister.bind(5, RowCoding.encode(register))
        try putRegister.run()
    }

    func dropRegister(_ key: RegisterKey) throws {
        bind(key, to: dropRegister)
        try dropRegister.run()
    }

    func put(_ stored: StoredRecord, at path: StorePath) throws {
        putRecord.bind(1, path)
        putRecord.bind(2, Int64(Partition(of: path).number))
        stored.bind(to: putRecord, first: 3)
        try putRecord.run()
    }

    // MARK: Partitions

    func put(_ row: TableQueries.StateRow, of partition: Partition) throws {
        let state = row.state
        if state == PartitionState(), row.fileCount == 0 {
            dropState.bind(1, Int64(partition.number))
            return try dropState.run()
        }
        putState.bind(1, Int64(partition.number))
        putState.bind(2, state.counter)
        putState.bind(3, Int64(state.itemCount))
        putState.bind(4, RowCoding.encode(state.contents))
        putState.bind(5, RowCoding.encode(state.context))
        putState.bind(6, row.fileCount)
        putState.bind(7, row.byteCount)
        try putState.run()
    }

    /// Entries, directories and outbox rows of a partition go.
    func dropEntries(of partition: Partition) throws {
        for statement in dropFromPartition {
            statement.bind(1, Int64(partition.number))
            try statement.run()
        }
    }

    // MARK: Entries

    private func bind(_ key: EntryKey, to statement: SQLStatement) {
        statement.bind(1, Int64(key.partition.number))
        statement.bind(2, key.directory)
        statement.bind(3, key.name)
    }

    func put(_ entry: DirectoryEntry, for key: EntryKey) throws {
        bind(key, to: putListing)
        putListing.bind(4, Int64(entry.isLive ? 1 : 0))
        putListing.bind(5, RowCoding.encode(entry))
        try putListing.run()
    }

    func dropEntry(_ key: EntryKey) throws {
        bind(key, to: dropListing)
        try dropListing.run()
    }

    func put(_ state: DirectoryState, of directory: StorePath) throws {
        putDirectory.bind(1, Int64(Partition(of: directory).number))
        putDirectory.bind(2, directory)
        putDirectory.bind(3, Int64(state.liveCount))
        putDirectory.bind(4, state.rank.map { RowCoding.encode($0) } ?? [])
        try putDirectory.run()
    }

    func add(_ row: OutboxRow) throws {
        addOutbox.bind(1, OutboxKind(row).rawValue)
        addOutbox.bind(2, row.path)
        addOutbox.bind(3, Int64(Partition(of: row.path).number))
        try addOutbox.run()
    }

    func remove(_ row: OutboxRow) throws {
        removeOutbox.bind(1, OutboxKind(row).rawValue)
        removeOutbox.bind(2, row.path)
        try removeOutbox.run()
    }

    // MARK: Small rows

    func putMeta(_ key: [UInt8], _ bytes: [UInt8]?) throws {
        guard let bytes else {
            dropMeta.bind(1, key)
            return try dropMeta.run()
        }
        putMeta.bind(1, key)
        putMeta.bind(2, bytes)
        try putMeta.run()
    }

    func setDisk(_ disk: DiskID) throws {
        setDisk.bind(1, disk)
        try setDisk.run()
    }

    // MARK: Contents

    /// One register more names the object.
    /// - Parameters: what a row says that was not there.
    /// - Returns: what the row says now.
    func addReference(
        _ object: ObjectID, state: ObjectRow.State, contentKey: UInt64
    ) throws -> ObjectRow {
        addReference.bind(1, object)
        addReference.bind(2, state.rawValue)
        addReference.bind(3, contentKey)
        guard try addReference.step() else {
            throw CorruptRow(description: "an object without its row")
        }
        let row = try ObjectRow(addReference, first: 0)
        // With the last row the statement is done.
        while try addReference.step() {}
        return row
    }

    func set(_ row: ObjectRow, of object: ObjectID) throws {
        setObject.bind(1, object)
        setObject.bind(2, row.referenceCount)
        setObject.bind(3, row.state.rawValue)
        setObject.bind(4, row.contentKey)
        try setObject.run()
    }

    func dropObject(_ object: ObjectID) throws {
        dropObject.bind(1, object)
        try dropObject.run()
    }
}
