package import Model

/// What one node has to fetch, keeps and no longer holds, between the layouts before and the
/// newest one.
///
/// What it fetches is in an order in which neighbours come from different sources, as far as there
/// are others, and each partition's sources are in the order in which to try them. The same plan
/// comes out on every run.
package struct MovePlan: Sendable {
    /// A partition that the node holds only in the newest layout, on this disk.
    package struct Gain: Hashable, Sendable {
        package var partition: Partition
        /// Who had it: the holders of the layouts before, the newest of these first, then the
        /// other holders of the newest. Never the asking node: its other disks are gone.
        package var sources: [LayoutMember]
    }

    /// In the order to fetch them.
    package private(set) var gained: [Gain] = []
    /// Held before and now, ascending.
    package private(set) var kept: [Partition] = []
    /// Held before and no longer, ascending: each copy goes when the `DropRule` says so.
    package private(set) var released: [Partition] = []

    private let node: NodeID
    private let disk: DiskID

    /// The plan over all partitions.
    ///
    /// - Parameter old: the layouts in use before the newest, oldest first. Without any the node
    ///   keeps what it holds: there is nobody to fetch from.
    package init(node: NodeID, disk: DiskID, old: [PlacementTable], new: PlacementTable) {
        self.node = node
        self.disk = disk
        for number in 0..<Partition.count {
            let partition = Partition(number: UInt16(number))
            let before = old.map { $0.holdingMembers(of: partition) }
            consider(partition, before, new.holdingMembers(of: partition))
        }
        spread()
    }

    /// The plan over `partitions` alone, for a node that knows which have anything in them.
    package init(
        node: NodeID, disk: DiskID, transition: inout Transition,
        partitions: some Sequence<Partition>
    ) {
        self.node = node
        self.disk = disk
        for partition in partitions {
            var layouts = transition.holdersPerLayout(of: partition)
            let newest = layouts.removeLast()
            consider(partition, layouts, newest)
        }
        spread()
    }

    private func isSelf(_ member: LayoutMember) -> Bool {
        member.node == node && member.disk == disk
    }

    private mutating func consider(
        _ partition: Partition, _ before: [[LayoutMember]], _ now: [LayoutMember]
    ) {
        let holds = now.contains(where: isSelf)
        let held = before.contains { $0.contains(where: isSelf) }
        switch (held, holds) {
        case (false, false): return
        case (true, false): released.append(partition)
        case (true, true): kept.append(partition)
        case (false, true):
            if before.isEmpty {
                kept.append(partition)
            } else {
                gained.append(
                    Gain(partition: partition, sources: sources(partition, before, now)))
            }
        }
    }

    private func sources(
        _ partition: Partition, _ before: [[LayoutMember]], _ now: [LayoutMember]
    ) -> [LayoutMember] {
        var result: [LayoutMember] = []
        for (age, holders) in (before.reversed() + [now]).enumerated() {
            // All holders of a layout are as good: which is first changes with the partition, and
            // from node to node.
            let others = holders.filter { $0.node != node }
            let mixed = Fingerprint.mix(Score.seed(of: node) &+ UInt64(partition.number))
            let turn = others.isEmpty ? 0 : Int(mixed % UInt64(others.count))
            for holder in others[turn...] + others[..<turn]
            where age == 0
                || !result.contains(where: { $0.node == holder.node && $0.disk == holder.disk })
            {
                result.append(holder)
            }
        }
        return result
    }

    /// Deals the gains out by their first source, one of each in turn.
    private mutating func spread() {
        var names = gained.compactMap(\.sources.first?.node)
        names.sort()
        var ranks: [NodeID: Int] = [:]
        for name in names where ranks[name] == nil { ranks[name] = ranks.count }
        // Nodes that fetch at the same time begin with different sources.
        let turn = ranks.isEmpty ? 0 : Int(Score.seed(of: node) % UInt64(ranks.count))
        var dealt = Array(repeating: 0, count: ranks.count + 1)
        var keys: [(round: Int, rank: Int, place: Int)] = []
        keys.reserveCapacity(gained.count)
        for (place, gain) in gained.enumerated() {
            // Those without a source come last in each round: they wait for other holders.
            let rank = gain.sources.first.flatMap { ranks[$0.node] }
                .map { ($0 + turn) % ranks.count }
            keys.append((dealt[rank ?? ranks.count], rank ?? ranks.count, place))
            dealt[rank ?? ranks.count] += 1
        }
        keys.sort { ($0.round, $0.rank, $0.place) < ($1.round, $1.rank, $1.place) }
        gained = keys.map { gained[$0.place] }
    }
}
