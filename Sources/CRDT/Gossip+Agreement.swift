package import Model

// Whether this node knows all that its cluster agreed on (`isInformed`).
extension Gossip {
    /// The shell knows of an earlier life, or has just founded the cluster.
    package mutating func becomeInformed() { isInformed = true }

    /// Compares with `peer` to become informed. Nothing where that is so, or was tried just now.
    package mutating func ask(
        _ peer: NodeID, now: Duration, _ directives: inout [GossipDirective]
    ) {
        if let question, now - question.at < CRDTLimits.questionInterval { return }
        ask(peer, round: 0, now: now, &directives)
    }

    /// `peer` sent what this node lacked: by now both know the same, unless there was news in the
    /// meantime. Where a thousand nodes say something at one time there always is, but for the
    /// moment of a round trip.
    mutating func askAgain(
        _ peer: NodeID, now: Duration, _ directives: inout [GossipDirective]
    ) {
        guard let question, question.peer == peer, question.round < CRDTLimits.questionRounds else {
            return ask(peer, now: now, &directives)
        }
        ask(peer, round: question.round + 1, now: now, &directives)
    }

    private mutating func ask(
        _ peer: NodeID, round: Int, now: Duration, _ directives: inout [GossipDirective]
    ) {
        if isInformed { return }
        question = Question(peer: peer, sum: state.digest, at: now, round: round)
        send(.question(state.digest), to: peer, &directives)
    }

    /// `peer` knows what this one knew as it asked.
    mutating func agreed(
        _ sum: Fingerprint, with peer: NodeID, isInformed isPeerInformed: Bool,
        _ directives: inout [GossipDirective]
    ) {
        guard !isInformed, question?.sum == sum, state.identity.established != nil else { return }
        if !isPeerInformed {
            if alike.sum != sum { alike = (sum, []) }
            if isMember(peer) { alike.peers.insert(peer) }
            guard isMajorityAlike else { return }
        }
        isInformed = true
        informant = isPeerInformed ? peer : nil
        directives.append(.changed(.informed))
    }

    private func isMember(_ node: NodeID) -> Bool {
        state.layouts.active.contains { $0.layout.member(node) != nil }
    }

    /// More than half of the members of each layout in use.
    private var isMajorityAlike: Bool {
        !state.layouts.active.isEmpty
            && state.layouts.active.allSatisfy { active in
                let members = active.layout.members
                let count = members.count {
                    $0.node == state.own || alike.peers.contains($0.node)
                }
                return 2 * count > members.count
            }
    }

    /// This node's cluster became part of another one, whose state it does not know yet. The rows of
    /// the old settings go before the new identity is durable: they must not come back under it.
    mutating func clusterChanged(_ settings: [Setting], _ directives: inout [GossipDirective]) {
        isInformed = false
        question = nil
        guard !settings.isEmpty else { return }
        directives.append(.forget(settings.map { .setting($0.key) }))
        directives.append(.changed(.settings(settings.map(\.key))))
    }
}
