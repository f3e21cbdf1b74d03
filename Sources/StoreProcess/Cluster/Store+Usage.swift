internal import Cluster
internal import IPC
internal import Loop
internal import Membership
internal import Model
internal import Transfer

// What nodes' disks hold: asked of them when somebody wants to know, since nobody else needs it.
extension Store {
    func nodeUsage(_ reply: @escaping Reply<NodeUsageList>) {
        let reply = counted(reply)
        let now = loop.now
        let asked = cluster.node.peerViews.filter { !$0.isOwn && $0.isThere }.map(\.node)
        for node in cluster.usage.due(of: asked, now: now) { send(.word(.asksUsage), to: node) }
        ownUsage { own in
            let answer = { reply(own.map(self.usageList)) }
            if self.cluster.usage.isComplete { return answer() }
            self.cluster.usage.waiting.append(answer)
            self.armUsageTimer()
        }
    }

    private func usageList(_ own: NodeUsageList.Disk) -> NodeUsageList {
        let (now, wall) = (loop.now, WallClock.now.nanoseconds)
        let entries = cluster.node.peerViews.prefix(IPCLimits.clusterNodesMax).map { view in
            if view.isOwn {
                return NodeUsageList.Entry(
                    node: view.node, disk: own, lastHeard: Timestamp(nanoseconds: wall))
            }
            let heard = cluster.usage.lastHeard(of: view.node).map { at in
                Timestamp(nanoseconds: wall - (now - at).nanoseconds)
            }
            // What a node said before it died says nothing of what it has now.
            let disk = view.isThere ? cluster.usage.disk(of: view.node) : nil
            return NodeUsageList.Entry(node: view.node, disk: disk, lastHeard: heard)
        }
        return NodeUsageList(entries: Array(entries))
    }

    private func ownUsage(
        _ done: @escaping (Result<NodeUsageList.Disk, RemoteError>) -> Void
    ) {
        if let own = cluster.usage.own, loop.now - own.at < StoreLimits.ownUsageAge {
            return done(.success(own.disk))
        }
        askDisk(.sums) { answer in
            switch answer {
            case .success(.sums(let sums, let free)):
                let disk = NodeUsageList.Disk(
                    storedByteCount: sums.byteCount, freeByteCount: free)
                self.cluster.usage.own = (disk, self.loop.now)
                done(.success(disk))
            case .failure(let error): done(.failure(error))
            default: preconditionFailure("a finding for another request")
            }
        }
    }

    // MARK: Peers

    func received(_ word: StoreWord, from peer: NodeID) {
        switch word {
        case .asksUsage:
            ownUsage { own in
                guard case .success(let disk) = own else { return }
                self.send(
                    .word(.usage(stored: disk.storedByteCount, free: disk.freeByteCount)), to: peer)
            }
        case .usage(let stored, let free):
            let disk = NodeUsageList.Disk(storedByteCount: stored, freeByteCount: free)
            if cluster.usage.answered(peer, disk) { answerUsage() }
        case .asksTrash, .trash: received(trash: word, from: peer)
        case .asksIntegrity, .integrity, .suspects: received(integrity: word, from: peer)
        case .asksQuotas, .quotas: received(quotas: word, from: peer)
        case .asksRestart, .restarts, .refusesRestart: receivedRestart(word, from: peer)
        }
    }

    private func armUsageTimer() {
        guard cluster.usage.timer == nil else { return }
        do {
            cluster.usage.timer = try loop.schedule(after: StoreLimits.usageWait) { [weak self] in
                self?.assumeIsolated { store in
                    store.cluster.usage.giveUp()
                    store.answerUsage()
                }
            }
        } catch {
            Log.error("no timer for other nodes' answers", ["error": "\(error)"])
            cluster.usage.giveUp()
            answerUsage()
        }
    }

    private func answerUsage() {
        cluster.usage.timer?.cancel()
        cluster.usage.timer = nil
        for answer in cluster.usage.takeWaiting() { answer() }
    }
}

extension Duration {
    var nanoseconds: Int64 {
        components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
    }
}
