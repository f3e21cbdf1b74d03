internal import Cluster
internal import IPC
internal import Loop
internal import Membership
internal import Model
internal import Posix
internal import Replication
internal import Transfer

// The brain at work: its events, and what it wants done.
extension Store {
    var clusterNow: Now {
        Now(
            monotonic: loop.now,
            wallMilliseconds: UInt64(max(0, WallClock.now.nanoseconds / 1_000_000)))
    }

    /// Hands an event to the brain and does what follows. Within the doing of another event it waits
    /// for its turn: directives are done in the order in which they were said.
    func clusterEvent(
        _ event: (
            inout ClusterNode, Now, inout SplitMix64, inout [NodeDirective]
        ) -> Void
    ) {
        guard !cluster.isStopped else { return }
        cluster.handle(event, clusterNow)
        performQueue()
    }

    func performQueue() {
        guard !cluster.isPerforming else { return }
        cluster.isPerforming = true
        while !cluster.queue.isEmpty {
            let batch = cluster.queue
            cluster.queue = []
            for directive in batch where cluster.durability.admit(directive) {
                perform(directive)
            }
        }
        cluster.isPerforming = false
        armWake()
        obeySpaceSettings()
        obeyQuotas()
        checkRepair()
        clearPassedWarnings()
        if !cluster.early.isEmpty, cluster.node.hasBegun { askEarly() }
    }

    private func obeySpaceSettings() {
        let settings = cluster.node.clusterSettings
        obey(scrubRate: settings.scrubRate)
        let wanted = (reserve: settings.diskReservePercent, trash: settings.trashPercent)
        if let obeyed = cluster.spaceSettings, obeyed == wanted { return }
        cluster.spaceSettings = wanted
        do throws(PosixError) {
            engine.space.set(
                total: try Directory.space(of: engine.directory.root).total,
                reservePercent: wanted.reserve, trashPercent: wanted.trash)
        } catch {
            Log.error("the size of the disk cannot be asked for", ["error": "\(error)"])
        }
    }

    private func perform(_ directive: NodeDirective) {
        switch directive {
        case .send(let message, let peer): transmit(message, to: peer)
        case .storage(let ticket, let request): execute(request, ticket)
        case .answer(let ticket, let answer):
            cluster.clients.removeValue(forKey: ticket)?(answer)
        case .renewDisk(let disk): renewDisk(disk)
        case .notice(let notice): noticed(notice)
        case .located(let nodes): tellBook(of: nodes)
        case .changed(let changes): tellWatchers(changes)
        }
    }

    /// The store is about to stop on purpose: peers ask it for nothing until it is back.
    func sayRestarting() {
        clusterEvent { node, now, _, directives in
            _ = node.restart(now, into: &directives)
        }
    }

    // MARK: Time

    func armWake() {
        let deadline = cluster.node.nextDeadline
        if let armed = cluster.wakeAt, armed <= deadline, cluster.wake?.isPending == true { return }
        let delay = max(.zero, deadline - loop.now)
        cluster.wakeAt = deadline
        if let wake = cluster.wake, wake.isPending { return wake.reschedule(after: delay) }
        do {
            cluster.wake = try loop.schedule(after: delay) { [weak self] in
                self?.assumeIsolated { $0.woken() }
            }
        } catch {
            // Without its timer the node would be taken for dead; a new life has one.
            Log.error("no timer for the cluster", ["error": "\(error)"])
            ProcessEnd.now(ProcessEnd.crashed)
        }
    }

    private func woken() {
        cluster.wakeAt = nil
        clusterEvent { node, now, generator, directives in
            node.timePassed(now, using: &generator, into: &directives)
        }
    }

    // MARK: Clients

    /// Asks the brain; `answer` is called once.
    func askCluster(_ request: ClientRequest, _ answer: @escaping ClusterSide.Answer) {
        guard cluster.node.hasBegun else {
            let isTaken = whenBegun { self.askCluster(request, answer) }
            return isTaken ? () : answer(.unavailable(.notReady))
        }
        cluster.nextTicket += 1
        let ticket = ClientTicket(number: cluster.nextTicket)
        cluster.clients[ticket] = answer
        clusterEvent { node, now, generator, directives in
            node.asked(request, ticket, now, using: &generator, into: &directives)
        }
    }

    /// Does `body` when the brain's life is durable.
    /// - Returns: false where too much waits for that.
    func whenBegun(_ body: @escaping () -> Void) -> Bool {
        guard cluster.early.count < StoreLimits.earlyRequestsMax else { return false }
        cluster.early.append(body)
        return true
    }

    private func askEarly() {
        let early = cluster.early
        cluster.early = []
        // What a life begins with comes first: requests that find it undone wait for the next tick.
        clusterEvent { node, now, generator, directives in
            node.timePassed(now, using: &generator, into: &directives)
        }
        for ask in early { ask() }
    }

    // MARK: The disk

    private func execute(_ request: StorageRequest, _ ticket: StorageTicket) {
        guard request.changes else {
            // Readers do not see what the brain has heard of.
            if cluster.durability.isClosed, request.isShortQuestion {
                return submit(request, [], ticket)
            }
            return askStorage(request, at: loop.now, ticket)
        }
        guard case .replica(let replica) = request else {
            return submit(request, [], ticket)
        }
        let named = replica.neededContents
        // A read writes back what this disk had missed, a move comes from others: the content comes first.
        let missing = (named.required + named.wanted).filter {
            cluster.shelf[$0.object] == nil && !cluster.known.contains($0.object)
        }
        guard !missing.isEmpty, let partition = replica.partition else {
            return submit(request, named.required + named.wanted, ticket)
        }
        fetchFirst(missing, for: partition) {
            self.submit(request, named.required + named.wanted, ticket)
        }
    }

    private func submit(
        _ request: StorageRequest, _ named: [NamedContent], _ ticket: StorageTicket
    ) {
        var contents: [ObjectID: NewContent] = [:]
        for content in named {
            guard let shelved = cluster.shelf[content.object] else { continue }
            contents[content.object] = shelved
            cluster.shelf.pin(content.object)
        }
        submitStorage(
            StorageJob(request, contents: contents, at: loop.now), ticket, Array(contents.keys))
    }

    /// The disk has done it, durably where it changes something.
    func storageDone(_ ticket: StorageTicket, _ answer: StorageAnswer, _ objects: [ObjectID]) {
        contentsDone(objects)
        storageAnswered(ticket, answer)
    }

    /// What came along with a request is durable.
    func contentsDone(_ objects: [ObjectID]) {
        for object in objects {
            if case .staged = cluster.shelf[object] { noteAdoption(object) }
            cluster.shelf.unpin(object, now: loop.now)
        }
    }

    /// Answers that came ahead up to `number` are durable: what the brain has said since may leave.
    func storageDurable(_ number: UInt64) {
        let released = cluster.durability.isDurable(number)
        guard !released.isEmpty else { return }
        precondition(!cluster.isPerforming, "commits are told by the loop alone")
        // What they lead to waits for its turn.
        cluster.isPerforming = true
        for directive in released { perform(directive) }
        cluster.isPerforming = false
        performQueue()
    }

    func storageAnswered(_ ticket: StorageTicket, _ answer: StorageAnswer) {
        clusterEvent { node, now, generator, directives in
            node.stored(ticket, answer, now, using: &generator, into: &directives)
        }
    }

    /// A staging file that a version took is the disk's: it is moved, and goes with its last version.
    private func noteAdoption(_ object: ObjectID) {
        askDisk(.lacking([object])) { answer in
            if case .success(.lacking([])) = answer { self.cluster.shelf.adopted(object) }
        }
    }

    /// What the brain asked cannot be read: a new life looks again.
    func storageFailed(_ ticket: StorageTicket, _ error: RemoteError) {
        Log.error("the cluster's tables cannot be read", ["why": "\(error)"])
        ProcessEnd.now(ProcessEnd.crashed)
    }

    /// The disk came back as an older state of itself: it goes on as a new one, in a new life.
    private func renewDisk(_ disk: DiskID) {
        Log.warning("the disk is an old state of itself and becomes a new one", ["disk": disk.hex])
        cluster.isStopped = true
        engine.writer.submit(.renewDisk(disk))
        engine.end()
        ProcessEnd.now(ProcessEnd.crashed)
    }

    // MARK: Notices

    private func warn(_ cause: PassingWarnings.Cause, _ text: String) {
        guard cluster.passing.seen(cause, now: loop.now) else { return }
        engine.warnings.set(cause.subject, text)
    }

    private func clearPassedWarnings() {
        guard !cluster.passing.isEmpty else { return }
        let own = cluster.node.cluster?.hex
        let over = cluster.passing.takeOver(now: loop.now) { cause in
            if case .cluster(let cluster) = cause { cluster == own } else { false }
        }
        for cause in over { engine.warnings.clear(cause.subject) }
    }

    /// What waits for the node's answer goes on without it.
    private func peerLeft(_ node: NodeID) {
        offerEvent { offers, _, directives in offers.left(node, into: &directives) }
    }

    private func noticed(_ notice: NodeNotice) {
        tell(notice)
        switch notice {
        case .peerChanged(let node, let state):
            Log.notice("a node is \(state)", ["node": node.name])
            if [PeerState.dead, .left].map(\.name).contains(state) { peerLeft(node) }
        case .peerRejoined(let node): peerLeft(node)
        case .peerRestarting(let node, let isRestarting):
            if isRestarting { peerLeft(node) }
            Log.info(
                isRestarting ? "a node's store restarts" : "a node's store is back",
                ["node": node.name])
            rollingHeard(of: node, isRestarting: isRestarting)
        case .duplicateNode(let node):
            warn(
                .twins(node), "two nodes have the id \(node.name): give one another --node-id")
        case .foreignCluster(let cluster, let node):
            warn(
                .cluster(cluster.hex),
                "another cluster of this name is on the network (seen: \(node.name)); they do not "
                    + "merge by themselves: clusterfctl join --merge \(cluster.hex) makes this one "
                    + "part of that")
        case .clockInDoubt(let isInDoubt):
            if isInDoubt {
                engine.warnings.set(
                    "clock",
                    "this machine's clock is more than a minute off those of its peers: set it")
            } else {
                engine.warnings.clear("clock")
            }
        case .layoutChanged(let layout): Log.info("a new layout", ["layout": layout.hex])
        case .layoutSynced(let layout): Log.info("the layout is synced", ["layout": layout.hex])
        case .tookOut(let node):
            Log.warning("a dead node was taken out of the layout", ["node": node.name])
        case .tookOutByForce(let node):
            Log.warning("a node was taken out of the layout by force", ["node": node.name])
        case .mayStop:
            // Until it is stopped: what it answers is explained by that.
            engine.warnings.set(
                "left",
                "this node has left the cluster and may be stopped; started again it joins again")
        case .diskRolledBack(let disk):
            Log.warning("the disk was set back to an older state", ["disk": disk.hex])
        case .stays: Log.notice("all members asked to leave: this one stays")
        case .damaged(let path):
            Log.warning(
                "a copy here lacks its content, or failed its check: it is fetched from another node",
                ["path": "\(path)"])
        case .repaired(let path): Log.notice("a copy is good again", ["path": "\(path)"])
        case .noGoodCopy(let path): Log.error("no good copy is in reach", ["path": "\(path)"])
        }
    }
}
