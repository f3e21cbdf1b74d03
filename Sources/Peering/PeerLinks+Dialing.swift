internal import IPC
internal import Model

// Making connections.
extension PeerLinks {
    /// Dials a node for which something waits, unless there is a link, a dial or a wait.
    mutating func dialIfNeeded(_ node: NodeID, _ context: inout PeerContext, now: Duration) {
        guard !isDraining, let peer = peers[node], !peer.queue.isEmpty, peer.link == nil,
            peer.dial == nil, peer.retryAt.map({ $0 <= now }) ?? true,
            connections.count < PeeringLimits.connectionsMax
        else { return }
        peers[node]?.retryAt = nil
        let known = context.book.candidates(of: node).map(\.address)
            .filter { context.admits($0) }
        guard !known.isEmpty else {
            peers[node]?.retryAt = now + PeeringLimits.noAddressWait
            peers[node]?.problem = "no address of it is known"
            return
        }
        guard let address = known.first(where: { !peer.tried.contains($0) }) else {
            return backOff(node, &context, now: now)
        }
        let id = makeID()
        connections[id] = PeerConnection(
            id: id, isDialed: true, address: address, expected: node, seed: nil,
            state: .connecting, since: now, lastReceived: now, lastSent: now, lastUsed: now)
        peers[node]?.dial = id
        context.directives.append(.dial(id, address))
    }

    /// All addresses of the node failed: a wait, and then all of them again.
    private mutating func backOff(_ node: NodeID, _ context: inout PeerContext, now: Duration) {
        let step = peers[node]?.backOffStep ?? 0
        // 2^6 × 100 ms is above the limit.
        let wait = min(
            PeeringLimits.backOffMin * (1 << min(step, 6)), PeeringLimits.backOffMax)
        peers[node]?.backOffStep = step + 1
        peers[node]?.tried = []
        peers[node]?.retryAt = now + context.jittered(wait)
    }

    /// Dials an address of which it is not known who is there.
    mutating func dialSeed(
        _ seed: Int, _ address: PeerAddress, _ context: inout PeerContext, now: Duration
    ) {
        guard !isDraining, connections.count < PeeringLimits.connectionsMax else {
            return seedResults.append((seed, .failed("too many connections")))
        }
        let id = makeID()
        connections[id] = PeerConnection(
            id: id, isDialed: true, address: address, expected: nil, seed: seed,
            state: .connecting, since: now, lastReceived: now, lastSent: now, lastUsed: now)
        context.directives.append(.dial(id, address))
    }

    mutating func opened(_ id: ConnectionID, _ context: inout PeerContext, now: Duration) {
        guard let connection = connections[id], connection.state == .connecting else { return }
        connections[id]?.enter(.greeting, now: now)
        connections[id]?.lastReceived = now
        let seen = connection.expected.flatMap { peers[$0]?.linksSeen } ?? 0
        let hello = PeerHello(identity: context.own, kind: .control, linksSeen: seen)
        write(id, PeerFrame.bytes(.hello, hello), &context, now: now)
    }

    mutating func dialFailed(
        _ id: ConnectionID, _ reason: String, _ context: inout PeerContext, now: Duration
    ) {
        guard let connection = connections.removeValue(forKey: id) else { return }
        detach(connection, &context)
        dialEnded(connection, reason, &context, now: now)
    }

    /// A dialed connection came to nothing: the next address, or a wait.
    mutating func dialEnded(
        _ connection: PeerConnection, _ reason: String, _ context: inout PeerContext,
        now: Duration
    ) {
        if let seed = connection.seed { seedResults.append((seed, .failed(reason))) }
        guard let node = connection.expected, peers[node] != nil else { return }
        context.book.failed(node, at: connection.address)
        peers[node]?.tried.insert(connection.address)
        peers[node]?.problem = connection.problem(reason)
        dialIfNeeded(node, &context, now: now)
    }

    // MARK: The answer to a hello

    mutating func welcomed(
        _ id: ConnectionID, _ welcome: PeerWelcome, _ context: inout PeerContext, now: Duration
    ) {
        guard let connection = connections[id] else { return }
        let node = welcome.node
        guard PeerVersions.link.contains(welcome.linkVersion),
            PeerVersions.message.contains(welcome.messageVersion), node != context.own.node
        else { return broken(id, "a welcome that fits no hello", &context, now: now) }
        if let expected = connection.expected, expected != node {
            context.book.remove(expected, at: connection.address)
            context.book.heard(node, at: connection.address, from: .discovery, now: now)
            connections[id] = nil
            context.directives.append(.close(id))
            detach(connection, &context)
            return dialEnded(
                connection, "node \(node) is there, not \(expected)", &context, now: now)
        }
        if peers[node] == nil { peers[node] = PeerState() }
        if let seed = connection.seed { seedResults.append((seed, .reached(node))) }
        context.book.succeeded(node, at: connection.address, now: now)
        guard isPreferred(welcome, to: link(to: node), context) else {
            // Both came about at once: the other side keeps that one, too.
            connections[id] = nil
            context.directives.append(.close(id))
            return detach(connection, &context)
        }
        becomeCurrent(id, node, welcome.life, welcome.number, &context, now: now)
    }

    /// Whether the connection that was dialed here and is welcome there takes the place of `present`.
    private func isPreferred(
        _ welcome: PeerWelcome, to present: PeerConnection?, _ context: PeerContext
    ) -> Bool {
        guard let present, let life = present.life else { return true }
        if life != welcome.life { return !life.isNewer(than: welcome.life) }
        // Whoever welcomes knows of no other that was dialed here; of two that were dialed from
        // both sides the one of the lower node stays.
        return present.isDialed || context.own.node < welcome.node
    }

    mutating func refused(
        _ id: ConnectionID, _ refusal: PeerRefusal, _ context: inout PeerContext, now: Duration
    ) {
        if refusal.code == .clusterKey, context.isOpenNetwork {
            return keyFailed(id, .ownMissing, &context, now: now)
        }
        guard let connection = connections.removeValue(forKey: id) else { return }
        context.directives.append(.close(id))
        detach(connection, &context)
        let node = connection.expected
        if !refusal.code.isTransient {
            context.note(
                "refused: \(refusal.sentence)", node: node, address: connection.address, now: now)
        }
        if let seed = connection.seed {
            // Whoever says that there is a link already is who was looked for.
            let isReached = refusal.code.isTransient && refusal.node != context.own.node
            if isReached {
                context.book.heard(
                    refusal.node, at: connection.address, from: .join, now: now)
            }
            seedResults.append(
                (seed, isReached ? .reached(refusal.node) : .failed(refusal.sentence)))
        }
        guard let node, peers[node] != nil else { return }
        peers[node]?.problem = connection.problem(refusal.sentence)
        if refusal.code.isTransient || refusal.code == .olderGateway || refusal.code == .busy {
            let wait =
                refusal.code.isTransient
                ? PeeringLimits.backOffMin : PeeringLimits.backOffMin * 10
            peers[node]?.retryAt = now + context.jittered(wait)
            return
        }
        // Another address of the node may be its own, where this one is somebody else's.
        if refusal.code == .sameNode {
            context.book.remove(node, at: connection.address)
        } else {
            context.book.failed(node, at: connection.address)
        }
        failedForLong(connection, node, &context, now: now)
    }

    /// What people have to settle: the other addresses of the node at once, all of them after a long wait.
    private mutating func failedForLong(
        _ connection: PeerConnection, _ node: NodeID, _ context: inout PeerContext, now: Duration
    ) {
        peers[node]?.tried.insert(connection.address)
        let isLast = context.book.candidates(of: node)
            .allSatisfy { peers[node]?.tried.contains($0.address) ?? true }
        if isLast {
            peers[node]?.tried = []
            peers[node]?.retryAt = now + context.jittered(PeeringLimits.refusedBackOff)
        } else {
            dialIfNeeded(node, &context, now: now)
        }
    }

    // MARK: Cluster keys

    /// The two sides have not the same cluster key: nothing was said, and trying again at once would
    /// change nothing.
    mutating func keyFailed(
        _ id: ConnectionID, _ problem: KeyProblem, _ context: inout PeerContext, now: Duration
    ) {
        guard let connection = connections.removeValue(forKey: id) else { return }
        context.directives.append(.close(id))
        detach(connection, &context)
        switch problem {
        case .otherKey: context.journal.counts.connectionsOfOtherKeys += 1
        case .theirsMissing: context.journal.counts.connectionsWithoutKey += 1
        case .ownMissing: context.journal.counts.connectionsWithKey += 1
        case .nonsense: context.journal.counts.connectionsOfNobody += 1
        }
        let node = connection.expected
        if problem != .nonsense {
            context.note(problem, node: node, at: connection.address, now: now)
        }
        guard connection.isDialed else { return context.journal.counts.connectionsRefused += 1 }
        // Which it is was said above.
        if let seed = connection.seed {
            seedResults.append((seed, .failed("the cluster keys do not fit")))
        }
        guard let node, peers[node] != nil else { return }
        context.book.failed(node, at: connection.address)
        peers[node]?.problem = problem.sentence(node: node, host: connection.address.host)
        failedForLong(connection, node, &context, now: now)
    }
}

extension PeerLinks {
    /// The node said that it is there: what waits for it is sent at once, at whatever address.
    mutating func nodeHeard(_ node: NodeID, _ context: inout PeerContext, now: Duration) {
        guard peers[node] != nil, peers[node]?.dial == nil else { return }
        peers[node]?.retryAt = nil
        peers[node]?.tried = []
        peers[node]?.backOffStep = 0
        dialIfNeeded(node, &context, now: now)
    }
}
