import CRDT
package import Model
import Replication

// Who has contents, for the shell that moves them.
extension ClusterNode {
    /// Nodes that may have what is stored in a partition: its holders in every layout in use, then
    /// those that stand in; without this node, those that answer first.
    package mutating func mayHold(_ partition: Partition) -> [NodeID] {
        let targets = layouts.readTargets(for: partition)
        let others = (targets.holders + targets.handOffs).map(\.node)
            .filter { $0 != configuration.node }
        return others.filter(isReachable) + others.filter { !isReachable($0) }
    }

    /// The nodes that will be asked to store a version in a partition, as things are: its holders
    /// that answer, and as many stand-ins as do not; without this node.
    package mutating func willHold(_ partition: Partition) -> [NodeID] {
        let targets = layouts.targets(for: partition)
        let holders = targets.holders.map(\.node)
        let missing = holders.count { !isReachable($0) }
        let standIns = targets.handOffs.map(\.node).filter(isReachable).prefix(missing)
        return (holders.filter(isReachable) + standIns).filter { $0 != configuration.node }
    }

    /// Whether this node holds the partition.
    package mutating func willStore(_ partition: Partition) -> Bool {
        layouts.targets(for: partition).isHolder(configuration.node)
    }

    /// Whether a node that is to store what is in `target` holds nothing of `source`.
    package mutating func hasOtherHolders(_ target: Partition, than source: Partition) -> Bool {
        let targets = layouts.targets(for: source)
        return layouts.targets(for: target).holders.contains { !targets.isHolder($0.node) }
    }

    /// Of how many other nodes' disks a write there needs a copy, as things are.
    package mutating func neededElsewhere(_ partition: Partition) -> Int {
        let targets = layouts.targets(for: partition)
        return max(0, targets.majority - (targets.isHolder(configuration.node) ? 1 : 0))
    }

    /// Whether this node's disk is all that there is to be asked about any path: it is the only
    /// member of the one layout in use, and its disk is known to be as it was left.
    package var isOnlyHolder: Bool {
        guard isRunning, isDiskTrusted, gossip.isInformed, layouts.count == 1,
            upkeep.departure == .none, let newest = layouts.newest, newest.members.count == 1
        else { return false }
        return newest.members[0].node == configuration.node && newest.members[0].disk == disk
    }

    package var diskID: DiskID { disk }

    /// Whether a life that was begun is durable: before, nothing is asked of the node.
    package var hasBegun: Bool { isRunning }
}
