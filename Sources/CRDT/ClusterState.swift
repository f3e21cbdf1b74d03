package import Model

/// The small replicated state of the cluster: who it is, its settings, one register a node, and the
/// layouts. A join-semilattice: states and deltas merge in any order and any number of times.
///
/// An *unestablished* state (nothing was ever stored or set) has neither settings nor published
/// layouts: there is nothing that it could override when it meets an established cluster.
///
/// Laws hold below the limits of `CRDTLimits`; an entry beyond one is refused and counted.
package struct ClusterState: Sendable {
    /// The node whose copy of the state this is.
    package let own: NodeID
    package internal(set) var identity: ClusterIdentity
    package internal(set) var settings = Settings()
    /// Sorted by node.
    package internal(set) var registers: [NodeRegister] = []
    package internal(set) var layouts = LayoutHistory()
    /// What the own register is written with; see `start`.
    var incarnation: UInt64 = 0
    var sums = BucketSums()
    /// The place of a member that was not synced as it was looked at last: a hint.
    var missingLast = 0

    package init(identity: ClusterIdentity, own: NodeID) {
        self.identity = identity
        self.own = own
    }

    /// The state from the rows that `.persist` wrote, in any order. Rows of retired layouts that
    /// were not removed yet do no harm.
    package init(restoring rows: Delta, name: String, own: NodeID) {
        self.init(identity: ClusterIdentity(name: name), own: own)
        for case .identity(let stored) in rows.entries
        where stored.name.utf8.elementsEqual(identity.name.utf8) {
            identity = stored
        }
        var outcome = MergeOutcome()
        for entry in rows.entries { merge(entry, isOwn: true, outcome: &outcome) }
        settle(&outcome)
        incarnation = register(of: own)?.incarnation ?? 0
    }

    /// One sum over all entries: equal on two nodes iff their entries are.
    package var digest: Fingerprint { sums.total }

    package func register(of node: NodeID) -> NodeRegister? {
        let index = registers.lowerBound { $0.node < node }
        return index < registers.count && registers[index].node == node ? registers[index] : nil
    }

    /// The current value of the entry, nil where there is none.
    package func entry(_ key: EntryKey) -> StateEntry? {
        switch key {
        case .setting(let key): settings.setting(for: key).map(StateEntry.setting)
        case .register(let node): register(of: node).map(StateEntry.register)
        case .member(let node): layouts.draft.entry(of: node).map(StateEntry.member)
        case .replicationFactor:
            layouts.draft.replicationFactor.map(StateEntry.replicationFactor)
        case .layout(let id):
            layouts.active(id).map { .layout($0.published, isComplete: $0.isComplete) }
        case .identity: .identity(identity)
        }
    }

    /// The entries in some parts of the state, in the order of kinds and keys. What is in none of
    /// them is not copied: most of a large state.
    func entries(in parts: BucketSet) -> [StateEntry] {
        var result: [StateEntry] = []
        func add(_ entry: StateEntry) { if parts.contains(entry.bucket) { result.append(entry) } }
        for setting in settings.all { add(.setting(setting)) }
        for register in registers where parts.contains(register.bucket) {
            result.append(.register(register))
        }
        for entry in layouts.draft.entries where parts.contains(entry.bucket) {
            result.append(.member(entry))
        }
        if let factor = layouts.draft.replicationFactor { add(.replicationFactor(factor)) }
        for active in layouts.active {
            add(.layout(active.published, isComplete: active.isComplete))
        }
        return result
    }

    /// All entries but the identity, in the order of kinds and keys.
    package var entries: [StateEntry] {
        settings.all.map(StateEntry.setting)
            + registers.map(StateEntry.register)
            + layouts.draft.entries.map(StateEntry.member)
            + (layouts.draft.replicationFactor.map { [.replicationFactor($0)] } ?? [])
            + layouts.active.map { .layout($0.published, isComplete: $0.isComplete) }
    }
}

extension ClusterState: Equatable {
    /// The replicated part: whose copy it is does not count.
    package static func == (a: ClusterState, b: ClusterState) -> Bool {
        a.identity == b.identity && a.settings == b.settings && a.registers == b.registers
            && a.layouts == b.layouts
    }
}

// The whole state in bytes, for a backup or a dump.
extension ClusterState {
    package static let version: UInt8 = 1

    package func encode(into writer: inout ByteWriter) {
        writer.write(ClusterState.version)
        identity.encode(into: &writer)
        Delta(entries).encode(into: &writer)
    }

    /// All of `bytes`; the copy belongs to `own`.
    package init(decoding bytes: RawSpan, own: NodeID) throws(DecodeError) {
        var reader = ByteReader(bytes)
        guard try reader.readUInt8() == ClusterState.version else { throw .invalid("version") }
        let identity = try ClusterIdentity(from: &reader)
        let delta = try Delta(from: &reader)
        try reader.finish()
        self.init(
            restoring: Delta(delta.entries + [.identity(identity)]), name: identity.name, own: own)
    }
}
