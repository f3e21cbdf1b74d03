import CRDT
package import Membership
package import Model
import Placement
import Reconciliation
import Replication

/// The brain of one running store: events in, directives out; no IO, no clock, no randomness of
/// its own. It dies with its process; what must survive is on its `NodeDisk`.
///
/// ```
///  clients ──asked──▶ ClientTask ──▶ Operation (Replication) ──ask──▶ own disk, or a peer
///                                        ▲                              │
///  peers ──received──▶ Serving           └────── resumed ◀── Requests ──┘
///  membership, gossip ──▶ layouts ──▶ take-over, hand-back, comparison (background work)
/// ```
package struct ClusterNode: Sendable {
    let configuration: NodeConfiguration
    let disk: DiskID

    var membership: Membership
    var gossip: Gossip
    var clock: HybridClock
    var layouts = LayoutView()
    /// As the cluster's state has them.
    var settings: ClusterSettings

    var requests = Requests()
    var operations: [UInt64: Operation] = [:]
    var tasks: [UInt64: ClientTask] = [:]
    var upkeep = Upkeep()
    var takeOver = TakeOver()
    var diskCheck = DiskCheck()
    var exchanges = Exchanges()
    var sums = SumTable()
    /// How fast a change of the layout may move bytes. It goes by how long the own disk takes for
    /// what somebody waits for; how long a client waits says more about peers that are away.
    var throttle: Throttle
    var watching = Watching()
    var lockLease = LockLease()
    /// Comparisons under way, one a peer.
    var sessions: [NodeID: ReconciliationSession] = [:]

    private(set) var phase = Phase.starting
    var nextNumber: UInt64 = 0
    private(set) var startedAt: Duration
    /// When this life began, by the wall clock (ms).
    let bornAt: UInt64
    /// Where peers reach this node, as its network has it now.
    var ownAddresses: [String] = []
    /// Nodes that were found before this life was durable.
    var foundEarly: [NodeID] = []
    /// Whether `NodeConfiguration.foundingWait` is over.
    var hasLookedForOthers = false
    /// Who told this node the cluster's state in this life.
    var heard: Set<NodeID> = []
    var hasHeard: Bool { !heard.isEmpty }

    enum Phase: Sendable { case starting, running, stopped }

    /// Starts a life on `disk` (its contents as they are durable).
    package init(
        _ configuration: NodeConfiguration, disk: NodeDisk, now: Now,
        using generator: inout SplitMix64, into directives: inout [NodeDirective]
    ) {
        self.configuration = configuration
        self.disk = disk.id
        startedAt = now.monotonic
        bornAt = now.wallMilliseconds
        throttle = Throttle(now: now.monotonic)
        let life = NodeMemory.life(disk) + 1
        var state = NodeMemory.state(disk, configuration)
        state.start(incarnationAtLeast: life)
        gossip = Gossip(state)
        if NodeMemory.isInformed(disk, state) { gossip.becomeInformed() }
        settings = ClusterSettings(state.settings)
        clock = HybridClock(restored: NodeMemory.clock(disk))
        membership = Membership(
            node: configuration.node, disk: disk.id, life: UInt32(truncatingIfNeeded: life),
            now: now.monotonic,
            configuration: MembershipConfiguration(settings, configuration.canaries))
        upkeep.remembered = NodeMemory.peers(disk)
        takeOver.declarations = NodeMemory.declarations(disk)
        diskCheck.epoch = NodeMemory.epoch(disk)
        diskCheck.isNew = gossip.state.register(of: configuration.node)?.disk != disk.id
        upkeep.lacksHolders = lacksHolders(configuration.node, disk.id)
        // A planned leave goes on in the next life.
        upkeep.departure = Self.departure(disk, gossip.state.register(of: configuration.node))
        var turn = Turn(now: now, generator: generator, directives: [])
        _ = layouts.update(gossip.state.layouts)
        // Nothing is said under a life that a crash could make forgotten.
        store(.save([MetaRow(.life, NodeMemory.encode(life))]), .life, &turn)
        generator = turn.generator
        directives += turn.directives
    }

    // MARK: Events

    /// When `timePassed` wants to be called at the latest.
    package var nextDeadline: Duration {
        min(nextTick, phase == .running ? membership.nextDeadline : nextTick)
    }

    var nextTick: Duration = .zero

    package mutating func timePassed(
        _ now: Now, using generator: inout SplitMix64, into directives: inout [NodeDirective]
    ) {
        var turn = Turn(now: now, generator: generator, directives: [])
        pass(&turn)
        generator = turn.generator
        directives += turn.directives
    }

    private mutating func pass(_ turn: inout Turn) {
        let now = turn.now.monotonic
        if phase == .running {
            if now >= membership.nextDeadline { membershipTick(&turn) }
            if now >= nextTick { tick(&turn) }
        }
        if now >= nextTick {
            nextTick = now + (isIdle ? ClusterLimits.idleTick : ClusterLimits.tick)
        }
    }

    /// Whether nothing is under way that a tick ends or goes on with. The own disk always answers.
    private var isIdle: Bool {
        operations.isEmpty && tasks.isEmpty && !requests.hasDeadline && exchanges.isEmpty
            && takeOver.isDone && !sums.hasForeign && upkeep.auditDue.isEmpty
            && upkeep.repair?.isDone ?? true
    }

    /// A process that stood still finds answers and requests waiting, to which its time-outs have
    /// not been applied: that comes first.
    private mutating func catchUp(_ turn: inout Turn) {
        guard phase == .running, turn.now.monotonic >= nextDeadline + ClusterLimits.tick else {
            return
        }
        pass(&turn)
    }

    package mutating func received(
        _ message: PeerMessage, from peer: NodeID, _ now: Now, using generator: inout SplitMix64,
        into directives: inout [NodeDirective]
    ) {
        guard phase == .running else { return }
        var turn = Turn(now: now, generator: generator, directives: [])
        catchUp(&turn)
        switch message {
        case .membership(let message): membershipReceived(message, from: peer, &turn)
        case .gossip(let message): gossipReceived(message, from: peer, &turn)
        case .request(let request): serve(request, from: peer, &turn)
        case .reply(let reply): replied(reply, from: peer, &turn)
        case .tell(let request): serve(told: request, &turn)
        case .watch: watchReceived(from: peer, turn)
        case .changed(let changes): changesReceived(changes, from: peer, &turn)
        }
        generator = turn.generator
        directives += turn.directives
    }

    package mutating func asked(
        _ request: ClientRequest, _ ticket: ClientTicket, _ now: Now,
        using generator: inout SplitMix64, into directives: inout [NodeDirective]
    ) {
        var turn = Turn(now: now, generator: generator, directives: [])
        begin(request, for: .client(ticket), &turn)
        nextTick = min(nextTick, now.monotonic + ClusterLimits.tick)
        generator = turn.generator
        directives += turn.directives
    }

    package mutating func stored(
        _ ticket: StorageTicket, _ answer: StorageAnswer, _ now: Now,
        using generator: inout SplitMix64, into directives: inout [NodeDirective]
    ) {
        var turn = Turn(now: now, generator: generator, directives: [])
        catchUp(&turn)
        guard let open = requests.take(ticket.number) else {
            generator = turn.generator
            directives += turn.directives
            return
        }
        if open.waiting.isForeground {
            throttle.foregroundFinished(
                after: now.monotonic - open.since, now: now.monotonic)
        }
        if case .replica(let outcome) = answer {
            sums.apply(outcome.changes)
            if outcome.hasOutbox { outboxMoved(isNew: true, &turn) }
            if outcome.isUnsettled { upkeep.isUnsettled = true }
            if outcome.hasMoves { upkeep.hasMoves = true }
            noteDamage(outcome, &turn)
            if outcome.isAuditDue {
                for change in outcome.changes { upkeep.auditDue.insert(change.partition) }
            }
            resume(
                open, .replica(outcome.reply), by: Target(node: configuration.node, disk: disk),
                &turn)
        } else if case .life = open.waiting {
            run(&turn)
        } else if case .reconciled(let reply) = answer {
            resume(
                open, .reconciled(reply), by: Target(node: configuration.node, disk: disk), &turn)
        } else if case .advanced(let session, let directives) = answer {
            resume(
                open, .advanced(session, directives),
                by: Target(node: configuration.node, disk: disk), &turn)
        } else {
            resume(open, .done, by: Target(node: configuration.node, disk: disk), &turn)
        }
        generator = turn.generator
        directives += turn.directives
    }

    /// The store is about to be stopped and started again on purpose. Peers are told, and go on
    /// without it: it is asked for nothing and counts in no quorum.
    /// - Returns: what answers their probes meanwhile, for `MembershipLimits.restartMax` at most, so
    ///   that nobody takes it for dead; nil where there is nothing to answer for yet.
    package mutating func restart(
        _ now: Now, into directives: inout [NodeDirective]
    ) -> StoreStandIn? {
        guard phase == .running, !configuration.canaries.contains(.restartsUnsaid) else {
            return nil
        }
        var farewell: [MembershipDirective] = []
        let standIn = membership.restart(
            now: now.monotonic, wallMilliseconds: now.wallMilliseconds, into: &farewell)
        for case .send(let message, let peer) in farewell {
            directives.append(.send(.membership(message), to: peer))
        }
        return standIn
    }

    // MARK: Steps

    private mutating func run(_ turn: inout Turn) {
        phase = .running
        startedAt = turn.now.monotonic
        nextTick = turn.now.monotonic
        // What the disk holds, and what it left unfinished.
        askForSums(&turn)
        upkeep.isUnsettled = true
        upkeep.hasOutbox = true
        upkeep.hasMoves = true
        startMembership(&turn)
        meetFound(&turn)
        announce(&turn)
        layoutsChanged(&turn)
    }

    mutating func nextID() -> UInt64 {
        nextNumber += 1
        return nextNumber
    }

    private mutating func tick(_ turn: inout Turn) {
        if turn.now.monotonic - startedAt >= configuration.foundingWait {
            hasLookedForOthers = true
        }
        expireRequests(&turn)
        stateTick(&turn)
        diskCheckTick(&turn)
        operationsTick(&turn)
        tasksTick(&turn)
        saveClock(&turn)
        watchTick(&turn)
        // By layouts of which one may be missing nothing is moved, compared or dropped.
        guard isDiskTrusted, !isEstablished || gossip.isInformed else { return }
        takeOverTick(&turn)
        exchangeTick(&turn)
        upkeepTick(&turn)
        leaveTick(&turn)
    }

    var isRunning: Bool { phase == .running }

    /// Nothing is said or done any more in this life.
    mutating func stop() { phase = .stopped }

    /// Whether the node was asked to leave, in this life or one before.
    package var isLeaving: Bool { upkeep.departure != .none }

    /// As this node knows them.
    package var clusterSettings: ClusterSettings { settings }

    // For checkers and status; never for decisions of other nodes.

    /// The layouts in use, oldest first; the last is the newest.
    package var activeLayouts: [Layout] { layouts.all }

    /// Whether this node declared the newest layout synced, nothing is left to move or hand back, and
    /// no further layout is about to come.
    package var isSettled: Bool {
        isRunning && layouts.count <= 1 && !gossip.state.layouts.hasUnpublished
            && !upkeep.isForeignDue && takeOver.isDone && exchanges.isEmpty
            && !sums.hasForeign && !upkeep.hasOutbox && !upkeep.hasMoves && operations.isEmpty
            && upkeep.auditDue.isEmpty && upkeep.wrongEntries.isEmpty
            && upkeep.verifications.isEmpty
    }

    /// What the node holds in memory, for bounds: named counts.
    package var sizes: [(name: String, count: Int)] {
        [
            ("operations", operations.count), ("tasks", tasks.count),
            ("requests", requests.count), ("exchanges", exchanges.count),
            ("rumors", gossip.rumorCount), ("foreign", sums.foreign.count),
            ("incomplete", gossip.state.layouts.active.count { !$0.isComplete }),
            ("unpublished", gossip.state.layouts.hasUnpublished ? 1 : 0),
            ("unpulled", takeOver.unpulledCount),
            ("outbox", upkeep.hasOutbox ? 1 : 0), ("moves", upkeep.hasMoves ? 1 : 0),
            ("moving", takeOver.isDone ? 0 : 1),
            ("damaged", upkeep.damageChecks.count), ("sessions", sessions.count),
            ("verifications", upkeep.verifications.count),
            ("tombstones", upkeep.tombstones.count), ("drop words", upkeep.drops.count),
            ("waiting for state", upkeep.waitingForState.count), ("heard", heard.count),
            ("peers", membership.peerCount),
            ("audits", upkeep.auditDue.count + upkeep.wrongEntries.count),
        ]
    }
}

extension MembershipConfiguration {
    fileprivate init(_ settings: ClusterSettings, _ canaries: Canaries) {
        self.init(grace: settings.graceBeforeOut)
        // Longer than any cluster lives; or not at all.
        if canaries.contains(.neverDeclaresDead) { suspicionPeriods = 1 << 30 }
        if canaries.contains(.suspectsNobody) { suspicionPeriods = 0 }
    }
}
