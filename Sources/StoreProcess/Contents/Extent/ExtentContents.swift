internal import GRDB
internal import Model
internal import Posix

/// The kind `extent`: contents in append-only segments, `extent/segments/<16 hex>`, found by an index,
/// `extent/index.db`. What the index has is durable in its segment: its rows come after a sync of that.
final class ExtentContents: ContentStore {
    let database: ContentDatabase
    let segments: Descriptor
    private let folder: Descriptor
    private let staging: Descriptor
    let sizes: Sizes
    private let readers: ConnectionPool<ExtentReader>

    /// What the disk's size makes of the limits: on a small one a segment is a small part of it, too.
    struct Sizes: Equatable, Sendable {
        var segmentByteCountMax: UInt64
        var sharedEntryByteCountMax: UInt64

        init(segmentByteCountMax: UInt64, sharedEntryByteCountMax: UInt64) {
            self.segmentByteCountMax = segmentByteCountMax
            self.sharedEntryByteCountMax = sharedEntryByteCountMax
        }

        init(diskByteCount: UInt64) {
            let part = diskByteCount / StoreLimits.segmentsOfDiskMin
            segmentByteCountMax = max(
                StoreLimits.segmentByteCountMin, min(part, StoreLimits.segmentByteCountMax))
            sharedEntryByteCountMax = min(
                segmentByteCountMax / 8, StoreLimits.sharedEntryByteCountMax)
        }
    }

    static let tables = """
        CREATE TABLE entries(
            object BLOB PRIMARY KEY, segment INTEGER NOT NULL, place INTEGER NOT NULL,
            size INTEGER NOT NULL, modified INTEGER NOT NULL) WITHOUT ROWID;
        CREATE INDEX entries_of_segment ON entries(segment, place);
        CREATE TABLE segments(
            number INTEGER PRIMARY KEY, state INTEGER NOT NULL, durable INTEGER NOT NULL,
            live INTEGER NOT NULL);
        CREATE INDEX open_segments ON segments(number) WHERE state <> 1;
        CREATE INDEX dead_segments ON segments(number) WHERE state = 1 AND live = 0;
        CREATE INDEX sparse_segments ON segments(number) WHERE state = 1 AND live * 2 < durable;
        """

    init(
        _ directory: DataDirectory, isReadOnly: Bool = false, sizes: Sizes? = nil
    ) throws {
        self.sizes =
            try sizes ?? Sizes(diskByteCount: try Directory.space(of: directory.root).total)
        let folder = try DataDirectory.part("extent", of: directory.root)
        segments = try DataDirectory.part("segments", of: folder)
        staging = try directory.staging.duplicate()
        try ExtentContents.checkIndex(folder, segments)
        let database = ContentDatabase(directory, "extent", "index.db", tables: Self.tables)
        try database.open(isReadOnly: isReadOnly)
        self.database = database
        // The names that were made here.
        if !isReadOnly { try FileIO.sync(folder) }
        self.folder = folder
        readers = ConnectionPool { try ExtentReader(try database.connect()) }
    }

    /// The index is durable before the first segment is made: segments without one are what is left of a
    /// directory, and a new index would have them all removed.
    private static func checkIndex(
        _ folder: borrowing Descriptor, _ segments: borrowing Descriptor
    ) throws {
        if let status = try Directory.status(of: "index.db", in: folder), status.size > 0 { return }
        let count = try Directory.entries(of: segments).count {
            ExtentSegment.number(of: $0.name) != nil
        }
        guard count > 0 else { return }
        throw PermanentFailure(
            "extent/index.db was lost, and with it what the \(count) files of extent/segments hold: put it "
                + "back, or move the data directory away and let the node fetch its copies from the others"
        )
    }

    func open(_ object: ObjectID) throws -> StoredContent? {
        var seen: ExtentEntry?
        // The entry may move to another segment between its row's reading and its file's opening.
        for _ in 0..<StoreLimits.contentAttemptsMax {
            guard let entry = try readers.use({ try $0.find(object) }) else { return nil }
            if let segment = try ExtentSegment.open(entry.segment, in: segments) {
                return .file(try segment.content(of: entry))
            }
            if seen == entry { break }
            seen = entry
        }
        throw ContentDamage("its segment is not there")
    }

    func list(after object: ObjectID?, limit: Int) throws -> [ListedObject] {
        try readers.use { try $0.list(after: object, limit: limit) }
    }

    func strangers(limit: Int) throws -> [String] {
        var search = StrangerSearch(limit: limit)
        try search.look(in: folder, called: "extent/") { name in
            StrangerSearch.isDatabase(name, "index.db") || name.elementsEqual("segments".utf8)
        }
        try search.look(in: segments, called: "extent/segments/") { name in
            guard let number = ExtentSegment.number(of: name) else { return false }
            if try readers.use({ try $0.has(segment: number) }) { return true }
            return try StrangerSearch.isNew(name, in: segments)
        }
        return search.names
    }

    func makeKeeper() throws -> any ContentKeeper { try ExtentKeeper(self, staging) }
}

/// A connection that reads the index.
// Unchecked: the pool lends it to one thread at a time, and its statements are used in its queue alone.
private final class ExtentReader: @unchecked Sendable {
    private let queue: DatabaseQueue
    private let entry: SQLStatement
    private let page: SQLStatement
    private let segment: SQLStatement

    init(_ queue: DatabaseQueue) throws {
        self.queue = queue
        (entry, page, segment) = try queue.inDatabase { database in
            (
                try SQLStatement(
                    database, "SELECT \(ExtentEntry.columns) FROM entries WHERE object = ?"),
                try SQLStatement(
                    database,
                    """
                    SELECT \(ExtentEntry.columns) FROM entries WHERE object > ?
                    ORDER BY object LIMIT ?
                    """),
                try SQLStatement(database, "SELECT 1 FROM segments WHERE number = ?")
            )
        }
    }

    func find(_ object: ObjectID) throws -> ExtentEntry? {
        try ContentDatabase.reading {
            try queue.inDatabase { _ in
                entry.bind(1, object)
                guard try entry.step() else { return nil }
                defer { entry.reset() }
                return try ExtentEntry(entry)
            }
        }
    }

    func has(segment number: UInt64) throws -> Bool {
        try ContentDatabase.reading {
            try queue.inDatabase { _ in
                segment.bind(1, number)
                defer { segment.reset() }
                return try segment.step()
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
                    let entry = try ExtentEntry(page)
                    found.append(
                        ListedObject(
                            object: entry.object, byteCount: entry.byteCount,
                            modified: entry.modified))
                }
                return found
            }
        }
    }
}

extension ExtentEntry {
    static let columns = "object, segment, place, size, modified"

    /// From a row of `columns`.
    init(_ row: SQLStatement) throws {
        self.init(
            object: try row.identifier(0), byteCount: row.count(3),
            modified: Timestamp(nanoseconds: row.int(4)), segment: row.count(1),
            place: row.count(2))
        guard byteCount <= UInt64.max >> 2, place <= UInt64.max >> 2 else {
            throw CorruptRow(description: "an entry of the index makes no sense")
        }
    }
}
