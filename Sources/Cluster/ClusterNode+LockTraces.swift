import Model
import Replication

// Traces of locks: whoever locks a directory with all below it, and whoever looks for locks at all, has to
// find each lock for as long as it lasts. And room for them, however many names are locked one after the
// other: where a directory's are nearly as many as there may be, those below which there is nothing go.
//
// Somebody may take a lock there just then. So a trace is closed first, by ballot, then it is looked
// below it once more, and only where it is still closed it goes. Whoever takes a lock looks at its
// traces again when it has it, and makes those anew that were closed or are gone or were made by
// others meanwhile, before it is granted:
//
//  a lock       trace ├──── taken ──── traces as before? ──── granted
//  who clears        closed ── nothing below? ── dropped
//
// Either the second look finds the lock, or the lock finds its trace closed.
extension ClusterNode {
    /// Before the traces of a lock are left.
    mutating func makeRoom(
        _ path: StorePath, _ seconds: UInt32, of id: UInt64, _ turn: inout Turn
    ) {
        guard let task = tasks[id] else { return }
        let wall = lockWall(turn)
        let crowded = path.ancestorNames.filter { directory, name in
            guard let live = task.lockSteps.found[directory]?.live(at: wall) else { return false }
            return live.traces.count >= configuration.lockTracesCleared
                && live.traceEnd(of: name) == nil
        }
        guard task.lockSteps.mayClear, !crowded.isEmpty else {
            return trace(path, seconds, of: id, &turn)
        }
        // Where it makes none, trying again makes none either.
        tasks[id]?.lockSteps.mayClear = false
        let budget = ClusterLimits.lockWalkMax
        begin(
            crowded.map { .clearTraces($0.directory, budget: budget) }, .clearing, of: id, &turn)
    }

    /// Leaves those that are not there already.
    mutating func trace(
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
        tasks[id]?.lockSteps.tracesWanted = wanted
        var requests: [ClientRequest] = []
        for (directory, name) in path.ancestorNames {
            let set = found[directory] ?? LockSet()
            if set.hasTrace(of: name, until: wanted) {
                tasks[id]?.lockSteps.traces[directory] = set.traceEnd(of: name)
                continue
            }
            // Of those for which there is no room it is not known which are needed no longer.
            let isFull = set.live(at: wall).traces.count >= ReplicationLimits.lockTracesMax
            // One that is made anew is not to be taken for the one before.
            let until = isFull ? wanted : good + .random(in: 0..<1 << 20, using: &turn.generator)
            tasks[id]?.lockSteps.traces[directory] = until
            let change = LockChange.trace(.init(name: name, until: until))
            let operation = OperationID(wallMilliseconds: wall, using: &turn.generator)
            requests.append(.changeLocks(directory, change, operation))
        }
        begin(requests, .tracing, of: id, &turn)
    }

    /// Whether the traces above a lock that is taken were there all the time since before.
    func areTracesKept(_ path: StorePath, _ steps: LockSteps) -> Bool {
        path.ancestorNames.allSatisfy { directory, name in
            guard let set = steps.found[directory],
                set.hasTrace(of: name, until: steps.tracesWanted)
            else { return false }
            return set.crowdedUntil >= steps.tracesWanted
                || set.traceEnd(of: name) == steps.traces[directory]
        }
    }

    // MARK: Clearing

    /// A step of a request that clears traces ended.
    mutating func resumeClearing(_ id: UInt64, _ answer: ClientAnswer, _ turn: inout Turn) {
        guard let task = tasks[id], case .clearTraces(let directory, let budget) = task.request
        else { return }
        switch (task.lockSteps.stage, answer) {
        case (.reading, .lockSet(_, let set)):
            let traces = candidates(directory, set, atMost: budget, &turn)
            return weigh(traces, .weighing, of: id, &turn)
        case (.emptying, let answer):
            // What could not be cleared is as it was found.
            if case .lockSet(let path, let set) = answer {
                tasks[id]?.lockSteps.found[path] = set
            }
        case (.weighing, .lockSet(let path, let set)),
            (.weighingAgain, .lockSet(let path, let set)):
            tasks[id]?.lockSteps.found[path] = set
        case (.closing, .lockDecision(let decision, _, _)):
            let set = decision.set ?? LockSet()
            let closed = task.lockSteps.closing.filter { set.isClosed($0) }
            return weigh(closed, .weighingAgain, of: id, &turn)
        case (.dropping, .lockDecision(let decision, _, _)):
            return end(id, .lockSet(directory, decision.set ?? LockSet()), &turn)
        default: return end(id, answer, &turn)
        }
        tasks[id]?.lockSteps.open -= 1
        if tasks[id]?.lockSteps.open == 0 { weighed(id, &turn) }
    }

    /// A few of them, at random: those that are in use may be any.
    private func candidates(
        _ directory: StorePath, _ set: LockSet, atMost budget: Int, _ turn: inout Turn
    ) -> [LockSet.Trace] {
        var traces = set.live(at: lockWall(turn)).traces
        // A node that read the root counts on it that something is there until its last trace is over.
        if directory.isRoot, let last = traces.max(by: { $0.until < $1.until }) {
            traces.removeAll { $0 == last }
        }
        traces.shuffle(using: &turn.generator)
        return Array(traces.prefix(min(budget, ClusterLimits.lockTracesClearedMax)))
    }

    private mutating func weigh(
        _ traces: [LockSet.Trace], _ stage: LockSteps.Stage, of id: UInt64, _ turn: inout Turn
    ) {
        guard case .clearTraces(let directory, _)? = tasks[id]?.request else { return }
        let paths = traces.compactMap { try? directory.appending($0.name) }
        tasks[id]?.lockSteps.closing = traces
        tasks[id]?.lockSteps.found = [:]
        // By a clock in doubt nothing is over; and what nobody is reached for may be locked.
        guard !paths.isEmpty, !isClockInDoubt, paths.allSatisfy({ isLockKnown($0) }) else {
            return end(id, .done, &turn)
        }
        begin(paths.map { .lockSet($0) }, stage, of: id, &turn)
    }

    /// Whether a lock at the path would be found: under `available` reads are answered by whoever is reached.
    private mutating func isLockKnown(_ path: StorePath) -> Bool {
        policy == .majority
            || layouts.targets(for: Partition(of: path)).holders.allSatisfy {
                isReachable($0.node)
            }
    }

    /// It was looked below all of the traces.
    private mutating func weighed(_ id: UInt64, _ turn: inout Turn) {
        guard let task = tasks[id], case .clearTraces(let directory, let budget) = task.request
        else { return }
        // What is over by this clock may be refreshed by one that is behind.
        let wall = lockWall(turn)
        let doubt = UInt64(clamping: (ReplicationLimits.lockDoubt * 3).milliseconds)
        let behind = wall > doubt ? wall - doubt : 0
        var idle: [LockSet.Trace] = []
        var tracesAlone: [StorePath] = []
        for trace in task.lockSteps.closing {
            guard let path = try? directory.appending(trace.name),
                let set = task.lockSteps.found[path]?.live(at: behind)
            else { continue }
            if set.isEmpty {
                idle.append(trace)
            } else if set.locks.isEmpty {
                tracesAlone.append(path)
            }
        }
        let left = budget - task.lockSteps.closing.count
        if case .weighing = task.lockSteps.stage, !tracesAlone.isEmpty, left >= tracesAlone.count {
            let share = left / tracesAlone.count
            return begin(
                tracesAlone.map { .clearTraces($0, budget: share) }, .emptying, of: id, &turn)
        }
        guard !idle.isEmpty else { return end(id, .done, &turn) }
        tasks[id]?.lockSteps.closing = idle
        let isLast = task.lockSteps.stage == .weighingAgain
        let operation = OperationID(wallMilliseconds: wall, using: &turn.generator)
        begin(
            [.changeLocks(directory, isLast ? .drop(idle) : .close(idle), operation)],
            isLast ? .dropping : .closing, of: id, &turn)
    }
}

extension StorePath {
    /// The directories above, the nearest first, each with the name in it that leads here.
    fileprivate var ancestorNames: [(directory: StorePath, name: [UInt8])] {
        zip(ancestors, [self] + ancestors).map { ($0, Array($1.name)) }
    }
}

extension LockDecision {
    fileprivate var set: LockSet? {
        switch self {
        case .changed(let set), .unchanged(let set): set
        case .conflict, .notFound, .tooMany: nil
        }
    }
}
