internal import Cluster
internal import IPC
internal import Loop
internal import Membership
internal import Model
internal import Transfer

// An operator restarts the workers of all nodes; and others' operators ask this node to take part.
extension Store {
    // MARK: The one that was asked

    func restartCluster(_ reply: @escaping Reply<RestartPlan>) {
        let reply = counted(reply)
        guard cluster.rolling == nil else {
            return reply(
                .failure(
                    RemoteError(
                        .unavailable, "a restart of the cluster is under way from this node",
                        hint: "see clusterfctl peers")))
        }
        guard askSupervisor != nil else {
            return reply(.failure(RemoteError(.unavailable, "the supervisor takes no request")))
        }
        let others = cluster.node.peerViews.filter { isMember($0) && !$0.isOwn }
            .map(\.node).prefix(IPCLimits.clusterNodesMax - 1)
        guard let own = cluster.node.peerViews.first(where: \.isOwn)?.node else {
            return reply(.failure(.unavailable(.notReady)))
        }
        cluster.rolling = RollingRestart(Array(others))
        reply(.success(RestartPlan(nodes: others + [own])))
        restartNext()
    }

    private func restartNext() {
        cluster.rolling?.timer?.cancel()
        guard let node = cluster.rolling?.next() else {
            cluster.rolling = nil
            return restartOwn { error in
                if let error {
                    Log.warning("this node is not restarted", ["why": error.message])
                }
            }
        }
        guard cluster.node.peerViews.contains(where: { $0.node == node && isMember($0) }) else {
            return restartNext()
        }
        Log.notice("a node is asked to restart its workers", ["node": node.name])
        send(.word(.asksRestart), to: node)
        wait(
            StoreLimits.restartAnswerMax, for: node,
            "does not answer: it may be of an older version")
    }

    /// Goes on to the next node when the time is over.
    private func wait(_ time: Duration, for node: NodeID, _ what: String) {
        cluster.rolling?.timer?.cancel()
        do {
            cluster.rolling?.timer = try loop.schedule(after: time) { [weak self] in
                self?.assumeIsolated { store in
                    guard store.cluster.rolling?.node == node else { return }
                    Log.warning("a node \(what)", ["node": node.name])
                    store.restartNext()
                }
            }
        } catch {
            Log.error("no timer: the restart of the cluster ends here", ["error": "\(error)"])
            cluster.rolling = nil
        }
    }

    /// What the brain says of a node that may be the one that is waited for.
    func rollingHeard(of node: NodeID, isRestarting: Bool) {
        if cluster.rolling?.heard(of: node, isRestarting: isRestarting) == true { restartNext() }
    }

    // MARK: Those that are asked

    func receivedRestart(_ word: StoreWord, from peer: NodeID) {
        switch word {
        case .asksRestart: restartAsked(by: peer)
        case .restarts:
            guard cluster.rolling?.accepted(by: peer) == true else { return }
            wait(StoreLimits.restartNodeMax, for: peer, "takes long to restart")
        case .refusesRestart:
            guard cluster.rolling?.refused(by: peer) == true else { return }
            Log.warning("a node refuses to restart", ["node": peer.name])
            restartNext()
        case .asksUsage, .usage, .asksTrash, .trash, .asksIntegrity, .integrity, .suspects,
            .asksQuotas, .quotas:
            break
        }
    }

    private func restartAsked(by peer: NodeID) {
        let view = cluster.node.peerViews.first { $0.node == peer }
        guard cluster.node.cluster != nil, let view, isMember(view), cluster.rolling == nil else {
            Log.warning(
                "a restart is refused: who orders it is no node of this cluster, or this node restarts "
                    + "others itself", ["node": peer.name])
            return send(.word(.refusesRestart), to: peer)
        }
        Log.notice("a node of the cluster orders a restart", ["node": peer.name])
        send(.word(.restarts), to: peer)
        restartOwn { error in
            guard let error else { return }
            Log.warning("the restart is refused", ["why": error.message])
            self.send(.word(.refusesRestart), to: peer)
        }
    }

    /// A node that said of itself what it is, in this cluster, and lives.
    private func isMember(_ view: PeerView) -> Bool {
        (view.state == .alive || view.state == .suspect) && view.facts != nil
    }

    private func restartOwn(_ done: @escaping (RemoteError?) -> Void) {
        guard let askSupervisor else {
            return done(RemoteError(.unavailable, "the supervisor takes no request"))
        }
        askSupervisor(RestartRequest(worker: RestartRequest.allWorkers), done)
    }
}
