internal import IPC
internal import Model

/// What the parts of the core share while an event is handled.
struct PeerContext: Sendable {
    let own: GatewayIdentity
    /// Nil without a cluster key.
    var trust: PeerTrust?
    var book = AddressBook()
    var journal = PeerJournal()
    var generator: SplitMix64
    var directives: [PeerDirective] = []

    init(own: GatewayIdentity, authenticator: PeerAuthenticator?, seed: UInt64) {
        self.own = own
        trust = authenticator.map { PeerTrust($0, life: own.life.number) }
        generator = SplitMix64(seed: seed)
    }

    /// Without a cluster key: peers from networks of people alone.
    var isOpenNetwork: Bool { trust == nil }

    mutating func say(_ level: PeerNotice.Level, _ text: String) {
        directives.append(.say(PeerNotice(level, text)))
    }

    /// Remembers what a person may have to settle, and says it once.
    mutating func note(
        _ sentence: String, node: NodeID? = nil, address: PeerAddress? = nil, now: Duration
    ) {
        if journal.note(sentence, node: node, address: address, now: now) {
            let place = address.map { " (\($0.host) port \($0.port))" } ?? ""
            say(.warning, sentence + place)
        }
    }

    /// A node of this cluster's name does not fit for its key; said once for each host.
    mutating func note(
        _ problem: KeyProblem, node: NodeID?, at address: PeerAddress, now: Duration
    ) {
        if journal.note(problem, node: node, at: address, now: now) {
            say(.warning, problem.sentence(node: node, host: address.host))
        }
    }

    /// Whether an address may be talked with.
    func admits(_ address: PeerAddress) -> Bool {
        !isOpenNetwork || AddressRange.isPrivate(address.host)
    }

    mutating func jittered(_ wait: Duration) -> Duration {
        let milliseconds = wait.milliseconds
        let part = milliseconds / PeeringLimits.jitterDivisor
        return wait + .milliseconds(Int64.random(in: 0...max(0, part), using: &generator))
    }
}

extension Duration {
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}
