import CRDT
import Membership
package import Model
import Replication

// Requests of clients: who coordinates them, again and again until their time is over.
extension ClusterNode {
    mutating func begin(
        _ request: ClientRequest, for origin: TaskOrigin, isRepeat: Bool = false,
        _ turn: inout Turn
    ) {
        guard isRunning else { return finish(origin, .unavailable(.notReady), &turn) }
        guard serves(request) else { return finish(origin, .unavailable(.hasLeft), &turn) }
        // What was begun is not ended for want of room for its steps.
        let isStep = if case .task = origin { true } else { false }
        guard tasks.count < ClusterLimits.clientsMax * (isStep ? 4 : 1) else {
            return finish(origin, .unavailable(.contended), &turn)
        }
        let id = nextID()
        // A forwarded request ends before its forwarder gives up on it and asks another node: it
        // must not take effect after the client was told something else.
        let isForwarded = if case .peer = origin { true } else { false }
        let time = isForwarded ? ClusterLimits.coordinationTimeout : ClusterLimits.clientTimeout
        var deadline = turn.now.monotonic + time
        // A step is over with its task: what it undoes may be done again by then.
        if case .task(let parent) = origin, let task = tasks[parent] {
            let undo = task.leavesTimeToUndo ? ClusterLimits.lockUndoTime : .zero
            deadline = min(deadline, task.deadline - undo)
        }
        if case .clearTraces = request {
            deadline = min(deadline, turn.now.monotonic + ClusterLimits.lockClearTime)
        }
        tasks[id] = ClientTask(
            origin: origin, request: request, began: turn.now.monotonic, deadline: deadline,
            stage: .due(at: turn.now.monotonic))
        let mayBeRepeat = isRepeat || isOld(request, turn)
        tasks[id]?.isRepeat = mayBeRepeat
        start(id, &turn)
    }

    /// Who has said goodbye is no part of the cluster any more.
    private func serves(_ request: ClientRequest) -> Bool {
        if case .cancelLeave = request { return true }
        return !upkeep.departure.isOver
    }

    mutating func finish(_ origin: TaskOrigin, _ answer: ClientAnswer, _ turn: inout Turn) {
        switch origin {
        case .client(let ticket): turn.directives.append(.answer(ticket, answer))
        case .peer(let node, let request):
            turn.send(
                .reply(PeerReply(id: request, disk: disk, body: .client(answer))), to: node)
        case .task(let id):
            switch tasks[id]?.request.plain {
            case .move: return resumeMove(id, answer, &turn)
            case .restore, .copy: return end(id, answer, &turn)
            default: break
            }
            resumeLocks(id, answer, &turn)
        case .own, .move: break
        }
    }

    mutating func end(_ id: UInt64, _ answer: ClientAnswer, _ turn: inout Turn) {
        guard let task = tasks.removeValue(forKey: id) else { return }
        var answer = answer
        if case .resolved = task.lookup, case .delete = task.request.plain,
            case .conditionFailed = answer
        {
            // The name was that of a version which is not the newest any more.
            answer = .notFound
        }
        if case .running(let operation) = task.stage { operations[operation] = nil }
        if case .looking(let operation) = task.stage { operations[operation] = nil }
        // It may be this operation itself that took it away: what became of it is unknown.
        if case .notFound = answer, task.mayBeDone, task.request.operation != nil {
            return finish(task.origin, .unavailable(.contended), &turn)
        }
        finish(task.origin, answer, &turn)
    }

    /// Forgets the steps of a task that are under way: nobody waits for them.
    mutating func dropSteps(of id: UInt64) {
        for (step, task) in tasks where task.origin == .task(id) {
            switch task.stage {
            case .running(let operation), .looking(let operation): operations[operation] = nil
            case .due, .forwarded, .waiting, .askingForCluster, .purging: break
            }
            tasks[step] = nil
        }
    }

    /// Starts the task again a little later; or ends it, when its time is over.
    mutating func again(
        _ id: UInt64, after delay: Duration, _ reason: UnavailableReason, _ turn: inout Turn
    ) {
        guard var task = tasks[id] else { return }
        // The node's own work is found again by the next round of upkeep.
        switch task.origin {
        case .own, .move: return end(id, .unavailable(reason), &turn)
        case .client, .peer, .task: break
        }
        switch task.stage {
        case .forwarded, .running: task.mayBeDone = true
        case .due, .waiting, .looking, .askingForCluster, .purging: break
        }
        task.lastFailure = reason
        task.attempts += 1
        task.stage = .due(at: turn.now.monotonic + delay)
        tasks[id] = task
        if task.deadline <= turn.now.monotonic + delay
            || reason == .noQuorum && isHopeless(task, turn)
        {
            end(id, .unavailable(reason), &turn)
        }
    }

    /// Whether the task has tried for a while, and needs a majority of holders of whom too many are dead
    /// (not silent for a moment) for there to be one.
    private mutating func isHopeless(_ task: ClientTask, _ turn: Turn) -> Bool {
        guard policy == .majority,
            turn.now.monotonic >= task.began + ClusterLimits.hopelessTimeout
        else { return false }
        let partition: Partition
        if let key = task.readKey ?? task.request.coordinatedKey {
            partition = key.partition
        } else if case .list(let directory, _, _) = task.request.plain {
            partition = Partition(of: directory)
        } else {
            return false
        }
        return !layouts.targets(for: partition).mayHaveMajority { node in
            node == configuration.node || !membership.isGone(node)
        }
    }

    mutating func tasksTick(_ turn: inout Turn) {
        guard !tasks.isEmpty else { return }
        for id in tasks.keys.sorted() {
            guard let task = tasks[id] else { continue }
            if task.deadline <= turn.now.monotonic {
                end(id, .unavailable(task.lastFailure), &turn)
            } else if case .due(let at) = task.stage, at <= turn.now.monotonic {
                start(id, &turn)
            }
        }
    }

    mutating func start(_ id: UInt64, _ turn: inout Turn) {
        guard let task = tasks[id] else { return }
        switch task.request.plain {
        case .setSetting, .setReplicationFactor, .leave, .cancelLeave, .takeOut, .joinCluster:
            return administer(id, task.request.plain, &turn)
        case .put, .delete, .place, .makeDirectory, .removeDirectory, .get, .list, .move,
            .copy, .history, .restore, .purge, .lock, .refreshLock, .unlock, .locks, .lockSet,
            .clearTraces, .changeLocks, .guarded, .showing, .describe, .mark:
            break
        }
        guard hasLookedAround(turn), mayCoordinate else {
            return again(id, after: ClusterLimits.tick, .notReady, &turn)
        }
        guard isEstablished, gossip.isInformed, layouts.newest != nil else {
            return startWithoutLayout(id, task, &turn)
        }
        switch task.request.plain {
        case .get(let path, let consistency):
            tasks[id]?.lookup = .none
            read(.file(path), consistency, for: id, &turn)
        case .list(let directory, let after, let limit):
            list(directory, after: after, limit: limit, for: id, &turn)
        case .move, .copy:
            if !looksForSibling(id, &turn) { startMove(id, &turn) }
        case .history(let path), .restore(let path, _, _), .purge(let path, _):
            read(.file(path), .checked, for: id, &turn)
        case .lockSet(let path): read(.locks(path), .checked, for: id, &turn)
        case .mark(let path): read(.mark(path), .checked, for: id, &turn)
        case .lock, .refreshLock, .unlock, .locks, .clearTraces, .guarded: startLocks(id, &turn)
        default:
            guard let key = task.request.coordinatedKey, !looksForSibling(id, &turn),
                hasPassedCheck(id, &turn)
            else { return }
            startWrite(id, key, &turn)
        }
    }

    /// Whether a node that just started knows whom it can reach: before, it would answer and
    /// acknowledge by its own disk alone. Who is not heard from within this time is away.
    private func hasLookedAround(_ turn: Turn) -> Bool {
        turn.now.monotonic - startedAt >= ClusterLimits.startWait
            || layouts.members.allSatisfy { isReachable($0) }
    }

    /// Nothing was ever stored: reads find nothing, and a write makes the cluster first. A disk of a
    /// time before there were clusters holds something all the same: `foundOverHeld` makes one.
    private mutating func startWithoutLayout(
        _ id: UInt64, _ task: ClientTask, _ turn: inout Turn
    ) {
        guard upkeep.areSumsKnown, sums.all.isEmpty else {
            return again(id, after: ClusterLimits.tick, .notReady, &turn)
        }
        switch task.request.plain {
        case .get where isFirst, .move where isFirst, .copy where isFirst, .history where isFirst,
            .restore where isFirst, .purge where isFirst:
            endUnlessFounded(id, .notFound, &turn)
        case .locks where isFirst: endUnlessFounded(id, .locks([]), &turn)
        case .mark where isFirst: endUnlessFounded(id, .mark(nil), &turn)
        case .list(let directory, _, _) where isFirst:
            endUnlessFounded(
                id, directory.isRoot ? .listing([], next: nil) : .notFound, &turn)
        default:
            askToEstablish(&turn)
            again(id, after: ClusterLimits.tick, .notReady, &turn)
        }
    }

    /// Somebody may have founded the cluster, and stored something, since he was heard of last. All who
    /// are reached are asked: before the first write this is rare.
    private mutating func endUnlessFounded(
        _ id: UInt64, _ answer: ClientAnswer, _ turn: inout Turn
    ) {
        let peers = membership.alivePeers.filter(isReachable)
        guard !peers.isEmpty else { return end(id, answer, &turn) }
        tasks[id]?.stage = .askingForCluster(open: peers.count, answer)
        for peer in peers {
            ask(
                peer, .epoch(of: disk), layouts: nil, timeout: ClusterLimits.epochTimeout,
                .task(id), &turn)
        }
    }

    private mutating func saidOfCluster(
        _ id: UInt64, _ answer: Answer, by node: NodeID, open: Int, _ ending: ClientAnswer,
        _ turn: inout Turn
    ) {
        if case .epoch(_, isInformed: true) = answer {
            compareState(with: node, &turn)
            return again(id, after: ClusterLimits.tick, .notReady, &turn)
        }
        guard open == 1 else {
            tasks[id]?.stage = .askingForCluster(open: open - 1, ending)
            return
        }
        if isEstablished { return again(id, after: .zero, .notReady, &turn) }
        end(id, ending, &turn)
    }

    mutating func askToEstablish(_ turn: inout Turn) {
        guard !isEstablished else { return }
        let first = (membership.alivePeers + [configuration.node]).min() ?? configuration.node
        if first == configuration.node {
            establish(&turn)
        } else {
            ask(
                first, .establish, layouts: nil, timeout: ClusterLimits.backgroundTimeout,
                .nothing, &turn)
        }
    }

    // MARK: Writes

    private mutating func startWrite(_ id: UInt64, _ key: RegisterKey, _ turn: inout Turn) {
        guard var task = tasks[id] else { return }
        let targets = layouts.targets(for: key.partition)
        guard let coordinator = coordinator(for: targets, not: task.tried, task) else {
            // Nobody has room, and time alone makes none.
            if task.lastFailure == .full { return end(id, .unavailable(.full), &turn) }
            // Everybody was tried: from the beginning, while there is time.
            task.tried = []
            tasks[id] = task
            return again(
                id, after: ClusterLimits.tick * 2, clock.isInDoubt ? .clockInDoubt : .noQuorum,
                &turn)
        }
        if coordinator == configuration.node { return coordinate(id, key, targets, &turn) }
        task.stage = .forwarded(to: coordinator)
        tasks[id] = task
        ask(
            coordinator,
            .forward(
                task.request, isRepeat: task.isRepeat || task.attempts > 0,
                sentAt: turn.now.wallMilliseconds),
            layouts: nil,
            timeout: ClusterLimits.forwardTimeout, .task(id), &turn)
    }

    /// The first holder that can stamp versions, this node before others; under `available` a
    /// stand-in where there is none.
    private func coordinator(
        for targets: Targets, not tried: [NodeID], _ task: ClientTask
    ) -> NodeID? {
        let own = Target(node: configuration.node, disk: disk)
        let holders = targets.holders
        let canOwn =
            configuration.isStorage && !clock.isInDoubt && !tried.contains(own.node)
            && !upkeep.departure.takesNothing
        if canOwn, holders.contains(own) { return own.node }
        if !task.mayForward { return canOwn && policy == .available ? own.node : nil }
        func isFit(_ target: Target) -> Bool {
            guard target.node != own.node, !tried.contains(target.node),
                isReachable(target.node)
            else { return false }
            return gossip.state.register(of: target.node).map {
                !$0.facts.flags.contains(.clockInDoubt) && $0.disk == target.disk
            } ?? true
        }
        if let holder = holders.first(where: isFit) { return holder.node }
        guard policy == .available else { return nil }
        if canOwn { return own.node }
        return targets.handOffs.first(where: isFit)?.node
    }

    mutating func coordinate(
        _ id: UInt64, _ key: RegisterKey, _ targets: Targets, _ turn: inout Turn
    ) {
        guard let task = tasks[id] else { return }
        if task.isRepeat || task.attempts > 0, task.lookedUp != task.attempts,
            task.request.isUnconditionalWrite
        {
            tasks[id]?.lookedUp = task.attempts
            return look(key, targets, for: id, &turn)
        }
        switch task.request.plain {
        case .put(let path, let content, let condition, let operation):
            let value = fileValue(path, content, turn)
            write(key, value, operation, condition, targets, for: id, &turn)
        case .place(_, let facts, let condition, let operation, _):
            write(key, .file(facts), operation, condition, targets, for: id, &turn)
        case .describe(_, let value, let condition, let operation):
            write(key, value, operation, condition, targets, for: id, &turn)
        case .delete(_, let condition, let operation):
            guard condition == .none else {
                return write(key, .deleted, operation, condition, targets, for: id, &turn)
            }
            look(key, targets, for: id, &turn)
        case .makeDirectory(_, let operation):
            // One that is there already keeps its properties.
            let mark = RegisterValue.describedMark(FileFacts.propertiesAsBefore)
            write(key, mark, operation, .none, targets, for: id, &turn)
        case .removeDirectory(let path, _):
            list(path, after: nil, limit: 1, for: id, &turn)
        case .changeLocks(_, let change, let operation):
            // Locks are over by the wall clock, which may have been set a moment ago.
            noteTime(&turn)
            guard !clock.isInDoubt else {
                return again(id, after: ClusterLimits.tick, .clockInDoubt, &turn)
            }
            self.change(key, change, operation, targets, for: id, &turn)
        case .get, .list, .move, .copy, .history, .restore, .purge, .lock, .refreshLock, .unlock,
            .locks,
            .lockSet, .clearTraces, .mark, .guarded, .showing, .setSetting, .setReplicationFactor,
            .leave,
            .cancelLeave,
            .takeOut,
            .joinCluster:
            break
        }
    }

    private func isOld(_ request: ClientRequest, _ turn: Turn) -> Bool {
        guard let operation = request.operation else { return false }
        return mayBeRepeated(operation, wallMilliseconds: turn.now.wallMilliseconds)
    }

    /// Whether an operation may have been applied before. Who repeats a request says so only by its age: a
    /// client repeats later than others ask for the first time, and a gateway what it asked of a life before.
    package func mayBeRepeated(_ operation: OperationID, wallMilliseconds wall: UInt64) -> Bool {
        wall > operation.wallMilliseconds + ClusterLimits.repeatAgeMilliseconds
            || operation.wallMilliseconds > wall + ClusterLimits.repeatAgeMilliseconds
            || operation.wallMilliseconds <= bornAt
    }

    func fileValue(
        _ path: StorePath, _ content: FileContent, _ turn: Turn
    ) -> RegisterValue {
        let now = Timestamp(nanoseconds: Int64(clamping: turn.now.wallMilliseconds) * 1_000_000)
        return .file(
            FileFacts(
                byteCount: content.byteCount, digest: content.digest,
                contentType: content.contentType,
                created: content.created ?? FileFacts.createdAsBefore,
                modified: content.modified ?? now, object: content.object,
                home: Partition(of: path), properties: FileFacts.propertiesAsBefore))
    }

    // MARK: Answers

    /// A forwarded request came back, or a peer said whether it knows of a cluster.
    mutating func resumeTask(
        _ id: UInt64, _ answer: Answer, by node: NodeID, _ turn: inout Turn
    ) {
        if case .askingForCluster(let open, let ending) = tasks[id]?.stage {
            return saidOfCluster(id, answer, by: node, open: open, ending, &turn)
        }
        if case .purging(let open, let done) = tasks[id]?.stage {
            return purged(id, answer, open: open, done: done, &turn)
        }
        guard var task = tasks[id], case .forwarded(node) = task.stage else { return }
        switch answer {
        case .client(.unavailable(let reason)):
            task.tried.append(node)
            tasks[id] = task
            again(id, after: .zero, reason, &turn)
            tasksTick(&turn)
        // Earlier attempts may still take effect.
        case .client(.locked) where task.attempts > 0:
            end(id, .unavailable(.contended), &turn)
        case .client(let answer): end(id, answer, &turn)
        default:
            task.tried.append(node)
            tasks[id] = task
            again(id, after: .zero, .timedOut, &turn)
            tasksTick(&turn)
        }
    }
}
