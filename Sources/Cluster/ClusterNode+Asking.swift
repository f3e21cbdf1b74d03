import CRDT
import Model
import Reconciliation
import Replication

// Questions to the own disk and to peers, and their answers.
extension ClusterNode {
    mutating func store(_ request: StorageRequest, _ waiting: Waiting, _ turn: inout Turn) {
        let number = nextID()
        if request.isRemembered { diskCheck.isEpochDue = true }
        requests.add(
            number,
            .init(
                node: configuration.node, deadline: nil, since: turn.now.monotonic,
                waiting: waiting, changesRecords: request.changesRecords))
        turn.directives.append(.storage(StorageTicket(number: number), request))
    }

    mutating func ask(
        self request: ReplicaRequest, _ waiting: Waiting, _ turn: inout Turn
    ) {
        store(.replica(request), waiting, &turn)
    }

    /// Asks a node's disk, this node's own included.
    /// - Parameter layouts: what the question goes by, where the answer depends on it.
    mutating func ask(
        _ node: NodeID, _ request: ReplicaRequest, layouts: LayoutID?, timeout: Duration,
        _ waiting: Waiting, _ turn: inout Turn
    ) {
        if node == configuration.node { return ask(self: request, waiting, &turn) }
        ask(
            node, .replica(request), layouts: layouts, timeout: timeout, waiting, &turn)
    }

    mutating func ask(
        _ node: NodeID, _ body: PeerRequest.Body, layouts: LayoutID?, timeout: Duration,
        _ waiting: Waiting, _ turn: inout Turn
    ) {
        let number = nextID()
        requests.add(
            number,
            .init(node: node, deadline: turn.now.monotonic + timeout, waiting: waiting))
        turn.send(.request(PeerRequest(id: number, layouts: layouts, body: body)), to: node)
    }

    mutating func tell(_ node: NodeID, _ request: ReplicaRequest, _ turn: inout Turn) {
        if node == configuration.node {
            ask(self: request, .nothing, &turn)
        } else {
            turn.send(.tell(request), to: node)
        }
    }

    mutating func replied(_ reply: PeerReply, from peer: NodeID, _ turn: inout Turn) {
        guard requests.waitsFor(reply.id, from: peer), let open = requests.take(reply.id) else {
            return
        }
        let answer: Answer =
            switch reply.body {
            case .replica(let reply): .replica(reply)
            case .client(let answer): .client(answer)
            case .partitions(let sums, let declared): .partitions(sums, declared: declared)
            case .reconciled(let reply): .reconciled(reply)
            case .epoch(let known, let isInformed): .epoch(known, isInformed: isInformed)
            case .done: .done
            case .layoutsDiffer: .layoutsDiffer
            case .notReady: .none
            }
        if case .layoutsDiffer = answer { layoutsDiffer(from: peer, &turn) }
        resume(open, answer, by: Target(node: peer, disk: reply.disk), &turn)
    }

    mutating func expireRequests(_ turn: inout Turn) {
        for open in requests.takeExpired(now: turn.now.monotonic) {
            resume(open, .none, by: Target(node: open.node, disk: disk), &turn)
        }
    }

    mutating func resume(
        _ open: Requests.Open, _ answer: Answer, by target: Target, _ turn: inout Turn
    ) {
        switch open.waiting {
        case .life, .nothing: break
        case .operation(let id, let round):
            resumeOperation(id, round: round, answer, by: target, &turn)
        case .isWanted(let request):
            resumeForwarded(request, from: target.node, answer, &turn)
        case .epoch(let node): resumeEpoch(node, answer, &turn)
        case .task(let id): resumeTask(id, answer, by: target.node, &turn)
        case .exchange(let id): resumeExchange(id, answer, by: target, &turn)
        case .takeOver(let node): resumeTakeOver(node, answer, by: target, &turn)
        case .partitionsFor(let node, let request):
            replyPartitions(answer, to: node, request, &turn)
        case .comparison(let node): resumeComparison(node, answer, &turn)
        case .audit(let audit): resumeAudit(audit, answer, &turn)
        case .damage(let key): resumeDamage(key, answer, &turn)
        case .tombstone(let key, let dot):
            resumeTombstone(key, dot, answer, by: target, &turn)
        case .advance(let node): resumeAdvance(node, answer, &turn)
        case .reconciled(let node, let request):
            if case .reconciled(let reply) = answer {
                turn.send(
                    .reply(PeerReply(id: request, disk: disk, body: .reconciled(reply))), to: node)
            }
        case .upkeep(let step): resumeUpkeep(step, answer, &turn)
        case .peer(let node, let request):
            let body: PeerReply.Body
            if case .replica(let reply) = answer { body = .replica(reply) } else { body = .done }
            turn.send(.reply(PeerReply(id: request, disk: disk, body: body)), to: node)
        case .client(let origin, let answer): finish(origin, answer, &turn)
        }
    }
}
