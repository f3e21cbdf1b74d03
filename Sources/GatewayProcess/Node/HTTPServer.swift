internal import NIOCore
internal import NIOPosix
internal import Posix

/// Accepts on the listening sockets that the supervisor made, and gives each connection to one of
/// the loops in turn.
final class HTTPServer {
    private let loops: MultiThreadedEventLoopGroup
    private let contexts: [NIOLoopBound<LoopContext>]
    private let counts: ConnectionCounts
    private var listeners: [any Channel] = []

    init(
        loops: MultiThreadedEventLoopGroup, contexts: [NIOLoopBound<LoopContext>],
        settings: GatewaySettings
    ) {
        self.loops = loops
        self.contexts = contexts
        counts = ConnectionCounts(
            max: settings.connectionsMax, maxPerAddress: settings.connectionsPerAddressMax)
    }

    /// Begins to accept on `listener`.
    func listen(
        on listener: consuming Descriptor, control: any EventLoop
    ) -> EventLoopFuture<any Channel> {
        let counts = counts
        var byLoop: [ObjectIdentifier: NIOLoopBound<LoopContext>] = [:]
        for context in contexts { byLoop[ObjectIdentifier(context.eventLoop)] = context }
        let contexts = byLoop
        return ServerBootstrap(group: loops.next(), childGroup: loops)
            .serverChannelOption(.maxMessagesPerRead, value: 16)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(
                .writeBufferWaterMark,
                value: .init(
                    low: GatewayLimits.writeBufferLow, high: GatewayLimits.writeBufferHigh)
            )
            .childChannelOption(
                .recvAllocator,
                value: AdaptiveRecvByteBufferAllocator(
                    minimum: GatewayLimits.readByteCountMin,
                    initial: GatewayLimits.readByteCountFirst,
                    maximum: GatewayLimits.readByteCountMax)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let context = contexts[ObjectIdentifier(channel.eventLoop)] else {
                        preconditionFailure("a connection on a loop that is not ours")
                    }
                    try HTTPServer.add(to: channel, context.value, counts)
                }
            }
            .withBoundSocket(listener.release())
            .hop(to: control)
    }

    private static func add(
        to channel: any Channel, _ context: LoopContext, _ counts: ConnectionCounts
    ) throws {
        let address = channel.remoteAddress?.ipAddress ?? "?"
        guard counts.add(address) else {
            return try channel.pipeline.syncOperations.addHandler(RefusalHandler())
        }
        let connection = Connection(
            context: context, router: Router(),
            isFromLoopback: RequestOrigin.isLoopback(address)
        ) {
            counts.remove(address)
        }
        try channel.pipeline.syncOperations.addHandler(connection)
    }

    func opened(_ listener: any Channel) { listeners.append(listener) }

    /// Stops to accept, and completes when every connection that was accepted is known to its
    /// loop. The sockets themselves live on in the supervisor: what waits in their backlogs is
    /// accepted by the next gateway.
    func stop(control: any EventLoop) -> EventLoopFuture<Void> {
        let listeners = listeners
        self.listeners = []
        let loops = contexts.map { $0.eventLoop }
        var step = EventLoopFuture.andAllSucceed(
            listeners.map { $0.setOption(.autoRead, value: false) }, on: control)
        // An accepted connection goes from the listener's loop to its own, back, and there again
        // before it is registered; closing the listener in between would drop it.
        for _ in 0..<3 {
            step = step.flatMap {
                EventLoopFuture.andAllSucceed(loops.map { $0.submit {} }, on: control)
            }
        }
        return step.flatMap {
            EventLoopFuture.andAllComplete(listeners.map { $0.close() }, on: control)
        }
    }
}
