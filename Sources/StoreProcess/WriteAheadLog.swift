internal import GRDB
internal import GRDBSQLite

/// The length of SQLite's write-ahead log, and copying it into the database.
///
/// SQLite's own checkpoints would stand in the middle of a commit; these come when they suit.
/// Belongs to its connection's thread.
@safe
final class WriteAheadLog {
    private let connection: OpaquePointer
    /// Pages in the log after the last commit of this connection.
    private(set) var pageCount: Int32 = 0

    init(_ database: Database) {
        guard let connection = unsafe database.sqliteConnection else {
            preconditionFailure("the connection is open")
        }
        unsafe self.connection = connection
        // The connection is closed before this object goes: both live in the thread's body.
        unsafe _ = sqlite3_wal_hook(
            connection,
            { context, _, _, pageCount in
                if let context = unsafe context {
                    unsafe Unmanaged<WriteAheadLog>.fromOpaque(context).takeUnretainedValue()
                        .pageCount = pageCount
                }
                return SQLITE_OK
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit { unsafe _ = sqlite3_wal_hook(connection, nil, nil) }

    /// Copies all of the log into the database and empties it. On a full disk it stays as it is, and while somebody
    /// reads what is only there.
    static func empty(_ database: Database) throws {
        do {
            try database.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)")
        } catch let error as DatabaseError where error.resultCode == .SQLITE_FULL {
            Log.notice("the write-ahead log stays: the disk is full")
        }
    }

    /// Copies as much as can be copied without waiting for readers. When all of it was, the next
    /// write starts the log anew.
    /// - Throws: `SQLFailure` where the disk failed. A full disk is no failure: the log stays.
    func checkpoint(_ syncs: SyncClock) throws(SQLFailure) {
        var total: Int32 = 0
        var copied: Int32 = 0
        let code = syncs.during {
            unsafe sqlite3_wal_checkpoint_v2(
                connection, nil, SQLITE_CHECKPOINT_PASSIVE, &total, &copied)
        }
        switch code & 0xFF {
        case SQLITE_OK: pageCount = total - copied
        case SQLITE_BUSY, SQLITE_FULL: break
        default:
            throw SQLFailure(
                code: code, description: unsafe String(cString: sqlite3_errmsg(connection)))
        }
    }
}
