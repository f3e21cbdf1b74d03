internal import IPC
internal import Model
internal import NIOCore
internal import Peering

/// How a fetch ended.
enum FetchResult: Equatable {
    /// The other node gave all that it has of what was asked for.
    case complete
    /// It has no such content, or cannot read it.
    case lacks
    case busy
    /// It is out of reach, or the connection broke: why, for people.
    case broken(String)
}

/// Who wants the bytes. Called on the loop.
protocol ContentConsumer: AnyObject {
    /// Whether more may come; while it is false the other node is not read. `BulkConnection.resume` says
    /// that it is true again.
    var hasRoom: Bool { get }
    /// So many bytes follow.
    func began(byteCount: UInt64)
    func received(_ bytes: ByteBuffer)
    /// Called once, and last.
    func ended(_ result: FetchResult)
}

/// A connection to another node's gateway over which contents are fetched, one after the other.
///
/// ```
///   greeting ──welcome──▶ idle ──fetch──▶ asked ──content──▶ receiving ──all──▶ idle
///       │ refused          │ 20 s           │ unavailable: idle     │
///       └──────────────────┴──── closed ◀───┴── silent for 5 s ─────┘
/// ```
final class BulkConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        case greeting
        case idle
        case asked(any ContentConsumer)
        case receiving(any ContentConsumer, left: UInt64)
        case closed
    }

    let node: NodeID
    private let hello: [UInt8]
    private var state: State = .greeting
    private var context: ChannelHandlerContext?
    /// Bytes of a frame that has not come whole.
    private var input = ByteBuffer()
    private var isPaused = false
    /// Whether it was connected: before that, who connects says why it is not.
    private(set) var wasActive = false
    private var lastMoved: NIODeadline
    private let loop: any EventLoop
    private var watch: Scheduled<Void>?
    /// Called once it is welcomed, or is not: `complete`, or why.
    var whenGreeted: ((BulkConnection, FetchResult) -> Void)?
    /// Called when it may be used again, and when it is closed.
    var whenIdle: ((BulkConnection) -> Void)?
    var whenClosed: ((BulkConnection) -> Void)?

    init(to node: NodeID, hello: [UInt8], loop: any EventLoop) {
        self.node = node
        self.hello = hello
        self.loop = loop
        lastMoved = loop.now
    }

    var isIdle: Bool { if case .idle = state { true } else { false } }

    // MARK: Use

    /// - Precondition: it is idle.
    func fetch(_ wanted: BulkFetch, into consumer: any ContentConsumer) {
        precondition(isIdle, "one fetch at a time")
        state = .asked(consumer)
        lastMoved = loop.now
        write(PeerFrame.bytes(.fetch, wanted))
    }

    /// The consumer has room again.
    func resume() {
        guard isPaused, case .receiving(let consumer, _) = state, consumer.hasRoom else { return }
        isPaused = false
        lastMoved = loop.now
        setReading(true)
    }

    /// Ends it, whatever it does; its consumer hears nothing more.
    func cancel() {
        state = .closed
        whenGreeted = nil
        context?.close(promise: nil)
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end(.broken("the connection was closed"))
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) { begin() }

    func channelInactive(context: ChannelHandlerContext) {
        end(.broken("the other side closed the connection"))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(.broken("\(error)"))
        context.close(promise: nil)
    }

    private func begin() {
        wasActive = true
        lastMoved = loop.now
        write(hello)
        lookLater()
    }

    private func write(_ bytes: [UInt8]) {
        guard let context else { return }
        context.writeAndFlush(
            wrapOutboundOut(context.channel.allocator.buffer(bytes: bytes)), promise: nil)
    }

    private func setReading(_ isReading: Bool) {
        guard let channel = context?.channel else { return }
        do {
            try channel.syncOptions?.setOption(.autoRead, value: isReading)
        } catch {
            // A channel that is closing; its end is heard by itself.
            Log.write(.debug, "a connection for contents", ["error": "\(error)"])
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lastMoved = loop.now
        var bytes = unwrapInboundIn(data)
        while bytes.readableBytes > 0 {
            switch state {
            case .receiving(let consumer, let left):
                take(&bytes, for: consumer, left)
            case .greeting, .asked: takeFrame(&bytes)
            case .idle: return fail("it speaks out of turn")
            case .closed: return
            }
        }
    }

    private func take(
        _ bytes: inout ByteBuffer, for consumer: any ContentConsumer, _ left: UInt64
    ) {
        let count = Int(min(UInt64(bytes.readableBytes), left))
        guard let piece = bytes.readSlice(length: count) else { return }
        state = .receiving(consumer, left: left - UInt64(count))
        consumer.received(piece)
        guard case .receiving = state else { return }
        if left == UInt64(count) { return finish(.complete, consumer) }
        if !consumer.hasRoom, !isPaused {
            isPaused = true
            setReading(false)
        }
    }

    private func takeFrame(_ bytes: inout ByteBuffer) {
        input.writeBuffer(&bytes)
        guard let length = input.getInteger(at: input.readerIndex, as: UInt32.self) else { return }
        let byteCount = Int(length) + 4
        guard byteCount <= PeeringLimits.helloByteCountMax else { return fail("a frame too long") }
        guard let frame = input.readSlice(length: byteCount) else { return }
        bytes = input
        input = ByteBuffer()
        do {
            var decoder = FrameDecoder()
            try decoder.feed(frame.readableBytesSpan) { header, payload in
                received(header, payload)
                return true
            }
        } catch {
            fail("a malformed frame")
        }
    }

    private func received(_ header: FrameHeader, _ payload: RawSpan) {
        guard let type = PeerFrameType(rawValue: header.type) else {
            return fail("a frame of unknown kind")
        }
        do throws(DecodeError) {
            switch (state, type) {
            case (.greeting, .welcome):
                let welcome = try PeerWelcome(decoding: payload)
                guard welcome.node == node else {
                    return fail("node \(welcome.node) is at this address")
                }
                state = .idle
                let greeted = whenGreeted
                whenGreeted = nil
                greeted?(self, .complete)
            case (.greeting, .refusal):
                let refusal = try PeerRefusal(decoding: payload)
                end(refusal.code == .busy ? .busy : .broken(refusal.sentence))
                context?.close(promise: nil)
            case (.asked(let consumer), .content):
                let byteCount = try BulkContent(decoding: payload).byteCount
                state = .receiving(consumer, left: byteCount)
                consumer.began(byteCount: byteCount)
                if byteCount == 0, case .receiving = state { finish(.complete, consumer) }
            case (.asked(let consumer), .unavailable):
                let reason = try BulkUnavailable(decoding: payload).reason
                finish(reason == .busy ? .busy : .lacks, consumer)
            default: fail("a frame out of turn")
            }
        } catch {
            fail("a malformed frame")
        }
    }

    private func finish(_ result: FetchResult, _ consumer: any ContentConsumer) {
        state = .idle
        if isPaused {
            isPaused = false
            setReading(true)
        }
        whenIdle?(self)
        consumer.ended(result)
    }

    private func fail(_ reason: String) {
        end(.broken(reason))
        context?.close(promise: nil)
    }

    private func end(_ result: FetchResult) {
        let before = state
        state = .closed
        watch?.cancel()
        watch = nil
        let greeted = whenGreeted
        whenGreeted = nil
        switch before {
        case .greeting: if wasActive { greeted?(self, result) }
        case .asked(let consumer), .receiving(let consumer, _): consumer.ended(result)
        case .idle, .closed: break
        }
        let closed = whenClosed
        whenClosed = nil
        whenIdle = nil
        closed?(self)
    }

    // MARK: Time

    private func lookLater() {
        watch = loop.assumeIsolated().scheduleTask(in: .seconds(1)) { [self] in
            let silence = loop.now - lastMoved
            switch state {
            case .closed: return
            case .idle where silence >= .seconds(GatewayLimits.bulkIdleSeconds):
                return fail("not used")
            case .greeting, .asked:
                if silence >= .seconds(GatewayLimits.bulkSilenceSeconds) {
                    return fail("the node does not answer")
                }
            case .receiving where !isPaused:
                if silence >= .seconds(GatewayLimits.bulkSilenceSeconds) {
                    return fail("the node stopped sending")
                }
            case .idle, .receiving: break
            }
            lookLater()
        }
    }
}
