internal import Cluster
internal import GRDB
internal import Loop
internal import Model
internal import Posix
internal import Synchronization

/// The threads of an open data directory: writer, readers, housekeeper, checkpoints, files.
final class Engine: Sendable {
    let directory: DataDirectory
    let contents: DiskContents
    let writer: Writer
    let readers: Readers
    let syncs = SyncClock()
    let warnings = Warnings()
    let space = SpaceRules()
    let scrubber: Scrubber
    /// As the last life wrote it down.
    let savedScrub: [UInt8]?
    let isReadOnly: Bool
    /// For calls on files that wait for the disk.
    let files: ThreadPool
    /// Staging files of earlier lives that no commit names.
    let foundUploads: [OperationID]
    /// What the cluster's brain starts with: the disk's id and its small rows.
    let nodeDisk: NodeDisk
    private let housekeeper: Housekeeper
    private let checkpointer: Checkpointer
    private let queues: Queues

    /// The connections, each for one thread.
    private struct Queues {
        let writer: DatabaseQueue
        let housekeeper: DatabaseQueue
        let checkpointer: DatabaseQueue
        let scrubber: DatabaseQueue
        let readers: [DatabaseQueue]

        init(
            _ directory: DataDirectory, readerCount: Int, _ recover: (DatabaseQueue) throws -> Void
        ) throws {
            func connect(_ pages: Int) throws -> DatabaseQueue {
                try Schema.connect(
                    directory.metaPath, directory.sealing?.files, cachePages: pages)
            }
            writer = try connect(StoreLimits.writerCachePages)
            try recover(writer)
            housekeeper = try connect(StoreLimits.readerCachePages)
            checkpointer = try connect(1)
            scrubber = try connect(StoreLimits.readerCachePages)
            readers = try (0..<readerCount).map { _ in try connect(StoreLimits.readerCachePages) }
        }

        /// Nothing of the database is touched after it.
        func close() throws {
            for queue in [housekeeper, checkpointer, scrubber, writer] + readers {
                try queue.close()
            }
        }
    }

    /// Opens or makes the directory and starts its threads.
    ///
    /// - Parameters:
    ///   - isKept: false leaves the outboxes as they are, for tests that look at what a death leaves.
    ///   - committed: takes each durable group, on the writer's thread.
    ///   - answeredAhead: takes answers to the brain that are not durable yet; nil where it does not want them.
    ///   - found: takes the answers to questions, on a reading thread.
    ///   - scrubbed: takes the answers of the scrubber, on its thread.
    /// - Throws: `PermanentFailure` where no restart helps.
    init(
        _ path: BytePath, _ wanted: WantedStorage = WantedStorage(), isKept: Bool = true,
        committed: @escaping @Sendable (Committed) -> Void,
        answeredAhead: (@Sendable (AnsweredAhead) -> Void)? = nil,
        found: @escaping @Sendable (Finding) -> Void,
        scrubbed: @escaping @Sendable (UInt64, Scrubber.Answer) -> Void = { _, _ in }
    ) throws {
        directory = try DataDirectory(path, wanted)
        isReadOnly = SyncErrors.demandReadOnly(directory, now: WallClock.now)
        if isReadOnly {
            warnings.set("disk", "syncs failed twice within 10 minutes: the store is read-only")
        }
        if try directory.freeByteCount() < StoreLimits.freeByteCountReserve {
            // SQLite needs some even to open what a killed life left.
            var ballast = try Ballast(directory)
            _ = try ballast.release()
        }
        queues = try Queues(directory, readerCount: StoreLimits.readerCount) {
            [directory, isReadOnly] in
            try Recovery.database($0, directory, isReadOnly: isReadOnly)
        }
        let inherited: UInt64
        (inherited, savedScrub) = try queues.writer.inDatabase { database in
            let reader = try MetadataReader(database)
            return (
                UInt64(bitPattern: try reader.stateNumber("sequence") ?? 0),
                try reader.stateBytes(ScrubPass.key)
            )
        }
        contents = try DiskContents(directory, isReadOnly: isReadOnly)
        foundUploads = try Recovery.staging(queues.writer, directory, contents)
        nodeDisk = try queues.writer.inDatabase { try NodeRows.load($0) }
        files = try ThreadPool(threadCount: StoreLimits.fileThreadCount)
        // The threads know each other through this, since each is made before the next.
        let wires = Wires()
        housekeeper = Housekeeper(
            queues.housekeeper, directory, contents, warnings, syncs: syncs,
            inherited: inherited,
            done: { wires.submit(.housekept($0)) })
        checkpointer = Checkpointer(
            queues.checkpointer, directory, syncs: syncs,
            finished: { wires.submit(.finishCheckpoint) })
        let (housekeeper, checkpointer) = (housekeeper, checkpointer)
        writer = Writer(
            queues.writer, directory, space, isReadOnly: isReadOnly, syncs: syncs,
            outlets: WriterOutlets(
                committed: committed, answeredAhead: answeredAhead,
                // A read-only life leaves the outboxes to the next one.
                published: { [isReadOnly] in
                    if isKept && !isReadOnly { housekeeper.post(.published($0)) }
                },
                checkpointDue: { checkpointer.start() },
                markedBad: { [isReadOnly] in if !isReadOnly { housekeeper.post(.marked($0)) } },
                housekeepingFinished: { housekeeper.post(.end) }))
        wires.connect(writer)
        space.connect { wires.submit(.makeRoom) }
        readers = Readers(queues.readers, directory, contents, space, found: found)
        scrubber = Scrubber(queues.scrubber, directory, contents, found: scrubbed)
    }

    /// Finishes everything that was asked for, writes out what waits, and ends the threads. Takes
    /// as long as the disk needs: not for the loop's thread.
    func end() {
        scrubber.end()
        writer.submit(.finishHousekeeping)
        housekeeper.join()
        writer.end()
        checkpointer.end()
        readers.end()
        files.end()
        do {
            try queues.writer.inDatabase { try WriteAheadLog.empty($0) }
        } catch {
            if !isReadOnly { SyncErrors.end(directory, "the last checkpoint", error) }
            Log.error("the last checkpoint failed", ["error": "\(error)"])
        }
        close()
        directory.unlock()
    }

    /// What was kept apart long ago may go.
    func tidyQuarantine() {
        if !isReadOnly { housekeeper.post(.tidyQuarantine) }
    }

    /// Not where syncs fail: the last connection to close writes the log's pages and removes it.
    private func close() {
        guard !isReadOnly else { return }
        do {
            try queues.close()
        } catch {
            Log.error("the database was not closed", ["error": "\(error)"])
        }
    }
}

/// Lets threads that were made before the writer submit to it.
private final class Wires: Sendable {
    private struct State {
        var writer: Writer?
        var early: [Mutation] = []
    }

    private let state = Mutex(State())

    func submit(_ mutation: Mutation) {
        state.withLock { state in
            if let writer = state.writer {
                writer.submit(mutation)
            } else {
                state.early.append(mutation)
            }
        }
    }

    func connect(_ writer: Writer) {
        state.withLock { state in
            for mutation in state.early { writer.submit(mutation) }
            state = State(writer: writer)
        }
    }
}

/// What a start does before anything else, so that the rest sees a database that is durable.
enum Recovery {
    /// Brings tables up to date and makes what earlier lives wrote durable.
    static func database(
        _ queue: DatabaseQueue, _ directory: DataDirectory, isReadOnly: Bool
    ) throws {
        try Schema.migrate(queue)
        do {
            try queue.inDatabase { database in
                try WriteAheadLog.empty(database)
            }
            try FileIO.syncFileSystem(of: directory.meta)
        } catch {
            // A read-only life serves what can be read.
            if !isReadOnly { SyncErrors.end(directory, "the first checkpoint", error) }
            Log.error("the first checkpoint failed", ["error": "\(error)"])
        }
    }

    /// Moves committed uploads to their objects, where that takes no copying.
    /// - Returns: the other staging files: uploads that were under way.
    static func staging(
        _ queue: DatabaseQueue, _ directory: DataDirectory, _ contents: DiskContents
    ) throws -> [OperationID] {
        var committed: Set<OperationID> = []
        try queue.inDatabase { database in
            let outboxes = try OutboxReader(database)
            var last: UInt64 = 0
            while true {
                // Their rows go when the housekeeper has synced the move.
                let rows = try outboxes.staged(above: last, to: UInt64(Int64.max))
                for row in rows {
                    let staged = ObjectName.staging(row.operation)
                    let isThere = try Directory.status(of: staged, in: directory.staging) != nil
                    // What is bad goes first, which is the housekeeper's.
                    if try outboxes.isApart(row.object)
                        || !contents.store.recover(staged, as: row.object)
                    {
                        committed.insert(row.operation)
                    } else if isThere {
                        try contents.noteNew(row.object)
                    }
                }
                guard let next = rows.last?.sequence else { break }
                last = next
            }
        }
        var uploads: [OperationID] = []
        for entry in try Directory.entries(of: directory.staging) {
            if let operation = OperationID(hex: String(decoding: entry.name, as: UTF8.self)) {
                if !committed.contains(operation) { uploads.append(operation) }
            } else {
                // A view that was being made.
                _ = try Directory.removeIfPresent(BytePath(entry.name), in: directory.staging)
            }
        }
        return uploads
    }
}
