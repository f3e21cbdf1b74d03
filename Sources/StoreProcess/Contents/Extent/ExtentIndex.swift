internal import GRDB
internal import Model

/// The index of `ExtentContents`, for its keeper: one transaction from sync to sync.
final class ExtentIndex {
    enum State: Int64 {
        /// The one that small contents are appended to.
        case open = 0
        /// Nothing is appended any more.
        case closed = 1
        /// A large content is being copied into it.
        case filling = 2
    }

    struct Segment {
        var number: UInt64
        /// Its bytes up to here are durable.
        var durable: UInt64
    }

    private let transaction: ContentTransaction
    private let entry: SQLStatement
    private let putEntry: SQLStatement
    private let deleteEntry: SQLStatement
    private let entriesOf: SQLStatement
    private let putSegment: SQLStatement
    private let setDurable: SQLStatement
    private let addLive: SQLStatement
    private let close: SQLStatement
    private let deleteSegment: SQLStatement
    private let segmentsIn: SQLStatement
    private let dead: SQLStatement
    private let sparse: SQLStatement
    private let tight: SQLStatement
    private let isKnown: SQLStatement
    private let last: SQLStatement

    init(_ database: ContentDatabase) throws {
        let queue = try database.connect(cachePages: StoreLimits.writerCachePages)
        transaction = try ContentTransaction(queue)
        let made = try queue.inDatabase { database in
            try [
                "SELECT \(ExtentEntry.columns) FROM entries WHERE object = ?",
                "INSERT INTO entries(\(ExtentEntry.columns)) VALUES(?, ?, ?, ?, ?)",
                "DELETE FROM entries WHERE object = ?",
                """
                SELECT \(ExtentEntry.columns) FROM entries WHERE segment = ? AND place >= ?
                ORDER BY place LIMIT ?
                """,
                "INSERT INTO segments(number, state, durable, live) VALUES(?, ?, 0, 0)",
                "UPDATE segments SET durable = ? WHERE number = ?",
                "UPDATE segments SET live = live + ? WHERE number = ?",
                "UPDATE segments SET state = 1 WHERE number = ?",
                "DELETE FROM segments WHERE number = ?",
                "SELECT number, durable FROM segments WHERE state <> 1 AND state = ?",
                "SELECT number FROM segments WHERE state = 1 AND live = 0 LIMIT 1",
                """
                SELECT number, durable FROM segments WHERE state = 1 AND live * 2 < durable
                AND number > ? ORDER BY number LIMIT 1
                """,
                """
                SELECT number, durable FROM segments WHERE state = 1 AND live * 8 < durable * 7
                AND live < ? AND number > ? ORDER BY live LIMIT 1
                """,
                "SELECT 1 FROM segments WHERE number = ?",
                "SELECT MAX(number) FROM segments",
            ].map { try SQLStatement(database, $0) }
        }
        (entry, putEntry, deleteEntry, entriesOf) = (made[0], made[1], made[2], made[3])
        (putSegment, setDurable, addLive, close) = (made[4], made[5], made[6], made[7])
        (deleteSegment, segmentsIn, dead, sparse) = (made[8], made[9], made[10], made[11])
        (tight, isKnown, last) = (made[12], made[13], made[14])
    }

    func change<Result>(undone: () -> Void, _ body: () throws -> Result) throws -> Result {
        try transaction.change(undone: undone, body)
    }

    func commit(undone: () -> Void) throws { try transaction.commit(undone: undone) }

    // MARK: Entries; all of what follows within `change`

    func find(_ object: ObjectID) throws -> ExtentEntry? {
        entry.bind(1, object)
        guard try entry.step() else { return nil }
        defer { entry.reset() }
        return try ExtentEntry(entry)
    }

    /// Instead of the one that the object may have.
    func put(_ entry: ExtentEntry) throws {
        try remove(entry.object)
        putEntry.bind(1, entry.object)
        putEntry.bind(2, entry.segment)
        putEntry.bind(3, entry.place)
        putEntry.bind(4, entry.byteCount)
        putEntry.bind(5, entry.modified.nanoseconds)
        try putEntry.run()
        try add(Int64(clamping: entry.length), toLiveOf: entry.segment)
    }

    func remove(_ object: ObjectID) throws {
        guard let old = try find(object) else { return }
        deleteEntry.bind(1, object)
        try deleteEntry.run()
        try add(-Int64(clamping: old.length), toLiveOf: old.segment)
    }

    private func add(_ byteCount: Int64, toLiveOf segment: UInt64) throws {
        addLive.bind(1, byteCount)
        addLive.bind(2, segment)
        try addLive.run()
    }

    /// From `place` on, in order, at most `limit`.
    func entries(of segment: UInt64, from place: UInt64, limit: Int) throws -> [ExtentEntry] {
        entriesOf.bind(1, segment)
        entriesOf.bind(2, place)
        entriesOf.bind(3, Int64(limit))
        defer { entriesOf.reset() }
        var found: [ExtentEntry] = []
        while try entriesOf.step() { found.append(try ExtentEntry(entriesOf)) }
        return found
    }

    // MARK: Segments

    func insert(_ number: UInt64, _ state: State) throws {
        putSegment.bind(1, number)
        putSegment.bind(2, state.rawValue)
        try putSegment.run()
    }

    func setDurable(_ byteCount: UInt64, of number: UInt64) throws {
        setDurable.bind(1, byteCount)
        setDurable.bind(2, number)
        try setDurable.run()
    }

    func close(_ number: UInt64) throws {
        close.bind(1, number)
        try close.run()
    }

    func delete(_ number: UInt64) throws {
        deleteSegment.bind(1, number)
        try deleteSegment.run()
    }

    func segments(_ state: State) throws -> [Segment] {
        segmentsIn.bind(1, state.rawValue)
        defer { segmentsIn.reset() }
        var found: [Segment] = []
        while try segmentsIn.step() {
            found.append(Segment(number: segmentsIn.count(0), durable: segmentsIn.count(1)))
        }
        return found
    }

    func contains(_ number: UInt64) throws -> Bool {
        isKnown.bind(1, number)
        guard try isKnown.step() else { return false }
        isKnown.reset()
        return true
    }

    /// 0 where there is none.
    func lastNumber() throws -> UInt64 {
        guard try last.step() else { return 0 }
        defer { last.reset() }
        return last.count(0)
    }

    /// One in which nothing is wanted any more.
    func deadSegment() throws -> UInt64? {
        guard try dead.step() else { return nil }
        defer { dead.reset() }
        return dead.count(0)
    }

    /// One above `number` of which less than half is wanted.
    func sparseSegment(above number: UInt64) throws -> Segment? {
        sparse.bind(1, number)
        guard try sparse.step() else { return nil }
        defer { sparse.reset() }
        return Segment(number: sparse.count(0), durable: sparse.count(1))
    }

    /// The one above `number` of which the least is wanted, below `liveMax` bytes, and not nearly all: for
    /// a disk that is short of space.
    func tightSegment(above number: UInt64, liveMax: UInt64) throws -> Segment? {
        tight.bind(1, Int64(clamping: liveMax))
        tight.bind(2, number)
        guard try tight.step() else { return nil }
        defer { tight.reset() }
        return Segment(number: tight.count(0), durable: tight.count(1))
    }
}
