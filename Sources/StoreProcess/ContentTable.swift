internal import Cluster
internal import IPC
internal import Model
internal import Replication

/// The contents that registers name: who is named how often, what is here, and what the
/// housekeeper has to do about it. Works within the writer's transaction and on its thread.
///
/// ```
///   a register names an object ──▶ its content came along ──▶ here: row of `content` or `staged`
///                              └─▶ it did not             ──▶ missing ──comes later──▶ here
///   the last register goes     ──▶ garbage
/// ```
final class ContentTable {
    /// A row of content that the housekeeper has not been shown.
    struct Fresh {
        var key: UInt64
        /// Where the write-out shows it, if it is the file there by then.
        var path: StorePath
        var bytes: [UInt8]
    }

    /// What the request under way brings.
    private var arriving: [ObjectID: NewContent] = [:]
    /// Of what it brings: a register that names it.
    private var names: [ObjectID: (path: StorePath, facts: Replication.FileFacts)] = [:]
    private var used: Set<ObjectID> = []
    /// Whether what the request changes is new to the cluster.
    private var isNews = false
    /// Rows above `Ledger.published`: their objects are in no file yet.
    private var fresh: [ObjectID: Fresh] = [:]
    /// Staging files that came along and that no register of the group named.
    private(set) var unusedStaging: [OperationID] = []
    /// Objects of the group whose content is not here, or not any more.
    private var lacking: [ObjectID] = []

    private let ledger: Ledger
    private let queries: TableQueries
    private let writes: TableWrites
    private let kept: KeptTable

    init(
        _ ledger: Ledger, _ queries: TableQueries, _ writes: TableWrites, _ kept: KeptTable
    ) {
        self.ledger = ledger
        self.kept = kept
        self.queries = queries
        self.writes = writes
    }

    // MARK: The request under way

    func begin(_ job: StorageJob) {
        isNews = job.request.bringsNews
        guard !job.contents.isEmpty else { return }
        arriving = job.contents
        guard case .replica(let request) = job.request else { return }
        for item in request.namedContents where item.key.kind == .file {
            names[item.facts.object] = (item.key.path, item.facts)
        }
    }

    /// Whether the request brings the content, as far as can be told without reading it.
    func brings(_ facts: Replication.FileFacts) -> Bool {
        guard let content = arriving[facts.object] else { return false }
        if case .bytes(let bytes) = content { return UInt64(bytes.count) == facts.byteCount }
        return true
    }

    func isHere(_ object: ObjectID) throws -> Bool {
        if fresh[object] != nil { return true }
        return try queries.object(object)?.state == .here
    }

    /// The request is answered without being done.
    func discard() {
        unusedStaging += arriving.values.compactMap(\.stagingFile)
        arriving = [:]
        names = [:]
    }

    /// What came for objects that were named before, and are not here, is stored.
    func finish() throws {
        if arriving.isEmpty { return }
        defer {
            arriving = [:]
            names = [:]
            used = []
        }
        for (object, content) in arriving where !used.contains(object) {
            if let row = try queries.object(object), row.state != .here {
                try repair(object, row)
            }
            if let file = content.stagingFile, !used.contains(object) {
                unusedStaging.append(file)
            }
        }
    }

    func takeUnusedStaging() -> [OperationID] {
        defer { unusedStaging = [] }
        return unusedStaging
    }

    func takeLacking() -> [ObjectID] {
        defer { lacking = [] }
        return lacking
    }

    /// The housekeeper may see all rows from here on.
    func published() { fresh = [:] }

    func rolledBack() {
        arriving = [:]
        names = [:]
        used = []
        unusedStaging = []
        lacking = []
        // Rows of earlier groups may be among them: then their views are made twice.
        fresh = [:]
    }

    // MARK: Registers

    /// A file's register names what it did not name before.
    func take(_ new: Register?, after old: Register?) throws {
        let before = Self.objects(of: old)
        for object in Self.objects(of: new) where !before.contains(object) {
            try addReference(object)
        }
    }

    /// A file's register does not name any more what it named before. Comes after the row that shows
    /// what is there instead: see `HousekeepingRounds`.
    func giveUp(_ old: Register?, for new: Register?, at path: StorePath) throws {
        let after = Self.objects(of: new)
        for object in Self.objects(of: old) where !after.contains(object) {
            try removeReference(object, path)
        }
    }

    private static func objects(of register: Register?) -> [ObjectID] {
        guard let register else { return [] }
        var objects: [ObjectID] = []
        for version in register.versionsWithContent + register.spareVersions.map(\.version) {
            guard let object = version.value.facts?.object, !objects.contains(object) else {
                continue
            }
            objects.append(object)
        }
        return objects
    }

    func headChanged(
        _ path: StorePath, from old: RegisterVersion?, to new: RegisterVersion?
    ) throws {
        guard old != new else { return }
        guard let new, var record = new.record else {
            try ledger.statements.removeRecord(at: path)
            try ledger.statements.insertDirty(ledger.nextSequence(), path)
            return ledger.changes.append(Change(path: path, isNews: isNews))
        }
        // The row has none, nor have caches: who wants them asks the brain.
        record.properties = .none
        let row = fresh[record.object].flatMap { $0.path == path ? $0 : nil }
        let stored = StoredRecord(
            record: record, outcome: old == nil ? .created : .replaced,
            contentKey: row?.key ?? 0)
        try writes.put(stored, at: path)
        if row == nil, old?.value.facts?.object != record.object {
            try ledger.statements.insertDirty(ledger.nextSequence(), path)
        }
        ledger.changes.append(
            Change(path: path, stored: stored, content: row?.bytes, isNews: isNews))
    }

    private func addReference(_ object: ObjectID) throws {
        guard let name = names[object], brings(name.facts) else {
            lacking.append(object)
            _ = try writes.addReference(object, state: .missing, contentKey: 0)
            return
        }
        let key = rowKey(object)
        let row = try writes.addReference(object, state: .here, contentKey: key)
        if row.referenceCount == 1 {
            try store(object, key: key, isNew: true)
        } else if row.state != .here {
            try repair(object, row)
        }
    }

    // MARK: Contents

    /// The key of the row of content that is made next; 0 where a staging file came.
    private func rowKey(_ object: ObjectID) -> UInt64 {
        if case .bytes = arriving[object] { return ledger.nextSequence() }
        return 0
    }

    /// Content came for an object that was named before and is not here.
    private func repair(_ object: ObjectID, _ old: ObjectRow) throws {
        guard let name = names[object], brings(name.facts) else { return }
        var row = old
        row.state = .here
        row.contentKey = rowKey(object)
        // A row of its own may still wait for the write-out: it is what is bad.
        if old.contentKey != 0 { try removeRow(old.contentKey) }
        try writes.set(row, of: object)
        try store(object, key: row.contentKey, isNew: false)
        try kept.set(object, isHere: true)
    }

    /// - Parameter isNew: false where an object of an earlier time may lie in its file.
    private func store(_ object: ObjectID, key: UInt64, isNew: Bool) throws {
        guard let content = arriving[object], let name = names[object] else { return }
        used.insert(object)
        switch content {
        case .bytes(let bytes):
            try ledger.statements.insertContent(
                key, object, at: name.path, modified: name.facts.modified, bytes)
            ledger.counters.unwrittenCount += 1
            ledger.counters.unwrittenByteCount += bytes.count
            if isNew { fresh[object] = Fresh(key: key, path: name.path, bytes: bytes) }
        case .staged(let operation):
            try ledger.statements.insertStaged(ledger.nextSequence(), operation, object)
            // The view's link is of the file that was there before.
            if !isNew { try ledger.statements.insertDirty(ledger.nextSequence(), name.path) }
        }
    }

    private func removeReference(_ object: ObjectID, _ path: StorePath) throws {
        if var row = try queries.object(object) {
            if row.referenceCount > 1 {
                row.referenceCount -= 1
                try writes.set(row, of: object)
                return row.state == .here ? try kept.set(object, isHere: true) : ()
            }
            try writes.dropObject(object)
            return try throwAway(object, row, path)
        }
        try ledger.statements.insertGarbage(ledger.nextSequence(), object, shownAt: path)
    }

    private func throwAway(_ object: ObjectID, _ row: ObjectRow, _ path: StorePath) throws {
        lacking.append(object)
        if row.contentKey != 0 { try removeRow(row.contentKey) }
        // Never shown to the housekeeper, or never there: there is no object.
        if fresh.removeValue(forKey: object) != nil || row.state == .missing { return }
        try ledger.statements.insertGarbage(ledger.nextSequence(), object, shownAt: path)
    }

    /// The content of superseded versions goes, though they stay known; unless something else needs it.
    /// - Parameter register: of a path.
    func trim(_ spare: KeptTable.Spare, _ register: (StorePath) -> Register?) throws {
        try kept.set(spare.object, at: spare.path, isHere: false)
        guard var row = try queries.object(spare.object), row.state != .missing else { return }
        // All who name it have it of the past alone.
        let limit = StoreLimits.sharedPathsMax
        let paths = try kept.paths(of: spare.object, limit: limit)
        guard row.referenceCount == Int64(paths.count), paths.count < limit else { return }
        for path in paths {
            let needed = register(path)?.versionsWithContent ?? []
            if needed.contains(where: { $0.value.facts?.object == spare.object }) { return }
        }
        for path in paths { try kept.set(spare.object, at: path, isHere: false) }
        try throwAway(spare.object, row, spare.path)
        row.state = .missing
        row.contentKey = 0
        try writes.set(row, of: spare.object)
    }

    private func removeRow(_ key: UInt64) throws {
        guard let byteCount = try ledger.statements.removeContent(key) else { return }
        ledger.counters.unwrittenCount -= 1
        ledger.counters.unwrittenByteCount -= byteCount
    }

    /// A reader found that what is there is not what was stored.
    func markBad(_ object: ObjectID) throws {
        guard var row = try queries.object(object), row.state == .here else { return }
        row.state = .bad
        lacking.append(object)
        fresh[object] = nil
        try writes.set(row, of: object)
        try ledger.integrityRows().keepApart(ledger.nextSequence(), object)
        // Contents of the past that are not here count for nothing.
        try kept.set(object, isHere: false)
    }
}

extension Register {
    /// The newest version, where it is a file that is there.
    var liveHead: RegisterVersion? { head.flatMap { $0.value.facts == nil ? nil : $0 } }
}

extension StorageRequest {
    /// Whether a change of what a path shows is one of the file: else copies move, or come late.
    fileprivate var bringsNews: Bool {
        guard case .replica(let request) = self else { return false }
        return switch request {
        case .forget, .quarantine, .merge(_, _, _, _, .takeOver), .merge(_, _, _, _, .handBack):
            false
        default: true
        }
    }
}
