package import Model

/// One side of one link: the handshake, then requests in both directions.
///
/// ```
///   initiator: start() ──hello──▶ acceptor: frameReceived → .established, output: welcome
///   initiator: frameReceived(welcome) → .established
///   then either side: open → request ──▶ .request … answer ──▶ .response
///                     cancel or deadline → cancel ──▶ .cancelled
/// ```
/// A value: it does no IO and reads no clock. `now` is a duration since any fixed moment. What it
/// wants sent stands in `output` after each call; the driver takes it from there. Payloads stay
/// with the driver, which decodes the one that an event announces.
package struct Session: Sendable {
    package enum Side: Sendable {
        case initiator
        case acceptor
    }

    /// What the other side said of itself.
    package struct Peer: Equatable, Sendable {
        package var role: Role
        package var generation: UInt64
        /// What pairs the link with its descriptor socket.
        package var token: Bits128

        package init(role: Role, generation: UInt64, token: Bits128) {
            self.role = role
            self.generation = generation
            self.token = token
        }
    }

    /// Why a link ends. Always the other side's fault.
    package enum Fault: Error, Equatable, Sendable {
        case frame(FrameFault)
        case malformed(type: UInt16, DecodeError)
        case unexpected(type: UInt16)
        case unknownType(UInt16)
        case version(lowest: UInt16, highest: UInt16)
        case roleRefused(Role)
        case creditExceeded
        case requestID(UInt64)
    }

    /// What a frame meant.
    package enum Event: Equatable, Sendable {
        case established(Peer)
        /// The other side does not want this link; it says why.
        case refused(String)
        case request(id: UInt64, type: MessageType)
        case notice(MessageType)
        /// The answer to an open request; `isError`: the payload is a `RemoteError`.
        case response(id: UInt64, isError: Bool)
        /// The answer to a request that was cancelled or timed out. A descriptor announced with
        /// it is taken and closed.
        case staleResponse(id: UInt64)
        /// The other side no longer wants this answer: `answer` will say false.
        case cancelled(id: UInt64)
        /// Requests that waited for credit may go.
        case creditChanged
        case ignored
        case fault(Fault)
    }

    private enum State: Sendable {
        case idle
        case helloSent
        case awaitingHello
        case established
        case closed
    }

    private let side: Side
    private let role: Role
    private let generation: UInt64
    private let token: Bits128
    /// Requests that the other side may have open here.
    private let localWindow: UInt32
    /// The most that it was ever allowed: what counts as a fault, since requests may be on their
    /// way when the window is lowered.
    private var localWindowMax: UInt32
    /// Requests that this side may have open there.
    private var remoteWindow: UInt32 = 0
    private let acceptedRoles: [Role]
    private var state: State
    private var nextID: UInt64
    /// Open requests of this side, with their deadlines.
    private var outbound: [UInt64: Duration] = [:]
    /// Open requests of the other side.
    private var inbound: Set<UInt64> = []
    private var highestInbound: UInt64 = 0

    /// Frames to send, whole, in order. The driver empties it.
    package var output = ByteWriter()

    /// - Parameters:
    ///   - acceptedRoles: who may be at the other end.
    ///   - token: what pairs an initiator's link with its descriptor socket; zero without one.
    package init(
        side: Side, role: Role, generation: UInt64, acceptedRoles: [Role],
        token: Bits128 = Bits128(high: 0, low: 0), credit: UInt32 = IPCLimits.creditDefault
    ) {
        self.side = side
        self.role = role
        self.generation = generation
        self.acceptedRoles = acceptedRoles
        self.token = token
        localWindow = credit
        localWindowMax = credit
        state = side == .initiator ? .idle : .awaitingHello
        nextID = side == .initiator ? 1 : 2
    }

    package var isEstablished: Bool {
        if case .established = state { true } else { false }
    }

    /// Requests of this side that wait for an answer.
    package var openRequestCount: Int { outbound.count }

    /// Requests of the other side that this side has not answered.
    package var unansweredCount: Int { inbound.count }

    /// Whether `open` would give a request id now.
    package var hasCredit: Bool { isEstablished && outbound.count < Int(remoteWindow) }

    /// The earliest deadline of an open request: when to call `expire`.
    package var nextDeadline: Duration? { outbound.values.min() }

    /// The initiator says hello.
    package mutating func start() {
        guard case .idle = state else { preconditionFailure("start() of a session twice") }
        state = .helloSent
        let hello = Hello(role: role, generation: generation, token: token, credit: localWindow)
        FrameWriter.append(hello, type: .hello, requestID: 0, to: &output)
    }

    // MARK: Requests of this side

    /// Opens a request, whose frame is appended to `output`.
    /// - Returns: its id, or nil where there is no credit (try again at `.creditChanged` or after
    ///   any response).
    package mutating func open(
        _ message: some Message, type: MessageType, deadline: Duration, descriptor: Bool = false
    ) -> UInt64? {
        guard let id = reserve(deadline: deadline) else { return nil }
        FrameWriter.append(
            message, type: type, flags: descriptor ? .descriptor : [], requestID: id, to: &output)
        return id
    }

    /// Takes a request id without writing a frame, for drivers that must send a descriptor first.
    package mutating func reserve(deadline: Duration) -> UInt64? {
        guard hasCredit else { return nil }
        let id = nextID
        nextID += 2
        outbound[id] = deadline
        return id
    }

    /// Says something that has no answer.
    package mutating func notify(_ message: some Message, type: MessageType) {
        FrameWriter.append(message, type: type, requestID: 0, to: &output)
    }

    /// Gives up an open request and tells the other side; nothing where it is not open.
    package mutating func cancel(_ id: UInt64) {
        guard outbound.removeValue(forKey: id) != nil else { return }
        FrameWriter.append(Empty(), type: .cancel, requestID: id, to: &output)
    }

    /// Cancels the requests whose deadlines have passed.
    /// - Returns: their ids, in order of opening.
    package mutating func expire(now: Duration) -> [UInt64] {
        let expired = outbound.filter { $0.value <= now }.keys.sorted()
        for id in expired { cancel(id) }
        return expired
    }

    // MARK: Answers of this side

    /// Answers a request of the other side.
    /// - Returns: false where the answer is no longer wanted (cancelled); nothing is sent then.
    @discardableResult
    package mutating func answer(
        _ id: UInt64, type: MessageType, _ message: some Message, descriptor: Bool = false
    ) -> Bool {
        guard inbound.remove(id) != nil else { return false }
        let flags: FrameFlags = descriptor ? [.response, .descriptor] : .response
        FrameWriter.append(message, type: type, flags: flags, requestID: id, to: &output)
        return true
    }

    /// Answers a request of the other side with an error.
    @discardableResult
    package mutating func fail(_ id: UInt64, type: MessageType, _ error: RemoteError) -> Bool {
        guard inbound.remove(id) != nil else { return false }
        FrameWriter.append(
            error, type: type, flags: [.response, .error], requestID: id, to: &output)
        return true
    }

    /// Whether the other side still waits for the answer to `id`.
    package func isWanted(_ id: UInt64) -> Bool { inbound.contains(id) }

    /// Changes how many requests the other side may have open here. Those already open stay.
    package mutating func setWindow(_ window: UInt32) {
        localWindowMax = max(localWindowMax, window)
        FrameWriter.append(Credit(window: window), type: .credit, requestID: 0, to: &output)
    }

    // MARK: Frames of the other side

    /// Takes one frame. After `.fault` and `.refused` the link is to be closed.
    package mutating func frameReceived(_ header: FrameHeader, payload: RawSpan) -> Event {
        guard let type = MessageType(rawValue: header.type) else {
            return fault(.unknownType(header.type))
        }
        switch state {
        case .idle, .closed: return fault(.unexpected(type: header.type))
        case .awaitingHello: return helloReceived(type, payload)
        case .helloSent: return welcomeReceived(type, payload)
        case .established: return established(type, header, payload)
        }
    }

    private mutating func fault(_ fault: Fault) -> Event {
        state = .closed
        return .fault(fault)
    }

    private mutating func helloReceived(_ type: MessageType, _ payload: RawSpan) -> Event {
        guard type == .hello else { return fault(.unexpected(type: type.rawValue)) }
        let hello: Hello
        do {
            hello = try Hello(decoding: payload)
        } catch {
            return fault(.malformed(type: type.rawValue, error))
        }
        let version = min(hello.highestVersion, IPCVersion.highest)
        guard version >= max(hello.lowestVersion, IPCVersion.lowest) else {
            refuse(
                "this side speaks protocol \(IPCVersion.lowest) to \(IPCVersion.highest), not "
                    + "\(hello.lowestVersion) to \(hello.highestVersion): restart the older program"
            )
            return fault(.version(lowest: hello.lowestVersion, highest: hello.highestVersion))
        }
        guard acceptedRoles.contains(hello.role) else {
            refuse("a \(hello.role.name) has no business here")
            return fault(.roleRefused(hello.role))
        }
        state = .established
        remoteWindow = hello.credit
        let welcome = Welcome(
            version: version, role: role, generation: generation, credit: localWindow)
        FrameWriter.append(welcome, type: .welcome, requestID: 0, to: &output)
        return .established(
            Peer(role: hello.role, generation: hello.generation, token: hello.token))
    }

    private mutating func refuse(_ message: String) {
        FrameWriter.append(Refusal(message), type: .refusal, requestID: 0, to: &output)
    }

    private mutating func welcomeReceived(_ type: MessageType, _ payload: RawSpan) -> Event {
        do throws(DecodeError) {
            if type == .refusal {
                let refusal = try Refusal(decoding: payload)
                state = .closed
                return .refused(refusal.message)
            }
            guard type == .welcome else { return fault(.unexpected(type: type.rawValue)) }
            let welcome = try Welcome(decoding: payload)
            guard (IPCVersion.lowest...IPCVersion.highest).contains(welcome.version) else {
                return fault(.version(lowest: welcome.version, highest: welcome.version))
            }
            guard acceptedRoles.contains(welcome.role) else {
                return fault(.roleRefused(welcome.role))
            }
            state = .established
            remoteWindow = welcome.credit
            return .established(
                Peer(role: welcome.role, generation: welcome.generation, token: token))
        } catch {
            return fault(.malformed(type: type.rawValue, error))
        }
    }

    private mutating func established(
        _ type: MessageType, _ header: FrameHeader, _ payload: RawSpan
    ) -> Event {
        switch type {
        case .hello, .welcome, .refusal:
            return fault(.unexpected(type: type.rawValue))
        case .cancel:
            guard payload.isEmpty else {
                return fault(.malformed(type: type.rawValue, .trailingBytes))
            }
            // Unknown is no fault: the answer may have crossed the cancel on its way.
            return inbound.remove(header.requestID) != nil
                ? .cancelled(id: header.requestID) : .ignored
        case .credit:
            do {
                remoteWindow = try Credit(decoding: payload).window
                return .creditChanged
            } catch {
                return fault(.malformed(type: type.rawValue, error))
            }
        default:
            return header.flags.contains(.response)
                ? responseReceived(header) : requestReceived(type, header)
        }
    }

    private mutating func responseReceived(_ header: FrameHeader) -> Event {
        let id = header.requestID
        if outbound.removeValue(forKey: id) != nil {
            return .response(id: id, isError: header.flags.contains(.error))
        }
        // Given out once, so it was cancelled or timed out; else never ours.
        let isOurs = id != 0 && id < nextID && (id & 1 == 1) == (side == .initiator)
        return isOurs ? .staleResponse(id: id) : fault(.requestID(id))
    }

    private mutating func requestReceived(_ type: MessageType, _ header: FrameHeader) -> Event {
        let id = header.requestID
        if header.flags.contains(.error) { return fault(.unexpected(type: type.rawValue)) }
        if id == 0 { return .notice(type) }
        // Theirs are of the other parity, and only grow.
        guard (id & 1 == 0) == (side == .initiator), id > highestInbound else {
            return fault(.requestID(id))
        }
        guard inbound.count < Int(localWindowMax) else { return fault(.creditExceeded) }
        highestInbound = id
        inbound.insert(id)
        return .request(id: id, type: type)
    }
}
