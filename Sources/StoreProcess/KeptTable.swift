internal import GRDB
internal import Model
internal import Replication

/// What this disk keeps of superseded and deleted files: a row of `kept` for each version that somebody
/// may want back, and a row of `trash` for each path that has such and no file any more.
///
/// Which versions there are the cluster decides (`Replica.expire`, `.purge`). Whether the content is
/// still here is the disk's own matter: what was overwritten or deleted in knowledge of it goes, oldest
/// first, when it takes more room than it may. Works within the writer's transaction and on its thread.
final class KeptTable {
    /// A version whose content may go.
    struct Spare {
        var path: StorePath
        var object: ObjectID
    }

    private struct Row {
        var version: KeptVersion
        var object: ObjectID
        var byteCount: UInt64
    }

    private let ledger: Ledger
    private let insert: SQLStatement
    private let remove: SQLStatement
    private let setHere: SQLStatement
    private let ofObject: SQLStatement
    private let oldest: SQLStatement
    private let pathsOf: SQLStatement
    private let othersOf: SQLStatement
    private let setAll: SQLStatement
    private let insertTrash: SQLStatement
    private let removeTrash: SQLStatement

    init(_ database: Database, _ ledger: Ledger) throws {
        self.ledger = ledger
        insert = try SQLStatement(
            database,
            """
            INSERT INTO kept(path, disk, sequence, since, size, object, conflict, here)
            VALUES(?, ?, ?, ?, ?, ?, ?, ?)
            """)
        remove = try SQLStatement(
            database,
            """
            DELETE FROM kept WHERE path = ? AND disk = ? AND sequence = ?
            RETURNING size, conflict, here
            """)
        setHere = try SQLStatement(
            database,
            """
            UPDATE kept SET here = ?1 WHERE path = ?2 AND object = ?3 AND here != ?1
            """)
        ofObject = try SQLStatement(
            database,
            """
            SELECT TOTAL(size), TOTAL(size) FILTER (WHERE NOT conflict) FROM kept
            WHERE path = ? AND object = ? AND here != ?
            """)
        oldest = try SQLStatement(
            database,
            """
            SELECT path, object FROM kept WHERE here AND NOT conflict ORDER BY since LIMIT ?
            """)
        pathsOf = try SQLStatement(
            database, "SELECT DISTINCT path FROM kept WHERE object = ? AND NOT conflict LIMIT ?")
        othersOf = try SQLStatement(
            database,
            """
            SELECT TOTAL(size), TOTAL(size) FILTER (WHERE NOT conflict) FROM kept
            WHERE object = ? AND here != ?
            """)
        setAll = try SQLStatement(
            database, "UPDATE kept SET here = ?2 WHERE object = ?1 AND here != ?2")
        insertTrash = try SQLStatement(
            database, "INSERT OR REPLACE INTO trash(path, since) VALUES(?, ?)")
        removeTrash = try SQLStatement(database, "DELETE FROM trash WHERE path = ?")
    }

    /// The register of a file changed.
    /// - Parameter isHere: whether a content is on this disk.
    func changed(
        _ path: StorePath, from old: Register?, to new: Register?,
        isHere: (ObjectID) throws -> Bool
    ) throws {
        let before = Self.rows(old)
        let after = Self.rows(new)
        if before.isEmpty, after.isEmpty { return }
        for (dot, row) in before where after[dot]?.version != row.version {
            try drop(dot, at: path)
        }
        for (dot, row) in after where before[dot]?.version != row.version {
            try add(row, at: path, isHere: try isHere(row.object))
        }
        let wasTrash = old?.liveHead == nil ? before.values.map(\.version.since).max() : nil
        let isTrash = new?.liveHead == nil ? after.values.map(\.version.since).max() : nil
        guard wasTrash != isTrash else { return }
        if let isTrash {
            insertTrash.bind(1, path)
            insertTrash.bind(2, isTrash.value)
            try insertTrash.run()
        } else {
            removeTrash.bind(1, path)
            try removeTrash.run()
        }
    }

    private static func rows(_ register: Register?) -> [Dot: Row] {
        guard let register, !register.kept.isEmpty else { return [:] }
        var rows: [Dot: Row] = [:]
        let losers = register.kept.filter { $0.isConflict && !$0.isPurged }
        for version in losers + register.spareVersions {
            guard let facts = version.version.value.facts else { continue }
            rows[version.dot] = Row(
                version: version, object: facts.object, byteCount: facts.byteCount)
        }
        return rows
    }

    private func add(_ row: Row, at path: StorePath, isHere: Bool) throws {
        insert.bind(1, path)
        insert.bind(2, row.version.dot.disk)
        insert.bind(3, row.version.dot.sequence)
        insert.bind(4, row.version.since.value)
        insert.bind(5, row.byteCount)
        insert.bind(6, row.object)
        insert.bind(7, Int64(row.version.isConflict ? 1 : 0))
        insert.bind(8, Int64(isHere ? 1 : 0))
        try insert.run()
        ledger.counters.kept.count += 1
        if isHere { count(row.byteCount, isConflict: row.version.isConflict, isHere: true) }
    }

    private func drop(_ dot: Dot, at path: StorePath) throws {
        remove.bind(1, path)
        remove.bind(2, dot.disk)
        remove.bind(3, dot.sequence)
        guard try remove.step() else { return }
        let (size, isConflict, isHere) = (remove.count(0), remove.int(1) != 0, remove.int(2) != 0)
        while try remove.step() {}
        ledger.counters.kept.count -= 1
        if isHere { count(size, isConflict: isConflict, isHere: false) }
    }

    private func count(_ byteCount: UInt64, isConflict: Bool, isHere: Bool) {
        let change = isHere ? Int64(clamping: byteCount) : -Int64(clamping: byteCount)
        ledger.counters.kept.byteCount += change
        if !isConflict { ledger.counters.kept.spareByteCount += change }
    }

    // MARK: Contents

    /// The content came here, or went.
    func set(_ object: ObjectID, at path: StorePath, isHere: Bool) throws {
        let here = Int64(isHere ? 1 : 0)
        ofObject.bind(1, path)
        ofObject.bind(2, object)
        ofObject.bind(3, here)
        guard try ofObject.step() else { return }
        let (all, spare) = (ofObject.int(0), ofObject.int(1))
        ofObject.reset()
        setHere.bind(1, here)
        setHere.bind(2, path)
        setHere.bind(3, object)
        try setHere.run()
        ledger.counters.kept.byteCount += isHere ? all : -all
        ledger.counters.kept.spareByteCount += isHere ? spare : -spare
    }

    /// The paths of which it is of the past; at most `limit`.
    func paths(of object: ObjectID, limit: Int) throws -> [StorePath] {
        pathsOf.bind(1, object)
        pathsOf.bind(2, Int64(limit))
        defer { pathsOf.reset() }
        var found: [StorePath] = []
        while try pathsOf.step() { found.append(try pathsOf.path(0)) }
        return found
    }

    /// The same for all paths that it is of the past of: it is damaged, or good again. So it is, too, where
    /// something that named it as well has gone: it makes room again.
    func set(_ object: ObjectID, isHere: Bool) throws {
        let here = Int64(isHere ? 1 : 0)
        othersOf.bind(1, object)
        othersOf.bind(2, here)
        guard try othersOf.step() else { return }
        let (all, spare) = (othersOf.int(0), othersOf.int(1))
        othersOf.reset()
        guard all > 0 else { return }
        setAll.bind(1, object)
        setAll.bind(2, here)
        try setAll.run()
        ledger.counters.kept.byteCount += isHere ? all : -all
        ledger.counters.kept.spareByteCount += isHere ? spare : -spare
    }

    /// The contents that go first.
    func oldest(limit: Int) throws -> [Spare] {
        oldest.bind(1, Int64(limit))
        defer { oldest.reset() }
        var found: [Spare] = []
        while try oldest.step() {
            found.append(Spare(path: try oldest.path(0), object: try oldest.identifier(1)))
        }
        return found
    }
}

/// What a disk keeps of superseded and deleted files.
struct KeptSums: Equatable, Sendable {
    /// Versions, whether their content is here or not.
    var count: Int64 = 0
    /// Of the contents that are here.
    var byteCount: Int64 = 0
    /// Of those that may go when room is wanted: all but losers of conflicts.
    var spareByteCount: Int64 = 0

    static let spareKey = "kept_spare_bytes"
    static let keys = ["kept_count", "kept_bytes", spareKey]

    var values: [Int64] { [count, byteCount, spareByteCount] }

    /// - Parameter stored: the number under each of `keys`.
    init(_ stored: (String) throws -> Int64?) rethrows {
        count = try stored(Self.keys[0]) ?? 0
        byteCount = try stored(Self.keys[1]) ?? 0
        spareByteCount = try stored(Self.keys[2]) ?? 0
    }

    init() {}
}
