internal import Glibc
internal import Loop
internal import Model
internal import Posix
internal import Supervision

/// The shell around `LocalClusterLife`: the parent of N ordinary supervisors on this machine, each
/// with a data directory and ports of its own. It speaks to none of them but by signals, and hears
/// their readiness as a service manager does. Of the main thread, as every supervisor.
final class LocalCluster {
    /// All that it is given.
    struct Parts {
        var options: LocalClusterOptions
        var directory: LocalClusterDirectory
        var programs: LocalClusterPrograms
        /// The HTTP sockets of each node.
        var listeners: [[DescriptorBox]]
        var log: LogStream
    }

    private let loop: EventLoop
    private let options: LocalClusterOptions
    private let directory: LocalClusterDirectory
    private let programs: LocalClusterPrograms
    private let log: LogStream
    private let output = StandardError()
    private var listeners: [[DescriptorBox]]
    private var life: LocalClusterLife
    private var nodes: [LocalProcess?]
    /// Where nodes that start say that they are ready.
    private var readiness: [Int: (socket: NotificationSocket, watch: PollWatch)] = [:]
    private var command: LocalProcess?
    private var repeated = RepeatedLines()
    private var stopSignals: StopSignals?
    private var timer: LoopTimer?
    private var began: Duration = .zero
    private var wasAskedToStop = false
    private var isEnding = false
    /// Told once when every node is ready.
    var onReady: (() -> Void)?

    init(_ loop: EventLoop, _ parts: Parts) {
        self.loop = loop
        options = parts.options
        directory = parts.directory
        programs = parts.programs
        listeners = parts.listeners
        log = parts.log
        life = LocalClusterLife(count: parts.options.nodes.count)
        nodes = Array(repeating: nil, count: parts.options.nodes.count)
    }

    /// Starts the nodes. Then `loop.run()` until all have stopped.
    func start() throws(PosixError) {
        stopSignals = try StopSignals(loop, log) { [unowned self] style in
            wasAskedToStop = true
            if let command, !isEnding { command.signal(SIGTERM) }
            perform(life.stopRequested(style, now: loop.now))
        }
        began = loop.now
        perform(life.start())
    }

    /// The exit code once the loop has ended.
    var exitCode: Int32 {
        switch life.failedStart {
        case .code(let code)?: return code
        case .signal?: return StartError.Code.unavailable.rawValue
        case nil:
            let lost = !wasAskedToStop && life.hasLostNodes
            return lost ? StartError.Code.unavailable.rawValue : 0
        }
    }

    // MARK: Directives out

    private func perform(_ directives: [LocalClusterLife.Directive]) {
        for directive in directives {
            switch directive {
            case .spawn(let index): spawn(index)
            case .signal(let index, let signal): nodes[index]?.signal(number(of: signal))
            case .say(let notice): say(notice)
            }
        }
        schedule()
        if life.state == .stopped { end() }
    }

    private func number(of signal: LocalClusterLife.Signal) -> Int32 {
        switch signal {
        case .terminate: SIGTERM
        case .interrupt: SIGINT
        case .kill: SIGKILL
        }
    }

    private func say(_ notice: LocalClusterLife.Notice) {
        if notice == .allReady { return allReady() }
        log.say(.init(notice.level), notice.description)
    }

    private func schedule() {
        timer?.cancel()
        timer = nil
        guard let wake = life.nextWake else { return }
        do throws(PosixError) {
            timer = try loop.schedule(after: max(.zero, wake - loop.now)) { [unowned self] in
                perform(life.timePassed(now: loop.now))
            }
        } catch {
            // A timer costs memory alone; without it a stop might never end.
            preconditionFailure("no timer: \(error)")
        }
    }

    private func spawn(_ index: Int) {
        let node = options.nodes[index]
        do throws(PosixError) {
            let socket = try NotificationSocket()
            let command = LocalProcess.Command(
                exec: programs.exec, program: programs.supervisor,
                arguments: options.arguments(of: node, base: directory.path),
                environment: LocalCluster.environment + [
                    "NOTIFY_SOCKET=\(socket.address)", "LISTEN_FDNAMES=http",
                ],
                inherited: listeners[index].compactMap(\.rawValue))
            let process = try LocalProcess(
                loop, command, onLine: { [unowned self] line in wrote(node, line) },
                onEnd: { [unowned self] end in ended(index, end) })
            nodes[index] = process
            let watch = try loop.watch(socket.descriptor) { [unowned self] _ in heard(index) }
            readiness[index] = (socket, watch)
            watch.update(.readable)
            // From here on the port is the node's: it is refused when the node is gone.
            listeners[index] = []
        } catch {
            // A node that cannot be heard must not live; its end is no news then.
            nodes[index]?.signal(SIGKILL)
            perform(life.spawnFailed(index, reason: "\(error)", now: loop.now))
        }
    }

    // MARK: What nodes do

    private func heard(_ index: Int) {
        guard let entry = readiness[index], let process = nodes[index] else { return }
        do throws(PosixError) {
            while let message = try entry.socket.receive(from: process.pid) {
                guard message.split(separator: "\n").contains("READY=1") else { continue }
                forget(index)
                let node = options.nodes[index]
                StandardOutput.write(LocalCluster.fact(node.name, options.url(of: node)))
                return perform(life.becameReady(index))
            }
        } catch {
            let name = options.nodes[index].name
            log.say(.warning, "whether \(name) is ready cannot be read: \(error)")
        }
    }

    private func forget(_ index: Int) {
        readiness.removeValue(forKey: index)?.watch.cancel()
    }

    private func ended(_ index: Int, _ end: ProcessEnd) {
        forget(index)
        nodes[index] = nil
        perform(life.exited(index, end, now: loop.now))
    }

    /// A line of a node's log. What it says of its everyday life is asked of itself.
    private func wrote(_ node: LocalClusterOptions.Node, _ line: String) {
        if let parsed = NodeLine(line), !options.debug {
            guard parsed.level >= .warning, repeated.isNew(parsed.message, now: loop.now) else {
                return
            }
        }
        output.write("\(node.name) \(line)")
    }

    // MARK: One cluster

    private func allReady() {
        let seconds = LocalCluster.seconds(loop.now - began)
        StandardOutput.write(
            LocalCluster.fact("ready", "\(options.nodes.count) nodes after \(seconds)"))
        onReady?()
        guard let first = life.nodes.firstIndex(of: .ready) else { return }
        do throws(PosixError) {
            let known = try directory.nodesWithDemo()
            let missing = options.nodes.map(\.name).filter { !known.contains($0) }
            // All by one node: what several wrote before they knew of each other would be as many
            // clusters.
            let arguments = [
                "--data-dir", directory.path, "--node", options.nodes[first].name, "demo",
                String(life.nodes.count { $0 == .ready }),
            ]
            command = try LocalProcess(
                loop,
                .init(
                    exec: programs.exec, program: programs.control,
                    arguments: arguments + missing, environment: LocalCluster.environment),
                onLine: { [unowned self] line in log.say(.warning, line) },
                onEnd: { [unowned self] end in demoEnded(end, known.union(missing), first) })
        } catch {
            log.say(.warning, "the demo files cannot be put: \(error)")
        }
    }

    private func demoEnded(_ end: ProcessEnd, _ names: Set<String>, _ first: Int) {
        command = nil
        guard life.state != .stopped else { return self.end() }
        guard end == .code(0) else { return }
        let seconds = LocalCluster.seconds(loop.now - began)
        let files = options.url(of: options.nodes[first]) + "api/files/demo/"
        StandardOutput.write(LocalCluster.fact("cluster", "one after \(seconds), with \(files)"))
        do throws(PosixError) {
            try directory.rememberDemo(of: names)
        } catch {
            log.say(.warning, "which demo files were put cannot be kept: \(error)")
        }
    }

    // MARK: The end

    private func end() {
        guard command == nil, !isEnding else { return }
        isEnding = true
        guard directory.isTemporary else { return finish() }
        do throws(PosixError) {
            command = try LocalProcess(
                loop,
                .init(
                    exec: programs.exec, program: "/bin/rm",
                    arguments: ["-rf", "--", directory.path], environment: []),
                onLine: { [unowned self] line in log.say(.warning, line) },
                onEnd: { [unowned self] _ in
                    command = nil
                    finish()
                })
        } catch {
            log.say(.warning, "\(directory.path) stays: \(error)")
            finish()
        }
    }

    private func finish() {
        log.say(.notice, "stopped")
        loop.stop()
    }
}

extension LocalCluster {
    /// A line of what a person reads at the start.
    static func fact(_ name: String, _ text: String) -> String {
        name + String(repeating: " ", count: max(1, 12 - name.count)) + text
    }

    private static func seconds(_ duration: Duration) -> String {
        let tenths = duration.milliseconds / 100
        return "\(tenths / 10).\(tenths % 10) s"
    }

    /// What children see: all but this process's own options, which each is given in words.
    private static var environment: [String] {
        let ours = Set(OptionName.allCases.map(\.environmentName) + [Configuration.configVariable])
        return WorkerEnvironment.variables(from: Environment.all).filter { entry in
            !ours.contains(String(entry.prefix { $0 != "=" }))
        }
    }
}
