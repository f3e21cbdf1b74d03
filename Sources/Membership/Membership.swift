package import Model

/// Who is there: SWIM (Das, Gupta, Motivala, "SWIM: Scalable Weakly-consistent Infection-style
/// Process Group Membership Protocol", 2002) with Lifeguard's local health and shrinking suspicion
/// (Dadgar, Phillips, Currey, "Lifeguard: Local Health Awareness for More Accurate Failure
/// Detection", 2017).
///
/// ```
///             missed by a probe            nobody refuted
///   alive ────────────────────▶ suspect ────────────────▶ dead ──7 days──▶ forgotten
///     ▲ ▲                          │                        │
///     │ └── higher incarnation ────┘                        │
///     └──────────── higher incarnation (a new life, or a refutation) ──┘
///   left: said goodbye; beats everything of that life.
/// ```
///
/// Deviations from the papers: the target of a probe is told in the ping what is thought of it (so
/// that it refutes at once); tables are compared with a random peer every 30 s; dead nodes are
/// pinged now and then, so that a healed cut is found.
package struct Membership: Sendable {
    package private(set) var configuration: MembershipConfiguration
    var table = PeerTable()
    var queue = UpdateQueue()
    var own: PeerUpdate
    /// How often the own entry is still to be sent as an update (it goes along as the sender too).
    let started: Duration
    var lastNow: Duration

    /// Local health: 0 is well.
    var health = 0
    var sequence: UInt64 = 0
    var probe: Probe?
    var relays: [Relay] = []
    var suspicions: [Suspicion] = []
    /// The first of their deadlines.
    var nextSuspicion: Duration?
    /// Indices of peers whose gateway answers for a restarting store.
    var restarting: [Int] = []
    /// Indices in the order of probing, and the next one.
    var round: [Int] = []
    var roundNext = 0

    var nextPeriod: Duration
    /// What is left of a period's bytes, and how often a first table was asked for.
    var tableBytesLeft = MembershipLimits.tableBytesMax
    var firstTables = 0
    var nextDeadPing: Duration
    var nextTable: Duration
    var nextGrace: Duration
    var nextHello: Duration
    var hellos: [NodeID] = []
    /// Since when lives of other disks were topped, and how often.
    var raisedFirst: Duration?
    var raisedCount = 0
    var duplicatesSaid: [NodeID: Duration] = [:]
    var isPersistDue = false
    package internal(set) var isLeaving = false

    struct Probe: Sendable {
        let index: Int
        let node: NodeID
        let sequence: UInt64
        let sentAt: Duration
        let sentWall: UInt64
        let indirectAt: Duration
        var isIndirect = false
        /// Helpers that said nothing yet.
        var silent: [NodeID] = []
    }

    struct Relay: Sendable {
        let sequence: UInt64
        let origin: NodeID
        let originSequence: UInt64
        let nackAt: Duration
        let deadline: Duration
        var hasNacked = false
    }

    /// - Parameters:
    ///   - life: how often this node has been started; durable before anything is sent.
    ///   - now: monotonic time.
    package init(
        node: NodeID, disk: DiskID, life: UInt32, now: Duration,
        configuration: MembershipConfiguration
    ) {
        self.configuration = configuration
        own = PeerUpdate(
            node: node, disk: disk, incarnation: UInt64(life) << 32, state: .alive)
        started = now
        lastNow = now
        nextPeriod = now
        nextDeadPing = now + MembershipLimits.deadPingInterval
        nextTable = now + MembershipLimits.firstTableInterval
        nextGrace = now + MembershipLimits.graceInterval
        nextHello = now
        table.countOwn(nil, own)
    }

    // MARK: What is known

    /// Sorted; without this node. Suspects are among them.
    package var alivePeers: [NodeID] { table.alive }

    /// Whether the node is worth asking: alive or suspect, with a store that answers.
    package func isAlive(_ node: NodeID) -> Bool {
        guard let peer = table[node], !peer.isForgotten else { return false }
        return (peer.state == .alive || peer.state == .suspect) && peer.restartingSince == nil
    }

    package func state(of node: NodeID) -> PeerState? {
        table[node].flatMap { $0.isForgotten ? nil : $0.state }
    }

    package func disk(of node: NodeID) -> DiskID? { table[node]?.disk }

    /// Whether nothing is to be expected of the node: dead, gone, or never heard of although there
    /// was time.
    package func isGone(_ node: NodeID) -> Bool {
        guard let peer = table[node], !peer.isForgotten else {
            return lastNow - started > MembershipLimits.unknownAfter
        }
        switch peer.state {
        case .dead where peer.isUnheard:
            return lastNow - peer.since > MembershipLimits.unknownAfter
        case .dead, .left: return true
        case .alive, .suspect: return false
        }
    }

    package var peerCount: Int { table.peers.count }

    /// When `timePassed` is wanted.
    /// - Complexity: O(1) but for the few relays.
    package var nextDeadline: Duration {
        var next = nextPeriod
        if let probe, !probe.isIndirect { next = min(next, probe.indirectAt) }
        if let nextSuspicion { next = min(next, nextSuspicion) }
        for relay in relays { next = min(next, relay.hasNacked ? relay.deadline : relay.nackAt) }
        return next
    }

    // MARK: Told by the shell

    /// Says hello to seeds and remembered peers, again until somebody is alive.
    package mutating func join(
        _ peers: [NodeID], now: Duration, wallMilliseconds: UInt64,
        using generator: inout SplitMix64, into directives: inout [MembershipDirective]
    ) {
        hellos = peers.filter { $0 != own.node }
        // Nodes that start together do not probe together.
        nextPeriod =
            now + MembershipLimits.period * Int.random(in: 0..<16, using: &generator) / 16
        sayHello(now: now, wallMilliseconds: wallMilliseconds, &directives)
    }

    /// The network heard of a node: it is said hello to, and again like the seeds until somebody is
    /// alive. Whether it is there is for its answer to say.
    package mutating func meet(
        _ peer: NodeID, wallMilliseconds: UInt64, into directives: inout [MembershipDirective]
    ) {
        guard peer != own.node, table[peer]?.state != .alive else { return }
        if !hellos.contains(peer) {
            if hellos.count >= MembershipLimits.hellosMax { hellos.removeFirst() }
            hellos.append(peer)
        }
        sequence += 1
        send(.ping(sequence: sequence), to: peer, about: peer, wallMilliseconds, &directives)
    }

    /// The members of the layouts in use: whose death matters beyond being told. One that nobody
    /// told of in this life counts as dead from now on, so that its grace ends too.
    package mutating func membersChanged(_ all: [NodeID], now: Duration) {
        let members = Set(all)
        for node in all where node != own.node {
            if let index = table.index(of: node) {
                // One that was forgotten counts again, as it was last.
                if table[index].isForgotten { _ = table.insert(table[index].update, now: now) }
                continue
            }
            _ = table.insert(
                PeerUpdate(
                    node: node, disk: DiskID(bits: Bits128(high: 0, low: 0)), incarnation: 0,
                    state: .dead), now: now)
        }
        for index in table.peers.indices {
            table.annotate(index) { $0.isMember = members.contains($0.node) }
        }
        self.members = members
    }

    var members: Set<NodeID> = []

    /// Of those that are dead already, too.
    package mutating func graceChanged(_ grace: Duration) { configuration.grace = grace }

    /// A planned leave: told to everybody at once, again with each call, and never taken back in
    /// this life.
    package mutating func leave(
        now: Duration, wallMilliseconds: UInt64, into directives: inout [MembershipDirective]
    ) {
        isLeaving = true
        setOwn { $0.state = .left }
        for peer in table.alive {
            send(.updates, to: peer, about: nil, wallMilliseconds, &directives)
        }
    }

    /// The store is about to be restarted on purpose: peers ask it for nothing until it is back, and
    /// do not take it for dead for `MembershipLimits.restartMax`, while the stand-in answers for it.
    package mutating func restart(
        now: Duration, wallMilliseconds: UInt64, into directives: inout [MembershipDirective]
    ) -> StoreStandIn {
        // No probe has the number 0.
        for peer in table.alive {
            send(
                .ack(sequence: 0, isRestarting: true), to: peer, about: nil, wallMilliseconds,
                &directives)
        }
        return StoreStandIn(own, now: now)
    }

    mutating func setOwn(_ change: (inout PeerUpdate) -> Void) {
        let old = own
        change(&own)
        table.countOwn(old, own)
    }
}
