package import Model

/// What merging changed.
package struct MergeOutcome: Hashable, Sendable {
    /// The entries as they are now: to be made durable, and spread.
    package var changed: [StateEntry] = []
    /// Layouts that are no longer active.
    package var retired: [LayoutID] = []
    /// Registers that show that two nodes use one id.
    package var duplicates: [NodeRegister] = []
    /// Entries beyond a limit.
    package var refused = 0
    /// Layouts that may be complete now.
    var candidates: [LayoutID] = []

    package init() {}
}

extension ClusterState {
    /// Merges entries of a peer of this cluster (the caller has compared identities).
    package mutating func merge(_ delta: Delta, outcome: inout MergeOutcome) {
        for entry in delta.entries { merge(entry, isOwn: false, outcome: &outcome) }
    }

    /// Joins another copy of the state, unless it is of a foreign cluster. Does not look for
    /// layouts that became complete; see `settle`.
    package mutating func join(
        _ other: ClusterState, outcome: inout MergeOutcome
    ) -> ClusterIdentity.Meeting {
        let before = identity.established
        let meeting = identity.meet(other.identity)
        guard meeting != .foreign else { return .foreign }
        if before != nil, identity.established != before { dropSettings() }
        let entries =
            isAbsorbed(other.identity) ? other.entries.filter { !$0.isSetting } : other.entries
        merge(Delta(entries), outcome: &outcome)
        return meeting
    }

    /// Whether `other` still goes by the id of a cluster that this one took in: its settings count
    /// no more.
    func isAbsorbed(_ other: ClusterIdentity) -> Bool {
        guard let theirs = other.established else { return false }
        return identity.established != theirs && identity.absorbed.contains(theirs)
    }

    /// Marks layouts that all their members declare synced, after registers or layouts changed.
    /// An event of its own, which only adds: the join of two states asks no register, so that it
    /// does not depend on the order in which a layout and its members' words arrive.
    package mutating func settle(_ outcome: inout MergeOutcome) {
        while let id = outcome.candidates.popLast() {
            guard let one = layouts.active(id), !one.isComplete, isSynced(one.layout),
                let change = layouts.complete(id)
            else { continue }
            record(change, of: one.published, was: one, outcome: &outcome)
        }
    }

    /// Whether every member's register declares the layout, with the disk that it names. Asked with
    /// each word of a member: who was missing last is looked at first.
    mutating func isSynced(_ layout: Layout) -> Bool {
        func isMissing(_ member: LayoutMember) -> Bool {
            register(of: member.node)?.declares(layout.id, as: member) != true
        }
        if missingLast < layout.members.count, isMissing(layout.members[missingLast]) {
            return false
        }
        guard let missing = layout.members.firstIndex(where: isMissing) else {
            return !layout.members.isEmpty
        }
        missingLast = missing
        return false
    }

    /// - Parameter isOwn: the entry comes from this node itself or its disk.
    mutating func merge(_ entry: StateEntry, isOwn: Bool, outcome: inout MergeOutcome) {
        switch entry {
        case .setting(let setting): merge(setting, outcome: &outcome)
        case .register(let register): merge(register, isOwn: isOwn, outcome: &outcome)
        case .member(let member):
            switch layouts.merge(member) {
            case .known: break
            case .full: outcome.refused += 1
            case .changed(let old): record(member, replacing: old, outcome: &outcome)
            }
        case .replicationFactor(let factor):
            let old = layouts.draft.replicationFactor
            if layouts.merge(factor) { record(factor, replacing: old, outcome: &outcome) }
        case .layout(let published, let isComplete):
            let old = layouts.active(published.id)
            if let old, old.isComplete || !isComplete { return }
            let factor = layouts.draft.replicationFactor
            let change = layouts.merge(published, isComplete: isComplete)
            if let new = change.replicationFactor {
                record(new, replacing: factor, outcome: &outcome)
            }
            record(change, of: published, was: old, outcome: &outcome)
        case .identity: break
        }
    }

    private mutating func merge(_ setting: Setting, outcome: inout MergeOutcome) {
        switch settings.merge(setting) {
        case .known: break
        case .full: outcome.refused += 1
        case .changed(let old):
            sums.replace(
                old?.fingerprint, by: setting.fingerprint, of: .setting(setting.key))
            outcome.changed.append(.setting(setting))
        }
    }

    private mutating func merge(
        _ register: NodeRegister, isOwn: Bool, outcome: inout MergeOutcome
    ) {
        let index = registers.lowerBound { $0.node < register.node }
        let old: NodeRegister? =
            index < registers.count && registers[index].node == register.node
            ? registers[index] : nil
        if let old, old == register { return }
        let wins = old.map { register.wins(over: $0) } ?? true
        let isForged = register.node == own && wins
        let isTwin = old.map { register.isSameVersion(as: $0) } ?? false
        if !isOwn, isForged || isTwin { outcome.duplicates.append(register) }
        guard wins else { return }
        if old == nil {
            guard registers.count < CRDTLimits.registerCountMax else {
                outcome.refused += 1
                return
            }
            registers.insert(register, at: index)
        } else {
            registers[index] = register
        }
        sums.replace(old?.fingerprint, by: register.fingerprint, in: register.bucket)
        outcome.changed.append(.register(register))
        let known = old?.disk == register.disk ? old?.synced ?? [] : []
        for id in register.synced where !known.contains(id) { outcome.candidates.append(id) }
    }

    private mutating func record(
        _ entry: LayoutEntry, replacing old: LayoutEntry?, outcome: inout MergeOutcome
    ) {
        sums.replace(old?.fingerprint, by: entry.fingerprint, in: entry.bucket)
        outcome.changed.append(.member(entry))
    }

    private mutating func record(
        _ factor: ReplicationFactor, replacing old: ReplicationFactor?,
        outcome: inout MergeOutcome
    ) {
        sums.replace(old?.fingerprint, by: factor.fingerprint, of: .replicationFactor)
        outcome.changed.append(.replicationFactor(factor))
    }

    /// Books what merging or completing `published` did to the history.
    mutating func record(
        _ change: LayoutHistory.Change, of published: PublishedLayout,
        was old: LayoutHistory.Active?, outcome: inout MergeOutcome
    ) {
        for entry in change.entries {
            record(entry.new, replacing: entry.old, outcome: &outcome)
        }
        for gone in change.retired {
            // The newcomer itself can be the one too many: it was never in the sum.
            if gone.id == published.id, old == nil { continue }
            let was = gone.id == published.id ? old ?? gone : gone
            sums.replace(
                was.published.fingerprint(isComplete: was.isComplete), by: nil,
                of: .layout(gone.id))
            outcome.retired.append(gone.id)
        }
        guard change.isNews, let now = layouts.active(published.id) else { return }
        sums.replace(
            old.map { published.fingerprint(isComplete: $0.isComplete) },
            by: published.fingerprint(isComplete: now.isComplete), of: .layout(published.id))
        outcome.changed.append(.layout(published, isComplete: now.isComplete))
        if !now.isComplete { outcome.candidates.append(published.id) }
    }
}
