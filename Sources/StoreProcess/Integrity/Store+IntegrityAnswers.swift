internal import Cluster
internal import IPC
internal import Loop
internal import Membership
internal import Model
internal import Transfer

// What people and other nodes are told of checks of contents.
extension Store {
    func integrity(_ request: IntegrityRequest, _ reply: @escaping Reply<IntegrityResponse>) {
        let reply = counted(reply)
        guard !engine.isReadOnly else { return reply(.failure(.readOnly)) }
        let begins = request.order == .begin
        if begins { beginPass() }
        func answer() {
            request.isOfCluster
                ? survey(begins: begins, reply)
                : reply(.success(IntegrityResponse(nodes: [ownAnswer])))
        }
        guard request.order == .untilDone, integrity.isRequested else { return answer() }
        integrity.endWaiters.append(answer)
        armEndTimer()
    }

    private var ownAnswer: IntegrityResponse.Node {
        var summary = integrity.told
        summary?.cut(to: IPCLimits.listingPageByteCountMax)
        return IntegrityResponse.Node(node: cluster.own, summary: summary)
    }

    // MARK: The end of a pass

    private func armEndTimer() {
        guard integrity.endTimer == nil else { return }
        do {
            integrity.endTimer = try loop.schedule(after: StoreLimits.repairWait) { [weak self] in
                self?.assumeIsolated { $0.answerEndWaiters() }
            }
        } catch {
            Log.error("no timer for an answer", ["error": "\(error)"])
            answerEndWaiters()
        }
    }

    /// Those who wait are told how it stands: at the end, or after some time.
    func answerEndWaiters() {
        integrity.endTimer?.cancel()
        integrity.endTimer = nil
        let waiters = integrity.endWaiters
        integrity.endWaiters = []
        for answer in waiters { answer() }
    }

    // MARK: All nodes

    private func survey(begins: Bool, _ reply: @escaping Reply<IntegrityResponse>) {
        guard integrity.surveys.count < StoreLimits.trashListingsMax else {
            return reply(.failure(.unavailable(.contended)))
        }
        let peers = cluster.node.peerViews.filter { !$0.isOwn && $0.isStoring }
            .prefix(IPCLimits.integrityNodesMax - 1)
        let asked = peers.filter(\.isThere).map(\.node)
        integrity.nextSurvey += 1
        let number = integrity.nextSurvey
        integrity.surveys[number] = IntegritySurvey(
            open: Set(asked), answers: [:],
            silent: peers.filter { $0.isMember && !$0.isThere }.map(\.node), reply: reply)
        guard !asked.isEmpty else { return endSurvey(number) }
        for node in asked {
            send(.word(.asksIntegrity(number: number, begins: begins)), to: node)
        }
        do {
            integrity.surveys[number]?.timer = try loop.schedule(
                after: StoreLimits.trashWait
            ) { [weak self] in
                self?.assumeIsolated { $0.endSurvey(number) }
            }
        } catch {
            Log.error("no timer for other nodes' answers", ["error": "\(error)"])
            endSurvey(number)
        }
    }

    func received(integrity word: StoreWord, from peer: NodeID) {
        switch word {
        case .asksIntegrity(let number, let begins):
            let view = cluster.node.peerViews.first { $0.node == peer }
            if begins, view?.isMember ?? false, !engine.isReadOnly { beginPass() }
            send(.word(.integrity(number: number, integrity.told)), to: peer)
        case .integrity(let number, let summary):
            guard integrity.surveys[number]?.open.remove(peer) != nil else { return }
            integrity.surveys[number]?.answers[peer] = summary
            if integrity.surveys[number]?.open.isEmpty ?? false { endSurvey(number) }
        case .suspects(let path, let digest):
            guard cluster.node.peerViews.contains(where: { $0.node == peer && $0.isMember }) else {
                return
            }
            suspectedHere(digest, at: path)
        default: preconditionFailure("another word")
        }
    }

    private func endSurvey(_ number: UInt64) {
        guard let survey = integrity.surveys.removeValue(forKey: number) else { return }
        survey.timer?.cancel()
        var nodes = [ownAnswer]
        nodes += survey.answers.keys.sorted().map {
            IntegrityResponse.Node(node: $0, summary: survey.answers[$0])
        }
        nodes += (survey.silent + survey.open).sorted().map {
            IntegrityResponse.Node(node: $0, summary: nil)
        }
        let room = IPCLimits.listingPageByteCountMax / nodes.count
        for index in nodes.indices { nodes[index].summary?.cut(to: room) }
        survey.reply(.success(IntegrityResponse(nodes: nodes)))
    }
}
