internal import Glibc
internal import IPC
internal import IPCTransport
internal import Loop
internal import Model
internal import Posix
internal import Supervision

/// One process that plays a worker: the program, its control link, and the pipe of its output.
final class Child {
    /// What the owner is told of.
    enum Event {
        /// The handshake is done.
        case linked
        case ready(generation: UInt64)
        /// The link is gone though the process is not; why, if the process is to blame.
        case linkClosed(String?)
        case line(String)
        /// The worker asks for a restart of a worker.
        case restartOrdered(IncomingRequest, RestartRequest)
        /// The process is gone and all that it wrote was read: the last event.
        case exited(ProcessEnd)
    }

    /// A dying process closes its link a moment before its end is known; only a link that closes
    /// on its own is worth a word.
    private static let linkCloseGrace: Duration = .milliseconds(100)
    /// Output is read to its end after an exit, unless a grandchild keeps the pipe open.
    private static let outputGrace: Duration = .milliseconds(200)

    let worker: Int
    let generation: UInt64
    private let loop: EventLoop
    private let role: Role
    private var process: ChildProcess?
    private var link: Link?
    private var output: StreamConnection?
    private var splitter = LineSplitter()
    private var end: ProcessEnd?
    private var timer: LoopTimer?
    private var onEvent: ((Event) -> Void)?
    /// What the process did wrong, in the words of this side.
    private var blame: String?

    private init(
        _ loop: EventLoop, worker: Int, role: Role, generation: UInt64,
        onEvent: @escaping (Event) -> Void
    ) {
        self.loop = loop
        self.worker = worker
        self.role = role
        self.generation = generation
        self.onEvent = onEvent
    }

    private(set) var pid: Int32 = 0

    /// What a start needs besides the wiring.
    struct Plan {
        var programs: Programs
        /// Listeners in the order of the names.
        var listeners: [(name: SocketName, descriptor: Int32)]
        var environment: [String]
    }

    /// Starts the process; must be called on the main thread, whose end would end the child.
    static func spawn(
        _ loop: EventLoop, worker: Int, _ wiring: WorkerWiring, generation: UInt64, _ plan: Plan,
        onEvent: @escaping (Event) -> Void
    ) throws(PosixError) -> Child {
        let child = Child(
            loop, worker: worker, role: wiring.role, generation: generation, onEvent: onEvent)
        let ends = try UnixSocket.pair(.stream).take { mine, its in
            (mine: DescriptorBox(mine), its: DescriptorBox(its))
        }
        let pipe = try Pipe.make()
        guard let mine = ends.mine.take(), let its = ends.its.take(),
            let reader = pipe.reader.take(), let writer = pipe.writer.take()
        else { preconditionFailure("each end is taken once") }
        let command = command(wiring, generation, plan, control: its.rawValue, writer.rawValue)
        let process = try ChildProcess(loop, command) { exit in child.exited(exit) }
        child.process = process
        child.pid = process.pid
        do throws(PosixError) {
            try child.connect(mine, reader)
        } catch {
            // Out of descriptors: the process cannot be heard, so it must not live.
            child.signal(SIGKILL)
            throw error
        }
        return child
    }

    private static func command(
        _ wiring: WorkerWiring, _ generation: UInt64, _ plan: Plan, control: Int32,
        _ writer: Int32
    ) -> ChildProcess.Command {
        let inherited = [control] + plan.listeners.map(\.descriptor)
        let names = ["control"] + plan.listeners.map(\.name.rawValue)
        var arguments = [
            Programs.exec, "--parent", String(SelfProcess.pid),
            "--nofile", String(SupervisorLimits.workerDescriptors),
            // The memory of a worker has people's files in it, and keys.
            "--core", "0",
            "--listen-fds", String(inherited.count),
        ]
        arguments += wiring.sandbox + ["--", plan.programs.path(wiring.program)]
        let environment =
            plan.environment + [
                "CLUSTERF_ROLE=\(wiring.role.name)", "CLUSTERF_GENERATION=\(generation)",
                "LISTEN_FDNAMES=\(names.joined(separator: ":"))",
            ]
        return ChildProcess.Command(
            file: plan.programs.path(Programs.exec), arguments: arguments,
            environment: environment,
            standard: (.null, .descriptor(writer), .descriptor(writer)), inherited: inherited)
    }

    private func connect(
        _ control: consuming Descriptor, _ reader: consuming Descriptor
    ) throws(PosixError) {
        let output = try StreamConnection(loop, reader)
        self.output = output
        output.onRead = { [unowned self] bytes in wrote(bytes) }
        output.onClosed = { [self] _ in outputClosed() }
        output.resumeReading()
        let link = try ControlLink.supervisor(loop, control, worker: role)
        self.link = link
        link.onEstablished = { [unowned self] peer in established(peer) }
        link.onRequest = { [unowned self] request, payload throws(DecodeError) in
            guard request.type == .restartWorker else {
                request.fail(RemoteError(.invalid, "the supervisor answers no \(request.type)"))
                return
            }
            onEvent?(.restartOrdered(request, try RestartRequest(decoding: payload)))
        }
        link.onNotice = { [unowned self] type, payload throws(DecodeError) in
            guard type == .ready else { return accuse("sent the notice \(type)") }
            onEvent?(.ready(generation: try ReadyNotice(decoding: payload).generation))
        }
        link.onClosed = { [self] end in linkClosed(end) }
    }

    // MARK: What the owner does

    func signal(_ number: Int32) {
        do throws(PosixError) {
            try process?.kill(number)
        } catch {
            // ESRCH: it has ended, and its exit is about to be told.
        }
    }

    /// Asks the process; dropped where the link is not up: the watchdog sees the silence.
    ///
    /// - Parameter completion: told of an answer alone, not of an end of the link.
    func request<Answer: Message>(
        _ message: some Message, _ type: MessageType, within time: Duration,
        completion: @escaping (Result<Answer, RemoteError>) -> Void
    ) {
        guard let link, link.isEstablished else { return }
        link.request(message, type: type, within: time, answer: Answer.self) {
            [weak link] result, _ in
            if link?.isOpen == true { completion(result) }
        }
    }

    func notify(_ message: some Message, _ type: MessageType) {
        link?.notify(message, type: type)
    }

    // MARK: What happens

    private func established(_ peer: Session.Peer) {
        guard peer.generation == generation else {
            return accuse("says generation \(peer.generation), not \(generation)")
        }
        onEvent?(.linked)
    }

    /// Ends the link: the process breaks its contract.
    private func accuse(_ text: String) {
        blame = text
        link?.close()
    }

    private func linkClosed(_ linkEnd: LinkEnd) {
        link = nil
        guard end == nil else { return }
        switch linkEnd {
        case .refused, .fault, .descriptorMissing, .handshakeTimedOut, .pendingLimit:
            onEvent?(.linkClosed("control link: \(linkEnd)"))
        case .local:
            onEvent?(.linkClosed(blame))
        case .byPeer, .failed:
            schedule(after: Child.linkCloseGrace) { [unowned self] in onEvent?(.linkClosed(nil)) }
        }
    }

    private func wrote(_ bytes: RawSpan) {
        let lines = unsafe bytes.withUnsafeBytes { unsafe splitter.feed($0) }
        for line in lines { onEvent?(.line(line)) }
    }

    private func exited(_ exit: ChildProcess.Exit) {
        switch exit {
        case .code(let code): end = .code(code)
        case .signal(let signal): end = .signal(signal)
        }
        if output == nil { return tellEnd() }
        schedule(after: Child.outputGrace) { [unowned self] in tellEnd() }
    }

    private func outputClosed() {
        output = nil
        if let rest = splitter.finish() { onEvent?(.line(rest)) }
        if end != nil { tellEnd() }
    }

    private func tellEnd() {
        guard let end, let onEvent else { return }
        self.onEvent = nil
        timer?.cancel()
        timer = nil
        link?.close()
        output?.close()
        process = nil
        onEvent(.exited(end))
    }

    private func schedule(after delay: Duration, _ body: @escaping () -> Void) {
        timer?.cancel()
        do throws(PosixError) {
            timer = try loop.schedule(after: delay, body)
        } catch {
            body()
        }
    }
}
