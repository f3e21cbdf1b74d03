import Model

// What time does: prepared versions are found again, kept ones and tombstones go.
extension Replica {
    static func settle(
        preparedBefore limit: Duration?, after: RegisterKey?, _ tables: inout some ReplicaTables,
        _ now: Duration,
        _ outcome: inout ReplicaOutcome
    ) -> ReplicaReply {
        if limit == nil {
            for key in tables.unsettled(before: .seconds(Int64.max)) {
                tables.setUnsettled(nil, for: key)
                tables.setUnsettled(now, for: key)
            }
        }
        let preparedBefore = limit ?? now
        var inBallot: [RegisterKey] = []
        var prepared: [PreparedVersions] = []
        // A promise whose proposer has long given up binds nobody.
        let old = Set(
            tables.unsettled(before: preparedBefore - ReplicationLimits.promiseAge))
        for key in tables.unsettled(before: preparedBefore)
        where after.map({ $0 < key }) ?? true {
            if inBallot.count + prepared.count >= ReplicationLimits.settleCountMax { break }
            guard var register = tables.register(key) else {
                tables.setUnsettled(nil, for: key)
                continue
            }
            let partition = key.partition
            let oldState = tables.state(of: partition)
            if register.ballot?.accepted == nil, old.contains(key), register.mayForgetBallot {
                register.ballot = nil
                store(register, oldState.context, for: key, &tables)
            }
            if !register.prepared.isEmpty {
                prepared.append(PreparedVersions(key: key, versions: register.prepared))
            }
            if register.ballot?.accepted != nil { inBallot.append(key) }
            let state = tables.state(of: partition)
            if state.itemCount != oldState.itemCount || state.sum != oldState.sum {
                outcome.changes.append(
                    PartitionChange(
                        partition: partition, old: oldState.sum, new: state.sum,
                        itemCount: state.itemCount))
            }
        }
        return .unsettled(inBallot, prepared, more: !tables.unsettled(before: now).isEmpty)
    }

    static func expire(
        _ key: RegisterKey, _ dots: [Dot], _ tables: inout some ReplicaTables
    ) -> ReplicaReply {
        guard var register = tables.register(key) else { return .stale }
        register.kept.removeAll { dots.contains($0.dot) }
        store(register, tables.state(of: key.partition).context, for: key, &tables)
        return .done
    }

    static func purge(
        _ key: RegisterKey, _ dots: [Dot], _ tables: inout some ReplicaTables
    ) -> ReplicaReply {
        guard var register = tables.register(key) else { return .stale }
        for index in register.kept.indices where dots.contains(register.kept[index].dot) {
            register.kept[index].isPurged = true
        }
        store(register, tables.state(of: key.partition).context, for: key, &tables)
        return .done
    }

    static func dropTombstone(
        _ key: RegisterKey, _ dot: Dot, _ tables: inout some ReplicaTables, _ now: Duration,
        _ outcome: inout ReplicaOutcome
    ) -> ReplicaReply {
        guard var register = tables.register(key), let head = register.head,
            head.dot == dot, head.value.isDeleted
        else { return .stale }
        register.head = nil
        var context = tables.state(of: key.partition).context
        // What the deletion knew of may still be on a disk that holds the partition no more, and
        // may never have been here. Just these: a context of a path names the last write of each
        // disk, and the ones between belong to other paths.
        for known in head.version.context.entries { context.insert(known) }
        context.raiseFloor(to: head.version.time)
        store(register, context, for: key, &tables)
        if !register.isAtRest {
            tables.setUnsettled(now, for: key)
            outcome.isUnsettled = true
        }
        return .done
    }

    static func forget(
        _ partition: Partition, ifSum sum: Fingerprint, _ tables: inout some ReplicaTables,
        _ now: Duration
    ) -> ReplicaReply {
        let state = tables.state(of: partition)
        let (registers, _) = tables.contents(of: partition)
        // No sum tells of ballots: what was accepted after the holders' words began was handed to
        // nobody, and may be what a majority counted on.
        let old = Set(tables.unsettled(before: now - ReplicationLimits.handedBackAfter))
        let young = Set(tables.unsettled(before: .seconds(Int64.max))).subtracting(old)
        guard state.sum == sum,
            registers.allSatisfy(\.register.prepared.isEmpty),
            !registers.contains(where: {
                $0.register.ballot?.accepted != nil && young.contains($0.key)
            }),
            // The others have no good copy either: what is left of it stays.
            registers.allSatisfy(\.register.damaged.isEmpty),
            // Who has the registers now took them for listed.
            !tables.outbox(after: nil, limit: .max).contains(where: {
                Partition(of: $0.path) == partition
            })
        else { return .stale }
        tables.sequenceFloor = max(
            tables.sequenceFloor, state.counter, state.context.highestSequence(of: tables.disk))
        tables.forget(partition)
        return .done
    }

    static func aged(
        _ bounds: AgeBounds, after: Partition?, limit: Int, _ tables: some ReplicaTables
    ) -> ReplicaReply {
        var found: [AgedRegister] = []
        var walked = 0
        for partition in tables.partitions where after.map({ $0 < partition }) ?? true {
            let registers = tables.agingRegisters(of: partition)
            for item in registers {
                let kept = item.register.aged(bounds)
                let head = item.register.head
                let tombstone = head.flatMap { head in
                    head.value.isDeleted && head.version.time < bounds.tombstonesBefore
                        ? head.dot : nil
                }
                let isExpired = head?.value.isExpired(at: bounds.tombstonesBefore) ?? false
                guard !kept.isEmpty || tombstone != nil || isExpired else { continue }
                found.append(
                    AgedRegister(
                        key: item.key, kept: kept, tombstone: tombstone, isExpired: isExpired))
                if found.count >= limit { return .aged(found, next: partition) }
            }
            walked += 1 + registers.count
            if walked >= ReplicationLimits.agedWalkMax { return .aged(found, next: partition) }
        }
        return .aged(found, next: nil)
    }
}

extension Register {
    /// Nothing is left to be settled, nor a ballot to be forgotten with time, of which there is
    /// nothing else.
    var isAtRest: Bool {
        guard prepared.isEmpty, let ballot else { return prepared.isEmpty }
        return ballot.isDone && (head != nil || !kept.isEmpty)
    }

    /// The kept versions that may go: those of age, and the oldest of a surplus.
    fileprivate func aged(_ bounds: AgeBounds) -> [Dot] {
        let isGone = head?.value.facts == nil
        func isOld(_ version: KeptVersion) -> Bool {
            if version.since < bounds.keptBefore { return true }
            guard version.since < bounds.surplusBefore else { return false }
            return isGone && version.since <= bounds.emptiedUntil
        }
        let old = kept.filter(isOld).map(\.dot)
        let rest = kept.filter { !isOld($0) }
        return old
            + Self.surplus(of: rest.filter(\.canComeBack), above: bounds.keptCountMax, bounds)
            + Self.surplus(
                of: rest.filter { !$0.isConflict && !$0.canComeBack },
                above: ReplicationLimits.keptNamesMax, bounds)
            + Self.surplus(of: rest.filter(\.isConflict), above: bounds.losersMax, bounds)
    }

    private static func surplus(
        of versions: [KeptVersion], above limit: Int, _ bounds: AgeBounds
    ) -> [Dot] {
        guard versions.count > limit else { return [] }
        return versions.sorted { $0.version.rank < $1.version.rank }
            .prefix(versions.count - limit)
            .filter { $0.since < bounds.surplusBefore }.map(\.dot)
    }

    /// What was settled is remembered for as long as there is anything of the register: a disk may
    /// come back after days with a version that a lower ballot accepted.
    fileprivate var mayForgetBallot: Bool {
        ballot?.settled == nil || (head == nil && kept.isEmpty && prepared.isEmpty)
    }
}
