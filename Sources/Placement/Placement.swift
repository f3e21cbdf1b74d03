package import Model

/// Who holds each partition under one layout: by weighted rendezvous hashing, distinct zones
/// first. So adding a node moves only what comes to it, and removing one moves only what it held.
///
/// Members are taken by score, one of each zone not yet used, then filled up by score; an empty
/// zone counts as the node's own. A partition is decided when it is first asked for, in O(members),
/// and remembered: a node touches few of the partitions of a large cluster. After a change of the
/// layout only the members that changed are scored (`CandidateTable`).
package struct Placement: Sendable {
    package let layout: Layout

    // Brought up to date with the first question: a node that learns of a hundred layouts while a
    // cluster grows asks most of them nothing.
    private var table: CandidateTable?
    private var isCurrent = false
    private var decided: [UInt16: PartitionOrder] = [:]

    package init(_ layout: Layout) { self.layout = layout }

    /// The same, faster where the two layouts have most of their members in common.
    package init(_ layout: Layout, after other: Placement) {
        self.layout = layout
        table = other.table
    }

    /// The holders of `partition` (RF of them, or all members if fewer), then up to RF hand-offs,
    /// chosen among the other members by the same rule.
    package mutating func order(of partition: Partition) -> PartitionOrder {
        if let known = decided[partition.number] { return known }
        // Taken out while it is changed, so that it is not copied.
        var table = self.table ?? CandidateTable(layout)
        self.table = nil
        if !isCurrent { table.update(to: layout) }
        isCurrent = true
        let order = table.order(of: partition)
        self.table = table
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

    /// Scores computed for this layout and those that it came after.
    var scoreCount: Int { table?.scoreCount ?? 0 }
}
