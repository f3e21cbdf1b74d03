internal import Glibc
internal import IPC
internal import IPCTransport
internal import Loop
internal import Model
internal import Posix
internal import Supervision

/// The shell around `NodeLife`: it tells the core what happens and does what the core directs, and
/// nothing more. Of the main thread, which runs the loop until the process ends.
final class Supervisor {
    let loop: EventLoop
    let facts: NodeFacts
    let log: LogStream
    let wiring: [WorkerWiring]
    /// Every process that has not ended.
    private(set) var children: [Child] = []
    /// The process whose end is being told, so that the log can name its pid.
    private var ending: Child?
    private(set) var life: NodeLife
    /// What a person should know of the start, for `/status`.
    private let notes: [String]
    private let programs: Programs
    private let listeners: [SocketName: [DescriptorBox]]
    private let environment: [String]
    private let notifier: SystemdNotifier?
    private var generator = SystemRandomNumberGenerator()
    private var events: [(worker: Int, WorkerEvent)] = []
    private var isHandling = false
    private var timer: LoopTimer?
    private var watchdog: LoopTimer?
    private var stopSignals: StopSignals?
    private var summaries: [WorkerSummary] = []
    private var peers: [Role: [PeersNotice.Peer]] = [:]
    private var nodeState = NodeLife.State.dormant
    /// Wall time of the loop's clock's origin.
    private let clockOrigin: Int64
    /// Told after whatever changed.
    var onChange: (() -> Void)?
    /// Told of a restart that a worker asks for, by its name.
    var onRestartOrder: ((IncomingRequest, RestartRequest, String) -> Void)?
    /// Told once when every worker is ready.
    var onReady: (() -> Void)?

    /// All that a supervisor is given.
    struct Parts {
        var facts: NodeFacts
        var log: LogStream
        var programs: Programs
        var listeners: [SocketName: [DescriptorBox]]
        var environment: [String]
        var notifier: SystemdNotifier?
        var notes: [String]
    }

    init(_ loop: EventLoop, _ parts: Parts) {
        self.loop = loop
        facts = parts.facts
        log = parts.log
        notes = parts.notes
        programs = parts.programs
        listeners = parts.listeners
        environment = parts.environment
        notifier = parts.notifier
        wiring = Wiring.workers(parts.facts)
        // Generations of an earlier supervisor's children mean nothing: none outlived it.
        life = NodeLife(workers: wiring.map { WorkerLife(name: $0.name, style: $0.restart) })
        clockOrigin = WallClock.now.nanoseconds - Int64(clamping: loop.nowNanoseconds)
    }

    /// Watches the signals; from here on SIGTERM is an order, not an end.
    func watchSignals() throws(PosixError) {
        stopSignals = try StopSignals(loop, log) { [unowned self] style in stop(style) }
    }

    /// Starts the workers. Then `loop.run()` until the node has stopped.
    func start() throws(PosixError) {
        if let interval = notifier?.watchdogInterval {
            watchdog = try loop.schedule(every: interval) { [unowned self] in
                notifier?.send(["WATCHDOG=1"])
            }
        }
        perform(life.start(now: loop.now, using: &generator))
        handleEvents()
    }

    /// The exit code once the loop has ended.
    var exitCode: Int32 {
        life.hasFailedToStart ? StartError.Code.permanent.rawValue : 0
    }

    // MARK: Events in

    /// Tells the core; directives that cause events are done one after the other.
    func tell(_ worker: Int, _ event: WorkerEvent) {
        events.append((worker, event))
        handleEvents()
    }

    func stop(_ style: NodeLife.StopStyle) {
        perform(life.stopRequested(style, now: loop.now, using: &generator))
        handleEvents()
    }

    private func handleEvents() {
        guard !isHandling else { return }
        isHandling = true
        while !events.isEmpty {
            let (worker, event) = events.removeFirst()
            perform(life.handle(event, worker: worker, now: loop.now, using: &generator))
        }
        isHandling = false
        changed()
    }

    private func timePassed() {
        perform(life.timePassed(now: loop.now, using: &generator))
        handleEvents()
    }

    // MARK: Directives out

    private func perform(_ directives: [NodeLife.WorkerDirective]) {
        for item in directives { perform(item.directive, item.worker) }
    }

    private func perform(_ directive: Directive, _ worker: Int) {
        switch directive {
        case .spawn(let generation):
            spawn(worker, generation)
        case .sendDrain(let generation, let limit):
            drain(worker, generation, limit)
        case .askProgress(let generation):
            askProgress(worker, generation)
        case .inspect(let generation, let pid):
            let isStopped = ProcessState.isStopped(pid: pid)
            events.append(
                (worker, .processStateSeen(generation: generation, isStopped: isStopped)))
        case .signal(let pid, let signal):
            children.first { $0.pid == pid }?.signal(SupervisorSignal.number(signal))
        case .say(let notice):
            log.say(
                .init(notice.level), notice.description, of: wiring[worker].name,
                pid: notice.generation.flatMap { generation in
                    let dead = ending.flatMap { $0.generation == generation ? $0 : nil }
                    return (child(worker, generation) ?? dead)?.pid
                })
        }
    }

    private func spawn(_ worker: Int, _ generation: UInt64) {
        let wires = wiring[worker]
        let listening = wires.sockets.flatMap { name in
            (listeners[name] ?? []).compactMap { box in
                box.rawValue.map { (name: name, descriptor: $0) }
            }
        }
        let plan = Child.Plan(
            programs: programs, listeners: listening, environment: environment)
        do throws(PosixError) {
            let child = try Child.spawn(
                loop, worker: worker, wires, generation: generation, plan
            ) { [unowned self] event in
                childEvent(worker, generation, event)
            }
            children.append(child)
            events.append((worker, .spawned(generation: generation, pid: child.pid)))
        } catch {
            events.append(
                (worker, .spawnFailed(generation: generation, reason: "\(error)")))
        }
    }

    private func drain(_ worker: Int, _ generation: UInt64, _ limit: Duration) {
        let request = DrainRequest(milliseconds: UInt32(clamping: limit.milliseconds))
        let time = limit + SupervisorLimits.answerPatience
        child(worker, generation)?.request(request, .drain, within: time) {
            [unowned self] (result: Result<Empty, RemoteError>) in
            if case .success = result { tell(worker, .drained(generation: generation)) }
        }
    }

    private func askProgress(_ worker: Int, _ generation: UInt64) {
        let time = SupervisionLimits.syncMax + SupervisorLimits.answerPatience
        child(worker, generation)?.request(Empty(), .progress, within: time) {
            [unowned self] (result: Result<ProgressReport, RemoteError>) in
            guard case .success(let report) = result else { return }
            let sync = report.syncMilliseconds
            let progress = Progress(
                queued: UInt64(report.queued), finished: report.finished,
                inSyncFor: sync == 0 ? nil : .milliseconds(Int64(sync)))
            tell(worker, .progressAnswered(generation: generation, progress))
        }
    }

    func child(_ worker: Int, _ generation: UInt64) -> Child? {
        children.first { $0.worker == worker && $0.generation == generation }
    }

    // MARK: What children do

    private func childEvent(_ worker: Int, _ generation: UInt64, _ event: Child.Event) {
        guard let child = child(worker, generation) else { return }
        switch event {
        case .linked: linked(child)
        case .ready(let said):
            // A status of another generation is stale by the core's own rule.
            tell(worker, .ready(generation: said))
        case .linkClosed(let blame):
            if let blame { say(.error, blame, of: child) }
            tell(worker, .linkClosed(generation: generation))
        case .line(let line):
            log.workerWrote(line, name: wiring[worker].name, pid: child.pid)
        case .restartOrdered(let request, let order):
            onRestartOrder?(request, order, wiring[worker].name)
        case .exited(let end):
            children.removeAll { $0 === child }
            ending = child
            tell(worker, .exited(generation: generation, end))
            ending = nil
        }
    }

    private func linked(_ child: Child) {
        let wires = wiring[child.worker]
        child.request(Settings(wires.settings), .configure, within: SupervisionLimits.startMax) {
            [unowned self, unowned child] (result: Result<Empty, RemoteError>) in
            // It ends itself with 125 then; one that stays is ended for not getting ready.
            if case .failure(let error) = result {
                say(.error, "refuses its configuration: \(error.message)", of: child)
            }
        }
        if !wires.clients.isEmpty {
            child.notify(PeersNotice(peers: peers[wires.role] ?? []), .peers)
        }
        if wires.hearsOfWorkers { child.notify(status, .workers) }
    }

    private func say(_ level: LogStream.Level, _ message: String, of child: Child) {
        log.say(level, message, of: wiring[child.worker].name, pid: child.pid)
    }
}

// What follows from a change.
extension Supervisor {
    private func changed() {
        tellPeers()
        let now = life.workers.map(\.summary)
        if now != summaries || life.state != nodeState {
            let before = nodeState
            summaries = now
            nodeState = life.state
            tellWorkers()
            notifyManager(before)
            if nodeState == .running, before != .running { onReady?() }
        }
        schedule()
        onChange?()
        if life.state == .stopped { finish() }
    }

    /// Who may connect where: at each start and end of a process that may.
    private func tellPeers() {
        for (index, wires) in wiring.enumerated() where !wires.clients.isEmpty {
            let allowed = children.filter { wires.clients.contains(wiring[$0.worker].role) }.map {
                PeersNotice.Peer(
                    pid: $0.pid, role: wiring[$0.worker].role, generation: $0.generation)
            }
            if peers[wires.role] == allowed { continue }
            peers[wires.role] = allowed
            for child in children where child.worker == index {
                child.notify(PeersNotice(peers: allowed), .peers)
            }
        }
    }

    private func tellWorkers() {
        let status = self.status
        for child in children where wiring[child.worker].hearsOfWorkers {
            child.notify(status, .workers)
        }
    }

    private func notifyManager(_ before: NodeLife.State) {
        guard let notifier else { return }
        let text = summaries.map { "\($0.name) \($0.condition.rawValue)" }
        var assignments = ["STATUS=" + text.joined(separator: ", ")]
        if nodeState == .running, before != .running { assignments.append("READY=1") }
        if case .stopping = nodeState {
            if case .stopping = before {} else { assignments.append("STOPPING=1") }
        }
        notifier.send(assignments)
    }

    private func schedule() {
        guard let wake = life.nextWake else {
            timer?.cancel()
            timer = nil
            return
        }
        let delay = max(.zero, wake - loop.now)
        if let timer, timer.isPending { return timer.reschedule(after: delay) }
        do throws(PosixError) {
            timer = try loop.schedule(after: delay) { [unowned self] in timePassed() }
        } catch {
            // A timer costs memory alone; without it nothing would ever be restarted.
            preconditionFailure("no timer: \(error)")
        }
    }

    private func finish() {
        timer?.cancel()
        watchdog?.cancel()
        log.say(.notice, "stopped")
        loop.stop()
    }

    /// The node as `/status` and clusterfctl show it.
    var status: NodeStatus {
        let workers = life.workers.map { worker in
            let summary = worker.summary
            return WorkerStatus(
                name: summary.name, pid: summary.pid ?? 0, state: summary.condition.rawValue,
                generation: summary.generation, restarts: UInt64(summary.restarts),
                readySince: summary.readySince.map(wallTime))
        }
        return NodeStatus(
            facts: Settings([
                "node_id": facts.nodeID.name, "version": Program.version,
                "data_dir": facts.dataDirectory, "node_dir": facts.nodeDirectory,
                "http_port": String(facts.httpPort), "peer_port": String(facts.peerPort),
                "discovery_port": String(facts.discoveryPort),
                "cluster_name": facts.peers.clusterName.name, "url": facts.url,
                "pid": String(facts.pid),
                "state": stateName,
            ]), started: facts.started, workers: workers, warnings: warnings)
    }

    private var stateName: String {
        switch life.state {
        case .dormant, .starting: "starting"
        case .running: "running"
        case .stopping: "stopping"
        case .stopped: "stopped"
        }
    }

    private var warnings: [String] {
        notes
            + life.workers.map(\.summary).compactMap { summary in
                if summary.condition == .failed {
                    return "\(summary.name) failed for good: see its log, then restart it"
                }
                return summary.isDegraded
                    ? "\(summary.name) is degraded: it keeps ending before it is of use" : nil
            }
    }

    private func wallTime(_ moment: Moment) -> Timestamp {
        Timestamp(nanoseconds: clockOrigin + moment.nanoseconds)
    }
}

/// The numbers of the signals that the core names.
private enum SupervisorSignal {
    static func number(_ signal: Directive.Signal) -> Int32 {
        switch signal {
        case .terminate: SIGTERM
        case .abort: SIGABRT
        case .kill: SIGKILL
        }
    }
}

extension LogStream.Level {
    init(_ level: Notice.Level) {
        switch level {
        case .info: self = .info
        case .notice: self = .notice
        case .warning: self = .warning
        case .error: self = .error
        }
    }
}

extension Duration {
    var milliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }

    var nanoseconds: Int64 {
        components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
    }
}
