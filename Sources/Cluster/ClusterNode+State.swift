import CRDT
import Membership
import Model
import Reconciliation
import Replication

// Who is there, what the cluster has agreed on, and which layouts follow.
extension ClusterNode {
    // MARK: Membership

    mutating func startMembership(_ turn: inout Turn) {
        let peers = configuration.seeds + upkeep.remembered
        var directives: [MembershipDirective] = []
        membership.join(
            peers.filter { $0 != configuration.node }, now: turn.now.monotonic,
            wallMilliseconds: turn.now.wallMilliseconds, using: &turn.generator, into: &directives)
        obey(directives, &turn)
    }

    mutating func membershipTick(_ turn: inout Turn) {
        var directives: [MembershipDirective] = []
        membership.timePassed(
            now: turn.now.monotonic, wallMilliseconds: turn.now.wallMilliseconds,
            using: &turn.generator, into: &directives)
        obey(directives, &turn)
    }

    mutating func membershipReceived(
        _ message: SwimMessage, from peer: NodeID, _ turn: inout Turn
    ) {
        var directives: [MembershipDirective] = []
        membership.received(
            message, from: peer, now: turn.now.monotonic,
            wallMilliseconds: turn.now.wallMilliseconds, using: &turn.generator, into: &directives)
        obey(directives, &turn)
    }

    private mutating func obey(_ directives: [MembershipDirective], _ turn: inout Turn) {
        for directive in directives {
            switch directive {
            case .send(let message, let peer): turn.send(.membership(message), to: peer)
            case .changed(let node, _, let state):
                turn.directives.append(.notice(.peerChanged(node, state: state.name)))
                if state == .alive { peerReturned(node, &turn) } else { upkeep.wholeSince = nil }
            case .rejoined(let node, _):
                turn.directives.append(.notice(.peerRejoined(node)))
                peerReturned(node, &turn)
            case .restarting(let node, let isRestarting):
                turn.directives.append(.notice(.peerRestarting(node, isRestarting)))
                upkeep.wholeSince = nil
                if membership.isAlive(node) { peerReturned(node, &turn) }
            case .clockSample(let node, let offset):
                noteDoubt(
                    clock.clockOffset(
                        peer: node, offsetMilliseconds: offset, now: turn.now.monotonic), &turn)
            case .graceOver(let node): takeOut(node, &turn)
            case .lifeRaised(let life):
                store(.save([MetaRow(.life, NodeMemory.encode(UInt64(life)))]), .nothing, &turn)
            case .duplicateIdentity(let node, _, _):
                turn.directives.append(.notice(.duplicateNode(node)))
            case .persist(let peers):
                store(.save([MetaRow(.peers, NodeMemory.encode(peers))]), .nothing, &turn)
            }
        }
    }

    private mutating func peerReturned(_ node: NodeID, _ turn: inout Turn) {
        compareState(with: node, &turn)
        upkeep.returned.insert(node)
        if watching.isOn { turn.send(.watch, to: node) }
    }

    /// Whether a node is worth asking: as far as membership knows, it answers.
    func isReachable(_ node: NodeID) -> Bool {
        node == configuration.node || membership.isAlive(node)
    }

    // MARK: Gossip

    mutating func gossipReceived(
        _ message: GossipMessage, from peer: NodeID, _ turn: inout Turn
    ) {
        var directives: [GossipDirective] = []
        if heard.count < ClusterLimits.heardCountMax { heard.insert(peer) }
        gossip.received(
            configuration.canaries.contains(.keepsOldSettings) ? withoutNews(message) : message,
            from: peer, now: turn.now.monotonic, &directives)
        obey(directives, &turn)
    }

    /// Breaks the rule that the newest value of a setting wins.
    private func withoutNews(_ message: GossipMessage) -> GossipMessage {
        func rest(_ delta: Delta) -> Delta {
            Delta(
                delta.entries.filter { entry in
                    guard case .setting(let setting) = entry else { return true }
                    return gossip.state.settings.setting(for: setting.key) == nil
                })
        }
        let body: GossipMessage.Body =
            switch message.body {
            case .rumor(let delta, let offers): .rumor(rest(delta), offers: offers)
            case .repair(let delta, let wants): .repair(rest(delta), wants: wants)
            default: message.body
            }
        return GossipMessage(identity: message.identity, body: body)
    }

    mutating func compareState(with peer: NodeID, _ turn: inout Turn) {
        var directives: [GossipDirective] = []
        gossip.isInformed
            ? gossip.compare(with: peer, &directives)
            : gossip.ask(peer, now: turn.now.monotonic, &directives)
        obey(directives, &turn)
    }

    /// One of the two has not heard of a layout yet: gossip tells it, this comparison sooner. While a
    /// layout spreads among a thousand nodes each of them meets many such peers at a time.
    mutating func layoutsDiffer(from peer: NodeID, _ turn: inout Turn) {
        guard turn.now.monotonic >= upkeep.nextMismatch else { return }
        let count = layouts.newest?.members.count ?? 0
        upkeep.nextMismatch =
            turn.now.monotonic + ClusterLimits.mismatchInterval
            + ClusterLimits.mismatchIntervalPerNode * count
        compareState(with: peer, &turn)
    }

    mutating func obey(_ directives: [GossipDirective], _ turn: inout Turn) {
        for directive in directives {
            switch directive {
            case .send(let message, let peer): turn.send(.gossip(message), to: peer)
            case .persist(let delta): save(NodeMemory.rows(delta), &turn)
            case .forget(let keys): save(keys.map { MetaRow(NodeMemory.key($0), nil) }, &turn)
            case .changed(let change): stateChanged(change, &turn)
            }
        }
    }

    private mutating func save(_ rows: [MetaRow], _ turn: inout Turn) {
        guard !rows.isEmpty else { return }
        upkeep.savesUnderWay += 1
        store(.save(rows), .upkeep(.stateSaved), &turn)
    }

    /// Layouts are relied upon once they are durable: a node that forgot one by a crash would
    /// answer again by the layouts before.
    mutating func stateSaved(_ turn: inout Turn) {
        upkeep.savesUnderWay -= 1
        guard upkeep.savesUnderWay == 0 else { return }
        if layouts.update(gossip.state.layouts) { layoutsChanged(&turn) }
        for (origin, answer) in upkeep.takeWaitingForState() { finish(origin, answer, &turn) }
    }

    private mutating func stateChanged(_ change: GossipChange, _ turn: inout Turn) {
        switch change {
        case .settings:
            settings = ClusterSettings(gossip.state.settings)
            membership.graceChanged(settings.graceBeforeOut)
        case .registers(let nodes): locate(nodes, &turn)
        case .draft, .layouts, .refused: break
        case .identity:
            if !gossip.isInformed { store(.save([MetaRow(.informed, nil)]), .nothing, &turn) }
        case .informed: store(.save([MetaRow(.informed, [1])]), .nothing, &turn)
        case .identityConflict(let identity, let peer):
            foreignClusterMet(identity, peer, &turn)
        case .duplicateNode(let register):
            turn.directives.append(.notice(.duplicateNode(register.node)))
        }
    }

    /// Changes the cluster's state by an event of this node.
    /// - Returns: nil where it was done, else why not.
    mutating func change(
        _ turn: inout Turn,
        _ event: (inout ClusterState, inout HybridClock) throws(ChangeError) -> Delta
    ) -> ChangeError? {
        var directives: [GossipDirective] = []
        var clock = clock
        do throws(ChangeError) {
            try gossip.update(now: turn.now.monotonic, &directives) {
                (state) throws(ChangeError) in try event(&state, &clock)
            }
        } catch {
            return error
        }
        self.clock = clock
        obey(directives, &turn)
        return nil
    }

    private static let clockUnit = UInt64(ClusterLimits.clockSaveInterval.milliseconds) << 16

    /// Where nothing was stamped nothing is saved: an idle node writes nothing.
    mutating func saveClock(_ turn: inout Turn) {
        guard turn.now.monotonic >= upkeep.nextClockSave,
            clock.last.value &- upkeep.savedClock.value >= Self.clockUnit
        else { return }
        upkeep.nextClockSave = turn.now.monotonic + ClusterLimits.clockSaveInterval
        upkeep.savedClock = clock.last
        store(.save([MetaRow(.clock, NodeMemory.encode(clock.last.value))]), .nothing, &turn)
    }

    // MARK: The cluster and its layouts

    mutating func noteTime(_ turn: inout Turn) {
        let now = turn.now
        noteDoubt(
            clock.timePassed(now: now.monotonic, wallMilliseconds: now.wallMilliseconds), &turn)
    }

    mutating func stateTick(_ turn: inout Turn) {
        let now = turn.now
        noteTime(&turn)
        var directives: [GossipDirective] = []
        gossip.tick(
            now: now.monotonic, peers: membership.alivePeers, using: &turn.generator, &directives)
        obey(directives, &turn)
        if !gossip.isInformed,
            let peer = membership.alivePeers.randomElement(using: &turn.generator)
        {
            compareState(with: peer, &turn)
        }
        joinLayout(&turn)
        foundOverHeld(&turn)
        wholeTick(&turn)
        // The first layout comes with the cluster (`establish`). Who is told of the cluster and of no
        // layout has not heard of it yet: one of its own would place data, and find nothing, without
        // the nodes that hold it.
        if !gossip.state.layouts.active.isEmpty, gossip.isInformed,
            gossip.isPublishDue(now: now.monotonic, alive: membership.alivePeers)
        {
            _ = change(&turn) { (state, _) throws(ChangeError) in try state.publishLayout() }
        }
    }

    /// This node becomes a member of the layout: at its start, after it was taken out while it was
    /// away, and with a new disk.
    private mutating func joinLayout(_ turn: inout Turn) {
        guard configuration.isStorage, !isLeaving, isDiskTrusted,
            !isEstablished || gossip.isInformed
        else { return }
        let waited = turn.now.monotonic - startedAt >= ClusterLimits.startWait
        guard hasHeard || waited || isAlone else { return }
        let own = LayoutMember(
            node: configuration.node, disk: disk, weight: configuration.weight,
            zone: configuration.zone)
        if gossip.state.layouts.draft.entry(of: own.node)?.member == own { return }
        let wall = turn.now.wallMilliseconds
        _ = change(&turn) { (state, clock) throws(ChangeError) in
            try state.addMember(own, clock: &clock, wallMilliseconds: wall)
        }
    }

    private mutating func takeOut(_ node: NodeID, _ turn: inout Turn) {
        // A store that restarts is alive, and counts for nothing until it is back.
        let alive = (membership.alivePeers.filter(isReachable) + [configuration.node]).sorted()
        guard gossip.isInformed, OutRule.mayTakeOut(node, from: gossip.state.layouts, alive: alive)
        else { return }
        let wall = turn.now.wallMilliseconds
        let failure = change(&turn) { (state, clock) throws(ChangeError) in
            try state.removeMember(node, clock: &clock, wallMilliseconds: wall)
        }
        if failure == nil { turn.directives.append(.notice(.tookOut(node))) }
    }

    /// Nobody was ever named to this node, nor found while there was time.
    var isAlone: Bool {
        configuration.seeds.isEmpty && upkeep.remembered.isEmpty && !configuration.expectsOthers
            && hasLookedForOthers
    }

    /// Whether there is no cluster yet for certain. A node that was told of others has to hear from
    /// all of them first: it may be cut off from those that have one, together with others that are
    /// as new as itself, and two clusters never become one by themselves.
    var isFirst: Bool {
        !isEstablished
            && (isAlone
                || hasHeard
                    && configuration.seeds.allSatisfy {
                        $0 == configuration.node || heard.contains($0)
                    })
    }

    /// The first node of those alive makes the cluster, so that two first writes make one; with its
    /// first layout, so not before there is somebody to store anything.
    mutating func establish(_ turn: inout Turn) {
        guard isFirst, gossip.state.layouts.draft.memberCount > 0 else { return }
        let id = ClusterID(using: &turn.generator)
        // Durable before the cluster is: a founder that dies then has to be able to tell others.
        gossip.becomeInformed()
        store(.save([MetaRow(.informed, [1])]), .nothing, &turn)
        _ = change(&turn) { (state, _) throws(ChangeError) in state.establish(id) }
    }

    /// What is on the disk was stored before there were clusters: its owner has one without a first write.
    private mutating func foundOverHeld(_ turn: inout Turn) {
        guard !isEstablished, isFirst, upkeep.areSumsKnown, !sums.all.isEmpty,
            membership.alivePeers.allSatisfy({ configuration.node < $0 })
        else { return }
        establish(&turn)
    }

    var isEstablished: Bool { gossip.state.identity.established != nil }

    mutating func layoutsChanged(_ turn: inout Turn) {
        let members = layouts.members
        membership.membersChanged(members, now: turn.now.monotonic)
        restartOperations(&turn)
        takeOver.restart()
        upkeep.wholeSince = nil
        upkeep.isForeignDue = true
        sums.holdersChanged()
        sessions = [:]
        if let newest = layouts.newest {
            turn.directives.append(.notice(.layoutChanged(newest.id)))
        }
    }

    // MARK: What this node says of itself

    /// Not before the disk is known to be as it was: it would hide what others remember.
    mutating func announce(_ turn: inout Turn) {
        guard isDiskTrusted else { return }
        var flags: NodeFlags = configuration.isStorage ? [.isStorage] : []
        if clock.isInDoubt { flags.insert(.clockInDoubt) }
        switch upkeep.departure {
        case .none: break
        case .handingOver: flags.insert(.isLeaving)
        case .telling, .goodbye, .gone: flags.formUnion([.isLeaving, .hasLeft])
        }
        if upkeep.lacksHolders { flags.insert(.lacksHolders) }
        var facts = NodeFacts(
            disk: disk, addresses: ownAddresses, zone: configuration.zone,
            weight: configuration.weight, capacityBytes: configuration.capacityBytes, flags: flags,
            programVersion: configuration.programVersion)
        facts.epoch = diskCheck.epoch
        let old = gossip.state.register(of: configuration.node)
        if let old, old.disk == disk { facts.synced = old.facts.synced }
        let declared = takeOver.declared
        _ = change(&turn) { (state, _) throws(ChangeError) in
            if let declared {
                facts.synced = facts.synced.isEmpty ? [declared] : state.synced(adding: declared)
            }
            return try state.announce(facts)
        }
    }

    private mutating func noteDoubt(_ change: HybridClock.DoubtChange?, _ turn: inout Turn) {
        guard change != nil else { return }
        turn.directives.append(.notice(.clockInDoubt(clock.isInDoubt)))
        announce(&turn)
    }

    var policy: WritePolicy { settings.policy }
}
