import Model

// Making versions and taking them in.
extension Replica {
    static func assign(
        _ assignment: Assignment, _ tables: inout some ReplicaTables, _ now: Duration,
        _ outcome: inout ReplicaOutcome
    ) -> ReplicaReply {
        let key = assignment.key
        var register = tables.register(key) ?? Register()
        let context = tables.state(of: key.partition).context
        if let earlier = register.version(of: assignment.operation) {
            guard register.isOnlyPrepared(earlier) else { return .alreadyApplied(earlier) }
            let floor = tables.state(of: key.partition).context.floor
            if assignment.isMet(by: earlier), !register.damaged.contains(earlier.dot),
                refusal(of: earlier, by: register, floor, exactly: false) == nil
            {
                return .assigned(
                    earlier, replacing: register.isReplaced(before: earlier))
            }
        }
        if tables.isFull, assignment.value.takesSpace { return .full }
        let isReplacing = register.isReplaced(before: nil)
        let version = makeVersion(assignment, register, &tables)
        // An earlier attempt, which covers less than some holder knows, stays beside this one until
        // this one is committed: it may be what another coordinator counted on.
        register.prepared.append(version)
        store(register, context, for: key, &tables)
        tables.setUnsettled(now, for: key)
        outcome.isUnsettled = true
        return .assigned(version, replacing: isReplacing)
    }

    /// The own disk accepts what it mints at once: its next version, which names all before it in
    /// its context, then knows this one.
    static func mint(
        _ assignment: Assignment, _ ballot: Ballot, _ tables: inout some ReplicaTables,
        _ now: Duration, _ outcome: inout ReplicaOutcome
    ) -> ReplicaReply {
        let key = assignment.key
        var register = tables.register(key) ?? Register()
        if let promised = register.ballot?.promised, promised > ballot {
            return .ballotTooLow(promised)
        }
        if !assignment.isRenewal, let earlier = register.version(of: assignment.operation) {
            return .alreadyApplied(earlier)
        }
        // What came here since the condition was judged: the new version would name it in its
        // context, by this disk's own sequence alone, and nobody would notice that it was not judged.
        let versions = register.prepared + (register.head.map { [$0] } ?? [])
        guard versions.allSatisfy({ assignment.cover.contains($0.dot) }) else {
            return .refused(context: register.knownContext, above: register.latestTime)
        }
        if tables.isFull, assignment.value.takesSpace { return .full }
        let version = makeVersion(assignment, register, &tables)
        register.ballot = BallotSlot(
            promised: ballot, accepted: .init(ballot: ballot, version: version),
            settled: register.ballot?.settled)
        store(register, tables.state(of: key.partition).context, for: key, &tables)
        tables.setUnsettled(now, for: key)
        outcome.isUnsettled = true
        return .assigned(version, replacing: register.isLive)
    }

    /// The next version of the register: above all that is known of it here or said in the
    /// assignment, under a dot that this disk never gave out before.
    private static func makeVersion(
        _ assignment: Assignment, _ register: Register, _ tables: inout some ReplicaTables
    ) -> RegisterVersion {
        let partition = assignment.key.partition
        var state = tables.state(of: partition)
        let used = max(
            state.counter, tables.sequenceFloor, state.context.highestSequence(of: tables.disk))
        // Sequences and clocks of peers were checked when they were decoded to be far from the end.
        state.counter = used &+ 1
        tables.setState(state, of: partition)

        let dot = Dot(disk: tables.disk, sequence: state.counter)
        var context = register.knownContext
        context.merge(assignment.cover)
        context.insert(dot)
        let dropped = register.head == nil ? state.context.floor : .zero
        let floor = max(register.latestTime, assignment.above, dropped)
        let time = max(assignment.time, HybridTime(value: floor.value &+ 1))
        return RegisterVersion(
            version: Version(dot: dot, time: time, context: context),
            value: assignment.value.continuing(
                register.continued(by: assignment), at: time
            ).stamped(time),
            operation: assignment.operation)
    }

    static func prepare(
        _ key: RegisterKey, _ version: RegisterVersion, _ attempts: [RegisterVersion],
        _ tables: inout some ReplicaTables, _ now: Duration, _ outcome: inout ReplicaOutcome
    ) -> ReplicaReply {
        var register = tables.register(key) ?? Register()
        let context = tables.state(of: key.partition).context
        let floor = context.floor
        if context.contains(version.dot) {
            if register.lost(version.dot) {
                return .refused(
                    context: register.knownContext, above: max(register.latestTime, floor))
            }
            if register.damaged.contains(version.dot) { return .damaged }
            // A reader brought it here: whether in time, all have to say together.
            return register.mayBeDecided(over: version) ? .alreadyApplied(version) : .prepared
        }
        if register.contains(version.dot) {
            if register.damaged.contains(version.dot) { return .damaged }
            // It came here by a take-over: something else may have become the newest meanwhile.
            return refusal(of: version, by: register, floor, exactly: false) ?? .prepared
        }
        if let earlier = register.version(of: version.operation) {
            guard register.isOnlyPrepared(earlier) else { return .alreadyApplied(earlier) }
            // An older attempt that comes late is worth nothing beside the newer one.
            if version.rank < earlier.rank { return .prepared }
            register.prepared.removeAll { $0.dot == earlier.dot }
        }
        for attempt in attempts {
            // With what came after that attempt, this version would bring the operation back.
            if register.isOvertaken(attempt, before: version) { return .alreadyApplied(attempt) }
            // Whether that took effect is open: so is this.
            if register.prepared.contains(where: { $0.comesAfter(attempt, before: version) }) {
                return .stale
            }
        }
        if let refusal = refusal(of: version, by: register, floor, exactly: false) {
            return refusal
        }
        if tables.isFull, version.value.takesSpace { return .full }
        register.prepared.append(version)
        store(register, context, for: key, &tables)
        tables.setUnsettled(now, for: key)
        outcome.isUnsettled = true
        return .prepared
    }

    /// Why a version may not stand beside what is here: an acknowledged version that it does not
    /// know might rank above it, and a read after its acknowledgement would miss it.
    ///
    /// - Parameter exactly: for the version of a ballot, which must know all that it replaces. Else
    ///   a version that another coordinator is preparing at the same time may stay unknown, as long
    ///   as it ranks below: then it is as if it had come before.
    static func refusal(
        of version: RegisterVersion, by register: Register, _ floor: HybridTime, exactly: Bool
    ) -> ReplicaReply? {
        // A context says which sequences of a disk were known, up to the highest: it also names
        // versions that the disk had forgotten or never stored, so the rank is compared as well.
        var isCovered =
            register.head.map { version.covers($0) && $0.rank < version.rank } ?? true
        for other in register.prepared {
            // What ranks below the newest, which `version` knows, came before that.
            let isPast = register.head.map { other.rank < $0.rank } ?? false
            if version.rank < other.rank || (exactly && !isPast && !version.covers(other)) {
                isCovered = false
            }
        }
        if let accepted = register.ballot?.accepted?.version, accepted.dot != version.dot,
            !exactly, version.rank < accepted.rank
        {
            isCovered = false
        }
        if register.head == nil, version.version.time <= floor { isCovered = false }
        if isCovered { return nil }
        let newest = register.newest
        let isDescribed = newest?.value.properties.isEmpty == false
        return .refused(
            context: register.knownContext, above: max(register.latestTime, floor),
            newest: isDescribed ? newest : nil)
    }

    static func commit(
        _ key: RegisterKey, _ version: RegisterVersion, listed: Bool, settled: Ballot?,
        _ tables: inout some ReplicaTables, _ outcome: inout ReplicaOutcome
    ) -> ReplicaReply {
        var register = tables.register(key) ?? Register()
        var context = tables.state(of: key.partition).context
        let before = register
        register.commit(version, in: &context)
        if let settled {
            if register.ballot == nil { register.ballot = BallotSlot(promised: settled) }
            register.ballot?.settle(settled)
        }
        store(register, context, for: key, &tables)
        note(before, register, of: key, listed: listed, &tables, &outcome)
        if register.damaged.contains(version.dot) { return .damaged }
        return register.mayBeDecided(over: version) ? .stale : .committed
    }

    /// A reader returns what so many disks have as the newest that no writer's majority misses them all:
    /// whoever tries the operation again is told by one that it is done (`prepare`), or the reader by one
    /// that it goes on.
    static func writeBack(
        _ key: RegisterKey, _ version: RegisterVersion, _ tables: inout some ReplicaTables,
        _ outcome: inout ReplicaOutcome
    ) -> ReplicaReply {
        let register = tables.register(key) ?? Register()
        if register.mayBeDecided(over: version) { return .stale }
        guard !tables.state(of: key.partition).context.contains(version.dot) else {
            return register.lost(version.dot)
                ? .stale : register.damaged.contains(version.dot) ? .damaged : .committed
        }
        let isOvertaken = register.prepared.contains {
            $0.operation == version.operation && version.rank < $0.rank
        }
        if isOvertaken || !version.ranksAbove(register.head) { return .stale }
        return commit(key, version, listed: false, settled: nil, &tables, &outcome)
    }

    /// Only where it is still prepared. Its dot is not spent: two coordinators of one operation that
    /// each took the other's version for the one applied would remove both everywhere.
    static func withdraw(
        _ key: RegisterKey, _ dot: Dot, _ tables: inout some ReplicaTables
    ) -> ReplicaReply {
        guard var register = tables.register(key) else { return .stale }
        register.prepared.removeAll { $0.dot == dot }
        store(register, tables.state(of: key.partition).context, for: key, &tables)
        return .done
    }

    /// What a register's change means for its directory.
    static func note(
        _ before: Register, _ after: Register, of key: RegisterKey, listed: Bool,
        _ tables: inout some ReplicaTables, _ outcome: inout ReplicaOutcome
    ) {
        guard before.head != after.head else { return }
        switch key.kind {
        case .file:
            guard !listed, !key.path.isRoot else { return }
            tables.addOutbox(.file(key.path))
            outcome.hasOutbox = true
        case .mark:
            let liveCount = tables.directoryState(key.path).liveCount
            noteExistence(
                of: key.path, from: before.isMarked || liveCount > 0,
                rank: after.head?.rank, &tables, &outcome)
        case .locks: break
        }
    }
}

extension RegisterValue {
    /// With what its writer left to the file before it: when that came to be, and its properties. A
    /// directory that is made once more keeps those that it has.
    fileprivate func continuing(_ before: RegisterVersion?, at time: HybridTime) -> RegisterValue {
        switch self {
        case .file(var facts):
            if facts.created == FileFacts.createdAsBefore {
                let now = Timestamp(
                    nanoseconds: Int64(clamping: time.wallMilliseconds) * 1_000_000)
                facts.created = before?.value.facts?.created ?? now
            }
            return RegisterValue.file(facts).keepingProperties(of: before)
        case .mark, .describedMark, .locks, .deleted: return keepingProperties(of: before)
        }
    }

    /// The same with the properties of what was there, where they are to be kept.
    func keepingProperties(of before: RegisterVersion?) -> RegisterValue {
        guard properties == FileFacts.propertiesAsBefore else { return self }
        switch (self, before?.value) {
        case (.file(let facts), .file(let old)?):
            return .file(facts.described(by: old.properties))
        case (.file(let facts), _): return .file(facts.described(by: []))
        case (_, let old):
            return .mark(properties: old?.isMark == true ? old?.properties ?? [] : [])
        }
    }
}

extension Assignment {
    /// Whether `version` knows and ranks above all that the assignment asks for.
    fileprivate func isMet(by version: RegisterVersion) -> Bool {
        version.version.time > above
            && cover.entries.allSatisfy { version.version.context.contains($0) }
    }
}

extension Register {
    /// Whether a version was committed here and never was the newest: it must not be acknowledged.
    func lost(_ dot: Dot) -> Bool { kept.contains { $0.dot == dot && $0.isLost } }

    /// What the version that is to be made comes after, as far as is known here and was said.
    fileprivate func continued(by assignment: Assignment) -> RegisterVersion? {
        var newest = assignment.before
        for version in prepared + (head.map { [$0] } ?? [])
        where version.operation != assignment.operation && version.ranksAbove(newest) {
            newest = version
        }
        return newest
    }

    var isMarked: Bool { head?.value.isMark ?? false }

    /// Whether there was something, as far as clients see, before the version, or before the next one:
    /// what is prepared will come.
    func isReplaced(before version: RegisterVersion?) -> Bool {
        var newest = head
        for other in prepared where other.dot != version?.dot {
            if let version, !(other.rank < version.rank) { continue }
            if newest.map({ $0.rank < other.rank }) ?? true { newest = other }
        }
        return newest.map { !$0.value.isDeleted } ?? false
    }

    /// Whether the register holds something as far as clients see.
    package var isLive: Bool { head.map { !$0.value.isDeleted } ?? false }

    /// Whether `version` is prepared and nothing here was made in knowledge of it: if something
    /// was, it had taken effect.
    fileprivate func isOnlyPrepared(_ version: RegisterVersion) -> Bool {
        prepared.contains(version) && head?.covers(version) != true
            && !prepared.contains {
                $0.operation != version.operation && $0.covers(version)
            }
    }
}
