internal import IPC
internal import Model
internal import NIOCore
internal import NIOPosix
internal import Peering
internal import Posix

/// Opens the stream of a link to the store. A test gives its own.
protocol PeerStoreConnector: AnyObject {
    func openStream() throws(PosixError) -> Descriptor
}

/// Connects to the store's stream socket alone: no descriptor travels with what peers say.
final class PeerSocketConnector: PeerStoreConnector {
    private let path: BytePath

    init(path: String) { self.path = BytePath(path) }

    func openStream() throws(PosixError) -> Descriptor {
        try UnixSocket.connect(to: path, .stream)
    }
}

/// What the store's link tells. On the peers' loop.
protocol PeerStoreDelegate: AnyObject {
    /// Said first on each link.
    func ownAddresses() -> [PeerAddress]
    func storeAttached()
    func storeDetached()
    func sendRequested(_ part: PeerPart)
    func bookTold(_ book: PeerBook)
    func fetchWanted(_ order: FetchContent)
    func fetchStopped(_ number: UInt64)
}

/// The link that carries what peers say, beside those of the serving loops.
///
/// ```
///   apart ──connect──▶ greeting ──welcome──▶ established: attachPeers, then parts in both directions
///     ▲ back-off 10…500 ms │                      │
///     └───────closed───────┴────────closed────────┘
/// ```
/// What cannot go up is lost, as the network might lose it: nothing is kept for a store that is away,
/// and for one that does not read no more than `GatewayLimits.peerUpwardByteCountMax`.
final class PeerStoreLink {
    private enum State {
        case apart
        case greeting
        case established
    }

    private let loop: any EventLoop
    private let generation: UInt64
    private let connector: any PeerStoreConnector
    private unowned let delegate: any PeerStoreDelegate
    private var state: State = .apart
    private var session: Session
    private var decoder = FrameDecoder()
    private var handler: PeerStoreHandler?
    private var backOff = GatewayLimits.reconnectMillisecondsMin
    private var flushIsScheduled = false
    private var isStopped = false
    /// Bytes written and not yet taken by the kernel.
    private var unwritten = 0
    /// Nodes of whose message a part was dropped: the rest is no use to the store.
    private var cutOff: Set<NodeID> = []
    /// Whether the store missed that a node was found; it is told of all again when it reads.
    private var missedNews = false
    private(set) var droppedCount: UInt64 = 0

    init(
        loop: any EventLoop, generation: UInt64, connector: any PeerStoreConnector,
        delegate: any PeerStoreDelegate
    ) {
        self.loop = loop
        self.generation = generation
        self.connector = connector
        self.delegate = delegate
        session = PeerStoreLink.makeSession(generation)
    }

    private static func makeSession(_ generation: UInt64) -> Session {
        Session(
            side: .initiator, role: .gateway, generation: generation, acceptedRoles: [.store])
    }

    var isEstablished: Bool { state == .established }

    func start() { connect() }

    func stop() {
        isStopped = true
        handler?.close()
    }

    // MARK: Up

    /// This node has other addresses than before: the notice of the attachment says them anew.
    func addressesChanged() {
        guard state == .established else { return }
        attach()
        scheduleFlush()
    }

    private func attach() {
        session.notify(
            PeersAttached(generation: generation, addresses: delegate.ownAddresses()),
            type: .attachPeers)
    }

    func deliver(_ part: PeerPart) {
        if part.part == 0 { cutOff.remove(part.node) }
        guard state == .established, hasRoom(for: part.bytes.count), !cutOff.contains(part.node)
        else {
            if part.part == 0 { droppedCount += 1 }
            if !part.isLast { cutOff.insert(part.node) }
            return
        }
        session.notify(part, type: .peerReceived)
        scheduleFlush()
    }

    func found(_ node: NodeID) {
        guard state == .established else { return }
        guard hasRoom(for: 0) else { return missedNews = true }
        session.notify(PeerFound(node: node), type: .peerFound)
        scheduleFlush()
    }

    func report(_ progress: FetchProgress) {
        guard state == .established else { return }
        session.notify(progress, type: .fetchProgress)
        scheduleFlush()
    }

    private func hasRoom(for byteCount: Int) -> Bool {
        unwritten + session.output.count + byteCount <= GatewayLimits.peerUpwardByteCountMax
    }

    // MARK: The link's life

    private func connect() {
        guard case .apart = state, !isStopped else { return }
        let stream: Descriptor
        do throws(PosixError) {
            stream = try connector.openStream()
        } catch {
            return connectLater()
        }
        let handler = PeerStoreHandler(link: self)
        session = PeerStoreLink.makeSession(generation)
        decoder = FrameDecoder()
        self.handler = handler
        state = .greeting
        session.start()
        let bound = NIOLoopBound(handler, eventLoop: loop)
        ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(bound.value)
                }
            }
            .withConnectedSocket(stream.release())
            .assumeIsolated()
            .whenFailure { [self] error in
                Log.write(.warning, "the store's socket", ["error": "\(error)"])
                closed(bound.value)
            }
        scheduleFlush()
    }

    private func connectLater() {
        let delay = backOff
        backOff = min(backOff * 2, GatewayLimits.reconnectMillisecondsMax)
        loop.assumeIsolated().scheduleTask(in: .milliseconds(delay)) { [self] in connect() }
    }

    fileprivate func opened(_ handler: PeerStoreHandler) {
        if handler === self.handler { scheduleFlush() }
    }

    fileprivate func closed(_ handler: PeerStoreHandler) {
        guard handler === self.handler else { return }
        self.handler = nil
        if state == .established, !isStopped { delegate.storeDetached() }
        state = .apart
        unwritten = 0
        cutOff = []
        missedNews = false
        connectLater()
    }

    private func fail(_ reason: String) {
        Log.write(.warning, "the store's link for peers ends", ["reason": reason])
        guard let handler else { return }
        handler.close()
        closed(handler)
    }

    // MARK: Bytes

    private func scheduleFlush() {
        guard !flushIsScheduled, session.output.count > 0 else { return }
        flushIsScheduled = true
        loop.assumeIsolated().execute { [self] in
            flushIsScheduled = false
            flush()
        }
    }

    private func flush() {
        guard let handler, handler.isActive, session.output.count > 0 else { return }
        let bytes = session.output.bytes
        session.output = ByteWriter()
        unwritten += bytes.count
        handler.write(bytes) { [self] in
            guard handler === self.handler else { return }
            unwritten -= bytes.count
            if missedNews, hasRoom(for: GatewayLimits.peerUpwardByteCountMax / 2) {
                missedNews = false
                delegate.storeAttached()
            }
        }
    }

    fileprivate func received(_ bytes: ByteBuffer, _ handler: PeerStoreHandler) {
        guard handler === self.handler else { return }
        // Taken out for the while: what a frame causes may end the link.
        var decoder = self.decoder
        self.decoder = FrameDecoder()
        do {
            try decoder.feed(bytes.readableBytesSpan) { header, payload in
                frameReceived(header, payload)
                return self.handler === handler
            }
        } catch {
            fail("a malformed frame: \(error)")
        }
        if self.handler === handler { self.decoder = decoder }
        scheduleFlush()
    }

    private func frameReceived(_ header: FrameHeader, _ payload: RawSpan) {
        switch session.frameReceived(header, payload: payload) {
        case .established: established()
        case .refused(let reason): fail("refused: \(reason)")
        case .fault(let fault): fail("\(fault)")
        case .request(let id, let type):
            session.fail(
                id, type: type, RemoteError(.invalid, "This link carries what peers say."))
        case .notice(let type): noticed(type, payload)
        case .creditChanged, .response, .cancelled, .staleResponse, .ignored: break
        }
    }

    private func established() {
        state = .established
        backOff = GatewayLimits.reconnectMillisecondsMin
        attach()
        delegate.storeAttached()
        scheduleFlush()
    }

    private func noticed(_ type: MessageType, _ payload: RawSpan) {
        do throws(DecodeError) {
            switch type {
            case .peerSend: delegate.sendRequested(try PeerPart(decoding: payload))
            case .peerBook: delegate.bookTold(try PeerBook(decoding: payload))
            case .fetchContent: delegate.fetchWanted(try FetchContent(decoding: payload))
            case .stopFetch: delegate.fetchStopped(try FetchNumber(decoding: payload).number)
            default: break
            }
        } catch {
            fail("a malformed notice: \(error)")
        }
    }
}

/// The link's place in its channel's pipeline.
final class PeerStoreHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let link: PeerStoreLink
    private var context: ChannelHandlerContext?

    init(link: PeerStoreLink) { self.link = link }

    var isActive: Bool { context?.channel.isActive ?? false }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        link.closed(self)
    }

    func channelActive(context: ChannelHandlerContext) { link.opened(self) }

    func channelInactive(context: ChannelHandlerContext) { link.closed(self) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        link.received(unwrapInboundIn(data), self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func write(_ bytes: [UInt8], done: @escaping () -> Void) {
        guard let context else { return }
        let buffer = context.channel.allocator.buffer(bytes: bytes)
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenSuccess(done)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: promise)
    }

    func close() { context?.close(promise: nil) }
}
