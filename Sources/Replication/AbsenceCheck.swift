package import Model

/// Asks those who hold a directory whether it is gone, before that is told to the directory above.
///
/// One disk alone cannot say it: what it has never heard of may be there. Who says that a directory is
/// there needs nobody else.
package struct AbsenceCheck: Sendable {
    package enum Outcome: Equatable, Sendable { case waiting, gone, there, failed }

    private let targets: Targets
    private let policy: WritePolicy
    private var tally: Tally
    private var open: [NodeID] = []
    private var isThere = false
    /// Whether a holder is among those that answered: stand-ins cannot say what is not there.
    private var hasHolder = false

    package init(
        _ directory: StorePath, at targets: Targets, policy: WritePolicy,
        isReachable: (NodeID) -> Bool, into directives: inout [CoordinatorDirective]
    ) {
        self.targets = targets
        self.policy = policy
        tally = Tally(targets)
        guard policy == .available || targets.mayHaveMajority(where: isReachable) else { return }
        for target in targets.holders + (policy == .available ? targets.handOffs : [])
        where isReachable(target.node) && !open.contains(target.node) {
            open.append(target.node)
            directives.append(
                .ask(
                    target.node, .list(directory, after: nil, limit: 1, withGone: false), round: 0))
        }
    }

    package mutating func answered(_ reply: ReplicaReply, by target: Target) {
        open.removeAll { $0 == target.node }
        guard case .listing(_, let existence, _) = reply else { return }
        if existence.exists { isThere = true }
        if targets.isHolder(target.node) { hasHolder = true }
        tally.count(target)
    }

    package mutating func unanswered(by node: NodeID) { open.removeAll { $0 == node } }

    package var outcome: Outcome {
        if isThere { return .there }
        switch policy {
        // Whatever is acknowledged after this comes to one of them, who says that it was news.
        case .majority where tally.hasMajority: return .gone
        case .available where open.isEmpty && hasHolder: return .gone
        default: return open.isEmpty ? .failed : .waiting
        }
    }
}
