package import Model

/// Contents that this store fetches from others.
///
/// ```
///   want ──▶ waiting ──▶ fetching ──all there──▶ finishing ──good──▶ done
///              turn       │    ▲ │                  │ bad: from the start, elsewhere
///   grows ────────────────┘    │ └─nobody has it: done; what came is kept for a while
///                              └─ silent, lacks, cut off: the next source, from where it is
/// ```
/// A small content is one piece of a message and is kept in memory. A larger one is fetched by the
/// gateways, from file to file: this value says from whom and from where on. One that somebody still
/// uploads grows, and is known by its length so far; what it has to be is said at its end.
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

    /// Why a fetch is over.
    package enum FetchEnd: Hashable, Sendable {
        /// All that the node has of what was asked for is in the file.
        case complete
        /// The node has no such content, cannot read it, is out of reach, or the connection broke.
        case broken
        /// The node, or this one's gateway, has to be asked again a little later.
        case busy
        /// The file cannot be written: there is no room.
        case unwritable
    }

    package enum Directive: Hashable, Sendable {
        /// A small one, whole; answered by `pieceReceived`, `lacking` or `busy`.
        case ask(NodeID, ObjectID, byteCount: UInt32)
        /// Into the staging file; answered by `progressed` and `fetchEnded`.
        case fetch(Fetch)
        /// A fetch is not wanted any more; nothing of it is heard from here on.
        case stop(fetch: UInt64)
        /// Everything is written: to be made durable and compared with the digest; answered by
        /// `finished`.
        case finish(ContentFacts)
        /// A small one is there: to be compared with the digest; answered by `finished`.
        case check(ContentFacts, [UInt8])
        case done(ObjectID, Outcome)
        /// What this node gave of the content is not what it has to be: it is to look at it.
        case wrong(ContentFacts, from: NodeID)
        /// A staging file is not wanted any more.
        case discard(ObjectID)
    }

    /// Bytes of a content from one node.
    package struct Fetch: Hashable, Sendable {
        /// Of this fetch alone, in this life of the store.
        package var number: UInt64
        package var node: NodeID
        package var object: ObjectID
        package var offset: UInt64
        /// Up to where.
        package var end: UInt64
    }

    private struct Pull: Sendable {
        var object: ObjectID
        /// As far as it is known to reach.
        var byteCount: UInt64
        /// Nil while it grows.
        var digest: Digest?
        var sources: [NodeID]
        /// The one that is asked, as an index of `sources`.
        var source = 0
        /// Sources tried since one of them gave something.
        var failures = 0
        /// Bytes that are in the staging file, contiguous from the start.
        var received: UInt64 = 0
        /// Who gave them.
        var givers: Set<NodeID> = []
        var fetch: UInt64?
        /// When the source was silent for too long; or when it is to be asked again; or when what
        /// does not grow any more goes.
        var deadline: Duration
        var isPaused = false
        var isFinishing = false
        /// The bytes of several turned out to be wrong: from now on all are of one source, so that it
        /// is known whose the next wrong ones are.
        var isOfOne = false
        var small: [UInt8] = []

        var facts: ContentFacts? {
            digest.map { ContentFacts(object: object, byteCount: byteCount, digest: $0) }
        }
        var isSmall: Bool { facts?.isSmall ?? false }
        /// All that is known of it is here, and there will be more.
        var isIdle: Bool { digest == nil && received == byteCount }
    }

    /// What came of a content that nobody could give to its end.
    private struct Part: Sendable {
        var received: UInt64
        var givers: Set<NodeID>
        var deadline: Duration
    }

    private var pulls: [ObjectID: Pull] = [:]
    private var fetches: [UInt64: Fetch] = [:]
    private var parts: [ObjectID: Part] = [:]
    private var nextFetch: UInt64 = 1
    private var waiting: [ObjectID] = []
    /// Waiting ones.
    private var wanted: [ObjectID: (facts: ContentFacts, sources: [NodeID])] = [:]

    package init() {}

    package var activeCount: Int { pulls.count }
    package var waitingCount: Int { wanted.count }
    /// Contents of which a part is kept.
    package var partCount: Int { parts.count }

    package func isPulling(_ object: ObjectID) -> Bool {
        pulls[object] != nil || wanted[object] != nil
    }

    /// Whether it waits for its turn, or for its file to be synced: nothing comes, and it will all the same.
    package func isQueued(_ object: ObjectID) -> Bool {
        wanted[object] != nil || pulls[object]?.isFinishing == true
    }

    /// A fetch under way.
    package func fetch(_ number: UInt64) -> Fetch? { fetches[number] }

    /// Whether the content is known to end where the fetch does.
    package func isToTheEnd(_ fetch: Fetch) -> Bool {
        pulls[fetch.object]?.facts?.byteCount == fetch.end
    }

    /// The first time at which `timePassed` has something to do.
    package var nextDeadline: Duration? {
        let first = pulls.values.lazy.filter { !$0.isFinishing }.map(\.deadline).min()
        let part = parts.values.lazy.map(\.deadline).min()
        return [first, part].compactMap { $0 }.min()
    }

    // MARK: What is wanted

    /// A content is wanted. One that is being pulled already has more sources from now on.
    /// - Parameter sources: in the order in which they are asked; without this node.
    package mutating func want(
        _ facts: ContentFacts, from sources: [NodeID], now: Duration,
        into directives: inout [Directive]
    ) {
        let object = facts.object
        if pulls[object] != nil { return wantMore(facts, sources, now: now, &directives) }
        if wanted[object] != nil {
            for source in sources where wanted[object]?.sources.contains(source) == false {
                wanted[object]?.sources.append(source)
            }
            return
        }
        guard !sources.isEmpty else { return directives.append(.done(object, .nobody)) }
        if pulls.count < TransferLimits.pullsMax {
            begin(facts, sources, now: now, &directives)
        } else if wanted.count < TransferLimits.pullsWaitingMax {
            wanted[object] = (facts, sources)
            waiting.append(object)
        } else {
            directives.append(.done(object, .refused))
        }
    }

    private mutating func wantMore(
        _ facts: ContentFacts, _ sources: [NodeID], now: Duration,
        _ directives: inout [Directive]
    ) {
        guard var pull = pulls[facts.object] else { return }
        for source in sources where !pull.sources.contains(source) { pull.sources.append(source) }
        let wasGrowing = pull.digest == nil
        if wasGrowing {
            pull.digest = facts.digest
            pull.byteCount = facts.byteCount
            pull.deadline = now + TransferLimits.silenceMax
        }
        pulls[facts.object] = pull
        guard wasGrowing else { return }
        // Shorter than what came: another file than the one that grew.
        if pull.received > facts.byteCount { return restart(facts.object, now: now, &directives) }
        goOn(facts.object, now: now, &directives)
    }

    /// A peer says how far a content reaches that somebody uploads there, and that this node is about
    /// to hold.
    package mutating func grows(
        _ object: ObjectID, upTo byteCount: UInt64, at node: NodeID, now: Duration,
        into directives: inout [Directive]
    ) {
        guard var pull = pulls[object] else {
            // It is worth no turn of those that are wanted.
            guard pulls.count < TransferLimits.pullsMax / 2, wanted[object] == nil else { return }
            var pull = Pull(
                object: object, byteCount: byteCount, sources: [node],
                deadline: now + TransferLimits.silenceMax)
            takePart(of: &pull)
            pulls[object] = pull
            return goOn(object, now: now, &directives)
        }
        guard pull.digest == nil, byteCount > pull.byteCount, pull.sources.contains(node) else {
            return
        }
        pull.byteCount = byteCount
        pulls[object] = pull
        goOn(object, now: now, &directives)
    }

    /// The upload was given up.
    package mutating func gone(
        _ object: ObjectID, now: Duration, into directives: inout [Directive]
    ) {
        guard let pull = pulls[object], pull.digest == nil else { return }
        drop(pull, now: now, &directives)
    }

    // MARK: Small contents

    package mutating func pieceReceived(
        _ object: ObjectID, bytes: [UInt8], from node: NodeID, now: Duration,
        into directives: inout [Directive]
    ) {
        // A source that was given up may still answer.
        guard var pull = pulls[object], let facts = pull.facts, facts.isSmall, !pull.isFinishing,
            !pull.isOfOne || pull.sources[pull.source] == node
        else { return }
        guard UInt64(bytes.count) == facts.byteCount else {
            pull.sources.removeAll { $0 == node }
            pull.source = max(0, pull.source - 1)
            pulls[object] = pull
            directives.append(.wrong(facts, from: node))
            return advance(object, now: now, &directives)
        }
        pull.small = bytes
        pull.isFinishing = true
        pulls[object] = pull
        directives.append(.check(facts, bytes))
    }

    /// The node has no such content.
    package mutating func lacking(
        _ object: ObjectID, by node: NodeID, now: Duration, into directives: inout [Directive]
    ) {
        guard let pull = pulls[object], pull.isSmall, !pull.isFinishing,
            pull.sources[pull.source] == node
        else { return }
        advance(object, now: now, &directives)
    }

    /// The node has it and is busy: it is asked again a little later.
    package mutating func busy(_ object: ObjectID, node: NodeID, now: Duration) {
        guard let pull = pulls[object], pull.isSmall, !pull.isFinishing,
            pull.sources[pull.source] == node
        else { return }
        pause(object, now: now)
    }

    // MARK: Large contents

    /// So many bytes are in the staging file.
    package mutating func progressed(_ fetch: UInt64, upTo end: UInt64, now: Duration) {
        guard let object = fetches[fetch]?.object, var pull = pulls[object], pull.fetch == fetch,
            end > pull.received, end <= pull.byteCount
        else { return }
        pull.received = end
        pull.failures = 0
        pull.givers.insert(pull.sources[pull.source])
        pull.deadline = now + TransferLimits.silenceMax
        pulls[object] = pull
    }

    package mutating func fetchEnded(
        _ fetch: UInt64, _ end: FetchEnd, now: Duration, into directives: inout [Directive]
    ) {
        guard let over = fetches.removeValue(forKey: fetch), let pull = pulls[over.object],
            pull.fetch == fetch
        else { return }
        let object = over.object
        pulls[object]?.fetch = nil
        switch end {
        // A node that has less than it should is no better than one that has nothing; of what grows
        // the rest is not there yet.
        case .complete where pull.received == pull.byteCount || pull.digest == nil:
            goOn(object, now: now, &directives)
        case .complete:
            if let facts = pull.facts { directives.append(.wrong(facts, from: over.node)) }
            advance(object, now: now, &directives)
        case .broken: advance(object, now: now, &directives)
        case .busy: pause(object, now: now)
        case .unwritable:
            directives.append(.discard(object))
            self.end(object, .refused, now: now, &directives)
        }
    }

    /// The gateway that fetched went: what it was told is told again.
    package mutating func interrupted(now: Duration, into directives: inout [Directive]) {
        for object in pulls.keys.sorted() where pulls[object]?.fetch != nil {
            stopFetch(of: object, &directives)
            pause(object, now: now)
        }
    }

    // MARK: Ends

    /// - Parameter isGood: whether it is what it has to be; and durable, where it is in a file.
    package mutating func finished(
        _ object: ObjectID, isGood: Bool, now: Duration, into directives: inout [Directive]
    ) {
        guard var pull = pulls[object], pull.isFinishing else { return }
        if isGood {
            let outcome = pull.isSmall ? Outcome.small(pull.small) : .staged
            return end(object, outcome, now: now, &directives)
        }
        let isOfOne = pull.isOfOne || pull.isSmall || pull.givers.count <= 1
        if isOfOne {
            let liar = pull.isSmall ? pull.sources[pull.source] : pull.givers.first
            pull.sources.removeAll { $0 == liar }
            pull.source = max(0, pull.source - 1)
            if let liar, let facts = pull.facts { directives.append(.wrong(facts, from: liar)) }
        }
        pull.isOfOne = true
        pull.isFinishing = false
        pulls[object] = pull
        advance(object, now: now, &directives)
    }

    package mutating func timePassed(now: Duration, into directives: inout [Directive]) {
        for object in pulls.keys.sorted() {
            guard let pull = pulls[object], !pull.isFinishing, pull.deadline <= now else {
                continue
            }
            if pull.isPaused {
                pulls[object]?.isPaused = false
                pulls[object]?.deadline = now + TransferLimits.silenceMax
                goOn(object, now: now, &directives)
            } else if pull.isIdle {
                drop(pull, now: now, &directives)
            } else {
                advance(object, now: now, &directives)
            }
        }
        for object in parts.filter({ $0.value.deadline <= now }).keys.sorted() {
            parts[object] = nil
            directives.append(.discard(object))
        }
    }

    // MARK: Steps

    private mutating func begin(
        _ facts: ContentFacts, _ sources: [NodeID], now: Duration,
        _ directives: inout [Directive]
    ) {
        var pull = Pull(
            object: facts.object, byteCount: facts.byteCount, digest: facts.digest,
            sources: sources, deadline: now + TransferLimits.silenceMax)
        takePart(of: &pull)
        pulls[facts.object] = pull
        if pull.received > facts.byteCount {
            return restart(facts.object, now: now, &directives)
        }
        goOn(facts.object, now: now, &directives)
    }

    private mutating func takePart(of pull: inout Pull) {
        guard let part = parts.removeValue(forKey: pull.object) else { return }
        pull.received = part.received
        pull.givers = part.givers
        pull.byteCount = max(pull.byteCount, pull.digest == nil ? part.received : 0)
    }

    /// Asks for what is missing, or finishes.
    private mutating func goOn(
        _ object: ObjectID, now: Duration, _ directives: inout [Directive]
    ) {
        guard var pull = pulls[object], !pull.isPaused, !pull.isFinishing, pull.fetch == nil else {
            return
        }
        let source = pull.sources[pull.source]
        if pull.isSmall {
            // An empty one is asked for as well: somebody must have it.
            directives.append(
                .ask(source, object, byteCount: UInt32(max(1, pull.byteCount))))
        } else if pull.received < pull.byteCount {
            let fetch = Fetch(
                number: nextFetch, node: source, object: object, offset: pull.received,
                end: pull.byteCount)
            nextFetch += 1
            fetches[fetch.number] = fetch
            pull.fetch = fetch.number
            pull.deadline = now + TransferLimits.silenceMax
            pulls[object] = pull
            directives.append(.fetch(fetch))
        } else if let facts = pull.facts {
            pulls[object]?.isFinishing = true
            directives.append(.finish(facts))
        } else {
            pulls[object]?.deadline = now + TransferLimits.growingIdleMax
        }
    }

    /// Tries again a little later, elsewhere where there is an elsewhere.
    private mutating func pause(_ object: ObjectID, now: Duration) {
        guard var pull = pulls[object] else { return }
        if !pull.isOfOne { pull.source = (pull.source + 1) % pull.sources.count }
        pull.isPaused = true
        pull.deadline = now + TransferLimits.busyDelay
        pulls[object] = pull
    }

    private mutating func stopFetch(of object: ObjectID, _ directives: inout [Directive]) {
        guard let fetch = pulls[object]?.fetch else { return }
        pulls[object]?.fetch = nil
        fetches[fetch] = nil
        directives.append(.stop(fetch: fetch))
    }

    /// Goes on with the next source.
    private mutating func advance(
        _ object: ObjectID, now: Duration, _ directives: inout [Directive]
    ) {
        stopFetch(of: object, &directives)
        guard var pull = pulls[object] else { return }
        pull.failures += 1
        guard !pull.sources.isEmpty,
            pull.failures < pull.sources.count * TransferLimits.roundsMax
        else { return giveUp(pull, now: now, &directives) }
        pull.source = (pull.source + 1) % pull.sources.count
        pull.isPaused = false
        pull.deadline = now + TransferLimits.silenceMax
        pulls[object] = pull
        if pull.isOfOne { return restart(object, now: now, &directives) }
        goOn(object, now: now, &directives)
    }

    private mutating func restart(
        _ object: ObjectID, now: Duration, _ directives: inout [Directive]
    ) {
        stopFetch(of: object, &directives)
        guard var pull = pulls[object] else { return }
        if !pull.isSmall { directives.append(.discard(object)) }
        pull.received = 0
        pull.givers = []
        pull.small = []
        pulls[object] = pull
        goOn(object, now: now, &directives)
    }

    /// Nobody gives the rest. What came is kept: after a cut it goes on from there.
    private mutating func giveUp(
        _ pull: Pull, now: Duration, _ directives: inout [Directive]
    ) {
        let isWorthKeeping = !pull.isSmall && !pull.isOfOne && pull.received > 0
        if isWorthKeeping, parts.count < TransferLimits.partsMax {
            parts[pull.object] = Part(
                received: pull.received, givers: pull.givers,
                deadline: now + TransferLimits.partTime)
        } else if !pull.isSmall {
            directives.append(.discard(pull.object))
        }
        if pull.digest == nil {
            pulls[pull.object] = nil
            beginWaiting(now: now, &directives)
        } else {
            end(pull.object, .nobody, now: now, &directives)
        }
    }

    /// What grew grows no more, and nobody waits for it.
    private mutating func drop(
        _ pull: Pull, now: Duration, _ directives: inout [Directive]
    ) {
        stopFetch(of: pull.object, &directives)
        pulls[pull.object] = nil
        directives.append(.discard(pull.object))
        beginWaiting(now: now, &directives)
    }

    private mutating func end(
        _ object: ObjectID, _ outcome: Outcome, now: Duration, _ directives: inout [Directive]
    ) {
        stopFetch(of: object, &directives)
        pulls[object] = nil
        directives.append(.done(object, outcome))
        beginWaiting(now: now, &directives)
    }

    private mutating func beginWaiting(now: Duration, _ directives: inout [Directive]) {
        while pulls.count < TransferLimits.pullsMax, !waiting.isEmpty {
            let next = waiting.removeFirst()
            guard let (facts, sources) = wanted.removeValue(forKey: next) else { continue }
            begin(facts, sources, now: now, &directives)
        }
    }
}
