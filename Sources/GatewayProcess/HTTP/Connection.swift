internal import NIOCore

/// One client's connection: its requests one after another.
///
/// ```
///   waiting ──head──▶ exchange ──answered, kept──▶ waiting
///      │                 │
///      │ malformed,      │ answered, not kept       linger: what the client still sends is read
///      │ late            ▼                          and dropped, so that it can read the answer
///      └────────────▶ leaving ──written──▶ lingering ──end of input, late──▶ closed
/// ```
/// The client is read only while there is room for what it sends: in `input`, which holds at most
/// one read above `pipelinedByteCountMax`, and in the body's sink. Answers are produced only while
/// the socket takes them. Everything happens on the connection's event loop.
final class Connection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = IOData

    private enum Phase {
        case waiting
        case exchange(Exchange)
        /// The last answer is being written.
        case leaving
        case lingering
        case closed
    }

    let context: LoopContext
    /// The client is on this machine.
    let isFromLoopback: Bool
    private let router: any Routing
    private let onClose: () -> Void
    private(set) var channel: ChannelHandlerContext?
    private var phase: Phase = .waiting
    private(set) var parser = RequestParser()
    private var input = ByteBuffer()
    private(set) var inputHasEnded = false
    /// A read is asked for and has not come.
    private var isReading = false
    private var isProcessing = false
    /// Something was written since the last flush.
    var needsFlush = false
    /// `pump` is at work: what it sets off must not begin it again.
    var isPumping = false
    private var lingeredByteCount = 0
    var deadline: NIODeadline?
    private var timer: (at: NIODeadline, task: Scheduled<Void>)?
    /// Bytes that waited for the client when the timer last rang: fewer now means that it takes them.
    var unsentByteCount = Int.max
    /// The head of a request has begun to arrive, and its time runs.
    private var headIsTimed = false

    init(
        context: LoopContext, router: any Routing, isFromLoopback: Bool,
        onClose: @escaping () -> Void = {}
    ) {
        self.context = context
        self.router = router
        self.isFromLoopback = isFromLoopback
        self.onClose = onClose
    }

    // MARK: Events of the channel

    func handlerAdded(context: ChannelHandlerContext) {
        channel = context
        if context.channel.isActive { begin() }
    }

    func channelActive(context: ChannelHandlerContext) { begin() }

    private func begin() {
        self.context.connections[ObjectIdentifier(self)] = self
        setDeadline(
            milliseconds: self.context.isDraining
                ? GatewayLimits.drainIdleSeconds * 1000 : self.context.settings.idleMilliseconds)
        process()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if case .lingering = phase { return linger(bytes.readableBytes) }
        if input.readableBytes == 0 {
            input = bytes
        } else {
            input.writeBuffer(&bytes)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        process()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable else { return }
        if case .exchange(let exchange) = phase, exchange.source != nil { pump(exchange) }
        process()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed {
            inputHasEnded = true
            if case .lingering = phase { return close() }
            process()
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { close() }

    func channelInactive(context: ChannelHandlerContext) { ended() }

    func handlerRemoved(context: ChannelHandlerContext) {
        ended()
        channel = nil
    }

    private func ended() {
        if case .closed = phase { return }
        let before = phase
        phase = .closed
        timer?.task.cancel()
        timer = nil
        input = ByteBuffer()
        if case .exchange(let exchange) = before {
            exchange.detach()
            if !exchange.requestHasEnded { exchange.sink?.aborted() }
            exchange.sink = nil
            exchange.source?.closed()
            exchange.source = nil
        }
        context.connections[ObjectIdentifier(self)] = nil
        context.connectionEnded()
        onClose()
    }

    func close() {
        guard let channel else { return }
        channel.close(mode: .all, promise: nil)
    }

    // MARK: Requests

    /// Does what there is to do, until something must be waited for.
    func process() {
        // Called from within: the loop below sees what changed.
        if isProcessing { return }
        isProcessing = true
        while step() {}
        isProcessing = false
        if needsFlush {
            needsFlush = false
            channel?.flush()
        }
        readIfWanted()
    }

    private func step() -> Bool {
        switch phase {
        case .waiting: return beginExchange()
        case .exchange(let exchange): return advance(exchange)
        case .leaving, .lingering, .closed:
            input.clear()
            return false
        }
    }

    private func beginExchange() -> Bool {
        // A client that sends requests and reads no answers waits here.
        guard let channel, channel.channel.isWritable else { return false }
        switch parser.nextHead(&input) {
        case .needsMore:
            if inputHasEnded {
                close()
            } else if !headIsTimed, parser.headHasBegun(in: input) {
                headIsTimed = true
                setDeadline(milliseconds: context.settings.headerMilliseconds)
            }
            return false
        case .failed(let problem):
            refuse(problem)
            return false
        case .head(let head):
            headIsTimed = false
            deadline = nil
            let exchange = Exchange(head: head, context: context, connection: self)
            if context.isDraining || inputHasEnded { exchange.keepsAlive = false }
            phase = .exchange(exchange)
            if head.framing == .none || head.framing == .length(0) {
                _ = parser.nextBody(&input, max: 0)
                exchange.requestHasEnded = true
            } else if case .length(let length) = head.framing,
                length > context.settings.bodyByteCountMax
            {
                exchange.fail(.bodyTooLarge(context.settings.bodyByteCountMax))
                return true
            }
            router.route(exchange)
            return true
        }
    }

    /// One step of the exchange under way.
    /// - Returns: whether there may be another.
    private func advance(_ exchange: Exchange) -> Bool {
        if exchange.responseHasEnded {
            if exchange.requestHasEnded || !exchange.keepsAlive {
                finish(exchange)
                return true
            }
        }
        guard !exchange.requestHasEnded, let sink = exchange.sink, sink.hasRoom else {
            return false
        }
        switch parser.nextBody(&input, max: GatewayLimits.readByteCountMax) {
        case .bytes(let bytes):
            exchange.bodyByteCount += UInt64(bytes.readableBytes)
            if exchange.bodyByteCount > context.settings.bodyByteCountMax {
                sink.aborted()
                exchange.sink = nil
                exchange.fail(.bodyTooLarge(context.settings.bodyByteCountMax))
                return true
            }
            setDeadline(seconds: GatewayLimits.progressSeconds)
            sink.received(bytes)
            return true
        case .end:
            exchange.requestHasEnded = true
            deadline = nil
            sink.ended()
            return true
        case .needsMore:
            if inputHasEnded { close() }
            return false
        case .failed(let problem):
            sink.aborted()
            exchange.sink = nil
            exchange.keepsAlive = false
            if exchange.responseHasBegun {
                close()
                return false
            }
            exchange.fail(problem)
            return true
        }
    }

    private func finish(_ exchange: Exchange) {
        exchange.detach()
        exchange.sink = nil
        if exchange.keepsAlive, !inputHasEnded {
            phase = .waiting
            setDeadline(
                milliseconds: context.isDraining
                    ? GatewayLimits.drainIdleSeconds * 1000 : context.settings.idleMilliseconds)
        } else {
            leave()
        }
    }

    /// Answers bytes that are no request, and leaves.
    private func refuse(_ problem: Problem) {
        guard let channel else { return }
        let body = ErrorAnswer.text(problem)
        var writer = makeWriter(problem.status, capacity: 256 + body.count)
        ErrorAnswer.fields(problem, isForPrograms: false, to: &writer)
        writer.field("Content-Length", UInt64(body.count))
        writer.field("Connection", "close")
        writer.end()
        var buffer = writer.take()
        buffer.writeBytes(body)
        channel.write(wrapOutboundOut(.byteBuffer(buffer)), promise: nil)
        leave()
    }

    // MARK: Leaving

    /// Closes once everything is written; what the client still sends is read for a while.
    private func leave() {
        guard let channel else { return }
        phase = .leaving
        setDeadline(seconds: GatewayLimits.progressSeconds)
        let written = channel.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { [self] _ in lastByteWritten() }
        let nothing = channel.channel.allocator.buffer(capacity: 0)
        channel.writeAndFlush(wrapOutboundOut(.byteBuffer(nothing)), promise: written)
    }

    private func lastByteWritten() {
        guard case .leaving = phase, let channel else { return }
        if inputHasEnded { return close() }
        phase = .lingering
        setDeadline(seconds: GatewayLimits.lingerSeconds)
        channel.close(mode: .output, promise: nil)
        readIfWanted()
    }

    private func linger(_ byteCount: Int) {
        lingeredByteCount += byteCount
        if lingeredByteCount > GatewayLimits.lingerByteCountMax { close() }
    }

    /// Draining has begun: a request that comes yet is served, and is the last.
    func drain() {
        switch phase {
        case .waiting:
            if !headIsTimed { setDeadline(seconds: GatewayLimits.drainIdleSeconds) }
        case .exchange(let exchange):
            // A head that promised to keep the connection keeps it: the next answer says close.
            if !exchange.responseHasBegun { exchange.keepsAlive = false }
        case .leaving, .lingering, .closed: break
        }
    }

    /// Ends whatever is open.
    func cut() { close() }

    // MARK: Reading

    private var wantsRead: Bool {
        switch phase {
        case .waiting: return input.readableBytes < GatewayLimits.pipelinedByteCountMax
        case .exchange(let exchange):
            if !exchange.requestHasEnded {
                guard let sink = exchange.sink else {
                    return input.readableBytes < GatewayLimits.pipelinedByteCountMax
                }
                return sink.hasRoom
            }
            return input.readableBytes < GatewayLimits.pipelinedByteCountMax
        case .leaving: return false
        case .lingering: return true
        case .closed: return false
        }
    }

    private func readIfWanted() {
        guard !isReading, !inputHasEnded, wantsRead, let channel else { return }
        isReading = true
        channel.read()
    }

    /// Begins to give the body to `sink`.
    func receive(into sink: any BodySink, _ exchange: Exchange) {
        guard !exchange.requestHasEnded else { return sink.ended() }
        exchange.sink = sink
        if exchange.awaitsContinue {
            exchange.awaitsContinue = false
            // A client that has begun its body waits for nothing.
            if input.readableBytes == 0 { writeContinue() }
        }
        setDeadline(seconds: GatewayLimits.progressSeconds)
        process()
    }

    private func writeContinue() {
        guard let channel else { return }
        var buffer = channel.channel.allocator.buffer(capacity: 32)
        buffer.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
        channel.writeAndFlush(wrapOutboundOut(.byteBuffer(buffer)), promise: nil)
    }

    /// The sink of `exchange` has room again.
    func resume(_ exchange: Exchange) {
        if !exchange.requestHasEnded { setDeadline(seconds: GatewayLimits.progressSeconds) }
        process()
    }

    // MARK: Time

    func setDeadline(seconds: Int64) { setDeadline(milliseconds: seconds * 1000) }

    private func setDeadline(milliseconds: Int64) {
        guard let channel else { return }
        let due = channel.eventLoop.now + .milliseconds(milliseconds)
        deadline = due
        // One timer a connection, set anew only when it must ring sooner: most requests end before.
        if let timer, timer.at <= due { return }
        timer?.task.cancel()
        startTimer(at: due)
    }

    private func startTimer(at due: NIODeadline) {
        guard let channel else { return }
        let task = channel.eventLoop.assumeIsolated().scheduleTask(deadline: due) { [self] in
            timer = nil
            timerRang()
        }
        timer = (due, task)
    }

    /// Whether an answer still moves. A slow client may need minutes for what one region of a file
    /// holds, and for what is left when the answer is all written.
    private func clientTakesBytes(_ channel: ChannelHandlerContext) -> Bool {
        let options = channel.channel.syncOptions
        guard let unsent = try? options?.getOption(.bufferedWritableBytes), unsent > 0 else {
            return false
        }
        defer { unsentByteCount = unsent }
        return unsent < unsentByteCount
    }

    private func timerRang() {
        guard let deadline, let channel else { return }
        if channel.eventLoop.now < deadline { return startTimer(at: deadline) }
        if clientTakesBytes(channel) { return setDeadline(seconds: GatewayLimits.progressSeconds) }
        self.deadline = nil
        switch phase {
        case .waiting:
            guard headIsTimed else { return close() }
            refuse(
                Problem(.requestTimeout, "request_timeout", "The request took too long to arrive."))
        case .exchange(let exchange):
            // We do not read: the lateness is the disk's, and the store's calls have their own.
            if let sink = exchange.sink, !sink.hasRoom {
                return setDeadline(seconds: GatewayLimits.progressSeconds)
            }
            guard !exchange.requestHasEnded, !exchange.responseHasBegun else { return close() }
            exchange.sink?.aborted()
            exchange.sink = nil
            exchange.keepsAlive = false
            exchange.fail(
                Problem(.requestTimeout, "request_timeout", "The body took too long to arrive."))
        case .leaving, .lingering: close()
        case .closed: break
        }
    }
}

extension Problem {
    static func bodyTooLarge(_ max: UInt64) -> Problem {
        Problem(
            .contentTooLarge, "too_large", "The body is larger than \(max) bytes.",
            hint: "The node's setting max_body_bytes allows more.")
    }
}
