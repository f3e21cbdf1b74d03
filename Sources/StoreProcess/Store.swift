internal import Cluster
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
    /// The partition whose holders have the file's content, where a record was found.
    var home: Partition?
}

extension LookupReply {
    /// A content that lies in a file.
    init(_ facts: IPC.FileFacts, _ file: LentFile) {
        let response: LookupResponse =
            file.offset == 0 ? .descriptor(facts) : .region(facts, offset: file.offset)
        self.init(response: response, descriptor: file.file)
    }
}

/// The store's state, on its loop. Requests are handled at once: what the cache knows is answered
/// here, everything else goes to a thread, whose answer comes back to the loop.
///
/// An answer made from the database goes out only when the loop knows of every commit that the
/// answer saw; so nobody who read something new is answered with something older afterwards.
actor Store {
    typealias Reply<Value> = (Result<Value, RemoteError>) -> Void

    /// What goes on with what the disk says.
    typealias DiskReply = (Result<Finding.Answer, RemoteError>) -> Void

    /// What a request waits for.
    private enum Pending {
        case lookup(LookupRequest, Reply<LookupReply>)
        case status(Reply<StoreStatus>)
        /// Contents are being marked as bad.
        case marking(() -> Void)
        case beginUpload(
            BeginUploadRequest, Uploads.LinkID, isWanted: () -> Bool, Reply<Staging>)
        /// The brain, with the contents that went along.
        case storage(StorageTicket, [ObjectID])
        /// The brain knows the answer; it is not durable yet.
        case storageAhead([ObjectID])
        case disk(DiskReply)
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
    /// What follows from answers that came ahead is handed to the writer together.
    private var followUps: [Job]?
    private var nextTicket: UInt64 = 0
    /// The commits that the cache knows.
    private var applied: UInt64 = 0
    /// Findings that saw a commit of which the loop does not know yet.
    private var early: [Finding] = []
    private var entropy = Entropy()
    private var madeCount: UInt64 = 0
    private var uploadTimer: LoopTimer?
    var cluster: ClusterSide
    var integrity = IntegritySide()
    /// Asks the node's supervisor for a restart; told why where it does not come.
    var askSupervisor: ((RestartRequest, @escaping (RemoteError?) -> Void) -> Void)?
    /// One for each request that made or deleted a directory.
    var listings: [UInt64: AwaitedListing] = [:]
    var nextListing: UInt64 = 0
    /// Recursive deletions under way.
    var removals: [UInt64: (removal: TreeRemoval, done: Reply<WriteResponse>)] = [:]
    var nextRemoval: UInt64 = 0
    /// Directories that are being moved or copied.
    var transfers: [UInt64: (transfer: TreeTransfer, done: Reply<WriteResponse>)] = [:]
    /// Requests of clients without an answer.
    private(set) var clientCount = 0
    /// Requests answered in this life.
    private(set) var finishedCount: UInt64 = 0
    /// Called once nothing is open any more.
    private var onIdle: (() -> Void)?

    /// Opens the node's directory. On the loop's thread.
    /// - Throws: `PermanentFailure` where no restart helps.
    init(
        _ loop: EventLoop, _ path: BytePath, _ wanted: WantedStorage = WantedStorage(),
        isKept: Bool = true, configuration: NodeConfiguration = .alone
    ) throws {
        self.loop = loop
        let outlet = Outlet(loop)
        engine = try Engine(
            path, wanted, isKept: isKept,
            committed: { committed in outlet.toStore { $0.committed(committed) } },
            answeredAhead: { ahead in outlet.toStore { $0.answeredAhead(ahead) } },
            found: { finding in outlet.toStore { $0.found(finding) } },
            scrubbed: { ticket, answer in outlet.toStore { $0.scrubbed(ticket, answer) } })
        var entropy = Entropy()
        cluster = ClusterSide(
            try configuration.completed(by: engine), engine.nodeDisk, now: loop.now,
            seed: entropy.next())
        outlet.connect(self)
    }

    /// Requests of clients that are open here.
    var openCount: Int { clientCount + committers.count }

    // MARK: Requests

    /// What the own disk knows of a path.
    func lookUpHere(_ request: LookupRequest, _ reply: @escaping Reply<LookupReply>) {
        if let entry = cache.lookUp(request.path) {
            let facts = IPC.FileFacts(entry.stored.record)
            if !request.wantsContent {
                let home = entry.stored.record.home
                return reply(.success(LookupReply(response: .file(facts), home: home)))
            }
            if let content = entry.content {
                return reply(.success(LookupReply(response: .inline(facts, content))))
            }
        }
        ask(.lookup(request), .lookup(request, reply))
    }

    func status(_ reply: @escaping Reply<StoreStatus>) {
        requestBegan()
        ask(.sums, .status(reply))
    }

    /// Asks a reading thread for the cluster's side of the store.
    func askDisk(_ question: Question, _ reply: @escaping DiskReply) {
        ask(question, .disk(reply))
    }

    func submitStorage(_ job: StorageJob, _ ticket: StorageTicket, _ objects: [ObjectID]) {
        nextTicket += 1
        pending[nextTicket] = .storage(ticket, objects)
        let job = Job(ticket: nextTicket, mutation: .storage(job))
        if followUps?.append(job) == nil { engine.writer.submit([job]) }
    }

    func askStorage(_ request: StorageRequest, at now: Duration, _ ticket: StorageTicket) {
        ask(.storage(request, at: now), .storage(ticket, []))
    }

    func requestBegan() {
        clientCount += 1
        engine.scrubber.control.serving()
    }

    /// Marks contents as bad; `done` follows whether or not it could be done.
    func mark(bad objects: [ObjectID], _ done: @escaping () -> Void) {
        nextTicket += 1
        pending[nextTicket] = .marking(done)
        engine.writer.submit(.markBad(objects), ticket: nextTicket)
    }

    func requestFinished() {
        clientCount -= 1
        finishedCount += 1
        checkIdle()
    }

    private func ask(_ question: Question, _ request: Pending) {
        nextTicket += 1
        pending[nextTicket] = request
        engine.readers.ask(question, ticket: nextTicket)
    }

    /// Calls `body` as soon as nothing is open.
    func whenIdle(_ body: @escaping () -> Void) {
        onIdle = body
        checkIdle()
    }

    private func checkIdle() {
        guard openCount == 0, let body = onIdle else { return }
        onIdle = nil
        // What the brain begins from here on its next life begins again.
        cluster.isStopped = true
        body()
    }

    // MARK: Answers of the threads

    func committed(_ committed: Committed) {
        for change in committed.changes {
            cache.committed(
                change.path, change.stored, change.content, sequence: committed.sequence)
        }
        applied = max(applied, committed.sequence)
        // Else a version that comes again would be taken without its content.
        for object in committed.lacking { cluster.known.remove(object) }
        tellChanges(committed.changes)
        if !committed.quotas.isEmpty { quotasChanged(committed.quotas) }
        // What the brain has said because of answers that came ahead comes before what it says now.
        storageDurable(committed.ahead)
        for (ticket, answer) in committed.storage {
            switch pending.removeValue(forKey: ticket) {
            case .storage(let asked, let objects): storageDone(asked, answer, objects)
            case .storageAhead(let objects): contentsDone(objects)
            default: preconditionFailure("an answer of the writer for another request")
            }
        }
        for ticket in committed.marked {
            guard case .marking(let done) = pending.removeValue(forKey: ticket) else {
                preconditionFailure("contents are marked for nobody")
            }
            done()
        }
        if !early.isEmpty {
            let findings = early
            early = []
            for finding in findings { found(finding) }
        }
    }

    /// The brain goes on with what will be durable together.
    func answeredAhead(_ ahead: AnsweredAhead) {
        cluster.durability.isAhead(ahead.number)
        followUps = []
        for (ticket, answer) in ahead.storage {
            guard case .storage(let asked, let objects) = pending[ticket] else {
                preconditionFailure("an answer of the writer for another request")
            }
            pending[ticket] = .storageAhead(objects)
            storageAnswered(asked, answer)
        }
        let jobs = followUps ?? []
        followUps = nil
        engine.writer.submit(jobs + [Job(ticket: 0, mutation: .followed(ahead.number))])
    }

    func found(_ finding: Finding) {
        guard finding.sequence <= applied else { return early.append(finding) }
        guard let request = pending.removeValue(forKey: finding.ticket) else {
            preconditionFailure("a finding without its request")
        }
        if let suspect = finding.suspect { suspected(suspect) }
        switch (request, finding.answer) {
        case (.lookup(let request, let reply), .success(.unchecked(let file))):
            check(file) { outcome in
                switch outcome {
                case .lookAgain: self.lookUpHere(request, reply)
                case .bad: reply(.failure(.noGoodCopy(of: request.path)))
                case .unknown: reply(.failure(.notChecked(request.path)))
                }
            }
        case (.lookup(let request, let reply), .success(.unsettled)):
            lookUpByBrain(request, reply)
        case (.lookup(let request, let reply), let answer):
            reply(answer.map { found(request.path, $0, finding.sequence) })
        case (.status(let reply), .success(.sums(let sums, let free))):
            reply(.success(status(sums, freeByteCount: free)))
            requestFinished()
        case (.storage(let ticket, _), .success(.storage(let answer))):
            storageDone(ticket, answer, [])
        case (.storage(let ticket, _), .failure(let error)):
            storageFailed(ticket, error)
        case (.disk(let reply), let answer): reply(answer)
        case (.beginUpload(let request, let link, let isWanted, let reply), let answer):
            let left = (beginning[request.operation] ?? 1) - 1
            beginning[request.operation] = left > 0 ? left : nil
            switch answer {
            case .success(.staging(let file, let own, let begun)):
                uploadBegan(
                    request, isWanted() ? link : nil, own: own, sealedAs: begun?.object)
                reply(.success(Staging(file, begun?.key)))
            case .failure(let error): reply(.failure(error))
            default: preconditionFailure("a finding for another request")
            }
        case (.status(let reply), .failure(let error)):
            reply(.failure(error))
            requestFinished()
        default: preconditionFailure("a finding for another request")
        }
    }

    private func found(
        _ path: StorePath, _ answer: Finding.Answer, _ sequence: UInt64
    ) -> LookupReply {
        switch answer {
        case .file(let stored):
            cache.found(path, stored, nil, sequence: sequence)
            return LookupReply(
                response: .file(IPC.FileFacts(stored.record)), home: stored.record.home)
        case .content(let stored, let content):
            cache.found(path, stored, content, sequence: sequence)
            return LookupReply(response: .inline(IPC.FileFacts(stored.record), content))
        case .descriptor(let stored, let file):
            return LookupReply(IPC.FileFacts(stored.record), file)
        case .windows(let stored):
            return LookupReply(
                response: .windows(IPC.FileFacts(stored.record), stored.record.object))
        case .directory(let modified):
            return LookupReply(response: .directory(modified: modified))
        case .unsettled, .page, .sums, .staging, .storage, .lacking, .objectContent, .objectOpened,
            .window, .partitionFiles, .register, .filePartitions, .walked, .trash, .damaged,
            .unchecked:
            preconditionFailure("a finding for another request")
        }
    }

    private func status(_ sums: MetadataReader.Sums, freeByteCount: UInt64) -> StoreStatus {
        var status = StoreStatus(
            disk: sums.disk, storageMajor: engine.directory.format.kind.rawValue,
            storageMinor: String(engine.directory.format.minor),
            isEncrypted: engine.directory.format.isEncrypted,
            isReadOnly: engine.isReadOnly, fileCount: sums.fileCount,
            contentByteCount: sums.byteCount, partitionCount: sums.partitionCount,
            freeByteCount: freeByteCount, warnings: engine.warnings.texts)
        status.keptCount = UInt64(clamping: sums.kept.count)
        status.keptByteCount = UInt64(clamping: sums.kept.byteCount)
        return status
    }

    // MARK: For the other part of the actor

    func askToBegin(
        _ request: BeginUploadRequest, _ link: Uploads.LinkID, isWanted: @escaping () -> Bool,
        _ reply: @escaping Reply<Staging>
    ) {
        beginning[request.operation, default: 0] += 1
        ask(.beginUpload(request), .beginUpload(request, link, isWanted: isWanted, reply))
    }

    /// Objects that are made together lie together.
    func makeObjectID() -> ObjectID {
        madeCount += 1
        let shard = UInt8(truncatingIfNeeded: madeCount / StoreLimits.shardRunCount)
        return ObjectID(shard: shard, using: &entropy)
    }

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
