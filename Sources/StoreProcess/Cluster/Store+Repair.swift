internal import Cluster
internal import IPC
internal import Loop
internal import Model

// A pass of comparisons that an operator asks for, and waits for.
extension Store {
    func repair(_ request: RepairRequest, _ reply: @escaping Reply<RepairStatus>) {
        let reply = counted(reply)
        switch request {
        case .begin:
            guard !engine.isReadOnly else { return reply(.failure(.readOnly)) }
            let now = clusterNow
            guard let pass = cluster.node.repair(now) else {
                return reply(
                    .failure(
                        RemoteError(
                            .invalid, "this node holds nothing of the cluster",
                            hint:
                                "ask a node that stores files, when it has its place in the layout")
                    ))
            }
            armWake()
            reply(.success(RepairStatus(pass)))
        case .tell: reply(.success(repairStatus))
        case .untilDone:
            if repairStatus.isDone { return reply(.success(repairStatus)) }
            cluster.repairWaiters.append { reply(.success(self.repairStatus)) }
            armRepairTimer()
        }
    }

    private var repairStatus: RepairStatus {
        cluster.node.repairPass.map(RepairStatus.init)
            ?? RepairStatus(number: 0, isDone: true, peers: [])
    }

    /// Answers who waits for the end of the pass, once it is over.
    func checkRepair() {
        if !cluster.repairWaiters.isEmpty, repairStatus.isDone { answerRepair() }
    }

    private func armRepairTimer() {
        guard cluster.repairTimer == nil else { return }
        do {
            cluster.repairTimer = try loop.schedule(after: StoreLimits.repairWait) { [weak self] in
                self?.assumeIsolated { $0.answerRepair() }
            }
        } catch {
            Log.error("no timer for an answer", ["error": "\(error)"])
            answerRepair()
        }
    }

    private func answerRepair() {
        cluster.repairTimer?.cancel()
        cluster.repairTimer = nil
        let waiters = cluster.repairWaiters
        cluster.repairWaiters = []
        for answer in waiters { answer() }
    }
}

extension RepairStatus {
    fileprivate init(_ pass: RepairPass) {
        let peers = pass.peers.prefix(IPCLimits.clusterNodesMax).map { peer in
            let outcome: Outcome =
                switch peer.outcome {
                case .underWay: .underWay
                case .equal: .equal
                case .differs: .differs
                case .unreachable: .unreachable
                case .failed: .failed
                }
            return Peer(
                node: peer.node, outcome: outcome, comparisonCount: peer.comparisonCount,
                differingCount: peer.differingCount, movedByteCount: peer.movedByteCount)
        }
        self.init(number: pass.number, isDone: pass.isDone, peers: Array(peers))
    }
}
