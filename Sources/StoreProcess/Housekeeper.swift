internal import GRDB
internal import Glibc
internal import Model
internal import Posix

/// The thread that does with files what committed transactions ask for in their outboxes, then
/// lets the writer remove the rows. All of it can be done twice, so a death at any point costs
/// nothing but doing it again.
final class Housekeeper: Sendable {
    enum Mail: Sendable {
        /// Rows up to this sequence are there.
        case published(UInt64)
        /// Contents were marked as bad, with rows up to this sequence: what is there of them is kept apart.
        case marked(UInt64)
        /// A pass of the scrub ended: what was kept apart long ago may go.
        case tidyQuarantine
        /// Finish them and end.
        case end
    }

    private let mailbox = Mailbox<Mail>()
    private let thread: Worker

    /// - Parameters:
    ///   - queue: a connection that nobody else uses from here on.
    ///   - inherited: rows up to here are of earlier lives.
    ///   - done: hands rows whose work is durable to the writer.
    init(
        _ queue: DatabaseQueue, _ directory: DataDirectory, _ contents: DiskContents,
        _ warnings: Warnings, syncs: SyncClock, inherited: UInt64,
        done: @escaping @Sendable (Housekept) -> Void
    ) {
        let mailbox = mailbox
        thread = Worker.start("store-keeper") {
            do {
                try queue.inDatabase { database in
                    let rounds = try HousekeepingRounds(
                        database, directory, contents, warnings, syncs, inherited: inherited)
                    try Housekeeper.run(mailbox, rounds, directory, warnings, done)
                }
            } catch {
                SyncErrors.end(directory, "housekeeper", error)
            }
        }
    }

    func post(_ mail: Mail) { mailbox.post(mail) }

    func join() { thread.join() }

    private static func run(
        _ mailbox: Mailbox<Mail>, _ rounds: HousekeepingRounds, _ directory: DataDirectory,
        _ warnings: Warnings, _ done: (Housekept) -> Void
    ) throws {
        var isEnding = false
        var limit: UInt64 = 0
        var isRetrying = false
        while !isEnding || rounds.hasWork(limit) {
            let timeout: Duration? =
                isRetrying ? StoreLimits.housekeepingRetry : rounds.timeToWork(limit)
            if case .elements(let mail) = mailbox.takeAll(timeout: timeout) {
                for item in mail {
                    switch item {
                    case .published(let sequence): limit = max(limit, sequence)
                    case .marked(let sequence): rounds.marked(to: sequence)
                    case .tidyQuarantine: rounds.tidyQuarantine()
                    case .end: isEnding = true
                    }
                }
            }
            do {
                if rounds.hasWork(limit) {
                    let housekept = try rounds.round(to: limit)
                    if !housekept.isEmpty { done(housekept) }
                }
                if isRetrying { warnings.clear("disk") }
                isRetrying = false
            } catch  where Housekeeper.mayPass(error) {
                // Mostly a full disk. The rows keep their content; nothing is lost by waiting.
                warnings.set("disk", "files cannot be written out: \(error)")
                if isEnding { return }
                isRetrying = true
            }
            guard !isEnding, isRetrying || !rounds.hasWork(limit) else { continue }
            do {
                // It may give back what is needed.
                try rounds.maintain()
            } catch  where mayPass(error) {
                warnings.set("disk", "contents cannot be put in order: \(error)")
                isRetrying = true
            }
        }
    }

    /// Whether the same may work later; else nobody knows what is on the disk.
    static func mayPass(_ error: any Error) -> Bool {
        switch error {
        case let error as PosixError: error.code != EIO
        case is StorageObstacle, is ContentDamage: true
        default: false
        }
    }
}

/// The housekeeper's rounds, each: what is bad, garbage, staged uploads, views, contents, one sync.
///
/// The order keeps the view's rule: garbage of a change is removed only in a round after the one
/// whose sync made the view of that change durable, so an object in the view has two names.
final class HousekeepingRounds {
    /// For tests, which end a round there as a death would.
    enum Step: CaseIterable {
        case collected
        case moved
        case viewed
        case written
        case synced
        case copied
    }

    private struct Cursor {
        var apart: UInt64 = 0
        var garbage: UInt64 = 0
        var staged: UInt64 = 0
        var viewed: UInt64 = 0
        var content: UInt64 = 0
    }

    private let directory: DataDirectory
    private let warnings: Warnings
    private let syncs: SyncClock
    private let reader: MetadataReader
    private let contents: DiskContents
    private let quarantine: Quarantine
    private let stamps: FileStamps
    /// Rows up to here are of earlier lives: nobody knows what was done to files since.
    private let inherited: UInt64
    /// Made by the first round: a life that only reads has none, which changes nothing.
    private var made: (any ContentKeeper)?
    /// Where the kind of storage has one.
    private let view: View?
    private let outboxes: OutboxReader
    /// Rows up to here are done, though they may not be removed yet.
    private var done = Cursor()
    private var markedLimit: UInt64 = 0
    /// Views and objects up to here are durable.
    private var synced: UInt64 = 0
    /// Garbage from this row on is still being read; and when it is looked at again.
    private var awaited: (sequence: UInt64, until: ContinuousClock.Instant)?
    /// Uploads find no room for their copies; and when they are tried again.
    private var blockedUntil: ContinuousClock.Instant?
    /// Views of files whose content is still to be written out, as after a move or a copy of one that was
    /// just written: it shows them alone at the path that it was written to.
    private var late: [OutboxReader.Dirty] = []
    /// Views that could not be made in this life, of which what is in the way may go: a file's where the
    /// deletions of what was below it come later.
    private var obstructed: Set<StorePath> = []
    /// An upload of which a part is copied.
    private var begun: ObjectID?
    /// The last round failed.
    private var hasFailed = false
    private let reached: (Step) throws -> Void

    init(
        _ database: Database, _ directory: DataDirectory, _ contents: DiskContents,
        _ warnings: Warnings, _ syncs: SyncClock, inherited: UInt64 = 0,
        reached: @escaping (Step) throws -> Void = { _ in }
    ) throws {
        self.directory = directory
        self.warnings = warnings
        self.syncs = syncs
        self.reached = reached
        reader = try MetadataReader(database)
        outboxes = try OutboxReader(database)
        quarantine = try Quarantine(database, directory, inherited: inherited)
        stamps = try FileStamps(database)
        self.inherited = inherited
        self.contents = contents
        view = contents.viewed.map { View(directory, $0) }
    }

    /// Whether rows up to `limit` are left, and something can be done about them now.
    func hasWork(_ limit: UInt64) -> Bool {
        if let awaited, awaited.until <= .now { return true }
        if done.apart < max(limit, markedLimit) { return true }
        if done.staged < limit, blockedUntil.map({ $0 <= .now }) ?? true { return true }
        return done.garbage < min(garbageLimit(limit), limit) || synced < limit
    }

    /// Up to where garbage may go. Without a view it need not wait for what comes before it: rows of content
    /// went with its name, and uploads that have none are not adopted.
    private func garbageLimit(_ limit: UInt64) -> UInt64 { view == nil ? limit : synced }

    /// How long nothing is to be done; nil until there are new rows.
    func timeToWork(_ limit: UInt64) -> Duration? {
        if hasWork(limit) || made?.needsMaintenance ?? false { return .zero }
        return [awaited?.until, blockedUntil].compactMap { $0 }.min().map {
            max(.zero, $0 - .now)
        }
    }

    // MARK: Parts beside

    /// Rows up to here may be there of what was marked as bad.
    func marked(to sequence: UInt64) { markedLimit = max(markedLimit, sequence) }

    func tidyQuarantine() { quarantine.tidy() }

    /// A bounded step of what keeps the disk in order.
    func maintain() throws {
        guard let made, made.needsMaintenance else { return }
        try syncs.during { try made.maintain() }
    }

    private func keeper() throws -> any ContentKeeper {
        if let made { return made }
        let keeper = try contents.store.makeKeeper()
        made = keeper
        return keeper
    }

    /// Does a bounded part of the rows up to `limit`.
    /// - Throws: `PosixError` where a file could not be written; nothing counts as done then.
    func round(to limit: UInt64) throws -> Housekept {
        let before = awaited
        do {
            let housekept = try attempt(to: limit)
            hasFailed = false
            return housekept
        } catch {
            awaited = before
            hasFailed = true
            throw error
        }
    }

    private func attempt(to limit: UInt64) throws -> Housekept {
        let keeper = try keeper()
        var housekept = Housekept()
        var next = done
        view?.beginRound()
        if let awaited, awaited.until <= .now {
            next.garbage = min(next.garbage, awaited.sequence - 1)
            self.awaited = nil
        }
        // First: what repairs them comes behind.
        try quarantine.keepApart(with: keeper, after: &next.apart, &housekept)
        next.apart = max(next.apart, limit, markedLimit)
        let hidView = try collectGarbage(keeper, to: garbageLimit(limit), &housekept, &next)
        try reached(.collected)
        if hasFailed, !housekept.isEmpty {
            // For want of space, mostly: what gives some back does not wait for what needs it.
            try sync(keeper)
            (done.apart, done.garbage) = (next.apart, next.garbage)
            return housekept
        }
        var movedAll = true
        if !contents.store.copiesUploads {
            movedAll = try moveStaged(keeper, to: limit, &housekept, &next)
        }
        try reached(.moved)
        var late = late
        let viewedAll = try showDirty(to: limit, &housekept, &next, &late)
        try reached(.viewed)
        // Names that went first: a file may stand where a directory was.
        let wroteAll = try viewedAll && writeContents(keeper, to: limit, &housekept, &next)
        if wroteAll { try showLate(&late, &housekept) }
        if !housekept.viewed.isEmpty {
            for path in obstructed { _ = show(path, try truth(at: path)) }
        }
        try reached(.written)
        if hidView || !housekept.isEmpty { try sync(keeper) }
        try reached(.synced)
        done = next
        self.late = late
        if movedAll && viewedAll && wroteAll { synced = max(synced, limit) }
        if contents.store.copiesUploads {
            try copyStaged(keeper, to: limit, &housekept)
        } else {
            try reached(.copied)
        }
        if !housekept.isEmpty { housekept.stamps = contents.trust?.takeUnsaved() ?? [:] }
        return housekept
    }

    // MARK: Parts

    /// What the object's file is like; nil where nobody asks for it.
    private func stamp(of object: ObjectID) -> FileTrust.Stamp? {
        guard contents.trust != nil, let viewed = contents.viewed else { return nil }
        do throws(PosixError) {
            return try viewed.stamp(of: object)
        } catch {
            // Then it is checked before it is served.
            Log.debug("an object has no status", ["error": "\(error)"])
            return nil
        }
    }

    /// What a name more or less changed in a file that was trusted before is no reason to check it.
    private func noteLink(_ object: ObjectID, _ before: FileTrust.Stamp?) {
        guard let trust = contents.trust, let before, isTrusted(object, before, trust),
            let after = stamp(of: object), after.isSameContent(as: before)
        else { return }
        trust.note(object, after)
    }

    private func isTrusted(
        _ object: ObjectID, _ stamp: FileTrust.Stamp, _ trust: FileTrust
    ) -> Bool {
        do {
            return try trust.trusts(object, stamp, saved: stamps.stamp(of:))
        } catch {
            Log.error("what a file was like cannot be read", ["error": "\(error)"])
            return false
        }
    }

    private func sync(_ keeper: any ContentKeeper) throws {
        do {
            try syncs.during { try keeper.sync() }
        } catch let obstacle as StorageObstacle {
            // Its transaction is undone, and the disk is as it was.
            throw obstacle
        } catch {
            SyncErrors.end(directory, "the write-out", error)
        }
    }

    /// - Returns: whether the view lost a name, so that the round ends with a sync.
    private func collectGarbage(
        _ keeper: any ContentKeeper, to limit: UInt64, _ housekept: inout Housekept,
        _ next: inout Cursor
    ) throws -> Bool {
        let rows = try outboxes.garbage(above: next.garbage, to: limit)
        for row in rows {
            if row.isNamed {
                housekept.garbage.append(row.sequence)
                next.garbage = row.sequence
                continue
            }
            // A file that was replaced twice before its second content was written out: the view
            // still has the first. It goes from there now, and as an object in the next round.
            do throws(PosixError) {
                if let view, try view.hide(row.object, at: row.path) { return true }
            } catch {
                if error.code == EIO { throw error }
                // A warning, as with every view. The object stays until the next start tries both.
                warnings.set(
                    "files\(row.path)", "the view of this file cannot be removed: \(error)")
                next.garbage = row.sequence
                continue
            }
            next.garbage = row.sequence
            if contents.inUse.contains(row.object) {
                waitForReaders(row.sequence)
                continue
            }
            try keeper.remove(row.object)
            housekept.garbage.append(row.sequence)
        }
        if rows.count < StoreLimits.roundCountMax { next.garbage = max(next.garbage, limit) }
        return false
    }

    private func waitForReaders(_ sequence: UInt64) {
        let until = awaited?.until ?? .now + StoreLimits.objectInUseRetry
        awaited = (min(sequence, awaited?.sequence ?? sequence), until)
    }

    private func moveStaged(
        _ keeper: any ContentKeeper, to limit: UInt64, _ housekept: inout Housekept,
        _ next: inout Cursor
    ) throws -> Bool {
        let rows = try outboxes.staged(above: done.staged, to: limit)
        for row in rows {
            var budget = StoreLimits.copiedByteCountMax
            let staged = ObjectName.staging(row.operation)
            guard try keeper.adopt(staged, as: row.object, budget: &budget) else { return false }
            // What an earlier life has moved may have been changed since; the start moved the others.
            if row.sequence > inherited { try contents.noteNew(row.object) }
            housekept.staged.append(row.sequence)
            next.staged = row.sequence
        }
        let isAll = rows.count < StoreLimits.roundCountMax
        if isAll { next.staged = limit }
        return isAll
    }

    private func showDirty(
        to limit: UInt64, _ housekept: inout Housekept, _ next: inout Cursor,
        _ late: inout [OutboxReader.Dirty]
    ) throws -> Bool {
        let rows = try outboxes.dirty(above: done.viewed, to: limit)
        for row in rows {
            switch view == nil ? .right : show(row.path, try truth(at: row.path)) {
            case .right: housekept.viewed.append(row.sequence)
            case .unwritten: late.append(row)
            case .failed: housekept.failedViews.append(row.sequence)
            }
        }
        let isAll = rows.count < StoreLimits.roundCountMax
        next.viewed = isAll ? limit : rows.lastSequence
        return isAll
    }

    /// When all contents are written out.
    private func showLate(
        _ late: inout [OutboxReader.Dirty], _ housekept: inout Housekept
    ) throws {
        for row in late {
            switch show(row.path, try truth(at: row.path)) {
            // What is still not there is damaged, which its readers are told.
            case .right, .unwritten: housekept.viewed.append(row.sequence)
            case .failed: housekept.failedViews.append(row.sequence)
            }
        }
        late = []
    }

    private func truth(at path: StorePath) throws -> View.Truth {
        if let stored = try reader.record(at: path) { return .file(stored.record.object) }
        return try reader.isDirectory(path) ? .directory : .nothing
    }

    /// What came of a view.
    private enum Shown {
        case right
        /// There is no such object yet.
        case unwritten
        case failed
    }

    private func show(_ path: StorePath, _ truth: View.Truth) -> Shown {
        guard let view else { return .right }
        do {
            var before: FileTrust.Stamp?
            if case .file(let object) = truth { before = stamp(of: object) }
            let isThere = try view.show(truth, at: path) { try reader.isDirectory($0) }
            if case .file(let object) = truth { noteLink(object, before) }
            for file in view.takeUnnamed() {
                guard let object = contents.trust?.object(of: file.inode) else { continue }
                noteLink(object, FileTrust.Stamp(file))
            }
            warnings.clear("files\(path)")
            obstructed.remove(path)
            return isThere ? .right : .unwritten
        } catch {
            // A file and a directory of one name: the directory has the name, and is shown.
            if case .file = truth, let isDirectory = try? reader.isDirectory(path), isDirectory {
                return show(path, .directory)
            }
            let text = (error as? View.Obstacle)?.text ?? "\(error)"
            warnings.set("files\(path)", "the view of this file cannot be made: \(text)")
            if obstructed.count < StoreLimits.obstructedViewsMax { obstructed.insert(path) }
            return .failed
        }
    }

    private func writeContents(
        _ keeper: any ContentKeeper, to limit: UInt64, _ housekept: inout Housekept,
        _ next: inout Cursor
    ) throws -> Bool {
        let batch = try outboxes.contents(above: done.content, to: limit)
        if view == nil, !batch.rows.isEmpty,
            try directory.freeByteCount() < StoreLimits.removalByteCountReserve
        {
            throw StorageObstacle("the disk is full", isFull: true)
        }
        for row in batch.rows {
            // Whatever lies there is not known to be durable, so it is written anew.
            try keeper.write(
                NewObject(object: row.object, modified: row.modified, bytes: row.bytes))
            housekept.content.append(row.sequence)
            // Replaced since: its successor's row or the dirty list shows the new one.
            if row.isCurrent, show(row.path, .file(row.object)) == .failed {
                housekept.failedContentViews.append((row.sequence, row.path))
            }
        }
        next.content = batch.isAll ? limit : batch.rows.last?.sequence ?? limit
        return batch.isAll
    }

    // MARK: Uploads that are copied

    /// Copies some of the committed uploads to their places. Beside the rest of the round: what finds no
    /// room is read from its staging file, and nothing else waits for it.
    private func copyStaged(
        _ keeper: any ContentKeeper, to limit: UInt64, _ housekept: inout Housekept
    ) throws {
        if let blockedUntil, blockedUntil > .now { return }
        blockedUntil = nil
        let rows = try outboxes.staged(above: done.staged, to: limit)
        let (settled, isWhole) = try settle(rows, keeper)
        for row in settled {
            housekept.staged.append(row.sequence)
            removeStaging(row.operation)
        }
        if !settled.isEmpty, blockedUntil == nil { warnings.clear("uploads") }
        let sequences = Set(settled.map(\.sequence))
        let left = rows.first { !sequences.contains($0.sequence) }
        if let left {
            done.staged = left.sequence - 1
        } else {
            done.staged =
                isWhole && rows.count < StoreLimits.roundCountMax
                ? limit : rows.lastSequence
        }
    }

    /// - Returns: those whose staging files are not needed any more, and whether all were looked at.
    private func settle(
        _ rows: [OutboxReader.Staged], _ keeper: any ContentKeeper
    ) throws -> (settled: [OutboxReader.Staged], isWhole: Bool) {
        var settled: [OutboxReader.Staged] = []
        var budget = StoreLimits.copiedByteCountMax
        var isWhole = true
        // What the transaction has taken so far is not on the disk yet.
        var planned: UInt64 = 0
        do {
            for row in rows {
                // The object may have lost its name meanwhile, and its garbage row been worked off.
                if !row.isNamed {
                    try keeper.remove(row.object)
                } else if try hasRoom(for: row, &planned) {
                    guard try copy(row, keeper, &budget) else {
                        isWhole = false
                        break
                    }
                } else {
                    // What comes behind it may be smaller, or wanted by nobody.
                    block("the disk has no room for their copies")
                    continue
                }
                settled.append(row)
            }
            try reached(.copied)
            if !rows.isEmpty { try sync(keeper) }
        } catch  where Housekeeper.mayPass(error) {
            // All of it is undone, and done again.
            block("\(error)")
            return ([], false)
        }
        return (settled, isWhole)
    }

    private func block(_ why: String) {
        warnings.set("uploads", "large files stay in staging/ for now: \(why)")
        blockedUntil = .now + StoreLimits.uploadRetry
    }

    /// - Parameter planned: bytes that the same transaction needs for others, and then for this one too.
    private func hasRoom(for row: OutboxReader.Staged, _ planned: inout UInt64) throws -> Bool {
        let staged = ObjectName.staging(row.operation)
        let size = try Directory.status(of: staged, in: directory.staging)?.size ?? 0
        let needed = UInt64(clamping: size) * contents.store.copyFactor
        // Of what is under way a part is there.
        guard
            try begun == row.object
                || directory.freeByteCount() >= planned + needed + StoreLimits.freeByteCountReserve
        else { return false }
        planned += needed
        return true
    }

    /// - Returns: true when all of it is copied.
    private func copy(
        _ row: OutboxReader.Staged, _ keeper: any ContentKeeper, _ budget: inout Int
    ) throws -> Bool {
        do {
            let isDone = try keeper.adopt(
                ObjectName.staging(row.operation), as: row.object, budget: &budget)
            begun = isDone ? nil : row.object
            return isDone
        } catch  where Housekeeper.mayPass(error) {
            begun = nil
            // What was copied takes the room that others need.
            try keeper.remove(row.object)
            try sync(keeper)
            throw error
        }
    }

    /// A staging file whose content is durable in its place by now, or wanted by nobody.
    private func removeStaging(_ operation: OperationID) {
        do {
            _ = try Directory.removeIfPresent(
                ObjectName.staging(operation), in: directory.staging)
        } catch {
            Log.error("a staging file cannot be removed", ["error": "\(error)"])
        }
    }
}
