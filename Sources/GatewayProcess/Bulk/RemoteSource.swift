internal import IPC
internal import Model
internal import NIOCore
internal import Peering

/// An answer's body made of parts of a content that other nodes have: it passes through, and is kept
/// nowhere. A node that fails is followed by the next, from where it stopped.
final class RemoteSource: BodySource, ContentConsumer {
    private let object: ObjectID
    private let nodes: [NodeID]
    private let dialer: BulkDialer
    private let loop: any EventLoop
    private let resume: () -> Void

    private var segments: ArraySlice<FileSource.Segment>
    private var pieces = CircularBuffer<ByteBuffer>()
    private var heldByteCount = 0
    private var fetch: ContentFetch?
    /// Which of the nodes is asked.
    private var current = 0
    /// Nodes that failed since one gave something.
    private var failureCount = 0
    /// The next node is asked a little later.
    private var isWaiting = false
    private var hasFailed = false
    private var isClosed = false
    /// Waits for the first bytes to be certain.
    private var whenOpen: ((Bool) -> Void)?

    init(
        _ object: ObjectID, at nodes: [NodeID], segments: [FileSource.Segment],
        dialer: BulkDialer, loop: any EventLoop, resume: @escaping () -> Void
    ) {
        self.object = object
        self.nodes = nodes
        self.segments = segments[...]
        self.dialer = dialer
        self.loop = loop
        self.resume = resume
    }

    /// Begins to fetch. `done` is called once: with false where no node gives the content, so that the
    /// client can be told instead of cut off.
    func open(_ done: @escaping (Bool) -> Void) {
        let first = segments.first { if case .file = $0 { true } else { false } }
        guard case .file(let range) = first else { return done(true) }
        whenOpen = done
        begin(range)
    }

    private func begin(_ range: Range<UInt64>) {
        let wanted = BulkFetch(
            object: object, offset: range.lowerBound, byteCount: UInt64(range.count))
        fetch = dialer.fetch(wanted, from: nodes[current], into: self)
    }

    // MARK: To the client

    func next() -> BodyPart {
        if hasFailed { return .failed }
        guard let segment = segments.first else { return .end }
        switch segment {
        case .bytes(let bytes):
            segments.removeFirst()
            return .bytes(bytes)
        case .file(let range):
            if let piece = pieces.popFirst() {
                heldByteCount -= piece.readableBytes
                advance(range, by: piece.readableBytes)
                fetch?.resume()
                return .bytes(piece)
            }
            if fetch == nil, !isWaiting { begin(range) }
            return .wait
        }
    }

    private func advance(_ range: Range<UInt64>, by byteCount: Int) {
        let start = range.lowerBound + UInt64(byteCount)
        if start < range.upperBound {
            segments[segments.startIndex] = .file(start..<range.upperBound)
        } else {
            segments.removeFirst()
        }
    }

    func closed() {
        isClosed = true
        fetch?.cancel()
        fetch = nil
        pieces.removeAll()
    }

    // MARK: From the node

    var hasRoom: Bool { heldByteCount < GatewayLimits.remoteHeldByteCountMax }

    func began(byteCount: UInt64) {}

    func received(_ bytes: ByteBuffer) {
        failureCount = 0
        pieces.append(bytes)
        heldByteCount += bytes.readableBytes
        opened(true)
        resume()
    }

    private func opened(_ isOpen: Bool) {
        let done = whenOpen
        whenOpen = nil
        done?(isOpen)
    }

    func ended(_ result: FetchResult) {
        fetch = nil
        guard !isClosed else { return }
        if missing == nil { return resume() }
        if case .broken(let why) = result {
            Log.write(
                .info, "a content comes no further from a node",
                ["node": nodes[current].name, "why": why])
        }
        failureCount += 1
        guard failureCount < nodes.count * GatewayLimits.remoteRoundsMax else {
            hasFailed = true
            opened(false)
            return resume()
        }
        current = (current + 1) % nodes.count
        let delay: Int64 = failureCount < nodes.count ? 0 : GatewayLimits.remoteDelayMilliseconds
        isWaiting = true
        loop.assumeIsolated().scheduleTask(in: .milliseconds(delay)) { [self] in
            isWaiting = false
            guard !isClosed, fetch == nil, let missing else { return }
            begin(missing)
        }
    }

    /// What the client is owed of the part it is at and what did not come yet.
    private var missing: Range<UInt64>? {
        let part = segments.first { if case .file = $0 { true } else { false } }
        guard case .file(let range) = part else { return nil }
        let start = range.lowerBound + UInt64(heldByteCount)
        return start < range.upperBound ? start..<range.upperBound : nil
    }
}
