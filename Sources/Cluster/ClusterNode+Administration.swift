import CRDT
import Membership
import Model
import Replication

// What operators ask of the cluster as a whole.
extension ClusterNode {
    mutating func administer(_ id: UInt64, _ request: ClientRequest, _ turn: inout Turn) {
        switch request {
        case .setSetting(let key, let value):
            guard ClusterSettings.accepts(value, for: key) else {
                return end(id, .refused(.invalidValue), &turn)
            }
            changeState(id, &turn) { (state, clock, wall) throws(ChangeError) in
                try state.set(key, to: value, clock: &clock, wallMilliseconds: wall)
            }
        case .setReplicationFactor(let factor):
            guard let factor = UInt8(exactly: factor), factor > 0 else {
                return end(id, .refused(.invalidValue), &turn)
            }
            changeState(id, &turn) { (state, clock, wall) throws(ChangeError) in
                try state.setReplicationFactor(factor, clock: &clock, wallMilliseconds: wall)
            }
        case .joinCluster(let cluster): join(cluster, id, &turn)
        case .takeOut(let node): takeOutByForce(node, id, &turn)
        case .cancelLeave: cancelLeave(id, &turn)
        default: leave(id, &turn)
        }
    }

    /// An operator's `out NODE --force`: without the majority that nodes need to do it themselves.
    private mutating func takeOutByForce(_ node: NodeID, _ id: UInt64, _ turn: inout Turn) {
        func refuse(_ reason: RefusalReason, _ turn: inout Turn) {
            end(id, .refused(reason), &turn)
        }
        let history = gossip.state.layouts
        guard node != configuration.node else { return refuse(.isItself, &turn) }
        // It would be back at once.
        guard !membership.alivePeers.contains(node) else { return refuse(.isAlive, &turn) }
        guard OutRule.mayTakeOut(node, from: history, alive: [], force: true) else {
            return refuse(.notAMember, &turn)
        }
        guard history.draft.memberCount > 1 else { return refuse(.lastMember, &turn) }
        changeState(id, &turn) { (state, clock, wall) throws(ChangeError) in
            try state.removeMember(
                node, isGivenUp: true, clock: &clock, wallMilliseconds: wall)
        } then: { _, turn in
            turn.directives.append(.notice(.tookOutByForce(node)))
        }
    }

    /// An operator's `join --merge`: this node's cluster becomes part of another one that is within
    /// reach. The others follow when they hear of it; records of both merge as concurrent ones.
    private mutating func join(_ cluster: ClusterID, _ id: UInt64, _ turn: inout Turn) {
        guard gossip.state.identity.established != cluster else {
            return end(id, .refused(.isTheSame), &turn)
        }
        guard let peer = upkeep.foreign[cluster] else {
            return end(id, .refused(.isNotReached), &turn)
        }
        changeState(id, &turn) { (state, _, _) throws(ChangeError) in
            state.adopt(cluster)
        } then: { node, turn in
            node.upkeep.foreign = [:]
            node.compareState(with: peer, &turn)
        }
    }

    /// Another established cluster of this name is within reach. By themselves they never merge.
    mutating func foreignClusterMet(
        _ identity: ClusterIdentity, _ peer: NodeID, _ turn: inout Turn
    ) {
        guard let cluster = identity.established,
            upkeep.foreign[cluster] != nil || upkeep.foreign.count < ClusterLimits.foreignMax
        else { return }
        upkeep.foreign[cluster] = peer
        turn.directives.append(.notice(.foreignCluster(cluster, peer)))
    }

    /// - Parameter then: what follows from it, before the answer; not where it failed.
    mutating func changeState(
        _ id: UInt64, _ turn: inout Turn,
        _ event: (inout ClusterState, inout HybridClock, UInt64) throws(ChangeError) -> Delta,
        then: (inout ClusterNode, inout Turn) -> Void = { _, _ in }
    ) {
        guard isEstablished, gossip.isInformed else {
            askToEstablish(&turn)
            return again(id, after: ClusterLimits.tick, .notReady, &turn)
        }
        let wall = turn.now.wallMilliseconds
        let failure = change(&turn) { (state, clock) throws(ChangeError) in
            try event(&state, &clock, wall)
        }
        guard let task = tasks.removeValue(forKey: id) else { return }
        if let failure { return finish(task.origin, failure.answer, &turn) }
        then(&self, &turn)
        answerWhenSaved(task.origin, .done, &turn)
    }

    mutating func answerWhenSaved(
        _ origin: TaskOrigin, _ answer: ClientAnswer, _ turn: inout Turn
    ) {
        if upkeep.savesUnderWay == 0 {
            finish(origin, answer, &turn)
        } else {
            upkeep.waitingForState.append((origin, answer))
        }
    }
}

extension ChangeError {
    fileprivate var answer: ClientAnswer {
        switch self {
        case .clockInDoubt: .unavailable(.clockInDoubt)
        case .notEstablished: .unavailable(.notReady)
        case .full: .refused(.limitReached)
        case .invalid: .refused(.invalidValue)
        }
    }
}
