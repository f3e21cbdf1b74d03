internal import IPC
internal import Model
internal import NIOCore
internal import Peering

/// What the supervisor says of a restart.
typealias RestartDone = (Result<Void, RemoteError>) -> Void

/// What the requests of one event loop share. Touched on that loop alone.
final class LoopContext {
    let eventLoop: any EventLoop
    let settings: GatewaySettings
    let link: StoreLink
    let background: any BackgroundWork
    let partitionCounts: PartitionCounts
    /// Fetches contents of other nodes; nil where there are none.
    var dialer: BulkDialer?
    let events: EventHub
    /// All loops' together.
    var verified = VerifiedFiles()
    var unverified = UnverifiedBytes()
    private var dates = DateCache()
    private var generator: SplitMix64

    var connections: [ObjectIdentifier: Connection] = [:]
    /// Requests answered in this life.
    var answeredCount: UInt64 = 0
    /// What the supervisor said last of the node.
    var node: NodeStatus? {
        didSet { events.workersChanged(node?.workers ?? []) }
    }
    /// Asks the supervisor for a restart of a worker; `done` runs on this loop. Nil before the gateway
    /// serves.
    var restart: ((_ worker: String, _ done: @escaping RestartDone) -> Void)?
    /// The peers' part of the gateway, on its own loop; nil where there is none, or not yet.
    var peers: NIOLoopBound<PeerService>?
    private(set) var isDraining = false
    private var whenEmpty: (() -> Void)?

    init(
        eventLoop: any EventLoop, settings: GatewaySettings, link: StoreLink,
        background: any BackgroundWork, generator: SplitMix64
    ) {
        self.eventLoop = eventLoop
        self.settings = settings
        self.link = link
        self.background = background
        partitionCounts = PartitionCounts(loop: eventLoop, link: link)
        var generator = generator
        events = EventHub(
            loop: eventLoop, link: link, prefix: String(generator.next(), radix: 36))
        self.generator = generator
    }

    /// The value of the Date field.
    func dateText() -> [UInt8] { dates.text(at: WallClock.now()) }

    /// The year that dates with two digits of it are read by.
    var presentYear: Int { CivilTime(unixSeconds: WallClock.now().seconds).year }

    func makeOperationID() -> OperationID {
        let milliseconds = UInt64(max(0, WallClock.now().nanoseconds / 1_000_000))
        return OperationID(wallMilliseconds: milliseconds, using: &generator)
    }

    /// What names a lock: nobody who takes one may meet another's.
    func makeLockToken() -> LockToken { LockToken(bits: Bits128(using: &generator)) }

    /// Asks what the gateway knows of other nodes. `completion` runs on this loop, with nil where there is
    /// no peers' part.
    func askPeers<Value: Sendable>(
        _ question: @escaping @Sendable (PeerService) -> Value,
        completion: @escaping (Value?) -> Void
    ) {
        guard let peers else { return completion(nil) }
        peers.eventLoop.submit { question(peers.value) }.hop(to: eventLoop).assumeIsolated()
            .whenComplete { result in
                switch result {
                case .success(let value): completion(value)
                case .failure: completion(nil)
                }
            }
    }

    // MARK: Draining

    /// Lets open requests finish; `done` runs once, when no connection is left.
    func drain(done: @escaping () -> Void) {
        isDraining = true
        whenEmpty = done
        events.end()
        for connection in connections.values { connection.drain() }
        connectionEnded()
    }

    /// Ends what is still open.
    func cut() {
        for connection in connections.values { connection.cut() }
    }

    func connectionEnded() {
        guard connections.isEmpty, let done = whenEmpty else { return }
        whenEmpty = nil
        done()
    }
}
