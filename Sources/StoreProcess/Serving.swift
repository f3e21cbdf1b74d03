internal import Cluster
internal import IPC
internal import IPCTransport
internal import Loop
internal import Model
internal import Posix

/// A store that serves: the open directory, the links to it, and how both end.
final class Serving {
    private let loop: EventLoop
    private let store: Store
    private let server: LinkServer
    private var handlers: [ObjectIdentifier: LinkHandler] = [:]
    private var nextLinkID: Uploads.LinkID = 0
    private var drainTimer: LoopTimer?

    /// Opens the directory and accepts links.
    init(
        _ loop: EventLoop, _ path: BytePath, _ wanted: WantedStorage,
        _ configuration: NodeConfiguration,
        _ generation: UInt64,
        _ listeners: (stream: DescriptorBox, descriptors: DescriptorBox)
    ) throws {
        self.loop = loop
        let store = try Store(loop, path, wanted, configuration: configuration)
        self.store = store
        guard let stream = listeners.stream.take(),
            let descriptors = listeners.descriptors.take()
        else { throw PermanentFailure("the store has no sockets") }
        server = try LinkServer(
            loop, stream: stream, descriptors: descriptors, role: .store, generation: generation,
            acceptedRoles: [.gateway], policy: .only([]))
        server.onLink = { [unowned self] link in linkOpened(link) }
        server.onTrouble = { trouble in
            Log.notice("a connection came to nothing", ["why": "\(trouble)"])
        }
        store.assumeIsolated { $0.begin() }
    }

    /// What leads to the supervisor, on the loop's thread.
    func connect(supervisor link: Link) {
        // Store and link live on one thread, which the actor's assumption checks.
        nonisolated(unsafe) let link = link
        store.assumeIsolated { store in
            store.askSupervisor = { order, done in
                _ = unsafe link.request(
                    order, type: .restartWorker, within: StoreLimits.restartOrderMax,
                    answer: Empty.self
                ) { result, _ in
                    if case .failure(let error) = result { done(error) } else { done(nil) }
                }
            }
        }
    }

    func allow(_ peers: [PeersNotice.Peer]) { server.policy = .only(peers) }

    private func linkOpened(_ link: Link) {
        nextLinkID += 1
        let key = ObjectIdentifier(link)
        handlers[key] = LinkHandler(link, id: nextLinkID, store) { [weak self] end in
            Log.debug("a link ended", ["how": "\(end)"])
            self?.handlers[key] = nil
        }
    }

    /// What the watchdog wants to know.
    var progress: ProgressReport {
        let (queued, finished) = store.assumeIsolated { ($0.openCount, $0.finishedCount) }
        let sync = store.engine.syncs.oldest ?? .zero
        let milliseconds = sync / .milliseconds(1)
        return ProgressReport(
            queued: UInt32(clamping: queued), finished: finished,
            syncMilliseconds: UInt32(clamping: Int64(milliseconds)))
    }

    /// Ends in order: no new requests, the open ones finish, links close, everything is written
    /// out. Requests that come meanwhile stay unanswered; their senders repeat them in the next
    /// life of the store.
    func drain(within limit: Duration, _ done: @escaping () -> Void) {
        for handler in handlers.values { handler.isDraining = true }
        server.stopAccepting()
        do {
            drainTimer = try loop.schedule(after: limit) {
                // Everything acknowledged is durable; the rest is repeated.
                Log.notice("draining took too long and is cut off")
                ProcessEnd.now(ProcessEnd.orderly)
            }
        } catch {
            Log.error("no timer for draining", ["error": "\(error)"])
        }
        let ended = LoopBound(loop, done)
        let engine = store.engine
        let loop = loop
        // Handler, server and store live on one thread, which the actor's assumption checks.
        nonisolated(unsafe) let serving = self
        store.assumeIsolated { store in
            store.sayRestarting()
            store.whenIdle {
                for handler in unsafe serving.handlers.values { handler.finish() }
                _ = Worker.start("store-drain") {
                    engine.end()
                    loop.post { ended.take()() }
                }
            }
        }
    }
}
