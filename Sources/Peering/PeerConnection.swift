internal import IPC
internal import Model

/// One TCP connection as the core knows it.
///
/// ```
///   dialer:    connecting ──opened──▶ greeting ──welcome──▶ current ──leave──▶ leaving ──▶ closed
///   acceptor:  awaitingHello ──hello, welcome──────────────▶ current
/// ```
struct PeerConnection: Sendable {
    enum State: Equatable, Sendable {
        case connecting
        /// The hello is sent.
        case greeting
        case awaitingHello
        /// The link of the two gateways.
        case current
        /// Both begin no new message here, and finish what is under way.
        case leaving
    }

    let id: ConnectionID
    let isDialed: Bool
    /// The other end's; of an accepted connection the port is an ephemeral one.
    let address: PeerAddress
    /// Whom the dialer looks for; nil for a seed.
    let expected: NodeID?
    let seed: Int?
    var state: State
    /// When the state was entered.
    var since: Duration
    /// Who is at the other end, once it said so.
    var node: NodeID?
    var life: GatewayLife?
    /// Of the links between the two gateways.
    var number: UInt64 = 0
    var lastReceived: Duration
    var lastSent: Duration
    /// When a message went or came last.
    var lastUsed: Duration
    /// Bytes written and not yet taken by the kernel.
    var unwritten = 0
    var incoming = PartSequence()
    /// The other side begins no new message here.
    var gotLeave = false

    /// What went wrong with it, for people.
    func problem(_ reason: String) -> String {
        "\(address.host) port \(address.port): \(reason)"
    }

    mutating func enter(_ state: State, now: Duration) {
        self.state = state
        since = now
    }
}

/// One other node as the links know it.
struct PeerState: Sendable {
    var queue = PeerQueue()
    /// A connection that is being made to it.
    var dial: ConnectionID?
    var link: ConnectionID?
    /// A connection that is left, over which the rest of a message has to go before anything else.
    var finishing: ConnectionID?
    /// The number of the last link with the gateway of this life.
    var linksSeen: UInt64 = 0
    var seenLife: UInt64?
    /// Addresses that failed in this round.
    var tried: Set<PeerAddress> = []
    var backOffStep = 0
    var retryAt: Duration?
    var dropped: UInt64 = 0
    /// Whether people were told that messages are dropped; until the next link.
    var saidDropping = false
    var lastUsed: Duration = .zero
    var problem: String?

    func seen(by life: UInt64) -> UInt64 { seenLife == life ? linksSeen : 0 }
}
