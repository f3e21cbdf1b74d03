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

    // MARK: Who counts

    /// The nodes that may count what is in partitions, for each layout in use: those that live and said
    /// that they have what they hold in it.
    package var counters: [Set<NodeID>] {
        layouts.all.map { layout in
            Set(
                layout.members.filter { member in
                    isReachable(member.node) && hasDisk(member)
                        && gossip.state.register(of: member.node)?
                            .declares(layout.id, as: member) == true
                }.map(\.node))
        }
    }

    /// The layouts in use, told apart by this.
    package var layoutsDigest: LayoutID { layouts.digest }

    /// Whether this node counts the files of a partition for the cluster. One of those who have them does: by
    /// the order of a layout's holders the first that is among the counters; where nobody is, the first
    /// holder that is reached.
    package mutating func counts(_ partition: Partition, among counters: [Set<NodeID>]) -> Bool {
        for index in counters.indices.prefix(layouts.count) {
            let first = layouts.holders(of: partition, in: index)
                .first { counters[index].contains($0.node) }
            if let first { return first.node == configuration.node }
        }
        let holders = layouts.holders(of: partition)
        guard let first = holders.first(where: { isReachable($0.node) }) else {
            // Before the first layout a node is alone with what it has.
            return holders.isEmpty
        }
        return first.node == configuration.node
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
