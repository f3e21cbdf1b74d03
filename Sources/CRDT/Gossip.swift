package import Model

/// Spreads the cluster's state: changes as rumors, and what rumors missed by comparing sums.
///
/// A changed entry goes to three random peers every 500 ms for ⌈log2(N + 1)⌉ + 4 periods, of
/// which each time that a peer says the same counts as one; all entries of a period go in one
/// message (Demers et al., "Epidemic Algorithms for Replicated Database Maintenance", 1987: push
/// rumors, backed by anti-entropy). Every 5 s one random peer is told the sum over all entries.
package struct Gossip: Sendable {
    /// To be changed with `update` alone.
    package internal(set) var state: ClusterState
    var rumors: [Rumor] = []
    private var nextRumors: Duration?
    private var nextDigest: Duration?
    var lastConflict: Duration?
    /// When the draft changed first and last since it was published.
    var draftChanged: (first: Duration, last: Duration)?
    /// Retired here lately; oldest first.
    var retired: [LayoutID] = []

    /// Whether this node knows what the cluster agreed on, as of some time in this life or one
    /// before: a rumor alone may bring a layout without the one before it, or without the settings.
    /// Who is not informed places nothing and answers no client, and its word alone informs nobody.
    package internal(set) var isInformed = false
    /// Who informed this node, where it was one: what this node knows is his word, and no news to him.
    package internal(set) var informant: NodeID?
    var question: Question?
    /// Peers that know the same and are not informed either. Most members together are: else a
    /// cluster whose founder was lost before it had confirmed anybody would never know.
    var alike: (sum: Fingerprint, peers: Set<NodeID>) = (.zero, [])

    /// The last one asked, to become informed.
    struct Question: Sendable {
        var peer: NodeID
        var sum: Fingerprint
        var at: Duration
        /// How many before it the same exchange had.
        var round: Int
    }

    struct Rumor: Sendable {
        var key: EntryKey
        /// Periods in which it was said, and times that it was heard of others.
        var said: Int
    }

    package init(_ state: ClusterState) {
        self.state = state
        if state.layouts.hasUnpublished { draftChanged = (.zero, .zero) }
    }

    /// Entries that are still being passed on.
    package var rumorCount: Int { rumors.count }

    // MARK: Events

    /// Changes the state by one of its own events, and spreads what changed.
    package mutating func update(
        now: Duration, _ directives: inout [GossipDirective],
        _ event: (inout ClusterState) throws(ChangeError) -> Delta
    ) throws(ChangeError) {
        let layouts = state.layouts.active
        let (established, settings) = (state.identity.established, state.settings.all)
        let delta = try event(&state)
        if established != nil, state.identity.established != established {
            clusterChanged(settings, &directives)
        }
        var outcome = MergeOutcome()
        outcome.changed = delta.entries
        outcome.retired = layouts.filter { state.layouts.active($0.id) == nil }.map(\.id)
        react(to: outcome, spread: true, now: now, &directives)
    }

    /// Whether this node should publish the draft now (`ClusterState.publishLayout`).
    ///
    /// The first of those alive does it when the draft was quiet for 2 s, or has waited for 10 s
    /// (5.6 s and 28 s at a thousand nodes); each one after it 5 s later, time to hear that it was
    /// done. Nobody is needed for it, and two that do it at once from the same draft publish the
    /// same layout.
    ///
    /// - Parameter alive: sorted; with or without this node.
    /// - Complexity: O(log alive).
    package func isPublishDue(now: Duration, alive: [NodeID]) -> Bool {
        guard let draftChanged, state.identity.established != nil else { return false }
        let rank = min(alive.lowerBound { $0 < state.own }, CRDTLimits.publishRankMax)
        let turn = now - CRDTLimits.publishTurn * rank
        let many = max(0, alive.count - 100)
        let quiet = CRDTLimits.publishQuiet + CRDTLimits.publishQuietPerNode * many
        let delayMax = CRDTLimits.publishDelayMax + CRDTLimits.publishDelayMaxPerNode * many
        let isDue = turn - draftChanged.last >= quiet || turn - draftChanged.first >= delayMax
        return isDue && state.layouts.hasRoom
    }

    /// Time passed. To be called every 500 ms or more often.
    /// - Parameter peers: the other nodes that are alive, any order; not this node.
    /// - Complexity: O(rumors), nothing in the number of peers.
    package mutating func tick(
        now: Duration, peers: [NodeID], using generator: inout some RandomNumberGenerator,
        _ directives: inout [GossipDirective]
    ) {
        if nextDigest == nil {
            // Nodes that start together do not ask together.
            let part = Int.random(in: 0..<16, using: &generator)
            nextDigest = now + CRDTLimits.digestInterval * part / 16
        }
        guard !peers.isEmpty else { return }
        if !rumors.isEmpty, now >= nextRumors ?? now {
            nextRumors = now + CRDTLimits.rumorInterval
            sayRumors(peers: peers, using: &generator, &directives)
        }
        if let due = nextDigest, now >= due {
            nextDigest = now + CRDTLimits.digestInterval
            let peer = peers[Int.random(in: peers.indices, using: &generator)]
            send(.digest(state.digest), to: peer, &directives)
        }
    }

    /// Compares with `peer` now: at a node's start, or when it came back.
    package func compare(with peer: NodeID, _ directives: inout [GossipDirective]) {
        send(.digest(state.digest), to: peer, &directives)
    }

    package mutating func received(
        _ message: GossipMessage, from peer: NodeID, now: Duration,
        _ directives: inout [GossipDirective]
    ) {
        let (established, settings) = (state.identity.established, state.settings.all)
        switch state.identity.meet(message.identity) {
        case .same: break
        case .adopted:
            if established != nil, state.identity.established != established {
                state.dropSettings()
                clusterChanged(settings, &directives)
            }
            directives.append(.persist(Delta([.identity(state.identity)])))
            directives.append(.changed(.identity(state.identity)))
            spread(.identity)
            if state.identity.established != established {
                isInformed = false
                question = nil
            }
            // What the cluster has published comes before anything is published here.
            if draftChanged != nil { draftChanged = (now, now) }
            isInformed
                ? compare(with: peer, &directives) : ask(peer, now: now, &directives)
        case .foreign:
            foreignMet(message.identity, peer, now: now, &directives)
            return
        }
        if state.isAbsorbed(message.identity) {
            // It follows when it hears of it, and says the rest then.
            return send(.digest(state.digest), to: peer, &directives)
        }
        switch message.body {
        case .rumor(let delta, let offers):
            noteHeard(delta, offers)
            merge(delta, isRepair: false, now: now, &directives)
            let wants = offers.filter { differs($0) }.map(\.key)
            if !wants.isEmpty { send(.repair(Delta(), wants: wants), to: peer, &directives) }
        case .digest(let sum):
            if sum != state.digest {
                send(.buckets(state.sums.buckets.map(\.low)), to: peer, &directives)
            } else if message.identity != state.identity {
                send(.digest(sum), to: peer, &directives)
            }
        case .question(let sum):
            if sum != state.digest {
                send(.buckets(state.sums.buckets.map(\.low)), to: peer, &directives)
            } else {
                send(.agreed(sum, isInformed: isInformed), to: peer, &directives)
            }
        case .agreed(let sum, let isInformed):
            agreed(sum, with: peer, isInformed: isInformed, &directives)
        case .buckets(let sums):
            summarize(differingFrom: sums, to: peer, &directives)
        case .summary(let buckets, let items):
            answer(buckets, items, to: peer, &directives)
        case .repair(let delta, let wants):
            merge(delta, isRepair: true, now: now, &directives)
            repair(with: wants.compactMap { state.entry($0) }, wants: [], to: peer, &directives)
            askAgain(peer, now: now, &directives)
        }
    }
}
