internal import IPC
internal import Model
internal import NIOCore

/// A file with a part of it written anew: what it has before the part, the request's body, what it has
/// behind it. One piece after the other, while the upload takes them.
///
/// ```
///   before ──▶ gap ──▶ body ──▶ after ──▶ over
///   (from any: the upload, the client or the content ends early ──▶ over)
/// ```
/// All of the present content is read, what is replaced too: its digest is taken on the way, and nothing is
/// stored that was made of bytes which are not what they were.
final class PartFeed: UploadFeed, BodySink {
    private enum Phase {
        /// The present content up to where the part begins.
        case before
        /// Zeros between the end of the content and the part.
        case gap
        case body
        /// The rest of the content: what the part replaces goes nowhere.
        case after
        case over
    }

    private let exchange: Exchange
    private let part: FilePart
    /// What the client says of the body.
    private let expectedDigest: Digest?
    private var hasher = ContentHasher()
    private var phase = Phase.before
    private var source: (any BodySource)?
    private var sink: (any BodySink)?
    /// Taken from the source and not looked at yet.
    private var piece = ByteBuffer()
    /// Bytes of the present content before `piece`.
    private var offset: UInt64 = 0
    private var gapByteCount: UInt64
    private var isPumping = false
    private var isAskedAgain = false

    init(_ exchange: Exchange, _ part: FilePart, expectedDigest: Digest?) {
        self.exchange = exchange
        self.part = part
        self.expectedDigest = expectedDigest
        let (start, end) = (part.range.lowerBound, part.fileByteCount)
        gapByteCount = start > end ? start - end : 0
    }

    /// Opens the present content. `done` is called once, with the problem where it cannot be had.
    ///
    /// - Parameter file: nil where there is none yet.
    func open(_ file: FoundFile?, at path: StorePath, _ done: @escaping (Problem?) -> Void) {
        guard let file else {
            source = BytesSource([])
            return done(nil)
        }
        ContentOpening(
            context: exchange.context, path: path, file: file, taker: .memory,
            resume: { [weak self] in self?.pump() }
        ).openWhole { [self] result in
            switch result {
            case .failure(let problem): done(problem)
            case .success(let source):
                self.source = source
                done(nil)
            }
        }
    }

    // MARK: The upload

    var byteCount: UInt64? { part.byteCount }

    func begin(into sink: any BodySink) {
        self.sink = sink
        pump()
    }

    func resume() {
        if case .body = phase { return exchange.resumeSink() }
        pump()
    }

    func close() {
        phase = .over
        sink = nil
        piece = ByteBuffer()
        source?.closed()
        source = nil
    }

    // MARK: The present content

    private func pump() {
        isAskedAgain = true
        if isPumping { return }
        isPumping = true
        while isAskedAgain {
            isAskedAgain = false
            while step() {}
        }
        isPumping = false
    }

    /// - Returns: whether there may be another step.
    private func step() -> Bool {
        guard let sink else { return false }
        if exchange.isGone {
            aborted()
            return false
        }
        guard sink.hasRoom else { return false }
        switch phase {
        case .before: return giveBefore(to: sink)
        case .gap: return giveZeros(to: sink)
        case .after: return giveAfter(to: sink)
        case .body, .over: return false
        }
    }

    private func giveBefore(to sink: any BodySink) -> Bool {
        let left = part.range.lowerBound - offset
        // What is behind the end is known when the content has ended.
        if left == 0, part.range.lowerBound < part.fileByteCount {
            beginBody()
            return false
        }
        switch nextPiece() {
        case .wait: return false
        case .ended:
            phase = .gap
            return true
        case .some:
            let count = min(UInt64(piece.readableBytes), left)
            give(Int(count), to: sink)
            return true
        }
    }

    private func giveZeros(to sink: any BodySink) -> Bool {
        guard gapByteCount > 0 else {
            beginBody()
            return false
        }
        let count = min(gapByteCount, UInt64(PartFeed.zeros.readableBytes))
        gapByteCount -= count
        var zeros = PartFeed.zeros
        if let slice = zeros.readSlice(length: Int(count)) { sink.received(slice) }
        return true
    }

    private static let zeros = ByteBuffer(
        repeating: 0, count: GatewayLimits.uploadPieceByteCount)

    private func giveAfter(to sink: any BodySink) -> Bool {
        switch nextPiece() {
        case .wait: return false
        case .ended:
            close()
            sink.ended()
            return false
        case .some:
            let end = part.range.upperBound
            if offset < end {
                let count = min(UInt64(piece.readableBytes), end - offset)
                piece.moveReaderIndex(forwardBy: Int(count))
                offset += count
            } else {
                give(piece.readableBytes, to: sink)
            }
            return true
        }
    }

    private func give(_ count: Int, to sink: any BodySink) {
        guard let bytes = piece.readSlice(length: count), count > 0 else { return }
        offset += UInt64(count)
        sink.received(bytes)
    }

    private enum NextPiece {
        /// There is something in `piece`.
        case some
        case wait
        case ended
    }

    private func nextPiece() -> NextPiece {
        while piece.readableBytes == 0 {
            switch source?.next() {
            case .bytes(let bytes): piece = bytes
            case .wait: return .wait
            case .end where offset == part.fileByteCount: return .ended
            case .file: preconditionFailure("bytes of a file for a taker in memory")
            case .end, .failed, nil:
                fail(.contentNotWhole)
                return .wait
            }
        }
        return .some
    }

    private func fail(_ problem: Problem) {
        aborted()
        exchange.fail(problem)
    }

    // MARK: The body

    private func beginBody() {
        phase = .body
        exchange.receive(into: self)
    }

    var hasRoom: Bool {
        guard case .body = phase, let sink else { return false }
        return sink.hasRoom
    }

    func received(_ bytes: ByteBuffer) {
        // On the loop, for the few who ask for it: what one read of a socket gives.
        if expectedDigest != nil {
            unsafe bytes.withUnsafeReadableBytes { unsafe hasher.update($0) }
        }
        sink?.received(bytes)
    }

    func ended() {
        guard case .body = phase else { return }
        if let expectedDigest {
            let digest = hasher.digest()
            guard digest == expectedDigest else { return fail(.wrongDigest(digest)) }
        }
        phase = .after
        pump()
    }

    func aborted() {
        let sink = sink
        close()
        sink?.aborted()
    }
}

extension Problem {
    static var contentNotWhole: Problem {
        Problem(
            .unavailable, "content_not_whole",
            "What the file has now cannot be read as it was stored.",
            hint: "Nothing was changed. Try again when it is mended, or send the whole file.")
    }
}
