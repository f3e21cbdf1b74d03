internal import GRDB
internal import IPC
internal import Model

/// Questions to the database, for one connection and its thread.
final class MetadataReader {
    private let begin: SQLStatement
    private let end: SQLStatement
    private let sequence: SQLStatement
    private let record: SQLStatement
    private let entry: SQLStatement
    private let page: SQLStatement
    private let content: SQLStatement
    private let staged: SQLStatement
    private let partitions: SQLStatement
    private let state: SQLStatement

    init(_ database: Database) throws {
        begin = try SQLStatement(database, "BEGIN")
        end = try SQLStatement(database, "COMMIT")
        sequence = try SQLStatement(database, "SELECT value FROM state WHERE key = 'sequence'")
        record = try SQLStatement(
            database, "SELECT \(StoredRecord.columns) FROM records WHERE path = ?")
        entry = try SQLStatement(
            database, "SELECT kind, modified FROM entries WHERE directory = ? AND name = ?")
        page = try SQLStatement(
            database,
            """
            SELECT \(EntryRow.columns) FROM entries WHERE directory = ? AND name > ?
            ORDER BY name LIMIT ?
            """)
        content = try SQLStatement(
            database, "SELECT bytes FROM content WHERE sequence = ? AND object = ?")
        staged = try SQLStatement(database, "SELECT 1 FROM staged WHERE operation = ?")
        partitions = try SQLStatement(
            database,
            "SELECT COUNT(*), TOTAL(files), TOTAL(bytes) FROM partitions WHERE files > 0")
        state = try SQLStatement(database, "SELECT value FROM state WHERE key = ?")
    }

    /// Runs `body` on one state of the database.
    /// - Returns: what it returns, and the highest sequence of that state: answers made from it may
    ///   go out once the loop knows of that commit.
    func snapshot<Result>(_ body: () throws -> Result) throws -> (Result, sequence: UInt64) {
        try begin.run()
        do {
            let seen = try currentSequence()
            let result = try body()
            try end.run()
            return (result, seen)
        } catch {
            if !end.isIdle { try end.run() }
            throw error
        }
    }

    private func currentSequence() throws -> UInt64 {
        guard try sequence.step() else { return 0 }
        defer { sequence.reset() }
        return sequence.count(0)
    }

    /// A value of `state`.
    func stateBytes(_ key: String) throws -> [UInt8]? {
        state.bind(1, key)
        guard try state.step() else { return nil }
        defer { state.reset() }
        return state.bytes(0)
    }

    /// A number of `state`.
    func stateNumber(_ key: String) throws -> Int64? {
        state.bind(1, key)
        guard try state.step() else { return nil }
        defer { state.reset() }
        return state.int(0)
    }

    /// The record at `path`.
    func record(at path: StorePath) throws -> StoredRecord? {
        record.bind(1, path)
        guard try record.step() else { return nil }
        defer { record.reset() }
        return try StoredRecord(record, first: 0)
    }

    /// What a directory lists under a name.
    struct Entry {
        var kind: EntryRow.Kind
        var modified: Timestamp
    }

    func entry(at path: StorePath) throws -> Entry? {
        guard let parent = path.parent else { return nil }
        entry.bind(1, parent)
        entry.bind(2, [UInt8](path.name))
        guard try entry.step() else { return nil }
        defer { entry.reset() }
        guard let kind = EntryRow.Kind(rawValue: entry.int(0)) else {
            throw CorruptRow(description: "an entry of an unknown kind")
        }
        return Entry(kind: kind, modified: Timestamp(nanoseconds: entry.int(1)))
    }

    /// When the directory at `path` was made; nil where none is. The root always is.
    func directoryModified(_ path: StorePath) throws -> Timestamp? {
        if path.isRoot { return Timestamp(nanoseconds: try stateNumber("created") ?? 0) }
        guard let entry = try entry(at: path), entry.kind == .directory else { return nil }
        return entry.modified
    }

    /// One page of a directory.
    /// - Throws: `RemoteError` where there is no directory.
    func list(_ request: ListRequest) throws -> ListResponse {
        if try directoryModified(request.path) == nil {
            throw try record(at: request.path) == nil
                ? RemoteError(.notFound, "there is no directory \(request.path)")
                : RemoteError(.notDirectory, "\(request.path) is a file")
        }
        let limit = max(1, min(Int(clamping: request.limit), IPCLimits.listingPageCountMax))
        var response = ListResponse(entries: [], hasMore: false)
        var byteCount = 16
        page.bind(1, request.path)
        page.bind(2, request.after)
        page.bind(3, Int64(limit + 1))
        defer { page.reset() }
        while try page.step() {
            let entry = try EntryRow.decode(page)
            byteCount += EntryRow.byteCount(entry)
            if response.entries.count == limit || byteCount > IPCLimits.listingPageByteCountMax {
                response.hasMore = true
                break
            }
            response.entries.append(entry)
        }
        return response
    }

    /// Content that is still kept in a row.
    func content(of stored: StoredRecord) throws -> [UInt8]? {
        guard stored.contentKey != 0 else { return nil }
        content.bind(1, stored.contentKey)
        content.bind(2, stored.record.object)
        guard try content.step() else { return nil }
        defer { content.reset() }
        return content.bytes(0)
    }

    /// Whether the staging file of `operation` is an object that was not moved yet.
    func isStaged(_ operation: OperationID) throws -> Bool {
        staged.bind(1, operation)
        guard try staged.step() else { return false }
        staged.reset()
        return true
    }

    /// What the status says of the files.
    struct Sums: Sendable {
        var disk: DiskID
        var partitionCount: UInt32
        var fileCount: UInt64
        var byteCount: UInt64
    }

    func sums() throws -> Sums {
        guard let disk = try stateBytes("disk").flatMap({ DiskID(bytes: $0) }) else {
            throw CorruptRow(description: "no disk id in state")
        }
        guard try partitions.step() else { throw CorruptRow(description: "a sum without a row") }
        defer { partitions.reset() }
        return Sums(
            disk: disk, partitionCount: UInt32(clamping: partitions.int(0)),
            fileCount: UInt64(clamping: partitions.int(1)),
            byteCount: UInt64(clamping: partitions.int(2)))
    }
}
