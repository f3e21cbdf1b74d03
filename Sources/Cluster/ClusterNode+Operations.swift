import CRDT
import Membership
import Model
import Replication

// Coordinators: started for tasks, fed with answers and time, and what becomes of their tasks.
extension ClusterNode {
    // MARK: Starting

    private func time(_ turn: Turn) -> CoordinatorTime {
        // A coordinator that stamps nothing needs no clock; one that does is only started with one.
        var clock = clock
        let stamp = clock.stamp(wallMilliseconds: turn.now.wallMilliseconds) ?? clock.last
        return CoordinatorTime(
            now: turn.now.monotonic, stamp: stamp, wallMilliseconds: turn.now.wallMilliseconds)
    }

    /// A reading for versions: the clock goes on with it.
    private mutating func stampedTime(_ turn: Turn) -> CoordinatorTime {
        let stamp = clock.stamp(wallMilliseconds: turn.now.wallMilliseconds) ?? clock.last
        return CoordinatorTime(
            now: turn.now.monotonic, stamp: stamp, wallMilliseconds: turn.now.wallMilliseconds)
    }

    private mutating func add(
        _ kind: Operation.Kind, for task: UInt64?, looking: Bool = false,
        _ directives: [CoordinatorDirective], _ turn: inout Turn
    ) {
        let id = nextID()
        operations[id] = Operation(kind: kind, task: task, layouts: layouts.digest)
        if let task { tasks[task]?.stage = looking ? .looking(id) : .running(id) }
        obey(directives, of: id, &turn)
        check(id, &turn)
    }

    mutating func write(
        _ key: RegisterKey, _ value: RegisterValue, _ operation: OperationID,
        _ condition: WriteCondition, _ targets: Targets, applied: RegisterVersion? = nil,
        for task: UInt64, _ turn: inout Turn
    ) {
        var directives: [CoordinatorDirective] = []
        let own = Target(node: configuration.node, disk: disk)
        let time = stampedTime(turn)
        let membership = membership
        let isReachable = { (node: NodeID) in node == own.node || membership.isAlive(node) }
        let guarding = writeGuard(of: task, key)
        if condition == .none || configuration.canaries.contains(.skipsBallots) {
            let coordinator = WriteOperation(
                key, value, operation, own: own, targets: targets, policy: policy,
                applied: applied, guarding: guarding, time: time, isReachable: isReachable,
                into: &directives)
            add(.write(coordinator), for: task, directives, &turn)
        } else {
            let coordinator = BallotOperation(
                key, .write(value, operation, condition), own: own,
                targets: readTargets(for: key.partition), policy: policy, guarding: guarding,
                time: time, nonce: turn.generator.next(),
                isReachable: isReachable, into: &directives)
            add(.ballot(coordinator), for: task, directives, &turn)
        }
    }

    /// Changes the locks at a path, by ballot.
    mutating func change(
        _ key: RegisterKey, _ change: LockChange, _ operation: OperationID, _ targets: Targets,
        for task: UInt64, _ turn: inout Turn
    ) {
        var directives: [CoordinatorDirective] = []
        let own = Target(node: configuration.node, disk: disk)
        let membership = membership
        var purpose = BallotOperation.Purpose.change(change, operation)
        if configuration.canaries.contains(.forgetsLocks), case .take = change,
            case .changed(let set) = change.applied(to: LockSet(), at: turn.now.wallMilliseconds)
        {
            purpose = .write(set.value, operation, .none)
        }
        let coordinator = BallotOperation(
            key, purpose, own: own, targets: targets,
            // What is over is in nobody's way: it goes when a majority says so, lest a minority's
            // word takes the place of a lock that was granted meanwhile.
            policy: change == .expire ? .majority : policy,
            time: stampedTime(turn), nonce: turn.generator.next(),
            isReachable: { $0 == own.node || membership.isAlive($0) }, into: &directives)
        add(.ballot(coordinator), for: task, directives, &turn)
    }

    mutating func read(
        _ key: RegisterKey, _ consistency: ReadConsistency, for task: UInt64, _ turn: inout Turn
    ) {
        var targets = readTargets(for: key.partition)
        let own = configuration.node
        if consistency == .local || configuration.canaries.contains(.skipsReadCheck),
            targets.isHolder(own)
        {
            targets = Targets(layouts: [[Target(node: own, disk: disk)]], handOffs: [])
        }
        startRead(key, targets, for: task, looking: false, &turn)
    }

    /// Whom a read asks: this node too where its disk has something to hand back, which the holders
    /// may not have yet. What was written here while it was cut off is read here from then on.
    mutating func readTargets(for partition: Partition) -> Targets {
        var targets = layouts.readTargets(for: partition)
        let own = Target(node: configuration.node, disk: disk)
        if sums.contains(partition), !targets.isHolder(own.node), !targets.handOffs.contains(own) {
            targets.handOffs.append(own)
        }
        return targets
    }

    /// Before an unconditional deletion: is there anything?
    mutating func look(
        _ key: RegisterKey, _ targets: Targets, for task: UInt64, _ turn: inout Turn
    ) {
        startRead(key, targets, for: task, looking: true, &turn)
    }

    mutating func startRead(
        _ key: RegisterKey, _ targets: Targets, for task: UInt64, looking: Bool,
        _ turn: inout Turn
    ) {
        var directives: [CoordinatorDirective] = []
        let membership = membership
        let own = configuration.node
        tasks[task]?.readKey = key
        let coordinator = ReadOperation(
            key, targets: targets, policy: policy,
            needsContent: !looking && tasks[task]?.needsContent == true, time: time(turn),
            isReachable: { $0 == own || membership.isAlive($0) }, into: &directives)
        add(.read(coordinator), for: task, looking: looking, directives, &turn)
    }

    mutating func settle(_ key: RegisterKey, for task: UInt64, _ turn: inout Turn) {
        var directives: [CoordinatorDirective] = []
        let membership = membership
        let own = Target(node: configuration.node, disk: disk)
        let coordinator = BallotOperation(
            key, .settle, own: own, targets: readTargets(for: key.partition), policy: policy,
            time: stampedTime(turn), nonce: turn.generator.next(),
            isReachable: { $0 == own.node || membership.isAlive($0) }, into: &directives)
        let looking = if case .looking = tasks[task]?.stage { true } else { false }
        add(.ballot(coordinator), for: task, looking: looking, directives, &turn)
    }

    mutating func list(
        _ directory: StorePath, after: [UInt8]?, limit: Int, for task: UInt64, _ turn: inout Turn
    ) {
        var directives: [CoordinatorDirective] = []
        let membership = membership
        let own = configuration.node
        let coordinator = ListOperation(
            directory, after: after, limit: limit,
            targets: readTargets(for: Partition(of: directory)), policy: policy, time: time(turn),
            isReachable: { $0 == own || membership.isAlive($0) },
            into: &directives)
        add(.list(coordinator), for: task, directives, &turn)
    }

    mutating func checkAbsence(
        of directory: StorePath, _ item: OutboxItem, _ turn: inout Turn
    ) {
        var directives: [CoordinatorDirective] = []
        let membership = membership
        let own = configuration.node
        let check = AbsenceCheck(
            directory, at: readTargets(for: Partition(of: directory)), policy: policy,
            isReachable: { $0 == own || membership.isAlive($0) }, into: &directives)
        add(.absence(check, item), for: nil, directives, &turn)
    }

    mutating func publish(_ entry: KeyedEntry, _ item: OutboxItem, _ turn: inout Turn) {
        var directives: [CoordinatorDirective] = []
        let membership = membership
        let own = configuration.node
        let writer = EntryWriter(
            entry, at: layouts.targets(for: entry.key.partition), policy: policy, round: 0,
            isReachable: { $0 == own || membership.isAlive($0) }, into: &directives)
        add(.entry(writer, item), for: nil, directives, &turn)
    }

    // MARK: Events

    private mutating func obey(
        _ directives: [CoordinatorDirective], of id: UInt64, _ turn: inout Turn
    ) {
        guard let operation = operations[id] else { return }
        for directive in directives {
            switch directive {
            case .ask(let node, let request, let round):
                let isRead =
                    switch operation.kind {
                    case .read, .list, .absence: true
                    case .write, .ballot, .entry: false
                    }
                ask(
                    node, request, layouts: operation.layouts,
                    timeout: isRead
                        ? ReplicationLimits.holderTimeout : ReplicationLimits.copyTimeout,
                    .operation(id, round: round), &turn)
                if configuration.canaries.contains(.acknowledgesEarly) {
                    pretend(request, by: node, of: id, round, &turn)
                }
            case .tell(let node, let request): tell(node, request, &turn)
            }
        }
    }

    /// Breaks the rule that a copy counts when it is durable.
    private mutating func pretend(
        _ request: ReplicaRequest, by node: NodeID, of id: UInt64, _ round: UInt32,
        _ turn: inout Turn
    ) {
        guard case .prepare(let key, _, _) = request.plain else { return }
        let holders = layouts.targets(for: key.partition).holders
        guard let target = holders.first(where: { $0.node == node }) else { return }
        feed(id, .prepared, by: target, round, &turn)
        check(id, &turn)
    }

    mutating func resumeOperation(
        _ id: UInt64, round: UInt32, _ answer: Answer, by target: Target, _ turn: inout Turn
    ) {
        guard operations[id] != nil else { return }
        switch answer {
        case .replica(let reply): feed(id, reply, by: target, round, &turn)
        case .layoutsDiffer: return restart(id, &turn)
        default: feed(id, nil, by: target, round, &turn)
        }
        check(id, &turn)
    }

    /// Hands an answer, or its absence, to the coordinator.
    private mutating func feed(
        _ id: UInt64, _ reply: ReplicaReply?, by target: Target, _ round: UInt32,
        _ turn: inout Turn
    ) {
        guard var operation = operations[id] else { return }
        var directives: [CoordinatorDirective] = []
        var layouts = layouts
        let time = stampedTime(turn)
        let membership = membership
        let own = configuration.node
        let isReachable = { (node: NodeID) in node == own || membership.isAlive(node) }
        let entryTargets = { (key: Replication.EntryKey) in layouts.targets(for: key.partition) }
        switch operation.kind {
        case .write(var coordinator):
            if let reply {
                coordinator.answered(
                    reply, by: target, round: round, time, using: &turn.generator,
                    entryTargets: entryTargets, isReachable: isReachable, into: &directives)
            } else {
                coordinator.unanswered(
                    by: target.node, round: round, time, using: &turn.generator,
                    entryTargets: entryTargets, isReachable: isReachable, into: &directives)
            }
            operation.kind = .write(coordinator)
        case .ballot(var coordinator):
            if let reply {
                coordinator.answered(
                    reply, by: target, round: round, time, using: &turn.generator,
                    entryTargets: entryTargets, isReachable: isReachable, into: &directives)
            } else {
                coordinator.unanswered(
                    by: target.node, round: round, time, using: &turn.generator,
                    entryTargets: entryTargets, isReachable: isReachable, into: &directives)
            }
            operation.kind = .ballot(coordinator)
        case .read(var coordinator):
            if let reply {
                coordinator.answered(reply, by: target, round: round, into: &directives)
            } else {
                coordinator.unanswered(by: target.node, round: round, into: &directives)
            }
            operation.kind = .read(coordinator)
        case .list(var coordinator):
            if let reply {
                coordinator.answered(reply, by: target, round: round, time, into: &directives)
            } else {
                coordinator.unanswered(
                    by: target.node, round: round, time, into: &directives)
            }
            operation.kind = .list(coordinator)
        case .absence(var check, let item):
            if let reply {
                check.answered(reply, by: target)
            } else {
                check.unanswered(by: target.node)
            }
            operation.kind = .absence(check, item)
        case .entry(var writer, let item):
            if let reply {
                _ = writer.answered(reply, by: target, round: round, into: &directives)
            } else {
                _ = writer.unanswered(by: target.node, round: round, into: &directives)
            }
            operation.kind = .entry(writer, item)
        }
        operations[id] = operation
        obey(directives, of: id, &turn)
    }

    mutating func operationsTick(_ turn: inout Turn) {
        guard !operations.isEmpty else { return }
        for id in operations.keys.sorted() {
            guard var operation = operations[id], let deadline = operation.nextDeadline,
                deadline <= turn.now.monotonic
            else { continue }
            var directives: [CoordinatorDirective] = []
            let time = stampedTime(turn)
            switch operation.kind {
            case .write(var coordinator):
                coordinator.timePassed(time, into: &directives)
                operation.kind = .write(coordinator)
            case .ballot(var coordinator):
                coordinator.timePassed(time, into: &directives)
                operation.kind = .ballot(coordinator)
            case .read(var coordinator):
                coordinator.timePassed(time, into: &directives)
                operation.kind = .read(coordinator)
            case .list(var coordinator):
                coordinator.timePassed(time, into: &directives)
                operation.kind = .list(coordinator)
            case .absence, .entry: break
            }
            operations[id] = operation
            obey(directives, of: id, &turn)
            check(id, &turn)
        }
    }

    /// An operation that goes by other layouts would find its majority among those that do not know
    /// the new one yet, and be missed by those that have taken over from the rest.
    mutating func restartOperations(_ turn: inout Turn) {
        for id in operations.keys.sorted() where operations[id]?.layouts != layouts.digest {
            restart(id, &turn)
        }
    }

    /// The layouts differed: the task begins again with the ones that gossip agrees on.
    private mutating func restart(_ id: UInt64, _ turn: inout Turn) {
        guard let operation = operations.removeValue(forKey: id) else { return }
        if operation.row != nil { upkeep.hasOutbox = true }
        guard let task = operation.task else { return }
        again(task, after: ClusterLimits.layoutDelay, .noQuorum, &turn)
    }

    // MARK: Ends

    private mutating func check(_ id: UInt64, _ turn: inout Turn) {
        guard let operation = operations[id] else { return }
        switch operation.kind {
        case .write(let coordinator):
            ended(coordinator.outcome, id, operation.task, &turn)
        case .ballot(let coordinator):
            ended(coordinator.outcome, id, operation.task, &turn)
        case .read(let coordinator):
            if let task = operation.task {
                tasks[task]?.mayBeDirectory = coordinator.mayBeDirectory
            }
            ended(coordinator.outcome, id, operation.task, &turn)
        case .list(let coordinator): ended(coordinator.outcome, id, operation.task, &turn)
        case .absence(let check, let item):
            if check.outcome == .waiting { return }
            operations[id] = nil
            if check.outcome == .gone, let entry = item.entry {
                publish(entry, item, &turn)
            } else {
                // What the others have comes to this disk, or goes there as well.
                upkeep.hasOutbox = true
                outboxMoved(isNew: false, &turn)
            }
        case .entry(let writer, let item):
            switch writer.outcome {
            case .waiting: return
            case .failed: upkeep.hasOutbox = true
            case .done: ask(self: .outboxDone([item]), .nothing, &turn)
            }
            operations[id] = nil
            outboxMoved(isNew: false, &turn)
        }
    }

    private mutating func ended(
        _ outcome: WriteOperation.Outcome, _ id: UInt64, _ task: UInt64?, _ turn: inout Turn
    ) {
        if case .waiting = outcome { return }
        operations[id] = nil
        guard let task else { return }
        switch outcome {
        case .waiting: break
        case .written(let version, let copies, let replacing, let pending):
            clock.observe(
                version.version.time, wallMilliseconds: turn.now.wallMilliseconds)
            written(
                version,
                .written(
                    version.version, copies: copies, created: !replacing, listingPending: pending,
                    exact: policy == .majority),
                task, &turn)
        case .failed(let failure): failed(task, failure, &turn)
        }
    }

    private mutating func ended(
        _ outcome: BallotOperation.Outcome, _ id: UInt64, _ task: UInt64?, _ turn: inout Turn
    ) {
        if case .waiting = outcome { return }
        operations[id] = nil
        guard let task else { return }
        switch outcome {
        case .waiting: break
        case .written(let version, let copies, let replacing, let pending, let exact):
            written(
                version,
                .written(
                    version.version, copies: copies, created: !replacing, listingPending: pending,
                    exact: isExact(exact)),
                task, &turn)
        case .conditionFailed(let exact):
            conditionFailed(task, exact: isExact(exact), &turn)
        case .locks(let decision, let copies, let exact):
            // Of what an earlier attempt had made nobody knows how many decided it.
            let isExact = exact && policy == .majority
            end(task, .lockDecision(decision, copies: copies, exact: isExact), &turn)
        case .settled(let register): found(register, task, &turn)
        case .failed(let failure): failed(task, failure, &turn)
        }
    }

    private mutating func ended(
        _ outcome: ReadOperation.Outcome, _ id: UInt64, _ task: UInt64?, _ turn: inout Turn
    ) {
        if case .waiting = outcome { return }
        guard let task, let key = tasks[task]?.readKey else {
            operations[id] = nil
            return
        }
        switch outcome {
        case .waiting: return
        case .read(let register): found(register, task, &turn)
        case .needsBallot: settle(key, for: task, &turn)
        case .failed where mayMissLocks(task):
            end(task, .lockSet(key.path, LockSet()), &turn)
        case .failed: failed(task, .noQuorum, &turn)
        }
        operations[id] = nil
    }

    private mutating func ended(
        _ outcome: ListOperation.Outcome, _ id: UInt64, _ task: UInt64?, _ turn: inout Turn
    ) {
        if case .waiting = outcome { return }
        operations[id] = nil
        guard let task else { return }
        switch outcome {
        case .waiting: break
        case .page(let entries, let exists, let next):
            listed(entries, exists: exists, next: next, task, &turn)
        case .failed: failed(task, .noQuorum, &turn)
        }
    }

    private mutating func failed(
        _ task: UInt64, _ failure: WriteOperation.Failure, _ turn: inout Turn
    ) {
        let reason: UnavailableReason =
            switch failure {
            case .noQuorum: .noQuorum
            case .full: .full
            case .contended, .locked, .mayBeDirectory: .contended
            }
        guard var running = tasks[task] else { return }
        if case .mayBeDirectory(let mayTakeEffect) = failure {
            return mayTakeEffect
                ? end(task, .unavailable(.contended), &turn) : makeCertain(task, &turn)
        }
        if case .locked(let mayTakeEffect) = failure {
            // What it had begun may be settled by others, before or after it is withdrawn.
            let isCertain = !mayTakeEffect && running.attempts == 0
            return end(task, isCertain ? .locked([]) : .unavailable(reason), &turn)
        }
        if failure == .full { running.tried.append(configuration.node) }
        tasks[task] = running
        // A coordinator that was forwarded to leaves it to the forwarder to try others.
        if !running.mayForward { return end(task, .unavailable(reason), &turn) }
        again(task, after: ClusterLimits.tick * 2, reason, &turn)
    }
}
