internal import CLMDB
internal import Glibc

/// An LMDB call that failed.
package struct LMDBError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A code of LMDB (negative) or an `errno`.
    package let code: Int32
    package let call: String

    /// The disk, or the map, has no room: the transaction is lost, the database is not.
    package var isFull: Bool { code == ENOSPC || code == EDQUOT || code == MDB_MAP_FULL }

    /// What is in the file makes no sense.
    package var isDamage: Bool {
        [MDB_CORRUPTED, MDB_PAGE_NOTFOUND, MDB_INVALID, MDB_VERSION_MISMATCH, MDB_BAD_VALSIZE]
            .contains(code)
    }

    package var description: String { "\(call): \(unsafe String(cString: mdb_strerror(code)))" }
}

@inline(__always)
func checked(_ call: @autoclosure () -> String, _ code: Int32) throws(LMDBError) {
    if code != MDB_SUCCESS { throw LMDBError(code: code, call: call()) }
}
