internal import Glibc
internal import IPC
internal import Model
internal import NIOCore
internal import Posix

/// One PUT, or a part of a file that becomes one: from the request's head to the answer.
///
/// ```
///   collecting ──whole, ≤ 64 KiB──▶ put ─────────────────────────▶ answered
///      │ more                                                        ▲
///      └──▶ beginning ──descriptor──▶ writing ──whole, closed──▶ commit
///   (aborted in any of these: the staging file is given up)
/// ```
/// Large content goes to a staging file that the store opened: hashed and written on a thread of
/// the pool, one piece at a time, while the next one arrives.
final class Upload: BodySink {
    private enum State {
        case collecting
        case beginning
        case writing(UploadFile)
        /// The store decides.
        case committing
        case over
    }

    typealias Answer = (WriteResponse, WriteRequest, Exchange) -> Void
    typealias Refusal = (StoreReply, Exchange) -> Void

    private let exchange: Exchange
    private let request: PutDescription
    private let feed: any UploadFeed
    private let answerWritten: Answer
    private let refuse: Refusal
    private let operation: OperationID
    private var state: State = .collecting {
        didSet { if case .over = state { feed.close() } }
    }
    private var pieces: [ByteBuffer] = []
    /// Bytes in `pieces`.
    private var heldByteCount = 0
    /// Bytes with the pool.
    private var writingByteCount = 0
    private var bodyIsWhole = false
    private var isAborted = false

    /// - Parameters:
    ///   - feed: gives the content; nil: it is the body.
    ///   - answer: to what was stored.
    ///   - refusal: to what the store did not store.
    init(
        _ exchange: Exchange, _ request: PutDescription, feed: (any UploadFeed)? = nil,
        answer: @escaping Answer = { WriteAnswer.put($0, $1, to: $2) },
        refusal: @escaping Refusal = { $1.fail(StoreFailure.problem($0)) }
    ) {
        self.exchange = exchange
        self.request = request
        self.feed = feed ?? BodyFeed(exchange)
        answerWritten = answer
        refuse = refusal
        operation = exchange.context.makeOperationID()
    }

    private var context: LoopContext { exchange.context }

    func start() {
        if let byteCount = feed.byteCount, byteCount > UInt64(IPCLimits.inlineContentByteCountMax) {
            begin(byteCount: byteCount)
        } else {
            feed.begin(into: self)
        }
    }

    // MARK: The body

    var hasRoom: Bool {
        switch state {
        case .collecting: true
        case .beginning, .committing, .over: false
        case .writing:
            heldByteCount + writingByteCount < GatewayLimits.uploadOutstandingByteCountMax
        }
    }

    func received(_ bytes: ByteBuffer) {
        pieces.append(bytes)
        heldByteCount += bytes.readableBytes
        switch state {
        case .collecting:
            if heldByteCount > IPCLimits.inlineContentByteCountMax { begin(byteCount: nil) }
        case .writing(let file):
            if heldByteCount >= GatewayLimits.uploadPieceByteCount { write(to: file) }
        case .beginning, .committing, .over: break
        }
    }

    func ended() {
        bodyIsWhole = true
        switch state {
        case .collecting: putSmall()
        case .writing(let file): write(to: file)
        case .beginning, .committing, .over: break
        }
    }

    func aborted() {
        isAborted = true
        pieces = []
        heldByteCount = 0
        switch state {
        case .writing(let file):
            // With a piece at the pool the end comes when it is written.
            if writingByteCount == 0 { giveUp(file) }
        case .collecting: state = .over
        case .beginning, .committing, .over: break
        }
    }

    private func giveUp(_ file: UploadFile) {
        _ = file.close()
        state = .over
        context.link.abortUpload(operation)
    }

    // MARK: Small content

    private func putSmall() {
        var content: [UInt8] = []
        content.reserveCapacity(heldByteCount)
        for piece in pieces { content.append(contentsOf: piece.readableBytesView) }
        pieces = []
        let digest = ContentHasher.digest(of: content)
        guard check(digest) else { return }
        state = .committing
        let write = request.write(
            operation: operation, byteCount: UInt64(content.count), digest: digest)
        context.link.call(.put(PutRequest(write: write, content: content))) { [self] reply in
            answer(reply, write)
        }
    }

    /// Compares with what the client says; answers where they differ.
    private func check(_ digest: Digest) -> Bool {
        guard let expected = request.expectedDigest, expected != digest else { return true }
        state = .over
        exchange.fail(.wrongDigest(digest))
        return false
    }

    // MARK: Large content

    private func begin(byteCount: UInt64?) {
        guard context.link.openUploadCount < IPCLimits.uploadsMax / context.settings.eventLoopCount
        else {
            state = .over
            return exchange.fail(
                Problem(
                    .unavailable, "too_many_uploads", "The node has too many uploads open.",
                    hint: "Try again in a moment."))
        }
        state = .beginning
        let begin = BeginUploadRequest(
            operation: operation, path: request.path, conditions: request.conditions,
            byteCount: byteCount)
        context.link.call(.beginUpload(begin)) { [self] reply in begun(reply) }
    }

    private func begun(_ reply: StoreReply) {
        guard !isAborted, !exchange.isGone else {
            state = .over
            context.link.abortUpload(operation)
            return
        }
        guard case .staging(let box, let sealing) = reply, let descriptor = box.take() else {
            state = .over
            return refuse(reply, exchange)
        }
        let file: UploadFile
        do {
            file = try UploadFile(descriptor, sealing)
        } catch {
            state = .over
            context.link.abortUpload(operation)
            return exchange.fail(Upload.problem(error))
        }
        state = .writing(file)
        if pieces.isEmpty {
            feed.begin(into: self)
        } else {
            write(to: file)
            feed.resume()
        }
    }

    /// Gives what has arrived to the pool, one piece at a time, and commits after the last.
    private func write(to file: UploadFile) {
        if writingByteCount > 0 { return }
        if pieces.isEmpty {
            guard bodyIsWhole else { return }
            if file.isFinished { return commit(file) }
        }
        let (batch, endsContent) = (pieces, bodyIsWhole)
        // The end of a sealed content is written even where nothing else is left.
        writingByteCount = max(1, heldByteCount)
        pieces = []
        heldByteCount = 0
        context.background.run {
            try file.append(batch, endsContent: endsContent)
        } completion: { [self] result in
            written(result, file)
        }
    }

    private func written(_ result: Result<Void, any Error>, _ file: UploadFile) {
        writingByteCount = 0
        if isAborted || exchange.isGone { return giveUp(file) }
        if case .failure(let error) = result {
            giveUp(file)
            return exchange.fail(Upload.problem(error))
        }
        // Small rests wait for more, so that writes stay large; at the end everything goes.
        if bodyIsWhole || heldByteCount >= GatewayLimits.uploadPieceByteCount { write(to: file) }
        feed.resume()
    }

    private static func problem(_ error: any Error) -> Problem {
        if let error = error as? PosixError, [ENOSPC, EDQUOT, EFBIG].contains(error.code) {
            return Problem(
                .insufficientStorage, "no_space", "The disk is full.",
                hint: "Nothing was kept. Free some space and try again.")
        }
        Log.write(.error, "an upload could not be written", ["error": "\(error)"])
        return Problem(
            .internalError, "internal", "The content could not be written.",
            hint: "Nothing was kept. The node's log says more.")
    }

    private func commit(_ file: UploadFile) {
        // Closed first: the store takes a lease that the kernel refuses while a writer exists.
        let (digest, byteCount) = file.close()
        guard check(digest) else {
            context.link.abortUpload(operation)
            return
        }
        state = .committing
        let write = request.write(operation: operation, byteCount: byteCount, digest: digest)
        context.link.call(.commitUpload(write), seconds: GatewayLimits.commitWaitSeconds) {
            [self] reply in answer(reply, write)
        }
    }

    // MARK: The answer

    private func answer(_ reply: StoreReply, _ write: WriteRequest) {
        state = .over
        guard case .written(let response) = reply else { return refuse(reply, exchange) }
        answerWritten(response, write, exchange)
    }
}

extension Problem {
    static func wrongDigest(_ digest: Digest) -> Problem {
        Problem(
            .unprocessable, "checksum_mismatch",
            "The body's SHA-256 is \(digest.hex), not what the request says.",
            hint: "Nothing was kept. Send it again.")
    }
}

/// What the head of a PUT says.
struct PutDescription {
    var path: StorePath
    var conditions: WriteConditions
    var contentType: String
    var created: Timestamp?
    var modified: Timestamp?
    var expectedDigest: Digest?

    /// - Parameter isPart: a Content-Range says which; else it is refused.
    init(
        _ head: RequestHead, path: StorePath, isPart: Bool = false, presentYear: Int
    ) throws(Problem) {
        self.path = path
        let fields = head.fields
        conditions = try WriteConditions(fields, presentYear: presentYear)
        contentType = ContentTypes.ofUpload(fields, path: path)
        created = try PutDescription.time(.createdAt, fields)
        modified =
            try PutDescription.time(.modifiedAt, fields)
            ?? PutDescription.seconds(.modifiedSeconds, fields)
        expectedDigest = try ContentDigest.expected(fields)
        if let coding = fields[.contentEncoding], !coding.isEmpty,
            !Token.equal(coding, "identity")
        {
            // Kept without its coding, the file would come back as something else (RFC 9110,
            // section 8.4).
            throw Problem(
                .unsupportedMediaType, "content_encoding",
                "Content-Encoding is not kept by this version.", hint: "Send the file as it is.")
        }
        if fields.contains(.contentRange), !isPart {
            // A part taken for the whole would destroy the file (RFC 9110, section 14.5).
            throw Problem(
                .badRequest, "content_range", "A PUT of a part is for WebDAV alone.",
                hint: "Send the whole file, without Content-Range, or the part to /dav/.")
        }
    }

    private static func time(
        _ name: FieldName, _ fields: HeaderFields
    ) throws(Problem) -> Timestamp? {
        guard let field = fields[name], !field.isEmpty else { return nil }
        guard let time = RFC3339.parse(field) else {
            throw Problem(
                .badRequest, "bad_time", "\(name.text) is not a time.",
                hint: "Write it as 2026-01-31T12:00:00Z.")
        }
        return time
    }

    /// Seconds since 1970, as clients of WebDAV say a file's time to servers that know the field;
    /// what is none is ignored there.
    private static func seconds(_ name: FieldName, _ fields: HeaderFields) -> Timestamp? {
        guard let field = fields[name], let seconds = Token.number(field.prefix { $0 != 0x2E }),
            seconds <= UInt64(Int64.max / 1_000_000_000)
        else { return nil }
        return Timestamp(nanoseconds: Int64(seconds) * 1_000_000_000)
    }

    func write(operation: OperationID, byteCount: UInt64, digest: Digest) -> WriteRequest {
        WriteRequest(
            operation: operation, path: path, conditions: conditions, contentType: contentType,
            created: created, modified: modified, byteCount: byteCount, digest: digest)
    }
}
