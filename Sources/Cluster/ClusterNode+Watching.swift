import CRDT
import Membership
import Model

/// Who hears which files change: this node of others, and others of this node.
struct Watching: Sendable {
    /// Whether somebody at this node wants to hear.
    var isOn = false
    /// When the others are asked again.
    var nextAsk = Duration.zero
    /// Others that want to hear, and until when.
    private var until: [NodeID: Duration] = [:]

    var isWatched: Bool { !until.isEmpty }

    mutating func asked(by peer: NodeID, now: Duration) {
        guard until[peer] != nil || until.count < ClusterLimits.watchersMax else { return }
        until[peer] = now + ClusterLimits.watchLease
    }

    /// Those that still want to, sorted.
    mutating func watchers(now: Duration) -> [NodeID] {
        guard !until.isEmpty else { return [] }
        until = until.filter { $0.value > now }
        return until.keys.sorted()
    }
}

// A node hears what its own disk learns. What only others have they tell, for as long as it asks: nothing
// is said where nobody watches. What is lost on the way is not said again.
extension ClusterNode {
    /// Whether this node wants to hear of other nodes' changes (`NodeDirective.changed`).
    package mutating func watch(_ isOn: Bool, _ now: Now) {
        guard isOn != watching.isOn else { return }
        watching.isOn = isOn
        watching.nextAsk = now.monotonic
        nextTick = min(nextTick, now.monotonic)
    }

    /// Whether others may want to hear of changes here.
    package var isWatched: Bool { watching.isWatched }

    /// These changed on this node's disk, durably.
    package mutating func changed(
        _ changes: [FileChange], _ now: Now, into directives: inout [NodeDirective]
    ) {
        for peer in watching.watchers(now: now.monotonic) where membership.isAlive(peer) {
            for start in stride(from: 0, to: changes.count, by: ClusterLimits.changesMax) {
                let end = min(changes.count, start + ClusterLimits.changesMax)
                directives.append(.send(.changed(Array(changes[start..<end])), to: peer))
            }
        }
    }

    mutating func watchTick(_ turn: inout Turn) {
        guard watching.isOn, turn.now.monotonic >= watching.nextAsk else { return }
        watching.nextAsk = turn.now.monotonic + ClusterLimits.watchInterval
        for peer in membership.alivePeers where isFellow(peer) { turn.send(.watch, to: peer) }
    }

    mutating func watchReceived(from peer: NodeID, _ turn: Turn) {
        if isFellow(peer) { watching.asked(by: peer, now: turn.now.monotonic) }
    }

    mutating func changesReceived(
        _ changes: [FileChange], from peer: NodeID, _ turn: inout Turn
    ) {
        guard watching.isOn, isFellow(peer) else { return }
        turn.directives.append(.changed(changes))
    }

    /// Whether a node is of this cluster. Those of another one of this name are within the same
    /// membership; their registers never come here.
    private func isFellow(_ peer: NodeID) -> Bool { gossip.state.register(of: peer) != nil }
}
