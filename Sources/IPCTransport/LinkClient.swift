package import IPC
package import Loop
package import Model
package import Posix

/// A link that is always there: connects, connects again, and holds the requests meanwhile.
///
/// ```
///   connect ──> handshake ──> onConnected ──> what was open is sent again, in order
///      ▲                                                    │
///      └──── 10 ms, doubling to 500 ms ◀── the link ended ──┘
/// ```
/// A request is sent again whenever its link ends before its answer, until its time is over; so what
/// it asks must be such that doing it twice is doing it once.
package final class LinkClient {
    private let loop: EventLoop
    private let stream: BytePath
    private let descriptors: BytePath?
    private let role: Role
    private let generation: UInt64
    private let acceptedRoles: [Role]
    private let makeToken: () -> Bits128
    private var link: Link?
    private var retry: LoopTimer?
    private var backOff = TransportLimits.backOffMin
    private var isClosed = false
    /// Requests without an answer, by the order in which they were made.
    private var open: [UInt64: OutgoingRequest] = [:]
    private var nextNumber: UInt64 = 0
    private var timer: LoopTimer?
    private var timerDeadline: Duration?

    /// There is a link, the first or (`isAgain`) another one; called before what was open is sent
    /// again, so that what is said here comes first.
    package var onConnected: ((_ link: Link, _ isAgain: Bool) -> Void)?
    /// The link ended, or there was none to be had; it is tried again.
    package var onDisconnected: ((LinkEnd) -> Void)?
    private var wasConnected = false

    /// Connects to the listeners at these paths; without `descriptors` the link carries none.
    package init(
        _ loop: EventLoop, stream: BytePath, descriptors: BytePath?, role: Role,
        generation: UInt64, acceptedRoles: [Role],
        makeToken: @escaping () -> Bits128 = {
            var generator = SystemRandomNumberGenerator()
            return Bits128(using: &generator)
        }
    ) {
        self.loop = loop
        self.stream = stream
        self.descriptors = descriptors
        self.role = role
        self.generation = generation
        self.acceptedRoles = acceptedRoles
        self.makeToken = makeToken
        connect()
    }

    deinit { close() }

    package var isConnected: Bool { link?.isEstablished ?? false }

    /// Requests without an answer.
    package var openRequestCount: Int { open.count }

    /// Ends the link and fails what is open.
    package func close() {
        isClosed = true
        retry?.cancel()
        timer?.cancel()
        link?.close()
        link = nil
        let lost = open.sorted { $0.key < $1.key }.map(\.value)
        open = [:]
        for request in lost {
            request.fail(RemoteError(.unavailable, "closed here"), isLinkLost: false)
        }
    }

    // MARK: Connecting

    private func connect() {
        retry = nil
        do throws(PosixError) {
            let token = descriptors == nil ? Bits128(high: 0, low: 0) : makeToken()
            let session = Session(
                side: .initiator, role: role, generation: generation, acceptedRoles: acceptedRoles,
                token: token)
            // The descriptor socket first: its token then waits for the hello.
            var second: Descriptor?
            if let descriptors {
                let socket = try UnixSocket.connect(to: descriptors, .seqpacket)
                _ = try DescriptorSocket.send(Token.encode(token), over: socket)
                second = consume socket
            }
            let link = try Link(
                loop, UnixSocket.connect(to: stream, .stream), side: .initiator, session: session,
                descriptors: second)
            self.link = link
            link.onEstablished = { [weak self, unowned link] _ in self?.established(link) }
            link.onClosed = { [weak self] in self?.linkClosed($0) }
        } catch {
            linkClosed(.failed(error))
        }
    }

    private func established(_ link: Link) {
        backOff = TransportLimits.backOffMin
        link.becomeReady()
        onConnected?(link, wasConnected)
        wasConnected = true
        for (_, request) in open.sorted(by: { $0.key < $1.key }) where !request.isDone {
            send(request, over: link)
        }
    }

    private func linkClosed(_ end: LinkEnd) {
        link = nil
        if isClosed { return }
        onDisconnected?(end)
        // What is told may close.
        if isClosed { return }
        do throws(PosixError) {
            retry = try loop.schedule(after: backOff) { [unowned self] in connect() }
        } catch {
            // No memory for a timer: nothing here can go on.
            preconditionFailure("a timer needs memory alone: \(error)")
        }
        backOff = min(backOff * 2, TransportLimits.backOffMax)
    }

    // MARK: Requests

    /// Sends a request now or as soon as there is a link; `completion` is called once.
    @discardableResult
    package func request<Answer: Message>(
        _ message: some Message, type: MessageType, within time: Duration,
        descriptor: DescriptorBox? = nil, answer: Answer.Type = Answer.self,
        completion: @escaping (Result<Answer, RemoteError>, DescriptorBox?) -> Void
    ) -> OutgoingRequest {
        precondition(descriptor == nil || descriptors != nil, "this link carries no descriptors")
        let request = OutgoingRequest.make(
            message, type: type, deadline: loop.now + time, descriptor: descriptor,
            completion: completion)
        nextNumber += 1
        request.number = nextNumber
        open[nextNumber] = request
        armTimer(for: request.deadline)
        if let link, link.isEstablished { send(request, over: link) }
        return request
    }

    /// Gives up a request; its completion is not called.
    package func cancel(_ request: OutgoingRequest) {
        request.isDone = true
        open[request.number] = nil
        if let sent = request.sent { link?.cancel(sent) }
    }

    /// Sends what a held request says as a request of this link.
    private func send(_ request: OutgoingRequest, over link: Link) {
        let sent = OutgoingRequest(
            deadline: request.deadline, descriptor: request.descriptor, send: request.send,
            answered: { [weak self] (payload, received) throws(DecodeError) in
                if request.isDone { return }
                try request.answered(payload, received)
                request.isDone = true
                self?.open[request.number] = nil
            },
            failed: { [weak self] error, isLinkLost in
                request.sent = nil
                // It is sent again over the next link.
                if isLinkLost { return }
                self?.open[request.number] = nil
                request.fail(error, isLinkLost: false)
            })
        request.sent = sent
        link.send(sent)
    }

    // MARK: Deadlines

    private func armTimer(for deadline: Duration) {
        if let timerDeadline, timerDeadline <= deadline { return }
        timerDeadline = deadline
        timer?.cancel()
        do throws(PosixError) {
            timer = try loop.schedule(after: deadline - loop.now) { [unowned self] in expire() }
        } catch {
            preconditionFailure("a timer needs memory alone: \(error)")
        }
    }

    private func expire() {
        timerDeadline = nil
        let now = loop.now
        let late = open.filter { $0.value.deadline <= now }.sorted { $0.key < $1.key }
        for (_, request) in late {
            if let sent = request.sent { link?.cancel(sent) }
            open[request.number] = nil
            request.fail(RemoteError(.timedOut, "no answer in time"), isLinkLost: false)
        }
        if let next = open.values.lazy.map(\.deadline).min() { armTimer(for: next) }
    }
}
