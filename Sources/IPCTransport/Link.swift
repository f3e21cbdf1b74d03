package import IPC
package import Loop
package import Model
package import Posix

/// One side of one link on a loop: a `Session` and the sockets that carry it.
///
/// ```
///   bytes in -> FrameDecoder -> Session -> onRequest, onNotice, completions
///   answers, requests, notices -> Session.output -> one write at the end of the turn
///   descriptors -> the second socket, before the frame that announces them
/// ```
/// It lives until it is closed, by either side; `onClosed` is its last word. All on the loop's
/// thread. Frames are handled in the order they came, at once, on the stack of the read.
package final class Link {
    let loop: EventLoop
    let connection: StreamConnection
    let side: Session.Side
    var session: Session
    private var decoder = FrameDecoder()
    private var timer: LoopTimer?
    /// When `timer` fires.
    private var timerDeadline: Duration?
    private var handshakeTimer: LoopTimer?
    private var turnEnd: TurnEndToken?
    private var end: LinkEnd?
    /// What arrives while the welcome waits for the descriptor socket is out of order.
    var isAwaitingDescriptors = false
    var descriptors: DescriptorChannel?
    /// Requests that wait for an answer, by their id.
    private var open: [UInt64: OutgoingRequest] = [:]
    /// Requests that wait for credit, in order.
    private var waiting: [OutgoingRequest] = []
    private var waitingStart = 0

    /// What the other side said of itself, once it did.
    package private(set) var peer: Session.Peer?
    /// The process at the other end.
    package let peerPID: Int32

    /// The handshake is done.
    package var onEstablished: ((Session.Peer) -> Void)?
    /// A request with its payload, which is valid within the call. What it throws ends the link.
    package var onRequest: ((IncomingRequest, RawSpan) throws(DecodeError) -> Void)?
    /// A notice with its payload, likewise.
    package var onNotice: ((MessageType, RawSpan) throws(DecodeError) -> Void)?
    /// The other side no longer wants the answer to its request of this id.
    package var onCancelled: ((UInt64) -> Void)?
    /// The link ended, once, not within a call of this object's methods. Open requests failed.
    package var onClosed: ((LinkEnd) -> Void)?

    /// Takes over a connected stream socket, and the descriptor socket beside it.
    package init(
        _ loop: EventLoop, _ stream: consuming Descriptor, side: Session.Side, session: Session,
        descriptors: consuming Descriptor? = nil
    ) throws(PosixError) {
        self.loop = loop
        self.side = side
        self.session = session
        peerPID = try UnixSocket.peerPID(of: stream)
        connection = try StreamConnection(
            loop, stream, pendingBytesMax: TransportLimits.pendingByteCountMax)
        let channel: DescriptorChannel?
        if let descriptors {
            channel = try DescriptorChannel(loop, descriptors)
        } else {
            channel = nil
        }
        // The connection keeps the link alive until it is closed.
        connection.onClosed = { [self] in connectionClosed($0) }
        connection.onRead = { [unowned self] in bytesReceived($0) }
        connection.onDrained = { [unowned self] in relievePressure() }
        if let channel { attach(channel) }
        turnEnd = loop.onTurnEnd { [unowned self] in flush() }
        if side == .initiator {
            self.session.start()
            self.descriptors?.watchesEnd = true
        } else {
            handshakeTimer = try loop.schedule(after: TransportLimits.handshakeTime) {
                [unowned self] in close(.handshakeTimedOut)
            }
        }
        connection.resumeReading()
    }

    package var isOpen: Bool { end == nil && connection.isOpen }

    package var isEstablished: Bool {
        isOpen && session.isEstablished && !isAwaitingDescriptors
    }

    /// Own requests without an answer, those that wait for credit included.
    package var openRequestCount: Int { open.count + waiting.count - waitingStart }

    /// Requests of the other side without an answer.
    package var unansweredCount: Int { session.unansweredCount }

    // MARK: What comes

    private func bytesReceived(_ bytes: RawSpan) {
        do throws(FrameFault) {
            try decoder.feed(bytes) { header, payload in
                frameReceived(header, payload)
                return isOpen
            }
        } catch {
            close(.fault(.frame(error)))
        }
        applyPressure()
    }

    private func frameReceived(_ header: FrameHeader, _ payload: RawSpan) {
        if isAwaitingDescriptors { return close(.fault(.unexpected(type: header.type))) }
        var received: DescriptorBox?
        if header.flags.contains(.descriptor) {
            // Taken whatever the frame means, so that the next one finds its own.
            received = descriptors?.take(for: header.requestID)
            if received == nil { return close(.descriptorMissing(requestID: header.requestID)) }
        }
        let event = session.frameReceived(header, payload: payload)
        do throws(DecodeError) {
            try handle(event, payload, received)
        } catch {
            close(.fault(.malformed(type: header.type, error)))
        }
    }

    private func handle(
        _ event: Session.Event, _ payload: RawSpan, _ received: DescriptorBox?
    ) throws(DecodeError) {
        switch event {
        case .request(let id, let type):
            let request = IncomingRequest(link: self, id: id, type: type, descriptor: received)
            guard let onRequest else {
                request.fail(RemoteError(.unavailable, "nobody takes requests here yet"))
                return
            }
            try onRequest(request, payload)
        case .notice(let type): try onNotice?(type, payload)
        case .response(let id, let isError): try responseReceived(id, isError, payload, received)
        case .staleResponse, .ignored: break
        case .cancelled(let id): onCancelled?(id)
        case .creditChanged: sendWaiting()
        case .established(let peer): established(peer)
        case .refused(let reason): close(.refused(reason))
        case .fault(let fault): close(.fault(fault))
        }
    }

    private func established(_ peer: Session.Peer) {
        self.peer = peer
        onEstablished?(peer)
        if !isAwaitingDescriptors { becomeReady() }
    }

    /// The handshake is done and the descriptor socket there, where one is needed.
    func becomeReady() {
        handshakeTimer?.cancel()
        handshakeTimer = nil
        isAwaitingDescriptors = false
        descriptors?.watchesEnd = false
        sendWaiting()
    }

    /// The descriptor socket that belongs to this link came.
    func attach(_ channel: DescriptorChannel) {
        channel.onProgress = { [unowned self] in
            flush()
            sendWaiting()
        }
        channel.onFailed = { [unowned self] in close(.failed($0)) }
        descriptors = channel
    }

    // MARK: Requests of this side

    /// Sends a request, or keeps it until the handshake is done and there is credit.
    ///
    /// `completion` is called once, with the answer and the descriptor that came with it, or with
    /// the error: of the other side, `timedOut` after `time`, or `unavailable` where the link ended.
    @discardableResult
    package func request<Answer: Message>(
        _ message: some Message, type: MessageType, within time: Duration,
        descriptor: DescriptorBox? = nil, answer: Answer.Type = Answer.self,
        completion: @escaping (Result<Answer, RemoteError>, DescriptorBox?) -> Void
    ) -> OutgoingRequest {
        let request = OutgoingRequest.make(
            message, type: type, deadline: loop.now + time, descriptor: descriptor,
            completion: completion)
        send(request)
        return request
    }

    func send(_ request: OutgoingRequest) {
        guard end == nil, waiting.count - waitingStart < TransportLimits.waitingRequestsMax else {
            // Not within the caller's call: it has not got the request yet.
            let isLinkLost = end != nil
            return loop.later {
                request.fail(
                    RemoteError(.unavailable, "the link is closed or full"), isLinkLost: isLinkLost)
            }
        }
        waiting.append(request)
        sendWaiting()
        armTimer(for: request.deadline)
    }

    /// Gives up a request; its completion is not called.
    package func cancel(_ request: OutgoingRequest) {
        request.isDone = true
        // One that still waits is passed over when its turn comes.
        guard let id = request.id, open.removeValue(forKey: id) != nil else { return }
        session.cancel(id)
    }

    /// Says something that has no answer. Before the handshake is done it is dropped.
    package func notify(_ message: some Message, type: MessageType) {
        guard isOpen, isEstablished else { return }
        session.notify(message, type: type)
    }

    /// Sends what waits, as far as credit and the other side's reading go.
    func sendWaiting() {
        while waitingStart < waiting.count, isEstablished, !isUnderPressure, session.hasCredit {
            let request = waiting[waitingStart]
            waitingStart += 1
            if request.isDone { continue }
            guard let id = session.reserve(deadline: request.deadline) else { break }
            request.id = id
            open[id] = request
            if let descriptor = request.descriptor { sendDescriptor(descriptor, for: id) }
            request.send(&session, id)
        }
        if waitingStart == waiting.count {
            waiting.removeAll(keepingCapacity: true)
            waitingStart = 0
        } else if waitingStart > waiting.count / 2 {
            waiting.removeFirst(waitingStart)
            waitingStart = 0
        }
    }

    private func responseReceived(
        _ id: UInt64, _ isError: Bool, _ payload: RawSpan, _ received: DescriptorBox?
    ) throws(DecodeError) {
        guard let request = open.removeValue(forKey: id) else { return }
        if request.isDone { return }
        if isError {
            request.fail(try RemoteError(decoding: payload), isLinkLost: false)
        } else {
            do throws(DecodeError) {
                request.isDone = true
                try request.answered(payload, received)
            } catch {
                // Its caller is told with all others of this link, which ends.
                request.isDone = false
                open[id] = request
                throw error
            }
        }
        sendWaiting()
    }

    // MARK: Deadlines

    private func armTimer(for deadline: Duration) {
        if let timerDeadline, timerDeadline <= deadline { return }
        timerDeadline = deadline
        timer?.cancel()
        do throws(PosixError) {
            timer = try loop.schedule(after: deadline - loop.now) { [unowned self] in expire() }
        } catch {
            close(.failed(error))
        }
    }

    private func expire() {
        timerDeadline = nil
        let now = loop.now
        let timedOut = RemoteError(.timedOut, "no answer in time")
        for id in session.expire(now: now) {
            open.removeValue(forKey: id)?.fail(timedOut, isLinkLost: false)
        }
        for request in waiting[waitingStart...] where request.deadline <= now {
            request.fail(timedOut, isLinkLost: false)
        }
        waiting.removeSubrange(..<waitingStart)
        waiting.removeAll { $0.isDone }
        waitingStart = 0
        for next in [session.nextDeadline, waiting.lazy.map(\.deadline).min()] {
            if end == nil, let next { armTimer(for: next) }
        }
        sendWaiting()
    }

    // MARK: Ending

    /// Ends the link once everything said has been written.
    package func finish() {
        guard end == nil else { return }
        flush()
        end = .local
        connection.finish()
    }

    /// Ends the link now; what the kernel has taken by then still arrives.
    package func close() { close(.local) }

    /// Ends the link of a peer whose message could not be decoded, where that is found later than in
    /// a handler, which throws instead.
    package func close(malformed type: MessageType, _ error: DecodeError) {
        close(.fault(.malformed(type: type.rawValue, error)))
    }

    func close(_ end: LinkEnd) {
        guard self.end == nil else { return }
        // A refusal is the last thing that the other side hears.
        flush()
        // The flush itself may have ended it.
        if self.end == nil { self.end = end }
        connection.close()
    }

    private func connectionClosed(_ how: StreamConnection.End) {
        let end: LinkEnd
        switch how {
        case .byPeer: end = self.end ?? .byPeer
        case .local: end = self.end ?? .local
        case .failed(let error): end = self.end ?? .failed(error)
        }
        self.end = end
        timer?.cancel()
        handshakeTimer?.cancel()
        turnEnd?.cancel()
        descriptors?.close()
        descriptors = nil
        let lost = open.sorted { $0.key < $1.key }.map(\.value) + waiting[waitingStart...]
        open = [:]
        waiting = []
        waitingStart = 0
        let error = RemoteError(.unavailable, "the link ended: \(end)")
        for request in lost { request.fail(error, isLinkLost: true) }
        let onClosed = self.onClosed.take()
        onEstablished = nil
        onRequest = nil
        onNotice = nil
        onCancelled = nil
        onClosed?(end)
    }
}

extension OutgoingRequest {
    /// Tells the caller, once.
    func fail(_ error: RemoteError, isLinkLost: Bool) {
        if isDone { return }
        isDone = true
        failed(error, isLinkLost)
    }
}
