import CRDT
import Membership
import Model
import Reconciliation
import Replication

// Fellow holders compare what they share: one sum when nothing differs.
extension ClusterNode {
    /// The sums over what this node and `peer` both hold in the newest layout. Partitions of which
    /// there is nothing here add nothing to a sum, so they need not be in the scope.
    mutating func sharedSums(with peer: NodeID) -> SharedSums? {
        refreshScopes()
        guard let scope = sums.index.scope(of: peer), let total = sums.index.pairSum(with: peer)
        else {
            return layouts.newest == nil
                ? nil
                : SharedSums(index: sums.index, scope: PartitionSet(), total: .zero)
        }
        return SharedSums(index: sums.index, scope: scope, total: total)
    }

    mutating func refreshScopes() {
        guard sums.areScopesOld else { return }
        let own = configuration.node
        var shared: [NodeID: PartitionSet] = [:]
        for sum in sums.all {
            let holders = layouts.targets(for: sum.partition).layouts.last ?? []
            guard holders.contains(where: { $0.node == own }) else { continue }
            for holder in holders where holder.node != own {
                shared[holder.node, default: PartitionSet()].insert(sum.partition)
            }
        }
        sums.setScopes(
            shared.keys.sorted().map {
                PeerScope(peer: $0, partitions: shared[$0] ?? PartitionSet())
            })
    }

    mutating func compareTick(_ turn: inout Turn) {
        repairTick(&turn)
        guard turn.now.monotonic >= upkeep.nextCompare, !settings.isSyncPaused,
            !configuration.canaries.contains(.neverReconciles),
            layouts.newest?.member(configuration.node)?.disk == disk
        else { return }
        let half = compareInterval / 2
        upkeep.nextCompare =
            turn.now.monotonic + half
            + .milliseconds(
                Int64.random(in: 0...(half.milliseconds * 2), using: &turn.generator))
        refreshScopes()
        if configuration.canaries.contains(.repeatsForever) {
            let others = membership.alivePeers
            for peer in others + others + others { compareState(with: peer, &turn) }
            upkeep.nextCompare = turn.now.monotonic
        }
        guard let peer = nextCompared() else { return }
        compare(with: peer, &turn)
    }

    /// So that everybody's turn comes within `syncInterval`, where there are many.
    private var compareInterval: Duration {
        let turn = settings.syncInterval / max(1, sums.index.scopes.count)
        return min(ClusterLimits.compareInterval, max(ClusterLimits.tick, turn))
    }

    /// Those that came back first, then in turn. Only who holds some of what is here: of the rest
    /// the others know that this node holds it, and compare with it. In a cluster of a thousand
    /// these are a few hundred at most.
    private mutating func nextCompared() -> NodeID? {
        let scopes = sums.index.scopes
        func isFit(_ node: NodeID) -> Bool { isReachable(node) && sessions[node] == nil }
        if !upkeep.returned.isEmpty {
            let back = scopes.first { upkeep.returned.contains($0.peer) && isFit($0.peer) }
            if let back {
                upkeep.returned.remove(back.peer)
                return back.peer
            }
        }
        let start = upkeep.lastCompared.flatMap { last in
            scopes.firstIndex { last < $0.peer }
        }
        for offset in scopes.indices {
            let peer = scopes[((start ?? 0) + offset) % scopes.count].peer
            guard isFit(peer) else { continue }
            upkeep.lastCompared = peer
            return peer
        }
        return nil
    }

    mutating func compare(with peer: NodeID, _ turn: inout Turn) {
        guard let shared = sharedSums(with: peer) else { return }
        var session = ReconciliationSession(
            scope: .shared(layouts: layouts.digest.bits), using: &turn.generator)
        let directives = session.start(sum: shared.total)
        sessions[peer] = session
        obey(directives, of: peer, &turn)
    }

    private mutating func obey(
        _ directives: [ReconciliationDirective], of peer: NodeID, _ turn: inout Turn
    ) {
        var partitions: Set<Partition> = []
        var isFinished = false
        for directive in directives {
            switch directive {
            case .send(let request):
                ask(
                    peer, .reconcile(request), layouts: layouts.digest,
                    timeout: ClusterLimits.backgroundTimeout, .comparison(peer), &turn)
            case .difference(let key, _, _):
                partitions.insert(Partition(number: UInt16(key >> 48)))
            case .finished:
                sessions[peer] = nil
                isFinished = true
            case .failed:
                sessions[peer] = nil
                upkeep.repair?.failed(with: peer)
            }
        }
        upkeep.repair?.found(partitions, with: peer)
        if isFinished { upkeep.repair?.finished(with: peer) }
        for partition in partitions.sorted() where exchanges.count < ClusterLimits.exchangesWaiting
        {
            addExchange(partition, with: peer, .compare, &turn)
        }
    }

    mutating func resumeComparison(_ peer: NodeID, _ answer: Answer, _ turn: inout Turn) {
        guard let session = sessions[peer] else { return }
        guard case .reconciled(let reply) = answer, let shared = sharedSums(with: peer) else {
            // The next comparison begins anew.
            sessions[peer] = nil
            return
        }
        store(.advance(session, reply, shared), .advance(peer), &turn)
    }

    mutating func resumeAdvance(_ peer: NodeID, _ answer: Answer, _ turn: inout Turn) {
        guard sessions[peer] != nil, case .advanced(let session, let directives) = answer else {
            return
        }
        sessions[peer] = session
        obey(directives, of: peer, &turn)
    }
}
