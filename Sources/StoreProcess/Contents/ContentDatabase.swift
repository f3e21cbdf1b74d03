internal import GRDB
internal import GRDBSQLite
internal import Model
internal import Posix
internal import Synchronization

/// A database of a kind of storage, beside that of the metadata and with the same careful settings.
struct ContentDatabase: Sendable {
    /// Absolute.
    let folder: BytePath
    let fileName: String
    /// The folder's name in the node's directory, for people.
    let name: String
    /// What migration 1 makes.
    let tables: String
    /// Before there are tables.
    let firstPragmas: String

    init(
        _ directory: DataDirectory, _ name: String, _ fileName: String, first: String = "",
        tables: String
    ) {
        folder = directory.path.appending(name)
        self.name = name
        self.fileName = fileName
        self.tables = tables
        firstPragmas = first
    }

    private var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        let tables = tables
        migrator.registerMigration("1") { try $0.execute(sql: tables) }
        return migrator
    }

    func connect(cachePages: Int = StoreLimits.readerCachePages) throws -> DatabaseQueue {
        let queue = try Schema.connect(folder, cachePages: cachePages, file: fileName)
        try queue.inDatabase {
            try $0.execute(
                sql: "PRAGMA journal_size_limit = \(Int(StoreLimits.contentLogPageCount) * 4096)")
        }
        return queue
    }

    /// Makes it, or makes durable what an earlier life left; before any other connection.
    /// - Throws: `PermanentFailure` where it is not what this program wrote.
    func open(isReadOnly: Bool = false) throws {
        do {
            let queue = try Schema.connect(
                folder, cachePages: StoreLimits.readerCachePages, file: fileName,
                first: firstPragmas)
            if try queue.read({ try migrator.hasBeenSuperseded($0) }) {
                throw PermanentFailure(
                    "\(name)/\(fileName) was written by a newer version of clusterf: "
                        + "start that version, or use another data directory")
            }
            try migrator.migrate(queue)
            // A read-only life serves what can be read.
            if !isReadOnly { try queue.inDatabase { try WriteAheadLog.empty($0) } }
            try queue.close()
        } catch let error as DatabaseError where ContentDatabase.isDamage(error.resultCode.rawValue)
        {
            throw PermanentFailure(
                "\(name)/\(fileName) is damaged: \(error). Restore the data directory from a "
                    + "backup, or move it away and let the node fetch its copies from the others")
        }
    }

    fileprivate static func isDamage(_ code: Int32) -> Bool {
        [SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_MISMATCH].contains(code & 0xFF)
    }

    /// A thread that reads: what fails is the content's damage, or the reader's trouble.
    static func reading<Result>(_ body: () throws -> Result) throws -> Result {
        do {
            return try body()
        } catch let failure as SQLFailure where isDamage(failure.code) {
            throw ContentDamage("its database is damaged: \(failure)")
        } catch let row as CorruptRow {
            throw ContentDamage("\(row)")
        }
    }
}

/// A transaction of a keeper, from its first change to the sync.
///
/// Belongs to the housekeeper's thread.
final class ContentTransaction {
    private let queue: DatabaseQueue
    private let begin: SQLStatement
    private let commitAll: SQLStatement
    private let rollback: SQLStatement
    /// Nil as the connection closes.
    private var log: WriteAheadLog?
    private let syncs = SyncClock()
    private(set) var isOpen = false

    init(_ queue: DatabaseQueue) throws {
        self.queue = queue
        (begin, commitAll, rollback, log) = try queue.inDatabase { database in
            (
                try SQLStatement(database, "BEGIN IMMEDIATE"),
                try SQLStatement(database, "COMMIT"), try SQLStatement(database, "ROLLBACK"),
                WriteAheadLog(database)
            )
        }
    }

    /// Runs `body` within the transaction; where it fails all of the transaction is undone, and `undone`
    /// forgets what was thought of it.
    func change<Result>(undone: () -> Void, _ body: () throws -> Result) throws -> Result {
        try guarded(undone) {
            if !isOpen {
                try begin.run()
                isOpen = true
            }
            return try body()
        }
    }

    /// Makes all of it durable. Where the disk is full it is undone, as if it had failed before.
    func commit(undone: () -> Void) throws {
        guard isOpen else { return }
        try guarded(undone) {
            try commitAll.run()
            isOpen = false
        }
        if let log, log.pageCount >= StoreLimits.contentLogPageCount { try log.checkpoint(syncs) }
    }

    /// A connection that closes with a transaction open would call hooks of what is gone by then.
    deinit {
        do {
            try queue.inDatabase { _ in
                if !rollback.isIdle { try rollback.run() }
            }
        } catch {
            Log.error("a transaction of contents cannot be undone", ["error": "\(error)"])
        }
        log = nil
    }

    private func guarded<Result>(
        _ undone: () -> Void, _ body: () throws -> Result
    ) throws -> Result {
        do {
            return try queue.inDatabase { _ in try body() }
        } catch {
            undone()
            try queue.inDatabase { _ in
                if !rollback.isIdle { try rollback.run() }
            }
            isOpen = false
            guard let failure = error as? SQLFailure else { throw error }
            if failure.isFull {
                // A transaction that is too large for the disk has filled it up with its log.
                try queue.inDatabase { try WriteAheadLog.empty($0) }
                throw StorageObstacle("the disk is full", isFull: true)
            }
            if failure.isDiskFailure && !ContentDatabase.isDamage(failure.code) { throw failure }
            throw StorageObstacle("the database of contents is damaged: \(failure)")
        }
    }
}

/// Connections of the threads that read, each lent to one of them at a time.
final class ConnectionPool<Connection: Sendable>: Sendable {
    private let idle = Mutex<[Connection]>([])
    private let make: @Sendable () throws -> Connection

    init(_ make: @escaping @Sendable () throws -> Connection) { self.make = make }

    func use<Result>(_ body: (Connection) throws -> Result) throws -> Result {
        let connection = try idle.withLock { $0.popLast() } ?? make()
        defer {
            idle.withLock { idle in
                if idle.count < StoreLimits.idleConnectionsMax { idle.append(connection) }
            }
        }
        return try body(connection)
    }
}
