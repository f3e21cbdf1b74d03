internal import IPC
internal import Model
internal import NIOCore
internal import Peering
internal import Posix

/// The other end of a connection for contents: another gateway fetches here, one thing at a time.
///
/// The store opens the file; the kernel copies its bytes to the socket.
final class BulkServer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = IOData

    private let id: ConnectionID
    private let node: NodeID
    private let link: StoreLink
    private let background: any BackgroundWork
    private let ended: (ConnectionID) -> Void
    private var decoder = FrameDecoder()
    private var context: ChannelHandlerContext?
    /// A fetch is under way; and where its bytes come from, once that is known.
    private var isServing = false
    private var source: (any BodySource)?
    private var isPumping = false
    private var lastMoved: NIODeadline
    private var watch: Scheduled<Void>?

    init(
        id: ConnectionID, node: NodeID, loop: any EventLoop, link: StoreLink,
        background: any BackgroundWork, ended: @escaping (ConnectionID) -> Void
    ) {
        self.id = id
        self.node = node
        self.link = link
        self.background = background
        self.ended = ended
        lastMoved = loop.now
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        lookLater(context.eventLoop)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        closed()
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) { closed() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private var isClosed = false

    private func closed() {
        guard !isClosed else { return }
        isClosed = true
        watch?.cancel()
        source?.closed()
        source = nil
        ended(id)
    }

    func close() { context?.close(promise: nil) }

    /// It got no connection.
    func abandon() { closed() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lastMoved = context.eventLoop.now
        let bytes = unwrapInboundIn(data)
        do {
            try decoder.feed(bytes.readableBytesSpan) { header, payload in
                received(header, payload)
                return !isClosed
            }
        } catch {
            return close()
        }
        if decoder.pendingByteCount > PeeringLimits.helloByteCountMax { close() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        lastMoved = context.eventLoop.now
        pump()
        context.fireChannelWritabilityChanged()
    }

    // MARK: Fetches

    private func received(_ header: FrameHeader, _ payload: RawSpan) {
        guard PeerFrameType(rawValue: header.type) == .fetch, header.requestID == 0,
            header.flags.isEmpty, !isServing
        else { return close() }
        do throws(DecodeError) {
            serve(try BulkFetch(decoding: payload))
        } catch {
            close()
        }
    }

    private func serve(_ wanted: BulkFetch) {
        isServing = true
        let request = OpenContentRequest(object: wanted.object, node: node)
        link.call(.openContent(request), seconds: GatewayLimits.bulkOpenSeconds) { [self] reply in
            guard !isClosed else { return }
            switch reply {
            case .content(.inline(let bytes), _): give(bytes, wanted)
            case .content(.descriptor(let byteCount), let box):
                give(box, base: 0, byteCount, wanted)
            case .content(.region(let byteCount, let offset), let box):
                give(box, base: offset, byteCount, wanted)
            case .content(.windows(let byteCount), _): give(windowsOf: byteCount, wanted)
            case .failed(let error): refuse(error.code == .notFound ? .lacks : .busy)
            default: refuse(.busy)
            }
        }
    }

    private func refuse(_ reason: BulkUnavailable.Reason) {
        isServing = false
        send(PeerFrame.bytes(.unavailable, BulkUnavailable(reason)))
    }

    /// What there is of what was asked for.
    private func range(of wanted: BulkFetch, in byteCount: UInt64) -> Range<UInt64> {
        let start = min(wanted.offset, byteCount)
        return start..<min(byteCount, start + wanted.byteCount)
    }

    private func give(_ bytes: [UInt8], _ wanted: BulkFetch) {
        let range = range(of: wanted, in: UInt64(bytes.count))
        isServing = false
        send(
            PeerFrame.bytes(.content, BulkContent(byteCount: UInt64(range.count)))
                + bytes[Int(range.lowerBound)..<Int(range.upperBound)])
    }

    private func give(
        _ box: DescriptorBox?, base: UInt64, _ byteCount: UInt64, _ wanted: BulkFetch
    ) {
        guard let descriptor = box?.take() else { return refuse(.busy) }
        let file = SharedDescriptor(descriptor)
        give(byteCount, wanted) { loop, segments in
            FileSource(
                file, base: base, segments: segments, loop: loop,
                background: background
            ) { [self] in pump() }
        }
    }

    private func give(windowsOf byteCount: UInt64, _ wanted: BulkFetch) {
        give(byteCount, wanted) { loop, segments in
            WindowSource(wanted.object, segments: segments, link: link, loop: loop) { [self] in
                pump()
            }
        }
    }

    private func give(
        _ byteCount: UInt64, _ wanted: BulkFetch,
        from makeSource: (any EventLoop, [FileSource.Segment]) -> any BodySource
    ) {
        guard let context else { return }
        let range = range(of: wanted, in: byteCount)
        let head = PeerFrame.bytes(.content, BulkContent(byteCount: UInt64(range.count)))
        guard !range.isEmpty else {
            isServing = false
            return send(head)
        }
        source = makeSource(
            context.eventLoop, [.bytes(ByteBuffer(bytes: head)), .file(range)])
        pump()
    }

    private func send(_ bytes: [UInt8]) {
        guard let context else { return }
        let buffer = context.channel.allocator.buffer(bytes: bytes)
        context.writeAndFlush(wrapOutboundOut(.byteBuffer(buffer)), promise: nil)
    }

    /// Sends while the other side takes it.
    private func pump() {
        guard let context, !isPumping else { return }
        isPumping = true
        defer { isPumping = false }
        while let source, !isClosed {
            guard context.channel.isWritable else {
                context.flush()
                if context.channel.isWritable { continue }
                return
            }
            switch source.next() {
            case .bytes(let bytes): context.write(wrapOutboundOut(.byteBuffer(bytes)), promise: nil)
            case .file(let region):
                // What peers say to each other goes on this loop, too: one region at a time.
                context.writeAndFlush(wrapOutboundOut(.fileRegion(region)), promise: nil)
            case .wait: return context.flush()
            case .failed: return close()
            case .end: finish(source, context)
            }
        }
    }

    private func finish(_ source: any BodySource, _ context: ChannelHandlerContext) {
        self.source = nil
        isServing = false
        // The file stays open until its last byte is in the socket.
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in source.closed() }
        let nothing = context.channel.allocator.buffer(capacity: 0)
        context.writeAndFlush(wrapOutboundOut(.byteBuffer(nothing)), promise: written)
    }

    // MARK: Time

    private func lookLater(_ loop: any EventLoop) {
        watch = loop.assumeIsolated().scheduleTask(in: .seconds(5)) { [self] in
            guard !isClosed else { return }
            let limit =
                isServing ? GatewayLimits.bulkStallSeconds : GatewayLimits.bulkUnusedSeconds
            if loop.now - lastMoved > .seconds(limit) { return close() }
            lookLater(loop)
        }
    }
}
