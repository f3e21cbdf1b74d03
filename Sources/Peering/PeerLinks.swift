internal import IPC
internal import Model

/// The connections between this gateway and those of other nodes: whom to dial, which of two
/// connections is the link, and what goes over it.
///
/// A link is made when there is something to send and left when it is not used. Of two gateways that
/// dial each other at once the one of the lower node id gets its connection.
struct PeerLinks: Sendable {
    var connections: [ConnectionID: PeerConnection] = [:]
    var peers: [NodeID: PeerState] = [:]
    /// Connections that carry contents: the driver's.
    var bulk: Set<ConnectionID> = []
    /// Bytes in all queues.
    var queuedByteCount = 0
    /// What became of dialed seeds since it was last taken.
    var seedResults: [(seed: Int, result: SeedResult)] = []
    var isDraining = false
    /// Whether something is under way that needs a close look at the time. Set where it begins and looked
    /// at anew with the clock: every frame asks for it.
    var isBusy = false
    private var nextID: UInt64 = 1

    enum SeedResult: Sendable {
        case reached(NodeID)
        case failed(String)
    }

    // MARK: Queries

    func link(to node: NodeID) -> PeerConnection? {
        peers[node]?.link.flatMap { connections[$0] }
    }

    var strangerCount: Int { connections.values.count { $0.state == .awaitingHello } }

    mutating func makeID() -> ConnectionID {
        defer { nextID += 1 }
        isBusy = true
        return ConnectionID(number: nextID)
    }

    // MARK: Sending

    mutating func send(_ part: PeerPart, _ context: inout PeerContext, now: Duration) {
        let node = part.node
        guard node != context.own.node, !isDraining, hasRoom(for: node) else {
            if part.part == 0 { context.journal.counts.messagesDropped += 1 }
            return
        }
        if peers[node]?.link == nil { isBusy = true }
        let budget = PeeringLimits.queuesByteCountMax - queuedByteCount
        let offer = withQueue(of: node) { $0.offer(part, budget: budget, now: now) }
        peers[node]?.lastUsed = now
        switch offer {
        case .taken: pump(node, &context, now: now)
        case .dropped(let isNews):
            if isNews {
                dropped(1, of: node, "more waits for it than a gateway keeps", &context, now: now)
            }
        }
        dialIfNeeded(node, &context, now: now)
    }

    private mutating func hasRoom(for node: NodeID) -> Bool {
        if peers[node] != nil { return true }
        guard peers.count < PeeringLimits.nodesMax else { return false }
        peers[node] = PeerState()
        return true
    }

    /// Changes a queue and keeps the sum of all.
    mutating func withQueue<Result>(
        of node: NodeID, _ body: (inout PeerQueue) -> Result
    ) -> Result {
        var queue = peers[node]?.queue ?? PeerQueue()
        let before = queue.byteCount
        // One owner while it changes: a copy of a queue would copy all that waits.
        peers[node]?.queue = PeerQueue()
        let result = body(&queue)
        queuedByteCount += queue.byteCount - before
        peers[node]?.queue = queue
        return result
    }

    mutating func dropped(
        _ count: Int, of node: NodeID, _ why: String, _ context: inout PeerContext, now: Duration
    ) {
        guard count > 0 else { return }
        context.journal.counts.messagesDropped += UInt64(count)
        peers[node]?.dropped += UInt64(count)
        guard peers[node]?.saidDropping == false else { return }
        peers[node]?.saidDropping = true
        context.note(
            "messages for node \(node) are dropped: \(why)", node: node,
            address: context.book.best(of: node), now: now)
    }

    /// Writes what the connection may take.
    mutating func pump(_ node: NodeID, _ context: inout PeerContext, now: Duration) {
        if let finishing = peers[node]?.finishing,
            !finish(node, over: finishing, &context, now: now)
        {
            return
        }
        guard let id = peers[node]?.link else { return }
        while let connection = connections[id],
            connection.unwritten < PeeringLimits.unwrittenByteCountMax,
            let frame = withQueue(of: node, { $0.next() })
        {
            write(id, frame, &context, now: now)
            used(id, node, now: now)
            if peers[node]?.queue.isMidMessage == false {
                context.journal.counts.messagesSent += 1
            }
        }
    }

    /// Sends the rest of a message over a connection that is left.
    /// - Returns: whether it is done.
    private mutating func finish(
        _ node: NodeID, over id: ConnectionID, _ context: inout PeerContext, now: Duration
    ) -> Bool {
        while peers[node]?.queue.isMidMessage == true {
            guard let connection = connections[id],
                connection.unwritten < PeeringLimits.unwrittenByteCountMax,
                let frame = withQueue(of: node, { $0.next() })
            else { return false }
            write(id, frame, &context, now: now)
        }
        context.journal.counts.messagesSent += 1
        peers[node]?.finishing = nil
        closeIfLeft(id, &context)
        return true
    }

    mutating func write(
        _ id: ConnectionID, _ bytes: [UInt8], _ context: inout PeerContext, now: Duration
    ) {
        connections[id]?.unwritten += bytes.count
        connections[id]?.lastSent = now
        context.directives.append(.write(id, bytes))
    }

    mutating func used(_ id: ConnectionID, _ node: NodeID, now: Duration) {
        connections[id]?.lastUsed = now
        peers[node]?.lastUsed = now
    }

    mutating func written(
        _ id: ConnectionID, _ byteCount: Int, _ context: inout PeerContext, now: Duration
    ) {
        guard connections[id] != nil else { return }
        connections[id]?.unwritten -= byteCount
        if let node = connections[id]?.node { pump(node, &context, now: now) }
    }

    // MARK: Ending

    /// Closes and forgets a connection, whatever it was to its node.
    mutating func close(_ id: ConnectionID, _ context: inout PeerContext) {
        guard let connection = connections.removeValue(forKey: id) else { return }
        context.directives.append(.close(id))
        detach(connection, &context)
    }

    /// A connection is gone: what it was to its node it is no more.
    mutating func detach(_ connection: PeerConnection, _ context: inout PeerContext) {
        guard let node = connection.node ?? connection.expected, peers[node] != nil else { return }
        let id = connection.id
        if peers[node]?.dial == id { peers[node]?.dial = nil }
        // While a message is finished elsewhere the link has sent nothing.
        let finishing = peers[node]?.finishing
        let wasSending = finishing == id || (finishing == nil && peers[node]?.link == id)
        if peers[node]?.link == id { peers[node]?.link = nil }
        if peers[node]?.finishing == id { peers[node]?.finishing = nil }
        if wasSending, withQueue(of: node, { $0.connectionEnded() }) {
            // Lost as the network loses: the other store has a part of it and waits for no more.
            context.journal.counts.messagesDropped += 1
            peers[node]?.dropped += 1
        }
    }

    /// Takes no new message over this connection; it closes when the other side has finished.
    mutating func leave(_ id: ConnectionID, _ context: inout PeerContext, now: Duration) {
        guard let connection = connections[id], connection.state == .current,
            let node = connection.node
        else { return }
        write(id, PeerFrame.bytes(.leave, Empty()), &context, now: now)
        stopUsing(id, of: node, now: now)
    }

    /// Closes a connection that both sides left, once nothing is under way in either direction: no byte
    /// can be lost then.
    mutating func closeIfLeft(_ id: ConnectionID, _ context: inout PeerContext) {
        guard let connection = connections[id], connection.state == .leaving,
            connection.gotLeave, !connection.incoming.isWithinMessage, let node = connection.node,
            peers[node]?.finishing != id
        else { return }
        close(id, &context)
    }

    /// What is under way on the connection is finished, and nothing more is begun.
    mutating func stopUsing(_ id: ConnectionID, of node: NodeID, now: Duration) {
        connections[id]?.enter(.leaving, now: now)
        isBusy = true
        guard peers[node]?.link == id else { return }
        peers[node]?.link = nil
        if peers[node]?.queue.isMidMessage == true { peers[node]?.finishing = id }
    }
}
