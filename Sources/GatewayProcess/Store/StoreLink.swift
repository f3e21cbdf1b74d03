internal import IPC
internal import Model
internal import NIOCore
internal import Posix

/// Opens the two sockets of a link. A test gives its own.
protocol StoreConnector: AnyObject {
    /// Connects, says `token` on the descriptor socket, and builds a channel whose last handler is
    /// `handler`. The link hears the rest through the handler.
    /// - Throws: `PosixError` where nobody listens.
    func connect(token: Bits128, handler: StoreLinkHandler) throws(PosixError) -> DescriptorBox
}

/// The one link of an event loop to the store.
///
/// ```
///   apart ──connect──▶ greeting ──welcome──▶ established
///     ▲  back-off 10…500 ms │                    │
///     └──────closed─────────┴───────closed───────┘
/// ```
/// Calls live longer than a link: those that a dead link left unanswered are sent again, in order
/// and with their operation ids, on the next one, after the store has been told which uploads are
/// open. All of it happens on the event loop; completions run there too.
final class StoreLink {
    private enum State {
        case apart
        case greeting
        case established
    }

    private let loop: any EventLoop
    private let generation: UInt64
    private let connector: any StoreConnector
    private var generator: SplitMix64

    private var state: State = .apart
    private var session: Session
    private var decoder = FrameDecoder()
    private var handler: StoreLinkHandler?
    private var descriptors: DescriptorBox?

    /// Sent and unanswered, by request id.
    private var open: [UInt64: StoreCall] = [:]
    /// Not sent: no link, or no credit.
    private var waiting = CircularBuffer<StoreCall>()
    /// Uploads whose staging files the store must keep.
    private var uploads: Set<OperationID> = []
    private var nextSequence: UInt64 = 0

    private var backOff = GatewayLimits.reconnectMillisecondsMin
    private var flushIsScheduled = false
    private var isReading = false
    private var isStopped = false
    private var expiryIsArmed = false
    private(set) var finishedCount: UInt64 = 0
    /// Somebody wants to hear what happens.
    private var isWatching = false
    var onEvents: ((EventsNotice) -> Void)?
    /// Events may have passed while there was no link.
    var onGap: (() -> Void)?

    init(
        loop: any EventLoop, generation: UInt64, connector: any StoreConnector,
        generator: SplitMix64
    ) {
        self.loop = loop
        self.generation = generation
        self.connector = connector
        self.generator = generator
        session = StoreLink.makeSession(generation: generation, token: Bits128(high: 0, low: 0))
    }

    private static func makeSession(generation: UInt64, token: Bits128) -> Session {
        Session(
            side: .initiator, role: .gateway, generation: generation, acceptedRoles: [.store],
            token: token)
    }

    /// Whether the store has taken this link.
    var isEstablished: Bool { state == .established }

    /// Uploads begun and neither committed nor given up.
    var openUploadCount: Int { uploads.count }

    /// Requests without an answer.
    var queuedCount: Int { open.count + waiting.count }

    private var now: Duration { .nanoseconds(Int64(loop.now.uptimeNanoseconds)) }

    func start() { connect() }

    /// Deadlines are looked at while there are calls, and an idle process sleeps.
    private func armExpiry() {
        guard !expiryIsArmed, queuedCount > 0 else { return }
        expiryIsArmed = true
        loop.assumeIsolated().scheduleTask(
            in: .milliseconds(GatewayLimits.expiryMilliseconds)
        ) { [self] in
            expiryIsArmed = false
            expire()
            armExpiry()
        }
    }

    /// Ends the link for good; calls that are open fail.
    func stop() {
        isStopped = true
        handler?.close()
        failAll(RemoteError(.unavailable, "The gateway is stopping."))
    }

    // MARK: Calls

    /// Asks the store. `completion` runs once, on the loop, at the latest after `seconds`.
    func call(
        _ request: StoreRequest, seconds: Int64 = GatewayLimits.storeWaitSeconds,
        completion: @escaping (StoreReply) -> Void
    ) {
        let call = StoreCall(
            request, deadline: now + .seconds(seconds), sequence: nextSequence,
            completion: completion)
        nextSequence += 1
        if case .beginUpload(let message) = request { uploads.insert(message.operation) }
        defer { armExpiry() }
        if waiting.isEmpty, send(call) { return }
        guard waiting.count < GatewayLimits.waitingCallsMax, !isStopped else {
            let error = RemoteError(
                .unavailable, "The node has more requests than it can keep.",
                hint: "Try again in a moment.")
            return finish(call, .failed(error))
        }
        waiting.append(call)
    }

    /// Whether the store is to say what happens.
    func watch(_ isOn: Bool) {
        guard isOn != isWatching else { return }
        isWatching = isOn
        guard state == .established else { return }
        session.notify(WatchNotice(isOn: isOn), type: .watch)
        scheduleFlush()
    }

    /// A client was about to be given something else than what was stored as this file.
    /// - Parameter digest: what the content had to be.
    func suspect(_ path: StorePath, _ digest: Digest) {
        guard state == .established else { return }
        session.notify(SuspectNotice(path: path, digest: digest), type: .suspectContent)
        scheduleFlush()
    }

    /// The store may delete the staging file of an upload that will not be committed.
    func abortUpload(_ operation: OperationID) {
        guard uploads.remove(operation) != nil, state == .established else { return }
        session.notify(OperationList(operations: [operation]), type: .abortUpload)
        scheduleFlush()
    }

    private func send(_ call: StoreCall) -> Bool {
        guard state == .established else { return false }
        guard let id = call.request.open(in: &session, deadline: call.deadline) else {
            return false
        }
        call.wasSent = true
        open[id] = call
        scheduleFlush()
        return true
    }

    private func sendWaiting() {
        while let call = waiting.first, send(call) { waiting.removeFirst() }
    }

    private func finish(_ call: StoreCall, _ reply: StoreReply) {
        finishedCount += 1
        settleUpload(call.request, reply)
        call.completion(reply)
    }

    /// An upload ends with its commit, whatever came of it, and with a refused begin.
    private func settleUpload(_ request: StoreRequest, _ reply: StoreReply) {
        switch (request, reply) {
        case (.commitUpload(let message), _): uploads.remove(message.operation)
        case (.beginUpload(let message), .failed): uploads.remove(message.operation)
        default: break
        }
    }

    private func expire() {
        let now = now
        for id in session.expire(now: now) {
            guard let call = open.removeValue(forKey: id) else { continue }
            finish(call, .failed(StoreLink.lateness(call)))
        }
        if waiting.contains(where: { $0.deadline <= now }) {
            let late = waiting.filter { $0.deadline <= now }
            waiting.removeAll { $0.deadline <= now }
            for call in late { finish(call, .failed(StoreLink.lateness(call))) }
        }
        scheduleFlush()
    }

    private static func lateness(_ call: StoreCall) -> RemoteError {
        if call.wasSent, call.request.isWrite {
            return RemoteError(
                .timedOut, "The store did not say in time whether this was done.",
                hint: "It is safe to try again.")
        }
        return RemoteError(
            .unavailable, "The store does not answer.", hint: "Try again in a moment.")
    }

    private func failAll(_ error: RemoteError) {
        let calls = open.values.sorted { $0.sequence < $1.sequence } + waiting
        open = [:]
        waiting.removeAll()
        for call in calls { finish(call, .failed(error)) }
    }

    // MARK: The link's life

    private func connect() {
        guard case .apart = state, !isStopped else { return }
        let token = Bits128(using: &generator)
        let handler = StoreLinkHandler(link: self)
        do {
            descriptors = try connector.connect(token: token, handler: handler)
        } catch {
            return connectLater()
        }
        session = StoreLink.makeSession(generation: generation, token: token)
        decoder = FrameDecoder()
        self.handler = handler
        state = .greeting
        session.start()
        scheduleFlush()
    }

    private func connectLater() {
        let delay = backOff
        backOff = min(backOff * 2, GatewayLimits.reconnectMillisecondsMax)
        loop.assumeIsolated().scheduleTask(in: .milliseconds(delay)) { [self] in connect() }
    }

    fileprivate func opened(_ handler: StoreLinkHandler) {
        if handler === self.handler { scheduleFlush() }
    }

    fileprivate func closed(_ handler: StoreLinkHandler) {
        guard handler === self.handler else { return }
        self.handler = nil
        // A channel that closes within a read says no readComplete.
        isReading = false
        descriptors = nil
        state = .apart
        // What was sent and not answered goes first, in the order in which it was made.
        let unanswered = open.values.sorted { $0.sequence < $1.sequence }
        open = [:]
        for call in unanswered.reversed() { waiting.prepend(call) }
        connectLater()
    }

    private func established() {
        state = .established
        backOff = GatewayLimits.reconnectMillisecondsMin
        if !uploads.isEmpty {
            for chunk in uploads.sorted().chunks(of: IPCLimits.listCountMax) {
                session.notify(OperationList(operations: chunk), type: .claimUploads)
            }
        }
        if isWatching {
            session.notify(WatchNotice(isOn: true), type: .watch)
            onGap?()
        }
        sendWaiting()
        scheduleFlush()
    }

    // MARK: Bytes

    /// Frames of one turn of the loop go out in one write.
    private func scheduleFlush() {
        guard !flushIsScheduled, !isReading, session.output.count > 0 else { return }
        flushIsScheduled = true
        loop.assumeIsolated().execute { [self] in
            flushIsScheduled = false
            flush()
        }
    }

    private func flush() {
        guard let handler, handler.isActive, session.output.count > 0 else { return }
        let output = session.output
        session.output = ByteWriter()
        handler.write(output.bytes)
    }

    fileprivate func received(_ bytes: ByteBuffer, _ handler: StoreLinkHandler) {
        guard handler === self.handler else { return }
        isReading = true
        // Taken out for the while: a completion may call into the link again.
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
    }

    fileprivate func readComplete() {
        isReading = false
        sendWaiting()
        flush()
    }

    private func fail(_ reason: String) {
        Log.write(.warning, "the store's link ends", ["reason": reason])
        guard let handler else { return }
        handler.close()
        closed(handler)
    }

    private func frameReceived(_ header: FrameHeader, _ payload: RawSpan) {
        var descriptor: DescriptorBox?
        if header.flags.contains(.descriptor) {
            guard let taken = takeDescriptor(of: header.requestID) else { return }
            descriptor = taken
        }
        switch session.frameReceived(header, payload: payload) {
        case .established: established()
        case .refused(let reason): fail("refused: \(reason)")
        case .fault(let fault): fail("\(fault)")
        case .creditChanged: sendWaiting()
        case .response(let id, let isError):
            responseReceived(id, isError: isError, payload, descriptor)
        case .request(let id, let type):
            // The store asks nothing of a gateway without peers.
            session.fail(
                id, type: type, RemoteError(.invalid, "The gateway knows no such request."))
        case .notice(.events): eventsReceived(payload)
        case .notice, .cancelled, .staleResponse, .ignored: break
        }
    }

    private func eventsReceived(_ payload: RawSpan) {
        do throws(DecodeError) {
            onEvents?(try EventsNotice(decoding: payload))
        } catch {
            fail("a malformed notice: \(error)")
        }
    }

    private func responseReceived(
        _ id: UInt64, isError: Bool, _ payload: RawSpan, _ descriptor: DescriptorBox?
    ) {
        guard let call = open.removeValue(forKey: id) else { return }
        do throws(DecodeError) {
            let reply: StoreReply =
                isError
                ? .failed(try RemoteError(decoding: payload))
                : try call.request.decode(payload, descriptor: descriptor)
            finish(call, reply)
        } catch {
            // Sent again on the next link: the store that answers nonsense may be replaced by then.
            open[id] = call
            fail("a malformed answer: \(error)")
        }
    }

    /// The descriptor that was put on the descriptor socket before the frame that announces it.
    private func takeDescriptor(of id: UInt64) -> DescriptorBox? {
        do throws(PosixError) {
            let received = try descriptors?.borrow { socket throws(PosixError) in
                try DescriptorSocket.receive(from: socket)
            }
            guard case .some(.descriptor(let message, let descriptor)) = received,
                message == DescriptorMessage.bytes(id)
            else {
                fail("an announced descriptor that is not there")
                return nil
            }
            return DescriptorBox(descriptor)
        } catch {
            fail("the descriptor socket: \(error)")
            return nil
        }
    }
}

/// What a descriptor travels with: the id of its request, eight bytes, big endian. A link's first
/// message is its token instead.
enum DescriptorMessage {
    static func bytes(_ id: UInt64) -> [UInt8] {
        var writer = ByteWriter(capacity: 8)
        writer.write(id)
        return writer.bytes
    }

    static func bytes(token: Bits128) -> [UInt8] {
        var writer = ByteWriter(capacity: 16)
        writer.write(token.high)
        writer.write(token.low)
        return writer.bytes
    }
}

/// The link's place in its channel's pipeline.
final class StoreLinkHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let link: StoreLink
    private var context: ChannelHandlerContext?

    init(link: StoreLink) { self.link = link }

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

    func channelReadComplete(context: ChannelHandlerContext) { link.readComplete() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    func write(_ bytes: [UInt8]) {
        guard let context else { return }
        let buffer = context.channel.allocator.buffer(bytes: bytes)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    func close() { context?.close(promise: nil) }

    /// The channel never came to be.
    func failed() { link.closed(self) }
}

extension Array {
    /// The elements in order, in arrays of at most `count`.
    fileprivate func chunks(of count: Int) -> [[Element]] {
        stride(from: 0, to: self.count, by: count).map {
            Array(self[$0..<Swift.min($0 + count, self.count)])
        }
    }
}
