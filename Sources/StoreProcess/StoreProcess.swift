internal import Glibc
internal import IPC
internal import IPCTransport
internal import Loop
internal import Model
internal import Posix

/// The process `clusterf-store`: the one that touches the data directory.
///
/// ```
///   start ──▶ hello on the control link ──▶ configure ──▶ directory open ──▶ ready
///         ──▶ serving ──▶ drain: links go, everything is written out ──▶ exit 0
///   control link closed, at any time ──▶ exit at once: the store is crash safe
/// ```
package final class StoreProcess {
    private let loop: EventLoop
    private let generation: UInt64
    private let control: Link
    /// The listening sockets until the directory is open.
    private var listeners: (stream: DescriptorBox, descriptors: DescriptorBox)?
    private var serving: Serving?
    private var isDraining = false
    /// Who may connect; the list may come before the configuration.
    private var peers: [PeersNotice.Peer] = []

    /// Runs the process to its end.
    package static func run(arguments: [String]) -> Never {
        if arguments.dropFirst().first == "--version" {
            StandardOutput.write("clusterf-store \(Program.version)\n")
            exit(ProcessEnd.orderly)
        }
        if arguments.dropFirst().first == RekeyProgram.option {
            RekeyProgram.run(arguments.dropFirst(2))
        }
        if arguments.dropFirst().first == ConversionProgram.option {
            ConversionProgram.run(arguments.dropFirst(2))
        }
        do {
            let process = try StoreProcess()
            process.loop.run()
            withExtendedLifetime(process) {}
            ProcessEnd.now(ProcessEnd.orderly)
        } catch {
            fail(error)
        }
    }

    /// Says why and ends the process.
    private static func fail(_ error: any Error) -> Never {
        Log.error("the store cannot start: \(error)")
        ProcessEnd.now(error is PermanentFailure ? ProcessEnd.permanent : ProcessEnd.crashed)
    }

    private init() throws {
        guard let generation = Environment.value(of: "CLUSTERF_GENERATION").flatMap({ UInt64($0) })
        else { throw StoreProcess.notStartedRight }
        self.generation = generation
        var handed = try ListenDescriptors()
        guard let control = handed.take("control"), let stream = handed.take("store"),
            let descriptors = handed.take("store-fds")
        else { throw StoreProcess.notStartedRight }
        listeners = (DescriptorBox(stream), DescriptorBox(descriptors))
        loop = try EventLoop()
        self.control = try Link(
            loop, control, side: .initiator,
            session: Session(
                side: .initiator, role: .store, generation: generation,
                acceptedRoles: [.supervisor]))
        self.control.onRequest = { [unowned self] (request, payload) throws(DecodeError) in
            try received(request, payload)
        }
        self.control.onNotice = { [unowned self] (type, payload) throws(DecodeError) in
            guard type == .peers else { return }
            peers = try PeersNotice(decoding: payload).peers
            serving?.allow(peers)
        }
        self.control.onClosed = { end in
            Log.notice("the control link ended, and so does the store", ["how": "\(end)"])
            ProcessEnd.now(ProcessEnd.orderly)
        }
    }

    private static var notStartedRight: PermanentFailure {
        PermanentFailure("clusterf-store is started by clusterf-supervisor, not by hand")
    }

    // MARK: Requests of the supervisor

    private func received(
        _ request: IncomingRequest, _ payload: RawSpan
    ) throws(DecodeError) {
        switch request.type {
        case .configure: configure(try Settings(decoding: payload), request)
        case .progress:
            _ = try Empty(decoding: payload)
            request.answer(
                serving?.progress
                    ?? ProgressReport(
                        queued: 0, finished: 0, syncMilliseconds: 0))
        case .drain: drain(try DrainRequest(decoding: payload), request)
        default: request.fail(RemoteError(.invalid, "the store does not know this request"))
        }
    }

    private func configure(_ settings: Settings, _ request: IncomingRequest) {
        guard let listeners = listeners.take() else {
            request.fail(RemoteError(.invalid, "the store is configured already"))
            return
        }
        request.answer(Empty())
        Log.setDebug(["1", "true"].contains(settings[ConfigurationKey.debug]))
        do {
            let path = try StoreSettings.nodeDirectory(settings)
            let start = ContinuousClock.now
            let serving = try Serving(
                loop, path, try StoreSettings.storage(settings),
                try StoreSettings.node(settings), generation, listeners)
            serving.allow(peers)
            serving.connect(supervisor: control)
            self.serving = serving
            control.notify(ReadyNotice(generation: generation), type: .ready)
            Log.info(
                "the store is ready",
                ["directory": "\(path)", "took": "\(ContinuousClock.now - start)"])
        } catch {
            StoreProcess.fail(error)
        }
    }

    private func drain(_ drain: DrainRequest, _ request: IncomingRequest) {
        guard !isDraining else { return }
        isDraining = true
        guard let serving else {
            request.answer(Empty())
            return finish()
        }
        serving.drain(within: .milliseconds(Int64(drain.milliseconds))) { [self] in
            request.answer(Empty())
            finish()
        }
    }

    /// The answer goes out, then the process ends.
    private func finish() {
        control.onClosed = { _ in ProcessEnd.now(ProcessEnd.orderly) }
        control.finish()
    }
}
