import IPC
import Model
import Posix
import Supervision
import Testing

@testable import SupervisorProcess

struct NodeTests {
    @Test func portsFileKeepsWhatItDoesNotKnow() {
        var ports = PortsFile(parsing: "later_port=30003\npeer_port=30002\nhttp_port=30001\n")
        #expect(ports.httpPort == 30_001)
        #expect(ports.peerPort == 30_002)
        ports.httpPort = 30_005
        #expect(ports.text == "http_port=30005\npeer_port=30002\nlater_port=30003\n")
        #expect(PortsFile(parsing: ports.text) == ports)
    }

    @Test(arguments: ["", "http_port=", "http_port=0\n", "http_port=99999", "nonsense"])
    func aDamagedPortsFileNamesNoPort(text: String) {
        #expect(PortsFile(parsing: text).httpPort == nil)
    }

    @Test(arguments: [
        "host", "HOST.example.org", "", "böse host", String(repeating: "x", count: 300),
    ])
    func aMadeNodeIDIsOne(hostName: String) {
        var generator = SplitMix64(seed: 3)
        let first = NodeDirectory.fresh(hostName: hostName, using: &generator)
        let second = NodeDirectory.fresh(hostName: hostName, using: &generator)
        #expect(NodeID(first.name) == first)
        #expect(first != second)
        #expect(!first.name.contains("."))
    }

    @Test func processStateIsFoundBehindAnyName() {
        func isStopped(_ text: String) -> Bool {
            ProcessState.isStopped(stat: Array(text.utf8))
        }
        #expect(isStopped("12 (store) T 1 2 3"))
        #expect(isStopped("12 (a) S (b) t 1"))
        #expect(!isStopped("12 (store) S 1 2 3"))
        #expect(!isStopped("12 (T) T) R 1"))
        #expect(!isStopped(""))
        #expect(!isStopped("12 (store"))
        #expect(!isStopped("12 (store)"))
    }

    @Test func workersDoNotSeeWhatWasMeantForTheSupervisor() {
        let variables = WorkerEnvironment.variables(from: [
            "PATH=/bin", "NOTIFY_SOCKET=/run/x", "LISTEN_FDS=1", "LISTEN_PID=2",
            "WATCHDOG_USEC=5", "LANG=C", "CLUSTERF_GENERATION=9",
            "CLUSTERF_ENCRYPTION_KEY=a secret phrase", "CLUSTERF_ENCRYPTION_KEY_FILE=/k",
        ])
        #expect(variables == ["PATH=/bin", "LANG=C"])
    }

    /// A pair that is not listed has no link.
    @Test func wiringIsThatOfTheArchitecture() throws {
        let facts = NodeFacts(
            nodeID: try #require(NodeID("n1")), dataDirectory: "/d", nodeDirectory: "/d/n1",
            runDirectory: "/d/n1/run", httpPort: 80, url: "http://localhost/",
            started: Timestamp(nanoseconds: 0), pid: 1, debug: false, storageMajor: nil,
            storageMinor: nil,
            webdav: "/", gatewayLimits: ["max_body_bytes": "7"],
            peers: try PeerOptions(options(["zone": ["attic"], "join": ["a:1", "b:2"]])),
            encryption: try EncryptionOptions(options(["encryption-key": ["a secret phrase"]])),
            peerPort: 30_001, discoveryPort: 0)
        let workers = Wiring.workers(facts)
        #expect(workers.map(\.name) == ["store", "gateway"])
        let (store, gateway) = (workers[0], workers[1])
        #expect(store.restart == .exclusive)
        #expect(store.clients == [.gateway])
        #expect(store.sandbox.contains("--deny-inet"))
        #expect(store.sandbox.contains("/d/n1"))
        #expect(!store.settings.keys.contains("http_port"))
        #expect(gateway.restart == .seamless)
        #expect(gateway.clients.isEmpty)
        #expect(gateway.sandbox == ["--landlock", "--landlock-names"])
        #expect(gateway.sockets == [.http, .peer, .peerDatagrams, .discovery])
        #expect(gateway.settings["join"] == "a:1,b:2")
        #expect(gateway.settings["peer_port"] == "30001")
        #expect(gateway.settings["zone"] == nil)
        #expect(store.settings["zone"] == "attic")
        #expect(store.settings["joins"] == "true")
        #expect(store.settings["discovers"] == "false")
        #expect(store.settings["no_store"] == "false")
        #expect(store.settings["capacity"] == nil)
        for worker in workers { #expect(worker.settings["cluster_name"] == "default") }
        #expect(!gateway.settings.keys.contains("node_dir"))
        // The key reaches the store alone.
        #expect(store.settings["encryption_key"] == Hex.encode([UInt8]("a secret phrase".utf8)))
        #expect(!gateway.settings.keys.contains("encryption_key"))
        for worker in workers {
            #expect(!worker.sandbox.joined().contains("secret"))
        }
        #expect(gateway.settings["max_body_bytes"] == "7")
    }

    @Test func notifierNeedsASocketAndTakesHalfOfTheWatchdog() {
        func notifier(_ variables: [String: String]) -> SystemdNotifier? {
            SystemdNotifier(environment: { variables[$0] }, pid: 5)
        }
        #expect(notifier([:]) == nil)
        #expect(notifier(["NOTIFY_SOCKET": String(repeating: "x", count: 200)]) == nil)
        #expect(notifier(["NOTIFY_SOCKET": "/run/n"])?.watchdogInterval == nil)
        let watched = ["NOTIFY_SOCKET": "@n", "WATCHDOG_USEC": "3000000"]
        #expect(notifier(watched)?.watchdogInterval == .milliseconds(1500))
        #expect(notifier(watched.merging(["WATCHDOG_PID": "6"]) { $1 })?.watchdogInterval == nil)
    }
}

/// Options as the command line would give them.
func options(_ values: [String: [String]]) -> GivenOptions {
    var given = GivenOptions()
    for (name, texts) in values {
        if let option = OptionName(rawValue: name) {
            given[option] = .init(texts: texts, place: "--\(name)")
        }
    }
    return given
}

struct ListenerTests {
    @Test func peersHaveOnePortForBothKindsAndAWantedOneIsRefusedWhereItIsTaken() throws {
        var generator = SplitMix64(seed: UInt64(SelfProcess.pid) &+ 5)
        let automatic = try Configuration(
            options(["bind": ["127.0.0.1"], "discovery-address": ["off"]]))
        let first = try PeerSockets(automatic, kept: nil, using: &generator)
        #expect(SupervisorLimits.automaticPorts.contains(first.port))
        #expect(first.listeners.count == 1)
        #expect(first.datagrams.count == 1)
        #expect(first.discovery.isEmpty)
        #expect(first.discoveryPort == 0)
        // UDP alone is enough to be in the way.
        for listener in first.listeners { _ = listener.take() }
        let wanted = try Configuration(
            options([
                "bind": ["127.0.0.1"], "discovery-address": ["off"],
                "peer-port": [String(first.port)],
            ]))
        let error = #expect(throws: StartError.self) {
            try PeerSockets(wanted, kept: nil, using: &generator)
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("--peer-port \(first.port)") == true)
        let moved = try PeerSockets(automatic, kept: first.port, using: &generator)
        #expect(moved.port != first.port)
        #expect(moved.notes.count == 1)
        for socket in first.datagrams { _ = socket.take() }
        let again = try PeerSockets(wanted, kept: nil, using: &generator)
        #expect(again.port == first.port)
    }

    @Test func nodesOfOneMachineShareTheDiscoveryPort() throws {
        var generator = SplitMix64(seed: UInt64(SelfProcess.pid) &+ 6)
        let port = UInt16.random(in: 20_000...29_999, using: &generator)
        let configuration = try Configuration(
            options([
                "bind": ["127.0.0.1"], "discovery-address": ["127.255.255.255"],
                "discovery-port": [String(port)],
            ]))
        let nodes = try (0..<3).map { _ in
            try PeerSockets(configuration, kept: nil, using: &generator)
        }
        for node in nodes {
            #expect(node.discovery.count == 1)
            #expect(node.discoveryPort == port)
            #expect(node.notes.isEmpty)
        }
    }

    @Test func withoutItsDiscoveryPortANodeStartsAndSaysSo() throws {
        var generator = SplitMix64(seed: UInt64(SelfProcess.pid) &+ 7)
        let address = try #require(BindAddress("127.255.255.255"))
        let port = UInt16.random(in: 20_000...29_999, using: &generator)
        let taken = try DatagramSocket.bind(at: address, port: port, isShared: false)
        let configuration = try Configuration(
            options([
                "bind": ["127.0.0.1"], "discovery-address": ["127.255.255.255"],
                "discovery-port": [String(port)],
            ]))
        let sockets = try PeerSockets(configuration, kept: nil, using: &generator)
        #expect(sockets.discovery.isEmpty)
        #expect(sockets.discoveryPort == 0)
        #expect(sockets.notes.count == 1)
        _ = consume taken
    }

    @Test func aTakenPortIsRefusedAndNamed() throws {
        let address = try #require(BindAddress("127.0.0.1"))
        let taken = try TCPListener.listen(at: address, port: 0)
        let bound = TCPListener.port(of: taken)
        let port = try #require(bound)
        var given = GivenOptions()
        given[.httpPort] = .init(texts: [String(port)], place: "--http-port")
        given[.bind] = .init(texts: ["127.0.0.1"], place: "--bind")
        let configuration = try Configuration(given)
        var generator = SplitMix64(seed: 1)
        let error = #expect(throws: StartError.self) {
            try HTTPListeners(configuration, kept: nil, using: &generator)
        }
        #expect(error?.code == .unavailable)
        #expect(error?.message.contains("--http-port \(port)") == true)
    }

    @Test func anAutomaticPortIsOfTheRangeAndAKeptOneStays() throws {
        var given = GivenOptions()
        given[.bind] = .init(texts: ["127.0.0.1"], place: "--bind")
        let configuration = try Configuration(given)
        var generator = SplitMix64(seed: UInt64(SelfProcess.pid))
        let first = try HTTPListeners(configuration, kept: nil, using: &generator)
        #expect(SupervisorLimits.automaticPorts.contains(first.port))
        for listener in first.listeners { _ = listener.take() }
        let second = try HTTPListeners(configuration, kept: first.port, using: &generator)
        #expect(second.port == first.port)
        // The kept port is taken now: the node moves, and says so.
        let third = try HTTPListeners(configuration, kept: first.port, using: &generator)
        #expect(third.port != first.port)
        #expect(third.notes.count == 1)
        withExtendedLifetime(second) {}
    }

    @Test func aSocketThatDoesNotListenHasNoPort() throws {
        let pair = try UnixSocket.pair(.stream)
        let ports = pair.take { first, second in
            (TCPListener.port(of: first), TCPListener.port(of: second))
        }
        #expect(ports.0 == nil)
        #expect(ports.1 == nil)
    }
}
