package import Model

/// Why the node itself cannot change the state.
package enum ChangeError: Error, Hashable, Sendable {
    /// The node's clock is wrong: another node must do it.
    case clockInDoubt
    /// A limit of `CRDTLimits` is reached.
    case full
    /// A key or value is outside its limits.
    case invalid
    /// Nothing may be set or published before the cluster is established.
    case notEstablished
}

// The events of the node itself. Each returns the entries that changed: empty where nothing did.
extension ClusterState {
    private func stamp(
        _ clock: inout HybridClock, wallMilliseconds: UInt64, above: Stamp?
    ) throws(ChangeError) -> Stamp {
        guard
            let time = clock.stamp(
                wallMilliseconds: wallMilliseconds, above: above?.time ?? .zero)
        else { throw .clockInDoubt }
        return Stamp(time: time, node: own)
    }

    private mutating func apply(_ entries: [StateEntry]) throws(ChangeError) -> Delta {
        var outcome = MergeOutcome()
        for entry in entries { merge(entry, isOwn: true, outcome: &outcome) }
        settle(&outcome)
        if outcome.refused > 0 { throw .full }
        return Delta(outcome.changed)
    }

    // MARK: Identity

    /// The first file or setting is about to be written: the cluster is made, if there is none,
    /// and the draft of its layout put to use.
    package mutating func establish(_ id: ClusterID) -> Delta {
        guard identity.establish(id) else { return Delta() }
        return Delta([.identity(identity)] + publishDraft().entries)
    }

    /// An operator's `join --merge`: this cluster becomes part of `id`, and its other nodes follow
    /// when they hear of it. Its settings go: those of the cluster that is joined count.
    package mutating func adopt(_ id: ClusterID) -> Delta {
        let isEstablished = identity.established != nil
        guard identity.adopt(id) else { return Delta() }
        if isEstablished { dropSettings() }
        return Delta([.identity(identity)])
    }

    mutating func dropSettings() {
        for setting in settings.all {
            sums.replace(setting.fingerprint, by: nil, of: .setting(setting.key))
        }
        settings = Settings()
    }

    // MARK: Settings

    package mutating func set(
        _ key: String, to value: String, clock: inout HybridClock, wallMilliseconds: UInt64
    ) throws(ChangeError) -> Delta {
        guard identity.established != nil else { throw .notEstablished }
        let old = settings.setting(for: key)
        if let old, old.value.utf8.elementsEqual(value.utf8) { return Delta() }
        let stamp = try stamp(&clock, wallMilliseconds: wallMilliseconds, above: old?.stamp)
        guard let setting = Setting(key: key, value: value, stamp: stamp) else { throw .invalid }
        return try apply([.setting(setting)])
    }

    // MARK: The own register

    /// A new life of the node: its register goes on above all that it wrote before.
    /// - Parameter atLeast: what the shell counted itself, where the state may have been lost.
    package mutating func start(incarnationAtLeast atLeast: UInt64 = 1) {
        let before = max(incarnation, register(of: own)?.incarnation ?? 0)
        incarnation = max(atLeast, before == .max ? before : before + 1)
    }

    /// Writes the node's own register where it differs. It tops whatever somebody else wrote
    /// under this node's name.
    package mutating func announce(_ facts: NodeFacts) throws(ChangeError) -> Delta {
        var sequence: UInt64 = 0
        if let old = register(of: own) {
            if old.incarnation > incarnation {
                start()
            } else if old.incarnation == incarnation {
                sequence = old.sequence
                if old == own(facts, sequence: sequence) { return Delta() }
                guard sequence < .max else { throw .full }
                sequence += 1
            }
        }
        return try apply([.register(own(facts, sequence: sequence))])
    }

    /// What the own register's `synced` is with `layout` added: words about layouts that are no
    /// longer active here are left out, so that the eight places go to those that still count.
    /// (For the disk that the register names; a new disk starts with none.)
    package func synced(adding layout: LayoutID) -> [LayoutID] {
        var facts = register(of: own)?.facts ?? NodeFacts(disk: DiskID(bits: layout.bits))
        facts.synced.removeAll { layouts.active($0) == nil }
        facts.declareSynced(layout)
        return facts.synced
    }

    private func own(_ facts: NodeFacts, sequence: UInt64) -> NodeRegister {
        NodeRegister(node: own, incarnation: incarnation, sequence: sequence, facts: facts)
    }

    // MARK: The draft of the layout

    /// Makes `member` part of the layout; also a member's new disk, weight or zone.
    package mutating func addMember(
        _ member: LayoutMember, clock: inout HybridClock, wallMilliseconds: UInt64
    ) throws(ChangeError) -> Delta {
        try write(
            .member(disk: member.disk, weight: member.weight, zone: member.zone),
            of: member.node, clock: &clock, wallMilliseconds: wallMilliseconds)
    }

    package mutating func replaceDisk(
        of node: NodeID, by disk: DiskID, clock: inout HybridClock, wallMilliseconds: UInt64
    ) throws(ChangeError) -> Delta {
        guard var member = layouts.draft.entry(of: node)?.member else { return Delta() }
        member.disk = disk
        return try addMember(member, clock: &clock, wallMilliseconds: wallMilliseconds)
    }

    package mutating func changeWeight(
        of node: NodeID, to weight: UInt32, clock: inout HybridClock, wallMilliseconds: UInt64
    ) throws(ChangeError) -> Delta {
        guard var member = layouts.draft.entry(of: node)?.member else { return Delta() }
        member.weight = max(1, weight)
        return try addMember(member, clock: &clock, wallMilliseconds: wallMilliseconds)
    }

    /// Takes a node out. Whether this node may is `OutRule`'s to say.
    /// - Parameter isGivenUp: an operator's word: what it alone has is waited for no more.
    package mutating func removeMember(
        _ node: NodeID, isGivenUp: Bool = false, clock: inout HybridClock, wallMilliseconds: UInt64
    ) throws(ChangeError) -> Delta {
        guard layouts.draft.entry(of: node)?.member != nil else { return Delta() }
        return try write(
            isGivenUp ? .givenUp : .out, of: node, clock: &clock, wallMilliseconds: wallMilliseconds
        )
    }

    package mutating func setReplicationFactor(
        _ value: UInt8, clock: inout HybridClock, wallMilliseconds: UInt64
    ) throws(ChangeError) -> Delta {
        guard identity.established != nil else { throw .notEstablished }
        guard value > 0 else { throw .invalid }
        let old = layouts.draft.replicationFactor
        if (old?.value ?? CRDTLimits.replicationFactorDefault) == value { return Delta() }
        let stamp = try stamp(&clock, wallMilliseconds: wallMilliseconds, above: old?.stamp)
        return try apply([.replicationFactor(ReplicationFactor(value: value, stamp: stamp))])
    }

    private mutating func write(
        _ state: LayoutEntry.State, of node: NodeID, clock: inout HybridClock,
        wallMilliseconds: UInt64
    ) throws(ChangeError) -> Delta {
        let old = layouts.draft.entry(of: node)
        if let old, LayoutEntry(node: node, state: state, stamp: old.stamp) == old {
            return Delta()
        }
        let stamp = try stamp(&clock, wallMilliseconds: wallMilliseconds, above: old?.stamp)
        return try apply([.member(LayoutEntry(node: node, state: state, stamp: stamp))])
    }

    // MARK: Layouts

    /// Puts the draft to use as an active layout. Empty where it is in use already.
    package mutating func publishLayout() throws(ChangeError) -> Delta {
        guard identity.established != nil else { throw .notEstablished }
        guard layouts.hasUnpublished else { return Delta() }
        guard layouts.hasRoom else { throw .full }
        return publishDraft()
    }

    private mutating func publishDraft() -> Delta {
        guard let published = layouts.publish() else { return Delta() }
        var outcome = MergeOutcome()
        var change = LayoutHistory.Change()
        change.isNews = true
        record(change, of: published, was: nil, outcome: &outcome)
        settle(&outcome)
        return Delta(outcome.changed)
    }
}
