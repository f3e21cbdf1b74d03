package import Model

/// A pass of comparisons with all fellow holders, on an operator's word: with each until a comparison
/// finds nothing that differs.
///
/// ```
///   due ──▶ comparing ──nothing differs──▶ equal
///    ▲          │ something differs: exchanges
///    └──────────┘ (at most `ClusterLimits.repairRoundsMax` times, then `differs`)
///   a comparison that came to nothing is begun again, a few times: then `failed`; a node that is not
///   reached: `unreachable`
/// ```
package struct RepairPass: Equatable, Sendable {
    package enum Outcome: UInt8, Sendable, CaseIterable {
        /// It is being worked on.
        case underWay = 0
        /// Both have the same of what both hold.
        case equal = 1
        /// Something differed to the end: it changes all the time, or cannot be brought.
        case differs = 2
        case unreachable = 3
        /// The peer did not answer as it should.
        case failed = 4
    }

    package struct Peer: Equatable, Sendable {
        package let node: NodeID
        package internal(set) var outcome = Outcome.underWay
        /// Comparisons that came to an end.
        package internal(set) var comparisonCount: UInt32 = 0
        /// Partitions in which the first comparison found something that differs.
        package internal(set) var differingCount: UInt32 = 0
        /// What was brought over, both ways, contents included.
        package internal(set) var movedByteCount: UInt64 = 0
        /// Differences that the comparison under way found.
        var found: Set<Partition> = []
        var isComparing = false
        var failures = 0

        init(_ node: NodeID) { self.node = node }
    }

    /// Counts the passes of this life.
    package let number: UInt64
    package private(set) var peers: [Peer]

    init(number: UInt64, peers: [NodeID]) {
        self.number = number
        self.peers = peers.map(Peer.init)
    }

    package var isDone: Bool { peers.allSatisfy { $0.outcome != .underWay } }

    /// Those that are being worked on.
    var open: [NodeID] { peers.lazy.filter { $0.outcome == .underWay }.map(\.node) }

    func isComparing(_ node: NodeID) -> Bool {
        peers.first { $0.node == node }?.isComparing ?? false
    }

    private mutating func update(_ node: NodeID, _ change: (inout Peer) -> Void) {
        guard let index = peers.firstIndex(where: { $0.node == node }),
            peers[index].outcome == .underWay
        else { return }
        change(&peers[index])
    }

    mutating func began(with node: NodeID) {
        update(node) {
            $0.isComparing = true
            $0.found = []
        }
    }

    /// Differences that the comparison found, so far.
    mutating func found(_ partitions: Set<Partition>, with node: NodeID) {
        update(node) { if $0.isComparing { $0.found.formUnion(partitions) } }
    }

    mutating func finished(with node: NodeID) {
        update(node) { peer in
            guard peer.isComparing else { return }
            peer.isComparing = false
            peer.failures = 0
            peer.comparisonCount += 1
            if peer.comparisonCount == 1 {
                peer.differingCount = UInt32(clamping: peer.found.count)
            }
            if peer.found.isEmpty {
                peer.outcome = .equal
            } else if peer.comparisonCount >= ClusterLimits.repairRoundsMax {
                peer.outcome = .differs
            }
        }
    }

    mutating func failed(with node: NodeID) {
        update(node) { peer in
            peer.isComparing = false
            peer.failures += 1
            if peer.failures >= ClusterLimits.repairFailuresMax { peer.outcome = .failed }
        }
    }

    mutating func unreachable(_ node: NodeID) { update(node) { $0.outcome = .unreachable } }

    mutating func moved(_ byteCount: Int64, with node: NodeID) {
        update(node) { $0.movedByteCount += UInt64(clamping: byteCount) }
    }
}
