internal import Glibc
internal import Model
internal import Posix

/// The housekeeper's side of `ExtentContents`.
///
/// ```
///   write ──▶ appended to the open segment ──▶ sync: the segment's data, then its rows ──▶ readers
///   a large content ──▶ a segment of its own, piece by piece ──▶ the same
///   remove ──▶ the row goes ──▶ maintain: a dead segment is unlinked; of one that is less than half
///                               alive the rest is appended elsewhere, compared, synced
/// ```
final class ExtentKeeper: CopyingKeeper {
    /// The segment that is appended to, and its end.
    struct Tail {
        var segment: ExtentSegment
        var end: UInt64
    }

    /// A large content on its way into a segment of its own.
    private struct Copying {
        var object: ObjectID
        var segment: ExtentSegment
        var offset: UInt64
    }

    let index: ExtentIndex
    let folder: Descriptor
    private let staging: Descriptor
    private let sizes: ExtentContents.Sizes
    private var tail: Tail?
    /// The tail as the index has it: what is behind its end may be written over.
    private var durableTail: Tail?
    private var copying: Copying?
    /// Written since the last sync, with their ends.
    private var written: [UInt64: (segment: ExtentSegment, end: UInt64)] = [:]
    /// Files that no row names any more: what they were made for failed.
    private var lost: [UInt64] = []
    /// Files were made since the last sync.
    private var hasNewNames = false
    /// Segments of the transaction under way.
    private var made: [UInt64] = []
    private var nextNumber: UInt64 = 1
    var needsMaintenance = true
    /// Where compaction goes on looking; damaged segments behind it are left alone in this life.
    var compacted: UInt64 = 0

    init(_ store: ExtentContents, _ staging: borrowing Descriptor) throws {
        index = try ExtentIndex(store.database)
        folder = try store.segments.duplicate()
        self.staging = try staging.duplicate()
        sizes = store.sizes
        try recover()
    }

    func change<Result>(_ body: () throws -> Result) throws -> Result {
        try index.change(undone: { undone() }, body)
    }

    /// The transaction is lost: what it appended lies behind the durable end, and is written over.
    private func undone() {
        tail = durableTail
        // No row names them, nor ever will.
        lost += made
        made = []
        if let copying {
            // Its row, if there is one, is dropped by the next copy or the next start.
            lost.append(copying.segment.number)
        }
        copying = nil
        written = [:]
    }

    // MARK: A start

    /// Cuts off what an earlier life appended and did not finish, behind the last durable entry, and
    /// removes files that no row names.
    private func recover() throws {
        try change {
            nextNumber = try index.lastNumber() + 1
            for segment in try index.segments(.filling) { try index.delete(segment.number) }
            for known in try index.segments(.open) {
                try reopen(known)
            }
        }
        try sync()
        for entry in try Directory.entries(of: folder) {
            guard let number = ExtentSegment.number(of: entry.name) else { continue }
            nextNumber = max(nextNumber, number + 1)
            if try !change({ try index.contains(number) }) {
                _ = try Directory.removeIfPresent(BytePath(entry.name), in: folder)
            }
        }
        try sync()
    }

    private func reopen(_ known: ExtentIndex.Segment) throws {
        guard tail == nil,
            let segment = try ExtentSegment.open(known.number, in: folder, .readWrite),
            try segment.byteCount() >= known.durable
        else {
            // The disk lost some of it: what is left of it is read, and nothing is put behind.
            Log.error(
                "a segment of contents is missing or shorter than it was",
                ["segment": "\(ExtentSegment.name(known.number))"])
            return try index.close(known.number)
        }
        try segment.truncate(to: known.durable)
        tail = Tail(segment: segment, end: known.durable)
        durableTail = tail
    }

    // MARK: Storing

    func write(_ content: NewObject) throws {
        try change {
            _ = try append(
                content.object, modified: content.modified,
                byteCount: UInt64(content.bytes.count)
            ) {
                [UInt8](content.bytes[Int($0.lowerBound)..<Int($0.upperBound)])
            }
        }
    }

    func open(_ staged: BytePath) throws -> StagedContent? {
        try StagedContent.open(staged, in: staging)
    }

    func has(_ object: ObjectID) throws -> Bool { try change { try index.find(object) } != nil }

    func copy(
        _ content: StoredContent, as object: ObjectID, modified: Timestamp, budget: inout Int
    ) throws -> Bool {
        guard budget > 0 else { return false }
        if content.byteCount > sizes.sharedEntryByteCountMax {
            return try change { try copyLarge(content, object, modified, &budget) }
        }
        budget -= Int(content.byteCount)
        return try change {
            _ = try append(object, modified: modified, byteCount: content.byteCount) {
                try content.read($0)
            }
            return true
        }
    }

    /// Appends an entry to the open segment.
    /// - Parameter read: gives the bytes of a range of the content.
    func append(
        _ object: ObjectID, modified: Timestamp, byteCount: UInt64,
        _ read: (Range<UInt64>) throws -> [UInt8]
    ) throws -> ExtentEntry {
        var tail = try room(for: ExtentEntry.length(byteCount))
        let entry = ExtentEntry(
            object: object, byteCount: byteCount, modified: modified,
            segment: tail.segment.number, place: tail.end)
        let piece = UInt64(StoreLimits.copiedPieceByteCount)
        var bytes = entry.header
        var (place, offset) = (entry.place, UInt64(0))
        repeat {
            let count = min(piece, byteCount - offset)
            bytes += try read(offset..<offset + count)
            offset += count
            if offset == byteCount {
                let padding = entry.place + entry.length - (place + UInt64(bytes.count))
                bytes += [UInt8](repeating: 0, count: Int(padding))
            }
            try tail.segment.write(bytes, at: place)
            place += UInt64(bytes.count)
            bytes = []
        } while offset < byteCount
        tail.end = entry.place + entry.length
        self.tail = tail
        written[tail.segment.number] = (tail.segment, tail.end)
        try index.put(entry)
        return entry
    }

    /// The tail, a new one where this one has no room.
    private func room(for byteCount: UInt64) throws -> Tail {
        if let tail {
            if tail.end + byteCount <= sizes.segmentByteCountMax { return tail }
            try index.close(tail.segment.number)
            needsMaintenance = true
        }
        return Tail(segment: try makeSegment(.open), end: 0)
    }

    private func makeSegment(_ state: ExtentIndex.State) throws -> ExtentSegment {
        let number = nextNumber
        nextNumber += 1
        made.append(number)
        let file = try Directory.open(
            ExtentSegment.name(number), in: folder, [.readWrite, .create, .truncate])
        hasNewNames = true
        try index.insert(number, state)
        return ExtentSegment(number: number, file: HandedDescriptor(file))
    }

    /// A copy that was given up. Nobody reads of it, so its file goes at once.
    private func dropFilling() throws {
        copying = nil
        for segment in try index.segments(.filling) {
            try drop(segment.number)
            _ = try Directory.removeIfPresent(ExtentSegment.name(segment.number), in: folder)
        }
    }

    private func copyLarge(
        _ content: StoredContent, _ object: ObjectID, _ modified: Timestamp, _ budget: inout Int
    ) throws -> Bool {
        var copy: Copying
        if let copying, copying.object == object {
            copy = copying
        } else {
            try dropFilling()
            copy = Copying(object: object, segment: try makeSegment(.filling), offset: 0)
        }
        // Until it went well, so that who gives up drops it.
        copying = copy
        let entry = ExtentEntry(
            object: object, byteCount: content.byteCount, modified: modified,
            segment: copy.segment.number, place: 0)
        if copy.offset == 0 { try copy.segment.write(entry.header, at: 0) }
        while copy.offset < entry.byteCount, budget > 0 {
            let count = min(
                UInt64(StoreLimits.copiedPieceByteCount), entry.byteCount - copy.offset)
            let bytes = try content.read(copy.offset..<copy.offset + count)
            try copy.segment.write(bytes, at: entry.contentPlace + copy.offset)
            copy.offset += count
            budget -= Int(count)
        }
        written[copy.segment.number] = (copy.segment, entry.contentPlace + copy.offset)
        guard copy.offset == entry.byteCount else {
            copying = copy
            return false
        }
        copying = nil
        try index.put(entry)
        try index.close(copy.segment.number)
        return true
    }

    // MARK: Removing

    func remove(_ object: ObjectID) throws {
        try change {
            if let copying, copying.object == object { try dropFilling() }
            try index.remove(object)
        }
        needsMaintenance = true
    }

    /// Its row goes now, and its file at the next start if not before.
    func drop(_ number: UInt64) throws {
        try index.delete(number)
        written[number] = nil
    }

    // MARK: Durability

    func sync() throws {
        for number in lost {
            _ = try Directory.removeIfPresent(ExtentSegment.name(number), in: folder)
        }
        lost = []
        for (_, written) in written { try written.segment.syncData() }
        if hasNewNames {
            do {
                try FileIO.sync(folder)
            } catch {
                throw SyncFailure(error)
            }
        }
        if !written.isEmpty {
            try change {
                for (number, written) in written {
                    try index.setDurable(written.end, of: number)
                }
            }
        }
        try index.commit(undone: { undone() })
        written = [:]
        made = []
        hasNewNames = false
        durableTail = tail
    }

    func maintain() throws { try compact() }
}
