package import Model

/// How a peer is, as far as one node knows.
package enum PeerState: UInt8, Sendable, CaseIterable {
    case alive = 0
    /// It missed a probe; it is still asked, and may refute.
    case suspect = 1
    case dead = 2
    /// It said goodbye.
    case left = 3

    package var name: String {
        switch self {
        case .alive: "alive"
        case .suspect: "suspect"
        case .dead: "dead"
        case .left: "left"
        }
    }
}

/// What is said of a peer. `incarnation` is its life in the high 32 bits, and in the low ones how
/// often it refuted in that life.
package struct PeerUpdate: Hashable, Sendable {
    package var node: NodeID
    package var disk: DiskID
    package var incarnation: UInt64
    package var state: PeerState
    /// Who missed it, for a suspicion: distinct ones confirm each other.
    package var witness: NodeID?

    package init(
        node: NodeID, disk: DiskID, incarnation: UInt64, state: PeerState,
        witness: NodeID? = nil
    ) {
        self.node = node
        self.disk = disk
        self.incarnation = incarnation
        self.state = state
        self.witness = witness
    }

    package var life: UInt64 { incarnation >> 32 }

    /// Whether this says more than (`incarnation`, `state`): a higher life always does; in the same
    /// life a goodbye beats all, then a higher incarnation does; in the same incarnation suspicion
    /// beats life, and death beats suspicion (SWIM, section 4.2). A total order, so that updates
    /// may come in any order and any number of times.
    package func supersedes(_ incarnation: UInt64, _ state: PeerState) -> Bool {
        if life != incarnation >> 32 { return life > incarnation >> 32 }
        if (self.state == .left) != (state == .left) { return self.state == .left }
        if self.incarnation != incarnation { return self.incarnation > incarnation }
        return self.state.rawValue > state.rawValue
    }

    /// Bytes of the encoding.
    package var byteCount: Int {
        4 + node.name.utf8.count + 16 + 8 + 1 + 4 + (witness?.name.utf8.count ?? 0)
    }

    /// What a table's sum has of this peer. A suspicion comes and goes, and the dead are
    /// forgotten by each node at its own time: tables that differ by these alone are not worth
    /// comparing, so the sum is over those that are there.
    var fingerprint: Fingerprint {
        guard state == .alive || state == .suspect else { return .zero }
        var mixer = Fingerprint.Mixer(seed: 0x7065_6572)
        for byte in node.name.utf8 { mixer.add(byte) }
        mixer.add(incarnation)
        return mixer.finish()
    }
}
