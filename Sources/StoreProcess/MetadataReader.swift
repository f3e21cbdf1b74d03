internal import GRDB
internal import IPC
internal import Model
internal import Replication

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
    private let objectContent: SQLStatement
    private let stagedObject: SQLStatement
    private let liveCount: SQLStatement
    private let markRegister: SQLStatement

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
        objectContent = try SQLStatement(
            database,
            """
            SELECT c.bytes FROM objects o JOIN content c ON c.sequence = o.content
            WHERE o.object = ?1 AND c.object = ?1
            """)
        stagedObject = try SQLStatement(database, "SELECT operation FROM staged WHERE object = ?")
        liveCount = try SQLStatement(
            database, "SELECT live FROM directories WHERE partition = ? AND path = ?")
        markRegister = try SQLStatement(
            database,
            """
            SELECT register FROM registers WHERE partition = ? AND kind = ? AND path = ?
            """)
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

    func disk() throws -> DiskID {
        guard let disk = try stateBytes("disk").flatMap({ DiskID(bytes: $0) }) else {
            throw CorruptRow(description: "no disk id in state")
        }
        return disk
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

    /// When the disk was made.
    func created() throws -> Timestamp {
        Timestamp(nanoseconds: try stateNumber("created") ?? 0)
    }

    /// When the directory at `path` was made; nil where none is. The root always is.
    func directoryModified(_ path: StorePath) throws -> Timestamp? {
        if path.isRoot { return Timestamp(nanoseconds: try stateNumber("created") ?? 0) }
        guard let entry = try entry(at: path), entry.kind == .directory else { return nil }
        return entry.modified
    }

    /// Whether there is a directory, as far as this disk knows: by the names that it lists, or by
    /// what the cluster's brain stored.
    func isDirectory(_ path: StorePath) throws -> Bool {
        if try directoryModified(path) != nil { return true }
        liveCount.bind(1, Int64(Partition(of: path).number))
        liveCount.bind(2, path)
        if try liveCount.step() {
            defer { liveCount.reset() }
            if liveCount.int(0) > 0 { return true }
        }
        markRegister.bind(1, Int64(Partition(of: path).number))
        markRegister.bind(2, Int64(RegisterKind.mark.rawValue))
        markRegister.bind(3, path)
        guard try markRegister.step() else { return false }
        defer { markRegister.reset() }
        let register: Register = try RowCoding.decode(markRegister.bytes(0))
        return register.head?.value.isMark ?? false
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
        if stored.contentKey != 0 {
            content.bind(1, stored.contentKey)
            content.bind(2, stored.record.object)
            if try content.step() {
                defer { content.reset() }
                return content.bytes(0)
            }
        }
        return try content(of: stored.record.object)
    }

    /// The same, found by the object alone.
    func content(of object: ObjectID) throws -> [UInt8]? {
        objectContent.bind(1, object)
        guard try objectContent.step() else { return nil }
        defer { objectContent.reset() }
        return objectContent.bytes(0)
    }

    /// The staging file that is an object and was not moved yet.
    func stagingFile(of object: ObjectID) throws -> OperationID? {
        stagedObject.bind(1, object)
        guard try stagedObject.step() else { return nil }
        defer { stagedObject.reset() }
        return try stagedObject.identifier(0)
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
        var kept = KeptSums()
    }

    func sums() throws -> Sums {
        let disk = try disk()
        guard try partitions.step() else { throw CorruptRow(description: "a sum without a row") }
        defer { partitions.reset() }
        return Sums(
            disk: disk, partitionCount: UInt32(clamping: partitions.int(0)),
            fileCount: UInt64(clamping: partitions.int(1)),
            byteCount: UInt64(clamping: partitions.int(2)),
            kept: try KeptSums { try stateNumber($0) })
    }
}
