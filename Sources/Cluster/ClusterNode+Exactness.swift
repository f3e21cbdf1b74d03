import CRDT
import Membership
import Model
import Placement
import Replication

// When a conditional write may say under `available` that it was exact.
extension ClusterNode {
    /// Whether what was decided is exact.
    /// - Parameter byMajority: whether a majority of the holders decided it.
    func isExact(_ byMajority: Bool) -> Bool {
        byMajority && isMajorityExact || configuration.canaries.contains(.callsAllExact)
    }

    /// Whether what a majority of the holders decided is exact: nobody else can have decided by
    /// holders of their own, and these holders know what those before them had.
    private var isMajorityExact: Bool { policy == .majority || (isOnMajoritySide && hasAllHistory) }

    /// Others may have taken the nodes on this side of a cut out and gone on with holders of their
    /// own; but only where this side is no majority of the members.
    private var isOnMajoritySide: Bool {
        layouts.all.allSatisfy { layout in
            2 * layout.members.count { isReachable($0.node) } > layout.members.count
        }
    }

    /// By the layout that all took over; the ones after it do not go without its holders yet. A
    /// member that has not said so here may have said more than that.
    private var hasAllHistory: Bool {
        guard let base = gossip.state.layouts.active.first(where: \.isComplete) else { return true }
        return base.layout.members.allSatisfy { member in
            let known = gossip.state.register(of: member.node)
            guard let known, known.disk == member.disk else { return true }
            return known.synced.contains(base.id) && !lacksHolders(member)
        }
    }

    func lacksHolders(_ member: LayoutMember) -> Bool { lacksHolders(member.node, member.disk) }

    func lacksHolders(_ node: NodeID, _ disk: DiskID) -> Bool {
        guard let register = gossip.state.register(of: node) else { return false }
        return register.disk == disk && register.flags.contains(.lacksHolders)
    }

    /// Once everybody that the cluster knows of is there for a while, whatever they had came back.
    mutating func wholeTick(_ turn: inout Turn) {
        guard upkeep.lacksHolders, turn.now.monotonic >= upkeep.nextWhole else { return }
        upkeep.nextWhole = turn.now.monotonic + ClusterLimits.wholeInterval
        guard findMissing() == nil else {
            upkeep.wholeSince = nil
            return
        }
        let since = upkeep.wholeSince ?? turn.now.monotonic
        upkeep.wholeSince = since
        guard turn.now.monotonic - since >= ClusterLimits.wholeAfter else { return }
        upkeep.lacksHolders = false
        upkeep.wholeSince = nil
        announce(&turn)
    }

    /// Who is not there; who was not the last time is looked at first.
    private mutating func findMissing() -> NodeID? {
        guard layouts.count == 1, let newest = layouts.newest else { return configuration.node }
        if let last = upkeep.missing, let register = gossip.state.register(of: last),
            isMissing(register, in: newest)
        {
            return last
        }
        upkeep.missing = gossip.state.registers.first { isMissing($0, in: newest) }?.node
        return upkeep.missing
    }

    private func isMissing(_ register: NodeRegister, in layout: Layout) -> Bool {
        let flags = register.flags
        guard flags.contains(.isStorage), flags.isDisjoint(with: [.isLeaving, .hasLeft]) else {
            return false
        }
        return !isReachable(register.node) || layout.member(register.node)?.disk != register.disk
    }
}
