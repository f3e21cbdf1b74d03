internal import IPC
internal import Model

// What the passing of time does to connections.
extension PeerLinks {
    mutating func timePassed(_ context: inout PeerContext, now: Duration) {
        for id in connections.keys.sorted() { look(at: id, &context, now: now) }
        for node in peers.keys.sorted() {
            let late = withQueue(of: node) { $0.expire(now: now) }
            if late > 0 {
                let why = peers[node]?.problem ?? "it takes them too slowly"
                dropped(late, of: node, why, &context, now: now)
            }
            dialIfNeeded(node, &context, now: now)
            forgetIfUnused(node, now: now)
        }
        isBusy =
            connections.values.contains { $0.state != .current }
            || peers.values.contains { !$0.queue.isEmpty && $0.link == nil }
    }

    private mutating func look(
        at id: ConnectionID, _ context: inout PeerContext, now: Duration
    ) {
        guard let connection = connections[id] else { return }
        let age = now - connection.since
        switch connection.state {
        case .connecting:
            if age > PeeringLimits.dialMax { give(up: id, "no answer", &context, now: now) }
        case .greeting, .awaitingHello:
            if age > PeeringLimits.handshakeMax {
                give(up: id, "no handshake", &context, now: now)
            }
        case .current:
            if now - connection.lastReceived > PeeringLimits.silenceMax {
                return give(up: id, "silent", &context, now: now)
            }
            sayAlive(connection, &context, now: now)
            if now - connection.lastUsed > PeeringLimits.idleMax, connection.unwritten == 0 {
                leave(id, &context, now: now)
            }
        case .leaving:
            if age > PeeringLimits.leaveMax { give(up: id, "left", &context, now: now) }
        }
    }

    /// Not where bytes wait: they say it when they arrive.
    private mutating func sayAlive(
        _ connection: PeerConnection, _ context: inout PeerContext, now: Duration
    ) {
        guard now - connection.lastSent >= PeeringLimits.aliveInterval, connection.unwritten == 0
        else { return }
        write(connection.id, PeerFrame.bytes(.alive, Empty()), &context, now: now)
    }

    private mutating func give(
        up id: ConnectionID, _ reason: String, _ context: inout PeerContext, now: Duration
    ) {
        context.directives.append(.close(id))
        closed(id, reason, &context, now: now)
    }

    private mutating func forgetIfUnused(_ node: NodeID, now: Duration) {
        guard let peer = peers[node], peer.queue.isEmpty, !peer.queue.isMidMessage,
            peer.link == nil, peer.dial == nil, peer.finishing == nil,
            now - peer.lastUsed > PeeringLimits.idleMax
        else { return }
        peers[node] = nil
    }

    /// The gateway was stopped for a while: nobody was silent, it did not listen.
    mutating func paused(for pause: Duration) {
        for id in connections.keys {
            connections[id]?.lastReceived += pause
            connections[id]?.since += pause
        }
    }

    /// Leaves all links; nothing new is begun.
    mutating func drain(_ context: inout PeerContext, now: Duration) {
        guard !isDraining else { return }
        isDraining = true
        for id in connections.keys.sorted() {
            switch connections[id]?.state {
            case .connecting, .greeting, .awaitingHello: close(id, &context)
            case .current: leave(id, &context, now: now)
            case .leaving, nil: break
            }
        }
    }
}
