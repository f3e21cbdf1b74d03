import CRDT
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
        default: leave(id, &turn)
        }
    }

    private mutating func changeState(
        _ id: UInt64, _ turn: inout Turn,
        _ event: (inout ClusterState, inout HybridClock, UInt64) throws(ChangeError) -> Delta
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
        guard let failure else { return answerWhenSaved(task.origin, .done, &turn) }
        finish(task.origin, failure.answer, &turn)
    }

    private mutating func answerWhenSaved(
        _ origin: TaskOrigin, _ answer: ClientAnswer, _ turn: inout Turn
    ) {
        if upkeep.savesUnderWay == 0 {
            finish(origin, answer, &turn)
        } else {
            upkeep.waitingForState.append((origin, answer))
        }
    }

    /// A planned leave: the layout goes on without this node, which hands over what it has.
    private mutating func leave(_ id: UInt64, _ turn: inout Turn) {
        let wall = turn.now.wallMilliseconds
        let own = configuration.node
        let failure = change(&turn) { (state, clock) throws(ChangeError) in
            try state.removeMember(own, clock: &clock, wallMilliseconds: wall)
        }
        if failure == nil {
            upkeep.isLeaving = true
            announce(&turn)
        }
        guard let task = tasks.removeValue(forKey: id) else { return }
        guard let failure else { return answerWhenSaved(task.origin, .done, &turn) }
        finish(task.origin, failure.answer, &turn)
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
