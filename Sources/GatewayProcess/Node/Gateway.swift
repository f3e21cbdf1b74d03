internal import Glibc
internal import IPC
internal import Model
internal import NIOCore
internal import NIOPosix
internal import Posix

/// The gateway as a whole: what the control link asks is done here, on the control loop.
///
/// ```
///   main ──▶ control loop: ControlLink ──▶ Gateway ──▶ one LoopContext a serving loop
///                                                       (StoreLink, connections)
/// ```
/// The control loop serves no requests, so the supervisor is answered whatever the load; its
/// progress question is passed through every serving loop, so that a hung one is noticed.
final class Gateway: ControlDelegate {
    private let control: any EventLoop
    private let generation: UInt64
    private var listeners: [DescriptorBox]
    private var contexts: [NIOLoopBound<LoopContext>] = []
    private var server: HTTPServer?
    private let peerSockets: PeerService.Sockets
    private var peers: NIOLoopBound<PeerService>?
    private var node: NodeStatus?
    private var isConfigured = false
    private var isDraining = false
    private var peersDrained: EventLoopPromise<Void>?
    /// What leads to the supervisor.
    weak var link: ControlLink?

    init(
        control: any EventLoop, generation: UInt64, listeners: [DescriptorBox],
        peerSockets: PeerService.Sockets
    ) {
        self.control = control
        self.generation = generation
        self.listeners = listeners
        self.peerSockets = peerSockets
    }

    // MARK: Starting

    func configure(_ settings: Settings, ready: @escaping () -> Void) throws(SettingsFault) {
        guard !isConfigured else { return }
        let coreCount = System.coreCount
        let settings = try GatewaySettings(settings, coreCount: coreCount)
        isConfigured = true
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: settings.eventLoopCount)
        let pool = NIOThreadPool(numberOfThreads: GatewayLimits.poolThreadCount)
        pool.start()
        // The one source of chance in this process: operation ids must differ from those of every
        // other life of every gateway.
        var source = SystemRandomNumberGenerator()
        let generation = generation
        let (verified, unverified) = (VerifiedFiles(), UnverifiedBytes())
        let made = loops.makeIterator().map { loop in
            let seed = source.next()
            return loop.submit {
                let context = Gateway.makeContext(
                    loop, settings, pool, generation: generation, seed: seed)
                context.value.verified = verified
                context.value.unverified = unverified
                return context
            }
        }
        EventLoopFuture.whenAllSucceed(made, on: control).assumeIsolated()
            .whenComplete { [self] result in
                switch result {
                case .success(let contexts):
                    startPeers(settings, pool, contexts, seed: source.next()) { [self] in
                        listen(contexts, loops, settings, ready)
                    }
                case .failure(let error): controlEnded("the loops did not start: \(error)")
                }
            }
    }

    private static func makeContext(
        _ loop: any EventLoop, _ settings: GatewaySettings, _ pool: NIOThreadPool,
        generation: UInt64, seed: UInt64
    ) -> NIOLoopBound<LoopContext> {
        var generator = SplitMix64(seed: seed)
        let link = StoreLink(
            loop: loop, generation: generation,
            connector: SocketConnector(loop: loop, settings: settings),
            generator: SplitMix64(seed: generator.next()))
        let context = LoopContext(
            eventLoop: loop, settings: settings, link: link,
            background: PoolWork(pool: pool, loop: loop), generator: generator)
        link.start()
        return NIOLoopBound(context, eventLoop: loop)
    }

    /// The peers' loop, beside those that serve clients.
    private func startPeers(
        _ settings: GatewaySettings, _ pool: NIOThreadPool,
        _ contexts: [NIOLoopBound<LoopContext>], seed: UInt64,
        then next: @escaping () -> Void
    ) {
        guard let peerSettings = settings.peers else { return next() }
        let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
        let generation = generation
        let sockets = peerSockets
        let path = settings.storeSocket
        loop.flatSubmit { () -> EventLoopFuture<NIOLoopBound<PeerService>> in
            do {
                let service = try PeerService(
                    loop: loop, settings: peerSettings, generation: generation, seed: seed,
                    pool: pool, connector: PeerSocketConnector(path: path), sockets: sockets)
                let bound = NIOLoopBound(service, eventLoop: loop)
                let link = StoreLink(
                    loop: loop, generation: generation,
                    connector: SocketConnector(loop: loop, settings: settings),
                    generator: SplitMix64(seed: seed &+ 1))
                link.start()
                service.carryContents(link, PoolWork(pool: pool, loop: loop))
                return service.start(sockets).map { bound }
            } catch {
                return loop.makeFailedFuture(error)
            }
        }
        .hop(to: control).assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let service):
                peers = service
                for bound in contexts {
                    bound.eventLoop.execute {
                        bound.value.peers = service
                        bound.value.dialer = BulkDialer(
                            loop: bound.eventLoop, directory: PeerDirectory(service))
                    }
                }
                next()
            case .failure(let error):
                failPermanently("a socket for peers cannot be used: \(error)")
            }
        }
    }

    private func listen(
        _ contexts: [NIOLoopBound<LoopContext>], _ loops: MultiThreadedEventLoopGroup,
        _ settings: GatewaySettings, _ ready: @escaping () -> Void
    ) {
        self.contexts = contexts
        connectOrders()
        let server = HTTPServer(loops: loops, contexts: contexts, settings: settings)
        self.server = server
        var opening: [EventLoopFuture<any Channel>] = []
        for box in listeners {
            if let listener = box.take() {
                opening.append(server.listen(on: listener, control: control))
            }
        }
        listeners = []
        EventLoopFuture.whenAllSucceed(opening, on: control).assumeIsolated()
            .whenComplete { [self] result in
                switch result {
                case .success(let channels):
                    for channel in channels { server.opened(channel) }
                    Log.write(
                        .info, "serving",
                        ["listeners": "\(channels.count)", "loops": "\(contexts.count)"])
                    ready()
                case .failure(let error):
                    failPermanently("a listening socket cannot be used: \(error)")
                }
            }
    }

    // MARK: While it serves

    func progress(answer: @escaping (ProgressReport) -> Void) {
        var counts = contexts.map { bound in
            bound.eventLoop.submit {
                let context = bound.value
                return (queued: context.link.queuedCount, finished: context.answeredCount)
            }
        }
        // What peers do is nobody's request, but a hung loop is noticed here, too.
        if let peers { counts.append(peers.eventLoop.submit { (queued: 0, finished: UInt64(0)) }) }
        EventLoopFuture.whenAllSucceed(counts, on: control).assumeIsolated()
            .whenSuccess { counts in
                answer(
                    ProgressReport(
                        queued: UInt32(clamping: counts.reduce(0) { $0 + $1.queued }),
                        finished: counts.reduce(0) { $0 + $1.finished }, syncMilliseconds: 0))
            }
    }

    func workersChanged(_ status: NodeStatus) {
        node = status
        for bound in contexts { bound.eventLoop.execute { bound.value.node = status } }
    }

    /// Lets the serving loops ask the supervisor, whose link is on the control loop.
    private func connectOrders() {
        let gateway = NIOLoopBound(self, eventLoop: control)
        for bound in contexts {
            let (loop, control) = (bound.eventLoop, control)
            loop.execute {
                bound.value.restart = { worker, done in
                    let done = NIOLoopBound(done, eventLoop: loop)
                    control.execute {
                        gateway.value.restart(worker) { result in
                            loop.execute { done.value(result) }
                        }
                    }
                }
            }
        }
    }

    private func restart(
        _ worker: String, completion: @escaping (Result<Void, RemoteError>) -> Void
    ) {
        guard let link else {
            return completion(.failure(RemoteError(.unavailable, "The supervisor is gone.")))
        }
        link.restart(worker, completion: completion)
    }

    // MARK: Leaving

    func drain(milliseconds: UInt32, done: @escaping () -> Void) {
        guard !isDraining else { return }
        isDraining = true
        Log.write(.info, "draining", ["limit_ms": "\(milliseconds)"])
        guard let server else { return done() }
        let contexts = contexts
        server.stop(control: control).assumeIsolated().whenComplete { [self] _ in
            let empty = contexts.map { bound in
                let promise = bound.eventLoop.makePromise(of: Void.self)
                bound.eventLoop.execute { bound.value.drain { promise.succeed() } }
                return promise.futureResult
            }
            EventLoopFuture.andAllComplete(empty, on: control).assumeIsolated()
                .whenComplete { [self] _ in
                    drainPeers(seconds: GatewayLimits.peerStopSeconds, done: done)
                }
        }
        // A gateway that is replaced gives its peers to the next one at once. Where the whole node
        // stops there is none: requests under way may need peers to the end.
        control.assumeIsolated().scheduleTask(
            in: .milliseconds(GatewayLimits.successorMilliseconds)
        ) { [self] in
            guard node?.facts["state"] != "stopping" else { return }
            drainPeers(seconds: GatewayLimits.peerDrainSeconds) {}
        }
        control.scheduleTask(in: .milliseconds(Int64(milliseconds))) {
            for bound in contexts { bound.eventLoop.execute { bound.value.cut() } }
        }
    }

    /// May be asked twice: who asks later is answered when both are done.
    private func drainPeers(seconds: Int64, done: @escaping () -> Void) {
        guard let peers else { return done() }
        let drained = peersDrained ?? peers.eventLoop.makePromise(of: Void.self)
        if peersDrained == nil {
            peersDrained = drained
            peers.eventLoop.execute { peers.value.drain(seconds: seconds) { drained.succeed() } }
        }
        drained.futureResult.hop(to: control).assumeIsolated().whenComplete { _ in done() }
    }

    func drainAnswered() {
        Log.write(.info, "drained")
        _exit(0)
    }

    func controlEnded(_ reason: String) {
        // Nothing that this process holds needs care: the store owns every byte that counts.
        Log.write(.warning, "the gateway ends", ["reason": reason])
        _exit(isDraining ? 0 : 1)
    }

    func failPermanently(_ reason: String) {
        Log.write(.error, reason)
        _exit(GatewayProgram.permanentFailure)
    }
}

/// What the machine has.
enum System {
    static var coreCount: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }
}
