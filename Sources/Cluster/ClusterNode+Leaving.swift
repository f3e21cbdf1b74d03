import CRDT
import Membership
import Model
import Replication

// A planned leave: the layout goes on without this node, which serves and hands over what it has,
// and says goodbye when every holder confirmed all of it.
extension ClusterNode {
    mutating func leave(_ id: UInt64, _ turn: inout Turn) {
        guard upkeep.departure == .none else { return end(id, .done, &turn) }
        let own = configuration.node
        let draft = gossip.state.layouts.draft
        guard draft.memberCount > (draft.entry(of: own)?.member == nil ? 0 : 1) else {
            return end(id, .refused(.lastMember), &turn)
        }
        changeState(id, &turn) { (state, clock, wall) throws(ChangeError) in
            try state.removeMember(own, clock: &clock, wallMilliseconds: wall)
        } then: { node, turn in
            node.upkeep.departure = .handingOver
            node.announce(&turn)
        }
    }

    /// The leave is taken back: the node becomes a member again (`joinLayout`).
    mutating func cancelLeave(_ id: UInt64, _ turn: inout Turn) {
        guard let task = tasks.removeValue(forKey: id) else { return }
        switch upkeep.departure {
        case .none: finish(task.origin, .refused(.notLeaving), &turn)
        case .goodbye, .gone: finish(task.origin, .refused(.hasLeft), &turn)
        case .handingOver, .telling:
            upkeep.departure = .none
            announce(&turn)
            answerWhenSaved(task.origin, .done, &turn)
        }
    }

    mutating func leaveTick(_ turn: inout Turn) {
        let now = turn.now.monotonic
        switch upkeep.departure {
        case .none, .gone: break
        case .handingOver:
            // All the others asked to leave at the same time: nobody would have the data.
            guard gossip.state.layouts.draft.memberCount > 0 else { return stay(&turn) }
            if hasHandedOver { askWhetherEmpty(&turn) }
        case .telling(let since):
            guard hasHandedOver else { return handOverAgain(&turn) }
            let isTold = gossip.rumorCount == 0 && upkeep.savesUnderWay == 0
            guard isTold || now - since >= ClusterLimits.tellingMax else { return }
            askWhetherEmpty(&turn)
        case .goodbye(let end):
            sayGoodbye(&turn)
            // Nothing new is begun; what was is answered.
            guard now >= end, tasks.isEmpty || now >= end + ClusterLimits.clientTimeout else {
                return
            }
            upkeep.departure = .gone
            saveDeparture(.upkeep(.departed), &turn)
        }
    }

    private mutating func saveDeparture(_ waiting: Waiting, _ turn: inout Turn) {
        let life = gossip.state.register(of: configuration.node)?.incarnation ?? 0
        store(.save([MetaRow(.departed, NodeMemory.encode(life))]), waiting, &turn)
    }

    private mutating func askWhetherEmpty(_ turn: inout Turn) {
        upkeep.sumsAsked = sums.changeCount
        ask(self: .partitions, .upkeep(.emptied), &turn)
    }

    /// The disk said what it still has.
    mutating func emptied(_ left: [PartitionSum], _ turn: inout Turn) {
        let now = turn.now.monotonic
        let isEmpty = left.isEmpty || configuration.canaries.contains(.leavesAtOnce)
        switch upkeep.departure {
        case .handingOver where isEmpty && hasHandedOver:
            upkeep.departure = .telling(now)
            announce(&turn)
        case .telling where isEmpty && hasHandedOver:
            upkeep.departure = .goodbye(now + ClusterLimits.goodbyeTime)
            // Nobody is told before that is durable: a life that ends in between goes on leaving in the next.
            saveDeparture(.upkeep(.parting), &turn)
        case .handingOver, .telling:
            if upkeep.sumsAsked == sums.changeCount { sums.restore(left) }
            handOverAgain(&turn)
        case .none, .goodbye, .gone: break
        }
    }

    private mutating func handOverAgain(_ turn: inout Turn) {
        guard upkeep.departure != .handingOver else { return }
        upkeep.departure = .handingOver
        announce(&turn)
    }

    /// Whether the layout without this node is the only one in use, and nothing is on the disk: it
    /// drops only what all holders confirmed.
    private var hasHandedOver: Bool {
        if configuration.canaries.contains(.leavesAtOnce) { return true }
        guard layouts.count == 1, let newest = layouts.newest,
            newest.member(configuration.node) == nil
        else { return false }
        // What the disk was asked to keep comes when its contents do, and after what was asked since.
        return upkeep.areSumsKnown && sums.all.isEmpty && !upkeep.hasOutbox
            && !upkeep.hasMoves && requests.changeCount == 0
    }

    private mutating func stay(_ turn: inout Turn) {
        upkeep.departure = .none
        announce(&turn)
        turn.directives.append(.notice(.stays))
    }

    mutating func partingSaved(_ turn: inout Turn) {
        upkeep.isPartingSaved = true
        sayGoodbye(&turn)
    }

    private mutating func sayGoodbye(_ turn: inout Turn) {
        guard upkeep.isPartingSaved, turn.now.monotonic >= upkeep.nextGoodbye else { return }
        upkeep.nextGoodbye = turn.now.monotonic + ClusterLimits.goodbyeInterval
        var directives: [MembershipDirective] = []
        membership.leave(
            now: turn.now.monotonic, wallMilliseconds: turn.now.wallMilliseconds,
            into: &directives)
        for case .send(let message, let peer) in directives {
            turn.send(.membership(message), to: peer)
        }
    }
}

extension ClusterNode {
    /// Whether a register of an earlier life says that the node was leaving, and had not left: then
    /// it goes on. Who is started after it had left is wanted back.
    static func departure(_ disk: NodeDisk, _ register: NodeRegister?) -> Departure {
        guard let register, register.disk == disk.id, register.facts.flags.contains(.isLeaving),
            NodeMemory.departed(disk) != register.incarnation
        else { return .none }
        return .handingOver
    }
}
