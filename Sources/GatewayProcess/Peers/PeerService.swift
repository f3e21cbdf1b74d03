internal import Absence
internal import IPC
internal import Model
internal import NIOCore
internal import NIOPosix
internal import PeerKeys
internal import Peering
internal import Posix

/// The peers' part of a gateway: sockets, clock and chance around `PeerExchange`, on a loop of its own,
/// so that what clients do cannot keep the cluster's messages waiting.
///
/// ```
///   TCP, UDP ──events──▶ PeerExchange ──directives──▶ TCP, UDP
///                          ▲      │
///                peerSend, │      │ peerReceived,
///                peerBook  │      ▼ peerFound
///                        PeerStoreLink
/// ```
final class PeerService: PeerStoreDelegate {
    /// What the supervisor handed down, by number; each is owned by whoever takes it.
    struct Sockets: Sendable {
        var listeners: [Int32] = []
        var datagrams: [Int32] = []
        var discovery: [Int32] = []
    }

    private let loop: any EventLoop
    private let pool: NIOThreadPool
    private let network: PeerNetwork
    /// Nil without a cluster key.
    private let tls: PeerTLS?
    /// What who speaks without this node's kind of network is told.
    private let keyRefusal: PeerRefusal
    private var exchange: PeerExchange
    private var link: PeerStoreLink?
    private var absentStore = AbsentStore()
    private var channels: [ConnectionID: PeerChannel] = [:]
    /// Contents in both directions; nil in a test that has none.
    private var contents: ContentService?
    private var listeners: [any Channel] = []
    private var readers: [any Channel] = []
    /// What the store was told last, and when it was compared.
    private var toldAddresses: [PeerAddress] = []
    private var addressesSeenAt: Duration = .zero
    private var isPerforming = false
    private var isDraining = false
    private var isEnded = false
    private var whenDrained: (() -> Void)?
    private var tick: Scheduled<Void>?
    private var tickAt: Duration = .zero

    /// - Parameter sockets: all are taken over.
    /// - Throws: where a socket of the peer port is none.
    init(
        loop: any EventLoop, settings: PeerSettings, generation: UInt64, seed: UInt64,
        pool: NIOThreadPool, connector: any PeerStoreConnector, sockets: Sockets,
        interfaces: @escaping () throws(PosixError) -> [NetworkInterface] = NetworkInterface.all
    ) throws(PosixError) {
        self.loop = loop
        self.pool = pool
        network = try PeerNetwork(
            sockets: try PeerService.copies(of: sockets.datagrams),
            discovery: try PeerService.copies(of: sockets.discovery), settings: settings,
            interfaces: interfaces)
        var generator = SplitMix64(seed: seed)
        let identity = GatewayIdentity(
            cluster: settings.cluster, node: settings.node, peerPort: settings.peerPort,
            life: GatewayLife(
                started: settings.supervisorStarted, generation: generation,
                number: generator.next()))
        let keys = settings.clusterKey.map { PeerKeys($0) }
        tls = keys.map { PeerTLS($0) }
        keyRefusal = PeerRefusal(
            .clusterKey, by: settings.node,
            keys == nil
                ? "node \(settings.node) has no cluster key"
                : "node \(settings.node) speaks with nodes alone that have its cluster key")
        exchange = PeerExchange(
            .init(
                identity: identity, discovers: settings.discoveryPort != 0,
                seeds: settings.join, authenticator: keys?.authenticator),
            seed: generator.next())
        link = PeerStoreLink(
            loop: loop, generation: generation, connector: connector, delegate: self)
    }

    /// Duplicates: the numbers themselves are NIO's from `start` on.
    private static func copies(of numbers: [Int32]) throws(PosixError) -> [DescriptorBox] {
        var copies: [DescriptorBox] = []
        for number in numbers {
            let socket = Descriptor(owning: number)
            copies.append(DescriptorBox(try socket.duplicate()))
            _ = socket.release()
        }
        return copies
    }

    private var now: Duration { .nanoseconds(Int64(loop.now.uptimeNanoseconds)) }

    // MARK: Starting

    /// Listens and reads; completes when all sockets are open.
    func start(_ sockets: Sockets) -> EventLoopFuture<Void> {
        let opening =
            sockets.listeners.map { listen($0) }
            + (sockets.datagrams + sockets.discovery).map { read($0) }
        link?.start()
        exchange.start(now: now)
        perform()
        return EventLoopFuture.andAllSucceed(opening, on: loop)
    }

    private func listen(_ number: Int32) -> EventLoopFuture<Void> {
        let service = NIOLoopBound(self, eventLoop: loop)
        let opened = ServerBootstrap(group: loop)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.recvAllocator, value: PeerService.streamAllocator)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try service.value.accepted(channel) }
            }
            .withBoundSocket(number)
        return opened.assumeIsolated().map { [self] in listeners.append($0) }.nonisolated()
    }

    private static var streamAllocator: AdaptiveRecvByteBufferAllocator {
        AdaptiveRecvByteBufferAllocator(
            minimum: GatewayLimits.readByteCountMin, initial: GatewayLimits.readByteCountFirst,
            maximum: GatewayLimits.peerReadByteCountMax)
    }

    /// Reads datagrams. A socket that fails is read again: it is the supervisor's, and stays.
    private func read(_ number: Int32) -> EventLoopFuture<Void> {
        let again: DescriptorBox?
        do throws(PosixError) {
            let socket = Descriptor(owning: number)
            let copy = try socket.duplicate()
            again = DescriptorBox(copy)
            _ = socket.release()
        } catch {
            return loop.makeFailedFuture(error)
        }
        let service = NIOLoopBound(self, eventLoop: loop)
        let opened = DatagramBootstrap(group: loop)
            .channelOption(
                .recvAllocator,
                value: FixedSizeRecvByteBufferAllocator(
                    capacity: GatewayLimits.peerDatagramByteCountMax)
            )
            .channelOption(
                .maxMessagesPerRead, value: UInt(GatewayLimits.peerDatagramsPerRead)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        PeerDatagrams(service: service.value))
                }
            }
            .withBoundSocket(number)
        return opened.assumeIsolated().map { [self] channel in
            readers.append(channel)
            channel.closeFuture.assumeIsolated().whenComplete { [self] _ in
                readerClosed(channel, again)
            }
        }.nonisolated()
    }

    private func readerClosed(_ channel: any Channel, _ socket: DescriptorBox?) {
        readers.removeAll { $0 === channel }
        guard !isDraining, let number = socket?.take()?.release() else { return }
        Log.write(.warning, "a datagram socket failed and is read again")
        loop.assumeIsolated().scheduleTask(
            in: .milliseconds(GatewayLimits.peerReopenMilliseconds)
        ) { [self] in
            guard !isDraining else { return _ = Descriptor(owning: number) }
            read(number).whenFailure { error in
                Log.write(.error, "a datagram socket is lost", ["error": "\(error)"])
            }
        }
    }

    // MARK: Connections

    private func accepted(_ channel: any Channel) throws {
        let from = channel.remoteAddress.flatMap { InternetAddress($0) }
        guard !isDraining, let from,
            let id = exchange.accepted(from: PeerAddress(from), now: now)
        else {
            try channel.pipeline.syncOperations.addHandler(UnwantedChannel())
            return perform()
        }
        let gate = makeGate(.accepted, id)
        let handler = PeerChannel(id: id, service: self, gate: gate)
        channels[id] = handler
        try channel.pipeline.syncOperations.addHandlers(gate, handler)
        perform()
    }

    private func dial(_ id: ConnectionID, _ address: PeerAddress) {
        guard let target = address.internet else {
            exchange.dialFailed(id, "no IP address", now: now)
            return
        }
        let tls = tls
        let gate = NIOLoopBound(tls == nil ? nil : makeGate(.dialed, id), eventLoop: loop)
        let handler = NIOLoopBound(
            PeerChannel(id: id, service: self, gate: gate.value), eventLoop: loop)
        ClientBootstrap(group: loop)
            .connectTimeout(.seconds(GatewayLimits.peerConnectSeconds))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.recvAllocator, value: PeerService.streamAllocator)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let gate = gate.value, let tls {
                        try pipeline.addHandlers(gate, try tls.makeDialer(gate.seen))
                    }
                    try pipeline.addHandler(handler.value)
                }
            }
            .connect(to: target.socketAddress)
            .assumeIsolated()
            .whenComplete { [self] result in
                switch result {
                case .success(let channel):
                    guard exchange.isOpen(id) else { return channel.close(promise: nil) }
                    channels[id] = handler.value
                    // With a cluster key it is open when the other side has proved it.
                    if tls == nil { exchange.opened(id, now: now) }
                case .failure(let error):
                    exchange.dialFailed(id, PeerService.words(error), now: now)
                }
                perform()
            }
    }

    private func makeGate(_ side: PeerGate.Side, _ id: ConnectionID) -> PeerGate {
        PeerGate(side, id: id, tls: tls, refusal: keyRefusal, service: self)
    }

    /// Both sides have proved that they have the key.
    func secured(_ id: ConnectionID) {
        // Who accepted hears of the connection by its hello.
        exchange.opened(id, now: now)
        perform()
    }

    func keyFailed(_ id: ConnectionID, _ problem: KeyProblem) {
        exchange.keyFailed(id, problem, now: now)
        perform()
    }

    func handshakeFailed(_ id: ConnectionID, _ seen: PeerTLS.Seen) {
        if tls?.isOther(seen) == true {
            exchange.keyFailed(id, .otherKey, now: now)
        } else {
            exchange.handshakeFailed(id, now: now)
        }
        channels[id] = nil
        perform()
    }

    /// Why a connect failed, for people.
    static func words(_ error: any Error) -> String {
        if let error = error as? IOError {
            return PosixError(error.errnoCode, "connect").description
        }
        if let error = error as? NIOConnectionError, let first = error.connectionErrors.first {
            return words(first.error)
        }
        return "\(error)"
    }

    func bytesReceived(_ id: ConnectionID) { exchange.bytesReceived(id, now: now) }

    func frameReceived(_ id: ConnectionID, _ header: FrameHeader, _ payload: RawSpan) {
        exchange.frameReceived(id, header, payload, now: now)
        // What a frame causes is done before the next: parts are not kept twice.
        perform()
    }

    func pendingByteCountMax(_ id: ConnectionID) -> Int { exchange.pendingByteCountMax(id) }

    func nonsenseReceived(_ id: ConnectionID) {
        exchange.nonsenseReceived(id, now: now)
        perform()
    }

    func written(_ id: ConnectionID, byteCount: Int) {
        exchange.written(id, byteCount: byteCount, now: now)
        perform()
    }

    func connectionEnded(_ id: ConnectionID, _ reason: String) {
        channels[id] = nil
        exchange.closed(id, reason, now: now)
        perform()
    }

    func datagramReceived(_ bytes: RawSpan, from address: PeerAddress) {
        guard !isDraining else { return }
        exchange.datagramReceived(bytes, from: address, now: now)
    }

    // MARK: The store

    func ownAddresses() -> [PeerAddress] {
        toldAddresses = network.ownAddresses()
        return toldAddresses
    }

    /// Interfaces come and go, also where nothing is announced on them.
    private func lookAtAddresses() {
        let now = now
        guard now - addressesSeenAt >= .seconds(GatewayLimits.peerAddressSeconds) else { return }
        addressesSeenAt = now
        if network.ownAddresses() != toldAddresses { link?.addressesChanged() }
    }

    func storeAttached() {
        exchange.storeAttached(now: now)
        perform()
    }

    func storeDetached() {
        // What the store wanted it does not want any more: the next one asks anew.
        contents?.fetches.stopAll()
        absentStore.wentAway(now: now)
    }

    func sendRequested(_ part: PeerPart) {
        if part.channel == .datagram {
            absentStore.said(.init(number: part.message, bytes: part.bytes))
        }
        exchange.sendRequested(part, now: now)
        perform()
    }

    func bookTold(_ book: PeerBook) {
        exchange.bookTold(book.entries, now: now)
        perform()
    }

    // MARK: Contents

    /// Contents are moved from here on, with a link to the store of their own.
    func carryContents(_ link: StoreLink, _ background: any BackgroundWork) {
        let directory = PeerDirectory(NIOLoopBound(self, eventLoop: loop))
        let dialer = BulkDialer(loop: loop, directory: directory)
        let fetches = ContentFetches(
            loop: loop, link: link, dialer: dialer, background: background
        ) { [weak self] progress in
            self?.link?.report(progress)
        }
        contents = ContentService(
            loop: loop, link: link, background: background, fetches: fetches, dialer: dialer
        ) { [weak self] id in
            self?.exchange.bulkEnded(id)
        }
    }

    func bulkTarget(of node: NodeID) -> BulkTarget {
        BulkTarget(
            addresses: exchange.addresses(of: node),
            hello: PeerFrame.bytes(.hello, exchange.bulkHello), tls: tls)
    }

    func fetchWanted(_ order: FetchContent) { contents?.fetches.begin(order) }

    func fetchStopped(_ number: UInt64) { contents?.fetches.stop(number) }

    private func carryContents(_ id: ConnectionID, _ node: NodeID) {
        guard let channel = channels.removeValue(forKey: id) else {
            return exchange.bulkEnded(id)
        }
        guard let server = contents?.server(id, node) else {
            exchange.bulkEnded(id)
            return channel.closeAfterWrites()
        }
        if !channel.give(to: server) { server.abandon() }
    }

    // MARK: Directives

    /// Does what the core wants done. What that causes at once is done in the same turn.
    func perform() {
        guard !isPerforming else { return }
        isPerforming = true
        var directives = exchange.takeDirectives()
        while !directives.isEmpty {
            for directive in directives { perform(directive) }
            directives = exchange.takeDirectives()
        }
        isPerforming = false
        if exchange.isDrained { end() }
        schedule()
    }

    private func perform(_ directive: PeerDirective) {
        switch directive {
        case .sendDatagram(let bytes, let to): network.send(bytes, to: to)
        case .broadcast(let bytes): network.broadcast(bytes)
        case .dial(let id, let address): dial(id, address)
        case .write(let id, let bytes): channels[id]?.write(bytes)
        case .close(let id): channels.removeValue(forKey: id)?.closeAfterWrites()
        case .bulk(let id, let node): carryContents(id, node)
        case .deliver(let part): deliver(part)
        case .found(let node): link?.found(node)
        case .resolve(let seed): resolve(seed)
        case .say(let notice): say(notice)
        }
    }

    /// Up to the store; where that is away, a probe of it is answered as well.
    private func deliver(_ part: PeerPart) {
        link?.deliver(part)
        guard part.channel == .datagram,
            let word = absentStore.answer(
                to: part.bytes, now: now,
                wallMilliseconds: UInt64(max(0, WallClock.now().nanoseconds / 1_000_000)))
        else { return }
        exchange.sendRequested(
            PeerPart(
                node: part.node, channel: .datagram, message: word.number, part: 0, isLast: true,
                bytes: word.bytes), now: now)
    }

    private func say(_ notice: PeerNotice) {
        let level: Log.Level =
            switch notice.level {
            case .debug: .debug
            case .info: .info
            case .warning: .warning
            }
        Log.write(level, notice.text)
    }

    /// Looks a seed's name up on a thread that may wait.
    private func resolve(_ seed: Int) {
        let name = exchange.seedName(seed) ?? ""
        pool.runIfActive(eventLoop: loop) { () -> Result<[PeerAddress], SeedProblem> in
            PeerService.lookUp(name)
        }.assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let found): exchange.seedResolved(seed, found, now: now)
            case .failure(let error):
                exchange.seedResolved(seed, .failure(SeedProblem("\(error)")), now: now)
            }
            perform()
        }
    }

    /// The addresses of `HOST:PORT` or `[IPv6]:PORT`.
    static func lookUp(_ place: String) -> Result<[PeerAddress], SeedProblem> {
        guard let colon = place.lastIndex(of: ":"),
            let port = UInt16(place[place.index(after: colon)...]), port != 0
        else { return .failure(SeedProblem("it is not HOST:PORT")) }
        var host = place[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        do throws(NameLookup.Failure) {
            let found = try NameLookup.addresses(
                of: String(host), port: port, max: IPCLimits.addressCountMax)
            return .success(found.map { PeerAddress($0) })
        } catch {
            return .failure(SeedProblem("the name cannot be looked up: \(error)"))
        }
    }

    // MARK: Time

    /// The next look at the clock, sooner where something is under way now.
    private func schedule() {
        guard !isEnded else { return }
        let due = now + exchange.nextTick
        if tick != nil, tickAt <= due { return }
        tick?.cancel()
        tickAt = due
        tick = loop.assumeIsolated().scheduleTask(
            in: .nanoseconds((due - now).inNanoseconds)
        ) { [self] in
            tick = nil
            exchange.timePassed(now: now)
            lookAtAddresses()
            perform()
        }
    }

    // MARK: What others ask

    /// What this gateway knows of other nodes, at this moment.
    func report() -> PeersReport { exchange.report(now: now) }

    func summary() -> PeersSummary { exchange.summary(now: now) }

    var isAttached: Bool { link?.isEstablished ?? false }

    // MARK: Leaving

    /// Takes nothing new: the listeners and UDP sockets are the next gateway's. Links are left when
    /// what is under way on them is done; `done` runs once, after `seconds` at the latest.
    func drain(seconds: Int64 = GatewayLimits.peerDrainSeconds, done: @escaping () -> Void) {
        guard !isDraining else { return done() }
        isDraining = true
        for channel in listeners + readers { channel.close(promise: nil) }
        listeners = []
        whenDrained = done
        exchange.drain(now: now)
        perform()
        loop.assumeIsolated().scheduleTask(in: .seconds(seconds)) { [self] in
            end()
        }
    }

    /// The end, however it comes.
    private func end() {
        guard !isEnded else { return }
        isEnded = true
        tick?.cancel()
        tick = nil
        link?.stop()
        contents?.end()
        for channel in channels.values { channel.closeAfterWrites() }
        channels = [:]
        whenDrained?()
        whenDrained = nil
    }
}

extension Duration {
    var inNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000_000 + attoseconds / 1_000_000_000
    }
}
