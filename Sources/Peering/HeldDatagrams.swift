internal import IPC
internal import Model

/// Membership messages for nodes that have not proved yet which life they are in: the first ones after
/// a start, which the proof follows in a round trip.
struct HeldDatagrams: Sendable {
    private var parts: [NodeID: [(part: PeerPart, at: Duration)]] = [:]
    private var count = 0

    /// - Returns: whether it is kept.
    mutating func hold(_ part: PeerPart, now: Duration) -> Bool {
        guard count < PeeringLimits.heldMax,
            parts[part.node]?.count ?? 0 < PeeringLimits.heldOfNodeMax
        else { return false }
        parts[part.node, default: []].append((part, now))
        count += 1
        return true
    }

    /// What waits for the node, which is not kept any more.
    mutating func take(_ node: NodeID) -> [PeerPart] {
        guard let taken = parts.removeValue(forKey: node) else { return [] }
        count -= taken.count
        return taken.map(\.part)
    }

    /// Drops what has waited for too long.
    mutating func expire(_ journal: inout PeerJournal, now: Duration) {
        guard count > 0 else { return }
        for (node, held) in parts {
            let kept = held.filter { now - $0.at <= PeeringLimits.heldAge }
            count -= held.count - kept.count
            journal.counts.messagesDropped += UInt64(held.count - kept.count)
            parts[node] = kept.isEmpty ? nil : kept
        }
    }
}
