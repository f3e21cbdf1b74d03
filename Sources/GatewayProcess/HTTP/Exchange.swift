internal import NIOCore

/// What a route does with a request's body. Called on the loop.
protocol BodySink: AnyObject {
    /// Whether more may come; while it is false the client is not read.
    var hasRoom: Bool { get }
    func received(_ bytes: ByteBuffer)
    /// The body is whole.
    func ended()
    /// The rest of the body will not come, or is not wanted.
    func aborted()
}

/// A piece of an answer's body.
enum BodyPart {
    case bytes(ByteBuffer)
    case file(FileRegion)
    /// Nothing yet: the source says `resumeSource` when there is.
    case wait
    case end
    /// The rest cannot be had: the connection is cut, so that the client sees that it has not all.
    case failed
}

/// Where an answer's body comes from. Asked for a piece only while the client takes them.
protocol BodySource: AnyObject {
    func next() -> BodyPart
    /// Everything handed out has been sent, or never will be. Called once.
    func closed()
}

/// One request and its answer.
///
/// Routes hold it while they wait for the store; a connection that closes lets go of it, and what
/// is then said to it is nothing.
final class Exchange {
    let head: RequestHead
    let context: LoopContext
    /// The client is on this machine.
    let isFromLoopback: Bool
    private var connection: Connection?

    // What the connection keeps of it.
    var sink: (any BodySink)?
    var source: (any BodySource)?
    var bodyByteCount: UInt64 = 0
    var requestHasEnded = false
    var responseHasBegun = false
    var responseHasEnded = false
    var keepsAlive: Bool
    var awaitsContinue: Bool
    var isChunked = false

    init(head: RequestHead, context: LoopContext, connection: Connection) {
        self.head = head
        self.context = context
        self.connection = connection
        isFromLoopback = connection.isFromLoopback
        keepsAlive = head.keepsAlive
        awaitsContinue = head.expectsContinue
    }

    /// Whether nobody waits for the answer any more.
    var isGone: Bool { connection == nil }

    func detach() { connection = nil }

    // MARK: The request's body

    /// Begins to read the body, and tells a client that asked to go on.
    func receive(into sink: any BodySink) { connection?.receive(into: sink, self) }

    /// The sink has room again.
    func resumeSink() { connection?.resume(self) }

    // MARK: The answer

    /// Answers all at once. Answers to HEAD keep the length and lose the body.
    func respond(
        _ status: Status, type: StaticString, body: some Collection<UInt8>,
        fields: (inout HeadWriter) -> Void = { _ in }
    ) {
        connection?.respond(self, status, body: body) { writer in
            writer.field("Content-Type", type)
            writer.field("X-Content-Type-Options", "nosniff")
            fields(&writer)
        }
    }

    /// Answers all at once; `fields` writes the content type too.
    func respond(
        _ status: Status, body: some Collection<UInt8>, fields: (inout HeadWriter) -> Void
    ) {
        connection?.respond(self, status, body: body, fields: fields)
    }

    /// Answers without a body or a length, as 204 and 304 do.
    func respondWithoutBody(_ status: Status, fields: (inout HeadWriter) -> Void = { _ in }) {
        connection?.respond(self, status, body: [UInt8]?.none, fields: fields)
    }

    /// Begins an answer whose body comes from `source`, which is closed in every case.
    ///
    /// - Parameter byteCount: nil for a body of unknown length.
    func stream(
        _ status: Status, byteCount: UInt64?, from source: any BodySource,
        fields: (inout HeadWriter) -> Void
    ) {
        guard let connection else { return source.closed() }
        connection.stream(self, status, byteCount: byteCount, from: source, fields: fields)
    }

    /// The source has something again.
    func resumeSource() { connection?.resumeSource(self) }

    /// Answers that the request cannot be served: JSON below /api, text elsewhere.
    func fail(_ problem: Problem) {
        if responseHasBegun { return }
        ErrorAnswer.write(problem, to: self)
    }
}

/// Reads a rest of a body that nobody wants.
final class DiscardSink: BodySink {
    var hasRoom: Bool { true }
    func received(_ bytes: ByteBuffer) {}
    func ended() {}
    func aborted() {}
}
