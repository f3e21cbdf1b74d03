internal import IPC
internal import NIOCore
internal import NIOSSL
internal import NIOTLS
internal import Peering
internal import Posix

/// One TCP connection with another gateway: its bytes in and out.
final class PeerChannel: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let id: ConnectionID
    private unowned let service: PeerService
    private var context: ChannelHandlerContext?
    private var decoder = FrameDecoder()
    private var isClosing = false
    /// Nil where no cluster key is looked at.
    private let gate: PeerGate?

    init(id: ConnectionID, service: PeerService, gate: PeerGate?) {
        self.id = id
        self.service = service
        self.gate = gate
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelInactive(context: ChannelHandlerContext) { ended("closed by the other side") }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case NIOSSLError.handshakeFailed? = error as? NIOSSLError, let gate, !isClosing {
            isClosing = true
            service.handshakeFailed(id, gate.seen)
        } else if case NIOSSLError.uncleanShutdown? = error as? NIOSSLError {
            ended("closed by the other side")
        } else {
            ended("\(error)")
        }
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted? = event as? TLSUserEvent, !isClosing {
            gate?.isSecured = true
            service.secured(id)
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func ended(_ reason: String) {
        guard !isClosing else { return }
        isClosing = true
        service.connectionEnded(id, reason)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isClosing else { return }
        let bytes = unwrapInboundIn(data)
        service.bytesReceived(id)
        do {
            try decoder.feed(bytes.readableBytesSpan) { header, payload in
                service.frameReceived(id, header, payload)
                return !isClosing
            }
        } catch {
            service.nonsenseReceived(id)
        }
        if !isClosing, decoder.pendingByteCount > service.pendingByteCountMax(id) {
            service.nonsenseReceived(id)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) { service.perform() }

    func write(_ bytes: [UInt8]) {
        guard let context, !isClosing else { return }
        let count = bytes.count
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenSuccess { [self] in
            service.written(id, byteCount: count)
        }
        let buffer = context.channel.allocator.buffer(bytes: bytes)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: promise)
    }

    /// Gives the connection to another handler: it carries contents from here on.
    /// - Returns: false where it is closing, or could not be given; the handler hears nothing then.
    func give(to handler: BulkServer) -> Bool {
        guard let context, !isClosing else { return false }
        isClosing = true
        do {
            let pipeline = context.pipeline.syncOperations
            try pipeline.addHandler(handler, position: .after(self))
            if gate?.isSecured == true {
                try pipeline.addHandler(RegionReader(), position: .after(self))
            }
            pipeline.removeHandler(self, promise: nil)
            return true
        } catch {
            Log.write(.warning, "a connection for contents", ["error": "\(error)"])
            context.close(promise: nil)
            return false
        }
    }

    /// Closes when what was written is out, or after a while.
    func closeAfterWrites() {
        guard !isClosing else { return }
        isClosing = true
        guard let context else { return }
        let channel = context.channel
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(
            wrapOutboundOut(channel.allocator.buffer(capacity: 0)), promise: promise)
        context.eventLoop.assumeIsolated().scheduleTask(
            in: .milliseconds(GatewayLimits.peerCloseMilliseconds)
        ) { channel.close(promise: nil) }
    }
}

/// What is accepted and not wanted.
final class UnwantedChannel: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelActive(context: ChannelHandlerContext) { context.close(promise: nil) }
}

/// Datagrams of one socket.
final class PeerDatagrams: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private unowned let service: PeerService

    init(service: PeerService) { self.service = service }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        guard let from = InternetAddress(envelope.remoteAddress) else { return }
        service.datagramReceived(envelope.data.readableBytesSpan, from: PeerAddress(from))
    }

    func channelReadComplete(context: ChannelHandlerContext) { service.perform() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // An ICMP answer to one of our datagrams: that peer is not there.
        Log.write(.debug, "a datagram socket", ["error": "\(error)"])
    }
}
