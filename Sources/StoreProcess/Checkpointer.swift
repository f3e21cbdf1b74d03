internal import GRDB

/// The thread that copies the write-ahead log into the database while the writer goes on.
final class Checkpointer: Sendable {
    private let mailbox = Mailbox<Bool>()
    private let thread: Worker

    /// - Parameter finished: the rest is the writer's: what it wrote meanwhile.
    init(
        _ queue: DatabaseQueue, _ directory: DataDirectory, syncs: SyncClock,
        finished: @escaping @Sendable () -> Void
    ) {
        let mailbox = mailbox
        thread = Worker.start("store-log") {
            do {
                try queue.inDatabase { database in
                    let log = WriteAheadLog(database)
                    while mailbox.takeOne() != nil {
                        try log.checkpoint(syncs)
                        finished()
                    }
                }
            } catch {
                SyncErrors.end(directory, "checkpoint", error)
            }
        }
    }

    func start() { mailbox.post(true) }

    func end() {
        mailbox.close()
        thread.join()
    }
}
