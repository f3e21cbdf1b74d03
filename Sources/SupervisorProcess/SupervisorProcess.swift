internal import ArgumentParser
internal import Glibc
internal import Loop
internal import Model
internal import Posix

/// The process `clusterf-supervisor`: it owns processes, configuration and listening sockets, and
/// reads no byte of a stranger.
package enum SupervisorProcess {
    /// Runs a node until it is stopped as the command line says, and exits.
    package static func main() -> Never {
        exit(run(Array(CommandLine.arguments.dropFirst())))
    }

    /// Runs a node until it is stopped.
    ///
    /// - Parameter arguments: the command line without the program's name.
    /// - Returns: the exit code.
    package static func run(_ arguments: [String]) -> Int32 {
        do throws(StartError) {
            guard let parsed = try parse(arguments) else { return 0 }
            return try run(
                try Configuration.read(parsed, environment: Environment.value(of:)))
        } catch {
            StandardError().write("clusterf-supervisor: \(error.description)")
            return error.code.rawValue
        }
    }

    /// The command line; nil where it asked for help or the version, which were written.
    private static func parse(
        _ arguments: [String]
    ) throws(StartError) -> CommandLineArguments? {
        try CommandLineArguments.refuseLater(arguments)
        do {
            return try CommandLineArguments.read(arguments)
        } catch {
            if CommandLineArguments.exitCode(for: error) == .success {
                StandardOutput.write(CommandLineArguments.fullMessage(for: error))
                return nil
            }
            throw StartError(
                .usage, CommandLineArguments.message(for: error),
                hint: "see clusterf-supervisor --help")
        }
    }

    private static func run(_ configuration: Configuration) throws(StartError) -> Int32 {
        let programs = try Programs(
            names: [Programs.exec, "clusterf-store", "clusterf-gateway"],
            environment: Environment.value(of:))
        var generator = SystemRandomNumberGenerator()
        let node = try NodeDirectory.open(
            base: configuration.dataDirectory, wanted: configuration.nodeID,
            hostName: HostName.current, using: &generator)
        let http = try httpListeners(configuration, node, using: &generator)
        let runDirectory = try node.openRunDirectory()
        let facts = NodeFacts(
            nodeID: node.id, dataDirectory: node.basePath, nodeDirectory: node.path,
            runDirectory: runDirectory, httpPort: http.port, url: url(configuration, http.port),
            started: WallClock.now, pid: SelfProcess.pid, debug: configuration.debug,
            storageMinor: configuration.storageMinor, webdav: configuration.webdav,
            gatewayLimits: configuration.gatewayLimits)
        let log = LogStream(
            lowest: configuration.debug ? .debug : .info, pid: facts.pid, output: StandardError())
        do throws(PosixError) {
            return try run(configuration, facts, log, programs, http)
        } catch {
            throw StartError(.unavailable, "the node cannot start: \(error)")
        }
    }

    private static func httpListeners(
        _ configuration: Configuration, _ node: borrowing NodeDirectory,
        using generator: inout some RandomNumberGenerator
    ) throws(StartError) -> HTTPListeners {
        do throws(PosixError) {
            if let activated = HTTPListeners(activated: try ListenDescriptors()) {
                return activated
            }
        } catch {
            throw StartError(.unavailable, "the sockets from the service manager: \(error)")
        }
        var ports: PortsFile
        do throws(PosixError) {
            ports = try PortsFile.read(in: node.directory)
        } catch {
            throw StartError(.cannotCreate, "\(node.path)/ports cannot be read: \(error)")
        }
        let http = try HTTPListeners(configuration, kept: ports.httpPort, using: &generator)
        guard ports.httpPort != http.port else { return http }
        ports.httpPort = http.port
        do throws(PosixError) {
            try ports.write(in: node.directory)
        } catch {
            throw StartError(.cannotCreate, "\(node.path)/ports cannot be written: \(error)")
        }
        return http
    }

    private static func url(_ configuration: Configuration, _ port: UInt16) -> String {
        let host =
            configuration.bind.contains(where: \.isUnspecified)
            ? "localhost" : configuration.bind.first?.urlHost ?? "localhost"
        return "http://\(host):\(port)/"
    }

    /// One line per fact that a person needs.
    private static func introduce(_ facts: NodeFacts) {
        StandardOutput.write("clusterf    \(Program.version)")
        StandardOutput.write("node id     \(facts.nodeID)")
        StandardOutput.write("dashboard   \(facts.url)")
        StandardOutput.write("data        \(facts.nodeDirectory)")
        StandardOutput.write("log         standard error; the last lines: clusterfctl logs")
    }

    private static func run(
        _ configuration: Configuration, _ facts: NodeFacts, _ log: LogStream,
        _ programs: Programs, _ http: HTTPListeners
    ) throws(PosixError) -> Int32 {
        let loop = try EventLoop()
        let listeners: [SocketName: [DescriptorBox]] = [
            .http: http.listeners,
            .store: [DescriptorBox(try listen(facts.storeSocket, .stream))],
            .storeDescriptors: [
                DescriptorBox(try listen(facts.storeDescriptorSocket, .seqpacket))
            ],
        ]
        let supervisor = Supervisor(
            loop,
            .init(
                facts: facts, log: log, programs: programs, listeners: listeners,
                environment: WorkerEnvironment.variables(from: Environment.all),
                notifier: SystemdNotifier(
                    environment: Environment.value(of:), pid: facts.pid),
                notes: http.notes))
        let control = try ControlServer(supervisor, try listen(facts.controlSocket, .stream))
        if configuration.opensDesktop {
            supervisor.onReady = {
                Desktop.open(facts.url, loop, programs, environment: Environment.value(of:))
            }
        }
        try supervisor.watchSignals()
        introduce(facts)
        for note in http.notes { log.say(.warning, note) }
        try supervisor.start()
        loop.run()
        withExtendedLifetime(control) {}
        return supervisor.exitCode
    }

    private static func listen(
        _ path: String, _ kind: UnixSocket.Kind
    ) throws(PosixError) -> Descriptor {
        try UnixSocket.listen(at: BytePath(path), kind, mode: 0o600)
    }
}

/// What workers see of the environment: all but what was meant for this process alone.
enum WorkerEnvironment {
    private static let ours = [
        "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS",
        "LISTEN_FDNAMES", "CLUSTERF_ROLE", "CLUSTERF_GENERATION",
    ]

    static func variables(from all: [String]) -> [String] {
        all.filter { entry in !ours.contains(String(entry.prefix { $0 != "=" })) }
    }
}
