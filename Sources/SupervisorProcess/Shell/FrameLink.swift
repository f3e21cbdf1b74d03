internal import IPC
internal import Loop
internal import Model
internal import Posix

/// A session over a stream on the loop: the supervisor's end of a control link, or of a call of
/// clusterfctl. Neither passes descriptors.
final class FrameLink {
    /// What the owner is told of, each within the loop's thread.
    enum Event {
        case established(Session.Peer)
        case request(id: UInt64, MessageType)
        case notice(MessageType)
        /// The last one: the link is closed; why, if somebody is to blame.
        case closed(String?)
    }

    typealias Answer = (_ payload: RawSpan, _ isError: Bool) -> Void

    /// The watchdog judges silence; at the level of the link a question waits as long as it lives.
    private static let noDeadline: Duration = .seconds(Int64(UInt32.max))

    private let connection: StreamConnection
    private var session: Session
    private var decoder = FrameDecoder()
    private var answers: [UInt64: Answer] = [:]
    private var onEvent: ((Event, RawSpan) -> Void)?
    private var blame: String?

    /// - Parameter onEvent: the event and, for requests and notices, the payload.
    init(
        _ loop: EventLoop, _ descriptor: consuming Descriptor, _ session: Session,
        pendingBytesMax: Int = LoopLimits.pendingBytesMax,
        onEvent: @escaping (Event, RawSpan) -> Void
    ) throws(PosixError) {
        connection = try StreamConnection(loop, descriptor, pendingBytesMax: pendingBytesMax)
        self.session = session
        self.onEvent = onEvent
        connection.onRead = { [unowned self] bytes in received(bytes) }
        // Keeps the link until its end is told.
        connection.onClosed = { [self] _ in closed() }
        connection.resumeReading()
    }

    var isEstablished: Bool { session.isEstablished }

    func peerPID() throws(PosixError) -> Int32 { try connection.peerPID() }

    /// Bytes that wait for a reader at the other end.
    var pendingByteCount: Int { connection.pendingByteCount }

    /// - Returns: false where the other side takes no request now.
    @discardableResult
    func request(
        _ message: some Message, _ type: MessageType, _ answer: @escaping Answer
    ) -> Bool {
        guard let id = session.open(message, type: type, deadline: FrameLink.noDeadline) else {
            return false
        }
        answers[id] = answer
        flush()
        return true
    }

    /// Says something without an answer; nothing before the handshake.
    func notify(_ message: some Message, _ type: MessageType) {
        guard session.isEstablished else { return }
        session.notify(message, type: type)
        flush()
    }

    func answer(_ id: UInt64, _ type: MessageType, _ message: some Message) {
        session.answer(id, type: type, message)
        flush()
    }

    func fail(_ id: UInt64, _ type: MessageType, _ error: RemoteError) {
        session.fail(id, type: type, error)
        flush()
    }

    /// Closes once what was said is written.
    func finish() { connection.finish() }

    /// Closes, and tells its owner nothing more: the owner is going.
    func abandon() {
        onEvent = nil
        answers = [:]
        connection.close()
    }

    private func flush() {
        let bytes = session.output.bytes
        guard !bytes.isEmpty else { return }
        session.output = ByteWriter()
        // Who does not read what it asked for is not worth memory.
        if !connection.write(bytes) { end("does not read its link") }
    }

    private func received(_ bytes: RawSpan) {
        do throws(FrameFault) {
            try decoder.feed(bytes) { header, payload in
                handle(session.frameReceived(header, payload: payload), payload)
                return connection.isOpen
            }
        } catch {
            end("sent bytes that are no frame: \(error)")
        }
        flush()
    }

    private func handle(_ event: Session.Event, _ payload: RawSpan) {
        switch event {
        case .established(let peer): onEvent?(.established(peer), payload)
        case .request(let id, let type): onEvent?(.request(id: id, type), payload)
        case .notice(let type): onEvent?(.notice(type), payload)
        case .response(let id, let isError):
            answers.removeValue(forKey: id)?(payload, isError)
        case .refused(let message): end("refused the link: \(message)")
        case .fault(let fault): end("broke the protocol: \(fault)")
        case .staleResponse, .cancelled, .creditChanged, .ignored: break
        }
    }

    /// Ends the link for the other side's fault; a refusal that waits is still sent.
    func end(_ blame: String) {
        self.blame = self.blame ?? blame
        let last = session.output.bytes
        session.output = ByteWriter()
        if !last.isEmpty { _ = connection.write(last) }
        connection.finish()
    }

    private func closed() {
        let onEvent = self.onEvent.take()
        answers = [:]
        let nothing: [UInt8] = []
        onEvent?(.closed(blame), unsafe nothing.span.bytes)
    }
}
