import CRDT
import Membership
import Model
import Replication

// Work without a client: settling, the outbox, and what time does to kept versions and tombstones.
extension ClusterNode {
    mutating func upkeepTick(_ turn: inout Turn) {
        let now = turn.now.monotonic
        if now >= upkeep.nextUpkeep {
            upkeep.nextUpkeep = now + ClusterLimits.upkeepInterval
            if upkeep.settleRounds > 0 {
                upkeep.settleRounds -= 1
                let before = upkeep.isSettledOnce ? now - ReplicationLimits.settleAfter : nil
                upkeep.isSettledOnce = true
                ask(
                    self: .settle(preparedBefore: before, after: upkeep.settledAfter),
                    .upkeep(.settled), &turn)
            }
        }
        outboxTick(&turn)
        lookForMoves(&turn)
        if now >= upkeep.nextAudit {
            auditNext(&turn)
            upkeep.nextAudit =
                now
                + (upkeep.auditDue.isEmpty
                    ? ClusterLimits.auditInterval : ClusterLimits.auditDueInterval)
        }
        scrubTick(&turn)
        if now >= upkeep.nextAge {
            upkeep.nextAge = now + ClusterLimits.ageInterval
            lookForAged(&turn)
        }
    }

    mutating func resumeUpkeep(_ step: UpkeepStep, _ answer: Answer, _ turn: inout Turn) {
        switch (step, answer) {
        case (.stateSaved, _): stateSaved(&turn)
        case (.declared(let layout), _): declarationSaved(layout, &turn)
        case (.sums, .replica(.partitions(let list))):
            // What changed since is not in the answer.
            guard upkeep.sumsAsked == sums.changeCount else { return askForSums(&turn) }
            sums.restore(list)
            upkeep.areSumsKnown = true
        case (.emptied, .replica(.partitions(let list))): emptied(list, &turn)
        case (.skipped, _): skipped()
        case (.epoch(let epoch), _): epochSaved(epoch, &turn)
        case (.parting, _): partingSaved(&turn)
        case (.departed, _): turn.directives.append(.notice(.mayStop))
        case (.settled, .replica(.unsettled(let keys, let prepared, let more))):
            if more { upkeep.settleRounds = max(1, upkeep.settleRounds) }
            // In turn: those whose holders are away hold up no others.
            let isFull = keys.count + prepared.count >= ReplicationLimits.settleCountMax
            upkeep.settledAfter = isFull ? (keys + prepared.map(\.key)).max() : nil
            settleBallots(keys, prepared, &turn)
            settlePrepared(prepared.filter { !keys.contains($0.key) }, &turn)
        case (.outbox, .replica(.outbox(let items))): publish(items, &turn)
        case (.moves, .replica(.moves(let rows))): finishMoves(rows, &turn)
        case (.audit, .replica(.audit(let files, let directories, let entries))):
            audit(files, directories, entries, &turn)
        case (.scrub, .replica(.scrubbed(let next, let damaged))):
            scrubbed(until: next, damaged, &turn)
        case (.quarantined(let versions), .replica(.done)): quarantined(versions, &turn)
        case (.aged, .replica(.aged(let registers, let next))):
            // In turn: those that wait for a holder that is away hold up no others.
            upkeep.agedAfter = next
            // An emptied trash goes as fast as it is told; the rest has time.
            if registers.count >= ClusterLimits.agedCountMax {
                upkeep.nextAge = min(
                    upkeep.nextAge, turn.now.monotonic + ClusterLimits.upkeepInterval)
            }
            age(registers, &turn)
        default: break
        }
    }

    mutating func askForSums(_ turn: inout Turn) {
        upkeep.sumsAsked = sums.changeCount
        ask(self: .partitions, .upkeep(.sums), &turn)
    }

    private mutating func settleBallots(
        _ keys: [RegisterKey], _ prepared: [PreparedVersions], _ turn: inout Turn
    ) {
        guard !keys.isEmpty, layouts.newest != nil else { return }
        upkeep.isUnsettled = true
        for key in keys where !clock.isInDoubt {
            let versions = prepared.first { $0.key == key }?.versions ?? []
            guard let id = beginOwn(key, versions, &turn) else { continue }
            settle(key, for: id, &turn)
        }
    }

    /// Versions that were prepared here long ago, and whose coordinator said nothing since: what the
    /// others know decides (`resolve`).
    private mutating func settlePrepared(_ list: [PreparedVersions], _ turn: inout Turn) {
        guard !list.isEmpty, layouts.newest != nil else { return }
        upkeep.isUnsettled = true
        for item in list {
            guard let id = beginOwn(item.key, item.versions, &turn) else { continue }
            startRead(
                item.key, readTargets(for: item.key.partition), for: id, looking: false, &turn)
        }
    }

    private mutating func beginOwn(
        _ key: RegisterKey, _ prepared: [RegisterVersion], _ turn: inout Turn
    ) -> UInt64? {
        guard !tasks.values.contains(where: { $0.origin == .own(key) }) else { return nil }
        let id = nextID()
        tasks[id] = ClientTask(
            origin: .own(key), request: .get(key.path, .checked), began: turn.now.monotonic,
            deadline: turn.now.monotonic + ClusterLimits.backgroundTimeout,
            stage: .due(at: .seconds(1 << 40)), prepared: prepared)
        return id
    }

    /// What was prepared here is committed, but where its operation took effect by another attempt
    /// that it does not know: committed now, it would bring back what was overwritten since.
    mutating func resolve(
        _ prepared: [RegisterVersion], of key: RegisterKey, knowing register: Register,
        _ turn: inout Turn
    ) {
        for version in prepared {
            let request: ReplicaRequest
            if register.hasApplied(version) {
                request = .withdraw(key, version.dot)
            } else if policy == .majority, let head = register.head, version.rank < head.rank {
                // Not even for a moment the newest here, where `head` may come later.
                let kept = KeptVersion(
                    version: version, since: head.version.time, isConflict: !head.covers(version))
                request = .merge(
                    key.partition, [KeyedRegister(key: key, register: Register(kept: [kept]))], [],
                    theirs: PartitionContext(), .holder)
            } else {
                request = .commit(key, version, listed: false)
            }
            ask(self: request, .nothing, &turn)
        }
    }

    private mutating func outboxTick(_ turn: inout Turn) {
        // Of those whose holders do not answer not all may hold up the others.
        if operations.values.count(where: { $0.row != nil }) < ClusterLimits.outboxCountMax {
            askForOutbox(&turn)
        }
    }

    /// Rows came into the outbox, or all that were worked on are done: people look at once for what they made or
    /// deleted. Many of them go together, since the next are taken when the last are done.
    mutating func outboxMoved(isNew: Bool, _ turn: inout Turn) {
        if isNew {
            upkeep.hasOutbox = true
            upkeep.nextOutbox = turn.now.monotonic
        }
        // As in `tick`: by layouts of which one may be missing nothing is said to others.
        guard isDiskTrusted, !isEstablished || gossip.isInformed,
            !operations.values.contains(where: { $0.row != nil })
        else { return }
        askForOutbox(&turn)
    }

    private mutating func askForOutbox(_ turn: inout Turn) {
        guard upkeep.hasOutbox, !upkeep.isOutboxAsked, turn.now.monotonic >= upkeep.nextOutbox,
            !configuration.canaries.contains(.forgetsEntries)
        else { return }
        upkeep.hasOutbox = false
        upkeep.isOutboxAsked = true
        // What fails is tried again after this; what comes new is not held up by it.
        upkeep.nextOutbox = turn.now.monotonic + ClusterLimits.upkeepInterval
        ask(
            self: .outbox(after: upkeep.publishedAfter, limit: ClusterLimits.outboxCountMax),
            .upkeep(.outbox), &turn)
    }

    private mutating func publish(_ items: [OutboxItem], _ turn: inout Turn) {
        upkeep.isOutboxAsked = false
        // In turn: those whose directory's holders are away hold up no others.
        let isFull = items.count == ClusterLimits.outboxCountMax
        if isFull || upkeep.publishedAfter != nil { upkeep.hasOutbox = true }
        if isFull { upkeep.nextOutbox = turn.now.monotonic }
        upkeep.publishedAfter = isFull ? items.last?.row : nil
        for item in items {
            if operations.values.contains(where: { $0.row == item.row }) {
                upkeep.hasOutbox = true
                continue
            }
            guard let entry = item.entry, layouts.newest != nil else {
                ask(self: .outboxDone([item]), .nothing, &turn)
                continue
            }
            if case .directory(let path) = item.row, entry.entry.directory?.exists == false {
                checkAbsence(of: path, item, &turn)
            } else {
                publish(entry, item, &turn)
            }
        }
    }

    // MARK: Age

    private mutating func lookForAged(_ turn: inout Turn) {
        // Nothing expires while clocks are in doubt, or while who holds what is changing.
        guard !clock.isInDoubt, layouts.count == 1, !sums.all.isEmpty else { return }
        func before(_ age: Duration) -> HybridTime {
            let milliseconds = UInt64(clamping: age.milliseconds)
            let wall = turn.now.wallMilliseconds
            return HybridTime(value: (wall > milliseconds ? wall - milliseconds : 0) << 16)
        }
        // Where nothing is to be kept, names are for a while: by them operations that are repeated are known.
        let retention =
            settings.versionRetention > .zero
            ? settings.versionRetention : ReplicationLimits.surplusAge
        let bounds = AgeBounds(
            keptBefore: before(
                configuration.canaries.contains(.dropsLosers) ? .zero : retention),
            surplusBefore: before(ReplicationLimits.surplusAge),
            keptCountMax: settings.versionsMax,
            losersMax: ReplicationLimits.losersMax,
            tombstonesBefore: before(settings.tombstoneRetention),
            emptiedUntil: settings.trashEmptiedUntil)
        ask(
            self: .aged(
                bounds, after: upkeep.agedAfter, limit: ClusterLimits.agedCountMax),
            .upkeep(.aged), &turn)
    }

    /// One holder decides for all: the first one that is there.
    private mutating func age(_ registers: [AgedRegister], _ turn: inout Turn) {
        for aged in registers {
            let targets = layouts.targets(for: aged.key.partition)
            let holders = targets.holders
            guard layouts.count == 1,
                holders.first(where: { isReachable($0.node) })?.node == configuration.node
            else { continue }
            if !aged.kept.isEmpty {
                for holder in holders { tell(holder.node, .expire(aged.key, aged.kept), &turn) }
            }
            if aged.isExpired, let id = beginOwn(aged.key, [], &turn) {
                let operation = OperationID(
                    wallMilliseconds: turn.now.wallMilliseconds, using: &turn.generator)
                change(aged.key, .expire, operation, targets, for: id, &turn)
            }
            if let dot = aged.tombstone, holders.allSatisfy({ isReachable($0.node) }) {
                upkeep.tombstones[aged.key] = TombstoneCheck(dot: dot, holders: holders)
                for holder in holders {
                    ask(
                        holder.node, .read(aged.key), layouts: layouts.digest,
                        timeout: ClusterLimits.backgroundTimeout,
                        .tombstone(aged.key, dot), &turn)
                }
            }
        }
    }

    /// A tombstone goes when every holder has it and their contexts stand for it (`TombstoneRule`).
    mutating func resumeTombstone(
        _ key: RegisterKey, _ dot: Dot, _ answer: Answer, by target: Target, _ turn: inout Turn
    ) {
        guard var check = upkeep.tombstones[key], check.dot == dot else { return }
        guard case .replica(.register(let register, let context, _)) = answer,
            let head = register.head, head.dot == dot, register.prepared.isEmpty,
            register.ballot?.accepted == nil, context.contains(dot),
            check.holders.contains(target)
        else {
            upkeep.tombstones[key] = nil
            return
        }
        if !check.confirmed.contains(where: { $0.target == target }) {
            check.confirmed.append(.init(target: target, context: context))
        }
        upkeep.tombstones[key] = check
        guard check.confirmed.count == check.holders.count else { return }
        upkeep.tombstones[key] = nil
        guard TombstoneRule.mayGo(head, check.confirmed) else { return }
        for holder in check.holders { tell(holder.node, .dropTombstone(key, dot), &turn) }
    }
}
