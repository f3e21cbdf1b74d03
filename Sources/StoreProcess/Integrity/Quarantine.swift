internal import GRDB
internal import Model
internal import Posix

/// Keeps apart what stands in the places of objects and is not what was stored there: it may be what
/// somebody made of it. Belongs to the housekeeper's thread.
///
/// That an object is marked and that its file is to go are one transaction: a row of `apart`, which stays until
/// the move is durable. So a death in between leaves nothing in its place for a repair to write over.
final class Quarantine {
    private struct Row {
        var sequence: UInt64
        var object: ObjectID
        /// Something names the object, and it is not marked (any more): what repairs it came.
        var isRepaired: Bool
        /// What repairs it is a row that is not written out, as far as is known.
        var isUnwritten: Bool
    }

    private let directory: DataDirectory
    private let inherited: UInt64
    /// Rows up to here are no matter any more, whatever becomes of the round: when it is done again, good
    /// copies may stand there.
    private var moved: UInt64 = 0
    private let rows: SQLStatement
    private let staged: SQLStatement
    private let bad: SQLStatement

    /// - Parameter inherited: rows up to here are of earlier lives.
    init(_ database: Database, _ directory: DataDirectory, inherited: UInt64) throws {
        self.directory = directory
        self.inherited = inherited
        let isHere = ObjectRow.State.here.rawValue
        rows = try SQLStatement(
            database,
            """
            SELECT a.sequence, a.object, o.state IS \(isHere), c.sequence IS NOT NULL FROM apart a
            LEFT JOIN objects o ON o.object = a.object
            LEFT JOIN content c ON c.sequence = o.content AND c.object = a.object
            WHERE a.sequence > ? ORDER BY a.sequence LIMIT ?
            """)
        staged = try SQLStatement(database, "SELECT operation FROM staged WHERE object = ?")
        bad = try SQLStatement(
            database,
            "SELECT 1 FROM objects WHERE object = ? AND state = \(ObjectRow.State.bad.rawValue)")
    }

    /// Works off all rows, before anything takes the places of their objects.
    ///
    /// Failures of single files are said, and change nothing else: what is bad is served by nobody.
    /// - Parameter last: the last row that was worked off, and is then.
    func keepApart(
        with keeper: any ContentKeeper, after last: inout UInt64, _ housekept: inout Housekept
    ) throws {
        while true {
            let found = try rows(after: last)
            for row in found {
                do {
                    if row.sequence > moved, try isDamaged(row) {
                        try keeper.quarantine(row.object)
                    }
                } catch let error as PosixError {
                    Log.error(
                        "a bad copy cannot be kept apart, and stays where it is",
                        ["object": row.object.hex, "error": "\(error)"])
                }
                moved = max(moved, row.sequence)
                housekept.apart.append(row.sequence)
                last = row.sequence
            }
            if found.count < StoreLimits.roundCountMax { return }
        }
    }

    private func rows(after last: UInt64) throws -> [Row] {
        rows.bind(1, last)
        rows.bind(2, Int64(StoreLimits.roundCountMax))
        var found: [Row] = []
        while try rows.step() {
            found.append(
                Row(
                    sequence: rows.count(0), object: try rows.identifier(1),
                    isRepaired: rows.int(2) != 0, isUnwritten: rows.int(3) != 0))
        }
        return found
    }

    /// Whether what stands in the object's place is what the row is about, and not a good copy that an earlier
    /// life brought there. In this life that comes after the row.
    private func isDamaged(_ row: Row) throws -> Bool {
        guard row.isRepaired, row.sequence <= inherited else { return true }
        // It is written again, whatever stands there; what is kept apart already is not written over.
        if row.isUnwritten { return try !isKept(row.object) }
        staged.bind(1, row.object)
        defer { staged.reset() }
        while try staged.step() {
            let name = ObjectName.staging(try staged.identifier(0))
            if try Directory.status(of: name, in: directory.staging) != nil { return true }
        }
        return false
    }

    private func isKept(_ object: ObjectID) throws -> Bool {
        let folder = try DataDirectory.part("quarantine", of: directory.root)
        return try Directory.status(of: BytePath(Hex.encodedBytes(object.bytes)), in: folder) != nil
    }

    /// Removes what is there of contents that are good again, or that nothing names any more, after a long
    /// time.
    func tidy() {
        do {
            let then = WallClock.now.nanoseconds - StoreLimits.quarantineTime.nanoseconds
            let folder = try DataDirectory.part("quarantine", of: directory.root)
            for entry in try Directory.entries(of: folder) {
                let name = String(decoding: entry.name, as: UTF8.self)
                guard let object = ObjectID(hex: name), try !isBad(object),
                    let status = try Directory.status(of: BytePath(entry.name), in: folder),
                    status.changed < then
                else { continue }
                _ = try Directory.removeIfPresent(BytePath(entry.name), in: folder)
            }
        } catch {
            Log.error("the quarantine cannot be tidied", ["error": "\(error)"])
        }
    }

    /// Whether what is stored as this object is known not to be what it has to be, and nothing better came.
    private func isBad(_ object: ObjectID) throws -> Bool {
        bad.bind(1, object)
        defer { bad.reset() }
        return try bad.step()
    }
}
