internal import GRDB
internal import Model

/// The housekeeper's view of the outboxes: rows in the order of their sequences.
final class OutboxReader {
    struct Garbage {
        var sequence: UInt64
        var object: ObjectID
        /// Where the view showed it.
        var path: StorePath
        /// It came back since, and a later row has its content and its view.
        var isNamed: Bool
    }

    struct Staged {
        var sequence: UInt64
        var operation: OperationID
        var object: ObjectID
        /// A register names it.
        var isNamed: Bool
    }

    struct Dirty {
        var sequence: UInt64
        var path: StorePath
    }

    struct Content {
        var sequence: UInt64
        var object: ObjectID
        var path: StorePath
        var modified: Timestamp
        var bytes: [UInt8]
        /// The path's record still names this object.
        var isCurrent: Bool
    }

    private let garbage: SQLStatement
    private let staged: SQLStatement
    private let dirty: SQLStatement
    private let contents: SQLStatement
    private let apart: SQLStatement

    init(_ database: Database) throws {
        // What is known to be damaged is kept as long as something names it.
        let named = [ObjectRow.State.here, .bad].map { String($0.rawValue) }.joined(separator: ", ")
        garbage = try SQLStatement(
            database,
            """
            SELECT g.sequence, g.object, g.path, o.state IN (\(named))
            FROM garbage g LEFT JOIN objects o ON o.object = g.object
            WHERE g.sequence > ? AND g.sequence <= ? ORDER BY g.sequence LIMIT ?
            """)
        staged = try SQLStatement(
            database,
            """
            SELECT s.sequence, s.operation, s.object, o.state IN (\(named))
            FROM staged s LEFT JOIN objects o ON o.object = s.object
            WHERE s.sequence > ? AND s.sequence <= ? ORDER BY s.sequence LIMIT ?
            """)
        dirty = try SQLStatement(
            database,
            """
            SELECT sequence, path FROM view_dirty WHERE sequence > ? AND sequence <= ?
            ORDER BY sequence LIMIT ?
            """)
        apart = try SQLStatement(database, "SELECT 1 FROM apart WHERE object = ? LIMIT 1")
        contents = try SQLStatement(
            database,
            """
            SELECT c.sequence, c.object, c.path, c.modified, c.bytes, r.object IS c.object
            FROM content c LEFT JOIN records r ON r.path = c.path
            WHERE c.sequence > ? AND c.sequence <= ? ORDER BY c.sequence LIMIT ?
            """)
    }

    /// Whether what stands in the object's place is still to be kept apart.
    func isApart(_ object: ObjectID) throws -> Bool {
        apart.bind(1, object)
        defer { apart.reset() }
        return try apart.step()
    }

    private func bind(_ statement: SQLStatement, _ low: UInt64, _ high: UInt64) {
        statement.bind(1, low)
        statement.bind(2, high)
        statement.bind(3, Int64(StoreLimits.roundCountMax))
    }

    func garbage(above low: UInt64, to high: UInt64) throws -> [Garbage] {
        var found: [Garbage] = []
        bind(garbage, low, high)
        while try garbage.step() {
            found.append(
                Garbage(
                    sequence: garbage.count(0), object: try garbage.identifier(1),
                    path: try garbage.path(2), isNamed: garbage.int(3) != 0))
        }
        return found
    }

    func staged(above low: UInt64, to high: UInt64) throws -> [Staged] {
        var found: [Staged] = []
        bind(staged, low, high)
        while try staged.step() {
            found.append(
                Staged(
                    sequence: staged.count(0), operation: try staged.identifier(1),
                    object: try staged.identifier(2), isNamed: staged.int(3) != 0))
        }
        return found
    }

    func dirty(above low: UInt64, to high: UInt64) throws -> [Dirty] {
        var found: [Dirty] = []
        bind(dirty, low, high)
        while try dirty.step() {
            found.append(Dirty(sequence: dirty.count(0), path: try dirty.path(1)))
        }
        return found
    }

    /// Rows of content, bounded in number and bytes; `isAll` where none are left.
    func contents(
        above low: UInt64, to high: UInt64
    ) throws -> (rows: [Content], isAll: Bool) {
        var found: [Content] = []
        var byteCount = 0
        bind(contents, low, high)
        while try contents.step() {
            let row = Content(
                sequence: contents.count(0), object: try contents.identifier(1),
                path: try contents.path(2),
                modified: Timestamp(nanoseconds: contents.int(3)), bytes: contents.bytes(4),
                isCurrent: contents.int(5) != 0)
            byteCount += row.bytes.count
            found.append(row)
            if byteCount >= StoreLimits.roundByteCountMax {
                contents.reset()
                return (found, false)
            }
        }
        return (found, found.count < StoreLimits.roundCountMax)
    }
}

extension [OutboxReader.Staged] {
    var lastSequence: UInt64 { last?.sequence ?? 0 }
}

extension [OutboxReader.Dirty] {
    var lastSequence: UInt64 { last?.sequence ?? 0 }
}
