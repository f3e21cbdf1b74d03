internal import GRDB
internal import Model
internal import Replication

/// Moves that are not over, as this disk has heard of them. Belongs to its connection's thread; a
/// connection that reads only asks.
final class MoveTable {
    private let rows: SQLStatement
    private let insert: SQLStatement
    private let setPlaced: SQLStatement
    private let delete: SQLStatement

    init(_ database: Database) throws {
        rows = try SQLStatement(
            database,
            """
            SELECT operation, source, disk, sequence, destination, placed FROM moves
            WHERE id > ? ORDER BY id LIMIT ?
            """)
        insert = try SQLStatement(
            database,
            """
            INSERT OR IGNORE INTO moves(id, operation, source, disk, sequence, destination, placed)
            VALUES(?, ?, ?, ?, ?, ?, 0)
            """)
        setPlaced = try SQLStatement(database, "UPDATE moves SET placed = 1 WHERE id = ?")
        delete = try SQLStatement(database, "DELETE FROM moves WHERE id = ?")
    }

    func add(_ move: MoveIntent) throws {
        insert.bind(1, move.placing)
        insert.bind(2, move.operation)
        insert.bind(3, move.source)
        insert.bind(4, move.dot.disk)
        insert.bind(5, move.dot.sequence)
        insert.bind(6, move.destination)
        try insert.run()
    }

    func setPlaced(_ placing: OperationID) throws {
        setPlaced.bind(1, placing)
        try setPlaced.run()
    }

    func remove(_ placing: OperationID) throws {
        delete.bind(1, placing)
        try delete.run()
    }

    /// The first rows behind `after`, sorted.
    func rows(after: OperationID?, limit: Int) throws -> [MoveRow] {
        rows.bind(1, after?.bytes ?? [])
        rows.bind(2, Int64(clamping: limit))
        defer { rows.reset() }
        var found: [MoveRow] = []
        while try rows.step() {
            let intent = MoveIntent(
                source: try rows.path(1),
                dot: Dot(disk: try rows.identifier(2), sequence: rows.count(3)),
                destination: try rows.path(4), operation: try rows.identifier(0))
            found.append(MoveRow(intent: intent, isPlaced: rows.int(5) != 0))
        }
        return found
    }
}
