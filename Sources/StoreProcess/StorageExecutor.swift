internal import Cluster
internal import GRDB
internal import Model
internal import Replication

/// What the cluster's brain asks of the disk, done within the writer's transactions.
///
/// Belongs to the writer's thread.
final class StorageExecutor {
    private let ledger: Ledger
    private let tables: SQLTables
    private let writing: SQLTables.Writing

    init(_ database: Database, _ ledger: Ledger) throws {
        self.ledger = ledger
        tables = try SQLTables(database, ledger.reader, ledger: ledger)
        guard let writing = tables.writing else {
            preconditionFailure("tables with a ledger write")
        }
        self.writing = writing
    }

    /// - Parameter isFull: whether there is no room for new content.
    /// - Throws: what failed in the database; the group must be rolled back then.
    func execute(_ job: StorageJob, isFull: Bool) throws -> StorageAnswer {
        writing.contents.begin(job)
        if isFull, job.bringsCopies, let answer = job.answerWithoutSpace {
            writing.contents.discard()
            return answer
        }
        tables.isFull = isFull
        // Findings are told apart by the sequences that they saw.
        if job.request.changes { _ = ledger.nextSequence() }
        let answer = try answer(job)
        tables.flush()
        try tables.check()
        try writing.contents.finish()
        return answer
    }

    private func answer(_ job: StorageJob) throws -> StorageAnswer {
        var tables = self.tables
        switch job.request {
        case .save(let rows):
            for row in rows { try writing.writes.putMeta(row.key.bytes, row.bytes) }
            return .saved
        case .replica(let request):
            return .replica(Replica.execute(request, withContents: &tables, at: job.at))
        case .skipSequences, .reconcile, .advance:
            return job.request.execute(on: &tables, at: job.at)
        }
    }

    /// From now on another disk (see `NodeDisk.renew`).
    func renew(_ disk: DiskID) throws -> StorageAnswer {
        _ = ledger.nextSequence()
        try writing.writes.setDisk(disk)
        for key in MetaKey.ofDisk { try writing.writes.putMeta(key.bytes, nil) }
        ledger.counters.disk = disk
        return .saved
    }

    func markBad(_ objects: [ObjectID]) throws {
        _ = ledger.nextSequence()
        for object in objects { try writing.contents.markBad(object) }
    }

    /// Contents of superseded versions go, oldest first, until they take no more than `limit` bytes.
    /// - Returns: whether more of it is to be done.
    func trim(to limit: UInt64) throws -> Bool {
        tables.flush()
        _ = ledger.nextSequence()
        let spare = try writing.kept.oldest(limit: StoreLimits.trimmedCountMax)
        for item in spare where ledger.counters.kept.spareByteCount > Int64(clamping: limit) {
            try writing.contents.trim(item) { tables.register(.file($0)) }
        }
        try tables.check()
        return !spare.isEmpty && ledger.counters.kept.spareByteCount > Int64(clamping: limit)
    }

    // MARK: Quotas

    func setQuotas(_ directories: [StorePath]) throws {
        tables.flush()
        try tables.check()
        try writing.quotas.set(directories)
    }

    /// Whether files of a new quota are to be counted.
    var isCounting: Bool { writing.quotas.isCounting }

    func countStep() throws {
        tables.flush()
        try tables.check()
        try writing.quotas.countStep()
    }

    func takeQuotaNews() -> [QuotaNews] { writing.quotas.takeNews() }

    /// Before the commit.
    func finishGroup() throws {
        try tables.finishGroup()
        try writing.quotas.finishGroup()
    }

    /// Staging files that came with the group's jobs, and that nothing names.
    func takeUnusedStaging() -> [OperationID] { writing.contents.takeUnusedStaging() }

    /// Objects of the group whose content is not here, or not any more.
    func takeLacking() -> [ObjectID] { writing.contents.takeLacking() }

    func rolledBack() {
        tables.forgetAll()
        writing.contents.rolledBack()
        writing.quotas.rolledBack()
    }

    func published() { writing.contents.published() }
}

extension StorageJob {
    /// Whether it is a copy of what others have: it can as well come later.
    fileprivate var bringsCopies: Bool {
        guard case .replica(.merge) = request else { return false }
        return !contents.isEmpty
    }
}

extension SQLTables {
    /// Answers a request that only reads, from one state of the database.
    func answer(_ request: StorageRequest, at now: Duration) throws -> StorageAnswer {
        precondition(!request.changes, "a reading connection changes nothing")
        forgetAll()
        var tables = self
        let answer = request.execute(on: &tables, at: now)
        try check()
        return answer
    }
}
