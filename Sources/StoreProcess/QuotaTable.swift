internal import GRDB
internal import Model

/// What commits change of the bytes below quotas' directories.
enum QuotaNews: Sendable {
    /// All that is known, from anew.
    case sums(StorePath, [(partition: Partition, byteCount: Int64)], isComplete: Bool)
    case changed(StorePath, Partition, Int64)
    /// Every file is counted.
    case complete(StorePath)
}

/// The bytes of files below quotas' directories, by partition: changed in the transaction of each change of
/// a file. A directory that gets a quota is counted in steps, in the order of paths, beside other work; files
/// behind the step do not count yet.
///
/// Works within the writer's transaction and on its thread.
final class QuotaTable {
    private struct Row {
        var id: Int64
        var directory: StorePath
        /// The last path that was counted; nil: all are.
        var position: [UInt8]?

        func counts(_ path: StorePath) -> Bool {
            guard path.isBelow(directory) else { return false }
            guard let position else { return true }
            return !position.lexicographicallyPrecedes(path.bytes)
        }
    }

    private struct SumKey: Hashable {
        var id: Int64
        var partition: Partition
    }

    private var rows: [Row] = []
    private var saved: [Row] = []
    /// Changes of the group that are not in the table.
    private var changes: [SumKey: Int64] = [:]
    private var news: [QuotaNews] = []

    private let insert: SQLStatement
    private let setPosition: SQLStatement
    private let remove: [SQLStatement]
    private let sums: SQLStatement
    private let add: SQLStatement
    private let files: SQLStatement

    init(_ database: Database) throws {
        insert = try SQLStatement(
            database, "INSERT INTO quotas(directory, position) VALUES(?, x'') RETURNING id")
        setPosition = try SQLStatement(database, "UPDATE quotas SET position = ? WHERE id = ?")
        remove = try ["quotas WHERE id = ?", "quota_sums WHERE quota = ?"].map {
            try SQLStatement(database, "DELETE FROM \($0)")
        }
        sums = try SQLStatement(
            database, "SELECT partition, bytes FROM quota_sums WHERE quota = ? ORDER BY partition")
        add = try SQLStatement(
            database,
            """
            INSERT INTO quota_sums(quota, partition, bytes) VALUES(?, ?, ?)
            ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes
            """)
        files = try SQLStatement(
            database,
            """
            SELECT path, partition, size FROM records WHERE path > ? AND path < ?
            ORDER BY path LIMIT ?
            """)
        let known = try SQLStatement(database, "SELECT id, directory, position FROM quotas")
        while try known.step() {
            rows.append(
                Row(
                    id: known.int(0), directory: try known.path(1),
                    position: known.isNull(2) ? nil : known.bytes(2)))
        }
        saved = rows
    }

    /// Whether there are files to be counted.
    var isCounting: Bool { rows.contains { $0.position != nil } }

    /// From here on these directories have quotas.
    func set(_ directories: [StorePath]) throws {
        try flush()
        for row in rows where !directories.contains(row.directory) {
            for statement in remove {
                statement.bind(1, row.id)
                try statement.run()
            }
        }
        rows.removeAll { !directories.contains($0.directory) }
        for directory in directories {
            if let row = rows.first(where: { $0.directory == directory }) {
                news.append(
                    .sums(directory, try sums(of: row.id), isComplete: row.position == nil))
                continue
            }
            insert.bind(1, directory)
            guard try insert.step() else {
                throw CorruptRow(description: "a quota without its row")
            }
            rows.append(Row(id: insert.int(0), directory: directory, position: []))
            while try insert.step() {}
            news.append(.sums(directory, [], isComplete: false))
        }
    }

    private func sums(of id: Int64) throws -> [(partition: Partition, byteCount: Int64)] {
        sums.bind(1, id)
        defer { sums.reset() }
        var found: [(partition: Partition, byteCount: Int64)] = []
        while try sums.step() {
            let number = UInt16(truncatingIfNeeded: sums.int(0))
            found.append((Partition(number: number), sums.int(1)))
        }
        return found
    }

    /// The file at a path has another size, came or went.
    func changed(_ path: StorePath, from old: UInt64?, to new: UInt64?) {
        let difference = Int64(clamping: new ?? 0) - Int64(clamping: old ?? 0)
        if difference == 0 { return }
        for row in rows where row.counts(path) { note(difference, row, Partition(of: path)) }
    }

    private func note(_ difference: Int64, _ row: Row, _ partition: Partition) {
        changes[SumKey(id: row.id, partition: partition), default: 0] += difference
    }

    /// Counts some more files of a quota that is new. Comes when the group's changes are in the tables.
    func countStep() throws {
        guard let index = rows.firstIndex(where: { $0.position != nil }),
            let position = rows[index].position
        else { return }
        let row = rows[index]
        let prefix = row.directory.directoryPrefix
        files.bind(1, position.isEmpty ? prefix : position)
        // What follows all that begins with the prefix: a slash is followed by a zero.
        files.bind(2, prefix.dropLast() + [UInt8(ascii: "0")])
        files.bind(3, Int64(StoreLimits.quotaCountedMax))
        defer { files.reset() }
        var last: [UInt8]?
        var count = 0
        while try files.step() {
            last = files.bytes(0)
            count += 1
            note(
                files.int(2), row,
                Partition(number: UInt16(truncatingIfNeeded: files.int(1))))
        }
        let isDone = count < StoreLimits.quotaCountedMax
        rows[index].position = isDone ? nil : last
        if let position = rows[index].position {
            setPosition.bind(1, position)
        } else {
            setPosition.bindNull(1)
        }
        setPosition.bind(2, row.id)
        try setPosition.run()
        try flush()
        if isDone { news.append(.complete(row.directory)) }
    }

    private func flush() throws {
        for (key, difference) in changes where difference != 0 {
            guard let row = rows.first(where: { $0.id == key.id }) else { continue }
            add.bind(1, key.id)
            add.bind(2, Int64(key.partition.number))
            add.bind(3, difference)
            try add.run()
            news.append(.changed(row.directory, key.partition, difference))
        }
        changes = [:]
    }

    /// Before the commit.
    func finishGroup() throws { try flush() }

    /// After it.
    func takeNews() -> [QuotaNews] {
        saved = rows
        defer { news = [] }
        return news
    }

    func rolledBack() {
        rows = saved
        changes = [:]
        news = []
    }
}
