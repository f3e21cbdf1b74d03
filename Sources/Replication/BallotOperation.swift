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
        /// Changes the locks at a path, by what they are now.
        case change(LockChange, OperationID)
        /// Finds out what the newest version is, and commits it.
        case settle
    }

    package enum Outcome: Sendable {
        case waiting
        /// - Parameter exact: cleared where less than a majority decided.
        case written(
            RegisterVersion, copies: Int, replacing: Bool, listingPending: Bool, exact: Bool)
        case conditionFailed(exact: Bool)
        /// Nothing had to be changed, or nothing may be.
        case locks(LockDecision, copies: Int, exact: Bool)
        case settled(Register)
        case failed(WriteOperation.Failure)
    }

    struct Promise: Sendable {
        var target: Target
        var register: Register
        var context: PartitionContext
        var isDirectory: Bool
    }

    /// How an operation ends that changes nothing.
    enum End: Sendable {
        case conditionFailed
        case locks(LockDecision)

        func outcome(copies: Int, exact: Bool) -> Outcome {
            switch self {
            case .conditionFailed: .conditionFailed(exact: exact)
            case .locks(let decision): .locks(decision, copies: copies, exact: exact)
            }
        }
    }

    enum Phase: Sendable {
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

    let key: RegisterKey
    let purpose: Purpose
    /// For what this operation writes itself; what others left is settled whoever holds a lock.
    let guarding: WriteGuard
    let own: Target
    let targets: Targets
    let policy: WritePolicy
    let deadline: Duration
    var reachable: [Target]
    /// Under `available`: stand-ins, which decide nothing, and may have what no holder has yet.
    var standIns: [Target]

    var phase = Phase.promising
    var ballot: Ballot
    /// Of the ballots that others promised: the next attempt is above it. What was promised to this
    /// one counts for this one alone.
    var roundSeen: UInt64 = 0
    /// The clock above which those who refused a version take one.
    var refusedAbove = HybridTime.zero
    var round: UInt32 = 0
    var attempt = 0
    var tally: Tally
    var open: [NodeID] = []
    var answers: [Promise] = []
    var rejected = false
    /// Whether a holder knows of a lock in the way of the version under way.
    var isBarred = false
    var joined = Register()
    var isExact = true
    /// The versions made here. Of one that an earlier attempt made elsewhere nobody knows how many
    /// had decided it.
    var made: [Dot] = []
    var isReplacing = false
    /// What the operation ends with when the version under way is settled, if it changes nothing.
    var end: End?
    /// Whether the version under way is of another operation, and this one begins again after it.
    var isAdopted = false
    /// An accepted version that did not know the newest one, though it ranks above it: it came just
    /// before that one, which is made again on top of it.
    var overtaken: RegisterVersion?
    /// What this operation wrote, where the version under way is another one.
    var written: RegisterVersion?

    /// - Parameter nonce: random, of this operation alone; see `Ballot`.
    package init(
        _ key: RegisterKey, _ purpose: Purpose, own: Target, targets: Targets, policy: WritePolicy,
        guarding: WriteGuard = WriteGuard(passesDirectories: true), time: CoordinatorTime,
        nonce: UInt64,
        isReachable: (NodeID) -> Bool,
        into directives: inout [CoordinatorDirective]
    ) {
        self.key = key
        self.purpose = purpose
        self.guarding = guarding
        self.own = own
        self.targets = targets
        self.policy = policy
        deadline = time.now + ReplicationLimits.operationTimeout
        reachable = targets.holders.filter { isReachable($0.node) }
        standIns =
            policy == .available
            ? targets.handOffs.filter { one in
                isReachable(one.node) && !targets.isHolder(one.node)
            } : []
        tally = Tally(targets)
        // Above earlier ballots of this node also after a restart, without a row of its own.
        ballot = Ballot(round: time.stamp.value, node: own.node, nonce: nonce)
        guard policy == .available || targets.mayHaveMajority(where: isReachable) else {
            phase = .finished(.failed(.noQuorum))
            return
        }
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
        case (.promising, .promised(let register, let context, let isDirectory)):
            answers.append(
                Promise(
                    target: target, register: register, context: context,
                    isDirectory: isDirectory))
            tally.count(target)
        case (.promising, .register(let register, let context, let isDirectory)):
            answers.append(
                Promise(
                    target: target, register: register, context: context,
                    isDirectory: isDirectory))
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
        case (.minting, .locked):
            phase = .finished(.failed(.locked(mayTakeEffect: !made.isEmpty)))
            return
        case (.minting, _):
            phase = .finished(.failed(reply.isFull ? .full : .noQuorum))
            return
        // What another ballot may have decided over it is found when this one begins again.
        case (.accepting, .accepted), (.confirming, .accepted), (.committing, .committed),
            (.committing, .stale):
            tally.count(target)
        case (_, .ballotTooLow(let promised)):
            roundSeen = max(roundSeen, promised.round)
            rejected = true
        case (.accepting, .locked):
            isBarred = true
            rejected = true
        case (_, .refused(_, let above, _)):
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
        standIns.removeAll { $0.node == node }
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

    mutating func promise(_ directives: inout [CoordinatorDirective]) {
        attempt += 1
        ballot.round = max(ballot.round, roundSeen) + 1
        answers = []
        end = nil
        overtaken = nil
        written = nil
        isAdopted = false
        phase = .promising
        ask(.promise(key, ballot), &directives)
        if open.isEmpty { phase = .finished(.failed(.noQuorum)) }
        for target in standIns {
            open.append(target.node)
            directives.append(.ask(target.node, .read(key), round: round))
        }
    }

    mutating func ask(
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
    var isDecided: Bool {
        if tally.hasMajority, !isWaitingForStandIns { return true }
        return policy == .available && open.isEmpty && !rejected && !tally.counted.isEmpty
    }

    var isWaitingForStandIns: Bool {
        guard case .promising = phase else { return false }
        return standIns.contains { open.contains($0.node) }
    }

    mutating func progress(
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
            if isBarred {
                phase = .finished(.failed(.locked(mayTakeEffect: true)))
                return
            }
            return rejected
                ? retry(time, using: &generator)
                : (phase = .finished(.failed(.noQuorum)))
        }
        if !tally.hasMajority { isExact = false }
        switch phase {
        case .promising: decide(time, &directives)
        case .accepting(let version) where !isExact || isAdopted: commit(version, &directives)
        case .committing where isAdopted: beginAgain(&directives)
        case .accepting(let version), .confirming(let version), .committing(let version):
            chosen(version, time, entryTargets, isReachable, &directives)
        case .pausing, .minting, .listing, .finished: break
        }
    }

    /// What was in the way is settled: the ballot begins again, at once.
    private mutating func beginAgain(_ directives: inout [CoordinatorDirective]) {
        guard attempt < ReplicationLimits.attemptsMax else {
            phase = .finished(.failed(.contended))
            return
        }
        promise(&directives)
    }

    mutating func retry(_ time: CoordinatorTime, using generator: inout SplitMix64) {
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
}
