internal import Glibc
internal import IPC
internal import Model
internal import Posix

/// A call of a supervisor, that waits for each answer: clusterfctl does one thing at a time.
struct ControlClient: ~Copyable {
    private let socket: Descriptor
    private var session: Session
    private var decoder = FrameDecoder()
    private var incoming: [Incoming] = []

    /// A frame of the other side that nobody has taken yet.
    private struct Incoming {
        var event: Session.Event
        var payload: [UInt8]
    }

    /// - Parameter directory: the node's own.
    static func connect(to directory: String) throws(ControlError) -> ControlClient {
        do throws(PosixError) {
            let socket = try UnixSocket.connect(
                to: BytePath(directory + "/run/control.sock"), .stream)
            try socket.setNonblocking(false)
            return ControlClient(socket)
        } catch {
            guard [ENOENT, ECONNREFUSED, ENOTDIR].contains(error.code) else {
                throw ControlError(.failed, "the node in \(directory) cannot be reached: \(error)")
            }
            throw ControlError(.notRunning, "no node runs in \(directory)")
        }
    }

    private init(_ socket: consuming Descriptor) {
        self.socket = socket
        session = Session(
            side: .initiator, role: .control, generation: 0, acceptedRoles: [.supervisor])
    }

    /// Shakes hands; first of all.
    mutating func start() throws(ControlError) {
        session.start()
        try flush()
        let deadline = Monotonic.now + ControlLimits.answerMax
        while !session.isEstablished { _ = try next(until: deadline) }
    }

    /// Asks, and waits for the answer.
    mutating func request<Answer: Message>(
        _ message: some Message, _ type: MessageType, answer: Answer.Type = Answer.self,
        within limit: Duration = ControlLimits.answerMax
    ) throws(ControlError) -> Answer {
        let deadline = Monotonic.now + limit
        guard let id = session.open(message, type: type, deadline: deadline) else {
            throw ControlError(.failed, "the node takes no request")
        }
        try flush()
        while true {
            let frame = try next(until: deadline)
            guard case .response(id: id, let isError) = frame.event else { continue }
            let failure: RemoteError
            do throws(DecodeError) {
                if !isError { return try Answer(decoding: unsafe frame.payload.span.bytes) }
                failure = try RemoteError(decoding: unsafe frame.payload.span.bytes)
            } catch {
                throw ControlError(.failed, "the node's answer cannot be read: \(error)")
            }
            throw ControlError(.failed, failure.message, hint: failure.hint)
        }
    }

    /// The lines of the next notice of the log; nil when the node has closed.
    mutating func nextLogLines() throws(ControlError) -> [String]? {
        while true {
            let frame: Incoming
            do {
                frame = try next(until: nil)
            } catch {
                if error == ControlClient.closed { return nil }
                throw error
            }
            guard case .notice(.logLine) = frame.event else { continue }
            do throws(DecodeError) {
                return try LogLines(decoding: unsafe frame.payload.span.bytes).lines
            } catch {
                throw ControlError(.failed, "the node's lines cannot be read: \(error)")
            }
        }
    }

    private static let closed = ControlError(.failed, "the node closed the connection")

    /// - Parameter deadline: nil: waits for ever.
    private mutating func next(until deadline: Duration?) throws(ControlError) -> Incoming {
        while incoming.isEmpty { try receive(until: deadline) }
        let frame = incoming.removeFirst()
        switch frame.event {
        case .refused(let message): throw ControlError(.failed, "the node refuses: \(message)")
        case .fault(let fault):
            throw ControlError(
                .failed, "the node does not speak this program's language: \(fault)",
                hint: "are clusterfctl and the node of one version?")
        case .established, .request, .notice, .response, .staleResponse, .cancelled,
            .creditChanged, .ignored:
            return frame
        }
    }

    private mutating func receive(until deadline: Duration?) throws(ControlError) {
        guard Monotonic.wait(for: socket.rawValue, until: deadline) else {
            throw ControlError(.failed, "the node does not answer")
        }
        let raw = socket.rawValue
        var count = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: ControlLimits.readBytes) {
            count = unsafe read(raw, $0.baseAddress, $0.count)
            $1 = max(0, count)
        }
        if count == 0 || count < 0 && errno == ECONNRESET { throw ControlClient.closed }
        if count < 0 && errno != EINTR {
            throw ControlError(.failed, "\(PosixError(errno, "read"))")
        }
        try decode(bytes)
    }

    private mutating func decode(_ bytes: [UInt8]) throws(ControlError) {
        var session = self.session
        var found: [Incoming] = []
        do throws(FrameFault) {
            try decoder.feed(unsafe bytes.span.bytes) { header, payload in
                let event = session.frameReceived(header, payload: payload)
                let copy = unsafe payload.withUnsafeBytes { unsafe [UInt8]($0) }
                found.append(Incoming(event: event, payload: copy))
                return true
            }
        } catch {
            throw ControlError(.failed, "the node sends bytes that are no frame: \(error)")
        }
        self.session = session
        incoming += found
    }

    private mutating func flush() throws(ControlError) {
        let bytes = session.output.bytes
        session.output = ByteWriter()
        do throws(PosixError) {
            try FileIO.append(bytes, to: socket)
        } catch {
            throw error.code == EPIPE
                ? ControlClient.closed : ControlError(.failed, "\(error)")
        }
    }
}

/// The clock that only goes forward, and waiting by it.
enum Monotonic {
    static var now: Duration {
        var time = timespec()
        // Fails only for a clock that does not exist.
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
    }

    /// Waits until there is something to read, or what `events` say; false: the deadline passed.
    static func wait(
        for descriptor: Int32, events: Int32 = POLLIN, until deadline: Duration?
    ) -> Bool {
        while true {
            var poll = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            var milliseconds: Int32 = -1
            if let deadline {
                let rest = (deadline - now).components
                if rest.seconds < 0 || rest.attoseconds < 0 { return false }
                milliseconds = Int32(
                    clamping: rest.seconds * 1000 + rest.attoseconds / 1_000_000_000_000_000 + 1)
            }
            let ready = unsafe Glibc.poll(&poll, 1, milliseconds)
            if ready > 0 { return true }
            if ready < 0 && errno != EINTR { return true }
        }
    }

    static func sleep(milliseconds: Int32) { _ = Glibc.poll(nil, 0, milliseconds) }
}
