package import Model

/// The layouts in use side by side, oldest first: the newest, and those before it that some
/// partition still needs because its new holders have not declared it synced.
///
/// Writes go to the holders of all of them and reads ask all of them, so that a quorum of either
/// sees what a quorum of the other wrote.
package struct Transition: Sendable {
    private var placements: [Placement]

    /// - Parameter layouts: oldest first, at least one; `PlacementLimits.activeLayoutCountMax` of
    ///   them is what the cluster's state allows.
    package init(_ layouts: [Layout]) {
        precondition(!layouts.isEmpty, "no layout")
        placements = layouts.map { Placement($0) }
    }

    package var layouts: [Layout] { placements.map(\.layout) }

    package var newest: Layout { placements[placements.count - 1].layout }

    package var layoutCount: Int { placements.count }

    /// Whether another layout may be adopted before an old one is given up.
    package var hasRoom: Bool { placements.count < PlacementLimits.activeLayoutCountMax }

    /// Goes over to these layouts; what was decided under those that stay is kept.
    package mutating func adopt(_ layouts: [Layout]) {
        precondition(!layouts.isEmpty, "no layout")
        placements = layouts.map { layout in
            placements.first { $0.layout == layout } ?? Placement(layout)
        }
    }

    /// The holders in the newest layout, best first.
    package mutating func holders(of partition: Partition) -> [LayoutMember] {
        placements[placements.count - 1].holders(of: partition)
    }

    /// The hand-offs in the newest layout, best first.
    package mutating func handOffs(of partition: Partition) -> [LayoutMember] {
        placements[placements.count - 1].handOffs(of: partition)
    }

    /// The holders in each layout, oldest layout first.
    package mutating func holdersPerLayout(of partition: Partition) -> [[LayoutMember]] {
        var result: [[LayoutMember]] = []
        result.reserveCapacity(placements.count)
        for index in placements.indices {
            result.append(placements[index].holders(of: partition))
        }
        return result
    }

    /// Who gets a write and is asked by a read: the holders in any layout, the newest layout's
    /// first. A node that changed its disk between layouts is here once for each disk.
    package mutating func allHolders(of partition: Partition) -> [LayoutMember] {
        var result = holders(of: partition)
        for index in placements.indices.dropLast().reversed() {
            for member in placements[index].holders(of: partition)
            where !result.contains(where: { $0.node == member.node && $0.disk == member.disk }) {
                result.append(member)
            }
        }
        return result
    }

    /// Whether `node` is a holder on this disk in any layout.
    package mutating func isHolder(_ node: NodeID, disk: DiskID, of partition: Partition) -> Bool {
        for index in placements.indices
        where placements[index].isHolder(node, disk: disk, of: partition) {
            return true
        }
        return false
    }

    /// An empty count for one operation on `partition`.
    package mutating func quorum(of partition: Partition) -> QuorumCount {
        QuorumCount(holdersPerLayout: holdersPerLayout(of: partition))
    }
}
