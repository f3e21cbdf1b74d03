internal import Glibc
internal import LMDB
internal import Model

/// The tables of `BoltContents`, for its keeper.
final class BoltChunkTables: ChunkTables {
    private let environment: LMDBEnvironment
    /// From the first change after a sync on.
    private var transaction: LMDBTransaction?

    /// What was freed up to this transaction is holes.
    private var givenBack: UInt64 = 0
    /// There was a commit since the last one that removed something.
    private var hasMoved = false

    private static let nextKey: [UInt8] = Array("next".utf8)
    private static let copyingKey: [UInt8] = Array("copying".utf8)

    init(_ environment: LMDBEnvironment) { self.environment = environment }

    var chunkByteCount: UInt64 { BoltContents.chunkByteCount }

    func change<Result>(undone: () -> Void, _ body: () throws -> Result) throws -> Result {
        try guarded(undone) {
            if transaction == nil { transaction = try LMDBTransaction(environment) }
            return try body()
        }
    }

    func commit(undone: () -> Void) throws {
        guard let transaction else { return }
        self.transaction = nil
        try guarded(undone) { try transaction.commit() }
    }

    private func guarded<Result>(
        _ undone: () -> Void, _ body: () throws -> Result
    ) throws -> Result {
        do {
            return try body()
        } catch {
            undone()
            transaction?.abort()
            transaction = nil
            // A transaction that is too large for the disk has filled it up.
            try environment.cutTail()
            switch error {
            case let error as LMDBError where error.isFull:
                throw StorageObstacle("the disk is full", isFull: true)
            case let error as LMDBError where error.isDamage:
                throw StorageObstacle("bolt/data.mdb is damaged: \(error)")
            case let damage as ContentDamage:
                throw StorageObstacle("bolt/data.mdb is damaged: \(damage)")
            default: throw error
            }
        }
    }

    private var current: LMDBTransaction {
        guard let transaction else { preconditionFailure("a change outside of its transaction") }
        return transaction
    }

    // MARK: Items

    func find(_ object: ObjectID) throws -> ChunkedItem? {
        try BoltContents.find(object, current)
    }

    func put(_ item: ChunkedItem, _ object: ObjectID) throws {
        try current.put(item.row, at: object.bytes, in: BoltContents.items)
        // One is copied at a time.
        if !item.isComplete {
            try current.put(object.bytes, at: Self.copyingKey, in: BoltContents.state)
        } else if try incompleteObject() == object {
            try current.remove(Self.copyingKey, in: BoltContents.state)
        }
    }

    func removeItem(_ object: ObjectID) throws {
        try current.remove(object.bytes, in: BoltContents.items)
        if try incompleteObject() == object {
            try current.remove(Self.copyingKey, in: BoltContents.state)
        }
    }

    func incompleteObject() throws -> ObjectID? {
        try current.value(Self.copyingKey, in: BoltContents.state).flatMap { ObjectID(bytes: $0) }
    }

    // MARK: Chunks

    func insertChunk(_ number: UInt64, _ bytes: [UInt8]) throws {
        try current.put(bytes, at: BoltContents.key(number), in: BoltContents.chunks)
    }

    func removeChunks(_ numbers: Range<UInt64>) throws {
        for number in numbers {
            try current.remove(BoltContents.key(number), in: BoltContents.chunks)
        }
    }

    func freedRun() throws -> Range<UInt64>? {
        guard
            let (key, value) = try current.entries(from: [], limit: 1, in: BoltContents.freed)
                .first
        else { return nil }
        let (first, count) = (try Self.number(key), try Self.number(value))
        return first..<first + count
    }

    func insertFreed(_ run: Range<UInt64>) throws {
        try current.put(
            BoltContents.key(UInt64(run.count)), at: BoltContents.key(run.lowerBound),
            in: BoltContents.freed)
    }

    func removeFreed(_ run: Range<UInt64>) throws {
        try current.remove(BoltContents.key(run.lowerBound), in: BoltContents.freed)
    }

    func next() throws -> UInt64 {
        try current.value(Self.nextKey, in: BoltContents.state).map { try Self.number($0) } ?? 1
    }

    func setNext(_ number: UInt64) throws {
        try current.put(BoltContents.key(number), at: Self.nextKey, in: BoltContents.state)
    }

    private static func number(_ bytes: [UInt8]) throws -> UInt64 {
        guard bytes.count == 8 else { throw ContentDamage("a number makes no sense") }
        let number = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard number <= UInt64.max >> 2 else { throw ContentDamage("a number makes no sense") }
        return number
    }

    /// Makes holes of free pages. What the last commit freed is still needed by the state before it: there
    /// has to be another one first.
    func shrink() throws -> Bool {
        // Of an earlier life.
        try environment.cutTail()
        if !hasMoved {
            // A value that is put again makes a commit.
            try setNext(try next())
            hasMoved = true
            return true
        }
        hasMoved = false
        do {
            let given = try environment.giveBack(
                after: givenBack, pageCountMax: StoreLimits.givenBackPagesMax)
            givenBack = given.transaction
            hasMoved = given.hasMore
            return given.hasMore
        } catch  where error.code == EOPNOTSUPP {
            Log.info("the file system makes no holes: bolt/data.mdb keeps its size")
            return false
        }
    }
}
