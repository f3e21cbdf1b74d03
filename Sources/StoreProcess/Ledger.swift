internal import GRDB
internal import IPC
internal import Model

/// The rules of the metadata, applied within the writer's transaction.
///
/// Each mutation first looks, then touches: one that is refused has changed nothing, so that a
/// group needs no savepoints. What throws here is the disk; the whole group is rolled back then.
/// Belongs to the writer's thread.
final class Ledger {
    /// What a rollback puts back.
    struct Counters {
        var disk: DiskID
        /// Changes of this disk, and rows that they left in the outboxes.
        var sequence: UInt64 = 0
        var time: HybridTime = .zero
        /// Content in rows.
        var unwrittenByteCount = 0
        var unwrittenCount = 0
        var kept = KeptSums()
    }

    var counters: Counters
    /// Outbox rows up to this sequence may have been seen by the housekeeper.
    var published: UInt64 = 0
    /// Changes of the group, for the caches.
    var changes: [Change] = []

    let reader: MetadataReader
    let statements: LedgerStatements
    private let database: Database
    /// See `integrityRows`.
    private var madeIntegrityRows: IntegrityRows?
    private var entropy = Entropy()
    /// As the database has them.
    private var savedKept = KeptSums()
    /// Directories that exist, root excepted.
    private var knownDirectories: Set<StorePath> = []

    init(_ database: Database) throws {
        reader = try MetadataReader(database)
        statements = try LedgerStatements(database)
        self.database = database
        counters = Counters(disk: try reader.disk())
        counters.sequence = UInt64(bitPattern: try reader.stateNumber("sequence") ?? 0)
        counters.time = HybridTime(
            value: UInt64(bitPattern: try reader.stateNumber("time") ?? 0))
        counters.kept = try KeptSums { try reader.stateNumber($0) }
        savedKept = counters.kept
        (counters.unwrittenCount, counters.unwrittenByteCount) = try statements.unwritten()
        // An earlier life may have written out any of them.
        published = counters.sequence
    }

    /// Applies one mutation.
    func apply(_ mutation: Mutation, now: Timestamp) throws -> Verdict {
        switch mutation {
        case .put(let write, let content):
            return try put(write, .row(content), now)
        case .commitUpload(let write, let object):
            return try put(write, .staged(object), now)
        case .findUpload(let operation, let path):
            if let known = try knownResult(operation, stored: reader.record(at: path)) {
                return .done(known)
            }
            return .refused(RemoteError(.unknownUpload, "no such upload is under way"))
        case .delete(let request): return try delete(request, now)
        case .makeDirectory(let request): return try makeDirectory(request, now)
        case .housekept(let done): return try housekept(done)
        case .showAgain(let paths):
            for path in paths { try statements.insertDirty(nextSequence(), path) }
            return .silent
        case .scrubbed(let bytes):
            try statements.setState(ScrubPass.key, bytes)
            return .silent
        case .stamped(let found):
            try integrityRows().put(found)
            return .silent
        case .finishCheckpoint, .finishHousekeeping, .makeRoom: return .silent
        case .storage, .renewDisk, .markBad, .setQuotas, .followed:
            preconditionFailure("the brain's requests are not the ledger's")
        }
    }

    var disk: DiskID { counters.disk }

    /// Made when they are needed first: an older migration has a ledger, and not these tables yet.
    func integrityRows() throws -> IntegrityRows {
        if let madeIntegrityRows { return madeIntegrityRows }
        let made = try IntegrityRows(database)
        madeIntegrityRows = made
        return made
    }

    /// The next number of a row in the outboxes.
    func nextSequence() -> UInt64 {
        counters.sequence += 1
        return counters.sequence
    }

    /// Writes sequence and clock at the group's end.
    func finishGroup() throws {
        try statements.setState("sequence", Int64(bitPattern: counters.sequence))
        try statements.setState("time", Int64(bitPattern: counters.time.value))
        guard savedKept != counters.kept else { return }
        for (key, value) in zip(KeptSums.keys, counters.kept.values) {
            try statements.setState(key, value)
        }
        savedKept = counters.kept
    }

    /// The transaction is lost: back to what was.
    func rolledBack(to before: Counters) {
        counters = before
        savedKept = before.kept
        changes = []
        knownDirectories = []
    }

    func takeChanges() -> [Change] {
        defer { changes = [] }
        return changes
    }

    /// The next dot and clock reading.
    func nextDot(_ now: Timestamp) -> (dot: Dot, time: HybridTime) {
        counters.sequence += 1
        let milliseconds = UInt64(max(0, now.nanoseconds / 1_000_000))
        counters.time = counters.time.next(wallMilliseconds: milliseconds)
        return (Dot(disk: disk, sequence: counters.sequence), counters.time)
    }

    // MARK: Operations

    /// The first result of an operation that was applied before.
    func knownResult(
        _ operation: OperationID, stored: StoredRecord?
    ) throws -> WriteResponse? {
        if let stored, stored.record.operation == operation { return stored.response }
        return try statements.result(of: operation)
    }

    /// The first result of a change that was applied before.
    func known(_ mutation: Mutation) throws -> WriteResponse? {
        switch mutation {
        case .put(let write, _), .commitUpload(let write, _):
            try knownResult(write.operation, stored: reader.record(at: write.path))
        case .delete(let request): try statements.result(of: request.operation)
        case .makeDirectory(let request): try statements.result(of: request.operation)
        case .findUpload, .housekept, .finishCheckpoint, .finishHousekeeping, .storage,
            .renewDisk, .markBad, .showAgain, .scrubbed, .stamped, .makeRoom, .setQuotas, .followed:
            nil
        }
    }

    // MARK: Writing a file

    private enum Source {
        case row([UInt8])
        case staged(ObjectID)
    }

    private func put(
        _ write: WriteRequest, _ source: Source, _ now: Timestamp
    ) throws -> Verdict {
        let old = try reader.record(at: write.path)
        if let known = try knownResult(write.operation, stored: old) { return .done(known) }
        var missing: [StorePath] = []
        if old == nil {
            if let refusal = try refusalOfNewFile(write.path, missing: &missing) {
                return .refused(refusal)
            }
        }
        let before = old?.record
        guard write.conditions.hold(digest: before?.digest, modified: before?.modified) else {
            return .refused(RemoteError(.preconditionFailed, "the file is another one by now"))
        }
        // From here on the database is touched.
        let stored = newRecord(write, source, old: old, now)
        let (dot, time) = (stored.record.version.dot, stored.record.version.time)
        try makeEntries(missing, dot, time, now)
        if let old { try retire(old, of: write.path, at: dot.sequence, now) }
        try statements.insert(stored, at: write.path)
        try statements.insertFileEntry(stored.record, at: write.path)
        try statements.count(
            stored.record.home, files: old == nil ? 1 : 0,
            bytes: Int64(write.byteCount) - Int64(old?.record.byteCount ?? 0))
        switch source {
        case .row(let content):
            try statements.insertContent(stored.record, at: write.path, content)
            counters.unwrittenCount += 1
            counters.unwrittenByteCount += content.count
            changes.append(Change(path: write.path, stored: stored, content: content))
        case .staged(let object):
            try statements.insertStaged(dot.sequence, write.operation, object)
            try statements.insertDirty(dot.sequence, write.path)
            changes.append(Change(path: write.path, stored: stored))
        }
        return .done(stored.response)
    }

    /// Why there can be no new file at `path`; the directories that it would make go to `missing`.
    private func refusalOfNewFile(
        _ path: StorePath, missing: inout [StorePath]
    ) throws -> RemoteError? {
        let entry = try reader.entry(at: path)
        if path.isRoot || entry?.kind == .directory {
            return RemoteError(.isDirectory, "\(path) is a directory")
        }
        return try missingAncestors(of: path, into: &missing)
    }

    private func newRecord(
        _ write: WriteRequest, _ source: Source, old: StoredRecord?, _ now: Timestamp
    ) -> StoredRecord {
        let (dot, time) = nextDot(now)
        var context = old?.record.version.context ?? .empty
        context.insert(dot)
        let partition = Partition(of: write.path)
        let shard = UInt8(truncatingIfNeeded: dot.sequence / StoreLimits.shardRunCount)
        let (object, contentKey) =
            switch source {
            case .row: (ObjectID(shard: shard, using: &entropy), dot.sequence)
            case .staged(let object): (object, UInt64(0))
            }
        return StoredRecord(
            record: FileRecord(
                version: Version(dot: dot, time: time, context: context),
                byteCount: write.byteCount, digest: write.digest, contentType: write.contentType,
                created: write.created ?? old?.record.created ?? now,
                modified: write.modified ?? now, object: object, home: partition,
                operation: write.operation),
            outcome: old == nil ? .created : .replaced, contentKey: contentKey)
    }

    /// The content of a record that is replaced or removed at `sequence` becomes garbage, and its
    /// operation moves to where it is kept for the rest of its hour.
    func retire(
        _ old: StoredRecord, of path: StorePath, at sequence: UInt64, _ now: Timestamp
    ) throws {
        let record = old.record
        let wall = UInt64(max(0, now.nanoseconds / 1_000_000))
        if record.version.time.wallMilliseconds + StoreLimits.operationMillisecondsKept > wall {
            try statements.keep(
                record.operation, old.response, at: record.version.time.wallMilliseconds)
        }
        if old.contentKey != 0,
            let byteCount = try statements.removeContent(old.contentKey)
        {
            counters.unwrittenCount -= 1
            counters.unwrittenByteCount -= byteCount
            // Never shown to the housekeeper: there is no object.
            if old.contentKey > published { return }
        }
        try statements.insertGarbage(sequence, record.object, shownAt: path)
    }

    // MARK: Directories

    /// The directories above `path` that do not exist, from the top.
    /// - Returns: the refusal where one of them is a file.
    func missingAncestors(
        of path: StorePath, into missing: inout [StorePath]
    ) throws -> RemoteError? {
        var directory = path.parent
        while let current = directory, !current.isRoot, !knownDirectories.contains(current) {
            guard let entry = try reader.entry(at: current) else {
                missing.append(current)
                directory = current.parent
                continue
            }
            guard entry.kind == .directory else {
                return RemoteError(.notDirectory, "\(current) is a file")
            }
            break
        }
        missing.reverse()
        if let parent = path.parent, !parent.isRoot {
            if knownDirectories.count >= StoreLimits.knownDirectoriesMax { knownDirectories = [] }
            if missing.isEmpty { knownDirectories.insert(parent) }
        }
        return nil
    }

    func makeEntries(
        _ directories: [StorePath], _ dot: Dot, _ time: HybridTime, _ now: Timestamp
    ) throws {
        for directory in directories {
            try statements.insertDirectoryEntry(at: directory, dot, time, now)
        }
    }

    /// Removes the entries of directories that exist no longer, from `directory` upwards: one
    /// exists iff it is marked or has an entry.
    func prune(from directory: StorePath) throws {
        var directory = directory
        while let parent = directory.parent {
            if try statements.hasEntries(directory) || statements.mark(at: directory) != nil {
                return
            }
            try statements.removeEntry(at: directory)
            knownDirectories.removeAll()
            directory = parent
        }
    }

    private func makeDirectory(
        _ request: MakeDirectoryRequest, _ now: Timestamp
    ) throws -> Verdict {
        if let known = try statements.result(of: request.operation) { return .done(known) }
        let path = request.path
        if try reader.record(at: path) != nil {
            return .refused(RemoteError(.notDirectory, "\(path) is a file"))
        }
        var missing: [StorePath] = []
        if let refusal = try missingAncestors(of: path, into: &missing) {
            return .refused(refusal)
        }
        if let mark = try statements.mark(at: path) {
            return .done(
                WriteResponse(
                    outcome: .directoryExisted, dot: mark.dot, time: mark.time, copies: 1))
        }
        let exists = try path.isRoot || reader.entry(at: path) != nil
        let (dot, time) = nextDot(now)
        try statements.insertMark(at: path, dot, time, now)
        if !exists {
            try makeEntries(missing + [path], dot, time, now)
            try statements.insertDirty(dot.sequence, path)
        }
        let response = WriteResponse(
            outcome: exists ? .directoryExisted : .directoryMade, dot: dot, time: time, copies: 1)
        try statements.keep(request.operation, response, at: time.wallMilliseconds)
        return .done(response)
    }

    // MARK: Housekeeping

    private func housekept(_ done: Housekept) throws -> Verdict {
        for sequence in done.content {
            if let byteCount = try statements.removeContent(sequence) {
                counters.unwrittenCount -= 1
                counters.unwrittenByteCount -= byteCount
            }
        }
        try statements.remove(done.staged, from: .staged)
        try statements.remove(done.viewed, from: .viewDirty)
        try statements.remove(done.garbage, from: .garbage)
        try integrityRows().housekept(done)
        for sequence in done.failedViews { try statements.failView(sequence) }
        for failed in done.failedContentViews {
            try statements.insertDirty(failed.sequence, failed.path, failed: true)
        }
        return .silent
    }

    /// Forgets operations whose time is over: true where some were there.
    func pruneOperations(_ now: Timestamp) throws -> Bool {
        let wall = UInt64(max(0, now.nanoseconds / 1_000_000))
        guard wall > StoreLimits.operationMillisecondsKept else { return false }
        return try statements.pruneOperations(before: wall - StoreLimits.operationMillisecondsKept)
    }
}

extension Ledger {
    /// Whether another row of content may come.
    var hasRoomForContent: Bool {
        counters.unwrittenByteCount < StoreLimits.unwrittenByteCountMax
            && counters.unwrittenCount < StoreLimits.unwrittenCountMax
    }
}
