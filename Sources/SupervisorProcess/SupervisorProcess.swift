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
            let given = try Configuration.merged(parsed, environment: Environment.value(of:))
            if given[.simNodes] != nil {
                return try LocalClusterStart.run(
                    try LocalClusterOptions(given), try nodePrograms())
            }
            return try run(try Configuration(given))
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

    /// The programs of one node.
    private static func nodePrograms() throws(StartError) -> Programs {
        try Programs(
            names: [Programs.exec, "clusterf-store", "clusterf-gateway"],
            environment: Environment.value(of:))
    }

    private static func run(_ configuration: Configuration) throws(StartError) -> Int32 {
        let programs = try nodePrograms()
        var generator = SystemRandomNumberGenerator()
        let node = try NodeDirectory.open(
            base: configuration.dataDirectory, wanted: configuration.nodeID,
            hostName: HostName.current, using: &generator)
        let (http, peers) = try sockets(configuration, node, using: &generator)
        let runDirectory = try node.openRunDirectory()
        let facts = NodeFacts(
            nodeID: node.id, dataDirectory: node.basePath, nodeDirectory: node.path,
            runDirectory: runDirectory, httpPort: http.port, url: url(configuration, http.port),
            started: WallClock.now, pid: SelfProcess.pid, debug: configuration.debug,
            storageMajor: configuration.storageMajor,
            storageMinor: configuration.storageMinor, webdav: configuration.webdav,
            gatewayLimits: configuration.gatewayLimits, peers: configuration.peers,
            encryption: configuration.encryption,
            peerPort: peers.port, discoveryPort: peers.discoveryPort)
        let log = LogStream(
            lowest: configuration.debug ? .debug : .info, pid: facts.pid, output: StandardError())
        do throws(PosixError) {
            return try run(configuration, facts, log, programs, http, peers)
        } catch {
            throw StartError(.unavailable, "the node cannot start: \(error)")
        }
    }

    /// The sockets of the network; ports that were chosen are kept.
    private static func sockets(
        _ configuration: Configuration, _ node: borrowing NodeDirectory,
        using generator: inout some RandomNumberGenerator
    ) throws(StartError) -> (HTTPListeners, PeerSockets) {
        let activated: HTTPListeners?
        do throws(PosixError) {
            activated = HTTPListeners(activated: try ListenDescriptors())
        } catch {
            throw StartError(.unavailable, "the sockets from the service manager: \(error)")
        }
        var ports: PortsFile
        do throws(PosixError) {
            ports = try PortsFile.read(in: node.directory)
        } catch {
            throw StartError(.cannotCreate, "\(node.path)/ports cannot be read: \(error)")
        }
        let before = ports
        let http: HTTPListeners
        if let activated {
            http = activated
        } else {
            http = try HTTPListeners(configuration, kept: ports.httpPort, using: &generator)
            ports.httpPort = http.port
        }
        let peers = try PeerSockets(configuration, kept: ports.peerPort, using: &generator)
        ports.peerPort = peers.port
        guard ports != before else { return (http, peers) }
        do throws(PosixError) {
            try ports.write(in: node.directory)
        } catch {
            throw StartError(.cannotCreate, "\(node.path)/ports cannot be written: \(error)")
        }
        return (http, peers)
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
        StandardOutput.write("peers       \(facts.peers.description(facts))")
        let isEncrypted = facts.encryption.phrase != nil
        StandardOutput.write(
            "data        \(facts.nodeDirectory)\(isEncrypted ? ", encrypted" : "")")
        StandardOutput.write("log         standard error; the last lines: clusterfctl logs")
    }

    private static func run(
        _ configuration: Configuration, _ facts: NodeFacts, _ log: LogStream,
        _ programs: Programs, _ http: HTTPListeners, _ peers: PeerSockets
    ) throws(PosixError) -> Int32 {
        let loop = try EventLoop()
        let listeners: [SocketName: [DescriptorBox]] = [
            .http: http.listeners, .peer: peers.listeners, .peerDatagrams: peers.datagrams,
            .discovery: peers.discovery,
            .store: [DescriptorBox(try listen(facts.storeSocket, .stream))],
            .storeDescriptors: [
                DescriptorBox(try listen(facts.storeDescriptorSocket, .seqpacket))
            ],
        ]
        let notes =
            configuration.peers.notes + configuration.encryption.notes + http.notes + peers.notes
        let supervisor = Supervisor(
            loop,
            .init(
                facts: facts, log: log, programs: programs, listeners: listeners,
                environment: WorkerEnvironment.variables(from: Environment.all),
                notifier: SystemdNotifier(
                    environment: Environment.value(of:), pid: facts.pid),
                notes: notes))
        let control = try ControlServer(supervisor, try listen(facts.controlSocket, .stream))
        if configuration.opensDesktop {
            supervisor.onReady = {
                Desktop.open(facts.url, loop, programs, environment: Environment.value(of:))
            }
        }
        try supervisor.watchSignals()
        introduce(facts)
        for note in notes { log.say(.warning, note) }
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
        OptionName.encryptionKey.environmentName, OptionName.encryptionKeyFile.environmentName,
    ]

    static func variables(from all: [String]) -> [String] {
        all.filter { entry in !ours.contains(String(entry.prefix { $0 != "=" })) }
    }
}
