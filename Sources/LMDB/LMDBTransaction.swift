internal import CLMDB
internal import Glibc

/// A transaction of an `LMDBEnvironment`, of one thread. One that is neither committed nor aborted is aborted
/// as it goes.
@safe
package final class LMDBTransaction {
    private let environment: LMDBEnvironment
    /// Nil once it has ended.
    private var pointer: OpaquePointer?

    /// - Parameter isReading: one that writes waits for the one before.
    package init(_ environment: LMDBEnvironment, isReading: Bool = false) throws(LMDBError) {
        self.environment = environment
        var made: OpaquePointer?
        let flags = isReading ? UInt32(MDB_RDONLY) : 0
        try checked(
            "mdb_txn_begin", unsafe mdb_txn_begin(environment.pointer, nil, flags, &made))
        unsafe pointer = made
    }

    deinit { abort() }

    /// Makes all of it durable, or nothing where it throws.
    package func commit() throws(LMDBError) {
        let ending = unsafe pointer
        unsafe pointer = nil
        errno = 0
        let code = unsafe mdb_txn_commit(ending)
        let failure = errno
        // LMDB says EIO of a write that was cut short too, which a full disk does; no call says it then.
        if code == EIO, failure != EIO, environment.isDiskFull {
            throw LMDBError(code: ENOSPC, call: "mdb_txn_commit")
        }
        try checked("mdb_txn_commit", code)
    }

    package func abort() {
        if let ending = unsafe pointer { unsafe mdb_txn_abort(ending) }
        unsafe pointer = nil
    }

    var raw: OpaquePointer? { unsafe pointer }

    // MARK: Values

    /// A copy of the value; nil where there is none.
    package func value(_ key: [UInt8], in table: LMDBEnvironment.Table) throws(LMDBError)
        -> [UInt8]?
    {
        var code: Int32 = 0
        var found: [UInt8]?
        unsafe key.withUnsafeBytes { bytes in
            var name = unsafe MDB_val(bytes)
            var value = unsafe MDB_val()
            unsafe code = mdb_get(pointer, environment.handle(table), &name, &value)
            if code == MDB_SUCCESS { unsafe found = value.bytes }
        }
        if code == MDB_NOTFOUND { return nil }
        try checked("mdb_get", code)
        return found
    }

    package func put(
        _ value: [UInt8], at key: [UInt8], in table: LMDBEnvironment.Table
    ) throws(LMDBError) {
        var code: Int32 = 0
        unsafe key.withUnsafeBytes { key in
            unsafe value.withUnsafeBytes { value in
                var name = unsafe MDB_val(key)
                var content = unsafe MDB_val(value)
                unsafe code = mdb_put(pointer, environment.handle(table), &name, &content, 0)
            }
        }
        try checked("mdb_put", code)
    }

    /// Removes a key; one that is not there is left so.
    package func remove(_ key: [UInt8], in table: LMDBEnvironment.Table) throws(LMDBError) {
        var code: Int32 = 0
        unsafe key.withUnsafeBytes { key in
            var name = unsafe MDB_val(key)
            unsafe code = mdb_del(pointer, environment.handle(table), &name, nil)
        }
        if code != MDB_NOTFOUND { try checked("mdb_del", code) }
    }

    /// Keys from `key` on, in order, with copies of their values, at most `limit`.
    package func entries(
        from key: [UInt8], limit: Int, in table: LMDBEnvironment.Table
    ) throws(LMDBError) -> [(key: [UInt8], value: [UInt8])] {
        var cursor: OpaquePointer?
        try checked(
            "mdb_cursor_open",
            unsafe mdb_cursor_open(pointer, environment.handle(table), &cursor))
        var found: [(key: [UInt8], value: [UInt8])] = []
        var code: Int32 = 0
        unsafe key.withUnsafeBytes { bytes in
            var name = unsafe MDB_val(bytes)
            var value = unsafe MDB_val()
            var operation = key.isEmpty ? MDB_FIRST : MDB_SET_RANGE
            while found.count < limit {
                unsafe code = mdb_cursor_get(cursor, &name, &value, operation)
                if code != MDB_SUCCESS { break }
                unsafe found.append((name.bytes, value.bytes))
                operation = MDB_NEXT
            }
        }
        unsafe mdb_cursor_close(cursor)
        if code != MDB_NOTFOUND { try checked("mdb_cursor_get", code) }
        return found
    }
}

extension MDB_val {
    /// The bytes of `buffer`, which outlives it.
    fileprivate init(_ buffer: UnsafeRawBufferPointer) {
        unsafe self.init(
            mv_size: buffer.count, mv_data: UnsafeMutableRawPointer(mutating: buffer.baseAddress))
    }

    /// A copy.
    fileprivate var bytes: [UInt8] {
        unsafe [UInt8](UnsafeRawBufferPointer(start: mv_data, count: mv_size))
    }
}
