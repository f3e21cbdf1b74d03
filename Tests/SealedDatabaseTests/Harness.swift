import Foundation
import GRDB
import GRDBSQLite
import Model
import Sealing
import Synchronization
import Testing

@testable import SealedDatabase

/// A directory for one test, removed at its end.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = "\(FileManager.default.temporaryDirectory.path)/clusterf-sealed-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func read(_ name: String) -> [UInt8] {
        FileManager.default.contents(atPath: "\(path)/\(name)").map { [UInt8]($0) } ?? []
    }

    func write(_ bytes: [UInt8], _ name: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    }

    var names: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }
}

/// SQLITE_IOERR_DATA, which Swift cannot import.
let dataError = SQLITE_IOERR | 32 << 8

/// The files of one key, and the faults that were told.
struct Disk {
    /// Nil: SQLite's own files, for comparison.
    var files: SealedFiles?
    let faults = Faults()

    final class Faults: Sendable {
        private let list = Mutex<[SealedFiles.Fault]>([])
        func add(_ fault: SealedFiles.Fault) { list.withLock { $0.append(fault) } }
        var all: [SealedFiles.Fault] { list.withLock { $0 } }
    }

    init(seed: UInt64?) throws {
        guard let seed else { return }
        var generator = SplitMix64(seed: seed)
        var entropy = SystemRandomNumberGenerator()
        let sealer = PageSealer(KeyRing(using: &generator), using: &entropy)
        files = try SealedFiles(sealer) { [faults] in faults.add($0) }
    }

    /// A connection as the store makes them.
    func open(_ directory: TemporaryDirectory, cachePages: Int = 100) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let isSealed = files != nil
        configuration.prepareDatabase { database in
            if isSealed, let connection = database.sqliteConnection {
                try SealedFiles.reserveBytes(connection)
            }
            try database.execute(
                sql: """
                    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
                    PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY;
                    PRAGMA cache_size = \(cachePages);
                    """)
        }
        let path = "\(directory.path)/t.db"
        return try DatabaseQueue(
            path: files?.uri(path.utf8) ?? path, configuration: configuration)
    }
}

/// What a table has, in a form that is compared.
func rows(_ queue: DatabaseQueue) throws -> [String] {
    try queue.inDatabase { database in
        guard try database.tableExists("t") else { return [] }
        return try Row.fetchAll(database, sql: "SELECT k, hex(v) AS v FROM t ORDER BY k").map {
            "\($0["k"] as Int) \(($0["v"] as String).hashValue)"
        }
    }
}

/// Makes the table and commits `count` transactions, each told when it is committed.
func fill(
    _ queue: DatabaseQueue, count: Int, seed: UInt64 = 1, committed: (Int) throws -> Void = { _ in }
) throws {
    var generator = SplitMix64(seed: seed)
    try queue.inDatabase { database in
        try database.execute(sql: "CREATE TABLE IF NOT EXISTS t(k INTEGER PRIMARY KEY, v BLOB)")
    }
    for number in 0..<count {
        let keys = (0..<3).map { _ in Int.random(in: 0..<40, using: &generator) }
        let size = Int.random(in: 1...6000, using: &generator)
        let value = Data((0..<size).map { _ in UInt8.random(in: 0...255, using: &generator) })
        try queue.inDatabase { database in
            try database.execute(sql: "BEGIN IMMEDIATE")
            for key in keys {
                try database.execute(
                    sql: "INSERT OR REPLACE INTO t VALUES(?, ?)", arguments: [key, value])
            }
            try database.execute(sql: "DELETE FROM t WHERE k = ?", arguments: [keys[0] ^ 1])
            try database.execute(sql: "COMMIT")
        }
        try committed(number)
    }
}

func checkpoint(_ queue: DatabaseQueue, _ kind: String = "TRUNCATE") throws {
    try queue.inDatabase { try $0.execute(sql: "PRAGMA wal_checkpoint(\(kind))") }
}

func integrity(_ queue: DatabaseQueue) throws -> String? {
    try queue.inDatabase { try String.fetchOne($0, sql: "PRAGMA integrity_check") }
}

/// The error that `body` must end with, as SQLite's extended code; nil without one.
func failure(_ body: () throws -> Void) -> Int32? {
    do {
        try body()
        return nil
    } catch let error as DatabaseError {
        return error.extendedResultCode.rawValue
    } catch {
        Issue.record("another error: \(error)")
        return nil
    }
}

extension [UInt8] {
    func contains(run: [UInt8]) -> Bool {
        guard let first = run.first else { return true }
        var start = startIndex
        while let at = self[start...].firstIndex(of: first) {
            if self[at...].starts(with: run) { return true }
            start = at + 1
        }
        return false
    }
}
