internal import Cluster
internal import Model
internal import Replication

/// Messages of peers that name contents which are not here yet: they are taken once these are, as if
/// the network had been slower. Without those that it requires, a message is lost.
struct MessageGate {
    private struct Held {
        var message: PeerMessage
        var sender: NodeID
        var missing: Set<ObjectID>
        var required: Set<ObjectID>
        var isLost = false
    }

    private var held: [UInt64: Held] = [:]
    private var waiting: [ObjectID: Set<UInt64>] = [:]
    private var nextNumber: UInt64 = 0

    var count: Int { held.count }

    /// - Returns: the number under which it is held; nil where there are too many, and it is lost.
    mutating func hold(
        _ message: PeerMessage, from sender: NodeID, _ missing: [NamedContent],
        required: [NamedContent]
    ) -> UInt64? {
        guard held.count < StoreLimits.heldMessagesMax, !missing.isEmpty else { return nil }
        nextNumber += 1
        held[nextNumber] = Held(
            message: message, sender: sender, missing: Set(missing.map(\.object)),
            required: Set(required.map(\.object)))
        for content in missing { waiting[content.object, default: []].insert(nextNumber) }
        return nextNumber
    }

    /// Whether anybody waits for the content.
    func waits(for object: ObjectID) -> Bool { waiting[object] != nil }

    /// - Parameter isHere: false where it could not be had.
    /// - Returns: the messages that wait for nothing any more, in the order in which they came.
    mutating func settled(
        _ object: ObjectID, isHere: Bool
    ) -> [(message: PeerMessage, sender: NodeID)] {
        var free: [(message: PeerMessage, sender: NodeID)] = []
        for number in (waiting.removeValue(forKey: object) ?? []).sorted() {
            guard var message = held[number] else { continue }
            message.missing.remove(object)
            if !isHere, message.required.contains(object) { message.isLost = true }
            guard message.missing.isEmpty else {
                held[number] = message
                continue
            }
            held[number] = nil
            if !message.isLost { free.append((message.message, message.sender)) }
        }
        return free
    }
}
