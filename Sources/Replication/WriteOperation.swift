package import Model

/// Coordinates one unconditional write from the node that assigns its version.
///
/// ```
///  assigning ──assigned──▶ preparing ──enough──▶ listing ──entry durable──▶ finished
///      ▲                     │   │                  └──2 s────▶ finished (listing pending)
///      └──── refused ────────┘   └ applied before ──▶ adopting ──enough──▶ listing
/// ```
package struct WriteOperation: Sendable {
    package enum Outcome: Equatable, Sendable {
        case waiting
        case written(RegisterVersion, copies: Int, replacing: Bool, listingPending: Bool)
        /// Nothing is known of the outcome.
        case failed(Failure)
    }

    package enum Failure: Equatable, Sendable {
        case noQuorum, full, contended
        /// A lock was in the way. `mayTakeEffect`: the write had begun, as the lock was granted.
        case locked(mayTakeEffect: Bool)
        /// A holder knows of a directory at the path, which may be gone. `mayTakeEffect`: what had
        /// begun could not be taken back everywhere.
        case mayBeDirectory(mayTakeEffect: Bool)
    }

    private enum Phase: Sendable {
        case assigning
        /// Until a random moment, so that two coordinators do not refuse each other for ever.
        case pausing(until: Duration)
        case preparing(RegisterVersion)
        /// The operation had been applied; its version is made durable everywhere.
        case adopting(RegisterVersion)
        case listing(RegisterVersion, copies: Int, EntryWriter, until: Duration)
        /// What was prepared beside a directory is taken back, durably: a read would bring it to all.
        case withdrawing(open: Int, isLost: Bool)
        case finished(Outcome)
    }

    private let key: RegisterKey
    private let value: RegisterValue
    private let operation: OperationID
    private let guarding: WriteGuard
    private let own: Target
    private let targets: Targets
    private let policy: WritePolicy
    private let deadline: Duration

    private var phase = Phase.assigning
    private var copies: CopySet
    private var round: UInt32 = 0
    private var attempt = 0
    private var cover = CausalContext.empty
    private var above = HybridTime.zero
    private var isReplacing = false
    /// What others know of the file, where it has properties.
    private var before: RegisterVersion?
    /// What this coordinator had made, and takes back where the operation was applied before.
    private var made: [RegisterVersion] = []

    /// - Parameters:
    ///   - own: this node's disk, which assigns the version.
    ///   - earlier: the version that the operation made before, which is only to be brought to all.
    ///   - isReachable: what membership says of a node now.
    package init(
        _ key: RegisterKey, _ value: RegisterValue, _ operation: OperationID, own: Target,
        targets: Targets, policy: WritePolicy, applied earlier: RegisterVersion? = nil,
        guarding: WriteGuard = WriteGuard(passesDirectories: true), time: CoordinatorTime,
        isReachable: (NodeID) -> Bool,
        into directives: inout [CoordinatorDirective]
    ) {
        self.key = key
        self.value = value
        self.operation = operation
        self.guarding = guarding
        self.own = own
        self.targets = targets
        self.policy = policy
        deadline = time.now + ReplicationLimits.operationTimeout
        copies = CopySet(targets, policy: policy, isReachable: isReachable)
        copies.include(own)
        if copies.isHopeless {
            phase = .finished(.failed(.noQuorum))
        } else if let earlier {
            adopt(earlier, &directives)
        } else {
            assign(time, &directives)
        }
    }

    package var outcome: Outcome {
        if case .finished(let outcome) = phase { return outcome }
        return .waiting
    }

    /// When `timePassed` is wanted.
    package var nextDeadline: Duration {
        switch phase {
        case .pausing(let until), .listing(_, _, _, let until): min(until, deadline)
        case .assigning, .preparing, .adopting, .withdrawing, .finished: deadline
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
            return listed(outcome, time, entryTargets, isReachable, &directives)
        }
        guard round == self.round else { return }
        // Where this node stood still: what had been prepared may have been settled by others since.
        if endedLate(time) { return }
        switch (phase, reply) {
        case (.assigning, .assigned(let version, let replacing)):
            isReplacing = replacing
            if !made.contains(version) { made.append(version) }
            copies.done(own)
            phase = .preparing(version)
            askRest(&directives)
        case (.preparing, .prepared), (.adopting, .committed):
            copies.done(target)
        // Under `majority` that is no word for it (`Register.mayBeDecided`).
        case (.adopting, .stale) where policy == .available: copies.done(target)
        case (.preparing, .refused(let context, let above, let newest)):
            cover.merge(context)
            self.above = max(self.above, above)
            if let newest, newest.ranksAbove(before) { before = newest }
            copies.refused(target.node)
        case (.assigning, .alreadyApplied(let version)),
            (.preparing, .alreadyApplied(let version)):
            return adopt(version, &directives)
        case (.assigning, .locked), (.preparing, .locked):
            // An earlier attempt may be settled by others before it is withdrawn.
            phase = .finished(.failed(.locked(mayTakeEffect: !made.isEmpty)))
            withdraw(made, &directives)
            return
        case (.assigning, .isDirectory), (.preparing, .isDirectory):
            return takeBack(&directives)
        case (.withdrawing, .done), (.withdrawing, .stale): return takenBack(isLost: false)
        case (.withdrawing, _): return takenBack(isLost: true)
        case (.assigning, _):
            phase = .finished(.failed(reply.isFull ? .full : .noQuorum))
            return
        default:
            copies.failed(target.node)
            askRest(&directives)
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
            return listed(outcome, time, entryTargets, isReachable, &directives)
        }
        guard round == self.round else { return }
        switch phase {
        case .assigning:
            phase = .finished(.failed(.noQuorum))
            return
        case .withdrawing: return takenBack(isLost: true)
        default: break
        }
        copies.failed(node)
        askRest(&directives)
        progress(time, using: &generator, entryTargets, isReachable, &directives)
    }

    package mutating func timePassed(
        _ time: CoordinatorTime, into directives: inout [CoordinatorDirective]
    ) {
        switch phase {
        case .pausing(let until) where time.now >= until && time.now < deadline:
            assign(time, &directives)
        case .listing(let version, let count, _, let until) where time.now >= until:
            finish(version, copies: count, listed: false, &directives)
        case .withdrawing where time.now >= deadline:
            phase = .finished(.failed(.mayBeDirectory(mayTakeEffect: true)))
        case .finished: break
        default:
            if time.now >= deadline { phase = .finished(.failed(.noQuorum)) }
        }
    }

    // MARK: Steps

    private mutating func assign(
        _ time: CoordinatorTime, _ directives: inout [CoordinatorDirective]
    ) {
        attempt += 1
        round += 1
        copies.restart(targets)
        phase = .assigning
        var assignment = Assignment(
            key: key, value: value, operation: operation, cover: cover, above: above,
            time: time.stamp)
        assignment.before = before
        directives.append(
            .ask(own.node, ReplicaRequest.assign(assignment).guarded(guarding), round: round))
    }

    /// Asks whoever has not been asked in this round; the own disk is done by then.
    private mutating func askRest(_ directives: inout [CoordinatorDirective]) {
        let request: ReplicaRequest
        switch phase {
        case .preparing(let version):
            let earlier = made.filter { $0.dot != version.dot }
            request = ReplicaRequest.prepare(key, version, earlier: earlier).guarded(guarding)
        case .adopting(let version): request = .commit(key, version, listed: false)
        default: return
        }
        for target in copies.takeIdle() where target != own || !copies.tally.counted.contains(own) {
            directives.append(.ask(target.node, request, round: round))
        }
    }

    private mutating func adopt(
        _ version: RegisterVersion, _ directives: inout [CoordinatorDirective]
    ) {
        round += 1
        copies.restart(targets)
        phase = .adopting(version)
        askRest(&directives)
        withdraw(made.filter { $0.dot != version.dot }, &directives)
        made = []
    }

    private mutating func takeBack(_ directives: inout [CoordinatorDirective]) {
        guard !made.isEmpty else {
            phase = .finished(.failed(.mayBeDirectory(mayTakeEffect: false)))
            return
        }
        round += 1
        var open = 0
        var isLost = false
        for member in copies.members where member.wasAsked {
            // Who did not answer may have prepared it, and may not hear of this either.
            if member.state == .failed {
                isLost = true
                continue
            }
            for version in made {
                open += 1
                directives.append(
                    .ask(member.target.node, .withdraw(key, version.dot), round: round))
            }
        }
        phase = .withdrawing(open: open, isLost: isLost)
    }

    private mutating func takenBack(isLost: Bool) {
        guard case .withdrawing(let open, let wasLost) = phase else { return }
        let isLost = isLost || wasLost
        phase =
            open > 1
            ? .withdrawing(open: open - 1, isLost: isLost)
            : .finished(.failed(.mayBeDirectory(mayTakeEffect: isLost)))
    }

    /// Nothing that comes after the deadline counts, whenever the clock is looked at.
    private mutating func endedLate(_ time: CoordinatorTime) -> Bool {
        guard time.now >= deadline else { return false }
        switch phase {
        case .assigning, .preparing, .adopting:
            phase = .finished(.failed(.noQuorum))
            return true
        case .pausing, .listing, .withdrawing, .finished: return false
        }
    }

    private func withdraw(
        _ versions: [RegisterVersion], _ directives: inout [CoordinatorDirective]
    ) {
        for version in versions {
            for member in copies.members {
                directives.append(.tell(member.target.node, .withdraw(key, version.dot)))
            }
        }
    }

    private mutating func progress(
        _ time: CoordinatorTime, using generator: inout SplitMix64,
        _ entryTargets: (EntryKey) -> Targets, _ isReachable: (NodeID) -> Bool,
        _ directives: inout [CoordinatorDirective]
    ) {
        switch phase {
        case .preparing(let version), .adopting(let version):
            if copies.isEnough {
                list(version, time, entryTargets, isReachable, &directives)
            } else if copies.hasRefusal, !copies.isWaiting || policy == .available {
                retry(time, using: &generator, &directives)
            } else if copies.isHopeless {
                phase = .finished(.failed(.noQuorum))
            }
        case .assigning, .pausing, .listing, .withdrawing, .finished: break
        }
    }

    private mutating func retry(
        _ time: CoordinatorTime, using generator: inout SplitMix64,
        _ directives: inout [CoordinatorDirective]
    ) {
        guard attempt < ReplicationLimits.attemptsMax else {
            phase = .finished(.failed(.contended))
            return
        }
        // The first attempt only lacked knowledge, which it has now.
        if attempt == 1 { return assign(time, &directives) }
        let nanoseconds = ReplicationLimits.attemptDelay.nanoseconds * Int64(attempt)
        round += 1
        phase = .pausing(
            until: time.now
                + .nanoseconds(Int64.random(in: 0...nanoseconds, using: &generator)))
    }

    private mutating func list(
        _ version: RegisterVersion, _ time: CoordinatorTime,
        _ entryTargets: (EntryKey) -> Targets, _ isReachable: (NodeID) -> Bool,
        _ directives: inout [CoordinatorDirective]
    ) {
        guard let item = KeyedEntry(following: version, of: key) else {
            // The root, or a mark removed: whether the directory still exists, its holders say.
            return finish(version, copies: copies.copies, listed: false, &directives)
        }
        round += 1
        let writer = EntryWriter(
            item, at: entryTargets(item.key), policy: policy, round: round,
            isReachable: isReachable, into: &directives)
        phase = .listing(
            version, copies: copies.copies, writer,
            until: time.now + ReplicationLimits.listingTimeout)
        listed(writer.outcome, time, entryTargets, isReachable, &directives)
    }

    private mutating func listed(
        _ outcome: EntryWriter.Outcome, _ time: CoordinatorTime,
        _ entryTargets: (EntryKey) -> Targets, _ isReachable: (NodeID) -> Bool,
        _ directives: inout [CoordinatorDirective]
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
        _ version: RegisterVersion, copies count: Int, listed: Bool,
        _ directives: inout [CoordinatorDirective]
    ) {
        // Everybody hears of it, also who refused or had no time: it merges with what they have.
        for member in copies.members {
            directives.append(
                .tell(member.target.node, .commit(key, version, listed: listed)))
        }
        phase = .finished(
            .written(
                version, copies: count, replacing: isReplacing,
                listingPending: !listed && key.kind == .file))
    }
}

extension KeyedEntry {
    /// What the directory of a register's path has to say once `version` is its newest; nil for
    /// the root and where only the directory's own holders can tell.
    package init?(following version: RegisterVersion, of key: RegisterKey) {
        guard let entryKey = EntryKey(of: key.path) else { return nil }
        switch (key.kind, version.value) {
        case (.file, _):
            self.init(
                key: entryKey,
                entry: DirectoryEntry(
                    file: .init(rank: version.rank, record: version.record?.listed)))
        case (.mark, .mark), (.mark, .describedMark):
            self.init(
                key: entryKey,
                entry: DirectoryEntry(directory: .init(rank: version.rank, exists: true)))
        case (.mark, _), (.locks, _): return nil
        }
    }
}

extension ReplicaReply {
    var isFull: Bool {
        if case .full = self { return true }
        return false
    }
}

extension Duration {
    /// Saturating; for random parts of it.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
