import Model

/// One suspected peer: how long it has to refute shrinks with each further node that misses it
/// (Lifeguard, section 4.2).
struct Suspicion: Sendable {
    let index: Int
    private var started: Duration
    let shortest: Duration
    let longest: Duration
    /// Others that could confirm, at most as many as make it the shortest.
    let confirmationsMax: Int
    private(set) var witnesses: [NodeID]
    private(set) var deadline: Duration

    /// - Parameter othersCount: how many others, but for the suspected node and one witness, could
    ///   confirm. With none nothing is to be waited for: twice the shortest, for want of helpers.
    init(index: Int, witness: NodeID, now: Duration, shortest: Duration, othersCount: Int) {
        self.index = index
        started = now
        self.shortest = shortest
        longest = shortest * (othersCount > 0 ? MembershipLimits.suspicionFactor : 2)
        confirmationsMax = min(max(0, othersCount), MembershipLimits.confirmationsCount)
        witnesses = [witness]
        deadline = now + longest
    }

    /// - Returns: whether the witness is new.
    mutating func confirm(by witness: NodeID) -> Bool {
        guard witnesses.count <= confirmationsMax, !witnesses.contains(witness) else {
            return false
        }
        witnesses.append(witness)
        let share = Suspicion.share(witnesses.count - 1, of: confirmationsMax)
        deadline = started + longest - (longest - shortest) * share / 1000
        return true
    }

    /// Others have given it up: no further confirmation is to be waited for.
    mutating func conclude(now: Duration) { deadline = max(now, min(deadline, started + shortest)) }

    /// This node did not run for `time`: neither its probes nor refutations came to it.
    mutating func postpone(by time: Duration) {
        started += time
        deadline += time
    }

    /// log(c + 1) / log(k + 1) in thousandths, for c of k confirmations (Lifeguard, section 4.2).
    private static func share(_ confirmations: Int, of all: Int) -> Int {
        switch (confirmations, all) {
        case (1, 2): 631
        case (1, 3): 500
        case (2, 3): 792
        default: confirmations < all ? 0 : 1000
        }
    }
}
