internal import IPC
internal import Model

// Taking connections, and what comes over them.
extension PeerLinks {
    /// Somebody connected. Says whether the driver may keep the connection.
    mutating func accepted(
        from address: PeerAddress, _ context: inout PeerContext, now: Duration
    ) -> ConnectionID? {
        guard context.admits(address) else {
            context.journal.counts.fromPublicAddresses += 1
            context.note(
                "a connection from a public address is not taken: without --cluster-key-file"
                    + " only private networks are", address: address, now: now)
            return nil
        }
        guard !isDraining, strangerCount < PeeringLimits.strangersMax,
            connections.count < PeeringLimits.connectionsMax
        else {
            context.journal.counts.connectionsRefused += 1
            return nil
        }
        let id = makeID()
        connections[id] = PeerConnection(
            id: id, isDialed: false, address: address, expected: nil, seed: nil,
            state: .awaitingHello, since: now, lastReceived: now, lastSent: now, lastUsed: now)
        return id
    }

    mutating func frameReceived(
        _ id: ConnectionID, _ header: FrameHeader, _ payload: RawSpan,
        _ context: inout PeerContext, now: Duration
    ) {
        guard let connection = connections[id] else { return }
        guard let type = PeerFrameType(rawValue: header.type), header.requestID == 0,
            header.flags.isEmpty
        else { return broken(id, "a frame of unknown kind", &context, now: now) }
        do throws(DecodeError) {
            switch (connection.state, type) {
            case (.awaitingHello, .hello): greeted(id, payload, &context, now: now)
            case (.greeting, .welcome):
                welcomed(id, try PeerWelcome(decoding: payload), &context, now: now)
            case (.greeting, .refusal):
                refused(id, try PeerRefusal(decoding: payload), &context, now: now)
            case (.current, .part), (.leaving, .part):
                partReceived(connection, try LinkPart(decoding: payload), &context, now: now)
            case (.current, .alive), (.leaving, .alive): _ = try Empty(decoding: payload)
            case (.current, .leave), (.leaving, .leave): left(connection, &context, now: now)
            default: broken(id, "a frame out of turn", &context, now: now)
            }
        } catch {
            broken(id, "a malformed frame", &context, now: now)
        }
    }

    /// The other side breaks the rules: nothing of it is believed any more.
    mutating func broken(
        _ id: ConnectionID, _ reason: String, _ context: inout PeerContext, now: Duration
    ) {
        guard let connection = connections[id] else { return }
        context.note(
            "a peer's connection is ended: \(reason)", node: connection.node ?? connection.expected,
            address: connection.address, now: now)
        context.directives.append(.close(id))
        closed(id, reason, &context, now: now)
    }

    // MARK: The hello

    private mutating func greeted(
        _ id: ConnectionID, _ payload: RawSpan, _ context: inout PeerContext, now: Duration
    ) {
        switch PeerHandshake.judge(payload, by: context.own) {
        case .nonsense: broken(id, "no hello of a gateway", &context, now: now)
        case .refused(let refusal, let node):
            if let address = connections[id]?.address {
                context.note(
                    "a connection is refused: \(refusal.sentence)", node: node, address: address,
                    now: now)
            }
            refuse(id, refusal, &context, now: now)
        case .fits(let hello):
            if let refusal = objection(to: hello, context) {
                return refuse(id, refusal, &context, now: now)
            }
            if hello.kind == .bulk { return welcomeBulk(id, hello, &context, now: now) }
            welcome(id, hello, &context, now: now)
        }
    }

    private mutating func refuse(
        _ id: ConnectionID, _ refusal: PeerRefusal, _ context: inout PeerContext, now: Duration
    ) {
        context.journal.counts.connectionsRefused += 1
        write(id, PeerFrame.bytes(.refusal, refusal), &context, now: now)
        close(id, &context)
    }

    /// Why a connection that a gateway may make is not the one to use.
    private func objection(to hello: PeerHello, _ context: PeerContext) -> PeerRefusal? {
        let own = context.own.node
        let node = hello.identity.node
        if isDraining { return PeerRefusal(.leaving, by: own, "node \(own)'s gateway leaves") }
        if hello.kind == .bulk {
            return bulk.count < PeeringLimits.bulkConnectionsMax
                ? nil : PeerRefusal(.busy, by: own, "node \(own) serves enough contents already")
        }
        guard let peer = peers[node] else {
            return peers.count < PeeringLimits.nodesMax
                ? nil : PeerRefusal(.busy, by: own, "node \(own) knows too many nodes")
        }
        if let present = link(to: node), let life = present.life {
            let theirs = hello.identity.life
            if life == theirs {
                // Who has seen the link and dials has lost it.
                return hello.linksSeen >= present.number
                    ? nil : PeerRefusal(.linked, by: own, "node \(own) has a link with \(node)")
            }
            if theirs.isNewer(than: life) { return nil }
            return PeerRefusal(
                .olderGateway, by: own,
                "node \(own) is linked with a newer gateway of node \(node), at"
                    + " \(present.address.host)")
        }
        // Both dial: the other side has this side's hello, or will have it.
        if let dial = peer.dial, connections[dial]?.state == .greeting, own < node {
            return PeerRefusal(.crossing, by: own, "node \(own) is dialing node \(node)")
        }
        return nil
    }

    private mutating func welcome(
        _ id: ConnectionID, _ hello: PeerHello, _ context: inout PeerContext, now: Duration
    ) {
        let node = hello.identity.node
        if peers[node] == nil { peers[node] = PeerState() }
        let life = hello.identity.life
        let number = max(peers[node]?.seen(by: life.number) ?? 0, hello.linksSeen) &+ 1
        let welcome = PeerHandshake.welcome(hello, by: context.own, number: number)
        write(id, PeerFrame.bytes(.welcome, welcome), &context, now: now)
        if let host = connections[id]?.address.host {
            let address = PeerAddress(host: host, port: hello.identity.peerPort)
            context.book.heard(node, at: address, from: .contact, now: now)
        }
        becomeCurrent(id, node, life, number, &context, now: now)
    }

    /// The connection carries contents: none of a link's rules is for it.
    private mutating func welcomeBulk(
        _ id: ConnectionID, _ hello: PeerHello, _ context: inout PeerContext, now: Duration
    ) {
        let welcome = PeerHandshake.welcome(hello, by: context.own, number: 0)
        write(id, PeerFrame.bytes(.welcome, welcome), &context, now: now)
        connections[id] = nil
        bulk.insert(id)
        context.directives.append(.bulk(id, hello.identity.node))
    }

    /// The connection is the link of the two gateways from here on.
    mutating func becomeCurrent(
        _ id: ConnectionID, _ node: NodeID, _ life: GatewayLife, _ number: UInt64,
        _ context: inout PeerContext, now: Duration
    ) {
        for other in [peers[node]?.link, peers[node]?.dial].compactMap({ $0 }) where other != id {
            close(other, &context)
        }
        connections[id]?.enter(.current, now: now)
        connections[id]?.node = node
        connections[id]?.life = life
        connections[id]?.number = number
        connections[id]?.lastReceived = now
        connections[id]?.lastUsed = now
        peers[node]?.link = id
        peers[node]?.dial = nil
        peers[node]?.linksSeen = number
        peers[node]?.seenLife = life.number
        peers[node]?.tried = []
        peers[node]?.backOffStep = 0
        peers[node]?.retryAt = nil
        peers[node]?.saidDropping = false
        peers[node]?.problem = nil
        peers[node]?.lastUsed = now
        context.directives.append(.found(node))
        makeRoom(besides: id, &context, now: now)
        pump(node, &context, now: now)
    }

    /// Of too many links the one that was not used for the longest is left.
    private mutating func makeRoom(
        besides id: ConnectionID, _ context: inout PeerContext, now: Duration
    ) {
        let current = connections.values.filter { $0.state == .current && $0.id != id }
        guard current.count >= PeeringLimits.linksMax,
            let idle = current.min(by: { ($0.lastUsed, $0.id) < ($1.lastUsed, $1.id) })
        else { return }
        leave(idle.id, &context, now: now)
    }

    // MARK: The link

    private mutating func partReceived(
        _ connection: PeerConnection, _ part: LinkPart, _ context: inout PeerContext, now: Duration
    ) {
        guard let node = connection.node else { return }
        let admitted =
            connections[connection.id]?.incoming
            .admits(message: part.message, part: part.part, isLast: part.isLast) ?? false
        guard admitted else { return }
        if part.part == 0 { breakOffOthers(of: node, besides: connection.id) }
        used(connection.id, node, now: now)
        if part.isLast { context.journal.counts.messagesReceived += 1 }
        context.directives.append(
            .deliver(
                PeerPart(
                    node: node, channel: .connection, message: part.message, part: part.part,
                    isLast: part.isLast, bytes: part.bytes)))
        closeIfLeft(connection.id, &context)
    }

    /// A message begins: of one that another connection of the node has left open, such as that of a
    /// gateway which is being replaced, no part may come in between.
    private mutating func breakOffOthers(of node: NodeID, besides id: ConnectionID) {
        for other in connections.values
        where other.node == node && other.id != id && other.incoming.isWithinMessage {
            connections[other.id]?.incoming.breakOff()
        }
    }

    /// The other side takes no new message here.
    private mutating func left(
        _ connection: PeerConnection, _ context: inout PeerContext, now: Duration
    ) {
        guard let node = connection.node else { return }
        connections[connection.id]?.gotLeave = true
        leave(connection.id, &context, now: now)
        closeIfLeft(connection.id, &context)
        pump(node, &context, now: now)
        dialIfNeeded(node, &context, now: now)
    }

    /// The connection is gone, by the other side or the network.
    mutating func closed(
        _ id: ConnectionID, _ reason: String, _ context: inout PeerContext, now: Duration
    ) {
        guard let connection = connections.removeValue(forKey: id) else { return }
        detach(connection, &context)
        switch connection.state {
        case .connecting, .greeting: dialEnded(connection, reason, &context, now: now)
        case .awaitingHello: break
        case .current, .leaving:
            guard let node = connection.node, peers[node]?.link == nil else { return }
            peers[node]?.problem = connection.problem(reason)
            // A link that ends as soon as it is made is not made again in a loop.
            if now - connection.since < PeeringLimits.backOffMin {
                peers[node]?.retryAt = now + context.jittered(PeeringLimits.backOffMin)
            }
            dialIfNeeded(node, &context, now: now)
        }
    }
}
