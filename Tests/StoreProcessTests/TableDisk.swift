import Cluster
import Foundation
import GRDB
import IPC
import Model
import Posix
import Replication
import Testing

@testable import StoreProcess

/// The tables of a directory's database, on one connection, as the writer's thread has them.
final class TableDisk {
    let database: Database
    let ledger: Ledger
    let storage: StorageExecutor
    let tables: SQLTables
    private var before: Ledger.Counters

    private init(_ database: Database) throws {
        self.database = database
        ledger = try Ledger(database)
        storage = try StorageExecutor(database, ledger)
        tables = try SQLTables(database, ledger.reader)
        before = ledger.counters
    }

    /// Opens the database for the time of `body`.
    static func open<Result>(
        _ directory: TemporaryDirectory, _ body: (TableDisk) throws -> Result
    ) throws -> Result {
        try open(at: directory.bytePath, body)
    }

    /// The same of a database that is in this directory.
    static func open<Result>(
        at path: BytePath, _ body: (TableDisk) throws -> Result
    ) throws -> Result {
        let queue = try queue(at: path)
        defer { try? queue.close() }
        return try queue.inDatabase { try body(TableDisk($0)) }
    }

    /// The database alone, which survives no power cut.
    static func queue(
        _ directory: TemporaryDirectory, upTo migration: String? = nil
    ) throws -> DatabaseQueue {
        try queue(at: directory.bytePath, upTo: migration)
    }

    private static func queue(
        at path: BytePath, upTo migration: String? = nil
    ) throws -> DatabaseQueue {
        let queue = try Schema.connect(path, cachePages: 256)
        try queue.inDatabase { try $0.execute(sql: "PRAGMA synchronous = OFF") }
        if let migration {
            try Schema.migrator.migrate(queue, upTo: migration)
        } else {
            try Schema.migrate(queue)
        }
        return queue
    }

    // MARK: Groups

    func begin() throws {
        try database.execute(sql: "BEGIN IMMEDIATE")
        before = ledger.counters
    }

    /// - Returns: what the group changed, for the record cache.
    @discardableResult
    func commit() throws -> [Change] {
        try storage.finishGroup()
        try ledger.finishGroup()
        try database.execute(sql: "COMMIT")
        return ledger.takeChanges()
    }

    func rollBack() throws {
        try database.execute(sql: "ROLLBACK")
        ledger.rolledBack(to: before)
        storage.rolledBack()
    }

    /// As the writer does it when it shows rows to the housekeeper.
    func publish() {
        ledger.published = ledger.counters.sequence
        storage.published()
    }

    func execute(
        _ request: ReplicaRequest, _ contents: [ObjectID: NewContent] = [:],
        isFull: Bool = false, at now: Duration = .zero
    ) throws -> ReplicaOutcome {
        let job = StorageJob(.replica(request), contents: contents, at: now)
        guard case .replica(let outcome) = try storage.execute(job, isFull: isFull) else {
            throw CorruptRow(description: "another answer")
        }
        return outcome
    }

    /// One request in a group of its own.
    @discardableResult
    func run(
        _ request: ReplicaRequest, _ contents: [ObjectID: NewContent] = [:],
        isFull: Bool = false, at now: Duration = .zero
    ) throws -> ReplicaOutcome {
        try begin()
        let outcome = try execute(request, contents, isFull: isFull, at: now)
        try commit()
        return outcome
    }

    // MARK: What is there

    /// The tables as a reading connection finds them.
    func fresh() -> SQLTables {
        tables.forgetAll()
        return tables
    }

    func rows(_ sql: String) throws -> [String] {
        try Row.fetchAll(database, sql: sql).map { row in
            row.databaseValues.map { value in
                switch value.storage {
                case .blob(let data): Hex.encode([UInt8](data))
                default: value.description
                }
            }.joined(separator: " ")
        }
    }

    func count(_ table: String) throws -> Int {
        try Int.fetchOne(database, sql: "SELECT COUNT(*) FROM \(table)") ?? 0
    }

    /// What is wrong with the rows of contents, by what the registers name.
    func contentFault() throws -> String? {
        let tables = fresh()
        var references: [ObjectID: Int64] = [:]
        var kept = KeptFacts()
        for partition in tables.partitions {
            for item in tables.contents(of: partition).0 {
                let register = item.register
                let versions = register.versionsWithContent + register.spareVersions.map(\.version)
                let objects = versions.compactMap(\.value.facts?.object)
                for object in Set(objects) { references[object, default: 0] += 1 }
                if item.key.kind == .file { try note(register, at: item.key.path, in: &kept) }
            }
        }
        if let fault = try keptFault(kept) { return fault }
        for (object, count) in references {
            guard let row = try tables.queries.object(object) else { return "no row of \(object)" }
            if row.referenceCount != count {
                return "\(row.referenceCount) references to \(object), not \(count)"
            }
            let hasRow = try ledger.reader.content(of: object) != nil
            let isStaged = try ledger.reader.stagingFile(of: object) != nil
            if (row.state == .here) != (hasRow || isStaged) { return "content of \(object)" }
        }
        if try count("objects") != references.count { return "objects that nobody names" }
        let here = try rows("SELECT COUNT(*) FROM objects WHERE state = 0")
        let rowCount = "SELECT (SELECT COUNT(*) FROM content) + (SELECT COUNT(*) FROM staged)"
        if try rows(rowCount) != here { return "contents that nobody names" }
        let unwritten = try ledger.statements.unwritten()
        guard
            unwritten == (ledger.counters.unwrittenCount, ledger.counters.unwrittenByteCount)
        else { return "the sums of unwritten rows" }
        return nil
    }
}

/// What the registers say that is kept.
private struct KeptFacts {
    var rows: [String: Replication.FileFacts] = [:]
    /// Objects that are needed whatever is kept.
    var needed: Set<ObjectID> = []
    var trash: Set<String> = []
    var sums = KeptSums()
}

extension TableDisk {
    private func note(
        _ register: Register, at path: StorePath, in facts: inout KeptFacts
    ) throws {
        let losers = register.kept.filter { $0.isConflict && !$0.isPurged }
        let versions = (losers + register.spareVersions).filter {
            $0.version.value.facts != nil
        }
        let name = Hex.encode(path.bytes)
        facts.needed.formUnion(register.versionsWithContent.compactMap { $0.value.facts?.object })
        for version in versions {
            guard let file = version.version.value.facts else { continue }
            facts.rows[
                "\(name) \(version.dot.disk.hex) \(version.dot.sequence) \(version.since.value) "
                    + "\(version.isConflict ? 1 : 0)"] = file
            facts.sums.count += 1
        }
        if register.liveHead == nil, let since = versions.map(\.since).max() {
            facts.trash.insert("\(name) \(since.value)")
        }
    }

    private func keptFault(_ facts: KeptFacts) throws -> String? {
        var sums = facts.sums
        let found = try rows(
            "SELECT path, disk, sequence, since, conflict FROM kept ORDER BY 1, 2, 3")
        let here = try rows("SELECT here FROM kept ORDER BY path, disk, sequence")
        if Set(found) != Set(facts.rows.keys) { return "kept: \(found), not \(facts.rows.keys)" }
        for (name, here) in zip(found, here) {
            guard let file = facts.rows[name], let row = try tables.queries.object(file.object)
            else { return "no row of \(name)" }
            // What makes no room counts for nothing, though it is here.
            if (here == "1") != (row.state == .here),
                !(here == "0"
                    && (facts.needed.contains(file.object) || row.referenceCount > 1))
            {
                return "\(name) is \(here)"
            }
            guard here == "1" else { continue }
            sums.byteCount += Int64(file.byteCount)
            if name.hasSuffix(" 0") { sums.spareByteCount += Int64(file.byteCount) }
        }
        let trash = try rows("SELECT path, since FROM trash")
        if Set(trash) != facts.trash { return "trash: \(trash), not \(facts.trash)" }
        let stored = try KeptSums { try ledger.reader.stateNumber($0) }
        if ledger.counters.kept != sums || stored != sums {
            return "sums: \(ledger.counters.kept), \(stored), not \(sums)"
        }
        return nil
    }
}

/// Small names for what the tests talk about.
enum Sample {
    static func disk(_ number: Int) -> DiskID {
        DiskID(bits: Bits128(high: UInt64(number) + 1, low: 7))
    }

    static func operation(_ number: UInt64) -> OperationID {
        OperationID(bits: Bits128(high: 1, low: number))
    }

    static func object(_ number: UInt64) -> ObjectID {
        ObjectID(bits: Bits128(high: 5, low: number))
    }

    static func content(_ number: UInt64) -> [UInt8] {
        [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: Int(number % 9))
    }

    static func facts(_ number: UInt64) -> Replication.FileFacts {
        let content = content(number)
        return Replication.FileFacts(
            byteCount: UInt64(content.count), digest: .test(content), contentType: "text/plain",
            created: Timestamp(nanoseconds: 5), modified: Timestamp(nanoseconds: 7),
            object: object(number), home: Partition(number: 0))
    }

    static func file(_ number: UInt64) -> RegisterValue { .file(facts(number)) }

    /// The bytes of what the request names.
    static func contents(of request: ReplicaRequest) -> [ObjectID: NewContent] {
        var contents: [ObjectID: NewContent] = [:]
        for (_, facts) in request.namedContents {
            contents[facts.object] = .bytes(content(facts.object.bits.low))
        }
        return contents
    }

    static func assign(
        _ path: StorePath, _ number: UInt64, time: UInt64 = 0
    ) -> ReplicaRequest {
        .assign(
            Assignment(
                key: .file(path), value: file(number), operation: operation(number),
                time: HybridTime(value: time == 0 ? number << 16 : time)))
    }

    static func delete(_ path: StorePath, _ number: UInt64) -> ReplicaRequest {
        .assign(
            Assignment(
                key: .file(path), value: .deleted, operation: operation(number),
                time: HybridTime(value: number << 16)))
    }
}

extension ReplicaOutcome {
    var madeVersion: RegisterVersion? {
        if case .assigned(let version, _) = reply { version } else { nil }
    }
}
