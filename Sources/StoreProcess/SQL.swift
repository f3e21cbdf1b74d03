internal import GRDB
internal import GRDBSQLite
internal import Model

/// An SQLite call that failed.
struct SQLFailure: Error, CustomStringConvertible {
    /// The extended result code.
    let code: Int32
    let description: String

    /// The disk is full: the transaction is lost, the database is not.
    var isFull: Bool { code & 0xFF == SQLITE_FULL }

    /// Nobody knows what is on the disk: the process must end.
    var isDiskFailure: Bool {
        switch code & 0xFF {
        // Ours to answer: a rule of the schema broken, a row that makes no sense.
        case SQLITE_FULL, SQLITE_CONSTRAINT, SQLITE_MISMATCH, SQLITE_CORRUPT, SQLITE_TOOBIG: false
        default: true
        }
    }
}

/// A prepared statement on the hot path, bound and stepped without a copy in between.
///
/// GRDB makes it and keeps its connection; it belongs to the thread that has the connection.
@safe
final class SQLStatement {
    private let statement: Statement
    private let raw: OpaquePointer
    private let connection: OpaquePointer

    // SQLite copies what is bound, so that no pointer outlives its array.
    private static var transient: sqlite3_destructor_type? {
        unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    }

    init(_ database: Database, _ sql: String) throws {
        statement = try database.makeStatement(sql: sql)
        unsafe raw = statement.sqliteStatement
        guard let connection = unsafe database.sqliteConnection else {
            preconditionFailure("the connection is open")
        }
        unsafe self.connection = connection
    }

    // MARK: Binding, from index 1

    func bind(_ index: Int32, _ value: Int64) {
        unsafe check(sqlite3_bind_int64(raw, index, value))
    }

    /// A count; the upper half of its range is never reached.
    func bind(_ index: Int32, _ value: UInt64) { bind(index, Int64(bitPattern: value)) }

    func bindNull(_ index: Int32) { unsafe check(sqlite3_bind_null(raw, index)) }

    func bind(_ index: Int32, _ bytes: [UInt8]) {
        if bytes.isEmpty {
            // A null pointer would bind NULL.
            unsafe check(sqlite3_bind_zeroblob(raw, index, 0))
        } else {
            unsafe bytes.withUnsafeBytes { buffer in
                unsafe check(
                    sqlite3_bind_blob64(
                        raw, index, buffer.baseAddress, UInt64(buffer.count),
                        SQLStatement.transient))
            }
        }
    }

    func bind(_ index: Int32, _ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            unsafe utf8.withMemoryRebound(to: CChar.self) { utf8 in
                unsafe check(
                    sqlite3_bind_text(
                        raw, index, utf8.baseAddress, Int32(utf8.count), SQLStatement.transient))
            }
        }
    }

    func bind(_ index: Int32, _ id: some Identifier) {
        let words = (id.bits.high.bigEndian, id.bits.low.bigEndian)
        unsafe withUnsafeBytes(of: words) { buffer in
            unsafe check(
                sqlite3_bind_blob(raw, index, buffer.baseAddress, 16, SQLStatement.transient))
        }
    }

    func bind(_ index: Int32, _ digest: Digest) { bind(index, digest.bytes) }

    func bind(_ index: Int32, _ path: StorePath) { bind(index, path.bytes) }

    private func check(_ code: Int32) {
        precondition(code == SQLITE_OK, "binding \(code) to \(statement.sql)")
    }

    // MARK: Stepping

    /// Steps once: whether a row is there. After the last row the statement is reset.
    func step() throws(SQLFailure) -> Bool {
        let code = unsafe sqlite3_step(raw)
        if code == SQLITE_ROW { return true }
        let failure = code == SQLITE_DONE ? nil : lastFailure
        reset()
        if let failure { throw failure }
        return false
    }

    /// Runs a statement without rows.
    func run() throws(SQLFailure) {
        if try step() { reset() }
    }

    /// Ends a statement whose further rows are not wanted.
    func reset() { unsafe _ = sqlite3_reset(raw) }

    private var lastFailure: SQLFailure {
        let code = unsafe sqlite3_extended_errcode(connection)
        let text = unsafe String(cString: sqlite3_errmsg(connection))
        return SQLFailure(code: code, description: "SQLite \(code): \(text) in \(statement.sql)")
    }

    /// Rows that the last `run` changed.
    var changes: Int { unsafe Int(sqlite3_changes(connection)) }

    /// Whether no transaction is open on the connection.
    var isIdle: Bool { unsafe sqlite3_get_autocommit(connection) != 0 }

    // MARK: Columns of the row, from 0

    func isNull(_ column: Int32) -> Bool {
        unsafe sqlite3_column_type(raw, column) == SQLITE_NULL
    }

    func int(_ column: Int32) -> Int64 { unsafe sqlite3_column_int64(raw, column) }

    func count(_ column: Int32) -> UInt64 { UInt64(bitPattern: int(column)) }

    func bytes(_ column: Int32) -> [UInt8] {
        guard let base = unsafe sqlite3_column_blob(raw, column) else { return [] }
        let count = unsafe Int(sqlite3_column_bytes(raw, column))
        return unsafe [UInt8](UnsafeRawBufferPointer(start: base, count: count))
    }

    func text(_ column: Int32) -> String { String(decoding: bytes(column), as: UTF8.self) }

    func identifier<ID: Identifier>(_ column: Int32) throws(CorruptRow) -> ID {
        guard unsafe sqlite3_column_bytes(raw, column) == 16,
            let base = unsafe sqlite3_column_blob(raw, column)
        else { throw CorruptRow(description: "no identifier in \(statement.sql)") }
        return unsafe ID(
            bits: Bits128(
                high: UInt64(bigEndian: base.loadUnaligned(as: UInt64.self)),
                low: UInt64(
                    bigEndian: base.loadUnaligned(fromByteOffset: 8, as: UInt64.self))))
    }

    func digest(_ column: Int32) throws(CorruptRow) -> Digest {
        guard let digest = Digest(bytes: bytes(column)) else {
            throw CorruptRow(description: "no digest in \(statement.sql)")
        }
        return digest
    }

    func path(_ column: Int32) throws(CorruptRow) -> StorePath {
        do {
            return try StorePath(validating: bytes(column))
        } catch {
            throw CorruptRow(description: "no path (\(error)) in \(statement.sql)")
        }
    }
}

/// A row that no version of this program wrote.
struct CorruptRow: Error, CustomStringConvertible {
    let description: String
}
