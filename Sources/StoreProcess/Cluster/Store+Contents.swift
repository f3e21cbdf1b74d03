internal import Cluster
internal import IPC
internal import Loop
internal import Model
internal import Posix
internal import Replication
internal import Synchronization
internal import Transfer

// Contents on their way: pulled from those who have them, offered to those who will, and given.
extension Store {
    // MARK: What messages wait for

    /// Asks the disk which of these are not here, and pulls those.
    func askMissing(_ contents: [NamedContent], of peer: NodeID, for partition: Partition?) {
        askDisk(.lacking(contents.map(\.object))) { answer in
            guard case .success(.lacking(let lacking)) = answer else {
                // The disk cannot say: the message is lost, as it would be with the disk.
                for content in contents { self.settle(content.object, isHere: false) }
                return
            }
            for content in contents {
                if lacking.contains(content.object) {
                    let others = self.mayHave(content, for: partition)
                    self.pull(
                        content.facts, from: [peer] + others.filter { $0 != peer },
                        path: content.path)
                } else {
                    self.cluster.known.insert(content.object)
                    self.settle(content.object, isHere: true)
                }
            }
        }
    }

    /// Pulls what the disk lacks of these, and calls `done` when all are here or cannot be had.
    func fetchFirst(
        _ contents: [NamedContent], for partition: Partition, _ done: @escaping () -> Void
    ) {
        askDisk(.lacking(contents.map(\.object))) { answer in
            var lacking: [NamedContent] = []
            if case .success(.lacking(let objects)) = answer {
                lacking = contents.filter { objects.contains($0.object) }
                for content in contents where !objects.contains(content.object) {
                    self.cluster.known.insert(content.object)
                }
            }
            guard !lacking.isEmpty else { return done() }
            var open = lacking.count
            for content in lacking {
                self.cluster.readers[content.object, default: []].append { _ in
                    open -= 1
                    if open == 0 { done() }
                }
            }
            for content in lacking {
                self.pull(
                    content.facts, from: self.mayHave(content, for: partition),
                    path: content.path)
            }
        }
    }

    /// Whether a content can be had, for one of the nodes that will store it. Asked of this node where it is
    /// one of them; else that is theirs to find out.
    func isWithinReach(
        _ content: NamedContent, for partition: Partition, _ done: @escaping (Bool) -> Void
    ) {
        guard cluster.node.willStore(partition) else { return done(true) }
        fetchFirst([content], for: partition) {
            if self.cluster.shelf[content.object] != nil { return done(true) }
            self.askDisk(.lacking([content.object])) { answer in
                if case .success(.lacking(let lacking)) = answer {
                    done(lacking.isEmpty)
                } else {
                    done(true)
                }
            }
        }
    }

    /// The holders of a partition, and those of the path that the content came from.
    private func mayHave(_ content: NamedContent, for partition: Partition?) -> [NodeID] {
        var nodes = partition.map { cluster.node.mayHold($0) } ?? []
        guard let home = content.home, home != partition else { return nodes }
        for node in cluster.node.mayHold(home) where !nodes.contains(node) { nodes.append(node) }
        return nodes
    }

    /// A content is here, or cannot be had: what waited for it goes on.
    private func settle(_ object: ObjectID, isHere: Bool) {
        for (message, sender) in cluster.gate.settled(object, isHere: isHere) {
            deliver(message, from: sender)
        }
        for reader in cluster.readers.removeValue(forKey: object) ?? [] { reader(isHere) }
        guard let offerers = cluster.offerers.removeValue(forKey: object) else { return }
        for peer in offerers.sorted() {
            send(isHere ? .holds(object) : .declines(object), to: peer)
        }
    }

    // MARK: Pulling

    func pull(_ facts: ContentFacts, from nodes: [NodeID], path: StorePath?) {
        if cluster.shelf[facts.object] != nil { return settle(facts.object, isHere: true) }
        // Taken away when the pull is done, as each is.
        if let path { cluster.pulledPaths[facts.object] = path }
        var directives: [Pulls.Directive] = []
        cluster.pulls.want(facts, from: nodes, now: loop.now, into: &directives)
        obey(directives)
    }

    private func obey(_ directives: [Pulls.Directive]) {
        for directive in directives {
            switch directive {
            case .ask(let node, let object, let byteCount):
                send(.ask(object, byteCount: byteCount), to: node)
            case .fetch(let fetch): begin(fetch)
            case .stop(let number):
                _ = cluster.carriers.send(FetchNumber(number), .stopFetch)
            case .check(let facts, let bytes):
                let isGood = ContentCheck.digest(of: bytes) == facts.digest
                pullEvent { $0.finished(facts.object, isGood: isGood, now: $1, into: &$2) }
            case .finish(let facts): finish(facts)
            case .wrong(let facts, let node): gaveWrong(facts, node)
            case .discard(let object): discard(object)
            case .done(let object, let outcome): pulled(object, outcome)
            }
        }
        setShelfTimer()
    }

    func pullEvent(
        _ event: (inout Pulls, Duration, inout [Pulls.Directive]) -> Void
    ) {
        var directives: [Pulls.Directive] = []
        event(&cluster.pulls, loop.now, &directives)
        obey(directives)
    }

    /// The node learns that what it gave is not what it has to be: else it gives it again and again.
    private func gaveWrong(_ facts: ContentFacts, _ node: NodeID) {
        let path = cluster.pulledPaths[facts.object]
        Log.warning(
            "a node gave a content that is not what was stored",
            ["node": node.name, "path": path.map { "\($0)" } ?? "?"])
        if let path { send(.word(.suspects(path, facts.digest)), to: node) }
    }

    // MARK: From gateway to gateway

    private func begin(_ fetch: Pulls.Fetch) {
        let order = FetchContent(
            number: fetch.number, node: fetch.node, object: fetch.object, offset: fetch.offset,
            end: fetch.end)
        if cluster.carriers.send(order, .fetchContent) { return }
        pullEvent { $0.fetchEnded(fetch.number, .busy, now: $1, into: &$2) }
    }

    /// Where a gateway writes what it fetches.
    func openFetch(_ number: UInt64, _ reply: @escaping Reply<Staging>) {
        guard let fetch = cluster.pulls.fetch(number) else {
            return reply(.failure(RemoteError(.notFound, "nobody wants this any more")))
        }
        let lane = cluster.pulled[fetch.object] ?? FileLane(fetch.object)
        cluster.pulled[fetch.object] = lane
        let (engine, file) = (engine, lane.file)
        let byteCount = fetch.end - fetch.offset
        let endsContent = cluster.pulls.isToTheEnd(fetch)
        let handed = OpenedFile()
        lane.submit(on: loop, engine) {
            handed.put(
                file.openForWriting(engine, byteCount: byteCount, endsContent: endsContent))
            return nil
        } then: { _ in
            guard let file = handed.take() else { return reply(.failure(.noSpace)) }
            reply(.success(file))
        }
    }

    func fetchProgressed(_ progress: FetchProgress) {
        guard let object = cluster.pulls.fetch(progress.number)?.object else { return }
        pullEvent { pulls, now, _ in
            pulls.progressed(progress.number, upTo: progress.end, now: now)
        }
        checkAhead(object, upTo: progress.end)
        // A source that is gone is no progress.
        if progress.state != .broken { sayPulling(object) }
        let end: Pulls.FetchEnd? =
            switch progress.state {
            case .underWay: nil
            case .complete: .complete
            case .broken: .broken
            case .busy: .busy
            case .unwritable: .unwritable
            }
        guard let end else { return }
        pullEvent { $0.fetchEnded(progress.number, end, now: $1, into: &$2) }
    }

    /// The gateway that fetched is gone, or another one has its place.
    func fetchesInterrupted() {
        pullEvent { $0.interrupted(now: $1, into: &$2) }
    }

    /// Takes the digest of what came and lets the disk write it, while more comes: so the end of a
    /// large file is a short sync.
    private func checkAhead(_ object: ObjectID, upTo end: UInt64) {
        guard let lane = cluster.pulled[object] else { return }
        let file = lane.file
        lane.submit(on: loop, engine) {
            file.checkAhead(upTo: end)
            return nil
        } then: { _ in
        }
    }

    /// Who offered it waits as long as something moves.
    private func sayPulling(_ object: ObjectID) {
        guard let offerers = cluster.offerers[object] else { return }
        if let last = cluster.saidPulling[object], loop.now - last < TransferLimits.pullingInterval
        {
            return
        }
        cluster.saidPulling[object] = loop.now
        for peer in offerers.sorted() { send(.pulling(object), to: peer) }
    }

    private func finish(_ facts: ContentFacts) {
        finish(facts, until: loop.now + StoreLimits.leaseWait)
    }

    /// Again and again while the gateway's descriptor is on its way to be closed: what is taken for
    /// good cannot be changed any more.
    private func finish(_ facts: ContentFacts, until deadline: Duration) {
        guard let lane = cluster.pulled[facts.object] else {
            return pullEvent { $0.finished(facts.object, isGood: false, now: $1, into: &$2) }
        }
        let (engine, file) = (engine, lane.file)
        lane.submit(on: loop, engine) {
            file.finish(facts, engine).rawValue
        } then: { [weak self] result in
            self?.assumeIsolated {
                $0.finished(facts, result.flatMap { PulledFile.End(rawValue: $0) }, deadline)
            }
        }
    }

    private func finished(_ facts: ContentFacts, _ end: PulledFile.End?, _ deadline: Duration) {
        if end == .isBeingWritten, loop.now < deadline {
            do {
                _ = try loop.schedule(after: StoreLimits.leaseRetryInterval) { [weak self] in
                    self?.assumeIsolated { $0.finish(facts, until: deadline) }
                }
                return
            } catch {
                Log.error("no timer for a pulled content", ["error": "\(error)"])
            }
        }
        pullEvent { $0.finished(facts.object, isGood: end == .good, now: $1, into: &$2) }
    }

    private func discard(_ object: ObjectID) {
        guard let lane = cluster.pulled.removeValue(forKey: object) else { return }
        let (engine, file) = (engine, lane.file)
        lane.submit(on: loop, engine) {
            file.discard(engine.directory)
            return nil
        } then: { _ in
        }
    }

    private func pulled(_ object: ObjectID, _ outcome: Pulls.Outcome) {
        cluster.saidPulling[object] = nil
        cluster.pulledPaths[object] = nil
        switch outcome {
        case .small(let bytes):
            cluster.shelf.put(
                object, .bytes(bytes), byteCount: UInt64(bytes.count), now: loop.now)
            settle(object, isHere: true)
        case .staged:
            cluster.pulled[object] = nil
            cluster.shelf.put(
                object, .staged(PulledFile.operation(of: object)), byteCount: 0, now: loop.now)
            settle(object, isHere: true)
        case .nobody, .refused:
            Log.info("a content cannot be had", ["object": object.hex, "why": "\(outcome)"])
            settle(object, isHere: false)
        }
    }

    // MARK: Offering

    /// Offers a large content to the nodes that are about to hold it; `done` is called with those
    /// that have it by then.
    ///
    /// - Parameter home: whose holders have it, where this node need not have it.
    func offer(
        _ facts: ContentFacts, home: Partition? = nil, for partition: Partition,
        _ done: @escaping ([NodeID]) -> Void
    ) {
        guard cluster.offered[facts.object] == nil else {
            cluster.waitingOffers[facts.object, default: []].append {
                self.offer(facts, home: home, for: partition, done)
            }
            return
        }
        let nodes = cluster.node.willHold(partition)
        guard !nodes.isEmpty else { return done([]) }
        cluster.offered[facts.object] = done
        let enough = cluster.node.neededElsewhere(partition)
        offerEvent {
            $0.begin(facts, home: home, to: nodes, enough: enough, now: $1, into: &$2)
        }
    }

    func offerEvent(
        _ event: (inout Offers, Duration, inout [Offers.Directive]) -> Void
    ) {
        var directives: [Offers.Directive] = []
        event(&cluster.offers, loop.now, &directives)
        for directive in directives {
            switch directive {
            case .offer(let facts, let home, let node): send(.offer(facts, home: home), to: node)
            case .done(let object, let holding):
                cluster.offered.removeValue(forKey: object)?(holding)
                for next in cluster.waitingOffers.removeValue(forKey: object) ?? [] { next() }
            }
        }
        setShelfTimer()
    }

    // MARK: What peers say of contents

    func receivedContents(_ message: StoreMessage, from peer: NodeID) {
        switch message {
        case .message, .word: break
        case .ask(let object, let byteCount): give(object, byteCount: Int(byteCount), to: peer)
        case .piece(let object, let bytes):
            pullEvent {
                $0.pieceReceived(object, bytes: bytes, from: peer, now: $1, into: &$2)
            }
        case .lacks(let object):
            pullEvent { $0.lacking(object, by: peer, now: $1, into: &$2) }
        case .busy(let object):
            pullEvent { pulls, now, _ in
                pulls.busy(object, node: peer, now: now)
            }
        case .offer(let facts, let home): offered(facts, home: home, by: peer)
        case .pulling(let object): cluster.offers.asked(object, by: peer, now: loop.now)
        case .grows(let object, let byteCount):
            guard !engine.isReadOnly, cluster.shelf[object] == nil else { return }
            let end = fetchedByteCount(growing: byteCount)
            guard end > 0 else { return }
            pullEvent { $0.grows(object, upTo: end, at: peer, now: $1, into: &$2) }
        case .gone(let object): pullEvent { $0.gone(object, now: $1, into: &$2) }
        case .holds(let object):
            offerEvent { offers, _, directives in
                offers.answered(object, by: peer, holds: true, into: &directives)
            }
        case .declines(let object):
            offerEvent { offers, _, directives in
                offers.answered(object, by: peer, holds: false, into: &directives)
            }
        }
    }

    /// A peer is about to ask for a version with this content to be stored here.
    private func offered(_ facts: ContentFacts, home: Partition?, by peer: NodeID) {
        if cluster.shelf[facts.object] != nil {
            cluster.shelf.touch(facts.object, now: loop.now)
            return send(.holds(facts.object), to: peer)
        }
        guard !engine.isReadOnly, cluster.offerers.count < StoreLimits.heldMessagesMax else {
            return send(.declines(facts.object), to: peer)
        }
        cluster.offerers[facts.object, default: []].insert(peer)
        let named = NamedContent(
            object: facts.object, byteCount: facts.byteCount, digest: facts.digest, home: home)
        askMissing([named], of: peer, for: nil)
    }

    // MARK: Time

    func setShelfTimer() {
        let isNeeded =
            cluster.shelf.count > 0 || cluster.pulls.activeCount > 0 || cluster.offers.count > 0
        guard isNeeded, cluster.shelfTimer == nil else { return }
        do {
            cluster.shelfTimer = try loop.schedule(after: StoreLimits.shelfTick) { [weak self] in
                self?.assumeIsolated { $0.shelfTick() }
            }
        } catch {
            Log.error("no timer for contents", ["error": "\(error)"])
        }
    }

    private func shelfTick() {
        cluster.shelfTimer = nil
        pullEvent { $0.timePassed(now: $1, into: &$2) }
        offerEvent { $0.timePassed(now: $1, into: &$2) }
        for object in cluster.offerers.keys where cluster.pulls.isQueued(object) {
            sayPulling(object)
        }
        for (object, operation) in cluster.shelf.expire(now: loop.now) {
            forget(object, operation)
        }
        setShelfTimer()
    }

    /// A staging file that nobody used for long: unless a version took it, it goes.
    func forget(_ object: ObjectID, _ operation: OperationID) {
        askDisk(.lacking([object])) { answer in
            guard case .success(.lacking([object])) = answer else { return }
            let engine = self.engine
            let taken = engine.files.submit {
                StagingFile.remove(operation, file: nil, engine.directory)
            }
            if !taken { Log.info("a staging file stays until the next start") }
        }
    }
}

/// A file that a thread opens for the loop.
private final class OpenedFile: Sendable {
    private let file = Mutex<Staging?>(nil)

    func put(_ opened: Staging?) { file.withLock { $0 = opened } }
    func take() -> Staging? { file.withLock { $0.take() } }
}

extension NamedContent {
    var facts: ContentFacts {
        ContentFacts(object: object, byteCount: byteCount, digest: digest)
    }
}
