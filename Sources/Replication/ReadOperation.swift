package import Model

/// Coordinates one checked read of a register.
///
/// `available`: the newest of all holders and stand-ins that answer; that there is nothing, a
/// holder must say. `majority`: the newest of more
/// than half of the holders of each layout in use, written back to as many before it is returned,
/// so that no later read returns an older one (Attiya, Bar-Noy, Dolev, "Sharing memory robustly in
/// message-passing systems", 1995).
package struct ReadOperation: Sendable {
    package enum Outcome: Sendable {
        case waiting
        /// The joined knowledge of all who answered; `head` is the newest version.
        case read(Register)
        /// A version was accepted under a ballot and may have been chosen: to be settled first.
        case needsBallot
        case failed
    }

    private enum Phase: Sendable {
        case asking
        case writingBack
        case finished(Outcome)
    }

    fileprivate struct Answer: Sendable {
        var target: Target
        var register: Register
        var context: PartitionContext
    }

    private let key: RegisterKey
    private let targets: Targets
    private let policy: WritePolicy
    /// Whether somebody who answers must have the content of what is read.
    private let needsContent: Bool
    package private(set) var nextDeadline: Duration
    private let giveUpAt: Duration
    /// Whether the first holder that answers is waited for no longer than it takes.
    private var isLate = false
    private var asked: [NodeID]
    private var open: Int
    private var answers: [Answer] = []
    private var tally: Tally
    private var phase = Phase.asking
    private var joined = Register()
    /// Whether somebody knows a directory at the path. Others may know that it is gone: a listing
    /// says so.
    package private(set) var mayBeDirectory = false

    package init(
        _ key: RegisterKey, targets: Targets, policy: WritePolicy, needsContent: Bool = false,
        time: CoordinatorTime,
        isReachable: (NodeID) -> Bool, into directives: inout [CoordinatorDirective]
    ) {
        self.key = key
        self.targets = targets
        self.policy = policy
        self.needsContent = needsContent
        nextDeadline =
            time.now
            + (policy == .majority
                ? ReplicationLimits.operationTimeout : ReplicationLimits.readTimeout)
        giveUpAt = time.now + ReplicationLimits.holderTimeout
        tally = Tally(targets)
        asked = []
        open = 0
        guard policy == .available || targets.mayHaveMajority(where: isReachable) else {
            phase = .finished(.failed)
            return
        }
        // A stand-in may have what no holder has yet.
        for target in targets.holders + (policy == .available ? targets.handOffs : [])
        where isReachable(target.node) && !asked.contains(target.node) {
            asked.append(target.node)
            directives.append(.ask(target.node, .read(key), round: 0))
        }
        open = asked.count
        if open == 0 { phase = .finished(.failed) }
    }

    package var outcome: Outcome {
        if case .finished(let outcome) = phase { return outcome }
        return .waiting
    }

    package mutating func answered(
        _ reply: ReplicaReply, by target: Target, round: UInt32,
        into directives: inout [CoordinatorDirective]
    ) {
        switch (phase, reply) {
        case (.asking, .register(let register, let context, let isDirectory)) where round == 0:
            open -= 1
            if isDirectory { mayBeDirectory = true }
            answers.append(Answer(target: target, register: register, context: context))
            tally.count(target)
            progress(&directives)
        case (.writingBack, .committed) where round == 1, (.writingBack, .merged) where round == 1:
            tally.count(target)
            if tally.hasMajority { phase = .finished(.read(joined)) }
        // What was read is not the newest any more: it is read again.
        case (.writingBack, .stale) where round == 1: phase = .finished(.failed)
        case (.asking, _) where round == 0:
            unanswered(by: target.node, round: round, into: &directives)
        default: break
        }
    }

    package mutating func unanswered(
        by node: NodeID, round: UInt32, into directives: inout [CoordinatorDirective]
    ) {
        guard round == 0, case .asking = phase else { return }
        open -= 1
        progress(&directives)
    }

    package mutating func timePassed(
        _ time: CoordinatorTime, into directives: inout [CoordinatorDirective]
    ) {
        guard time.now >= nextDeadline else { return }
        switch phase {
        case .asking:
            if policy == .available, !hasHolder, time.now < giveUpAt {
                nextDeadline = giveUpAt
                isLate = true
                return
            }
            open = 0
            progress(&directives)
        case .writingBack: phase = .finished(.failed)
        case .finished: break
        }
    }

    private mutating func progress(_ directives: inout [CoordinatorDirective]) {
        switch policy {
        case .majority:
            guard tally.hasMajority else {
                if open == 0 { phase = .finished(.failed) }
                return
            }
        case .available:
            guard open == 0 || (isLate && hasHolder) else { return }
        }
        join()
        if policy == .available, !hasHolder, joined.isEmpty {
            phase = .finished(.failed)
            return
        }
        if needsContent, joined.isHeadDamaged {
            // Somebody else may have it.
            if open == 0 { phase = .finished(.failed) }
            return
        }
        if let accepted = answers.unsettledAccepted, accepted.ranksAbove(joined.head) {
            phase = .finished(.needsBallot)
            return
        }
        writeBack(&directives)
    }

    private var hasHolder: Bool { answers.contains { targets.isHolder($0.target.node) } }

    private mutating func join() {
        joined = Register.joined(answers.map { ($0.register, $0.context) }).register
    }

    private mutating func writeBack(_ directives: inout [CoordinatorDirective]) {
        guard let head = joined.head else {
            phase = .finished(.read(joined))
            return
        }
        var back = Tally(targets)
        for answer in answers {
            // Where it is merely prepared, a later write need not know it: what was read, it must.
            let hasIt = answer.context.contains(head.dot) && !answer.register.lost(head.dot)
            if hasIt { back.count(answer.target) }
            guard !hasIt, targets.isHolder(answer.target.node) else { continue }
            let request = joined.bringing(head, of: key, policy)
            directives.append(
                policy == .majority && !hasIt
                    ? .ask(answer.target.node, request, round: 1)
                    : .tell(answer.target.node, request))
        }
        tally = back
        phase =
            policy == .available || tally.hasMajority ? .finished(.read(joined)) : .writingBack
    }
}

extension [ReadOperation.Answer] {
    /// The version accepted under the highest ballot that no answer has seen committed.
    fileprivate var unsettledAccepted: RegisterVersion? {
        let settled = compactMap { $0.register.ballot?.settled }.max()
        return compactMap { $0.register.ballot?.accepted }
            .filter { accepted in
                !contains { $0.context.contains(accepted.version.dot) }
                    && settled.map { $0 < accepted.ballot } ?? true
            }
            .max { $0.ballot < $1.ballot }?.version
    }
}

extension Register {
    /// Brings the newest version to a disk that lacks it; as a record alone where nobody who
    /// answered has its content.
    fileprivate func bringing(
        _ head: RegisterVersion, of key: RegisterKey, _ policy: WritePolicy
    ) -> ReplicaRequest {
        guard isHeadDamaged else {
            return policy == .majority
                ? .writeBack(key, head) : .commit(key, head, listed: false)
        }
        var record = Register(head: head)
        record.damaged = [head.dot]
        return .merge(
            key.partition, [KeyedRegister(key: key, register: record)], [],
            theirs: PartitionContext(), .holder)
    }
}

extension RegisterVersion {
    /// Whether this version would be the newest beside `head`.
    func ranksAbove(_ head: RegisterVersion?) -> Bool { head.map { $0.rank < rank } ?? true }
}
