internal import CLMDB
internal import CPosix
internal import Glibc

// LMDB keeps the pages that it frees for what comes, and its file never shrinks. Their bytes can be given
// back all the same: holes in the file, which are filled as pages are used again.
//
// LMDB itself writes over a page that transaction n freed only once no reader sees a state before n and n is
// not the last one that was committed (`mdb_page_alloc`). What may be written over may as well be a hole.
extension LMDBEnvironment {
    /// What `giveBack` came to.
    package struct GivenBack: Equatable, Sendable {
        /// The pages that transactions up to this one freed are holes.
        package var transaction: UInt64
        /// There is more to be given back.
        package var hasMore: Bool
    }

    /// Cuts off what lies behind the last page that a commit knows of: a transaction that failed, or whose
    /// process died, wrote it for itself. No reader looks there, and the next transaction that needs new pages
    /// writes them anew. For the thread that writes, before it has written anything in the transaction that
    /// is open, if one is.
    package func cutTail() throws(LMDBError) {
        let (file, used, byteCount) = unsafe try LMDBEnvironment.extent(pointer)
        if byteCount > used, ftruncate(file, used) != 0 {
            throw LMDBError(code: errno, call: "ftruncate")
        }
    }

    /// Makes holes of pages that are free. For the thread that writes, before it has written anything in
    /// the transaction that is open, if one is.
    ///
    /// - Parameters:
    ///   - transaction: those freed up to this one are holes already.
    ///   - pageCountMax: the step ends behind the transaction with which it reaches this.
    /// - Throws: `EOPNOTSUPP` of file systems that make no holes.
    package func giveBack(
        after transaction: UInt64, pageCountMax: Int
    ) throws(LMDBError) -> GivenBack {
        var info = unsafe MDB_envinfo()
        var pages = MDB_stat()
        var file: mdb_filehandle_t = -1
        try checked("mdb_env_info", unsafe mdb_env_info(pointer, &info))
        try checked("mdb_env_stat", unsafe mdb_env_stat(pointer, &pages))
        try checked("mdb_env_get_fd", unsafe mdb_env_get_fd(pointer, &file))
        let last = unsafe UInt64(info.me_last_txnid)
        let limit = min(oldestReader ?? last, last)
        var given = GivenBack(transaction: transaction, hasMore: false)
        var pageCount = 0
        while let (number, runs) = try freed(after: given.transaction), number < limit {
            // A damaged table may name any page.
            let end = unsafe UInt64(info.me_last_pgno) + 1
            for run in runs where run.upperBound <= end {
                let size = Int64(pages.ms_psize)
                let result = cposix_punch(
                    file, Int64(run.lowerBound) * size, Int64(run.count) * size)
                if result < 0 { throw LMDBError(code: -result, call: "fallocate") }
                pageCount += run.count
            }
            given.transaction = number
            if pageCount >= pageCountMax {
                given.hasMore = true
                break
            }
        }
        return given
    }

    /// The first transaction above `transaction` that freed pages which are still free, and they.
    private func freed(
        after transaction: UInt64
    ) throws(LMDBError) -> (transaction: UInt64, runs: [Range<UInt64>])? {
        // The table of free pages may be read in a transaction that reads alone.
        let reading = try LMDBTransaction(self, isReading: true)
        defer { reading.abort() }
        return try reading.freePages(after: transaction)
    }
}

extension LMDBTransaction {
    fileprivate func freePages(
        after transaction: UInt64
    ) throws(LMDBError) -> (transaction: UInt64, runs: [Range<UInt64>])? {
        var cursor: OpaquePointer?
        // Table 0: number of a transaction → count, and so many page numbers, falling.
        try checked("mdb_cursor_open", unsafe mdb_cursor_open(raw, 0, &cursor))
        var number = Int(transaction) + 1
        var found: (transaction: UInt64, runs: [Range<UInt64>])?
        var code: Int32 = 0
        unsafe withUnsafeMutableBytes(of: &number) { bytes in
            var key = unsafe MDB_val(mv_size: bytes.count, mv_data: bytes.baseAddress)
            var value = unsafe MDB_val()
            unsafe code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE)
            guard code == MDB_SUCCESS else { return }
            unsafe found = (
                UInt64(key.mv_data.loadUnaligned(as: Int.self)),
                LMDBTransaction.runs(
                    UnsafeRawBufferPointer(start: value.mv_data, count: value.mv_size))
            )
        }
        unsafe mdb_cursor_close(cursor)
        if code != MDB_NOTFOUND { try checked("mdb_cursor_get", code) }
        return found
    }

    private static func runs(_ list: UnsafeRawBufferPointer) -> [Range<UInt64>] {
        let size = MemoryLayout<UInt64>.size
        guard list.count >= size else { return [] }
        let count = unsafe min(
            list.loadUnaligned(as: UInt64.self), UInt64(list.count / size - 1))
        var runs: [Range<UInt64>] = []
        for index in 0..<Int(count) {
            let page = unsafe list.loadUnaligned(
                fromByteOffset: (index + 1) * size, as: UInt64.self)
            guard page < .max else { continue }
            if let last = runs.last, last.lowerBound == page + 1 {
                runs[runs.count - 1] = page..<last.upperBound
            } else {
                runs.append(page..<page + 1)
            }
        }
        return runs
    }
}
