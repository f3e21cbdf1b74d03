internal import GRDB
internal import IPC
internal import Model

/// The writer's statements, prepared once.
final class LedgerStatements {
    /// The outboxes: tables of work for the housekeeper, keyed by sequence.
    enum Outbox: CaseIterable {
        case staged
        case viewDirty
        case garbage

        fileprivate var table: String {
            switch self {
            case .staged: "staged"
            case .viewDirty: "view_dirty"
            case .garbage: "garbage"
            }
        }
    }

    /// A directory's explicit mark.
    struct Mark {
        var dot: Dot
        var time: HybridTime
    }

    private let setState: SQLStatement
    private let operation: SQLStatement
    private let keepOperation: SQLStatement
    private let pruneOperations: SQLStatement
    private let insertRecord: SQLStatement
    private let removeRecord: SQLStatement
    private let insertEntry: SQLStatement
    private let removeEntry: SQLStatement
    private let firstEntry: SQLStatement
    private let mark: SQLStatement
    private let insertMark: SQLStatement
    private let removeMark: SQLStatement
    private let countPartition: SQLStatement
    private let insertContent: SQLStatement
    private let contentSize: SQLStatement
    private let removeContent: SQLStatement
    private let unwrittenSums: SQLStatement
    private let insertStaged: SQLStatement
    private let insertDirty: SQLStatement
    private let failDirty: SQLStatement
    private let insertGarbage: SQLStatement
    private let removeFromOutbox: [Outbox: SQLStatement]
    private let filesBetween: SQLStatement
    private let marksBetween: SQLStatement

    init(_ database: Database) throws {
        func make(_ sql: String) throws -> SQLStatement { try SQLStatement(database, sql) }
        setState = try make("INSERT OR REPLACE INTO state(key, value) VALUES(?, ?)")
        operation = try make("SELECT result FROM operations WHERE id = ?")
        keepOperation = try make("INSERT OR IGNORE INTO operations(id, at, result) VALUES(?, ?, ?)")
        // Ids begin with the time, so the oldest stand at the table's start.
        pruneOperations = try make(
            """
            DELETE FROM operations WHERE at < ?1 AND id IN (
                SELECT id FROM operations ORDER BY id LIMIT ?2)
            """)
        insertRecord = try make(
            """
            INSERT OR REPLACE INTO records(path, partition, \(StoredRecord.columns))
            VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        removeRecord = try make("DELETE FROM records WHERE path = ?")
        insertEntry = try make(
            """
            INSERT OR REPLACE INTO entries(directory, \(EntryRow.columns))
            VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        removeEntry = try make("DELETE FROM entries WHERE directory = ? AND name = ?")
        firstEntry = try make("SELECT 1 FROM entries WHERE directory = ? LIMIT 1")
        mark = try make("SELECT disk, sequence, time FROM marks WHERE path = ?")
        insertMark = try make(
            "INSERT INTO marks(path, disk, sequence, time, created) VALUES(?, ?, ?, ?, ?)")
        removeMark = try make("DELETE FROM marks WHERE path = ?")
        countPartition = try make(
            """
            INSERT INTO partitions(id, files, bytes) VALUES(?, ?, ?) ON CONFLICT(id)
            DO UPDATE SET files = files + excluded.files, bytes = bytes + excluded.bytes
            """)
        insertContent = try make(
            "INSERT INTO content(sequence, object, path, modified, bytes) VALUES(?, ?, ?, ?, ?)")
        contentSize = try make("SELECT length(bytes) FROM content WHERE sequence = ?")
        removeContent = try make("DELETE FROM content WHERE sequence = ?")
        unwrittenSums = try make("SELECT COUNT(*), TOTAL(length(bytes)) FROM content")
        insertStaged = try make(
            "INSERT INTO staged(sequence, operation, object) VALUES(?, ?, ?)")
        insertDirty = try make(
            "INSERT OR REPLACE INTO view_dirty(sequence, path, failed) VALUES(?, ?, ?)")
        failDirty = try make("UPDATE view_dirty SET failed = 1 WHERE sequence = ?")
        insertGarbage = try make(
            "INSERT INTO garbage(sequence, object, path) VALUES(?, ?, ?)")
        var removals: [Outbox: SQLStatement] = [:]
        for outbox in Outbox.allCases {
            removals[outbox] = try make("DELETE FROM \(outbox.table) WHERE sequence = ?")
        }
        removeFromOutbox = removals
        filesBetween = try make(
            """
            SELECT path, \(StoredRecord.columns) FROM records WHERE path > ? AND path < ?
            ORDER BY path LIMIT ?
            """)
        marksBetween = try make(
            """
            SELECT path, disk, sequence, time FROM marks WHERE path >= ? AND path < ?
            ORDER BY path DESC LIMIT ?
            """)
    }

    // MARK: State and operations

    func setState(_ key: String, _ value: Int64) throws {
        setState.bind(1, key)
        setState.bind(2, value)
        try setState.run()
    }

    func setState(_ key: String, _ value: [UInt8]) throws {
        setState.bind(1, key)
        setState.bind(2, value)
        try setState.run()
    }

    func result(of id: OperationID) throws -> WriteResponse? {
        operation.bind(1, id)
        guard try operation.step() else { return nil }
        let bytes = operation.bytes(0)
        operation.reset()
        return try WriteResponse(decoding: unsafe bytes.span.bytes)
    }

    func keep(_ id: OperationID, _ response: WriteResponse, at milliseconds: UInt64) throws {
        var writer = ByteWriter()
        response.encode(into: &writer)
        keepOperation.bind(1, id)
        keepOperation.bind(2, milliseconds)
        keepOperation.bind(3, writer.bytes)
        try keepOperation.run()
    }

    func pruneOperations(before milliseconds: UInt64) throws -> Bool {
        pruneOperations.bind(1, milliseconds)
        pruneOperations.bind(2, Int64(StoreLimits.operationsPrunedCount))
        try pruneOperations.run()
        return pruneOperations.changes > 0
    }

    // MARK: Records and entries

    func insert(_ stored: StoredRecord, at path: StorePath) throws {
        insertRecord.bind(1, path)
        insertRecord.bind(2, Int64(stored.record.home.number))
        stored.bind(to: insertRecord, first: 3)
        try insertRecord.run()
    }

    func removeRecord(at path: StorePath) throws {
        removeRecord.bind(1, path)
        try removeRecord.run()
    }

    func insertFileEntry(_ record: FileRecord, at path: StorePath) throws {
        bindEntry(path, .file, record.version.dot, record.version.time)
        insertEntry.bind(7, record.byteCount)
        insertEntry.bind(8, record.digest)
        insertEntry.bind(9, record.contentType)
        insertEntry.bind(10, record.created.nanoseconds)
        insertEntry.bind(11, record.modified.nanoseconds)
        try insertEntry.run()
    }

    func insertDirectoryEntry(
        at path: StorePath, _ dot: Dot, _ time: HybridTime, _ now: Timestamp
    ) throws {
        bindEntry(path, .directory, dot, time)
        insertEntry.bind(7, Int64(0))
        insertEntry.bind(8, [])
        insertEntry.bind(9, "")
        insertEntry.bind(10, now.nanoseconds)
        insertEntry.bind(11, now.nanoseconds)
        try insertEntry.run()
    }

    private func bindEntry(
        _ path: StorePath, _ kind: EntryRow.Kind, _ dot: Dot, _ time: HybridTime
    ) {
        insertEntry.bind(1, path.parent ?? .root)
        insertEntry.bind(2, [UInt8](path.name))
        insertEntry.bind(3, kind.rawValue)
        insertEntry.bind(4, dot.disk)
        insertEntry.bind(5, dot.sequence)
        insertEntry.bind(6, time.value)
    }

    func removeEntry(at path: StorePath) throws {
        removeEntry.bind(1, path.parent ?? .root)
        removeEntry.bind(2, [UInt8](path.name))
        try removeEntry.run()
    }

    func hasEntries(_ directory: StorePath) throws -> Bool {
        firstEntry.bind(1, directory)
        guard try firstEntry.step() else { return false }
        firstEntry.reset()
        return true
    }

    func count(_ partition: Partition, files: Int64, bytes: Int64) throws {
        countPartition.bind(1, Int64(partition.number))
        countPartition.bind(2, files)
        countPartition.bind(3, bytes)
        try countPartition.run()
    }

    // MARK: Marks

    func mark(at path: StorePath) throws -> Mark? {
        mark.bind(1, path)
        guard try mark.step() else { return nil }
        defer { mark.reset() }
        return try LedgerStatements.decodeMark(mark, first: 0)
    }

    private static func decodeMark(_ row: SQLStatement, first: Int32) throws -> Mark {
        Mark(
            dot: Dot(disk: try row.identifier(first), sequence: row.count(first + 1)),
            time: HybridTime(value: row.count(first + 2)))
    }

    func insertMark(
        at path: StorePath, _ dot: Dot, _ time: HybridTime, _ now: Timestamp
    ) throws {
        insertMark.bind(1, path)
        insertMark.bind(2, dot.disk)
        insertMark.bind(3, dot.sequence)
        insertMark.bind(4, time.value)
        insertMark.bind(5, now.nanoseconds)
        try insertMark.run()
    }

    func removeMark(at path: StorePath) throws {
        removeMark.bind(1, path)
        try removeMark.run()
    }

    // MARK: Content and outboxes

    func insertContent(_ record: FileRecord, at path: StorePath, _ bytes: [UInt8]) throws {
        try insertContent(
            record.version.dot.sequence, record.object, at: path, modified: record.modified,
            bytes)
    }

    func insertContent(
        _ sequence: UInt64, _ object: ObjectID, at path: StorePath, modified: Timestamp,
        _ bytes: [UInt8]
    ) throws {
        insertContent.bind(1, sequence)
        insertContent.bind(2, object)
        insertContent.bind(3, path)
        insertContent.bind(4, modified.nanoseconds)
        insertContent.bind(5, bytes)
        try insertContent.run()
    }

    /// Removes a row of content.
    /// - Returns: its bytes; nil where it was written out and removed before.
    func removeContent(_ sequence: UInt64) throws -> Int? {
        contentSize.bind(1, sequence)
        guard try contentSize.step() else { return nil }
        let byteCount = Int(contentSize.int(0))
        contentSize.reset()
        removeContent.bind(1, sequence)
        try removeContent.run()
        return byteCount
    }

    /// Rows of content and their bytes.
    func unwritten() throws -> (count: Int, byteCount: Int) {
        guard try unwrittenSums.step() else { return (0, 0) }
        defer { unwrittenSums.reset() }
        return (Int(unwrittenSums.int(0)), Int(unwrittenSums.int(1)))
    }

    func insertStaged(
        _ sequence: UInt64, _ operation: OperationID, _ object: ObjectID
    ) throws {
        insertStaged.bind(1, sequence)
        insertStaged.bind(2, operation)
        insertStaged.bind(3, object)
        try insertStaged.run()
    }

    func insertDirty(_ sequence: UInt64, _ path: StorePath, failed: Bool = false) throws {
        insertDirty.bind(1, sequence)
        insertDirty.bind(2, path)
        insertDirty.bind(3, Int64(failed ? 1 : 0))
        try insertDirty.run()
    }

    func failView(_ sequence: UInt64) throws {
        failDirty.bind(1, sequence)
        try failDirty.run()
    }

    func insertGarbage(
        _ sequence: UInt64, _ object: ObjectID, shownAt path: StorePath
    ) throws {
        insertGarbage.bind(1, sequence)
        insertGarbage.bind(2, object)
        insertGarbage.bind(3, path)
        try insertGarbage.run()
    }

    func remove(_ sequences: [UInt64], from outbox: Outbox) throws {
        guard let statement = removeFromOutbox[outbox] else { return }
        for sequence in sequences {
            statement.bind(1, sequence)
            try statement.run()
        }
    }

    // MARK: Ranges, for recursive deletions

    func files(
        above low: [UInt8], below high: [UInt8], _ limit: Int
    ) throws -> [(path: StorePath, stored: StoredRecord)] {
        filesBetween.bind(1, low)
        filesBetween.bind(2, high)
        filesBetween.bind(3, Int64(limit))
        var found: [(path: StorePath, stored: StoredRecord)] = []
        while try filesBetween.step() {
            found.append(
                (try filesBetween.path(0), try StoredRecord(filesBetween, first: 1)))
        }
        return found
    }

    func marks(
        from low: [UInt8], below high: [UInt8], _ limit: Int
    ) throws -> [(path: StorePath, mark: Mark)] {
        marksBetween.bind(1, low)
        marksBetween.bind(2, high)
        marksBetween.bind(3, Int64(limit))
        var found: [(path: StorePath, mark: Mark)] = []
        while try marksBetween.step() {
            found.append(
                (
                    try marksBetween.path(0),
                    try LedgerStatements.decodeMark(marksBetween, first: 1)
                ))
        }
        return found
    }
}
