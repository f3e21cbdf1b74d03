package import Model

// What is claimed of the living, and how they answer.
extension Membership {
    /// Others gave a peer up that this node takes for alive or suspects. They may speak of a cut
    /// that is healed: each side then hears from the other one that its own nodes are dead. So the
    /// peer is not dead here before it had, since this node suspects it, the time to refute that
    /// any suspicion gives; and where this node saw nothing amiss, it is asked at once. (SWIM takes
    /// such a claim at its word; memberlist does not either.)
    mutating func heardOfDeath(
        _ update: PeerUpdate, of index: Int, now: Duration, _ wallMilliseconds: UInt64,
        _ directives: inout [MembershipDirective]
    ) {
        let known = table[index]
        if known.state == .alive || known.incarnation != update.incarnation {
            var suspicion = update
            suspicion.state = .suspect
            apply(suspicion, to: index, now: now, &directives)
            sequence += 1
            send(
                .ping(sequence: sequence), to: update.node, about: update.node, wallMilliseconds,
                &directives)
        }
        guard let place = suspicionIndex(index) else { return }
        suspicions[place].conclude(now: now)
        noteSuspicions()
        if suspicions[place].deadline <= now {
            apply(update, to: index, now: now, &directives)
        }
    }

    /// A refutation is in a race with those who wait for it; it does not wait for the next probe.
    mutating func tellRefutation(
        _ wallMilliseconds: UInt64, using generator: inout SplitMix64,
        _ directives: inout [MembershipDirective]
    ) {
        for _ in 0..<MembershipLimits.refutationsCount {
            sayWord(wallMilliseconds: wallMilliseconds, using: &generator, into: &directives)
        }
    }

    /// A word to anybody, before the next probe says one: from it a gateway that is new learns for whom it has
    /// to answer should the store go.
    package mutating func sayWord(
        wallMilliseconds: UInt64, using generator: inout SplitMix64,
        into directives: inout [MembershipDirective]
    ) {
        guard !table.alive.isEmpty else { return }
        let peer = table.alive[Int.random(in: table.alive.indices, using: &generator)]
        send(.updates, to: peer, about: peer, wallMilliseconds, &directives)
    }
}
