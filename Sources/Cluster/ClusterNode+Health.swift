import CRDT
import Membership
package import Model
import Placement
import Replication

/// How many copies there are of what is in a partition, as far as one node that has it knows.
package struct PartitionHealth: Hashable, Sendable {
    package let partition: Partition
    /// Nodes that have all of it for certain: they live, and said that their disks have what they hold
    /// in a layout in use; this node among them. Sorted.
    package let holders: [NodeID]
    /// Copies that are missing to the replication factor.
    package let missingCount: Int
    /// Registers and entries.
    package let itemCount: Int
}

extension ClusterNode {
    /// The partitions of which there is something on this disk, behind `after`, in order; those that
    /// have too few copies, or all.
    /// - Complexity: O(partitions here · holders).
    package mutating func partitionHealth(
        after: Partition? = nil, onlyUnderReplicated: Bool, limit: Int
    ) -> [PartitionHealth] {
        guard layouts.newest != nil else { return [] }
        // What was asked for, also before there is a layout by it.
        let factor = replicationFactor
        var found: [PartitionHealth] = []
        for sum in sums.all where after.map({ $0 < sum.partition }) ?? true {
            guard sum.itemCount > 0 else { continue }
            let holders = certainHolders(of: sum.partition)
            let missing = max(0, factor - holders.count)
            if onlyUnderReplicated, missing == 0 { continue }
            found.append(
                PartitionHealth(
                    partition: sum.partition, holders: holders, missingCount: missing,
                    itemCount: sum.itemCount))
            if found.count >= limit { break }
        }
        return found
    }

    /// Who holds the partition, for people: the nodes that live and said that they have it; where
    /// nobody did yet, those that are to hold it. Sorted.
    package mutating func knownHolders(of partition: Partition) -> [NodeID] {
        let declared = declaredHolders(of: partition)
        if !declared.isEmpty { return declared.sorted() }
        return layouts.holders(of: partition).map(\.node).sorted()
    }

    private mutating func certainHolders(of partition: Partition) -> [NodeID] {
        declaredHolders(of: partition).union([configuration.node]).sorted()
    }

    private mutating func declaredHolders(of partition: Partition) -> Set<NodeID> {
        var nodes: Set<NodeID> = []
        for index in layouts.placements.indices {
            let id = layouts.placements[index].layout.id
            for member in layouts.holders(of: partition, in: index)
            where isReachable(member.node) && hasDisk(member)
                && gossip.state.register(of: member.node)?.declares(id, as: member) == true
            {
                nodes.insert(member.node)
            }
        }
        return nodes
    }

    /// Whether the node lives with the disk that is the member: of one that came back without it, the
    /// register of before is known for a moment longer.
    private func hasDisk(_ member: LayoutMember) -> Bool {
        let disk =
            member.node == configuration.node ? self.disk : membership.disk(of: member.node)
        return disk == member.disk
    }
}
