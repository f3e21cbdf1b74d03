import Model
import Replication

/// Where a request about locks stands. Its steps are tasks of their own, one a path.
struct LockSteps: Sendable {
    enum Stage: Sendable {
        /// Reading what the root says first: mostly, that there are no locks.
        case root
        /// Reading what is locked at the path's ancestors.
        case above
        /// Making room there for traces.
        case clearing
        /// Leaving traces there, of what is about to be locked.
        case tracing
        /// The ballot at the path itself.
        case changing
        /// With the lock taken: looking again above, and below.
        case checking
        /// Giving it back.
        case undoing
        /// Whether there is a file that a guarded write would make.
        case looking
        /// The guarded write itself.
        case writing
        /// Of `clearTraces`: reading the directory's traces, and then what is below them.
        case reading, weighing
        /// Clearing the traces of directories in it.
        case emptying
        /// Closing those below which nothing was found, looking there again, and dropping them.
        case closing, weighingAgain, dropping
    }

    var stage = Stage.above
    /// Steps that are not answered yet.
    var open = 0
    var found: [StorePath: LockSet] = [:]
    /// Cleared where there is more below than is looked at.
    var isComplete = true
    var answer = ClientAnswer.lockNotFound
    /// The lock that is asked for is taken already: it is given back where it cannot be granted.
    var isTaken = false
    /// Until when the traces above it have to be good, and of each directory until when it was when it
    /// was read last.
    var tracesWanted: UInt64 = 0
    var traces: [StorePath: UInt64] = [:]
    var mayClear = true
    /// Of `clearTraces`: those that are about to be dropped.
    var closing: [LockSet.Trace] = []
}

// Locks (RFC 4918 section 6): decided by ballot at their own path, which is exact; locks at other
// paths that cover it, or that it covers, lie in other partitions. There each looks after it took
// its own: of two that are in each other's way at least one sees the other, and gives its own back.
extension ClusterNode {
    mutating func startLocks(_ id: UInt64, _ turn: inout Turn) {
        switch tasks[id]?.request {
        case .unlock(let path, let token, let operation):
            begin([.changeLocks(path, .release(token), operation)], .changing, of: id, &turn)
        case .guarded(let request, let tokens, _): startGuarded(request, tokens, of: id, &turn)
        case .lock(_, let lock, _)
        where lock.owner.count > ReplicationLimits.lockOwnerByteCountMax:
            end(id, .tooManyLocks, &turn)
        case .lock(let path, _, _), .refreshLock(let path, _, _, _):
            // How long its traces are good for is said by this node's clock.
            noteTime(&turn)
            guard !isClockInDoubt else {
                // Taken and not granted, it would stay under a token that nobody has.
                if tasks[id]?.lockSteps.isTaken == true {
                    return refuse(.unavailable(.clockInDoubt), of: id, &turn)
                }
                return again(id, after: ClusterLimits.tick * 2, .clockInDoubt, &turn)
            }
            begin(path.ancestors.map { .lockSet($0) }, .above, of: id, &turn)
        case .clearTraces(let directory, _):
            begin([.lockSet(directory)], .reading, of: id, &turn)
        case .locks:
            if lockLease.isQuiet(turn.now.monotonic) { return end(id, .locks([]), &turn) }
            begin([.lockSet(.root)], .root, of: id, &turn)
        default: break
        }
    }

    /// Begins steps, all at one time; with none the next stage begins at once.
    mutating func begin(
        _ requests: [ClientRequest], _ stage: LockSteps.Stage, of id: UInt64, _ turn: inout Turn
    ) {
        tasks[id]?.stage = .waiting
        tasks[id]?.lockSteps.stage = stage
        tasks[id]?.lockSteps.open = requests.count
        if requests.isEmpty { return stepsEnded(id, &turn) }
        for request in requests { begin(request, for: .task(id), &turn) }
    }

    /// A step of a request about locks ended.
    mutating func resumeLocks(_ id: UInt64, _ answer: ClientAnswer, _ turn: inout Turn) {
        guard let task = tasks[id] else { return }
        if case .clearTraces = task.request { return resumeClearing(id, answer, &turn) }
        switch (task.lockSteps.stage, answer) {
        case (.looking, .file), (.looking, .notFound):
            return memberFound(answer, of: id, &turn)
        case (.looking, _), (.writing, _): return end(id, answer, &turn)
        case (.root, .lockSet(_, let set)): return lookedAtRoot(set, of: id, &turn)
        case (.above, .lockSet(let path, let set)), (.checking, .lockSet(let path, let set)):
            tasks[id]?.lockSteps.found[path] = set
            let (below, isComplete) = below(path, set, of: id, turn)
            if !isComplete {
                if case .lock = task.request { return refuse(.tooManyLocks, of: id, &turn) }
                tasks[id]?.lockSteps.isComplete = false
            }
            tasks[id]?.lockSteps.open += below.count - 1
            for path in below { begin(.lockSet(path), for: .task(id), &turn) }
        case (.changing, .lockDecision(let decision, let copies, let exact)):
            return decided(decision, copies: copies, exact: exact, of: id, &turn)
        // Where there is no room after all, a lock may still be granted.
        case (.clearing, _), (.tracing, .lockDecision), (.undoing, .lockDecision):
            tasks[id]?.lockSteps.open -= 1
        // Of a stage that is over.
        case (_, .lockSet), (_, .lockDecision): return
        case (.undoing, _): return end(id, answer, &turn)
        default: return refuse(answer, of: id, &turn)
        }
        if tasks[id]?.lockSteps.open == 0 { stepsEnded(id, &turn) }
    }

    /// All steps of the stage are answered.
    private mutating func stepsEnded(_ id: UInt64, _ turn: inout Turn) {
        guard let task = tasks[id] else { return }
        let wall = lockWall(turn)
        switch (task.lockSteps.stage, task.request) {
        case (.above, .locks(let path, let reach)):
            var locks = task.lockSteps.covering(path, at: wall)
            if reach != .path { locks += task.lockSteps.inside(path, at: wall) }
            if reach == .tree { locks += task.lockSteps.ofMembers(path, at: wall) }
            end(id, .locks(locks, isComplete: task.lockSteps.isComplete), &turn)
        case (.above, .guarded(let request, let tokens, let isPart)):
            lookedAround(request, tokens, isPart: isPart, of: id, &turn)
        case (.above, .lock(let path, let request, _)):
            let others = task.lockSteps.conflicts(with: request, at: path, wall)
            guard others.isEmpty else { return refuse(.locked(others), of: id, &turn) }
            makeRoom(path, request.seconds, of: id, &turn)
        case (.above, .refreshLock(let path, _, let seconds, _)):
            makeRoom(path, seconds, of: id, &turn)
        case (.clearing, .lock(let path, let request, _)):
            trace(path, request.seconds, of: id, &turn)
        case (.clearing, .refreshLock(let path, _, let seconds, _)):
            trace(path, seconds, of: id, &turn)
        case (.tracing, .lock(let path, let request, let operation)):
            if !path.isRoot { lockLease.noteTrace(turn.now.monotonic) }
            begin([.changeLocks(path, .take(request), operation)], .changing, of: id, &turn)
        case (.tracing, .refreshLock(let path, let token, let seconds, let operation)):
            begin(
                [.changeLocks(path, .refresh(token, seconds: seconds), operation)], .changing,
                of: id, &turn)
        case (.checking, .lock(let path, let request, _)):
            checked(path, request, of: id, &turn)
        case (.undoing, _): end(id, task.lockSteps.answer, &turn)
        default: break
        }
    }

    /// The ballot at the path itself decided.
    private mutating func decided(
        _ decision: LockDecision, copies: Int, exact: Bool, of id: UInt64, _ turn: inout Turn
    ) {
        guard let task = tasks[id] else { return }
        switch (task.request, decision) {
        case (_, .conflict(let locks)):
            let path = task.request.lockedPath ?? .root
            end(id, .locked(locks.map { PlacedLock(path: path, lock: $0) }), &turn)
        case (_, .tooMany): end(id, .tooManyLocks, &turn)
        case (_, .notFound): end(id, .lockNotFound, &turn)
        case (.unlock, _): end(id, .unlocked(exact: exact), &turn)
        case (.refreshLock(_, let token, _, _), .changed(let set)),
            (.refreshLock(_, let token, _, _), .unchanged(let set)):
            let lock = set[token]
            end(
                id, lock.map { .lockGranted($0, copies: copies, exact: exact) } ?? .lockNotFound,
                &turn)
        case (.lock(let path, let request, _), .changed(let set)),
            (.lock(let path, let request, _), .unchanged(let set)):
            guard let lock = set[request.token] else { return end(id, .lockNotFound, &turn) }
            if path.isRoot { lockLease.noteTrace(turn.now.monotonic) }
            tasks[id]?.lockSteps.answer = .lockGranted(lock, copies: copies, exact: exact)
            tasks[id]?.lockSteps.isTaken = true
            tasks[id]?.lockSteps.found = [path: set]
            tasks[id]?.lockSteps.stage = .checking
            let (below, isComplete) = below(path, set, of: id, turn)
            guard isComplete else { return refuse(.tooManyLocks, of: id, &turn) }
            begin((path.ancestors + below).map { .lockSet($0) }, .checking, of: id, &turn)
        default: end(id, .lockNotFound, &turn)
        }
    }

    /// Follows the traces of locks below a directory that was just locked with all that is in it, or
    /// of which all locks are asked for.
    ///
    /// - Returns: where to look next, and whether that is everything.
    func below(
        _ path: StorePath, _ set: LockSet, of id: UInt64, _ turn: Turn
    ) -> (paths: [StorePath], isComplete: Bool) {
        guard let task = tasks[id], task.walks(path) else { return ([], true) }
        let live = set.live(at: lockWall(turn))
        let paths = live.traces.compactMap { try? path.appending($0.name) }
        let room = ClusterLimits.lockWalkMax - task.lockSteps.found.count - task.lockSteps.open
        let isComplete = live.crowdedUntil == 0 && paths.count <= room
        return (Array(paths.prefix(max(room, 0))), isComplete)
    }

    private mutating func checked(
        _ path: StorePath, _ request: LockRequest, of id: UInt64, _ turn: inout Turn
    ) {
        guard let task = tasks[id] else { return }
        let others = task.lockSteps.conflicts(with: request, at: path, lockWall(turn))
        guard others.isEmpty else { return refuse(.locked(others), of: id, &turn) }
        guard areTracesKept(path, task.lockSteps) else {
            return trace(path, request.seconds, of: id, &turn)
        }
        let grantTime = lockLease.grantTime(turn.now.monotonic)
        if grantTime <= turn.now.monotonic { return end(id, task.lockSteps.answer, &turn) }
        guard grantTime + ClusterLimits.lockUndoTime < task.deadline else {
            return refuse(.unavailable(.timedOut), of: id, &turn)
        }
        // Somebody may still go by a read from before there were locks. Asked for again, it is found
        // to be taken, and is looked at once more.
        tasks[id]?.stage = .due(at: grantTime)
    }

    /// Ends with another answer than a lock; one that was taken is given back first.
    private mutating func refuse(_ answer: ClientAnswer, of id: UInt64, _ turn: inout Turn) {
        guard case .lock(let path, let request, _)? = tasks[id]?.request,
            tasks[id]?.lockSteps.isTaken == true
        else { return end(id, answer, &turn) }
        // What others of its steps are answered is nothing to this.
        dropSteps(of: id)
        tasks[id]?.lockSteps.answer = answer
        let operation = OperationID(
            wallMilliseconds: turn.now.wallMilliseconds, using: &turn.generator)
        begin(
            [.changeLocks(path, .release(request.token), operation)], .undoing, of: id, &turn)
    }
}

extension LockSteps {
    /// The locks found that cover `path`, the path's own first.
    func covering(_ path: StorePath, at wall: UInt64) -> [PlacedLock] {
        ([path] + path.ancestors).flatMap { place in
            (found[place]?.live(at: wall).locks ?? [])
                .filter { place == path || $0.depth == .infinity }
                .map { PlacedLock(path: place, lock: $0) }
        }
    }

    /// The locks found below `path`.
    func inside(_ path: StorePath, at wall: UInt64) -> [PlacedLock] {
        found.keys.filter { $0.isBelow(path) }.sorted().flatMap { place in
            (found[place]?.live(at: wall).locks ?? []).map { PlacedLock(path: place, lock: $0) }
        }
    }

    /// The locks found at other paths that do not go with `request`: above with all below them, and
    /// below, where only such a request has looked.
    func conflicts(
        with request: LockRequest, at path: StorePath, _ wall: UInt64
    ) -> [PlacedLock] {
        found.keys.filter { $0 != path }.sorted().flatMap { place in
            (found[place]?.live(at: wall).locks ?? [])
                .filter {
                    !$0.isCompatible(with: request.scope) && $0.token != request.token
                        && (place.isBelow(path) || $0.depth == .infinity)
                }
                .map { PlacedLock(path: place, lock: $0) }
        }
    }
}

extension StorePath {
    /// The directories above, the nearest first.
    var ancestors: [StorePath] {
        var result: [StorePath] = []
        var path = self
        while let parent = path.parent {
            result.append(parent)
            path = parent
        }
        return result
    }
}

extension ClientTask {
    /// Whether what is below `path` is looked at as well.
    fileprivate func walks(_ path: StorePath) -> Bool {
        switch (request, lockSteps.stage) {
        case (.lock(let top, let lock, _), .checking):
            lock.depth == .infinity && (path == top || path.isBelow(top))
        case (.locks(let top, .members), .above): path == top
        case (.locks(let top, .below), .above), (.locks(let top, .tree), .above):
            (path == top || path.isBelow(top))
        default: false
        }
    }

    /// Whether its steps have to leave time to give back what was taken.
    var leavesTimeToUndo: Bool {
        guard lockSteps.isTaken, case .lock = request else { return false }
        return lockSteps.stage != .undoing
    }
}

extension ClientRequest {
    /// The path that a request about locks is about.
    fileprivate var lockedPath: StorePath? {
        switch self {
        case .lock(let path, _, _), .refreshLock(let path, _, _, _), .unlock(let path, _, _): path
        default: nil
        }
    }
}
