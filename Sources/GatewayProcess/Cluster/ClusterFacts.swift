internal import IPC
internal import Peering

/// What the store says of itself, of the cluster and of its partitions, asked for at once.
final class ClusterFacts {
    /// Each is nil where the store did not answer.
    private(set) var store: StoreStatus?
    private(set) var cluster: ClusterStatus?
    private(set) var count: PartitionCounts.Count?
    /// Nil where this node has no peers.
    private(set) var peers: PeersSummary?
    /// What to tell a client that needs an answer, where there was none.
    private(set) var problem: Problem?

    private var openCount = 4
    private let completion: (ClusterFacts) -> Void

    private init(completion: @escaping (ClusterFacts) -> Void) { self.completion = completion }

    static func ask(_ context: LoopContext, completion: @escaping (ClusterFacts) -> Void) {
        let facts = ClusterFacts(completion: completion)
        let seconds = GatewayLimits.probeWaitSeconds
        context.link.call(.status, seconds: seconds) { reply in
            if case .status(let status) = reply { facts.store = status } else { facts.miss(reply) }
            facts.ended()
        }
        context.link.call(.clusterStatus, seconds: seconds) { reply in
            if case .cluster(let status) = reply {
                facts.cluster = status
            } else {
                facts.miss(reply)
            }
            facts.ended()
        }
        context.askPeers({ $0.summary() }) { summary in
            facts.peers = summary
            facts.ended()
        }
        context.partitionCounts.get { count in
            facts.count = count
            facts.ended()
        }
    }

    private func miss(_ reply: StoreReply) { problem = problem ?? StoreFailure.problem(reply) }

    private func ended() {
        openCount -= 1
        if openCount == 0 { completion(self) }
    }
}
