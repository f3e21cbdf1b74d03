internal import GRDB
internal import Model

/// What the writer's transactions change of the tables that checks of contents go by: which bad ones are to be
/// kept apart, and what files are like. Belongs to the writer's thread.
final class IntegrityRows {
    private let insertApart: SQLStatement
    private let removeApart: SQLStatement
    private let putStamp: SQLStatement

    init(_ database: Database) throws {
        insertApart = try SQLStatement(
            database, "INSERT INTO apart(sequence, object) VALUES(?, ?)")
        removeApart = try SQLStatement(database, "DELETE FROM apart WHERE sequence = ?")
        putStamp = try SQLStatement(
            database, "UPDATE objects SET stamp = ?2 WHERE object = ?1")
    }

    /// The object is marked as bad.
    func keepApart(_ sequence: UInt64, _ object: ObjectID) throws {
        insertApart.bind(1, sequence)
        insertApart.bind(2, object)
        try insertApart.run()
    }

    /// The housekeeper's work is durable. What nothing names any more has no row for its stamp.
    func housekept(_ done: Housekept) throws {
        for sequence in done.apart {
            removeApart.bind(1, sequence)
            try removeApart.run()
        }
        try put(done.stamps)
    }

    func put(_ stamps: [ObjectID: FileTrust.Stamp]) throws {
        for (object, stamp) in stamps {
            putStamp.bind(1, object)
            putStamp.bind(2, stamp.bytes)
            try putStamp.run()
        }
    }
}
