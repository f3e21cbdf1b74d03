internal import Model
internal import Transfer

/// Contents that are here and that no record names yet: of clients' writes under way, of messages
/// that brought them, and those that were pulled. A storage request that names one takes it along.
///
/// Bounded in number, bytes and time: what falls off is pulled again by who needs it.
struct ContentShelf {
    struct Entry {
        var content: NewContent
        var byteCount: UInt64
        /// When it goes; nil while something uses it.
        var deadline: Duration?
        var pinCount = 0
        /// Contents in memory fall off in the order in which they came.
        fileprivate var number: UInt64
    }

    private var entries: [ObjectID: Entry] = [:]
    /// Those in memory, oldest first.
    private var order: [(number: UInt64, object: ObjectID)] = []
    private var nextNumber: UInt64 = 0
    private(set) var byteCountInMemory = 0
    private var countInMemory = 0
    private let byteCountMax: Int
    private let countMax: Int

    init(
        byteCountMax: Int = StoreLimits.shelfByteCountMax,
        countMax: Int = StoreLimits.shelfCountMax
    ) {
        self.byteCountMax = byteCountMax
        self.countMax = countMax
    }

    var count: Int { entries.count }

    subscript(object: ObjectID) -> NewContent? { entries[object]?.content }

    /// - Parameter isPinned: it stays until `unpin`.
    mutating func put(
        _ object: ObjectID, _ content: NewContent, byteCount: UInt64, now: Duration,
        isPinned: Bool = false
    ) {
        if entries[object] != nil {
            if isPinned { pin(object) }
            return
        }
        nextNumber += 1
        entries[object] = Entry(
            content: content, byteCount: byteCount,
            deadline: isPinned ? nil : now + Self.keeping(content),
            pinCount: isPinned ? 1 : 0, number: nextNumber)
        if case .bytes(let bytes) = content {
            byteCountInMemory += bytes.count
            countInMemory += 1
            order.append((nextNumber, object))
            shrink()
        }
    }

    /// Somebody is about to use it.
    mutating func touch(_ object: ObjectID, now: Duration) {
        guard let entry = entries[object], entry.pinCount == 0 else { return }
        entries[object]?.deadline = now + Self.keeping(entry.content)
    }

    mutating func pin(_ object: ObjectID) {
        guard entries[object] != nil else { return }
        entries[object]?.pinCount += 1
        entries[object]?.deadline = nil
    }

    mutating func unpin(_ object: ObjectID, now: Duration) {
        guard let entry = entries[object] else { return }
        let left = max(0, entry.pinCount - 1)
        entries[object]?.pinCount = left
        if left == 0 { entries[object]?.deadline = now + Self.keeping(entry.content) }
    }

    /// Takes a content out that nothing uses.
    /// - Returns: false where something does; then it stays.
    mutating func take(_ object: ObjectID) -> Bool {
        guard let entry = entries[object], entry.pinCount == 0 else { return false }
        remove(object)
        return true
    }

    /// The disk has it, in a place of its own: whoever still uses it finds it there.
    mutating func adopted(_ object: ObjectID) { remove(object) }

    /// Takes out what nobody used in time.
    /// - Returns: the staging files among it.
    mutating func expire(now: Duration) -> [(object: ObjectID, operation: OperationID)] {
        var staged: [(object: ObjectID, operation: OperationID)] = []
        for (object, entry) in entries {
            guard let deadline = entry.deadline, deadline <= now else { continue }
            remove(object)
            if case .staged(let operation) = entry.content { staged.append((object, operation)) }
        }
        return staged
    }

    private static func keeping(_ content: NewContent) -> Duration {
        switch content {
        case .bytes: StoreLimits.shelfTime
        case .staged: StoreLimits.shelfTimeStaged
        }
    }

    private mutating func remove(_ object: ObjectID) {
        guard let entry = entries.removeValue(forKey: object) else { return }
        guard case .bytes(let bytes) = entry.content else { return }
        byteCountInMemory -= bytes.count
        countInMemory -= 1
    }

    private mutating func shrink() {
        var kept: [(number: UInt64, object: ObjectID)] = []
        var index = 0
        while byteCountInMemory > byteCountMax || countInMemory > countMax, index < order.count {
            let (number, object) = order[index]
            index += 1
            guard let entry = entries[object], entry.number == number else { continue }
            if entry.pinCount > 0 { kept.append((number, object)) } else { remove(object) }
        }
        if index > 0 { order.replaceSubrange(..<index, with: kept) }
        // Names of what went otherwise.
        if order.count > 2 * entries.count + 64 {
            order.removeAll { entries[$0.object]?.number != $0.number }
        }
    }
}
