package import IPC
package import Model

/// All that a gateway does with other nodes' gateways: it finds them, keeps connections with them, and
/// carries the messages of the stores, whose bytes it does not read.
///
/// A value: events, the time and (once) a seed in; directives out, which the driver takes after each
/// event. `now` is a duration since any fixed moment.
package struct PeerExchange: Sendable {
    package struct Configuration: Sendable {
        package var identity: GatewayIdentity
        /// Whether this node announces itself and asks for others.
        package var discovers: Bool
        /// What --join named, as it was given.
        package var seeds: [String]
        /// What the cluster key is used for. Nil, an open network: peers from private networks alone.
        package var authenticator: PeerAuthenticator?

        package init(
            identity: GatewayIdentity, discovers: Bool, seeds: [String],
            authenticator: PeerAuthenticator?
        ) {
            self.identity = identity
            self.discovers = discovers
            self.seeds = seeds
            self.authenticator = authenticator
        }
    }

    let discovers: Bool
    let clusterTag: UInt64
    var context: PeerContext
    var links = PeerLinks()
    var discovery = Discovery()
    var seeds: Seeds
    var held = HeldDatagrams()
    private var lastTick: Duration?

    package init(_ configuration: Configuration, seed: UInt64) {
        discovers = configuration.discovers
        clusterTag = MembershipDatagram.tag(of: configuration.identity.cluster)
        context = PeerContext(
            own: configuration.identity, authenticator: configuration.authenticator, seed: seed)
        seeds = Seeds(names: configuration.seeds)
    }

    /// What is to be done, in order; taken once.
    package mutating func takeDirectives() -> [PeerDirective] {
        defer { context.directives = [] }
        return context.directives
    }

    // MARK: Time

    package mutating func start(now: Duration) {
        if context.isOpenNetwork {
            context.say(
                .warning,
                "open network: without --cluster-key-file every machine of the private networks here"
                    + " can join the cluster \"\(context.own.cluster)\", read and change all of it;"
                    + " clusterfctl keygen makes a key")
        }
        if discovers { discovery.start(now: now) }
        timePassed(now: now)
    }

    /// When `timePassed` is due again at the latest.
    package var nextTick: Duration {
        links.isBusy || discovery.isStarting || seeds.isBusy
            ? .milliseconds(50) : .milliseconds(500)
    }

    package mutating func timePassed(now: Duration) {
        if let lastTick, now - lastTick > nextTick + PeeringLimits.pauseMin {
            links.paused(for: now - lastTick)
        }
        lastTick = now
        if !links.isDraining, let datagram = discovery.timePassed(&context, now: now) {
            broadcast(datagram, now: now)
        }
        held.expire(&context.journal, now: now)
        links.timePassed(&context, now: now)
        if !links.isDraining { lookAtSeeds(now: now) }
    }

    private mutating func lookAtSeeds(now: Duration) {
        takeSeedResults(now: now)
        let links = links
        let neighbours = discovery.neighbours
        let steps = seeds.due(now: now) { node in
            let heard = [
                neighbours[node]?.lastHeard, links.link(to: node)?.lastReceived,
                links.peers[node]?.lastUsed,
            ]
            return heard.compactMap { $0 }.max()
        }
        for step in steps {
            switch step {
            case .resolve(let seed): context.directives.append(.resolve(seed: seed))
            case .dial(let seed, let address):
                self.links.dialSeed(seed, address, &context, now: now)
            }
        }
    }

    private mutating func takeSeedResults(now: Duration) {
        guard !links.seedResults.isEmpty else { return }
        let results = links.seedResults
        links.seedResults = []
        for (seed, result) in results {
            switch result {
            case .reached(let node): seeds.reached(seed, node, &context, now: now)
            case .failed(let why): seeds.failed(seed, why, &context, now: now)
            }
        }
    }

    package mutating func seedResolved(
        _ seed: Int, _ result: Result<[PeerAddress], SeedProblem>, now: Duration
    ) {
        seeds.resolved(seed, result, &context, now: now)
        lookAtSeeds(now: now)
    }

    /// What --join named at this place.
    package func seedName(_ seed: Int) -> String? {
        seeds.seeds.indices.contains(seed) ? seeds.seeds[seed].name : nil
    }

    // MARK: The store

    /// A store has taken the link: it hears of everybody who is within reach.
    package mutating func storeAttached(now: Duration) {
        let linked = links.peers.filter { $0.value.link != nil }.keys
        for node in Set(discovery.present(now: now)).union(linked).sorted() {
            context.directives.append(.found(node))
        }
    }

    /// The store sends a part of a message.
    package mutating func sendRequested(_ part: PeerPart, now: Duration) {
        switch part.channel {
        case .connection: links.send(part, &context, now: now)
        case .datagram: sendDatagram(part, now: now)
        }
    }

    /// The store says where nodes are.
    package mutating func bookTold(_ entries: [PeerBook.Entry], now: Duration) {
        for entry in entries where entry.node != context.own.node {
            context.book.told(entry.node, entry.addresses, now: now)
        }
    }

    // MARK: Connections

    /// Somebody connected; nil: the driver closes it.
    package mutating func accepted(from address: PeerAddress, now: Duration) -> ConnectionID? {
        links.accepted(from: address, &context, now: now)
    }

    /// The connection is up, and encrypted where there is a cluster key.
    package mutating func opened(_ id: ConnectionID, now: Duration) {
        links.opened(id, &context, now: now)
    }

    package mutating func dialFailed(_ id: ConnectionID, _ reason: String, now: Duration) {
        links.dialFailed(id, reason, &context, now: now)
        takeSeedResults(now: now)
    }

    /// The two sides have not the same cluster key, or one of them has none; nothing was said over the
    /// connection, which the driver closes.
    package mutating func keyFailed(_ id: ConnectionID, _ problem: KeyProblem, now: Duration) {
        links.keyFailed(id, problem, &context, now: now)
        takeSeedResults(now: now)
    }

    /// The encrypted handshake came to nothing, for no reason that the other side's key would be.
    package mutating func handshakeFailed(_ id: ConnectionID, now: Duration) {
        guard let connection = links.connections[id] else { return }
        guard connection.isDialed else { return keyFailed(id, .nonsense, now: now) }
        dialFailed(id, "the encrypted handshake failed", now: now)
    }

    /// Bytes came, of which no whole frame may have.
    package mutating func bytesReceived(_ id: ConnectionID, now: Duration) {
        links.connections[id]?.lastReceived = now
    }

    package mutating func frameReceived(
        _ id: ConnectionID, _ header: FrameHeader, _ payload: RawSpan, now: Duration
    ) {
        links.frameReceived(id, header, payload, &context, now: now)
        takeSeedResults(now: now)
    }

    /// Bytes that are no frame, or more of them than a stranger may send.
    package mutating func nonsenseReceived(_ id: ConnectionID, now: Duration) {
        links.broken(id, "bytes that are no frame", &context, now: now)
    }

    /// How many bytes of an incomplete frame the connection may keep.
    package func pendingByteCountMax(_ id: ConnectionID) -> Int {
        switch links.connections[id]?.state {
        case .current, .leaving: IPCLimits.frameByteCountMax
        case .connecting, .greeting, .awaitingHello, nil: PeeringLimits.helloByteCountMax
        }
    }

    /// Whether directives still concern this connection.
    package func isOpen(_ id: ConnectionID) -> Bool { links.connections[id] != nil }

    package mutating func written(_ id: ConnectionID, byteCount: Int, now: Duration) {
        links.written(id, byteCount, &context, now: now)
    }

    package mutating func closed(_ id: ConnectionID, _ reason: String, now: Duration) {
        links.closed(id, reason, &context, now: now)
        takeSeedResults(now: now)
    }

    /// A connection for contents is closed.
    package mutating func bulkEnded(_ id: ConnectionID) { links.bulk.remove(id) }

    // MARK: What connections for contents are dialed with

    /// The hello of a connection that fetches contents.
    package var bulkHello: PeerHello {
        PeerHello(identity: context.own, kind: .bulk, linksSeen: 0)
    }

    /// Where a node may be reached, the most promising first.
    package func addresses(of node: NodeID) -> [PeerAddress] {
        context.book.candidates(of: node).map(\.address).filter { context.admits($0) }
    }

    // MARK: Leaving

    /// This gateway is replaced, or its node stops: nothing new is begun.
    package mutating func drain(now: Duration) { links.drain(&context, now: now) }

    /// Whether nothing is under way any more.
    package var isDrained: Bool { links.isDraining && links.connections.isEmpty }
}
