import CRDT
import Model
import Placement
import Replication

/// The layouts in use with their placements: whom to ask about a partition.
struct LayoutView: Sendable {
    private(set) var digest = LayoutID(bits: Bits128(high: 0, low: 0))
    /// The newest is the last.
    private(set) var placements: [Placement] = []

    var count: Int { placements.count }
    var all: [Layout] { placements.map(\.layout) }
    var newest: Layout? { placements.last?.layout }

    /// - Returns: whether the layouts are others than before.
    mutating func update(_ history: LayoutHistory) -> Bool {
        guard history.activeDigest != digest else { return false }
        digest = history.activeDigest
        let latest = Set(history.latest.map(\.id))
        // By id within each part, so that every node has the same order.
        let ordered =
            history.active.filter { !latest.contains($0.id) }
            + history.active.filter { latest.contains($0.id) }
        let known = placements
        placements = ordered.map { active -> Placement in
            if let same = known.first(where: { $0.layout.id == active.id }) { return same }
            return known.last.map { Placement(active.layout, after: $0) }
                ?? Placement(active.layout)
        }
        return true
    }

    mutating func targets(for partition: Partition) -> Targets {
        var layouts: [[Target]] = []
        layouts.reserveCapacity(placements.count)
        for index in placements.indices {
            layouts.append(placements[index].holders(of: partition).map(Target.init))
        }
        guard let last = placements.indices.last else {
            return Targets(layouts: [], handOffs: [])
        }
        let handOffs = placements[last].handOffs(of: partition).map(Target.init)
            .filter { handOff in !layouts.contains { $0.contains(handOff) } }
        return Targets(layouts: layouts, handOffs: handOffs)
    }

    /// The same for reads: with those that stood in by an older layout in use, and may not have
    /// handed back yet what was written then.
    mutating func readTargets(for partition: Partition) -> Targets {
        var targets = targets(for: partition)
        for index in placements.indices.dropLast() {
            for handOff in placements[index].handOffs(of: partition).map(Target.init)
            where !targets.isHolder(handOff.node) && !targets.handOffs.contains(handOff) {
                targets.handOffs.append(handOff)
            }
        }
        return targets
    }

    mutating func holders(of partition: Partition, in index: Int) -> [LayoutMember] {
        placements[index].holders(of: partition)
    }

    /// The holders in the newest layout.
    mutating func holders(of partition: Partition) -> [LayoutMember] {
        guard let last = placements.indices.last else { return [] }
        return placements[last].holders(of: partition)
    }

    /// Whether `node` holds the partition in the newest layout.
    mutating func isHolder(_ node: NodeID, of partition: Partition) -> Bool {
        holders(of: partition).contains { $0.node == node }
    }

    /// Whether `node` holds the partition in any layout in use.
    mutating func isHolderInAny(_ node: NodeID, of partition: Partition) -> Bool {
        for index in placements.indices
        where placements[index].holders(of: partition).contains(where: { $0.node == node }) {
            return true
        }
        return false
    }

    /// Everybody who is a member of a layout in use, sorted.
    var members: [NodeID] {
        Set(placements.flatMap { $0.layout.members.map(\.node) }).sorted()
    }
}

extension Target {
    init(_ member: LayoutMember) { self.init(node: member.node, disk: member.disk) }
}
