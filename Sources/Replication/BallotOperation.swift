package import Model

/// Coordinates one conditional write, or settles what another left unsettled, by ballots among the
/// holders of a register (Rystsov, "CASPaxos: Replicated State Machines without logs", 2018).
///
/// Unconditional writes go on beside it. A holder accepts a version only if that covers all it
/// has, so a write that came between asking and accepting makes the ballot start again.
///
/// ```
///  promising ──majority──▶ (condition) ──met──▶ minting ──▶ accepting ──majority──▶ listing ──▶ finished
///      ▲                       │                               │
///      │                       └─ not met ─▶ finished          │
///      └────────── lower ballot, or a version that it did not know ─┘
/// ```
package struct BallotOperation: Sendable {
    package enum Purpose: Sendable {
        case write(RegisterValue, OperationID, WriteCondition)
        /// Finds out what the newest version is, and commits it.
        case settle
    }

    package enum Outcome: Sendable {
        case waiting
        /// - Parameter exact: cleared where less than a majority decided.
        case written(
            RegisterVersion, copies: Int, replacing: Bool, listingPending: Bool, exact: Bool)
        case conditionFailed(exact: Bool)
        case settled(Register)
        case failed(WriteOperation.Failure)
    }

    private struct Promise: Sendable {
        var target: Target
        var register: Register
        var context: PartitionContext
    }

    private enum Phase: Sendable {
        case promising
        case pausing(until: Duration)
        case minting
        case accepting(RegisterVersion)
        /// A version that was committed before is brought to a majority.
        case confirming(RegisterVersion)
        /// What is merely accepted may be dropped: by others who know of a higher ballot, where less
        /// than a majority decided; and with its operation's name by whatever comes on top of it,
        /// so that the operation, repeated, would not be found. So it is committed first.
        case committing(RegisterVersion)
        case listing(RegisterVersion, copies: Int, EntryWriter, until: Duration)
        case finished(Outcome)
    }

    private let key: RegisterKey
    private let purpose: Purpose
    private let own: Target
    private let targets: Targets
    private let policy: WritePolicy
    private let deadline: Duration
    private var reachable: [Target]

    private var phase = Phase.promising
    private var ballot: Ballot
    /// Of the ballots that others promised: the next attempt is above it. What was promised to this
    /// one counts for this one alone.
    private var roundSeen: UInt64 = 0
    /// The clock above which those who refused a version take one.
    private var refusedAbove = HybridTime.zero
    private var round: UInt32 = 0
    private var attempt = 0
    private var tally: Tally
    private var open: [NodeID] = []
    private var answers: [Promise] = []
    private var rejected = false
    private var joined = Register()
    private var isExact = true
    /// The versions made here. Of one that an earlier attempt made elsewhere nobody knows how many
    /// had decided it.
    private var made: [Dot] = []
    private var isReplacing = false
    /// What the operation ends with when the version under way is settled.
    private var endsAsFailedCondition = false
    /// Whether the version under way is of another operation, and this one begins again after it.
    private var isAdopted = false
    /// An accepted version that did not know the newest one, though it ranks above it: it came just
    /// before that one, which is made again on top of it.
    private var overtaken: RegisterVersion?
    /// What this operation wrote, where the version under way is another one.
    private var written: RegisterVersion?

    /// - Parameter nonce: random, of this operation alone; see `Ballot`.
    package init(
        _ key: RegisterKey, _ purpose: Purpose, own: Target, targets: Targets, policy: WritePolicy,
        time: CoordinatorTime, nonce: UInt64, isReachable: (NodeID) -> Bool,
        into directives: inout [CoordinatorDirective]
    ) {
        self.key = key
        self.purpose = purpose
        self.own = own
        self.targets = targets
        self.policy = policy
        deadline = time.now + ReplicationLimits.operationTimeout
        reachable = targets.holders.filter { isReachable($0.node) }
        tally = Tally(targets)
        // Above earlier ballots of this node also after a restart, without a row of its own.
        ballot = Ballot(round: time.stamp.value, node: own.node, nonce: nonce)
        promise(&directives)
    }

    package var outcome: Outcome {
        if case .finished(let outcome) = phase { return outcome }
        return .waiting
    }

    package var nextDeadline: Duration {
        switch phase {
        case .pausing(let until), .listing(_, _, _, let until): min(until, deadline)
        default: deadline
        }
    }

    package mutating func answered(
        _ reply: ReplicaReply, by target: Target, round: UInt32, _ time: CoordinatorTime,
        using generator: inout SplitMix64, entryTargets: (EntryKey) -> Targets,
        isReachable: (NodeID) -> Bool, into directives: inout [CoordinatorDirective]
    ) {
        if case .listing(let version, let count, var writer, let until) = phase {
            let outcome = writer.answered(reply, by: target, round: round, into: &directives)
            phase = .listing(version, copies: count, writer, until: until)
            return listed(outcome, entryTargets, isReachable, &directives)
        }
        guard round == self.round else { return }
        open.removeAll { $0 == target.node }
        switch (phase, reply) {
        case (.promising, .promised(let register, let context)):
            answers.append(Promise(target: target, register: register, context: context))
            tally.count(target)
        case (.minting, .assigned(let version, _)):
            made.append(version.dot)
            return propose(version, &directives)
        case (.minting, .alreadyApplied(let version)):
            return confirm(version, &directives)
        case (.minting, .refused):
            return retry(time, using: &generator)
        case (.minting, .ballotTooLow(let promised)):
            roundSeen = max(roundSeen, promised.round)
            return retry(time, using: &generator)
        case (.minting, _):
            phase = .finished(.failed(reply.isFull ? .full : .noQuorum))
            return
        case (.accepting, .accepted), (.confirming, .accepted), (.committing, .committed):
            tally.count(target)
        case (_, .ballotTooLow(let promised)):
            roundSeen = max(roundSeen, promised.round)
            rejected = true
        case (_, .refused(_, let above)):
            refusedAbove = max(refusedAbove, above)
            rejected = true
        default: break
        }
        progress(time, using: &generator, entryTargets, isReachable, &directives)
    }

    package mutating func unanswered(
        by node: NodeID, round: UInt32, _ time: CoordinatorTime,
        using generator: inout SplitMix64, entryTargets: (EntryKey) -> Targets,
        isReachable: (NodeID) -> Bool, into directives: inout [CoordinatorDirective]
    ) {
        if case .listing(let version, let count, var writer, let until) = phase {
            let outcome = writer.unanswered(by: node, round: round, into: &directives)
            phase = .listing(version, copies: count, writer, until: until)
            return listed(outcome, entryTargets, isReachable, &directives)
        }
        guard round == self.round else { return }
        open.removeAll { $0 == node }
        reachable.removeAll { $0.node == node }
        progress(time, using: &generator, entryTargets, isReachable, &directives)
    }

    package mutating func timePassed(
        _ time: CoordinatorTime, into directives: inout [CoordinatorDirective]
    ) {
        switch phase {
        case .pausing(let until) where time.now >= until && time.now < deadline:
            promise(&directives)
        case .listing(let version, let count, _, let until) where time.now >= until:
            finish(version, copies: count, listed: false, &directives)
        case .finished: break
        default:
            if time.now >= deadline { phase = .finished(.failed(.noQuorum)) }
        }
    }

    // MARK: Steps

    private mutating func promise(_ directives: inout [CoordinatorDirective]) {
        attempt += 1
        ballot.round = max(ballot.round, roundSeen) + 1
        answers = []
        endsAsFailedCondition = false
        overtaken = nil
        written = nil
        isAdopted = false
        phase = .promising
        ask(.promise(key, ballot), &directives)
        if open.isEmpty { phase = .finished(.failed(.noQuorum)) }
    }

    private mutating func ask(
        _ request: ReplicaRequest, _ directives: inout [CoordinatorDirective]
    ) {
        round += 1
        rejected = false
        tally = Tally(targets)
        open = reachable.map(\.node)
        for target in reachable {
            directives.append(.ask(target.node, request, round: round))
        }
    }

    /// A majority of each layout decides; under `available`, where that cannot be reached, all
    /// that answer.
    private var isDecided: Bool {
        if tally.hasMajority { return true }
        return policy == .available && open.isEmpty && !rejected && !tally.counted.isEmpty
    }

    private mutating func progress(
        _ time: CoordinatorTime, using generator: inout SplitMix64,
        _ entryTargets: (EntryKey) -> Targets, _ isReachable: (NodeID) -> Bool,
        _ directives: inout [CoordinatorDirective]
    ) {
        switch phase {
        case .promising, .accepting, .confirming, .committing: break
        case .pausing, .minting, .listing, .finished: return
        }
        guard isDecided else {
            if !open.isEmpty { return }
            return rejected
                ? retry(time, using: &generator)
                : (phase = .finished(.failed(.noQuorum)))
        }
        if !tally.hasMajority { isExact = false }
        switch phase {
        case .promising: decide(time, &directives)
        case .accepting(let version) where !isExact || isAdopted: commit(version, &directives)
        case .committing where isAdopted: promise(&directives)
        case .accepting(let version), .confirming(let version), .committing(let version):
            chosen(version, time, entryTargets, isReachable, &directives)
        case .pausing, .minting, .listing, .finished: break
        }
    }

    private mutating func retry(_ time: CoordinatorTime, using generator: inout SplitMix64) {
        guard attempt < ReplicationLimits.attemptsMax else {
            phase = .finished(.failed(.contended))
            return
        }
        let nanoseconds = ReplicationLimits.attemptDelay.nanoseconds * Int64(attempt)
        round += 1
        phase = .pausing(
            until: time.now
                + .nanoseconds(Int64.random(in: 0...nanoseconds, using: &generator)))
    }

    /// With promises of a majority: what is the newest version, and does it meet the condition?
    private mutating func decide(
        _ time: CoordinatorTime, _ directives: inout [CoordinatorDirective]
    ) {
        let known = Register.joined(answers.map { ($0.register, $0.context) })
        joined = known.register
        let context = known.context
        // Under a ballot lower than one that is settled nothing was chosen that it did not find.
        let settled = answers.compactMap { $0.register.ballot?.settled }.max()
        let accepted = answers.compactMap { $0.register.ballot?.accepted }
            .filter { accepted in
                !context.contains(accepted.version.dot)
                    && settled.map { $0 < accepted.ballot } ?? true
            }
            .max { $0.ballot < $1.ballot }?.version
        var unsettled = accepted.flatMap { $0.ranksAbove(joined.head) ? $0 : nil }
        if let version = unsettled, let head = joined.head, !version.covers(head) {
            // A holder accepts nothing that does not know all it has, and nothing is prepared below
            // what it accepted: so at most one of the two is at a majority. The accepted one was
            // decided when the other one was not there yet.
            overtaken = version
            unsettled = nil
        }
        if let version = unsettled, joined.head == nil, version.version.time <= refusedAbove {
            // Where a tombstone was dropped since, nobody accepts it as it is any more.
            overtaken = version
            unsettled = nil
        }
        commitStranded(context, settled, &directives)
        switch purpose {
        case .settle:
            if overtaken != nil { return renewHead(time, &directives) }
            if let unsettled { return propose(unsettled, &directives) }
            if let head = joined.head { return confirm(head, &directives) }
            phase = .finished(.settled(joined))
        case .write(let value, let operation, let condition):
            // Before all else: whatever this ballot ends with takes away what was accepted below it.
            if let unsettled {
                isAdopted = unsettled.operation != operation
                return propose(unsettled, &directives)
            }
            let earlier = joined.version(of: operation)
            if let overtaken, earlier != nil || overtaken.operation == operation {
                written = earlier ?? overtaken
                return renewHead(time, &directives)
            }
            if let earlier { return confirm(earlier, &directives) }
            if overtaken != nil, joined.head == nil {
                isAdopted = true
                return renewHead(time, &directives)
            }
            let newest = joined.head
            if overtaken == nil, let newest, !isCommitted(newest) {
                // The condition would be judged by it and the new version come on top of it, where
                // the others know nothing of its operation: repeated, that would be done again.
                isAdopted = true
                return commit(newest, &directives)
            }
            isReplacing = newest.map { !$0.value.isDeleted } ?? false
            guard condition.isMet(by: newest) else {
                // What the answer goes by must not disappear again.
                endsAsFailedCondition = true
                if overtaken != nil { return renewHead(time, &directives) }
                if let newest { return confirm(newest, &directives) }
                phase = .finished(.conditionFailed(exact: isExact))
                return
            }
            mint(value, operation, time, &directives)
        }
    }

    /// Whether those who promised have `version` committed at a majority, or at all of them where
    /// they are no majority.
    private func isCommitted(_ version: RegisterVersion) -> Bool {
        let having = answers.filter { $0.context.contains(version.dot) }
        guard having.count < answers.count else { return true }
        var tally = Tally(targets)
        for answer in having { tally.count(answer.target) }
        return tally.hasMajority
    }

    /// A version that was accepted, perhaps chosen and acknowledged, and that something unrelated
    /// outranks by now: it can only be kept, as the loser of a conflict.
    private func commitStranded(
        _ context: PartitionContext, _ settled: Ballot?,
        _ directives: inout [CoordinatorDirective]
    ) {
        for answer in answers {
            guard let accepted = answer.register.ballot?.accepted,
                settled.map({ $0 < accepted.ballot }) ?? true
            else { continue }
            let version = accepted.version
            guard !context.contains(version.dot), !version.ranksAbove(joined.head)
            else { continue }
            for target in targets.holders {
                directives.append(.tell(target.node, .commit(key, version, listed: true)))
            }
        }
    }

    /// Makes the newest version again, above and in knowledge of one that was accepted beside it; or
    /// that one, where there is nothing else.
    private mutating func renewHead(
        _ time: CoordinatorTime, _ directives: inout [CoordinatorDirective]
    ) {
        guard let source = joined.head ?? overtaken else { return }
        mint(source.value, source.operation, renewing: true, time, &directives)
    }

    private mutating func mint(
        _ value: RegisterValue, _ operation: OperationID, renewing: Bool = false,
        _ time: CoordinatorTime, _ directives: inout [CoordinatorDirective]
    ) {
        var cover = joined.knownContext
        var above = max(joined.latestTime, refusedAbove)
        for answer in answers {
            // Also what was prepared and counts for nothing: a holder accepts what knows all it has.
            var versions = answer.register.prepared
            if let accepted = answer.register.ballot?.accepted { versions.append(accepted.version) }
            for version in versions {
                cover.merge(version.version.context)
                cover.insert(version.dot)
                above = max(above, version.version.time)
            }
        }
        round += 1
        open = [own.node]
        phase = .minting
        var assignment = Assignment(
            key: key, value: value, operation: operation, cover: cover, above: above,
            time: time.stamp)
        assignment.isRenewal = renewing
        directives.append(.ask(own.node, .mint(assignment, ballot), round: round))
    }

    private mutating func propose(
        _ version: RegisterVersion, _ directives: inout [CoordinatorDirective]
    ) {
        phase = .accepting(version)
        ask(.accept(key, ballot, version), &directives)
    }

    private mutating func confirm(
        _ version: RegisterVersion, _ directives: inout [CoordinatorDirective]
    ) {
        // Only a majority settles that nothing else was chosen before.
        guard isExact else { return commit(version, &directives) }
        phase = .confirming(version)
        ask(.confirm(key, ballot, version), &directives)
    }

    private mutating func commit(
        _ version: RegisterVersion, _ directives: inout [CoordinatorDirective]
    ) {
        phase = .committing(version)
        ask(.commit(key, version, listed: false), &directives)
    }

    private mutating func chosen(
        _ version: RegisterVersion, _ time: CoordinatorTime,
        _ entryTargets: (EntryKey) -> Targets, _ isReachable: (NodeID) -> Bool,
        _ directives: inout [CoordinatorDirective]
    ) {
        let isOwn: Bool
        if case .write(_, let operation, _) = purpose {
            isOwn = version.operation == operation || written != nil
        } else {
            isOwn = false
        }
        guard isOwn, !endsAsFailedCondition,
            let item = KeyedEntry(following: version, of: key)
        else {
            return finish(version, copies: tally.counted.count, listed: false, &directives)
        }
        round += 1
        let writer = EntryWriter(
            item, at: entryTargets(item.key), policy: policy, round: round,
            isReachable: isReachable, into: &directives)
        phase = .listing(
            version, copies: tally.counted.count, writer,
            until: time.now + ReplicationLimits.listingTimeout)
        listed(writer.outcome, entryTargets, isReachable, &directives)
    }

    private mutating func listed(
        _ outcome: EntryWriter.Outcome, _ entryTargets: (EntryKey) -> Targets,
        _ isReachable: (NodeID) -> Bool, _ directives: inout [CoordinatorDirective]
    ) {
        guard case .listing(let version, let count, let writer, let until) = phase else { return }
        switch outcome {
        case .waiting: break
        case .failed: finish(version, copies: count, listed: false, &directives)
        case .done:
            guard let next = writer.next else {
                return finish(version, copies: count, listed: true, &directives)
            }
            round += 1
            let above = EntryWriter(
                next, at: entryTargets(next.key), policy: policy, round: round,
                isReachable: isReachable, into: &directives)
            phase = .listing(version, copies: count, above, until: until)
        }
    }

    private mutating func finish(
        _ version: RegisterVersion, copies: Int, listed: Bool,
        _ directives: inout [CoordinatorDirective]
    ) {
        for target in targets.holders {
            directives.append(
                .tell(
                    target.node,
                    .commit(key, version, listed: listed, settled: isExact ? ballot : nil)))
        }
        if let overtaken {
            // Now that nobody can take it for the newest: it is kept.
            for target in targets.holders {
                directives.append(.tell(target.node, .commit(key, overtaken, listed: true)))
            }
        }
        if endsAsFailedCondition {
            phase = .finished(.conditionFailed(exact: isExact))
        } else if case .settle = purpose {
            var context = PartitionContext()
            joined.commit(version, in: &context)
            phase = .finished(.settled(joined))
        } else {
            let result = written ?? version
            phase = .finished(
                .written(
                    result, copies: copies, replacing: isReplacing, listingPending: !listed,
                    exact: isExact && (policy == .majority || made.contains(result.dot))))
        }
    }
}
