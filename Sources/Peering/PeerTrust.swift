internal import IPC
internal import Model

/// Whom this gateway believes, where there is a cluster key: that a datagram's sender has the key, and
/// says it now.
///
/// Clocks are in nobody's hand here, so freshness rests on two things. A life of a gateway is believed
/// for the first time, and at each of its addresses, when it answers a number that this gateway made
/// up; from then on its counter has to ascend.
///
/// ```
///   unknown life or place ──challenge(n)──▶ it ──answer(n)──▶ believed ──higher counter──▶ heard
///                                                                └──other counters: a recording
/// ```
struct PeerTrust: Sendable {
    /// What is believed of one node.
    struct Sender: Sendable {
        var life: GatewayLife
        /// Where it answered, and the highest counter that came from there: what is broadcast comes from
        /// each address of the machine with one counter.
        var places: [PeerAddress: UInt64]
        /// Of all that was believed.
        var highest: UInt64
        var membership: CounterWindow
        var lastHeard: Duration
    }

    /// A number that was sent and may be answered.
    private struct Challenge {
        /// Who was asked; nil: everybody.
        var place: PeerAddress?
        var at: Duration
    }

    enum Standing: Equatable {
        /// It says so now.
        case fresh
        /// It was heard before.
        case replayed
        /// It has the key; whether it is a recording is not known.
        case unproven
    }

    let authenticator: PeerAuthenticator
    private(set) var senders: [NodeID: Sender] = [:]
    private var challenges: [UInt64: Challenge] = [:]
    private var challengeLimit = RateLimit(
        interval: PeeringLimits.challengeInterval, perSecond: PeeringLimits.challengesPerSecond)
    private var proofLimit = RateLimit(
        interval: PeeringLimits.proofInterval, perSecond: PeeringLimits.proofsPerSecond)
    private var counter: UInt64 = 0
    private let life: UInt64

    /// - Parameter life: the number of this gateway's own life.
    init(_ authenticator: PeerAuthenticator, life: UInt64) {
        self.authenticator = authenticator
        self.life = life
    }

    // MARK: Speaking

    mutating func seal(
        _ datagram: Datagram, answers: UInt64 = 0, asks: UInt64 = 0
    ) -> [UInt8] {
        counter += 1
        let seal = DatagramSeal(
            keyID: authenticator.keyID, answers: answers, asks: asks, counter: counter)
        return datagram.sealed(seal, with: authenticator)
    }

    /// A number that only an answer to it can bring. - Parameter place: nil: everybody may answer.
    mutating func makeChallenge(for place: PeerAddress?, now: Duration) -> UInt64 {
        forgetOldChallenges(now: now)
        // Unlike any other of this life and of all others: of the life's number and the counter.
        counter += 1
        var writer = ByteWriter()
        writer.write(life)
        writer.write(counter)
        let code = authenticator.code(writer.bytes, .nonce)
        // 0 means that nothing is asked.
        let number = max(1, code.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
        challenges[number] = Challenge(place: place, at: now)
        return number
    }

    private mutating func forgetOldChallenges(now: Duration) {
        guard challenges.count >= PeeringLimits.challengesMax else { return }
        challenges = challenges.filter { now - $0.value.at <= PeeringLimits.challengeAge }
        guard challenges.count >= PeeringLimits.challengesMax,
            let oldest = challenges.min(by: { ($0.value.at, $0.key) < ($1.value.at, $1.key) })
        else { return }
        challenges[oldest.key] = nil
    }

    mutating func mayChallenge(_ place: PeerAddress, now: Duration) -> Bool {
        challengeLimit.admits(place, now: now)
    }

    mutating func mayProve(to place: PeerAddress, now: Duration) -> Bool {
        proofLimit.admits(place, now: now)
    }

    // MARK: Hearing

    /// Where messages of the node's present life may be answered to.
    func isBelieved(_ node: NodeID, at place: PeerAddress) -> Bool {
        senders[node]?.places[place] != nil
    }

    func isBelieved(_ identity: GatewayIdentity, at place: PeerAddress) -> Bool {
        senders[identity.node]?.life == identity.life && isBelieved(identity.node, at: place)
    }

    /// The number that messages for the node have to answer; nil where its life is not believed yet.
    func lifeNumber(of node: NodeID) -> UInt64? { senders[node]?.life.number }

    /// Judges what a node says of itself, by no answer to anything.
    mutating func judge(
        _ identity: GatewayIdentity, at place: PeerAddress, counter: UInt64, now: Duration
    ) -> Standing {
        guard let sender = senders[identity.node] else { return .unproven }
        guard sender.life == identity.life else {
            return PeerTrust.isReplaced(identity.life, by: sender.life) ? .replayed : .unproven
        }
        guard let last = sender.places[place] else {
            // From elsewhere it is news only if it is no older than what is known.
            return counter >= sender.highest ? .unproven : .replayed
        }
        guard counter > last else { return .replayed }
        heard(identity.node, at: place, counter: counter, now: now)
        return .fresh
    }

    /// Of the gateways of one supervisor the older one has nothing to say any more.
    private static func isReplaced(_ life: GatewayLife, by known: GatewayLife) -> Bool {
        known.started == life.started && known.isNewer(than: life)
    }

    private mutating func heard(
        _ node: NodeID, at place: PeerAddress, counter: UInt64, now: Duration
    ) {
        guard let before = senders[node]?.highest else { return }
        senders[node]?.places[place] = counter
        senders[node]?.highest = max(before, counter)
        senders[node]?.lastHeard = now
    }

    /// Judges an answer. A number that one address was asked is good for one answer, from there.
    mutating func judgeAnswer(
        _ seal: DatagramSeal, of identity: GatewayIdentity, at place: PeerAddress, now: Duration
    ) -> Standing {
        guard let challenge = challenges[seal.answers],
            now - challenge.at <= PeeringLimits.challengeAge,
            challenge.place == nil || challenge.place == place
        else { return .replayed }
        if let sender = senders[identity.node] {
            if PeerTrust.isReplaced(identity.life, by: sender.life) { return .replayed }
            if sender.life == identity.life {
                if let last = sender.places[place] {
                    guard seal.counter > last else { return .replayed }
                } else if challenge.place == nil, seal.counter <= sender.highest {
                    // Everybody was asked, and this answer was heard from elsewhere.
                    return .unproven
                }
            }
        }
        if challenge.place != nil { challenges[seal.answers] = nil }
        believe(identity, at: place, counter: seal.counter, now: now)
        return .fresh
    }

    private mutating func believe(
        _ identity: GatewayIdentity, at place: PeerAddress, counter: UInt64, now: Duration
    ) {
        let node = identity.node
        if senders[node]?.life != identity.life {
            makeRoom(for: node)
            // What it sent before the answer came before, or is lost.
            senders[node] = Sender(
                life: identity.life, places: [:], highest: counter,
                membership: CounterWindow(above: counter), lastHeard: now)
        }
        heard(node, at: place, counter: counter, now: now)
        guard let places = senders[node]?.places, places.count > PeeringLimits.addressesMax,
            let oldest = places.filter({ $0.key != place }).min(by: { $0.value < $1.value })
        else { return }
        senders[node]?.places[oldest.key] = nil
    }

    /// Whoever is forgotten has to prove itself anew, and nothing that it said before counts then.
    private mutating func makeRoom(for node: NodeID) {
        guard senders[node] == nil, senders.count >= PeeringLimits.nodesMax,
            let oldest = senders.min(by: {
                ($0.value.lastHeard, $0.key) < ($1.value.lastHeard, $1.key)
            })
        else { return }
        senders[oldest.key] = nil
    }

    /// Judges a membership message, which names both lives: it is no recording of another life of either,
    /// and the window tells the rest.
    mutating func judge(
        _ message: MembershipDatagram, _ seal: DatagramSeal, now: Duration
    ) -> Standing {
        guard seal.answers == life, lifeNumber(of: message.sender) == seal.asks else {
            return .unproven
        }
        guard senders[message.sender]?.membership.admits(seal.counter) == true else {
            return .replayed
        }
        senders[message.sender]?.lastHeard = now
        return .fresh
    }
}
