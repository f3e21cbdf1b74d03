package import Model

/// Who holds each partition under one layout: by weighted rendezvous hashing, distinct zones
/// first. So adding a node moves only what comes to it, and removing one moves only what it held.
///
/// Members are taken by score, one of each zone not yet used, then filled up by score; an empty
/// zone counts as the node's own. A partition is decided when it is first asked for, in O(members),
/// and remembered: a node touches few of the partitions of a large cluster.
package struct Placement: Sendable {
    package let layout: Layout

    // Made with the first question: a node that learns of a hundred layouts while a cluster grows
    // asks most of them nothing.
    private var roster: Roster?
    private var decided: [UInt16: PartitionOrder] = [:]

    package init(_ layout: Layout) { self.layout = layout }

    /// The holders of `partition` (RF of them, or all members if fewer), then up to RF hand-offs,
    /// chosen among the other members by the same rule.
    package mutating func order(of partition: Partition) -> PartitionOrder {
        if let known = decided[partition.number] { return known }
        let roster = self.roster ?? Roster(layout.members)
        self.roster = roster
        let order = Placement.decide(
            partition, roster: roster, replicationFactor: layout.replicationFactor)
        decided[partition.number] = order
        return order
    }

    /// The holders of `partition`, best first.
    package mutating func holders(of partition: Partition) -> [LayoutMember] {
        order(of: partition).holders.map { layout.members[Int($0)] }
    }

    /// The stand-ins of `partition`, best first.
    package mutating func handOffs(of partition: Partition) -> [LayoutMember] {
        order(of: partition).handOffs.map { layout.members[Int($0)] }
    }

    /// Whether `node` is a holder of `partition` on this disk. A disk that the layout does not
    /// name holds nothing.
    package mutating func isHolder(_ node: NodeID, disk: DiskID, of partition: Partition) -> Bool {
        order(of: partition).holders.contains {
            let member = layout.members[Int($0)]
            return member.node == node && member.disk == disk
        }
    }

    /// How many copies of each partition there are under this layout.
    package var holderCount: Int { min(layout.replicationFactor, layout.members.count) }

    private static func decide(
        _ partition: Partition, roster: Roster, replicationFactor: Int
    ) -> PartitionOrder {
        let logarithm = Logarithm.shared
        var costs = (0..<roster.count).map { index in
            Score.cost(
                seed: roster.seeds[index], weight: roster.weights[index], partition: partition,
                logarithm: logarithm)
        }
        let holders = take(min(replicationFactor, roster.count), from: &costs, roster)
        let handOffs = take(
            min(replicationFactor, roster.count - holders.count), from: &costs, roster)
        return PartitionOrder(members: holders + handOffs, holderCount: holders.count)
    }

    /// The cost of a member that was taken already; no score reaches it.
    private static let taken = UInt64.max

    /// Takes `count` members, each by one walk over the costs: there are few to take.
    private static func take(
        _ count: Int, from costs: inout [UInt64], _ roster: Roster
    ) -> [UInt16] {
        var result: [UInt16] = []
        result.reserveCapacity(2 * count)
        var used: [UInt16] = []
        var wantsNewZone = true
        while result.count < count {
            var best: Int?
            var least = taken
            // Members are sorted by name: the first of equals wins.
            for index in 0..<costs.count where costs[index] < least {
                if wantsNewZone && used.contains(roster.zones[index]) { continue }
                least = costs[index]
                best = index
            }
            if let best {
                costs[best] = taken
                used.append(roster.zones[best])
                result.append(UInt16(best))
            } else if wantsNewZone {
                wantsNewZone = false
            } else {
                break
            }
        }
        return result
    }
}
