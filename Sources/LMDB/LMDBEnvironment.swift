internal import CLMDB
internal import CPosix
internal import Glibc
internal import Synchronization

/// An LMDB file in a directory of its own, with named tables of ordered keys.
///
/// One transaction writes at a time, on one thread; readers never wait for it nor it for them. What a
/// transaction sees stays on the disk while it lives: they must be short.
@safe
// Unchecked: LMDB's own locks guard what is behind the pointer, and the handles do not change.
package final class LMDBEnvironment: @unchecked Sendable {
    let pointer: OpaquePointer
    private let tables: [MDB_dbi]
    /// Readers under way, by a transaction that was committed before each began: it sees no older state.
    private let readers = Mutex<[UInt64: Int]>([:])

    /// A named table, by its place among the names that the environment was opened with.
    package struct Table: Hashable, Sendable {
        let index: Int
        package init(_ index: Int) { self.index = index }
    }

    /// Opens or makes the file.
    ///
    /// - Parameters:
    ///   - directory: exists, absolute.
    ///   - mapByteCount: the address space for it; what exceeds it is refused as a full disk is.
    ///   - readersMax: threads that read at one time.
    package init(
        _ directory: String, tables names: [String], mapByteCount: Int, readersMax: UInt32
    ) throws(LMDBError) {
        var made: OpaquePointer?
        try checked("mdb_env_create", unsafe mdb_env_create(&made))
        guard let pointer = unsafe made else {
            throw LMDBError(code: ENOMEM, call: "mdb_env_create")
        }
        do {
            unsafe try LMDBEnvironment.open(
                pointer, directory, count: names.count, mapByteCount, readersMax)
            unsafe try LMDBEnvironment.fillUp(pointer)
            unsafe tables = try LMDBEnvironment.openTables(pointer, names)
        } catch {
            unsafe mdb_env_close(pointer)
            throw error
        }
        unsafe self.pointer = pointer
    }

    private static func open(
        _ pointer: OpaquePointer, _ directory: String, count: Int, _ mapByteCount: Int,
        _ readersMax: UInt32
    ) throws(LMDBError) {
        try checked("mdb_env_set_maxdbs", unsafe mdb_env_set_maxdbs(pointer, UInt32(count)))
        try checked("mdb_env_set_maxreaders", unsafe mdb_env_set_maxreaders(pointer, readersMax))
        try checked("mdb_env_set_mapsize", unsafe mdb_env_set_mapsize(pointer, mapByteCount))
        // Readers of any thread; no writable map, so that no stray pointer can harm the file.
        try checked(
            "mdb_env_open", unsafe mdb_env_open(pointer, directory, UInt32(MDB_NOTLS), 0o600))
        // Readers of lives that were killed would keep old pages for ever.
        var deadCount: Int32 = 0
        try checked("mdb_reader_check", unsafe mdb_reader_check(pointer, &deadCount))
    }

    /// A file that was cut short reads as zeros, which LMDB finds to be no pages; reading beyond its end
    /// would end the process.
    private static func fillUp(_ pointer: OpaquePointer) throws(LMDBError) {
        let (file, used, byteCount) = unsafe try extent(pointer)
        if byteCount < used, ftruncate(file, used) != 0 {
            throw LMDBError(code: errno, call: "ftruncate")
        }
    }

    /// The file, how many bytes of it the last commit knows of, and how many it has.
    static func extent(
        _ pointer: OpaquePointer
    ) throws(LMDBError) -> (file: mdb_filehandle_t, used: Int, byteCount: Int) {
        var info = unsafe MDB_envinfo()
        var pages = MDB_stat()
        var file: mdb_filehandle_t = -1
        try checked("mdb_env_info", unsafe mdb_env_info(pointer, &info))
        try checked("mdb_env_stat", unsafe mdb_env_stat(pointer, &pages))
        try checked("mdb_env_get_fd", unsafe mdb_env_get_fd(pointer, &file))
        let used = unsafe (Int(info.me_last_pgno) + 1) * Int(pages.ms_psize)
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else { throw LMDBError(code: errno, call: "fstat") }
        return (file, used, Int(status.st_size))
    }

    private static func openTables(
        _ pointer: OpaquePointer, _ names: [String]
    ) throws(LMDBError) -> [MDB_dbi] {
        var transaction: OpaquePointer?
        try checked("mdb_txn_begin", unsafe mdb_txn_begin(pointer, nil, 0, &transaction))
        var tables: [MDB_dbi] = []
        for name in names {
            var table: MDB_dbi = 0
            let code = unsafe mdb_dbi_open(transaction, name, UInt32(MDB_CREATE), &table)
            if code != MDB_SUCCESS {
                unsafe mdb_txn_abort(transaction)
                throw LMDBError(code: code, call: "mdb_dbi_open")
            }
            tables.append(table)
        }
        try checked("mdb_txn_commit", unsafe mdb_txn_commit(transaction))
        return tables
    }

    deinit { unsafe mdb_env_close(pointer) }

    func handle(_ table: Table) -> MDB_dbi { tables[table.index] }

    /// Runs `body` on one state of the file.
    package func read<Result>(_ body: (LMDBTransaction) throws -> Result) throws -> Result {
        let number = readers.withLock { readers in
            let number = lastTransaction
            readers[number, default: 0] += 1
            return number
        }
        defer {
            readers.withLock { readers in
                let left = (readers[number] ?? 1) - 1
                readers[number] = left > 0 ? left : nil
            }
        }
        let transaction = try LMDBTransaction(self, isReading: true)
        defer { transaction.abort() }
        return try body(transaction)
    }

    /// Whether the disk has less space than any commit may need.
    var isDiskFull: Bool {
        var file: mdb_filehandle_t = -1
        var available: UInt64 = 0
        var total: UInt64 = 0
        guard unsafe mdb_env_get_fd(pointer, &file) == MDB_SUCCESS,
            unsafe cposix_space(file, &available, &total) == 0
        else { return false }
        return available < LMDBEnvironment.fullByteCount
    }

    /// 32 MiB are copied at a time at the most, and this much in pages of the tree.
    private static let fullByteCount: UInt64 = 64 << 20

    /// No reader sees a state before this transaction; nil where there are none.
    var oldestReader: UInt64? { readers.withLock { $0.keys.min() } }

    private var lastTransaction: UInt64 {
        var info = unsafe MDB_envinfo()
        // Fails only without an environment.
        return unsafe mdb_env_info(pointer, &info) == MDB_SUCCESS ? UInt64(info.me_last_txnid) : 0
    }
}
