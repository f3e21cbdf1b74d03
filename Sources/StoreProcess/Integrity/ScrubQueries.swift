internal import GRDB
internal import Model
internal import Replication

/// Questions of the scrub, for one connection and its thread.
final class ScrubQueries {
    private let next: SQLStatement
    private let garbage: SQLStatement
    private let dirty: SQLStatement
    private let content: SQLStatement

    init(_ database: Database) throws {
        next = try SQLStatement(
            database, "SELECT id FROM partitions WHERE id >= ? ORDER BY id LIMIT 1")
        garbage = try SQLStatement(database, "SELECT 1 FROM garbage WHERE object = ? LIMIT 1")
        dirty = try SQLStatement(database, "SELECT 1 FROM view_dirty WHERE path = ? LIMIT 1")
        content = try SQLStatement(database, "SELECT 1 FROM content WHERE path = ? LIMIT 1")
    }

    /// The first partition behind `partition` of which there is something here.
    func partition(after partition: Partition?) throws -> Partition? {
        next.bind(1, partition.map { Int64($0.number) + 1 } ?? 0)
        defer { next.reset() }
        guard try next.step() else { return nil }
        return Partition(number: UInt16(truncatingIfNeeded: next.int(0)))
    }

    /// Whether the object is about to be removed.
    func isGarbage(_ object: ObjectID) throws -> Bool {
        garbage.bind(1, object)
        defer { garbage.reset() }
        return try garbage.step()
    }

    /// Whether the view of the path is about to be made, or could not be made.
    func isViewOpen(_ path: StorePath) throws -> Bool {
        dirty.bind(1, path)
        defer { dirty.reset() }
        if try dirty.step() { return true }
        content.bind(1, path)
        defer { content.reset() }
        return try content.step()
    }
}
