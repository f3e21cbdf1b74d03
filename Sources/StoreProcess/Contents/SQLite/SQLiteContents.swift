internal import GRDB
internal import Model
internal import Posix

/// The kind `sqlite`: `sqlite/content.db`, contents in chunks of 64 KiB, each a row.
///
/// An object has a run of chunk numbers, which are never used again; so a reader finds its chunks or
/// none. Runs of large objects that were removed are freed little by little.
final class SQLiteContents: ContentStore {
    static let chunkByteCount: UInt64 = 64 << 10

    let database: ContentDatabase
    private let folder: Descriptor
    private let staging: Descriptor
    private let readers: ConnectionPool<SQLiteContentReader>

    static let tables = """
        CREATE TABLE items(
            object BLOB PRIMARY KEY, size INTEGER NOT NULL, modified INTEGER NOT NULL,
            first INTEGER NOT NULL, complete INTEGER NOT NULL) WITHOUT ROWID;
        CREATE INDEX incomplete_items ON items(object) WHERE complete = 0;
        CREATE TABLE chunks(number INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
        CREATE TABLE freed(first INTEGER PRIMARY KEY, count INTEGER NOT NULL);
        CREATE TABLE state(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
        INSERT INTO state(key, value) VALUES('next', 1);
        """

    init(_ directory: DataDirectory, isReadOnly: Bool = false) throws {
        let folder = try DataDirectory.part("sqlite", of: directory.root)
        // Pages that were freed are given back to the disk by `maintain`.
        let database = ContentDatabase(
            directory, "sqlite", "content.db", first: "PRAGMA auto_vacuum = INCREMENTAL",
            tables: Self.tables)
        try database.open(isReadOnly: isReadOnly)
        self.database = database
        // The names that were made here.
        if !isReadOnly { try FileIO.sync(folder) }
        self.folder = folder
        staging = try directory.staging.duplicate()
        readers = ConnectionPool { try SQLiteContentReader(try database.connect()) }
    }

    func open(_ object: ObjectID) throws -> StoredContent? {
        let byteCount = try readers.use { try $0.byteCount(of: object) }
        return byteCount.map { .ranges(SQLiteContent(store: self, object: object, byteCount: $0)) }
    }

    fileprivate func read(_ object: ObjectID, _ range: Range<UInt64>) throws -> [UInt8] {
        try readers.use { try $0.read(object, range) }
    }

    func list(after object: ObjectID?, limit: Int) throws -> [ListedObject] {
        try readers.use { try $0.list(after: object, limit: limit) }
    }

    /// The log and the database.
    var copyFactor: UInt64 { 2 }

    func strangers(limit: Int) throws -> [String] {
        var search = StrangerSearch(limit: limit)
        try search.look(in: folder, called: "sqlite/") {
            StrangerSearch.isDatabase($0, "content.db")
        }
        return search.names
    }

    func makeKeeper() throws -> any ContentKeeper {
        try ChunkedKeeper(SQLiteChunkTables(database), staging)
    }
}

private struct SQLiteContent: RangedContent {
    let store: SQLiteContents
    let object: ObjectID
    let byteCount: UInt64

    func read(_ range: Range<UInt64>) throws -> [UInt8] { try store.read(object, range) }
}

/// A connection that reads.
// Unchecked: the pool lends it to one thread at a time, and its statements are used in its queue alone.
private final class SQLiteContentReader: @unchecked Sendable {
    private let queue: DatabaseQueue
    private let begin: SQLStatement
    private let end: SQLStatement
    private let item: SQLStatement
    private let chunk: SQLStatement
    private let page: SQLStatement

    init(_ queue: DatabaseQueue) throws {
        self.queue = queue
        (begin, end, item, chunk, page) = try queue.inDatabase { database in
            (
                try SQLStatement(database, "BEGIN"), try SQLStatement(database, "COMMIT"),
                try SQLStatement(
                    database, "SELECT size, first FROM items WHERE object = ? AND complete = 1"),
                try SQLStatement(database, "SELECT bytes FROM chunks WHERE number = ?"),
                try SQLStatement(
                    database,
                    """
                    SELECT object, size, modified FROM items WHERE object > ? AND complete = 1
                    ORDER BY object LIMIT ?
                    """)
            )
        }
    }

    private func find(_ object: ObjectID) throws -> (byteCount: UInt64, first: UInt64)? {
        item.bind(1, object)
        guard try item.step() else { return nil }
        defer { item.reset() }
        return (item.count(0), item.count(1))
    }

    func byteCount(of object: ObjectID) throws -> UInt64? {
        try ContentDatabase.reading {
            try queue.inDatabase { _ in try find(object)?.byteCount }
        }
    }

    private func chunk(_ number: UInt64) throws -> [UInt8]? {
        chunk.bind(1, number)
        guard try chunk.step() else { return nil }
        defer { chunk.reset() }
        return chunk.bytes(0)
    }

    /// From one state of the database.
    func read(_ object: ObjectID, _ range: Range<UInt64>) throws -> [UInt8] {
        try ContentDatabase.reading {
            try queue.inDatabase { _ in
                try begin.run()
                do {
                    guard let (byteCount, first) = try find(object) else {
                        throw ContentDamage("it is gone")
                    }
                    let bytes = try ChunkedRange.read(
                        range, of: byteCount, chunkByteCount: SQLiteContents.chunkByteCount
                    ) { try chunk(first + $0) }
                    try end.run()
                    return bytes
                } catch {
                    if !end.isIdle { try end.run() }
                    throw error
                }
            }
        }
    }

    func list(after object: ObjectID?, limit: Int) throws -> [ListedObject] {
        try ContentDatabase.reading {
            try queue.inDatabase { _ in
                var found: [ListedObject] = []
                page.bind(1, object?.bytes ?? [])
                page.bind(2, Int64(limit))
                defer { page.reset() }
                while try page.step() {
                    found.append(
                        ListedObject(
                            object: try page.identifier(0), byteCount: page.count(1),
                            modified: Timestamp(nanoseconds: page.int(2))))
                }
                return found
            }
        }
    }
}
