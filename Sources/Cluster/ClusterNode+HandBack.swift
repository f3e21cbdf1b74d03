import CRDT
import Membership
import Model
import Placement
import Replication

// What this disk holds no more goes back to the holders.
extension ClusterNode {
    /// What this disk holds in no layout in use goes to the holders, and is dropped when all of
    /// them have it and all members go by this layout alone.
    mutating func handBackTick(_ turn: inout Turn) {
        guard turn.now.monotonic >= upkeep.nextHandBack else { return }
        upkeep.nextHandBack = turn.now.monotonic + ClusterLimits.upkeepInterval
        upkeep.isForeignDue = false
        let own = configuration.node
        sums.refreshForeign { layouts.isHolderInAny(own, of: $0) }
        guard layouts.newest != nil, !configuration.canaries.contains(.neverMoves) else { return }
        upkeep.drops.forget(except: sums.foreign)
        guard sums.hasForeign else { return }
        // In turn: those that wait for a holder that is away hold up no others.
        let start = upkeep.handedBack.flatMap { last in sums.foreign.firstIndex { last < $0 } } ?? 0
        let turns = sums.foreign[start...] + sums.foreign[..<start]
        let round = turns.prefix(ClusterLimits.mergeCountMax)
        upkeep.handedBack = round.last
        let isSettled = isLayoutSettled
        for partition in round {
            let sum = sums.sum(of: partition)
            let verdict = upkeep.drops.verdict(
                on: partition, sum: sum, holders: layouts.holders(of: partition),
                isSettled: isSettled, now: turn.now.monotonic)
            switch verdict {
            case .keep(let asking) where !configuration.canaries.contains(.dropsUnconfirmed):
                for holder in asking where isReachable(holder.node) {
                    addExchange(partition, with: holder.node, .handBack, &turn)
                }
            // What an exchange brings to this disk would come after the drop, and be there again.
            case .drop where exchanges.contains(partition): break
            case .drop, .keep: ask(self: .forget(partition, ifSum: sum), .nothing, &turn)
            }
        }
    }

    /// Whether all members go by the newest layout alone (each has declared it synced).
    private var isLayoutSettled: Bool {
        let history = gossip.state.layouts
        return history.active.count == 1 && history.active.allSatisfy(\.isComplete)
            && layouts.digest == history.activeDigest && !history.hasUnpublished
    }
}
