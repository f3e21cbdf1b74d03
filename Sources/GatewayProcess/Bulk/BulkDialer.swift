internal import IPC
internal import Model
internal import NIOCore
internal import NIOPosix
internal import Peering

/// What a connection to another node's gateway is made with.
struct BulkTarget: Sendable {
    var addresses: [PeerAddress]
    /// The first frame.
    var hello: [UInt8]
    /// Nil without a cluster key.
    var tls: PeerTLS?
}

/// Knows where nodes are. A test gives its own.
protocol BulkDirectory: AnyObject {
    /// - Returns: on `loop`.
    func target(of node: NodeID, on loop: any EventLoop) -> EventLoopFuture<BulkTarget>
}

/// Asks the peers' part of this gateway, which may live on another loop.
final class PeerDirectory: BulkDirectory {
    private let peers: NIOLoopBound<PeerService>

    init(_ peers: NIOLoopBound<PeerService>) { self.peers = peers }

    func target(of node: NodeID, on loop: any EventLoop) -> EventLoopFuture<BulkTarget> {
        let peers = peers
        return peers.eventLoop.submit { peers.value.bulkTarget(of: node) }.hop(to: loop)
    }
}

/// Fetches contents from other nodes' gateways, for one event loop. Connections are made when they are
/// needed and kept for a while.
final class BulkDialer {
    private let loop: any EventLoop
    private let directory: any BulkDirectory
    private var idle: [NodeID: [BulkConnection]] = [:]
    private var openCount = 0

    init(loop: any EventLoop, directory: any BulkDirectory) {
        self.loop = loop
        self.directory = directory
    }

    /// Fetches from `node` into `consumer`, which hears of the end in every case but a cancelled one.
    func fetch(
        _ wanted: BulkFetch, from node: NodeID, into consumer: any ContentConsumer
    ) -> ContentFetch {
        let fetch = ContentFetch(wanted, node, consumer)
        if let connection = idle[node]?.popLast() {
            start(fetch, on: connection)
            return fetch
        }
        guard openCount < GatewayLimits.bulkConnectionsMax else {
            // Not within the call: who asks knows nothing of the fetch yet.
            loop.assumeIsolated().execute { fetch.failed(.busy) }
            return fetch
        }
        openCount += 1
        directory.target(of: node, on: loop).assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let target) where !target.addresses.isEmpty:
                dial(fetch, target, target.addresses[...], "no address")
            case .success: dialed(fetch, .broken("no address of node \(node) is known"))
            case .failure(let error): dialed(fetch, .broken("\(error)"))
            }
        }
        return fetch
    }

    /// Closes what nobody uses; for the end.
    func close() {
        for connection in idle.values.joined() { connection.cancel() }
        idle = [:]
    }

    // MARK: Dialing

    private func dialed(_ fetch: ContentFetch, _ result: FetchResult) {
        openCount -= 1
        fetch.failed(result)
    }

    /// Tries the addresses in turn.
    private func dial(
        _ fetch: ContentFetch, _ target: BulkTarget, _ addresses: ArraySlice<PeerAddress>,
        _ problem: String
    ) {
        guard !fetch.isCancelled else { return openCount -= 1 }
        guard let address = addresses.first, let place = address.internet else {
            return dialed(fetch, .broken(problem))
        }
        let rest = addresses.dropFirst()
        let connection = BulkConnection(to: fetch.node, hello: target.hello, loop: loop)
        connection.whenGreeted = { [self] connection, result in
            switch result {
            case .complete:
                connection.whenIdle = { [self] in keep($0) }
                connection.whenClosed = { [self] in lost($0) }
                start(fetch, on: connection)
            case .busy: dialed(fetch, .busy)
            case .lacks: dialed(fetch, .lacks)
            case .broken(let why): dial(fetch, target, rest, "\(address.host): \(why)")
            }
        }
        let bound = NIOLoopBound(connection, eventLoop: loop)
        let tls = target.tls
        ClientBootstrap(group: loop)
            .connectTimeout(.seconds(GatewayLimits.bulkConnectSeconds))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(
                    minimum: GatewayLimits.readByteCountMin,
                    initial: GatewayLimits.readByteCountFirst,
                    maximum: GatewayLimits.peerReadByteCountMax)
            )
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    // What is written before the handshake's end waits for it.
                    if let tls { try pipeline.addHandler(try tls.makeDialer(PeerTLS.Seen())) }
                    try pipeline.addHandler(bound.value)
                }
            }
            .connect(to: place.socketAddress)
            .assumeIsolated()
            .whenFailure { [self] error in
                // Of a connection that was never made nothing is heard otherwise.
                guard !connection.wasActive else { return }
                connection.cancel()
                dial(fetch, target, rest, "\(address.host): \(PeerService.words(error))")
            }
    }

    private func start(_ fetch: ContentFetch, on connection: BulkConnection) {
        guard !fetch.isCancelled else { return keep(connection) }
        fetch.connection = connection
        connection.fetch(fetch.wanted, into: fetch)
    }

    private func keep(_ connection: BulkConnection) {
        if idle[connection.node, default: []].count >= GatewayLimits.bulkIdleMax {
            return connection.cancel()
        }
        idle[connection.node, default: []].append(connection)
    }

    private func lost(_ connection: BulkConnection) {
        openCount -= 1
        idle[connection.node]?.removeAll { $0 === connection }
        if idle[connection.node]?.isEmpty == true { idle[connection.node] = nil }
    }
}

/// One fetch, from the call to its end.
final class ContentFetch: ContentConsumer {
    let wanted: BulkFetch
    let node: NodeID
    private var consumer: (any ContentConsumer)?
    fileprivate var connection: BulkConnection?

    fileprivate init(_ wanted: BulkFetch, _ node: NodeID, _ consumer: any ContentConsumer) {
        self.wanted = wanted
        self.node = node
        self.consumer = consumer
    }

    fileprivate var isCancelled: Bool { consumer == nil }

    /// Nothing more is wanted; the consumer hears nothing more.
    func cancel() {
        consumer = nil
        connection?.cancel()
        connection = nil
    }

    /// The consumer has room again.
    func resume() { connection?.resume() }

    fileprivate func failed(_ result: FetchResult) { ended(result) }

    var hasRoom: Bool { consumer?.hasRoom ?? true }
    func began(byteCount: UInt64) { consumer?.began(byteCount: byteCount) }
    func received(_ bytes: ByteBuffer) { consumer?.received(bytes) }

    func ended(_ result: FetchResult) {
        connection = nil
        let consumer = consumer
        self.consumer = nil
        consumer?.ended(result)
    }
}
