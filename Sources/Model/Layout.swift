/// The name of a layout: a fingerprint of what it says, so that two nodes that say the same
/// layout's name mean the same layout.
package struct LayoutID: Identifier {
    package let bits: Bits128
    package init(bits: Bits128) { self.bits = bits }
}

/// A node that stores files, with the disk that it stores them on. A wiped disk is a new disk: an
/// answer counts for a member only where it names this disk.
package struct LayoutMember: Hashable, Sendable {
    package var node: NodeID
    package var disk: DiskID
    /// The member's share of the partitions relative to the others, in GiB of disk; at least 1.
    package var weight: UInt32
    /// Where the member stands (a rack, a room); copies go to distinct zones first. Empty where
    /// nobody said.
    package var zone: String

    package init(node: NodeID, disk: DiskID, weight: UInt32, zone: String) {
        self.node = node
        self.disk = disk
        self.weight = max(1, weight)
        self.zone = zone
    }
}

/// Who stores, and how many copies of each file: what placement is computed from.
package struct Layout: Hashable, Sendable {
    package let id: LayoutID
    /// Sorted by node name (as bytes), one a node.
    package let members: [LayoutMember]
    package let replicationFactor: Int

    package static let replicationFactorRange = 1...255

    /// Members in one layout: each holder decision scores all of them once a partition.
    package static let memberCountMax = 10_000

    /// - Parameter members: one a node, any order.
    package init(id: LayoutID, members: [LayoutMember], replicationFactor: Int) {
        precondition(
            Layout.replicationFactorRange.contains(replicationFactor),
            "a replication factor of \(replicationFactor)")
        self.id = id
        self.members = members.sorted { $0.node < $1.node }
        self.replicationFactor = replicationFactor
    }

    package func member(_ node: NodeID) -> LayoutMember? {
        var low = 0
        var high = members.count
        while low < high {
            let middle = (low + high) / 2
            if members[middle].node < node { low = middle + 1 } else { high = middle }
        }
        return low < members.count && members[low].node == node ? members[low] : nil
    }
}
