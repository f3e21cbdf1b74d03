package import Model

/// A node with the disk that counts for it.
package struct Target: Hashable, Sendable {
    package var node: NodeID
    package var disk: DiskID

    package init(node: NodeID, disk: DiskID) {
        self.node = node
        self.disk = disk
    }
}

/// Who is concerned with one partition: the holders in each layout in use (oldest first), and
/// those that stand in for them, in order.
package struct Targets: Sendable {
    package var layouts: [[Target]]
    package var handOffs: [Target]

    package init(layouts: [[Target]], handOffs: [Target]) {
        self.layouts = layouts
        self.handOffs = handOffs
    }

    /// The holders of any layout in use, the newest layout's first, each once.
    package var holders: [Target] {
        var result: [Target] = []
        for layout in layouts.reversed() {
            for target in layout where !result.contains(target) { result.append(target) }
        }
        return result
    }

    package func isHolder(_ node: NodeID) -> Bool {
        layouts.contains { $0.contains { $0.node == node } }
    }

    /// Whether those who pass can be a majority of the holders in each layout. Where they cannot,
    /// nobody is asked: what a few of them prepared would be of no use, and be settled by others.
    package func mayHaveMajority(where isReachable: (NodeID) -> Bool) -> Bool {
        !layouts.isEmpty
            && layouts.allSatisfy { holders in
                holders.count { isReachable($0.node) } > holders.count / 2
            }
    }

    /// Majority of the replication factor of the newest layout, as far as it has members.
    package var majority: Int { (layouts.last?.count ?? 1) / 2 + 1 }
}

/// Counts answers of distinct disks against the holders of every layout in use.
package struct Tally: Sendable {
    private let layouts: [[Target]]
    package private(set) var counted: [Target] = []

    package init(_ targets: Targets) { layouts = targets.layouts }

    /// - Returns: whether it counts: a disk that is in no layout is a copy all the same.
    package mutating func count(_ target: Target) {
        if !counted.contains(target) { counted.append(target) }
    }

    /// More than half of the holders in each layout. Reads and writes that both reach it share a
    /// disk, also while the layout changes.
    package var hasMajority: Bool {
        !layouts.isEmpty
            && layouts.allSatisfy { holders in
                var count = 0
                for holder in holders where counted.contains(holder) { count += 1 }
                return count > holders.count / 2
            }
    }
}

/// What a write needs before it is acknowledged (setting `write_policy`).
package enum WritePolicy: String, Sendable, CaseIterable {
    case available
    case majority
}

/// What a coordinator wants done.
package enum CoordinatorDirective: Sendable {
    /// Asks the disk of a node; the answer comes back with the number of the round.
    case ask(NodeID, ReplicaRequest, round: UInt32)
    /// The same, with nobody waiting for the answer.
    case tell(NodeID, ReplicaRequest)
}

/// What a coordinator is given with every event.
package struct CoordinatorTime: Sendable {
    package var now: Duration
    /// The hybrid clock's reading.
    package var stamp: HybridTime
    /// The wall clock, in milliseconds since 1970, by which locks expire: the hybrid clock may be
    /// ahead of it by what others stamped.
    package var wallMilliseconds: UInt64

    package init(now: Duration, stamp: HybridTime, wallMilliseconds: UInt64? = nil) {
        self.now = now
        self.stamp = stamp
        self.wallMilliseconds = wallMilliseconds ?? stamp.wallMilliseconds
    }
}
