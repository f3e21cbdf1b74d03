internal import GRDB
internal import Model
internal import Replication
internal import Transfer

/// Reads what is in the trash, in the order of paths.
final class TrashQueries {
    private let page: SQLStatement
    private let one: SQLStatement

    init(_ database: Database) throws {
        page = try SQLStatement(
            database, "SELECT path, since FROM trash WHERE path > ? AND path < ? ORDER BY path")
        one = try SQLStatement(database, "SELECT since FROM trash WHERE path = ?")
    }

    /// Paths behind `after` that are `directory` or below it, with the time of their going.
    /// - Parameter body: says whether it goes on.
    func each(
        in directory: StorePath, after: StorePath?,
        _ body: (StorePath, HybridTime) throws -> Bool
    ) throws {
        // The path itself, and then what begins with it and a slash: "0" follows "/".
        let isRoot = directory.isRoot
        if !isRoot, after.map({ $0 < directory }) ?? true {
            one.bind(1, directory)
            let since = try one.step() ? HybridTime(value: one.count(0)) : nil
            one.reset()
            if let since, try !body(directory, since) { return }
        }
        let prefix = isRoot ? directory.bytes : directory.bytes + [0x2F]
        let end = isRoot ? [0x30] : directory.bytes + [0x30]
        let start = after.map { max($0.bytes, prefix) } ?? prefix
        page.bind(1, start)
        page.bind(2, end)
        defer { page.reset() }
        while try page.step() {
            if try !body(try page.path(0), HybridTime(value: page.count(1))) { return }
        }
    }

    private func max(_ a: [UInt8], _ b: [UInt8]) -> [UInt8] {
        a.lexicographicallyPrecedes(b) ? b : a
    }
}

extension SQLTables {
    /// A page of the trash, from one state of the database.
    func trash(_ walk: TrashWalk) throws -> TrashPage {
        forgetAll()
        var page = TrashPage(entries: [], hasMore: false)
        var byteCount = 0
        let limit = min(walk.limit, TransferLimits.trashCountMax)
        try trashQueries.each(in: walk.directory, after: walk.after) { path, since in
            guard since > walk.emptiedUntil, let entry = trashed(path, walk) else { return true }
            byteCount += entry.encodedByteCount
            guard page.entries.count < limit, byteCount < StoreLimits.trashPageByteCountMax else {
                page.hasMore = true
                return false
            }
            page.entries.append(entry)
            return true
        }
        try check()
        return page
    }

    private func trashed(_ path: StorePath, _ walk: TrashWalk) -> TrashPage.Entry? {
        let kept = register(.file(path))?.kept ?? []
        let last = kept.filter { !$0.isPurged && $0.version.value.facts != nil }
            .max { $0.version.rank < $1.version.rank }
        guard let last, let facts = last.version.value.facts else { return nil }
        return TrashPage.Entry(
            path: path, dot: last.dot, time: last.version.version.time, byteCount: facts.byteCount,
            digest: facts.digest, contentType: facts.contentType, created: facts.created,
            modified: facts.modified, since: last.since, isConflict: last.isConflict)
    }
}
