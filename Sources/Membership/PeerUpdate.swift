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

    /// Whether this says more than (`incarnation`, `state`): a higher incarnation always does; in
    /// the same one suspicion beats life, death beats suspicion, and a goodbye beats all.
    /// (SWIM, section 4.2.)
    package func supersedes(_ incarnation: UInt64, _ state: PeerState) -> Bool {
        if self.incarnation != incarnation { return self.incarnation > incarnation }
        return self.state.rawValue > state.rawValue
    }

    /// Bytes of the encoding.
    package var byteCount: Int {
        4 + node.name.utf8.count + 16 + 8 + 1 + 4 + (witness?.name.utf8.count ?? 0)
    }

    var fingerprint: Fingerprint {
        var mixer = Fingerprint.Mixer(seed: 0x7065_6572)
        for byte in node.name.utf8 { mixer.add(byte) }
        mixer.add(incarnation)
        // A suspicion comes and goes; tables that differ by it alone are not worth comparing.
        mixer.add(state == .suspect ? PeerState.alive.rawValue : state.rawValue)
        return mixer.finish()
    }
}
