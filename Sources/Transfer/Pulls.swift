package import Model

/// Contents that this store fetches from others, piece by piece.
///
/// ```
///   want ──▶ waiting ──▶ pulling: ask … piece, write … written ──▶ finishing ──▶ done
///              turn         │  silent, lacks, busy: the next source, from where it is
///                           └── nobody has it: done      bad: from the start, elsewhere
/// ```
/// A small content is one piece and is kept in memory; a larger one is written to a staging file,
/// in order, so that it goes on where it was when a connection broke.
package struct Pulls: Sendable {
    package enum Outcome: Hashable, Sendable {
        /// A small one; its digest is right.
        case small([UInt8])
        /// In its staging file, durable; its digest is right.
        case staged
        /// Nobody who was asked has it, or answers.
        case nobody
        /// There are too many to be pulled, or no room for it here.
        case refused
    }

    package enum Directive: Hashable, Sendable {
        case ask(NodeID, ObjectID, offset: UInt64, byteCount: UInt32)
        /// Appends to the staging file; answered by `written`.
        case write(ObjectID, offset: UInt64, [UInt8])
        /// Everything is written: to be made durable and compared with the digest; answered by
        /// `finished`.
        case finish(ContentFacts)
        /// A small one is there: to be compared with the digest; answered by `finished`.
        case check(ContentFacts, [UInt8])
        case done(ObjectID, Outcome)
        /// A staging file is not wanted any more.
        case discard(ObjectID)
    }

    private struct Pull: Sendable {
        var facts: ContentFacts
        var sources: [NodeID]
        /// The one that is asked, as an index of `sources`.
        var source = 0
        /// Sources tried since one of them gave something.
        var failures = 0
        /// Bytes that are there, contiguous from the start, as far as they came.
        var received: UInt64
        /// The same, as far as they are written.
        var written: UInt64
        /// Up to where the present source was asked.
        var asked: UInt64
        /// When it was silent for too long; or when it is to be asked again.
        var deadline: Duration
        var isPaused = false
        var isFinishing = false
        /// The bytes of several turned out to be wrong: from now on all are of one source, so that it
        /// is known whose the next wrong ones are.
        var isOfOne = false
        var small: [UInt8] = []
    }

    private var pulls: [ObjectID: Pull] = [:]
    private var waiting: [ObjectID] = []
    /// Waiting ones are in here too.
    private var wanted: [ObjectID: (facts: ContentFacts, sources: [NodeID])] = [:]

    package init() {}

    package var activeCount: Int { pulls.count }
    package var waitingCount: Int { wanted.count }

    package func isPulling(_ object: ObjectID) -> Bool {
        pulls[object] != nil || wanted[object] != nil
    }

    /// The first time at which `timePassed` has something to do.
    package var nextDeadline: Duration? {
        pulls.values.lazy.filter { !$0.isFinishing }.map(\.deadline).min()
    }

    // MARK: Events

    /// A content is wanted. One that is being pulled already has more sources from now on.
    /// - Parameter sources: in the order in which they are asked; without this node.
    package mutating func want(
        _ facts: ContentFacts, from sources: [NodeID], now: Duration,
        into directives: inout [Directive]
    ) {
        if pulls[facts.object] != nil {
            for source in sources where pulls[facts.object]?.sources.contains(source) == false {
                pulls[facts.object]?.sources.append(source)
            }
            return
        }
        if wanted[facts.object] != nil {
            for source in sources where wanted[facts.object]?.sources.contains(source) == false {
                wanted[facts.object]?.sources.append(source)
            }
            return
        }
        guard !sources.isEmpty else { return directives.append(.done(facts.object, .nobody)) }
        if pulls.count < TransferLimits.pullsMax {
            begin(facts, sources, now: now, &directives)
        } else if wanted.count < TransferLimits.pullsWaitingMax {
            wanted[facts.object] = (facts, sources)
            waiting.append(facts.object)
        } else {
            directives.append(.done(facts.object, .refused))
        }
    }

    package mutating func pieceReceived(
        _ object: ObjectID, offset: UInt64, bytes: [UInt8], from node: NodeID, now: Duration,
        into directives: inout [Directive]
    ) {
        // A source that was given up may still answer; what is next is next, whoever brings it.
        guard var pull = pulls[object], !pull.isFinishing, offset == pull.received,
            !pull.isOfOne || pull.sources[pull.source] == node
        else { return }
        let end = offset + UInt64(bytes.count)
        guard !bytes.isEmpty || pull.facts.byteCount == 0, end <= pull.facts.byteCount else {
            pull.sources.removeAll { $0 == node }
            pulls[object] = pull
            return advance(object, now: now, &directives)
        }
        pull.received = end
        pull.failures = 0
        pull.deadline = now + TransferLimits.silenceMax
        if pull.facts.isSmall {
            pull.small += bytes
            pulls[object] = pull
            if end == pull.facts.byteCount { return finish(object, &directives) }
        } else {
            directives.append(.write(object, offset: offset, bytes))
            pulls[object] = pull
        }
        askMore(object, &directives)
    }

    /// The bytes up to `end` are in the staging file.
    package mutating func written(
        _ object: ObjectID, upTo end: UInt64, into directives: inout [Directive]
    ) {
        guard var pull = pulls[object], !pull.isFinishing else { return }
        pull.written = max(pull.written, end)
        pulls[object] = pull
        if pull.written == pull.facts.byteCount { return finish(object, &directives) }
        askMore(object, &directives)
    }

    /// The staging file cannot be written: there is no room.
    package mutating func writeFailed(
        _ object: ObjectID, now: Duration, into directives: inout [Directive]
    ) {
        guard pulls[object] != nil else { return }
        directives.append(.discard(object))
        end(object, .refused, now: now, &directives)
    }

    /// The node has no such content.
    package mutating func lacking(
        _ object: ObjectID, by node: NodeID, now: Duration, into directives: inout [Directive]
    ) {
        guard let pull = pulls[object], !pull.isFinishing, pull.sources[pull.source] == node
        else { return }
        advance(object, now: now, &directives)
    }

    /// The node has it and is busy: it is asked again a little later.
    package mutating func busy(_ object: ObjectID, node: NodeID, now: Duration) {
        guard var pull = pulls[object], !pull.isFinishing, pull.sources[pull.source] == node
        else { return }
        pull.asked = pull.received
        pull.isPaused = true
        pull.deadline = now + TransferLimits.busyDelay
        pulls[object] = pull
    }

    /// - Parameter isGood: whether it is what it has to be; and durable, where it is in a file.
    package mutating func finished(
        _ object: ObjectID, isGood: Bool, now: Duration, into directives: inout [Directive]
    ) {
        guard var pull = pulls[object], pull.isFinishing else { return }
        if isGood {
            return end(
                object, pull.facts.isSmall ? .small(pull.small) : .staged, now: now, &directives)
        }
        if pull.isOfOne || pull.facts.byteCount <= UInt64(TransferLimits.pieceByteCount) {
            pull.sources.remove(at: pull.source)
            pull.source = max(0, pull.source - 1)
        }
        pull.isOfOne = true
        pull.isFinishing = false
        pulls[object] = pull
        advance(object, now: now, &directives)
    }

    package mutating func timePassed(now: Duration, into directives: inout [Directive]) {
        for object in pulls.keys.sorted() {
            guard var pull = pulls[object], !pull.isFinishing, pull.deadline <= now else {
                continue
            }
            guard pull.isPaused else {
                // What came is being written: nobody else is to blame.
                if pull.written < pull.received, pull.asked == pull.received { continue }
                advance(object, now: now, &directives)
                continue
            }
            pull.isPaused = false
            pull.deadline = now + TransferLimits.silenceMax
            pulls[object] = pull
            askMore(object, &directives)
        }
    }

    // MARK: Steps

    private mutating func begin(
        _ facts: ContentFacts, _ sources: [NodeID], now: Duration,
        _ directives: inout [Directive]
    ) {
        pulls[facts.object] = Pull(
            facts: facts, sources: sources, received: 0, written: 0, asked: 0,
            deadline: now + TransferLimits.silenceMax)
        askMore(facts.object, &directives)
    }

    private mutating func askMore(_ object: ObjectID, _ directives: inout [Directive]) {
        guard var pull = pulls[object], !pull.isPaused else { return }
        let done = pull.facts.isSmall ? pull.received : pull.written
        let window = UInt64(TransferLimits.windowPieceCount * TransferLimits.pieceByteCount)
        let source = pull.sources[pull.source]
        while pull.asked < pull.facts.byteCount, pull.asked - done < window {
            let count = min(
                UInt64(TransferLimits.pieceByteCount), pull.facts.byteCount - pull.asked)
            directives.append(
                .ask(source, object, offset: pull.asked, byteCount: UInt32(count)))
            pull.asked += count
        }
        // An empty one is asked for as well: somebody must have it.
        if pull.facts.byteCount == 0, pull.asked == 0 {
            directives.append(.ask(source, object, offset: 0, byteCount: 1))
        }
        pulls[object] = pull
    }

    /// Goes on with the next source.
    private mutating func advance(
        _ object: ObjectID, now: Duration, _ directives: inout [Directive]
    ) {
        guard var pull = pulls[object] else { return }
        pull.failures += 1
        guard !pull.sources.isEmpty,
            pull.failures < pull.sources.count * TransferLimits.roundsMax
        else {
            if !pull.facts.isSmall { directives.append(.discard(object)) }
            return end(object, .nobody, now: now, &directives)
        }
        pull.source = (pull.source + 1) % pull.sources.count
        if pull.isOfOne {
            pull.received = 0
            pull.written = 0
            pull.small = []
            if !pull.facts.isSmall { directives.append(.discard(object)) }
        }
        pull.asked = pull.received
        pull.isPaused = false
        pull.deadline = now + TransferLimits.silenceMax
        pulls[object] = pull
        askMore(object, &directives)
    }

    private mutating func finish(_ object: ObjectID, _ directives: inout [Directive]) {
        guard var pull = pulls[object] else { return }
        pull.isFinishing = true
        pulls[object] = pull
        directives.append(
            pull.facts.isSmall ? .check(pull.facts, pull.small) : .finish(pull.facts))
    }

    private mutating func end(
        _ object: ObjectID, _ outcome: Outcome, now: Duration, _ directives: inout [Directive]
    ) {
        pulls[object] = nil
        directives.append(.done(object, outcome))
        while pulls.count < TransferLimits.pullsMax, !waiting.isEmpty {
            let next = waiting.removeFirst()
            guard let (facts, sources) = wanted.removeValue(forKey: next) else { continue }
            begin(facts, sources, now: now, &directives)
        }
    }
}
