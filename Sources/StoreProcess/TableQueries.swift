internal import GRDB
internal import IPC
internal import Model
internal import Replication

/// Questions to the tables of registers and entries, for one connection and its thread.
final class TableQueries {
    private let register: SQLStatement
    private let registers: SQLStatement
    private let records: SQLStatement
    private let fileCount: SQLStatement
    private let firstFiles: SQLStatement
    private let unsettled: SQLStatement
    private let state: SQLStatement
    private let partitionIDs: SQLStatement
    private let listing: SQLStatement
    private let page: SQLStatement
    private let livePage: SQLStatement
    private let listings: SQLStatement
    private let directory: SQLStatement
    private let outbox: SQLStatement
    private let object: SQLStatement
    private let unsettledFile: SQLStatement

    init(_ database: Database) throws {
        func make(_ sql: String) throws -> SQLStatement { try SQLStatement(database, sql) }
        register = try make(
            "SELECT register, since FROM registers WHERE partition = ? AND kind = ? AND path = ?")
        registers = try make(
            "SELECT kind, path, register FROM registers WHERE partition = ? ORDER BY kind, path")
        records = try make(
            """
            SELECT path, \(StoredRecord.columns) FROM records WHERE partition = ? ORDER BY path
            """)
        fileCount = try make("SELECT COUNT(*) FROM records WHERE partition = ?")
        firstFiles = try make(
            """
            SELECT path, size, modified FROM records WHERE partition = ? ORDER BY path LIMIT ?
            """)
        unsettled = try make("SELECT kind, path FROM registers WHERE since <= ?")
        state = try make(
            """
            SELECT counter, items, contents, context, files, bytes FROM partitions WHERE id = ?
            """)
        partitionIDs = try make("SELECT id FROM partitions ORDER BY id")
        listing = try make(
            "SELECT entry FROM listings WHERE partition = ? AND directory = ? AND name = ?")
        page = try make(
            """
            SELECT name, entry FROM listings WHERE partition = ? AND directory = ? AND name > ?
            ORDER BY name LIMIT ?
            """)
        livePage = try make(
            """
            SELECT name, entry FROM listings
            WHERE partition = ? AND directory = ? AND name > ? AND live ORDER BY name LIMIT ?
            """)
        listings = try make(
            """
            SELECT directory, name, entry FROM listings WHERE partition = ?
            ORDER BY directory, name
            """)
        directory = try make("SELECT live, rank FROM directories WHERE partition = ? AND path = ?")
        outbox = try make(
            """
            SELECT kind, path FROM entry_outbox WHERE (kind, path) > (?, ?)
            ORDER BY kind, path LIMIT ?
            """)
        unsettledFile = try make(
            """
            SELECT 1 FROM registers
            WHERE partition = ? AND kind = ? AND path = ? AND since IS NOT NULL
            """)
        object = try make("SELECT refs, state, content FROM objects WHERE object = ?")
    }

    // MARK: Registers

    /// A row of `registers`.
    struct RegisterRow {
        var register: Register
        var since: Int64?
    }

    func register(_ key: RegisterKey) throws -> RegisterRow? {
        register.bind(1, Int64(key.partition.number))
        register.bind(2, Int64(key.kind.rawValue))
        register.bind(3, key.path)
        guard try register.step() else { return nil }
        defer { register.reset() }
        return RegisterRow(
            register: try RowCoding.decode(register.bytes(0)),
            since: register.isNull(1) ? nil : register.int(1))
    }

    /// Whether something newer than the record of the file may be prepared or in a ballot here.
    func isUnsettled(file path: StorePath) throws -> Bool {
        unsettledFile.bind(1, Int64(Partition(of: path).number))
        unsettledFile.bind(2, Int64(RegisterKind.file.rawValue))
        unsettledFile.bind(3, path)
        defer { unsettledFile.reset() }
        return try unsettledFile.step()
    }

    /// The rows of `registers` of a partition, sorted by key.
    func registers(of partition: Partition) throws -> [KeyedRegister] {
        registers.bind(1, Int64(partition.number))
        defer { registers.reset() }
        var found: [KeyedRegister] = []
        while try registers.step() {
            found.append(
                KeyedRegister(
                    key: try TableQueries.key(registers),
                    register: try RowCoding.decode(registers.bytes(2))))
        }
        return found
    }

    /// The files of a partition, sorted by path.
    func records(of partition: Partition) throws -> [(path: StorePath, stored: StoredRecord)] {
        records.bind(1, Int64(partition.number))
        defer { records.reset() }
        var found: [(path: StorePath, stored: StoredRecord)] = []
        while try records.step() {
            found.append((try records.path(0), try StoredRecord(records, first: 1)))
        }
        return found
    }

    /// How many files each of the partitions has, and the first of them.
    func files(of partitions: [Partition]) throws -> PartitionFilesResponse {
        var byteCount = 0
        let entries = try partitions.map { partition in
            fileCount.bind(1, Int64(partition.number))
            let count = try fileCount.step() ? fileCount.count(0) : 0
            fileCount.reset()
            firstFiles.bind(1, Int64(partition.number))
            firstFiles.bind(2, Int64(IPCLimits.partitionFileCountMax))
            defer { firstFiles.reset() }
            var files: [PartitionFilesResponse.File] = []
            while byteCount < IPCLimits.listingPageByteCountMax, try firstFiles.step() {
                let path = try firstFiles.path(0)
                byteCount += path.bytes.count + 20
                files.append(
                    .init(
                        path: path, byteCount: firstFiles.count(1),
                        modified: Timestamp(nanoseconds: firstFiles.int(2))))
            }
            return PartitionFilesResponse.Entry(fileCount: count, files: files)
        }
        return PartitionFilesResponse(entries: entries)
    }

    /// In no order.
    func unsettled(before: Int64) throws -> [RegisterKey] {
        unsettled.bind(1, before)
        defer { unsettled.reset() }
        var found: [RegisterKey] = []
        while try unsettled.step() { found.append(try TableQueries.key(unsettled)) }
        return found
    }

    private static func key(_ row: SQLStatement) throws -> RegisterKey {
        guard let kind = UInt8(exactly: row.int(0)).flatMap(RegisterKind.init(rawValue:)) else {
            throw CorruptRow(description: "a register of an unknown kind")
        }
        return RegisterKey(kind: kind, path: try row.path(1))
    }

    // MARK: Partitions

    /// A row of `partitions`.
    struct StateRow {
        var state = PartitionState()
        var fileCount: Int64 = 0
        var byteCount: Int64 = 0
    }

    func state(of partition: Partition) throws -> StateRow {
        state.bind(1, Int64(partition.number))
        guard try state.step() else { return StateRow() }
        defer { state.reset() }
        var row = StateRow()
        row.state.counter = state.count(0)
        row.state.itemCount = Int(state.int(1))
        let contents = state.bytes(2)
        if !contents.isEmpty { row.state.contents = try RowCoding.decode(contents) }
        let context = state.bytes(3)
        if !context.isEmpty { row.state.context = try RowCoding.decode(context) }
        row.fileCount = state.int(4)
        row.byteCount = state.int(5)
        return row
    }

    func partitions() throws -> [Partition] {
        defer { partitionIDs.reset() }
        var found: [Partition] = []
        while try partitionIDs.step() {
            found.append(Partition(number: UInt16(truncatingIfNeeded: partitionIDs.int(0))))
        }
        return found
    }

    // MARK: Entries

    func entry(_ key: EntryKey) throws -> DirectoryEntry? {
        listing.bind(1, Int64(key.partition.number))
        listing.bind(2, key.directory)
        listing.bind(3, key.name)
        guard try listing.step() else { return nil }
        defer { listing.reset() }
        return try RowCoding.decode(listing.bytes(0))
    }

    func entries(
        in directory: StorePath, after: [UInt8]?, limit: Int, withGone: Bool
    ) throws -> [KeyedEntry] {
        let statement = withGone ? page : livePage
        statement.bind(1, Int64(Partition(of: directory).number))
        statement.bind(2, directory)
        statement.bind(3, after ?? [])
        statement.bind(4, Int64(limit))
        defer { statement.reset() }
        var found: [KeyedEntry] = []
        while try statement.step() {
            found.append(
                KeyedEntry(
                    key: EntryKey(directory: directory, name: statement.bytes(0)),
                    entry: try RowCoding.decode(statement.bytes(1))))
        }
        return found
    }

    /// Sorted by key.
    func entries(of partition: Partition) throws -> [KeyedEntry] {
        listings.bind(1, Int64(partition.number))
        defer { listings.reset() }
        var found: [KeyedEntry] = []
        while try listings.step() {
            found.append(
                KeyedEntry(
                    key: EntryKey(directory: try listings.path(0), name: listings.bytes(1)),
                    entry: try RowCoding.decode(listings.bytes(2))))
        }
        return found
    }

    func directoryState(_ path: StorePath) throws -> DirectoryState {
        directory.bind(1, Int64(Partition(of: path).number))
        directory.bind(2, path)
        guard try directory.step() else { return DirectoryState() }
        defer { directory.reset() }
        let rank = directory.bytes(1)
        return DirectoryState(
            liveCount: Int(directory.int(0)),
            rank: rank.isEmpty ? nil : try RowCoding.decode(rank))
    }

    /// The first rows behind `after`, sorted.
    func outbox(after: OutboxRow?, limit: Int) throws -> [OutboxRow] {
        outbox.bind(1, after.map { OutboxKind($0).rawValue } ?? -1)
        outbox.bind(2, after?.path.bytes ?? [])
        outbox.bind(3, Int64(limit))
        defer { outbox.reset() }
        var found: [OutboxRow] = []
        while try outbox.step() {
            guard let kind = OutboxKind(rawValue: outbox.int(0)) else {
                throw CorruptRow(description: "an outbox row of an unknown kind")
            }
            found.append(kind.row(try outbox.path(1)))
        }
        return found
    }

    // MARK: Contents

    func object(_ id: ObjectID) throws -> ObjectRow? {
        object.bind(1, id)
        guard try object.step() else { return nil }
        defer { object.reset() }
        return try ObjectRow(object, first: 0)
    }
}

/// The kinds of rows in `entry_outbox`, in the order of the rows.
enum OutboxKind: Int64 {
    case file = 0
    case directory = 1

    init(_ row: OutboxRow) {
        switch row {
        case .file: self = .file
        case .directory: self = .directory
        }
    }

    func row(_ path: StorePath) -> OutboxRow {
        switch self {
        case .file: .file(path)
        case .directory: .directory(path)
        }
    }
}

/// A row of `objects`: a content that registers here name.
struct ObjectRow {
    enum State: Int64 {
        case here = 0
        /// Named, and never there.
        case missing = 1
        /// What is there is not what was stored.
        case bad = 2
    }

    /// Registers that name it.
    var referenceCount: Int64
    var state: State
    /// The key in `content` under which it was first kept; 0 for a staging file.
    var contentKey: UInt64

    init(_ row: SQLStatement, first: Int32) throws {
        guard let state = State(rawValue: row.int(first + 1)) else {
            throw CorruptRow(description: "an object in an unknown state")
        }
        self.state = state
        referenceCount = row.int(first)
        contentKey = row.count(first + 2)
    }
}
