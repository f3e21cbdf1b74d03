import Model
import Replication

/// Where a request about locks stands. Its steps are tasks of their own, one a path.
struct LockSteps: Sendable {
    enum Stage: Sendable {
        /// Reading what the root says first: mostly, that there are no locks.
        case root
        /// Reading what is locked at the path's ancestors.
        case above
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
    }

    var stage = Stage.above
    /// Steps that are not answered yet.
    var open = 0
    var found: [StorePath: LockSet] = [:]
    var answer = ClientAnswer.lockNotFound
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
            begin(path.ancestors.map { .lockSet($0) }, .above, of: id, &turn)
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
        guard let stage = tasks[id]?.lockSteps.stage else { return }
        switch (stage, answer) {
        case (.looking, .file), (.looking, .notFound):
            return memberFound(answer, of: id, &turn)
        case (.looking, _), (.writing, _): return end(id, answer, &turn)
        case (.root, .lockSet(_, let set)): return lookedAtRoot(set, of: id, &turn)
        case (.above, .lockSet(let path, let set)), (.checking, .lockSet(let path, let set)):
            tasks[id]?.lockSteps.found[path] = set
            guard let below = below(path, set, of: id, turn) else {
                if case .locks = tasks[id]?.request { return end(id, .tooManyLocks, &turn) }
                return undo(.tooManyLocks, of: id, &turn)
            }
            tasks[id]?.lockSteps.open += below.count - 1
            for request in below { begin(request, for: .task(id), &turn) }
        case (.changing, .lockDecision(let decision, let copies, let exact)):
            return decided(decision, copies: copies, exact: exact, of: id, &turn)
        case (.tracing, .lockDecision), (.undoing, .lockDecision):
            tasks[id]?.lockSteps.open -= 1
        // Of a stage that is over.
        case (_, .lockSet), (_, .lockDecision): return
        default: return end(id, answer, &turn)
        }
        if tasks[id]?.lockSteps.open == 0 { stepsEnded(id, &turn) }
    }

    /// All steps of the stage are answered.
    private mutating func stepsEnded(_ id: UInt64, _ turn: inout Turn) {
        guard let task = tasks[id] else { return }
        let wall = turn.now.wallMilliseconds
        switch (task.lockSteps.stage, task.request) {
        case (.above, .locks(let path, let below)):
            let covering = task.lockSteps.covering(path, at: wall)
            let inside = below ? task.lockSteps.inside(path, at: wall) : []
            end(id, .locks(covering + inside), &turn)
        case (.above, .guarded(let request, let tokens, let isPart)):
            lookedAround(request, tokens, isPart: isPart, of: id, &turn)
        case (.above, .lock(let path, let request, _)):
            let others = task.lockSteps.conflicts(with: request, at: path, wall)
            guard others.isEmpty else { return end(id, .locked(others), &turn) }
            trace(path, request.seconds, of: id, &turn)
        case (.above, .refreshLock(let path, _, let seconds, _)):
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

    /// Who locks a directory above with all below it has to find this lock for as long as it lasts.
    private mutating func trace(
        _ path: StorePath, _ seconds: UInt32, of id: UInt64, _ turn: inout Turn
    ) {
        guard let found = tasks[id]?.lockSteps.found else { return }
        let wall = turn.now.wallMilliseconds
        func after(_ duration: Duration) -> UInt64 {
            wall + UInt64(clamping: duration.milliseconds)
        }
        let longest = Duration.seconds(ReplicationLimits.lockSecondsMax)
        let wanted = after(
            min(.seconds(seconds), longest) + ReplicationLimits.lockDoubt * 3)
        let good = after(ClusterLimits.lockTraceAge)
        var requests: [ClientRequest] = []
        var child = path
        while let directory = child.parent {
            let name = Array(child.name)
            if found[directory]?.hasTrace(of: name, until: wanted) != true {
                let change = LockChange.trace(.init(name: name, until: good))
                let operation = OperationID(wallMilliseconds: wall, using: &turn.generator)
                requests.append(.changeLocks(directory, change, operation))
            }
            child = directory
        }
        begin(requests, .tracing, of: id, &turn)
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
            tasks[id]?.lockSteps.found = [path: set]
            tasks[id]?.lockSteps.stage = .checking
            guard let below = below(path, set, of: id, turn) else {
                return undo(.tooManyLocks, of: id, &turn)
            }
            begin(path.ancestors.map { .lockSet($0) } + below, .checking, of: id, &turn)
        default: end(id, .lockNotFound, &turn)
        }
    }

    /// Follows the traces of locks below a directory that was just locked with all that is in it, or
    /// of which all locks are asked for.
    ///
    /// - Returns: where to look next; nil where there is more than may be looked at.
    func below(
        _ path: StorePath, _ set: LockSet, of id: UInt64, _ turn: Turn
    ) -> [ClientRequest]? {
        guard let task = tasks[id], let top = task.walkedTree, path == top || path.isBelow(top)
        else { return [] }
        let live = set.live(at: turn.now.wallMilliseconds)
        let paths = live.traces.compactMap { try? path.appending($0.name) }
        guard live.crowdedUntil == 0,
            task.lockSteps.found.count + task.lockSteps.open + paths.count
                <= ClusterLimits.lockWalkMax
        else { return nil }
        return paths.map { .lockSet($0) }
    }

    private mutating func checked(
        _ path: StorePath, _ request: LockRequest, of id: UInt64, _ turn: inout Turn
    ) {
        guard let steps = tasks[id]?.lockSteps else { return }
        let others = steps.conflicts(with: request, at: path, turn.now.wallMilliseconds)
        guard !others.isEmpty else {
            let grantTime = lockLease.grantTime(turn.now.monotonic)
            if grantTime <= turn.now.monotonic { return end(id, steps.answer, &turn) }
            // Somebody may still go by a read from before there were locks. Asked for again, it is found
            // to be taken, and is looked at once more.
            tasks[id]?.stage = .due(at: grantTime)
            return
        }
        undo(.locked(others), of: id, &turn)
    }

    private mutating func undo(_ answer: ClientAnswer, of id: UInt64, _ turn: inout Turn) {
        guard case .lock(let path, let request, _) = tasks[id]?.request else { return }
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
    /// The directory of which all locks are looked for now.
    fileprivate var walkedTree: StorePath? {
        switch (request, lockSteps.stage) {
        case (.lock(let path, let lock, _), .checking) where lock.depth == .infinity: path
        case (.locks(let path, below: true), .above): path
        default: nil
        }
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
