import Model

/// One suspected peer: how long it has to refute shrinks with each further node that misses it
/// (Lifeguard, section 4.2).
struct Suspicion: Sendable {
    let index: Int
    let started: Duration
    let shortest: Duration
    let longest: Duration
    private(set) var witnesses: [NodeID]

    init(index: Int, witness: NodeID, now: Duration, shortest: Duration) {
        self.index = index
        started = now
        self.shortest = shortest
        longest = shortest * MembershipLimits.suspicionFactor
        witnesses = [witness]
    }

    /// - Returns: whether the witness is new.
    mutating func confirm(by witness: NodeID) -> Bool {
        guard witnesses.count <= MembershipLimits.confirmationsCount,
            !witnesses.contains(witness)
        else { return false }
        witnesses.append(witness)
        return true
    }

    /// longest − (longest − shortest) · log(c + 1) / log(k + 1), c confirmations of k.
    var deadline: Duration {
        let confirmations = witnesses.count - 1
        let share = Suspicion.shares[min(confirmations, MembershipLimits.confirmationsCount)]
        return started + longest - (longest - shortest) * share / 1000
    }

    /// log(c + 1) / log(4) in thousandths, for c = 0…3.
    private static let shares = [0, 500, 792, 1000]
}
