import Glibc
import Model
import Posix
import Testing

@testable import SupervisorProcess

struct LocalClusterOptionsTests {
    private func read(
        _ arguments: [String], environment: [String: String] = [:]
    ) throws -> LocalClusterOptions {
        try LocalClusterOptions(
            Configuration.merged(
                try CommandLineArguments.read(arguments), environment: { environment[$0] }))
    }

    @Test func theDefaultsStayOnThisMachine() throws {
        let options = try read(["--sim-nodes", "3"])
        #expect(options.nodes.map(\.name) == ["sim-1", "sim-2", "sim-3"])
        #expect(options.nodes.map(\.httpPort) == [30_000, 30_001, 30_002])
        #expect(options.bind.map(\.description) == ["127.0.0.1"])
        #expect(options.dataDirectory == nil)
        #expect(options.url(of: options.nodes[2]) == "http://127.0.0.1:30002/")
        #expect(
            options.arguments(of: options.nodes[1], base: "/tmp/x") == [
                "--node-id=sim-2", "--data-dir=/tmp/x", "--bind=127.0.0.1",
                "--discovery-port=30000", "--discovery-address=127.255.255.255", "--no-desktop",
            ])
    }

    @Test func whatANodeIsGivenIsReadAsItWasMeant() throws {
        let options = try read(
            [
                "--sim-nodes", "2", "--base-port", "31000", "--data-dir", "/d", "--bind", "::1",
                "--bind", "127.0.0.1", "--discovery-port", "9998", "--cluster-name", "home",
                "--zone", "attic", "--debug", "--idle-timeout", "75",
            ], environment: ["CLUSTERF_CAPACITY": "5G", "CLUSTERF_NO_STORE": "false"])
        #expect(options.dataDirectory == "/d")
        let arguments = options.arguments(of: options.nodes[1], base: "/d")
        let node = try Configuration.read(
            try CommandLineArguments.read(arguments), environment: { _ in nil })
        #expect(node.nodeID?.name == "sim-2")
        #expect(node.dataDirectory == "/d")
        #expect(node.httpPort == 0, "the port comes as a socket")
        #expect(node.bind.map(\.description) == ["::1", "127.0.0.1"])
        #expect(node.peers.discoveryPort == 9998)
        #expect(node.peers.clusterName.name == "home")
        #expect(node.peers.zone == "attic")
        #expect(node.peers.capacity == 5 << 30)
        #expect(!node.peers.keepsNothing)
        #expect(node.debug)
        #expect(!node.opensDesktop)
        #expect(node.gatewayLimits["idle_timeout_ms"] == "75000")
        #expect(options.url(of: options.nodes[1]) == "http://[::1]:31001/")
    }

    @Test(arguments: [
        ["--sim-nodes", "0"], ["--sim-nodes", "257"], ["--sim-nodes", "x"],
        ["--sim-nodes", "2", "--base-port", "65535"], ["--sim-nodes", "2", "--base-port", "0"],
        ["--sim-nodes", "2", "--node-id", "a"], ["--sim-nodes", "2", "--http-port", "8080"],
        ["--sim-nodes", "2", "--peer-port", "1"], ["--sim-nodes", "2", "--join", "h:1"],
        ["--sim-nodes", "2", "--no-store"], ["--sim-nodes", "2", "--discovery-address", "off"],
        ["--sim-nodes", "2", "--data-dir", ""], ["--sim-nodes", "2", "--zone", "a/b"],
    ])
    func contradictionsAreRefused(arguments: [String]) {
        let error = #expect(throws: StartError.self) { try self.read(arguments) }
        #expect(error?.code == .usage)
    }

    @Test func theLastPortMayBeTheLastThereIs() throws {
        let options = try read(["--sim-nodes", "2", "--base-port", "65534"])
        #expect(options.nodes.last?.httpPort == 65_535)
    }

    @Test func theBasePortAloneIsNothing() {
        let error = #expect(throws: StartError.self) {
            try Configuration.read(
                try CommandLineArguments.read(["--base-port", "31000"]), environment: { _ in nil })
        }
        #expect(error?.message.contains("--sim-nodes") == true)
    }
}

struct LocalClusterOutputTests {
    @Test func whatSeveralSayAtOneTimeIsShownOnce() {
        var lines = RepeatedLines()
        let said: [(String, Int)] = [("a", 1), ("a", 5), ("b", 5), ("a", 12)]
        let shown = said.map { lines.isNew($0.0, now: .seconds($0.1)) }
        #expect(shown == [true, false, true, true], "later it is news again")
        let many = (0..<1000).map { lines.isNew("\($0)", now: .seconds(20)) }
        #expect(many.allSatisfy { $0 })
    }

    @Test func aLineOfTheLogIsKnownByItsLevel() {
        let line = NodeLine("2026-11-26T14:41:39.672Z warning store[12] something is wrong a=b")
        #expect(line?.level == .warning)
        #expect(line?.message == "something is wrong a=b")
        #expect(NodeLine("clusterf-supervisor: --http-port 1 is taken") == nil)
        #expect(NodeLine("") == nil)
    }
}

/// A directory that goes with its test.
private final class Scratch {
    let path: String

    init() throws {
        var template = Array("/tmp/clusterf-test-XXXXXX".utf8CString)
        path = try #require(mkdtemp(&template).map { String(cString: $0) })
    }

    deinit {
        guard let top = opendir(path) else { return }
        while let entry = readdir(top) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name != ".", name != ".." else { continue }
            unlink("\(path)/\(name)/sim-nodes.demo")
            rmdir("\(path)/\(name)")
        }
        closedir(top)
        rmdir(path)
    }
}

struct LocalClusterDirectoryTests {
    @Test func whoseDemoFileWasPutIsRemembered() throws {
        let parent = try Scratch()
        let directory = try LocalClusterDirectory(nil) { $0 == "TMPDIR" ? parent.path : nil }
        #expect(directory.isTemporary)
        #expect(directory.path.hasPrefix(parent.path + "/clusterf-sim-"))
        #expect(try directory.nodesWithDemo().isEmpty)
        try directory.rememberDemo(of: ["sim-1", "sim-10"])
        let again = try LocalClusterDirectory(directory.path) { _ in nil }
        #expect(!again.isTemporary)
        #expect(try again.nodesWithDemo() == ["sim-1", "sim-10"])
    }

    @Test func aTemporaryDirectoryThatCannotBeMadeIsSaid() {
        let error = #expect(throws: StartError.self) {
            _ = try LocalClusterDirectory(nil) { $0 == "TMPDIR" ? "/proc/nowhere" : nil }
        }
        #expect(error?.code == .cannotCreate)
        #expect(error?.hint.contains("--data-dir") == true)
    }
}

struct ReadinessTests {
    @Test func readinessIsHeardOfTheProcessItself() throws {
        let socket = try NotificationSocket()
        #expect(socket.address.hasPrefix("@"))
        let notifier = try #require(
            SystemdNotifier(
                environment: { $0 == "NOTIFY_SOCKET" ? socket.address : nil }, pid: getpid()))
        notifier.send(["STATUS=store ready", "READY=1"])
        #expect(try socket.receive(from: getpid()) == "STATUS=store ready\nREADY=1")
        #expect(try socket.receive(from: getpid()) == nil)
        notifier.send(["READY=1"])
        #expect(try socket.receive(from: getpid() + 1) == nil, "somebody else said so")
        #expect(try socket.receive(from: getpid()) == nil, "it was dropped")
    }
}
