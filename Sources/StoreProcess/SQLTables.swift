internal import GRDB
internal import Model
internal import Replication

/// The tables of one disk in SQLite, as the rules of replication use them (docs/FORMATS.md).
///
/// A register that is nothing but a file is a row of `records`; any other is a row of `registers`,
/// and `records` has its newest version too where that is a file. On the writer's connection
/// changes of registers are kept back to the end of their request, those of partitions and
/// directories to the end of their group, and rows are remembered for the next ones.
///
/// Nothing throws here, since the rules do not: the first error is remembered, what follows it does
/// nothing, and the end of the request throws it, so that the transaction is rolled back. Belongs to
/// its connection's thread.
final class SQLTables: ContentTables {
    /// What the writer's tables have beside.
    struct Writing {
        let ledger: Ledger
        let writes: TableWrites
        let contents: ContentTable
        let kept: KeptTable
        let quotas: QuotaTable
    }

    /// A register, and what the tables have of it.
    struct Slot {
        var register: Register?
        var since: Int64?
        var storedRegister: Register?
        var storedSince: Int64?
        var hasRow = false
        var isChanged = false
    }

    /// Set by the writer before each group.
    var isFull = false
    let queries: TableQueries
    let inspection: InspectionQueries
    let trashQueries: TrashQueries
    private let moves: MoveTable
    let writing: Writing?
    private let reader: MetadataReader
    private let knownDisk: DiskID
    private(set) var failure: (any Error)?

    private var floor: UInt64?
    private var slots: [RegisterKey: Slot] = [:]
    /// Changed registers, in the order of their first change.
    private var changedKeys: [RegisterKey] = []
    private var states: [Partition: TableQueries.StateRow] = [:]
    private var changedStates: Set<Partition> = []
    private var entries: [EntryKey: DirectoryEntry?] = [:]
    private var directories: [StorePath: DirectoryState] = [:]
    private var changedDirectories: Set<StorePath> = []

    /// - Parameters:
    ///   - reader: of the same connection.
    ///   - ledger: of the same connection, where this is the writer's.
    init(_ database: Database, _ reader: MetadataReader, ledger: Ledger? = nil) throws {
        self.reader = reader
        queries = try TableQueries(database)
        inspection = try InspectionQueries(database)
        trashQueries = try TrashQueries(database)
        moves = try MoveTable(database)
        knownDisk = try reader.disk()
        if let ledger {
            let writes = try TableWrites(database)
            let kept = try KeptTable(database, ledger)
            writing = Writing(
                ledger: ledger, writes: writes,
                contents: ContentTable(ledger, queries, writes, kept), kept: kept,
                quotas: try QuotaTable(database))
        } else {
            writing = nil
        }
    }

    var disk: DiskID { writing?.ledger.disk ?? knownDisk }

    // MARK: Errors

    func attempt<Value>(_ fallback: Value, _ body: () throws -> Value) -> Value {
        if failure != nil { return fallback }
        do {
            return try body()
        } catch {
            failure = error
            return fallback
        }
    }

    func attempt(_ body: () throws -> Void) { attempt((), body) }

    /// What only the writer's tables do.
    func change(_ body: (Writing) throws -> Void) {
        guard let writing else { preconditionFailure("a reading connection changes nothing") }
        attempt { try body(writing) }
    }

    /// Throws what went wrong since the last time.
    func check() throws {
        if let failure {
            self.failure = nil
            throw failure
        }
    }

    // MARK: Partitions

    var sequenceFloor: UInt64 {
        get {
            if let floor { return floor }
            let stored = attempt(0) {
                UInt64(bitPattern: try reader.stateNumber(SQLTables.floorKey) ?? 0)
            }
            floor = stored
            return stored
        }
        set {
            guard newValue != sequenceFloor else { return }
            floor = newValue
            change {
                try $0.ledger.statements.setState(
                    SQLTables.floorKey, Int64(bitPattern: newValue))
            }
        }
    }

    static let floorKey = "floor"

    private func row(of partition: Partition) -> TableQueries.StateRow {
        if let row = states[partition] { return row }
        let row = attempt(TableQueries.StateRow()) { try queries.state(of: partition) }
        states[partition] = row
        return row
    }

    private func update(
        _ partition: Partition, _ change: (inout TableQueries.StateRow) -> Void
    ) {
        _ = row(of: partition)
        change(&states[partition, default: TableQueries.StateRow()])
        changedStates.insert(partition)
    }

    func state(of partition: Partition) -> PartitionState { row(of: partition).state }

    func setState(_ state: PartitionState, of partition: Partition) {
        update(partition) { $0.state = state }
    }

    var partitions: [Partition] {
        flushStates()
        return attempt([]) { try queries.partitions() }
    }

    func contents(of partition: Partition) -> ([KeyedRegister], [KeyedEntry]) {
        flush()
        return attempt(([], [])) {
            (try registers(of: partition), try queries.entries(of: partition))
        }
    }

    /// Rows of `registers` stand for rows of `records` of the same path.
    private func registers(of partition: Partition) throws -> [KeyedRegister] {
        let rows = try queries.registers(of: partition).filter { !$0.register.isEmpty }
        let others = rows.drop { $0.key.kind == .file }
        var rest = rows.prefix { $0.key.kind == .file }[...]
        var found: [KeyedRegister] = []
        for (path, stored) in try queries.records(of: partition) {
            while let row = rest.first, row.key.path < path {
                found.append(row)
                rest.removeFirst()
            }
            if rest.first?.key.path != path {
                found.append(
                    KeyedRegister(key: .file(path), register: Register(head: stored.version)))
            }
        }
        return found + rest + others
    }

    /// The registers of files, for connections that read.
    func files(of partition: Partition) throws -> [KeyedRegister] {
        precondition(writing == nil, "what changed may not be written yet")
        return try registers(of: partition).filter { $0.key.kind == .file }
    }

    /// A row of `records` alone has nothing that ages.
    func agingRegisters(of partition: Partition) -> [KeyedRegister] {
        flush()
        return attempt([]) {
            try queries.registers(of: partition).filter { !$0.register.isEmpty }
        }
    }

    func forget(_ partition: Partition) {
        for item in contents(of: partition).0 {
            setRegister(nil, for: item.key)
            setUnsettled(nil, for: item.key)
        }
        flush()
        change { try $0.writes.dropEntries(of: partition) }
        entries = [:]
        directories = directories.filter { Partition(of: $0.key) != partition }
        changedDirectories = changedDirectories.filter { Partition(of: $0) != partition }
        update(partition) { $0.state = PartitionState() }
    }

    // MARK: Registers

    private func slot(_ key: RegisterKey) -> Slot {
        if let slot = slots[key] { return slot }
        let slot = attempt(Slot()) { try load(key) }
        slots[key] = slot
        return slot
    }

    private func load(_ key: RegisterKey) throws -> Slot {
        if let row = try queries.register(key) {
            let register = row.register.isEmpty ? nil : row.register
            return Slot(
                register: register, since: row.since, storedRegister: register,
                storedSince: row.since, hasRow: true)
        }
        guard key.kind == .file, let stored = try reader.record(at: key.path) else {
            return Slot()
        }
        let register = Register(head: stored.version)
        return Slot(register: register, storedRegister: register)
    }

    func register(_ key: RegisterKey) -> Register? { slot(key).register }

    func setRegister(_ register: Register?, for key: RegisterKey) {
        let old = slot(key).register
        guard old != register else { return }
        update(key.partition) { row in
            if let old { row.state.contents &-= old.fingerprint(of: key) }
            if let register { row.state.contents &+= register.fingerprint(of: key) }
            row.state.itemCount += (register == nil ? 0 : 1) - (old == nil ? 0 : 1)
            if key.kind == .file { row.count(from: old?.liveHead, to: register?.liveHead) }
        }
        slots[key]?.register = register
        noteChange(key)
    }

    func setUnsettled(_ since: Duration?, for key: RegisterKey) {
        let old = slot(key).since
        let new = since.map { old ?? RowCoding.nanoseconds($0) }
        guard old != new else { return }
        slots[key]?.since = new
        noteChange(key)
    }

    private func noteChange(_ key: RegisterKey) {
        if slots[key]?.isChanged == true { return }
        slots[key]?.isChanged = true
        changedKeys.append(key)
    }

    func unsettled(before: Duration) -> [RegisterKey] {
        flush()
        return attempt([]) {
            try queries.unsettled(before: RowCoding.nanoseconds(before)).sorted()
        }
    }

    /// Writes what changed of registers.
    func flush() {
        if changedKeys.isEmpty { return }
        let changed = changedKeys.compactMap { key in slots[key].map { (key, $0) } }
        changedKeys = []
        change { writing in
            // What one register gives up another may have taken.
            for (key, slot) in changed where key.kind == .file {
                try writing.contents.take(slot.register, after: slot.storedRegister)
            }
            for (key, slot) in changed { try write(key, slot, writing) }
            for (key, slot) in changed where key.kind == .file {
                try writing.contents.giveUp(slot.storedRegister, for: slot.register, at: key.path)
            }
        }
    }

    private func write(_ key: RegisterKey, _ changed: Slot, _ writing: Writing) throws {
        var slot = changed
        let needsRow = slot.since != nil || slot.register.map { !$0.isFileAlone(key) } ?? false
        if needsRow {
            try writing.writes.put(slot.register ?? Register(), since: slot.since, for: key)
        } else if slot.hasRow {
            try writing.writes.dropRegister(key)
        }
        switch key.kind {
        case .file:
            try writing.contents.headChanged(
                key.path, from: slot.storedRegister?.liveHead, to: slot.register?.liveHead)
            writing.quotas.changed(
                key.path, from: slot.storedRegister?.liveByteCount,
                to: slot.register?.liveByteCount)
            try writing.kept.changed(
                key.path, from: slot.storedRegister, to: slot.register
            ) { try queries.object($0)?.state == .here }
            // The record is not the last word then: caches ask again.
            if slot.since != nil { writing.ledger.changes.append(Change(path: key.path)) }
        case .mark:
            if slot.storedRegister?.head?.value != slot.register?.head?.value {
                try showDirectory(key.path, writing)
            }
        case .locks: break
        }
        slot.storedRegister = slot.register
        slot.storedSince = slot.since
        slot.hasRow = needsRow
        slot.isChanged = false
        slots[key] = slot
    }

    /// The view of the directory is made again.
    private func showDirectory(_ path: StorePath, _ writing: Writing) throws {
        if path.isRoot { return }
        try writing.ledger.statements.insertDirty(writing.ledger.nextSequence(), path)
    }

    // MARK: Contents

    func brings(_ facts: Replication.FileFacts) -> Bool {
        writing?.contents.brings(facts) ?? false
    }

    func hasContent(_ facts: Replication.FileFacts) -> Bool {
        if brings(facts) { return true }
        return attempt(false) {
            if let writing { return try writing.contents.isHere(facts.object) }
            return try queries.object(facts.object)?.state == .here
        }
    }

    func badContents(of key: RegisterKey) -> [Dot] {
        guard key.kind == .file, let register = register(key) else { return [] }
        return register.versionsWithContent.filter { version in
            guard register.contains(version.dot), let facts = version.value.facts else {
                return false
            }
            return !hasContent(facts)
        }.map(\.dot)
    }

    // MARK: Entries

    func entry(_ key: EntryKey) -> DirectoryEntry? {
        if let entry = entries[key] { return entry }
        let entry: DirectoryEntry? = attempt(nil) { try queries.entry(key) }
        entries[key] = .some(entry)
        return entry
    }

    func setEntry(_ entry: DirectoryEntry?, for key: EntryKey) {
        let old = self.entry(key)
        guard old != entry else { return }
        update(key.partition) { row in
            if let old { row.state.contents &-= old.fingerprint(of: key) }
            if let entry { row.state.contents &+= entry.fingerprint(of: key) }
            row.state.itemCount += (entry == nil ? 0 : 1) - (old == nil ? 0 : 1)
        }
        entries[key] = .some(entry)
        change { writing in
            if let entry {
                try writing.writes.put(entry, for: key)
            } else {
                try writing.writes.dropEntry(key)
            }
        }
    }

    func entries(
        in directory: StorePath, after: [UInt8]?, limit: Int, withGone: Bool
    ) -> [KeyedEntry] {
        attempt([]) {
            try queries.entries(in: directory, after: after, limit: limit, withGone: withGone)
        }
    }

    func directoryState(_ directory: StorePath) -> DirectoryState {
        if let state = directories[directory] { return state }
        let state = attempt(DirectoryState()) { try queries.directoryState(directory) }
        directories[directory] = state
        return state
    }

    func setDirectoryState(_ state: DirectoryState, of directory: StorePath) {
        let old = directoryState(directory)
        directories[directory] = state
        changedDirectories.insert(directory)
        if old.liveCount > 0, state.liveCount == 0 {
            change { try showDirectory(directory, $0) }
        }
    }

    // MARK: Outbox

    func addOutbox(_ row: OutboxRow) { change { try $0.writes.add(row) } }

    func removeOutbox(_ row: OutboxRow) { change { try $0.writes.remove(row) } }

    func outbox(after: OutboxRow?, limit: Int) -> [OutboxRow] {
        attempt([]) { try queries.outbox(after: after, limit: limit) }
    }

    func addMove(_ intent: MoveIntent) { change { _ in try moves.add(intent) } }

    func setMovePlaced(_ placing: OperationID) { change { _ in try moves.setPlaced(placing) } }

    func removeMove(_ placing: OperationID) { change { _ in try moves.remove(placing) } }

    func moves(after: OperationID?, limit: Int) -> [MoveRow] {
        attempt([]) { try moves.rows(after: after, limit: limit) }
    }

    // MARK: Groups

    private func flushStates() {
        if changedStates.isEmpty { return }
        change { writing in
            for partition in changedStates.sorted() {
                try writing.writes.put(row(of: partition), of: partition)
            }
        }
        changedStates = []
    }

    /// Before the commit.
    func finishGroup() throws {
        flush()
        flushStates()
        if !changedDirectories.isEmpty {
            change { writing in
                for directory in changedDirectories.sorted() {
                    try writing.writes.put(directoryState(directory), of: directory)
                }
            }
            changedDirectories = []
        }
        try check()
        if states.count > StoreLimits.rememberedRowsMax { states = [:] }
        if directories.count > StoreLimits.rememberedRowsMax { directories = [:] }
        forgetRequestRows(above: StoreLimits.rememberedRowsMax)
    }

    private func forgetRequestRows(above limit: Int) {
        if slots.count > limit { slots = [:] }
        if entries.count > limit { entries = [:] }
    }

    /// The tables are what they were, or may have changed under another connection.
    func forgetAll() {
        failure = nil
        floor = nil
        slots = [:]
        changedKeys = []
        states = [:]
        changedStates = []
        entries = [:]
        directories = [:]
        changedDirectories = []
    }
}

extension Register {
    /// Of the newest version, where it is a file that is there.
    fileprivate var liveByteCount: UInt64? { liveHead?.value.facts?.byteCount }

    /// Whether a row of `records` says all of it; it has no properties.
    fileprivate func isFileAlone(_ key: RegisterKey) -> Bool {
        key.kind == .file && liveHead?.value.properties.isEmpty == true && kept.isEmpty
            && prepared.isEmpty && ballot == nil && damaged.isEmpty
    }
}

extension TableQueries.StateRow {
    fileprivate mutating func count(from old: RegisterVersion?, to new: RegisterVersion?) {
        fileCount += (new == nil ? 0 : 1) - (old == nil ? 0 : 1)
        let added = Int64(clamping: new?.value.facts?.byteCount ?? 0)
        byteCount += added - Int64(clamping: old?.value.facts?.byteCount ?? 0)
    }
}

extension StoredRecord {
    /// The version that it is the record of.
    var version: RegisterVersion {
        RegisterVersion(
            version: record.version,
            value: .file(
                Replication.FileFacts(
                    byteCount: record.byteCount, digest: record.digest,
                    contentType: record.contentType, created: record.created,
                    modified: record.modified, object: record.object, home: record.home)),
            operation: record.operation)
    }
}
