internal import Cluster
internal import IPC
internal import Loop
internal import Model
internal import Posix
internal import Replication
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
            let others = partition.map { self.cluster.node.mayHold($0) } ?? []
            for content in contents {
                if lacking.contains(content.object) {
                    self.pull(content.facts, from: [peer] + others.filter { $0 != peer })
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
            let nodes = self.cluster.node.mayHold(partition)
            var open = lacking.count
            for content in lacking {
                self.cluster.readers[content.object, default: []].append { _ in
                    open -= 1
                    if open == 0 { done() }
                }
            }
            for content in lacking { self.pull(content.facts, from: nodes) }
        }
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

    func pull(_ facts: ContentFacts, from nodes: [NodeID]) {
        if cluster.shelf[facts.object] != nil { return settle(facts.object, isHere: true) }
        var directives: [Pulls.Directive] = []
        cluster.pulls.want(facts, from: nodes, now: loop.now, into: &directives)
        obey(directives)
    }

    private func obey(_ directives: [Pulls.Directive]) {
        for directive in directives {
            switch directive {
            case .ask(let node, let object, let offset, let byteCount):
                send(.ask(object, offset: offset, byteCount: byteCount), to: node)
            case .write(let object, let offset, let bytes): write(bytes, of: object, at: offset)
            case .check(let facts, let bytes):
                let isGood = ContentCheck.digest(of: bytes) == facts.digest
                pullEvent { $0.finished(facts.object, isGood: isGood, now: $1, into: &$2) }
            case .finish(let facts): finish(facts)
            case .discard(let object): discard(object)
            case .done(let object, let outcome): pulled(object, outcome)
            }
        }
        setShelfTimer()
    }

    private func pullEvent(
        _ event: (inout Pulls, Duration, inout [Pulls.Directive]) -> Void
    ) {
        var directives: [Pulls.Directive] = []
        event(&cluster.pulls, loop.now, &directives)
        obey(directives)
    }

    private func write(_ bytes: [UInt8], of object: ObjectID, at offset: UInt64) {
        let lane = cluster.pulled[object] ?? FileLane(object)
        cluster.pulled[object] = lane
        let (engine, file) = (engine, lane.file)
        lane.submit(on: loop, engine) {
            file.append(bytes, at: offset, engine.directory)
        } then: { [weak self] end in
            self?.assumeIsolated { store in
                store.pullEvent { pulls, now, directives in
                    if let end {
                        pulls.written(object, upTo: end, into: &directives)
                    } else {
                        pulls.writeFailed(object, now: now, into: &directives)
                    }
                }
            }
        }
    }

    private func finish(_ facts: ContentFacts) {
        guard let lane = cluster.pulled[facts.object] else {
            return pullEvent { $0.finished(facts.object, isGood: false, now: $1, into: &$2) }
        }
        let (engine, file) = (engine, lane.file)
        lane.submit(on: loop, engine) {
            file.finish(facts, engine) ? 1 : nil
        } then: { [weak self] done in
            self?.assumeIsolated { store in
                store.pullEvent {
                    $0.finished(facts.object, isGood: done != nil, now: $1, into: &$2)
                }
            }
        }
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
    func offer(
        _ facts: ContentFacts, for partition: Partition,
        _ done: @escaping ([NodeID]) -> Void
    ) {
        let nodes = cluster.node.willHold(partition)
        guard !nodes.isEmpty, cluster.offered[facts.object] == nil else { return done([]) }
        cluster.offered[facts.object] = done
        offerEvent { $0.begin(facts, to: nodes, now: $1, into: &$2) }
    }

    private func offerEvent(
        _ event: (inout Offers, Duration, inout [Offers.Directive]) -> Void
    ) {
        var directives: [Offers.Directive] = []
        event(&cluster.offers, loop.now, &directives)
        for directive in directives {
            switch directive {
            case .offer(let facts, let node): send(.offer(facts), to: node)
            case .done(let object, let holding):
                cluster.offered.removeValue(forKey: object)?(holding)
            }
        }
        setShelfTimer()
    }

    // MARK: What peers say of contents

    func receivedContents(_ message: StoreMessage, from peer: NodeID) {
        switch message {
        case .message: break
        case .ask(let object, let offset, let byteCount):
            cluster.offers.asked(object, by: peer, now: loop.now)
            give(object, offset: offset, byteCount: Int(byteCount), to: peer)
        case .piece(let object, let offset, let bytes):
            pullEvent {
                $0.pieceReceived(
                    object, offset: offset, bytes: bytes, from: peer, now: $1, into: &$2)
            }
        case .lacks(let object):
            pullEvent { $0.lacking(object, by: peer, now: $1, into: &$2) }
        case .busy(let object):
            pullEvent { pulls, now, _ in
                pulls.busy(object, node: peer, now: now)
            }
        case .offer(let facts): offered(facts, by: peer)
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
    private func offered(_ facts: ContentFacts, by peer: NodeID) {
        if cluster.shelf[facts.object] != nil { return send(.holds(facts.object), to: peer) }
        guard !engine.isReadOnly, cluster.offerers.count < StoreLimits.heldMessagesMax else {
            return send(.declines(facts.object), to: peer)
        }
        cluster.offerers[facts.object, default: []].insert(peer)
        let named = NamedContent(
            object: facts.object, byteCount: facts.byteCount, digest: facts.digest)
        askMissing([named], of: peer, for: nil)
    }

    private func give(_ object: ObjectID, offset: UInt64, byteCount: Int, to peer: NodeID) {
        var staged: OperationID?
        switch cluster.shelf[object] {
        case .bytes(let bytes):
            let start = min(bytes.count, Int(clamping: offset))
            let end = min(bytes.count, start + byteCount)
            return send(
                .piece(object, offset: offset, bytes: Array(bytes[start..<end])), to: peer)
        case .staged(let operation): staged = operation
        case nil: break
        }
        guard cluster.servedCount < TransferLimits.servedMax else {
            return send(.busy(object), to: peer)
        }
        cluster.servedCount += 1
        let piece = PieceWanted(object: object, offset: offset, byteCount: byteCount, peer: peer)
        if let staged { return readPiece(piece) { try Self.open(staged, $0) } }
        askDisk(.object(object)) { answer in
            switch answer {
            case .success(.objectContent(let bytes)):
                let start = min(bytes.count, Int(clamping: offset))
                let end = min(bytes.count, start + byteCount)
                self.gave(piece, Array(bytes[start..<end]))
            case .success(.objectFile(let file)): self.readPiece(piece) { _ in file }
            default: self.gave(piece, nil)
            }
        }
    }

    /// A staging file of the shelf, for reading; nil where it is gone.
    func openStaged(
        _ operation: OperationID,
        _ then: @escaping (HandedDescriptor?) -> Void
    ) {
        cluster.nextOpening += 1
        let number = cluster.nextOpening
        cluster.opening[number] = then
        let directory = engine.directory
        let taken = engine.files.submit(on: loop) { () -> HandedDescriptor? in
            do {
                return try Self.open(operation, directory)
            } catch {
                Log.debug("a staging file is gone", ["error": "\(error)"])
                return nil
            }
        } then: { [weak self] file in
            self?.assumeIsolated { $0.opened(number, file) }
        }
        if !taken { opened(number, nil) }
    }

    private func opened(_ number: UInt64, _ file: HandedDescriptor?) {
        cluster.opening.removeValue(forKey: number)?(file)
    }

    private static func open(
        _ staged: OperationID, _ directory: DataDirectory
    ) throws -> HandedDescriptor {
        HandedDescriptor(try Directory.open(ObjectName.staging(staged), in: directory.staging))
    }

    private func readPiece(
        _ piece: PieceWanted, _ open: @escaping @Sendable (DataDirectory) throws -> HandedDescriptor
    ) {
        let directory = engine.directory
        let taken = engine.files.submit(on: loop) { () -> [UInt8]? in
            do {
                return try open(directory).use { file in
                    try FileIO.read(file, count: piece.byteCount, at: Int64(clamping: piece.offset))
                }
            } catch {
                Log.error("a content cannot be read", ["error": "\(error)"])
                return nil
            }
        } then: { [weak self] bytes in
            self?.assumeIsolated { $0.gave(piece, bytes) }
        }
        if !taken {
            cluster.servedCount -= 1
            send(.busy(piece.object), to: piece.peer)
        }
    }

    private func gave(_ piece: PieceWanted, _ bytes: [UInt8]?) {
        cluster.servedCount -= 1
        if let bytes {
            send(.piece(piece.object, offset: piece.offset, bytes: bytes), to: piece.peer)
        } else {
            send(.lacks(piece.object), to: piece.peer)
        }
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

/// A piece of a content that a peer waits for.
private struct PieceWanted: Sendable {
    let object: ObjectID
    let offset: UInt64
    let byteCount: Int
    let peer: NodeID
}

extension NamedContent {
    var facts: ContentFacts {
        ContentFacts(object: object, byteCount: byteCount, digest: digest)
    }
}
