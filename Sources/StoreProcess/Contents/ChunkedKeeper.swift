internal import Model
internal import Posix

/// An object whose bytes are a run of chunks, each but the last of the same size.
struct ChunkedItem: Hashable, Sendable {
    var byteCount: UInt64
    var modified: Timestamp
    /// The number of its first chunk. Numbers are never used again.
    var first: UInt64
    /// False while its chunks are being copied: readers do not see it.
    var isComplete: Bool

    /// Under what an object's new bytes stand while they are copied beside the old ones: an id that nothing
    /// has, as ids are random.
    static func successor(of object: ObjectID) -> ObjectID {
        ObjectID(bits: Bits128(high: ~object.bits.high, low: ~object.bits.low))
    }

    func chunkCount(of size: UInt64) -> UInt64 { (byteCount + size - 1) / size }
}

/// The tables of a kind of storage that keeps contents in chunks, for its keeper.
protocol ChunkTables: AnyObject {
    /// Bytes of a chunk.
    var chunkByteCount: UInt64 { get }

    /// Runs `body` in the transaction that ends with the next `commit`. Where it fails, all of the
    /// transaction is undone, and `undone` forgets what was thought of it.
    func change<Result>(undone: () -> Void, _ body: () throws -> Result) throws -> Result
    func commit(undone: () -> Void) throws

    // All of these within `change`.
    func find(_ object: ObjectID) throws -> ChunkedItem?
    func put(_ item: ChunkedItem, _ object: ObjectID) throws
    func removeItem(_ object: ObjectID) throws
    /// One that is not complete.
    func incompleteObject() throws -> ObjectID?
    func insertChunk(_ number: UInt64, _ bytes: [UInt8]) throws
    func removeChunks(_ numbers: Range<UInt64>) throws
    /// Runs that nothing has any more, and that are still there.
    func freedRun() throws -> Range<UInt64>?
    func insertFreed(_ run: Range<UInt64>) throws
    func removeFreed(_ run: Range<UInt64>) throws
    /// The number of the next chunk.
    func next() throws -> UInt64
    func setNext(_ number: UInt64) throws
    /// Gives some space back to the disk.
    /// - Returns: whether there is more.
    func shrink() throws -> Bool
}

/// The housekeeper's side of the kinds that keep contents in chunks: one transaction from sync to sync.
final class ChunkedKeeper: CopyingKeeper {
    private let tables: any ChunkTables
    private let staging: Descriptor
    /// The next chunk's number; it may be above the one that is stored, never below.
    private var next: UInt64 = 1
    /// What is being copied, and how far it is.
    private var copying: (object: ObjectID, place: ObjectID, item: ChunkedItem, offset: UInt64)?
    /// Whether there are chunks that nothing has any more, or space that the disk may have back.
    private(set) var needsMaintenance = true

    init(_ tables: any ChunkTables, _ staging: borrowing Descriptor) throws {
        self.tables = tables
        self.staging = try staging.duplicate()
        try change {
            next = try tables.next()
            // What an earlier life was copying, this one begins anew.
            while let object = try tables.incompleteObject() { try removeItem(object) }
        }
        try sync()
    }

    private func change<Result>(_ body: () throws -> Result) throws -> Result {
        try tables.change(undone: undone, body)
    }

    // MARK: Storing

    func write(_ content: NewObject) throws {
        try change {
            let item = try insert(
                content.object, byteCount: UInt64(content.bytes.count),
                modified: content.modified, isComplete: true)
            try insertChunks(of: content.bytes, from: item.first)
        }
    }

    func open(_ staged: BytePath) throws -> StagedContent? {
        try StagedContent.open(staged, in: staging)
    }

    func has(_ object: ObjectID) throws -> Bool { try change { try tables.find(object) } != nil }

    func copy(
        _ content: StoredContent, as object: ObjectID, modified: Timestamp, budget: inout Int
    ) throws -> Bool {
        guard budget > 0 else { return false }
        return try change {
            try copySome(of: content, as: object, modified: modified, budget: &budget)
        }
    }

    private func copySome(
        of content: StoredContent, as object: ObjectID, modified: Timestamp, budget: inout Int
    ) throws -> Bool {
        let byteCount = content.byteCount
        var offset: UInt64 = 0
        var item: ChunkedItem
        let place: ObjectID
        if let copying, copying.object == object {
            offset = copying.offset
            (place, item) = (copying.place, copying.item)
        } else {
            // What is there already stays until all of its successor is.
            let isThere = try tables.find(object)?.isComplete == true
            place = isThere ? ChunkedItem.successor(of: object) : object
            item = try insert(
                place, byteCount: byteCount, modified: modified, isComplete: false)
        }
        copying = nil
        let size = tables.chunkByteCount
        let piece = UInt64(StoreLimits.copiedPieceByteCount) / size * size
        while offset < byteCount, budget > 0 {
            let count = min(piece, byteCount - offset)
            let bytes = try content.read(offset..<offset + count)
            try insertChunks(of: bytes, from: item.first + offset / size)
            offset += count
            budget -= Int(count)
        }
        guard offset == byteCount else {
            copying = (object, place, item, offset)
            return false
        }
        item.isComplete = true
        if place != object {
            // Its row alone: the chunks are the object's now.
            try tables.removeItem(place)
            try removeItem(object)
        }
        try tables.put(item, object)
        return true
    }

    private func insert(
        _ object: ObjectID, byteCount: UInt64, modified: Timestamp, isComplete: Bool
    ) throws -> ChunkedItem {
        try removeItem(object)
        let item = ChunkedItem(
            byteCount: byteCount, modified: modified, first: next, isComplete: isComplete)
        next += item.chunkCount(of: tables.chunkByteCount)
        // In the transaction that takes them.
        try tables.setNext(next)
        try tables.put(item, object)
        return item
    }

    private func insertChunks(of bytes: [UInt8], from first: UInt64) throws {
        let size = Int(tables.chunkByteCount)
        if bytes.count <= size {
            return bytes.isEmpty ? () : try tables.insertChunk(first, bytes)
        }
        var number = first
        for start in stride(from: 0, to: bytes.count, by: size) {
            try tables.insertChunk(
                number, [UInt8](bytes[start..<min(start + size, bytes.count)]))
            number += 1
        }
    }

    // MARK: Removing

    func remove(_ object: ObjectID) throws { try change { try removeItem(object) } }

    private func removeItem(_ object: ObjectID) throws {
        guard let item = try tables.find(object) else { return }
        if copying?.object == object { copying = nil }
        try tables.removeItem(object)
        needsMaintenance = true
        let run = item.first..<item.first + item.chunkCount(of: tables.chunkByteCount)
        if run.isEmpty { return }
        if run.count <= StoreLimits.freedChunksMax { return try tables.removeChunks(run) }
        try tables.insertFreed(run)
    }

    func sync() throws { try tables.commit(undone: undone) }

    private func undone() {
        copying = nil
        // On a full disk order comes first: it may give back what is needed.
        needsMaintenance = true
    }

    // MARK: Order

    func maintain() throws {
        needsMaintenance = try change { try freeSome() || tables.shrink() }
        try sync()
    }

    /// - Returns: false where nothing was left to free.
    private func freeSome() throws -> Bool {
        guard let run = try tables.freedRun() else { return false }
        let some =
            run
            .lowerBound..<min(
                run.upperBound, run.lowerBound + UInt64(StoreLimits.freedChunksMax))
        try tables.removeChunks(some)
        try tables.removeFreed(run)
        if some.count < run.count { try tables.insertFreed(some.upperBound..<run.upperBound) }
        return true
    }
}

/// A range of a content of a kind that keeps it in chunks.
enum ChunkedRange {
    /// Puts together `range` of a content of `byteCount` bytes.
    /// - Parameter chunk: the chunk of this place among the content's; nil where it is missing.
    /// - Throws: `ContentDamage` where a chunk is missing or has another length than it must.
    static func read(
        _ range: Range<UInt64>, of byteCount: UInt64, chunkByteCount size: UInt64,
        _ chunk: (UInt64) throws -> [UInt8]?
    ) throws -> [UInt8] {
        guard range.upperBound <= byteCount else { throw ContentDamage("it is shorter") }
        guard !range.isEmpty else { return [] }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(range.count)
        for index in range.lowerBound / size...(range.upperBound - 1) / size {
            let start = index * size
            guard let chunk = try chunk(index), UInt64(chunk.count) == min(size, byteCount - start)
            else { throw ContentDamage("a part of it is missing") }
            let low = max(range.lowerBound, start) - start
            let high = min(range.upperBound - start, UInt64(chunk.count))
            if low == 0, high == UInt64(chunk.count) {
                bytes += chunk
            } else {
                bytes += chunk[Int(low)..<Int(high)]
            }
        }
        return bytes
    }
}
