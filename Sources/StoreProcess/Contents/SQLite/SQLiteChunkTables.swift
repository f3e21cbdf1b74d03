internal import GRDB
internal import Model

/// The tables of `SQLiteContents`, for its keeper.
final class SQLiteChunkTables: ChunkTables {
    private let transaction: ContentTransaction
    private let item: SQLStatement
    private let putItem: SQLStatement
    private let remove: SQLStatement
    private let incomplete: SQLStatement
    private let putChunk: SQLStatement
    private let removeRun: SQLStatement
    private let putFreed: SQLStatement
    private let freed: SQLStatement
    private let removeFreedRow: SQLStatement
    private let nextNumber: SQLStatement
    private let putNext: SQLStatement
    private let freePages: SQLStatement
    private let allPages: SQLStatement
    private let vacuum: SQLStatement

    var chunkByteCount: UInt64 { SQLiteContents.chunkByteCount }

    init(_ database: ContentDatabase) throws {
        let queue = try database.connect(cachePages: StoreLimits.writerCachePages)
        transaction = try ContentTransaction(queue)
        let made = try queue.inDatabase { database in
            try [
                "SELECT size, modified, first, complete FROM items WHERE object = ?",
                """
                INSERT OR REPLACE INTO items(object, size, modified, first, complete)
                VALUES(?, ?, ?, ?, ?)
                """,
                "DELETE FROM items WHERE object = ?",
                "SELECT object FROM items WHERE complete = 0 LIMIT 1",
                "INSERT INTO chunks(number, bytes) VALUES(?, ?)",
                "DELETE FROM chunks WHERE number >= ? AND number < ?",
                "INSERT INTO freed(first, count) VALUES(?, ?)",
                "SELECT first, count FROM freed LIMIT 1",
                "DELETE FROM freed WHERE first = ?",
                "SELECT value FROM state WHERE key = 'next'",
                "UPDATE state SET value = ? WHERE key = 'next'",
                "PRAGMA freelist_count",
                "PRAGMA page_count",
                "PRAGMA incremental_vacuum(\(StoreLimits.vacuumedPagesMax))",
            ].map { try SQLStatement(database, $0) }
        }
        (item, putItem, remove, incomplete) = (made[0], made[1], made[2], made[3])
        (putChunk, removeRun, putFreed, freed) = (made[4], made[5], made[6], made[7])
        (removeFreedRow, nextNumber, putNext) = (made[8], made[9], made[10])
        (freePages, allPages, vacuum) = (made[11], made[12], made[13])
    }

    func change<Result>(undone: () -> Void, _ body: () throws -> Result) throws -> Result {
        try transaction.change(undone: undone, body)
    }

    func commit(undone: () -> Void) throws { try transaction.commit(undone: undone) }

    // MARK: Items

    func find(_ object: ObjectID) throws -> ChunkedItem? {
        item.bind(1, object)
        guard try item.step() else { return nil }
        defer { item.reset() }
        return ChunkedItem(
            byteCount: item.count(0), modified: Timestamp(nanoseconds: item.int(1)),
            first: item.count(2), isComplete: item.int(3) != 0)
    }

    func put(_ item: ChunkedItem, _ object: ObjectID) throws {
        putItem.bind(1, object)
        putItem.bind(2, item.byteCount)
        putItem.bind(3, item.modified.nanoseconds)
        putItem.bind(4, item.first)
        putItem.bind(5, Int64(item.isComplete ? 1 : 0))
        try putItem.run()
    }

    func removeItem(_ object: ObjectID) throws {
        remove.bind(1, object)
        try remove.run()
    }

    func incompleteObject() throws -> ObjectID? {
        guard try incomplete.step() else { return nil }
        defer { incomplete.reset() }
        return try incomplete.identifier(0)
    }

    // MARK: Chunks

    func insertChunk(_ number: UInt64, _ bytes: [UInt8]) throws {
        putChunk.bind(1, number)
        putChunk.bind(2, bytes)
        try putChunk.run()
    }

    func removeChunks(_ numbers: Range<UInt64>) throws {
        removeRun.bind(1, numbers.lowerBound)
        removeRun.bind(2, numbers.upperBound)
        try removeRun.run()
    }

    func freedRun() throws -> Range<UInt64>? {
        guard try freed.step() else { return nil }
        defer { freed.reset() }
        return freed.count(0)..<freed.count(0) + freed.count(1)
    }

    func insertFreed(_ run: Range<UInt64>) throws {
        putFreed.bind(1, run.lowerBound)
        putFreed.bind(2, UInt64(run.count))
        try putFreed.run()
    }

    func removeFreed(_ run: Range<UInt64>) throws {
        removeFreedRow.bind(1, run.lowerBound)
        try removeFreedRow.run()
    }

    func next() throws -> UInt64 {
        guard try nextNumber.step() else { throw CorruptRow(description: "no next chunk") }
        defer { nextNumber.reset() }
        return nextNumber.count(0)
    }

    func setNext(_ number: UInt64) throws {
        putNext.bind(1, number)
        try putNext.run()
    }

    // MARK: Space

    /// Gives pages back to the disk where they are many: a few will be used again soon.
    func shrink() throws -> Bool {
        let (free, all) = (try number(freePages), try number(allPages))
        guard free >= StoreLimits.vacuumedPagesMin, free >= all / 8 else { return false }
        // It frees a page a step.
        while try vacuum.step() {}
        return true
    }

    private func number(_ statement: SQLStatement) throws -> Int64 {
        guard try statement.step() else { return 0 }
        defer { statement.reset() }
        return statement.int(0)
    }
}
