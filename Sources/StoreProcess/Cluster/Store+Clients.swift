internal import Cluster
internal import IPC
internal import Loop
internal import Model
internal import Replication
internal import Transfer

// What clients ask, by way of the gateway, as the brain has it: any node answers for all.
extension Store {
    // MARK: Writing

    /// Counts the request until it is answered.
    func counted<Value>(_ reply: @escaping Reply<Value>) -> Reply<Value> {
        requestBegan()
        return { [weak self] result in
            reply(result)
            self?.assumeIsolated { $0.requestFinished() }
        }
    }

    /// The same of a write, whose answer is remembered; nil where it was answered before.
    func counted(
        _ operation: OperationID, _ reply: @escaping Reply<WriteResponse>
    ) -> Reply<WriteResponse>? {
        let reply = counted(reply)
        if let answer = cluster.answered[operation] {
            reply(.success(answer))
            return nil
        }
        guard !engine.isReadOnly else {
            reply(.failure(.readOnly))
            return nil
        }
        return { result in
            if case .success(let response) = result {
                self.cluster.answered.insert(operation, response)
            }
            reply(result)
        }
    }

    func put(_ request: PutRequest, _ reply: @escaping Reply<WriteResponse>) {
        guard let reply = counted(request.write.operation, reply) else { return }
        let write = request.write
        let counted = QuotaBook.Write(
            to: write.path, byteCount: write.byteCount, write.operation)
        admit(counted) { refusal in
            if let refusal { return reply(.failure(refusal)) }
            self.putAdmitted(request) { result in
                self.quotaEnded(write.operation)
                reply(result)
            }
        }
    }

    private func putAdmitted(
        _ request: PutRequest, _ reply: @escaping Reply<WriteResponse>
    ) {
        let write = request.write
        let object = makeObjectID()
        cluster.shelf.put(
            object, .bytes(request.content), byteCount: write.byteCount, now: loop.now,
            isPinned: true)
        store(write, object) { result in
            self.cluster.shelf.unpin(object, now: self.loop.now)
            self.setShelfTimer()
            reply(result)
        }
    }

    /// A file whose content is on the shelf.
    func store(
        _ write: WriteRequest, _ object: ObjectID,
        _ done: @escaping (Result<WriteResponse, RemoteError>) -> Void
    ) {
        let content = FileContent(
            byteCount: write.byteCount, digest: write.digest, contentType: write.contentType,
            created: write.created, modified: write.modified, object: object)
        condition(write.conditions, at: write.path) { condition in
            switch condition {
            case .failure(let error): done(.failure(error))
            case .success(let condition):
                let put = ClientRequest.put(write.path, content, condition, write.operation)
                self.askToWrite(put, showing: write.conditions.tokens) { answer in
                    done(
                        self.writeResult(
                            answer, at: write.path, isConditional: condition != .none))
                }
            }
        }
    }

    /// What a client's preconditions come to. One that the holders do not know is judged here, and
    /// then it is the version that was seen which has to be the newest.
    func condition(
        _ conditions: WriteConditions, at path: StorePath,
        _ done: @escaping (Result<WriteCondition, RemoteError>) -> Void
    ) {
        if let simple = conditions.simple { return done(.success(simple)) }
        askCluster(.get(path, .checked)) { answer in
            switch answer {
            case .file(let record):
                guard conditions.hold(digest: record.digest, modified: record.modified) else {
                    return done(.failure(.anotherFile))
                }
                done(.success(.version(record.version.dot)))
            case .notFound:
                guard conditions.hold(digest: nil, modified: nil) else {
                    return done(.failure(.anotherFile))
                }
                done(.success(.absent))
            case .isDirectory: done(.success(.none))
            default: done(.failure(self.failure(answer, at: path)))
            }

        }
    }

    func makeDirectory(_ request: MakeDirectoryRequest, _ reply: @escaping Reply<WriteResponse>) {
        guard let reply = counted(request.operation, reply) else { return }
        let path = request.path
        // One that exists by what is in it is marked too, and was there all the same.
        askCluster(.list(path, after: nil, limit: 1)) { answer in
            let wasThere = if case .listing = answer { true } else { false }
            let make = ClientRequest.makeDirectory(path, request.operation)
            self.askToWrite(make, showing: request.tokens) { answer in
                var result = self.writeResult(answer, at: path)
                if case .success(var response) = result {
                    let isNew = response.outcome == .created && !wasThere
                    response.outcome = isNew ? .directoryMade : .directoryExisted
                    result = .success(response)
                    if isNew { return self.whenListed(path, true) { reply(result) } }
                }
                reply(result)
            }
        }
    }

    // MARK: Reading

    func lookUp(_ request: LookupRequest, _ reply: @escaping Reply<LookupReply>) {
        if let version = request.version { return lookUp(request, version: version, reply) }
        let wantsHolders = request.wanted == .holders
        lookUpAsBegun(request, counted(wantsHolders ? withHolders(request.path, reply) : reply))
    }

    private func lookUpAsBegun(_ request: LookupRequest, _ reply: @escaping Reply<LookupReply>) {
        // Whether others are to be asked shows when the brain's life has begun: of a damaged file a node
        // that is alone would ask for nothing else until the time is over.
        guard cluster.node.hasBegun || engine.isReadOnly else {
            let isTaken = whenBegun { self.lookUpAsBegun(request, reply) }
            return isTaken ? () : reply(.failure(.unavailable(.notReady)))
        }
        // Nobody else knows anything: the own disk's word is that of the cluster. A read-only disk
        // begins no life in it. What it looks up in has no properties.
        if readsHere, !request.wantsProperties || engine.isReadOnly {
            return lookUpHere(request) { result in
                guard case .failure(let error) = result, error.code == .notFound else {
                    return reply(result)
                }
                self.lookUpDirectory(request.path, reply)
            }
        }
        lookUpByBrain(request, reply)
    }

    /// Says too who holds what was found.
    private func withHolders(
        _ path: StorePath, _ reply: @escaping Reply<LookupReply>
    ) -> Reply<LookupReply> {
        { result in
            reply(
                result.map { found in
                    var found = found
                    let holders = self.cluster.node.knownHolders(of: Partition(of: path))
                    switch found.response {
                    case .file(let facts): found.response = .heldFile(facts, by: holders)
                    case .directory(let modified):
                        found.response = .heldDirectory(modified: modified, by: holders)
                    case .inline, .descriptor, .region, .windows, .remote, .heldFile,
                        .heldDirectory:
                        break
                    }
                    return found
                })
        }
    }

    func lookUpByBrain(_ request: LookupRequest, _ reply: @escaping Reply<LookupReply>) {
        askCluster(.get(request.path, .checked)) { answer in
            self.lookedUp(request, answer, reply)
        }
    }

    /// Whether the own disk's word is that of the cluster.
    var readsHere: Bool { engine.isReadOnly || cluster.node.isOnlyHolder }

    /// Asks the brain for a page of a directory, or the own disk where it is all there is.
    func listNames(
        _ directory: StorePath, after: [UInt8]?, limit: Int,
        _ answer: @escaping (ClientAnswer) -> Void
    ) {
        guard readsHere else {
            return askCluster(.list(directory, after: after, limit: limit), answer)
        }
        let request = ReplicaRequest.list(directory, after: after, limit: limit, withGone: false)
        askDisk(.storage(.replica(request), at: loop.now)) { found in
            guard case .success(.storage(.replica(let outcome))) = found,
                case .listing(let entries, let existence, let hasMore) = outcome.reply
            else { return answer(.unavailable(.timedOut)) }
            guard existence.exists || directory.isRoot || !entries.isEmpty else {
                return answer(.notFound)
            }
            answer(
                .listing(
                    entries.flatMap(\.listed), next: hasMore ? entries.last?.key.name : nil))
        }
    }

    private func lookedUp(
        _ request: LookupRequest, _ answer: ClientAnswer, _ reply: @escaping Reply<LookupReply>
    ) {
        switch answer {
        case .file(let record):
            guard request.wantsContent else {
                let facts = IPC.FileFacts(record, withProperties: request.wantsProperties)
                return reply(.success(LookupReply(response: .file(facts), home: record.home)))
            }
            findContent(record, request.path, reply)
        case .notFound, .isDirectory: lookUpDirectory(request.path, reply)
        default:
            reply(.failure(failure(answer, at: request.path)))
        }
    }

    private func lookUpDirectory(_ path: StorePath, _ reply: @escaping Reply<LookupReply>) {
        listNames(path, after: nil, limit: 1) { answer in
            guard case .listing(let entries, _) = answer else {
                return reply(.failure(self.failure(answer, at: path)))
            }
            let changed = entries.first.map(\.modified) ?? Timestamp(nanoseconds: 0)
            reply(.success(LookupReply(response: .directory(modified: changed))))
        }
    }

    /// The content of a record: on this disk, or on that of a holder.
    func findContent(
        _ record: FileRecord, _ path: StorePath, _ reply: @escaping Reply<LookupReply>
    ) {
        let facts = IPC.FileFacts(record)
        if case .bytes(let bytes) = cluster.shelf[record.object] {
            return reply(.success(LookupReply(response: .inline(facts, bytes))))
        }
        let expected = ExpectedFile(path, ExpectedContent(record))
        askDisk(.object(record.object, expected)) { answer in
            switch answer {
            case .success(.unchecked(let file)):
                self.check(file) { outcome in
                    switch outcome {
                    case .lookAgain: self.findContent(record, path, reply)
                    // Others may have a good one.
                    case .bad, .unknown: self.findStaged(record, path, reply)
                    }
                }
            case .success(.objectContent(let bytes)):
                reply(.success(LookupReply(response: .inline(facts, bytes))))
            case .success(.objectOpened(.file(let file))):
                reply(.success(LookupReply(facts, file)))
            case .success(.objectOpened(.ranges)):
                reply(.success(LookupReply(response: .windows(facts, record.object))))
            default: self.findStaged(record, path, reply)
            }
        }
    }

    /// The same of what no record names here: it was pulled for somebody who reads it.
    private func findStaged(
        _ record: FileRecord, _ path: StorePath, _ reply: @escaping Reply<LookupReply>
    ) {
        guard case .staged(let operation) = cluster.shelf[record.object] else {
            return fetchContent(record, path, reply)
        }
        let facts = IPC.FileFacts(record)
        openStaged(operation, of: record.object) { content in
            switch content {
            case .file(let file): reply(.success(LookupReply(facts, file)))
            case .ranges:
                reply(.success(LookupReply(response: .windows(facts, record.object))))
            case nil:
                // A version took it in between.
                self.cluster.shelf.adopted(record.object)
                self.fetchContent(record, path, reply)
            }
        }
    }

    private func fetchContent(
        _ record: FileRecord, _ path: StorePath, _ reply: @escaping Reply<LookupReply>
    ) {
        let content = ContentFacts(
            object: record.object, byteCount: record.byteCount, digest: record.digest)
        let nodes = cluster.node.mayHold(Partition(of: path))
        if !content.isSmall, !nodes.isEmpty {
            // The gateway streams it from there: nobody waits for what is not read.
            let sources = Array(nodes.prefix(IPCLimits.sourceCountMax))
            return reply(
                .success(
                    LookupReply(
                        response: .remote(IPC.FileFacts(record), record.object, sources))))
        }
        cluster.readers[record.object, default: []].append { isHere in
            if isHere { return self.findContent(record, path, reply) }
            // Nobody else could have it.
            if nodes.isEmpty {
                return reply(.failure(RemoteError.noGoodCopy(of: path)))
            }
            reply(
                .failure(
                    RemoteError(
                        .unavailable, "no node that has the content of \(path) answers",
                        hint: "start the nodes that hold it, or try again")))
        }
        pull(content, from: nodes, path: path)
    }

    func list(_ request: ListRequest, _ reply: @escaping Reply<ListResponse>) {
        let reply = counted(reply)
        let limit = max(1, min(Int(clamping: request.limit), IPCLimits.listingPageCountMax))
        let after = request.after.isEmpty ? nil : request.after
        listNames(request.path, after: after, limit: limit) { answer in
            guard case .listing(let entries, let next) = answer else {
                return self.listingFailed(request.path, answer, reply)
            }
            let page = Array(entries.prefix(IPCLimits.listingPageCountMax)).page(
                withProperties: request.wantsProperties)
            let holders =
                request.wantsHolders
                ? entries.prefix(page.count).map { self.holders(of: $0, in: request.path) } : nil
            let hasMore = next != nil || page.count < entries.count
            reply(.success(ListResponse(entries: page, hasMore: hasMore, holders: holders)))
        }
    }

    private func holders(of entry: ListedEntry, in directory: StorePath) -> [NodeID] {
        guard let path = try? directory.appending(entry.name) else { return [] }
        return cluster.node.knownHolders(of: Partition(of: path))
    }

    /// Nothing is listed: perhaps since it is a file.
    private func listingFailed(
        _ path: StorePath, _ answer: ClientAnswer, _ reply: @escaping Reply<ListResponse>
    ) {
        guard case .notFound = answer else {
            return reply(.failure(failure(answer, at: path)))
        }
        lookUp(LookupRequest(path: path, wantsContent: false)) { result in
            if case .success(let found) = result, case .file = found.response {
                reply(.failure(RemoteError(.notDirectory, "\(path) is a file")))
            } else {
                reply(.failure(RemoteError(.notFound, "there is no directory \(path)")))
            }
        }
    }

    // MARK: Answers

    /// - Parameter isConditional: the client said of what it counts on, so that it matters who
    ///   decided.
    func writeResult(
        _ answer: ClientAnswer, at path: StorePath, isConditional: Bool = false
    ) -> Result<WriteResponse, RemoteError> {
        guard
            case .written(let version, let copies, let created, let isListingPending, let isExact) =
                answer
        else { return .failure(failure(answer, at: path)) }
        var response = WriteResponse(
            outcome: created ? .created : .replaced, dot: version.dot, time: version.time,
            copies: UInt8(clamping: copies))
        response.isListingPending = isListingPending
        response.isDecidedInReach = isConditional && !isExact
        return .success(response)
    }

    func failure(_ answer: ClientAnswer, at path: StorePath) -> RemoteError {
        switch answer {
        case .notFound: RemoteError(.notFound, "nothing is at \(path)")
        case .conditionFailed(let isExact): isExact ? .anotherFile : .anotherFileInReach
        case .directoryNotEmpty:
            RemoteError(
                .directoryNotEmpty, "\(path) is not empty",
                hint: "?recursive=1 deletes what is in it as well")
        case .isDirectory: RemoteError(.isDirectory, "\(path) is a directory")
        case .notADirectory: RemoteError(.notDirectory, "a file is at or above \(path)")
        case .unavailable(.full): .noSpace
        case .unavailable(let reason): .unavailable(reason)
        case .refused(let reason): RemoteError(.invalid, "refused: \(reason)")
        case .locked(let locks): .locked(locks, at: path)
        case .lockNotFound:
            RemoteError(.lockNotFound, "no lock of that token is at \(path); it may be over")
        case .tooManyLocks:
            RemoteError(
                .tooManyLocks, "too many locks at or below \(path)",
                hint: "locks that are not refreshed go by themselves")
        case .written, .file, .history, .mark, .listing, .lockGranted, .unlocked, .locks,
            .lockSet, .lockDecision, .done:
            RemoteError(.internalError, "the store answered something else than was asked")
        }
    }
}

extension WriteConditions {
    /// As the holders know it; nil where it is one that they do not.
    fileprivate var simple: WriteCondition? {
        if ifUnmodifiedSince != nil && ifMatch == nil { return nil }
        switch (ifMatch, ifNoneMatch) {
        case (nil, nil): return WriteCondition.none
        case (.any, nil): return .present
        case (.digests(let digests), nil): return .matches(digests)
        case (nil, .any): return .absent
        case (nil, .digests(let digests)): return .differs(digests)
        default: return nil
        }
    }
}

extension [ListedEntry] {
    /// As many of them as fit into one answer.
    fileprivate func page(withProperties: Bool) -> [ListResponse.Entry] {
        var page: [ListResponse.Entry] = []
        var byteCount = 0
        for entry in self {
            guard let record = entry.record else {
                page.append(.directory(name: entry.name, modified: entry.modified))
                continue
            }
            let facts = IPC.FileFacts(record, withProperties: withProperties)
            byteCount += facts.properties.byteCount
            if byteCount > StoreLimits.listedPropertiesByteCountMax { break }
            page.append(.file(name: entry.name, facts))
        }
        return page
    }
}

extension ListedEntry {
    /// What listings show of it as the time of its last change.
    fileprivate var modified: Timestamp {
        record?.modified
            ?? Timestamp(nanoseconds: Int64(clamping: changed.wallMilliseconds) * 1_000_000)
    }
}

extension RemoteError {
    static let anotherFile = RemoteError(.preconditionFailed, "the file is another one by now")

    static let anotherFileInReach = RemoteError(
        .preconditionFailedInReach, "the file is another one by now, as far as nodes are in reach",
        hint: "a majority of the nodes that hold it does not answer; start them, or read it again")

    static let readOnly = RemoteError(
        .readOnly, "the store is read-only after errors of its disk",
        hint: "look at the disk, then restart the node")

    /// Nothing is known of the outcome.
    static func unavailable(_ reason: UnavailableReason) -> RemoteError {
        switch reason {
        case .noQuorum:
            RemoteError(
                .unavailable, "too few of the nodes that hold this answer",
                hint: "start the missing nodes, or try again")
        case .timedOut:
            RemoteError(
                .unavailable, "the nodes that hold this did not answer in time",
                hint: "it is safe to try again")
        case .clockInDoubt:
            RemoteError(
                .clockInDoubt, "the clocks of the nodes differ too much",
                hint: "set the clocks, for example with an NTP service")
        case .full: .noSpace
        case .hasLeft:
            RemoteError(
                .unavailable, "this node has left the cluster",
                hint: "ask another node; started again, this one joins again")
        case .notReady:
            RemoteError(
                .unavailable, "the node has not found its cluster yet",
                hint: "try again in a moment")
        case .contended:
            RemoteError(
                .unavailable, "others change the same at the same time", hint: "try again")
        }
    }
}
