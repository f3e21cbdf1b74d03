internal import IPC
internal import Model

/// Who is in the neighbourhood: when to announce and to ask, whom to answer, and who is news.
struct Discovery: Sendable {
    /// A node of this cluster that was heard.
    struct Neighbour: Sendable {
        var life: GatewayLife
        var address: PeerAddress
        var lastHeard: Duration
    }

    private(set) var neighbours: [NodeID: Neighbour] = [:]
    private var startedAt: Duration?
    private var solicitsDone = 0
    private var nextAnnounce: Duration?
    private var answers = RateLimit(
        interval: PeeringLimits.answerInterval, perSecond: PeeringLimits.answersPerSecond)

    /// Whether questions of the start are still to be asked.
    var isStarting: Bool {
        startedAt != nil && solicitsDone < PeeringLimits.solicitTimes.count
    }

    // MARK: Speaking

    mutating func start(now: Duration) { startedAt = now }

    /// What is due. - Returns: a datagram for everybody.
    mutating func timePassed(_ context: inout PeerContext, now: Duration) -> Datagram? {
        guard let startedAt else { return nil }
        let times = PeeringLimits.solicitTimes
        if solicitsDone < times.count, now - startedAt >= times[solicitsDone] {
            solicitsDone += 1
            nextAnnounce = now + context.jittered(PeeringLimits.announceInterval)
            return .solicit(context.own)
        }
        if let due = nextAnnounce, now >= due {
            nextAnnounce = now + context.jittered(PeeringLimits.announceInterval)
            return .announce(context.own)
        }
        return nil
    }

    /// Whether to answer who asks from `address`. Also asked of a node that is met already: it may have
    /// started again.
    mutating func mayAnswer(_ address: PeerAddress, now: Duration) -> Bool {
        answers.admits(address, now: now)
    }

    // MARK: Hearing

    /// A node of this cluster said that it is there.
    /// - Parameter isNewPlace: the address was not known. A machine in several networks is heard at each
    ///   of its addresses, in turn.
    /// - Returns: whether that is news.
    mutating func heard(
        _ identity: GatewayIdentity, at address: PeerAddress, isNewPlace: Bool, now: Duration
    ) -> Bool {
        let node = identity.node
        guard let known = neighbours[node] else {
            makeRoom()
            neighbours[node] = Neighbour(life: identity.life, address: address, lastHeard: now)
            return true
        }
        // Of a gateway that is being replaced the older one may still speak.
        if known.life.isNewer(than: identity.life), known.life.started == identity.life.started {
            return false
        }
        let isNews =
            known.life != identity.life || isNewPlace
            || now - known.lastHeard > PeeringLimits.neighbourSilence
        neighbours[node] = Neighbour(life: identity.life, address: address, lastHeard: now)
        return isNews
    }

    private mutating func makeRoom() {
        guard neighbours.count >= PeeringLimits.nodesMax,
            let oldest = neighbours.min(by: {
                ($0.value.lastHeard, $0.key) < ($1.value.lastHeard, $1.key)
            })
        else { return }
        neighbours[oldest.key] = nil
    }

    /// The nodes that were heard lately, in order.
    func present(now: Duration) -> [NodeID] {
        neighbours.filter { now - $0.value.lastHeard <= PeeringLimits.neighbourSilence * 2 }
            .keys.sorted()
    }
}
