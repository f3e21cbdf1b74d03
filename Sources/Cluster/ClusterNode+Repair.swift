import Membership
import Model
import Reconciliation

// A pass of comparisons that an operator asks for, beside those that come by themselves.
extension ClusterNode {
    /// Begins a pass, or joins the one that is under way.
    /// - Returns: nil where this node holds nothing by the newest layout: there is nothing to compare.
    package mutating func repair(_ now: Now) -> RepairPass? {
        if let pass = upkeep.repair, !pass.isDone { return pass }
        guard isRunning, layouts.newest?.member(configuration.node)?.disk == disk else {
            return nil
        }
        upkeep.repairCount += 1
        upkeep.repair = RepairPass(number: upkeep.repairCount, peers: fellowHolders)
        nextTick = min(nextTick, now.monotonic + ClusterLimits.tick)
        return upkeep.repair
    }

    /// The pass that is under way, or the last one of this life.
    package var repairPass: RepairPass? { upkeep.repair }

    /// Who holds something of what is here too.
    private var fellowHolders: [NodeID] {
        mutating get {
            refreshScopes()
            return sums.index.scopes.map(\.peer)
        }
    }

    /// Begins the comparisons of the pass that are due.
    mutating func repairTick(_ turn: inout Turn) {
        guard let pass = upkeep.repair, !pass.isDone else { return }
        var room = ClusterLimits.repairPeersMax
        for peer in pass.open {
            guard isReachable(peer) else {
                upkeep.repair?.unreachable(peer)
                continue
            }
            room -= 1
            guard room >= 0 else { return }
            // One that comes by itself counts for nothing: it may have begun long ago.
            if sessions[peer] != nil { continue }
            // Its session went: the layouts changed, or the answer was none.
            if pass.isComparing(peer) {
                upkeep.repair?.failed(with: peer)
                continue
            }
            if exchanges.hasComparison(with: peer) { continue }
            upkeep.repair?.began(with: peer)
            compare(with: peer, &turn)
        }
    }
}
