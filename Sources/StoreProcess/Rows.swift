internal import IPC
internal import Model

/// A row of `records`: the record, and what only this disk knows of it.
struct StoredRecord: Equatable, Sendable {
    var record: FileRecord
    /// What the write answered: a re-sent operation is answered from the record while it stands.
    var outcome: WriteResponse.Outcome
    /// The key in `content` under which the content was first kept; 0 for an upload.
    var contentKey: UInt64

    /// The first result of the operation that wrote it.
    var response: WriteResponse {
        WriteResponse(
            outcome: outcome, dot: record.version.dot, time: record.version.time, copies: 1)
    }

    static let columns = """
        disk, sequence, time, context, size, digest, type, created, modified, object, home, \
        operation, outcome, content
        """

    /// From a row whose columns from `first` on are `columns`.
    init(_ row: SQLStatement, first: Int32) throws {
        let dot = Dot(disk: try row.identifier(first), sequence: row.count(first + 1))
        record = FileRecord(
            version: Version(
                dot: dot, time: HybridTime(value: row.count(first + 2)),
                context: try ContextCoding.decode(row.bytes(first + 3), dot: dot)),
            byteCount: row.count(first + 4), digest: try row.digest(first + 5),
            contentType: row.text(first + 6),
            created: Timestamp(nanoseconds: row.int(first + 7)),
            modified: Timestamp(nanoseconds: row.int(first + 8)),
            object: try row.identifier(first + 9),
            home: Partition(number: UInt16(truncatingIfNeeded: row.int(first + 10))),
            operation: try row.identifier(first + 11))
        guard
            let outcome = UInt8(exactly: row.int(first + 12)).flatMap(
                WriteResponse.Outcome.init(rawValue:))
        else { throw CorruptRow(description: "no outcome in a record") }
        self.outcome = outcome
        contentKey = row.count(first + 13)
    }

    init(record: FileRecord, outcome: WriteResponse.Outcome, contentKey: UInt64) {
        self.record = record
        self.outcome = outcome
        self.contentKey = contentKey
    }

    /// Binds `columns` from index `first` on.
    func bind(to statement: SQLStatement, first: Int32) {
        let version = record.version
        statement.bind(first, version.dot.disk)
        statement.bind(first + 1, version.dot.sequence)
        statement.bind(first + 2, version.time.value)
        statement.bind(first + 3, ContextCoding.encode(version.context, dot: version.dot))
        statement.bind(first + 4, record.byteCount)
        statement.bind(first + 5, record.digest)
        statement.bind(first + 6, record.contentType)
        statement.bind(first + 7, record.created.nanoseconds)
        statement.bind(first + 8, record.modified.nanoseconds)
        statement.bind(first + 9, record.object)
        statement.bind(first + 10, Int64(record.home.number))
        statement.bind(first + 11, record.operation)
        statement.bind(first + 12, Int64(outcome.rawValue))
        statement.bind(first + 13, contentKey)
    }
}

/// A causal context in bytes: for each disk its id (16) and sequence (8, big endian), sorted by
/// disk. Empty where the context is the version's own dot alone, which is the usual case.
enum ContextCoding {
    static func encode(_ context: CausalContext, dot: Dot) -> [UInt8] {
        if context.entries == [dot] { return [] }
        var writer = ByteWriter(capacity: context.entries.count * 24)
        for entry in context.entries {
            writer.write(entry.disk)
            writer.write(entry.sequence)
        }
        return writer.bytes
    }

    static func decode(_ bytes: [UInt8], dot: Dot) throws -> CausalContext {
        if bytes.isEmpty { return CausalContext(entries: [dot]) }
        var entries: [Dot] = []
        var reader = unsafe ByteReader(bytes.span.bytes)
        while !reader.isAtEnd {
            entries.append(
                Dot(disk: try reader.readIdentifier(), sequence: try reader.readUInt64()))
        }
        return CausalContext(entries: entries)
    }
}

/// A row of `entries`: what a listing shows of one name.
enum EntryRow {
    static let columns =
        "name, kind, disk, sequence, time, size, digest, type, created, modified"

    enum Kind: Int64 {
        case file = 0
        case directory = 1
    }

    /// From a row of `columns`.
    static func decode(_ row: SQLStatement) throws -> ListResponse.Entry {
        let name = row.bytes(0)
        let modified = Timestamp(nanoseconds: row.int(9))
        switch Kind(rawValue: row.int(1)) {
        case .directory: return .directory(name: name, modified: modified)
        case .file:
            return .file(
                name: name,
                FileFacts(
                    byteCount: row.count(5), digest: try row.digest(6), contentType: row.text(7),
                    created: Timestamp(nanoseconds: row.int(8)), modified: modified,
                    dot: Dot(disk: try row.identifier(2), sequence: row.count(3)),
                    time: HybridTime(value: row.count(4))))
        case nil: throw CorruptRow(description: "an entry of an unknown kind")
        }
    }

    /// Bytes of an entry in a page.
    static func byteCount(_ entry: ListResponse.Entry) -> Int {
        switch entry {
        case .directory(let name, _): 4 + name.count + 9
        // The fixed fields of `FileFacts`, the length of its text, and the tag.
        case .file(let name, let facts): 4 + name.count + 97 + facts.contentType.utf8.count
        }
    }
}
