internal import IPC
internal import Model
internal import NIOCore

/// The clients of one event loop that watch, and what they are told: what the store says while somebody
/// watches, and what the supervisor says of workers.
final class EventHub {
    private let loop: any EventLoop
    private let link: StoreLink
    /// Numbers events: of this gateway, and of this loop.
    private let prefix: String
    private var sequence: UInt64 = 0
    private var streams: [ObjectIdentifier: EventStream] = [:]
    private var isArmed = false
    private var workers: [WorkerStatus] = []
    private var isEnded = false

    init(loop: any EventLoop, link: StoreLink, prefix: String) {
        self.loop = loop
        self.link = link
        self.prefix = prefix
        link.onEvents = { [unowned self] notice in received(notice) }
        // What happened while there was no link is known to nobody.
        link.onGap = { [unowned self] in send(EventText.lost(nil)) }
    }

    /// `/api/events`.
    func watch(_ exchange: Exchange) throws(Problem) {
        guard streams.count < GatewayLimits.eventClientsMax, !isEnded else {
            throw Problem(
                .unavailable, "too_many_watchers", "As many clients watch as may.",
                hint: "Close one of them, or try again.")
        }
        let stream = EventStream(exchange) { [weak self] stream in self?.closed(stream) }
        streams[ObjectIdentifier(stream)] = stream
        link.watch(true)
        stream.start()
        stream.send(
            EventText.event("hello", id: id) { json in
                json.member("node_id", exchange.context.settings.nodeID)
            })
        // What was told since then is not kept.
        if exchange.head.fields.contains(.lastEventID) { stream.send(EventText.lost(nil)) }
        arm()
    }

    private func closed(_ stream: EventStream) {
        streams[ObjectIdentifier(stream)] = nil
        if streams.isEmpty { link.watch(false) }
    }

    /// The gateway leaves: clients connect to the next one.
    func end() {
        isEnded = true
        for stream in streams.values { stream.end() }
    }

    // MARK: What happens

    private var id: String { "\(prefix)-\(sequence)" }

    private func send(_ text: [UInt8], events: UInt64 = 1) {
        for stream in Array(streams.values) { stream.send(text, events: events) }
    }

    private func send(_ name: String, _ members: (inout JSONWriter) -> Void) {
        sequence += 1
        send(EventText.event(name, id: id, members))
    }

    private func received(_ notice: EventsNotice) {
        guard !streams.isEmpty else { return }
        if notice.lostCount > 0 {
            send(EventText.lost(notice.lostCount), events: notice.lostCount)
        }
        for event in notice.events {
            switch event {
            case .file(let path, let version):
                send("file") { json in
                    json.member("path") { $0.value(utf8: path.bytes) }
                    json.member("kind", version == nil ? "deleted" : "written")
                    json.member("version") { json in
                        if let version {
                            json.value("\(version.disk.hex).\(version.sequence)")
                        } else {
                            json.null()
                        }
                    }
                }
            case .peer(let node, let state):
                send("peer") { json in
                    json.member("node_id", node.name)
                    json.member("state", state)
                }
            case .progress(let word, let about):
                send("progress") { json in
                    json.member("what", word)
                    json.member("about", about)
                }
            }
        }
    }

    /// The supervisor says how workers are: those that are otherwise than before are told.
    func workersChanged(_ now: [WorkerStatus]) {
        let before = workers
        workers = now
        guard !streams.isEmpty else { return }
        for worker in now {
            let old = before.first { $0.name == worker.name }
            guard old?.state != worker.state || old?.generation != worker.generation else {
                continue
            }
            send("worker") { json in
                json.member("name", worker.name)
                json.member("state", worker.state)
                json.member("generation", worker.generation)
                json.member("restarts", worker.restarts)
            }
        }
    }

    // MARK: Time

    private func arm() {
        guard !isArmed, !streams.isEmpty else { return }
        isArmed = true
        loop.assumeIsolated().scheduleTask(
            in: .seconds(GatewayLimits.eventKeepAliveSeconds)
        ) { [self] in
            isArmed = false
            send(EventText.keepAlive, events: 0)
            arm()
        }
    }
}
