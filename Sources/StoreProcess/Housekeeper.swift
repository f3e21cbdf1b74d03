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
        /// Finish them and end.
        case end
    }

    private let mailbox = Mailbox<Mail>()
    private let thread: Worker

    /// - Parameters:
    ///   - queue: a connection that nobody else uses from here on.
    ///   - done: hands rows whose work is durable to the writer.
    init(
        _ queue: DatabaseQueue, _ directory: DataDirectory, _ warnings: Warnings,
        syncs: SyncClock, done: @escaping @Sendable (Housekept) -> Void
    ) {
        let mailbox = mailbox
        thread = Worker.start("store-keeper") {
            do {
                try queue.inDatabase { database in
                    let rounds = try HousekeepingRounds(database, directory, warnings, syncs)
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
                isRetrying
                ? StoreLimits.housekeepingRetry : rounds.hasWork(limit) ? .zero : nil
            if case .elements(let mail) = mailbox.takeAll(timeout: timeout) {
                for item in mail {
                    switch item {
                    case .published(let sequence): limit = max(limit, sequence)
                    case .end: isEnding = true
                    }
                }
            }
            do {
                let housekept = try rounds.round(to: limit)
                if !housekept.isEmpty { done(housekept) }
                if isRetrying { warnings.clear("disk") }
                isRetrying = false
            } catch let error as PosixError where error.code != EIO {
                // Mostly a full disk. The rows keep their content; nothing is lost by waiting.
                warnings.set("disk", "files cannot be written out: \(error)")
                if isEnding { return }
                isRetrying = true
            }
        }
    }
}

/// The housekeeper's rounds, each: garbage, staged uploads, views, contents, one sync.
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
    }

    private struct Cursor {
        var garbage: UInt64 = 0
        var staged: UInt64 = 0
        var viewed: UInt64 = 0
        var content: UInt64 = 0
    }

    private let directory: DataDirectory
    private let warnings: Warnings
    private let syncs: SyncClock
    private let reader: MetadataReader
    private let view: View
    private let outboxes: OutboxReader
    /// Rows up to here are done, though they may not be removed yet.
    private var done = Cursor()
    /// Views and objects up to here are durable.
    private var synced: UInt64 = 0
    private let reached: (Step) throws -> Void

    init(
        _ database: Database, _ directory: DataDirectory, _ warnings: Warnings,
        _ syncs: SyncClock, reached: @escaping (Step) throws -> Void = { _ in }
    ) throws {
        self.directory = directory
        self.warnings = warnings
        self.syncs = syncs
        self.reached = reached
        reader = try MetadataReader(database)
        outboxes = try OutboxReader(database)
        view = View(directory)
    }

    /// Whether rows up to `limit` are left.
    func hasWork(_ limit: UInt64) -> Bool {
        done.garbage < min(synced, limit) || synced < limit
    }

    /// Does a bounded part of the rows up to `limit`.
    /// - Throws: `PosixError` where a file could not be written; nothing counts as done then.
    func round(to limit: UInt64) throws -> Housekept {
        var housekept = Housekept()
        var next = done
        view.beginRound()
        let hidView = try collectGarbage(&housekept, &next)
        try reached(.collected)
        let movedAll = try moveStaged(to: limit, &housekept, &next)
        try reached(.moved)
        let viewedAll = try showDirty(to: limit, &housekept, &next)
        try reached(.viewed)
        // Names that went first: a file may stand where a directory was.
        let wroteAll = try viewedAll && writeContents(to: limit, &housekept, &next)
        try reached(.written)
        if hidView || !housekept.isEmpty {
            do {
                try syncs.during { try FileIO.syncFileSystem(of: directory.objects) }
            } catch {
                SyncErrors.end(directory, "syncfs", error)
            }
        }
        try reached(.synced)
        done = next
        if movedAll && viewedAll && wroteAll { synced = max(synced, limit) }
        return housekept
    }

    // MARK: Parts

    /// - Returns: whether the view lost a name, so that the round ends with a sync.
    private func collectGarbage(
        _ housekept: inout Housekept, _ next: inout Cursor
    ) throws -> Bool {
        let rows = try outboxes.garbage(above: done.garbage, to: synced)
        for row in rows {
            if row.isNamed {
                housekept.garbage.append(row.sequence)
                next.garbage = row.sequence
                continue
            }
            // A file that was replaced twice before its second content was written out: the view
            // still has the first. It goes from there now, and as an object in the next round.
            do throws(PosixError) {
                if try view.hide(row.object, at: row.path) { return true }
            } catch {
                if error.code == EIO { throw error }
                // A warning, as with every view. The object stays until the next start tries both.
                warnings.set(
                    "files\(row.path)", "the view of this file cannot be removed: \(error)")
                next.garbage = row.sequence
                continue
            }
            _ = try Directory.removeIfPresent(
                ObjectName.path(row.object), in: directory.objects)
            housekept.garbage.append(row.sequence)
            next.garbage = row.sequence
        }
        if rows.count < StoreLimits.roundCountMax { next.garbage = synced }
        return false
    }

    private func moveStaged(
        to limit: UInt64, _ housekept: inout Housekept, _ next: inout Cursor
    ) throws -> Bool {
        let rows = try outboxes.staged(above: done.staged, to: limit)
        for row in rows {
            try StagedUpload.move(row.operation, to: row.object, directory)
            housekept.staged.append(row.sequence)
        }
        let isAll = rows.count < StoreLimits.roundCountMax
        next.staged = isAll ? limit : rows.lastSequence
        return isAll
    }

    private func showDirty(
        to limit: UInt64, _ housekept: inout Housekept, _ next: inout Cursor
    ) throws -> Bool {
        let rows = try outboxes.dirty(above: done.viewed, to: limit)
        for row in rows {
            if show(row.path, try truth(at: row.path)) {
                housekept.viewed.append(row.sequence)
            } else {
                housekept.failedViews.append(row.sequence)
            }
        }
        let isAll = rows.count < StoreLimits.roundCountMax
        next.viewed = isAll ? limit : rows.lastSequence
        return isAll
    }

    private func truth(at path: StorePath) throws -> View.Truth {
        if let stored = try reader.record(at: path) { return .file(stored.record.object) }
        return try reader.isDirectory(path) ? .directory : .nothing
    }

    /// True where the view is right now.
    private func show(_ path: StorePath, _ truth: View.Truth) -> Bool {
        do {
            try view.show(truth, at: path) { try reader.isDirectory($0) }
            warnings.clear("files\(path)")
            return true
        } catch {
            // A file and a directory of one name: the directory has the name, and is shown.
            if case .file = truth, let isDirectory = try? reader.isDirectory(path), isDirectory {
                return show(path, .directory)
            }
            let text = (error as? View.Obstacle)?.text ?? "\(error)"
            warnings.set("files\(path)", "the view of this file cannot be made: \(text)")
            return false
        }
    }

    private func writeContents(
        to limit: UInt64, _ housekept: inout Housekept, _ next: inout Cursor
    ) throws -> Bool {
        let batch = try outboxes.contents(above: done.content, to: limit)
        for row in batch.rows {
            try write(row)
            housekept.content.append(row.sequence)
            // Replaced since: its successor's row or the dirty list shows the new one.
            if row.isCurrent, !show(row.path, .file(row.object)) {
                housekept.failedContentViews.append((row.sequence, row.path))
            }
        }
        next.content = batch.isAll ? limit : batch.rows.last?.sequence ?? limit
        return batch.isAll
    }

    /// Whatever lies there is not known to be durable, so it is written anew.
    private func write(_ row: OutboxReader.Content) throws {
        let file = try Directory.open(
            ObjectName.path(row.object), in: directory.objects,
            [.writeOnly, .create, .truncate])
        try FileIO.write(row.bytes, to: file, at: 0)
        try FileIO.setModified(file, to: row.modified.nanoseconds)
    }
}

/// An upload between its commit and its place among the objects.
enum StagedUpload {
    /// Moves the staging file of a committed upload. Doing it again finds it moved.
    static func move(
        _ operation: OperationID, to object: ObjectID, _ directory: DataDirectory
    ) throws(PosixError) {
        do {
            try Directory.rename(
                ObjectName.staging(operation), in: directory.staging,
                to: ObjectName.path(object), in: directory.objects)
        } catch {
            if error.code != ENOENT { throw error }
            if try Directory.status(of: ObjectName.path(object), in: directory.objects) == nil {
                Log.error(
                    "the content of a committed upload is not there",
                    ["operation": operation.hex, "object": object.hex])
            }
        }
    }
}
