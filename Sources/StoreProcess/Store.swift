internal import IPC
internal import Loop
internal import Model
internal import Posix
internal import Synchronization

/// The answer to a look-up.
struct LookupReply {
    var response: LookupResponse
    /// Where the response announces one.
    var descriptor: HandedDescriptor?
}

/// The store's state, on its loop. Requests are handled at once: what the cache knows is answered
/// here, everything else goes to a thread, whose answer comes back to the loop.
///
/// An answer made from the database goes out only when the loop knows of every commit that the
/// answer saw; so nobody who read something new is answered with something older afterwards.
actor Store {
    typealias Reply<Value> = (Result<Value, RemoteError>) -> Void

    /// What a request waits for.
    private enum Pending {
        case lookup(LookupRequest, Reply<LookupReply>)
        case list(Reply<ListResponse>)
        case status(Reply<StoreStatus>)
        case beginUpload(
            BeginUploadRequest, Uploads.LinkID, isWanted: () -> Bool, Reply<HandedDescriptor>)
        case write(Reply<WriteResponse>)
        case commitUpload(OperationID)
    }

    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor {
        unsafe loop.asUnownedSerialExecutor()
    }

    nonisolated let engine: Engine
    private var cache = RecordCache()
    var uploads = Uploads()
    /// Begins on their way to a thread: a commit of the same upload must not overlap them, since
    /// they would open for writing what it makes durable.
    var beginning: [OperationID: Int] = [:]
    /// Who waits for a commit: the request, and the same one sent again.
    var committers: [OperationID: [Reply<WriteResponse>]] = [:]
    private var pending: [UInt64: Pending] = [:]
    private var nextTicket: UInt64 = 0
    /// The commits that the cache knows.
    private var applied: UInt64 = 0
    /// Findings that saw a commit of which the loop does not know yet.
    private var early: [Finding] = []
    private var entropy = Entropy()
    private var uploadTimer: LoopTimer?
    /// Requests answered in this life.
    private(set) var finishedCount: UInt64 = 0
    /// Called once nothing is open any more.
    private var onIdle: (() -> Void)?

    /// Opens the node's directory. On the loop's thread.
    /// - Throws: `PermanentFailure` where no restart helps.
    init(_ loop: EventLoop, _ path: BytePath, isKept: Bool = true) throws {
        self.loop = loop
        let outlet = Outlet(loop)
        engine = try Engine(
            path, isKept: isKept,
            committed: { committed in outlet.toStore { $0.committed(committed) } },
            found: { finding in outlet.toStore { $0.found(finding) } })
        outlet.connect(self)
    }

    /// Requests that are open here.
    var openCount: Int { pending.count + committers.count }

    // MARK: Requests

    func lookUp(_ request: LookupRequest, _ reply: @escaping Reply<LookupReply>) {
        if let entry = cache.lookUp(request.path) {
            let facts = FileFacts(entry.stored.record)
            if !request.wantsContent {
                finishedCount += 1
                return reply(.success(LookupReply(response: .file(facts))))
            }
            if let content = entry.content {
                finishedCount += 1
                return reply(.success(LookupReply(response: .inline(facts, content))))
            }
        }
        ask(.lookup(request), .lookup(request, reply))
    }

    func list(_ request: ListRequest, _ reply: @escaping Reply<ListResponse>) {
        ask(.list(request), .list(reply))
    }

    func status(_ reply: @escaping Reply<StoreStatus>) { ask(.sums, .status(reply)) }

    func put(_ request: PutRequest, _ reply: @escaping Reply<WriteResponse>) {
        guard pending.count < StoreLimits.pendingCountMax else {
            let error = RemoteError(
                .unavailable, "the store has more to do than it can keep; try again later")
            return reply(.failure(error))
        }
        submit(.put(request.write, content: request.content), .write(reply))
    }

    func delete(_ request: DeleteRequest, _ reply: @escaping Reply<WriteResponse>) {
        submit(.delete(request), .write(reply))
    }

    func makeDirectory(_ request: MakeDirectoryRequest, _ reply: @escaping Reply<WriteResponse>) {
        submit(.makeDirectory(request), .write(reply))
    }

    private func ask(_ question: Question, _ request: Pending) {
        nextTicket += 1
        pending[nextTicket] = request
        engine.readers.ask(question, ticket: nextTicket)
    }

    private func submit(_ mutation: Mutation, _ request: Pending) {
        nextTicket += 1
        pending[nextTicket] = request
        engine.writer.submit(mutation, ticket: nextTicket)
    }

    /// Calls `body` as soon as nothing is open.
    func whenIdle(_ body: @escaping () -> Void) {
        onIdle = body
        checkIdle()
    }

    private func checkIdle() {
        guard openCount == 0, let body = onIdle else { return }
        onIdle = nil
        body()
    }

    // MARK: Answers of the threads

    func committed(_ committed: Committed) {
        for change in committed.changes {
            cache.committed(
                change.path, change.stored, change.content, sequence: committed.sequence)
        }
        applied = max(applied, committed.sequence)
        for (ticket, result) in committed.results { written(ticket, result) }
        if !early.isEmpty {
            let findings = early
            early = []
            for finding in findings { found(finding) }
        }
        checkIdle()
    }

    private func written(_ ticket: UInt64, _ result: Result<WriteResponse, RemoteError>) {
        switch pending.removeValue(forKey: ticket) {
        case .write(let reply):
            finishedCount += 1
            reply(result)
        case .commitUpload(let operation):
            commitEnded(operation, result)
        case .lookup, .list, .status, .beginUpload, nil:
            preconditionFailure("a result of the writer for another request")
        }
    }

    func found(_ finding: Finding) {
        guard finding.sequence <= applied else { return early.append(finding) }
        guard let request = pending.removeValue(forKey: finding.ticket) else {
            preconditionFailure("a finding without its request")
        }
        finishedCount += 1
        switch (request, finding.answer) {
        case (.lookup(let request, let reply), let answer):
            reply(answer.map { found(request.path, $0, finding.sequence) })
        case (.list(let reply), .success(.page(let page))): reply(.success(page))
        case (.status(let reply), .success(.sums(let sums, let free))):
            reply(.success(status(sums, freeByteCount: free)))
        case (.beginUpload(let request, let link, let isWanted, let reply), let answer):
            let left = (beginning[request.operation] ?? 1) - 1
            beginning[request.operation] = left > 0 ? left : nil
            switch answer {
            case .success(.staging(let file, let own)):
                uploadBegan(request.operation, isWanted() ? link : nil, own: own)
                reply(.success(file))
            case .failure(let error): reply(.failure(error))
            default: preconditionFailure("a finding for another request")
            }
        case (.list(let reply), .failure(let error)): reply(.failure(error))
        case (.status(let reply), .failure(let error)): reply(.failure(error))
        default: preconditionFailure("a finding for another request")
        }
        checkIdle()
    }

    private func found(
        _ path: StorePath, _ answer: Finding.Answer, _ sequence: UInt64
    ) -> LookupReply {
        switch answer {
        case .file(let stored):
            cache.found(path, stored, nil, sequence: sequence)
            return LookupReply(response: .file(FileFacts(stored.record)))
        case .content(let stored, let content):
            cache.found(path, stored, content, sequence: sequence)
            return LookupReply(response: .inline(FileFacts(stored.record), content))
        case .descriptor(let stored, let file):
            return LookupReply(response: .descriptor(FileFacts(stored.record)), descriptor: file)
        case .directory(let modified):
            return LookupReply(response: .directory(modified: modified))
        case .page, .sums, .staging, .storage, .lacking, .objectContent, .objectFile:
            preconditionFailure("a finding for another request")
        }
    }

    private func status(_ sums: MetadataReader.Sums, freeByteCount: UInt64) -> StoreStatus {
        StoreStatus(
            disk: sums.disk, storageMajor: DataDirectory.storageMajor,
            storageMinor: DataDirectory.storageMinor, isEncrypted: false,
            isReadOnly: engine.isReadOnly, fileCount: sums.fileCount,
            contentByteCount: sums.byteCount, partitionCount: sums.partitionCount,
            freeByteCount: freeByteCount, warnings: engine.warnings.texts)
    }

    // MARK: For the other part of the actor

    func askToBegin(
        _ request: BeginUploadRequest, _ link: Uploads.LinkID, isWanted: @escaping () -> Bool,
        _ reply: @escaping Reply<HandedDescriptor>
    ) {
        beginning[request.operation, default: 0] += 1
        ask(.beginUpload(request), .beginUpload(request, link, isWanted: isWanted, reply))
    }

    func submitUpload(_ mutation: Mutation, _ operation: OperationID) {
        submit(mutation, .commitUpload(operation))
    }

    func makeObjectID() -> ObjectID { ObjectID(using: &entropy) }

    /// Lets the timer of the uploads run iff there are some.
    func setUploadTimer() {
        if uploads.all.isEmpty {
            uploadTimer?.cancel()
            uploadTimer = nil
        } else if uploadTimer == nil {
            do {
                uploadTimer = try loop.schedule(every: StoreLimits.uploadTick) { [weak self] in
                    self?.assumeIsolated { $0.uploadTick() }
                }
            } catch {
                Log.error("no timer for uploads", ["error": "\(error)"])
            }
        }
    }

    func uploadFinished() {
        finishedCount += 1
        checkIdle()
    }
}

/// Brings what threads have to say to the store, which is made after them.
private final class Outlet: Sendable {
    private let loop: EventLoop
    private let store = Mutex<Store?>(nil)

    init(_ loop: EventLoop) { self.loop = loop }

    func connect(_ store: Store) { self.store.withLock { $0 = store } }

    /// Calls `body` on the loop. What threads say before the store is made waits there.
    func toStore(_ body: @escaping @Sendable (isolated Store) -> Void) {
        loop.post { [self] in
            guard let store = store.withLock({ $0 }) else {
                preconditionFailure("the loop runs after the store is made")
            }
            store.assumeIsolated { body($0) }
        }
    }
}
