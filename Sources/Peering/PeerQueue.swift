internal import IPC

/// The parts of messages that wait for the connection to one peer.
///
/// Bounded: over a limit the newest message is dropped, whole, as if the network had lost it. Of a
/// message whose first parts went over a connection that is gone the rest is dropped, too.
struct PeerQueue: Sendable {
    private struct Item: Sendable {
        var frame: [UInt8]
        var message: UInt64
        var isLast: Bool
        var isFirst: Bool
        var since: Duration
    }

    private var items: [Item] = []
    /// Items before this one are gone.
    private var head = 0
    private(set) var byteCount = 0
    private(set) var messageCount = 0
    /// What comes from the store.
    private var arriving = PartSequence()
    /// Whether the last part that was taken left its message open.
    private(set) var isMidMessage = false

    var isEmpty: Bool { head == items.count }

    enum Offer: Equatable {
        case taken
        /// Its message is dropped; `isNews`: none of the message was refused before.
        case dropped(isNews: Bool)
    }

    /// Adds a part. - Parameter budget: bytes that all queues together may still take.
    mutating func offer(_ part: PeerPart, budget: Int, now: Duration) -> Offer {
        guard
            arriving.admits(message: part.message, part: part.part, isLast: part.isLast)
        else { return .dropped(isNews: false) }
        let isFirst = part.part == 0
        let room = min(PeeringLimits.queueByteCountMax - byteCount, budget)
        guard part.bytes.count <= room,
            !isFirst || messageCount < PeeringLimits.queueMessagesMax
        else {
            arriving.breakOff()
            takeBack(part.message)
            return .dropped(isNews: true)
        }
        let frame = PeerFrame.bytes(
            .part,
            LinkPart(
                message: part.message, part: part.part, isLast: part.isLast, bytes: part.bytes))
        items.append(
            Item(
                frame: frame, message: part.message, isLast: part.isLast, isFirst: isFirst,
                since: now))
        byteCount += frame.count
        if isFirst { messageCount += 1 }
        return .taken
    }

    /// Drops the parts of the newest message that still wait.
    private mutating func takeBack(_ message: UInt64) {
        while items.count > head, let last = items.last, last.message == message, !last.isLast {
            items.removeLast()
            byteCount -= last.frame.count
            if last.isFirst { messageCount -= 1 }
        }
        // Of what is under way nothing more comes; the other side drops what it has of it.
        if isEmpty { isMidMessage = false }
    }

    /// The next frame to write.
    mutating func next() -> [UInt8]? {
        guard let item = pop() else { return nil }
        isMidMessage = !item.isLast
        return item.frame
    }

    private mutating func pop() -> Item? {
        guard head < items.count else { return nil }
        let item = items[head]
        head += 1
        byteCount -= item.frame.count
        if item.isFirst { messageCount -= 1 }
        if head == items.count {
            items.removeAll(keepingCapacity: items.capacity <= 1024)
            head = 0
        } else if head >= 64, head * 2 >= items.count {
            items.removeFirst(head)
            head = 0
        } else {
            items[head - 1].frame = []
        }
        return item
    }

    /// The connection is gone: the rest of the message that it cut off goes as well.
    /// - Returns: whether there was one.
    mutating func connectionEnded() -> Bool {
        guard isMidMessage else { return false }
        isMidMessage = false
        while head < items.count, !items[head].isFirst { _ = pop() }
        // The store is still sending it.
        if isEmpty { arriving.breakOff() }
        return true
    }

    /// Drops whole messages that have waited for too long.
    /// - Returns: how many.
    mutating func expire(now: Duration) -> Int {
        var dropped = 0
        while !isMidMessage, head < items.count,
            now - items[head].since > PeeringLimits.queueAgeMax
        {
            dropped += dropOldest()
        }
        return dropped
    }

    /// Drops all that waits, but what belongs to a message whose first parts are under way.
    mutating func dropAll() -> Int {
        var dropped = 0
        while !isMidMessage, head < items.count { dropped += dropOldest() }
        return dropped
    }

    private mutating func dropOldest() -> Int {
        var ended = false
        while head < items.count, !ended { ended = pop()?.isLast ?? true }
        if !ended { arriving.breakOff() }
        return 1
    }
}
