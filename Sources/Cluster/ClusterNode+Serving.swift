import CRDT
import Model
import Reconciliation
import Replication

// What peers ask of this node.
extension ClusterNode {
    mutating func serve(_ request: PeerRequest, from peer: NodeID, _ turn: inout Turn) {
        func reply(_ body: PeerReply.Body, _ turn: inout Turn) {
            turn.send(.reply(PeerReply(id: request.id, disk: disk, body: body)), to: peer)
        }
        if let digest = request.layouts, digest != layouts.digest {
            layoutsDiffer(from: peer, &turn)
            return reply(.layoutsDiffer, &turn)
        }
        switch request.body {
        case .replica(let body):
            guard body.isForPeers, takesIn else {
                return reply(.notReady, &turn)
            }
            observe(body, turn)
            ask(self: weakened(body), .peer(peer, request: request.id), &turn)
        case .forward where !takesIn: reply(.notReady, &turn)
        case .forward(let body, let isRepeat, let sentAt):
            guard isFresh(sentAt, from: peer, turn) else {
                return ask(
                    peer, .isWanted(request.id), layouts: nil,
                    timeout: ClusterLimits.freshness, .isWanted(request), &turn)
            }
            begin(body, for: .peer(peer, request: request.id), isRepeat: isRepeat, &turn)
        case .isWanted(let id):
            let deadline = turn.now.monotonic + ClusterLimits.forwardTimeout
            let isWanted = requests.extend(id, to: peer, until: deadline)
            reply(isWanted ? .done : .notReady, &turn)
        case .establish:
            establish(&turn)
            reply(.done, &turn)
        case .epoch(let asked): replyEpoch(of: asked, to: peer, request.id, &turn)
        case .partitionsHeldBy where !isDiskTrusted, .reconcile where !isDiskTrusted:
            reply(.notReady, &turn)
        case .partitionsHeldBy where hasNothingFor(peer):
            reply(.partitions([], declared: takeOver.declarations), &turn)
        case .partitionsHeldBy:
            ask(self: .partitions, .partitionsFor(peer, request: request.id), &turn)
        case .reconcile(let question):
            guard let shared = sharedSums(with: peer) else {
                return reply(.reconciled(.unknownScope(to: question)), &turn)
            }
            store(
                .reconcile(question, shared), .reconciled(peer, request: request.id), &turn)
        }
    }

    /// Whether the disk is a place for what others bring, and to be asked.
    private var takesIn: Bool {
        configuration.isStorage && isDiskTrusted && !upkeep.departure.takesNothing
    }

    /// Whether the disk has nothing of what `peer` holds, for certain and without asking it: all that
    /// was asked of it so far is in the sums. In a large cluster most nodes share nothing.
    private mutating func hasNothingFor(_ peer: NodeID) -> Bool {
        guard upkeep.areSumsKnown, requests.changeCount == 0,
            !configuration.canaries.contains(.movesEverything)
        else { return false }
        for sum in sums.all where layouts.isHolder(peer, of: sum.partition) { return false }
        return true
    }

    /// What the disk has of the partitions that `peer` holds in the newest layout.
    mutating func replyPartitions(
        _ answer: Answer, to peer: NodeID, _ request: UInt64, _ turn: inout Turn
    ) {
        guard case .replica(.partitions(let all)) = answer else { return }
        let held =
            configuration.canaries.contains(.movesEverything)
            ? all : all.filter { layouts.isHolder(peer, of: $0.partition) }
        let body = PeerReply.Body.partitions(held, declared: takeOver.declarations)
        turn.send(.reply(PeerReply(id: request, disk: disk, body: body)), to: peer)
    }

    /// Whether a request was certainly on its way for less than a second. By the wall clocks, where
    /// these are known to agree.
    private func isFresh(_ sentAt: UInt64, from peer: NodeID, _ turn: Turn) -> Bool {
        let limit = UInt64(ClusterLimits.freshness.milliseconds / 2)
        guard let offset = clock.offset(of: peer), offset.magnitude <= limit else { return false }
        let wall = turn.now.wallMilliseconds
        return max(wall, sentAt) - min(wall, sentAt) <= limit
    }

    /// The peer answered whether it still waits for what it forwarded.
    mutating func resumeForwarded(
        _ request: PeerRequest, from peer: NodeID, _ answer: Answer, _ turn: inout Turn
    ) {
        guard case .done = answer, case .forward(let body, let isRepeat, _) = request.body else {
            return
        }
        begin(body, for: .peer(peer, request: request.id), isRepeat: isRepeat, &turn)
    }

    mutating func serve(told request: ReplicaRequest, _ turn: inout Turn) {
        guard request.isForPeers, takesIn else {
            return
        }
        observe(request, turn)
        ask(self: weakened(request), .nothing, &turn)
    }

    /// The clock follows what peers stamped.
    private mutating func observe(_ request: ReplicaRequest, _ turn: Turn) {
        switch request.plain {
        case .prepare(_, let version, _), .commit(_, let version, _, _), .accept(_, _, let version):
            clock.observe(
                version.version.time, wallMilliseconds: turn.now.wallMilliseconds)
        default: break
        }
    }

    /// The request as it is, but for the rules that a test breaks.
    func weakened(_ request: ReplicaRequest) -> ReplicaRequest {
        guard configuration.canaries.contains(.ignoresContexts),
            case .merge(let partition, let registers, let entries, _, let origin) = request
        else { return request }
        return .merge(partition, registers, entries, theirs: PartitionContext(), origin)
    }
}
