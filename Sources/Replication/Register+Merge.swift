package import Model

extension Register {
    /// Takes in a committed version: becomes the head, or is kept, or was known already.
    ///
    /// - Parameters:
    ///   - context: the partition's, which the version's dot joins.
    ///   - wasNewest: whether it is, or was, the newest version of another disk.
    package mutating func commit(
        _ version: RegisterVersion, in context: inout PartitionContext, wasNewest: Bool = false
    ) {
        prepared.removeAll { $0.dot == version.dot }
        clearAccepted(coveredBy: version)
        guard !context.contains(version.dot) else {
            if wasNewest { noteEffect(of: version.dot) }
            return
        }
        context.insert(version.dot)
        dropEarlierAttempts(than: version, in: &context)
        guard let old = head else {
            head = version
            return
        }
        if old.rank < version.rank {
            head = version
            supersede(old, by: version, tookEffect: true)
        } else {
            supersede(version, by: old, tookEffect: wasNewest)
        }
    }

    private mutating func noteEffect(of dot: Dot) {
        guard let index = kept.firstIndex(where: { $0.dot == dot && $0.isConflict }) else { return }
        kept[index].tookEffect = true
    }

    /// Joins what another disk knows of the same register, both with their partition's context:
    /// a version that only one side has is new to the other, unless the other's context has it;
    /// then it was removed there, and goes here too. What is prepared there stays that disk's own
    /// matter, which it settles itself.
    ///
    /// - Parameters:
    ///   - mine: this disk's context, which the dots taken in join.
    ///   - theirs: the other disk's context at the time that it read `other`; empty where only
    ///     additions are to be merged.
    package mutating func merge(
        _ other: Register, mine: inout PartitionContext, theirs: PartitionContext
    ) {
        let before = self
        removeWhatWentThere(other, theirs: theirs)
        for version in other.kept where !contains(version.dot) {
            guard !mine.contains(version.dot) else { continue }
            mine.insert(version.dot)
            insertKept(version)
        }
        for version in other.kept { noteKept(version, in: &mine) }
        if let head = other.head { commit(head, in: &mine, wasNewest: true) }
        noteDamaged(joining: other, into: before)
    }

    /// What several disks know together, as a reader takes it: the newest version, also where it is
    /// merely prepared, since it may have been acknowledged.
    package static func joined(
        _ parts: [(register: Register, context: PartitionContext)]
    ) -> (register: Register, context: PartitionContext) {
        var committed = Register()
        var context = PartitionContext()
        for part in parts {
            committed.merge(part.register, mine: &context, theirs: part.context)
            context.formUnion(part.context)
        }
        var all = committed
        var prepared: Set<Dot> = []
        for version in parts.flatMap(\.register.prepared)
        where !context.contains(version.dot) && !committed.hasApplied(version) {
            prepared.insert(version.dot)
            all.commit(version, in: &context)
        }
        // That is this reader's order, and nobody was told.
        for index in all.kept.indices where prepared.contains(all.kept[index].dot) {
            all.kept[index].tookEffect = false
        }
        return (all, context)
    }

    /// Whether the operation of `version`, which is merely prepared, took effect by another attempt
    /// that `version` does not know: another coordinator was asked when the first one did not
    /// answer. The late one must not bring back what was overwritten since.
    package func hasApplied(_ version: RegisterVersion) -> Bool {
        guard let applied = committedVersion(of: version.operation), applied.dot != version.dot
        else { return false }
        return !version.covers(applied) || isOvertaken(applied, before: version)
    }

    /// Whether something that took effect came after `attempt` and before `version`, two attempts
    /// at one operation: then the operation's time is that of `attempt`.
    func isOvertaken(_ attempt: RegisterVersion, before version: RegisterVersion) -> Bool {
        let others = (head.map { [$0] } ?? []) + kept.filter { !$0.isLost }.map(\.version)
        if others.contains(where: { $0.comesAfter(attempt, before: version) }) { return true }
        // Or was written beside it, and ranks between: what a reader was told before is not told again.
        guard kept.contains(where: { $0.dot == attempt.dot && $0.tookEffect }) else { return false }
        return others.contains {
            $0.operation != version.operation && attempt.rank < $0.rank && $0.rank < version.rank
        }
    }

    /// Whether a ballot may have decided on something that ranks above `version` and did not know it.
    /// Then nobody was told `version` before: of a holder that took it as the newest first, and of a
    /// majority of such, the ballot would have heard. That one disk had it as the newest says nothing,
    /// for a reader brings it to one after the other. So it counts for nothing here, neither as read nor
    /// as written; and as what stands above it may be no ballot's, it is not done again either.
    func mayBeDecided(over version: RegisterVersion) -> Bool {
        guard let ballot else { return false }
        return [head, ballot.accepted?.version].contains { other in
            guard let other, other.dot != version.dot else { return false }
            return version.rank < other.rank && !other.covers(version)
        }
    }

    /// Prepared versions of a disk that hands the partition over: one of them may be what an
    /// acknowledgement counted on, so they are prepared here too.
    package mutating func takePrepared(of other: Register, in context: PartitionContext) {
        for version in other.prepared
        where !contains(version.dot) && !context.contains(version.dot) {
            prepared.append(version)
        }
    }

    /// The ballots that another holder knows: for a holder that takes a partition over, so that
    /// what was accepted by a majority of the old holders is found among the new ones.
    package mutating func mergeBallot(_ other: BallotSlot?, in context: PartitionContext) {
        guard var other else { return }
        // What was committed here is settled, also where it is gone by now.
        if let accepted = other.accepted, context.contains(accepted.version.dot) {
            other.accepted = nil
        }
        guard var slot = ballot else {
            ballot = other
            return
        }
        slot.promised = max(slot.promised, other.promised)
        if let settled = other.settled { slot.settle(settled) }
        if let theirs = other.accepted,
            slot.accepted.map({ $0.ballot < theirs.ballot }) ?? true
        {
            slot.accepted = theirs
        }
        ballot = slot
    }

    private mutating func removeWhatWentThere(_ other: Register, theirs: PartitionContext) {
        func went(_ dot: Dot) -> Bool { theirs.contains(dot) && !other.contains(dot) }
        if let dot = head?.dot, went(dot) { head = nil }
        kept.removeAll { went($0.dot) }
        prepared.removeAll { went($0.dot) }
        if let accepted = ballot?.accepted, went(accepted.version.dot) { ballot?.accepted = nil }
    }

    /// The other side keeps a version that may still be the head or prepared here: it was
    /// superseded there, and the superseding version may be gone by now.
    private mutating func noteKept(
        _ theirs: KeptVersion, in mine: inout PartitionContext
    ) {
        if let index = kept.firstIndex(where: { $0.dot == theirs.dot }) {
            kept[index].join(theirs)
        } else if head?.dot == theirs.dot {
            head = nil
            insertKept(theirs)
            noteEffect(of: theirs.dot)
        } else if prepared.contains(where: { $0.dot == theirs.dot }) {
            prepared.removeAll { $0.dot == theirs.dot }
            mine.insert(theirs.dot)
            insertKept(theirs)
        }
    }

    private mutating func supersede(
        _ old: RegisterVersion, by winner: RegisterVersion, tookEffect: Bool
    ) {
        // The same operation, assigned twice (a holder knew more than the first assigner).
        if old.operation == winner.operation { return }
        // Marks carry nothing that could be lost.
        if old.value.isMark { return }
        // Nor do locks that somebody who knew them let go. Those that lost a conflict are kept, since
        // they must not be acknowledged (`lost`).
        if winner.covers(old), old.value.isLocks || winner.value.isLocks { return }
        // Where the properties alone changed, nobody wants it back: its content is there.
        let isSameContent = old.value.isContent(of: winner.value)
        insertKept(
            KeptVersion(
                version: old, since: winner.version.time, isConflict: !winner.covers(old),
                tookEffect: tookEffect, isPurged: isSameContent))
    }

    private mutating func insertKept(_ version: KeptVersion) {
        let index =
            kept.firstIndex { !($0.dot < version.dot) } ?? kept.endIndex
        if index < kept.endIndex, kept[index].dot == version.dot { return }
        kept.insert(version, at: index)
    }

    /// Earlier attempts of the same operation will not come: their dots are spent. Later ones stay:
    /// were each to spend the other on some disk, the contexts would remove both everywhere.
    private mutating func dropEarlierAttempts(
        than version: RegisterVersion, in context: inout PartitionContext
    ) {
        func isEarlier(_ other: RegisterVersion) -> Bool {
            other.operation == version.operation && other.rank < version.rank
        }
        for other in prepared where isEarlier(other) { context.insert(other.dot) }
        prepared.removeAll(where: isEarlier)
    }

    /// An accepted version that a committed one knew of is settled.
    private mutating func clearAccepted(coveredBy version: RegisterVersion) {
        guard let accepted = ballot?.accepted else { return }
        // How many had promised the ballot is not known here: what others accepted under lower ones
        // is not done with.
        if accepted.version.dot == version.dot || version.covers(accepted.version) {
            ballot?.accepted = nil
        }
    }
}

extension RegisterValue {
    fileprivate func isContent(of other: RegisterValue) -> Bool {
        guard let facts, let others = other.facts else { return false }
        return facts.object == others.object
    }
}

extension Dot {
    package static func < (a: Dot, b: Dot) -> Bool {
        a.disk != b.disk ? a.disk < b.disk : a.sequence < b.sequence
    }
}
