import Glibc
import IPC
import Model
import NIOCore
import NIOPosix
import Peering
import Posix
import Synchronization
import Testing

@testable import GatewayProcess

/// One gateway's peers with its fake store, on a thread of its own.
final class PeerBench: Sendable {
    private struct Parts {
        let service: PeerService
        let store: FakePeerStore
    }

    let group: MultiThreadedEventLoopGroup
    let pool: NIOThreadPool
    let port: UInt16
    private let listener: Int32
    private let datagrams: Int32
    private let parts: NIOLoopBound<Parts>

    /// - Parameter over: the gateway that this one replaces: it has the same sockets.
    init(
        _ name: String, generation: UInt64 = 1, discovery: UInt16 = 0, join: [String] = [],
        cluster: String = "default", key: String? = nil, host: String = "127.0.0.1",
        over old: PeerBench? = nil,
        interfaces: @escaping @Sendable () throws(PosixError) -> [NetworkInterface] =
            NetworkInterface.all
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let pool = NIOThreadPool(numberOfThreads: 1)
        pool.start()
        let made =
            try old.map { ($0.port, dup($0.listener), dup($0.datagrams)) }
            ?? TestSocket.peerPort(host)
        // Kept for a successor; the service takes the others.
        listener = dup(made.1)
        datagrams = dup(made.2)
        var sockets = PeerService.Sockets(listeners: [made.1], datagrams: [made.2])
        if discovery != 0 { sockets.discovery = [try TestSocket.discovery(port: discovery)] }
        let settings = try #require(
            try PeerSettings(
                Settings([
                    "node_id": name, "peer_port": String(made.0), "cluster_name": cluster,
                    "discovery_port": String(discovery),
                    "discovery_address": "127.255.255.255", "join": join.joined(separator: ","),
                    "started": "5000000000", "cluster_key": key ?? "",
                ])))
        let loop = group.next()
        let taken = sockets
        parts = try await loop.flatSubmit { () -> EventLoopFuture<NIOLoopBound<Parts>> in
            do {
                let store = FakePeerStore(loop: loop)
                let service = try PeerService(
                    loop: loop, settings: settings, generation: generation, seed: UInt64(made.0),
                    pool: pool, connector: store, sockets: taken, interfaces: interfaces)
                let bound = NIOLoopBound(
                    Parts(service: service, store: store), eventLoop: loop)
                return service.start(taken).map { bound }
            } catch {
                return loop.makeFailedFuture(error)
            }
        }.get()
        self.group = group
        self.pool = pool
        port = made.0
    }

    func on<Result: Sendable>(
        _ body: @escaping @Sendable (PeerService, FakePeerStore) -> Result
    ) async throws -> Result {
        let parts = parts
        return try await group.next().submit {
            body(parts.value.service, parts.value.store)
        }.get()
    }

    func ask<Result: Sendable>(
        _ body: @escaping @Sendable (PeerService) -> Result
    ) async throws -> Result {
        try await on { service, _ in body(service) }
    }

    func send(_ part: PeerPart) async throws { try await on { $1.send(part) } }

    func messages() async throws -> [UInt64] {
        try await on { _, store in store.messages.map(\.number) }
    }

    var address: PeerAddress { PeerAddress(host: "127.0.0.1", port: port) }

    func knows(_ name: String, at other: PeerBench) async throws {
        try await eventually("the store is attached") {
            try await self.on { $0.isAttached && !$1.attached.isEmpty }
        }
        guard let node = NodeID(name) else { return }
        let book = PeerBook(entries: [.init(node: node, addresses: [other.address])])
        try await on { $1.tell(book) }
    }

    func drain(seconds: Int64 = GatewayLimits.peerDrainSeconds) async throws {
        let parts = parts
        let promise = group.next().makePromise(of: Void.self)
        group.next().execute { parts.value.service.drain(seconds: seconds) { promise.succeed() } }
        try await promise.futureResult.get()
    }

    func end() async throws {
        // Peers made by hand answer no `leave`.
        try await drain(seconds: 1)
        close(listener)
        close(datagrams)
        try await pool.shutdownGracefully()
        try await group.shutdownGracefully()
    }
}

/// Waits until `condition` holds, for a minute: nobody waits longer than it takes, and a machine may
/// have much else to do.
func eventually(
    _ what: String, _ condition: @escaping () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try await !condition() {
        guard ContinuousClock.now < deadline else {
            Issue.record("\(what): not within a minute")
            return
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}

func part(
    to name: String, _ message: UInt64, _ bytes: [UInt8] = [1], part: UInt32 = 0,
    isLast: Bool = true, channel: PeerPart.Channel = .connection
) -> PeerPart {
    guard let node = NodeID(name) else { preconditionFailure("no node id: \(name)") }
    return PeerPart(
        node: node, channel: channel, message: message, part: part, isLast: isLast, bytes: bytes)
}

/// Two gateways' peers over the loopback.
@Suite(.serialized) struct PeerServiceTests {
    private let piece = [UInt8](repeating: 7, count: IPCLimits.peerPartByteCountMax)

    private func discoveryPort() -> UInt16 {
        var generator = SystemRandomNumberGenerator()
        return UInt16.random(in: 20_000...29_999, using: &generator)
    }

    @Test func gatewaysFindEachOtherAndCarryThreeMebibytesThereAndBack() async throws {
        let discovery = discoveryPort()
        let a = try await PeerBench("a", discovery: discovery)
        let b = try await PeerBench("b", discovery: discovery)
        try await eventually("found") {
            let foundByA = try await a.on { $1.found }
            let foundByB = try await b.on { $1.found }
            return foundByA.contains("b") && foundByB.contains("a")
        }
        let attached = try await a.on { $1.attached }
        #expect(attached.map(\.generation) == [1])
        #expect(attached.first?.addresses == [a.address])
        #expect(try await a.on { $1.order.first } == .attachPeers)
        for (from, to) in [(a, "b"), (b, "a")] {
            for index in 0..<6 {
                try await from.send(
                    part(to: to, 1, piece, part: UInt32(index), isLast: index == 5))
            }
            for message in 2...20 { try await from.send(part(to: to, UInt64(message))) }
        }
        for receiver in [a, b] {
            try await eventually("twenty messages") {
                try await receiver.messages().count == 20
            }
            #expect(try await receiver.messages() == Array(1...20))
            #expect(try await receiver.on { $1.messages.first?.byteCount } == 3 << 20)
            #expect(try await receiver.ask { $0.report().linkCount } == 1)
        }
        try await a.send(part(to: "b", 30, [9, 9], channel: .datagram))
        try await eventually("a datagram") {
            try await b.on { $1.parts.contains { $0.channel == .datagram && $0.bytes == [9, 9] } }
        }
        try await a.end()
        try await b.end()
    }

    @Test func aSeedIsLookedUpAndJoined() async throws {
        let a = try await PeerBench("a")
        let b = try await PeerBench("b", join: ["localhost:\(a.port)"])
        try await eventually("found") { try await a.on { $1.found } == ["b"] }
        #expect(try await b.ask { $0.report().seeds.first?.node?.name } == "a")
        try await a.end()
        try await b.end()
    }

    @Test func anotherClusterIsRefusedWithASentence() async throws {
        let a = try await PeerBench("a")
        let b = try await PeerBench("b", join: ["127.0.0.1:\(a.port)"], cluster: "office")
        try await eventually("a refusal") {
            try await b.ask { $0.report().seeds.first?.problem?.contains("\"default\"") ?? false }
        }
        #expect(try await a.ask { $0.report().linkCount } == 0)
        #expect(try await a.on { $1.found }.isEmpty)
        try await a.end()
        try await b.end()
    }

    @Test func whatALinkCutsOffIsNeverCompletedByTheNext() async throws {
        let a = try await PeerBench("a")
        let first = try RawPeer(port: a.port)
        first.hello(as: "x")
        try await eventually("a welcome") {
            _ = first.poll(); return first.types == [2]
        }
        first.part(1, 0, isLast: false, [1])
        try await eventually("a part") { try await a.on { $1.parts.count } == 1 }
        first.close()
        try await eventually("the end") { try await a.ask { $0.report().linkCount } == 0 }
        let second = try RawPeer(port: a.port)
        second.hello(as: "x", linksSeen: 1)
        second.part(1, 1, isLast: true, [2])
        second.part(2, 0, isLast: true, [3])
        try await eventually("the next message") { try await a.messages() == [2] }
        #expect(try await a.on { $1.parts.map(\.bytes) } == [[1], [3]])
        try await a.end()
    }

    @Test func aGatewayThatIsReplacedGivesItsPeersToTheNext() async throws {
        let a = try await PeerBench("a")
        let old = try await PeerBench("b", generation: 1)
        try await a.knows("b", at: old)
        try await old.knows("a", at: a)
        try await a.send(part(to: "b", 1))
        try await eventually("a message") { try await old.messages() == [1] }
        let new = try await PeerBench("b", generation: 2, over: old)
        try await new.knows("a", at: a)
        // The new one speaks first: its link replaces the old one's.
        try await new.send(part(to: "a", 2))
        try await eventually("a message") { try await a.messages() == [2] }
        try await a.send(part(to: "b", 3))
        try await eventually("a message") { try await new.messages() == [3] }
        try await old.drain()
        for message in 4...10 { try await a.send(part(to: "b", UInt64(message))) }
        try await eventually("all messages") { try await new.messages() == Array(3...10) }
        #expect(try await old.messages() == [1])
        try await a.end()
        try await new.end()
        try await old.end()
    }

    @Test func aDrainingGatewaySendsPeersToItsSuccessorByItself() async throws {
        let a = try await PeerBench("a")
        let old = try await PeerBench("b", generation: 1)
        try await a.knows("b", at: old)
        try await a.send(part(to: "b", 1))
        try await eventually("a message") { try await old.messages() == [1] }
        let new = try await PeerBench("b", generation: 2, over: old)
        // A datagram that comes before the store is attached is lost, as any may be.
        try await eventually("the store is attached") { try await new.ask { $0.isAttached } }
        try await old.drain()
        try await a.send(part(to: "b", 2))
        try await a.send(part(to: "b", 3, channel: .datagram))
        try await eventually("a message") { try await new.messages() == [2] }
        try await eventually("a datagram") {
            try await new.on { $1.parts.contains { $0.channel == .datagram } }
        }
        #expect(try await a.ask { $0.report().counts.messagesDropped } == 0)
        try await a.end()
        try await new.end()
        try await old.end()
    }

    @Test func garbageEndsItsConnectionAndNothingElse() async throws {
        let a = try await PeerBench("a")
        var generator = SplitMix64(seed: 3)
        let random = (0..<5_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let early = PeerFrame.bytes(
            .part, LinkPart(message: 1, part: 0, isLast: true, bytes: [1]))
        // A frame that would be allowed after the handshake, of which nothing but the start comes.
        let large = [0x00, 0x0F, 0x00, 0x00] + [UInt8](repeating: 0, count: 5_000)
        for bytes in [Array("GET / HTTP/1.1\r\n\r\n".utf8), random, early, large] {
            let peer = try RawPeer(port: a.port)
            peer.send(bytes)
            try await eventually("the end of the connection") { peer.poll() }
            #expect(peer.frames.isEmpty)
        }
        let socket = try TestSocket.datagram()
        let target = try #require(InternetAddress(host: "127.0.0.1", port: a.port))
        for bytes in [[], [1], Array(random.prefix(2_000))] as [[UInt8]] {
            try InternetSocket.send(bytes, over: socket, to: target)
        }
        try await eventually("three malformed datagrams") {
            try await a.ask { $0.report().counts.datagramsMalformed } == 3
        }
        let good = try RawPeer(port: a.port)
        good.hello(as: "x")
        good.part(1, 0, isLast: true, [1])
        try await eventually("a message") { try await a.messages() == [1] }
        try await a.end()
    }

    @Test func aPeerThatDoesNotReadCostsABoundedQueue() async throws {
        let a = try await PeerBench("a")
        let peer = try RawPeer(port: a.port)
        peer.hello(as: "x")
        try await eventually("a link") { try await a.ask { $0.report().linkCount } == 1 }
        let piece = piece
        try await a.on { _, store in
            for message in 1...120 { store.send(part(to: "x", UInt64(message), piece)) }
        }
        try await eventually("drops") {
            try await a.ask { $0.report().counts.messagesDropped } > 0
        }
        let waiting = try await a.ask { $0.report().peers.first?.waitingByteCount ?? 0 }
        #expect(waiting <= PeeringLimits.queueByteCountMax + (1 << 20))
        // It reads at last: what was kept comes whole.
        try await eventually("whole messages") {
            for _ in 0..<200 { _ = peer.poll() }
            return peer.types.count { $0 == 4 } > 30
        }
        try await a.end()
    }

    @Test func aStoreThatDoesNotReadLosesMessagesAndNothingGrows() async throws {
        let a = try await PeerBench("a")
        try await eventually("attached") { try await a.on { !$1.attached.isEmpty } }
        try await a.on { $1.setReading(false) }
        let peer = try RawPeer(port: a.port)
        peer.hello(as: "x")
        for message in 1...80 {
            peer.part(UInt64(message), 0, isLast: false, piece)
            peer.part(UInt64(message), 1, isLast: true, [1])
        }
        try await eventually("all is read") {
            try await a.ask { $0.report().counts.messagesReceived } == 80
        }
        try await a.on { $1.setReading(true) }
        try await eventually("what was kept comes") { try await a.messages().count > 20 }
        peer.part(999, 0, isLast: true, [1])
        try await eventually("the last") { try await a.messages().last == 999 }
        let came = try await a.messages()
        #expect(came.count < 80)
        #expect(came == came.sorted())
        try await a.end()
    }

    @Test func otherAddressesOfTheMachineAreToldToTheStore() async throws {
        let hosts = Mutex(["192.168.1.5"])
        let a = try await PeerBench(
            "a", host: "0.0.0.0",
            interfaces: { () throws(PosixError) in
                hosts.withLock { $0 }.compactMap { host in
                    InternetAddress(host: host, port: 0).map {
                        NetworkInterface(
                            name: "eth0", address: $0, broadcast: nil, isLoopback: false)
                    }
                }
            })
        try await eventually("attached") { try await a.on { $1.attached.count } == 1 }
        hosts.withLock { $0 = ["192.168.1.5", "10.0.0.7"] }
        try await eventually("told again") { try await a.on { $1.attached.count } == 2 }
        let told = try await a.on { $1.attached.map { $0.addresses.map(\.host) } }
        #expect(told == [["192.168.1.5"], ["192.168.1.5", "10.0.0.7"]])
        try await a.end()
    }

    @Test func aStoreThatComesBackIsAttachedAndToldOfAll() async throws {
        let a = try await PeerBench("a")
        let peer = try RawPeer(port: a.port)
        peer.hello(as: "x")
        try await eventually("found") { try await a.on { $1.found } == ["x"] }
        try await a.on { _, store in
            store.isListening = false
            store.die()
        }
        try await eventually("apart") { try await a.ask { !$0.isAttached } }
        peer.part(1, 0, isLast: true, [1])
        try await a.on { _, store in store.isListening = true }
        try await eventually("attached again") { try await a.on { $1.attached.count } == 2 }
        try await eventually("told again") { try await a.on { $1.found } == ["x", "x"] }
        peer.part(2, 0, isLast: true, [2])
        try await eventually("a message") { try await a.messages().last == 2 }
        try await a.end()
    }
}

/// Which socket reaches whom.
@Suite struct PeerNetworkTests {
    private func settings(_ address: String?) throws -> PeerSettings {
        var values = ["node_id": "n", "peer_port": "30001", "discovery_port": "9999"]
        values["discovery_address"] = address
        return try #require(try PeerSettings(Settings(values)))
    }

    private func interface(
        _ name: String, _ host: String, _ broadcast: String?, isLoopback: Bool = false
    ) throws -> NetworkInterface {
        NetworkInterface(
            name: name, address: try #require(InternetAddress(host: host, port: 0)),
            broadcast: broadcast.flatMap { InternetAddress(host: $0, port: 0) },
            isLoopback: isLoopback)
    }

    @Test func aNodeNamesTheAddressesOfItsInterfacesAndNoLinkLocalOnes() throws {
        let made = try TestSocket.peerPort()
        close(made.listener)
        let known = [
            try interface("lo", "127.0.0.1", "127.255.255.255", isLoopback: true),
            try interface("eth0", "192.168.1.5", "192.168.1.255"),
            try interface("eth0", "fe80::1%1", nil),
            try interface("eth0", "fd00::5", nil),
        ]
        func addresses(_ socket: Int32) throws -> [PeerAddress] {
            try PeerNetwork(
                sockets: [DescriptorBox(Descriptor(owning: socket))], settings: settings(nil),
                interfaces: { () throws(PosixError) in known }
            ).ownAddresses()
        }
        // Bound to one address: that alone.
        #expect(
            try addresses(made.datagrams) == [PeerAddress(host: "127.0.0.1", port: made.port)])
        let all = try TestSocket.peerPort("0.0.0.0")
        close(all.listener)
        #expect(
            try addresses(all.datagrams) == [PeerAddress(host: "192.168.1.5", port: all.port)])
    }

    @Test func theInterfacesOfThisMachineAreFound() throws {
        let all = try NetworkInterface.all()
        let loopback = all.first { $0.isLoopback && !$0.address.isV6 }
        #expect(loopback?.address.host == "127.0.0.1")
        #expect(loopback?.broadcast?.host == "127.255.255.255")
    }

    @Test func placesAreLookedUpAsPeopleWriteThem() {
        func hosts(_ place: String) -> [PeerAddress]? {
            if case .success(let found) = PeerService.lookUp(place) { found } else { nil }
        }
        #expect(hosts("127.0.0.1:5") == [PeerAddress(host: "127.0.0.1", port: 5)])
        #expect(hosts("[::1]:5") == [PeerAddress(host: "::1", port: 5)])
        #expect(hosts("localhost:5")?.contains(PeerAddress(host: "127.0.0.1", port: 5)) == true)
        for wrong in ["", ":", "host", "host:", "host:0", "host:70000", "no.such.invalid:5"] {
            #expect(hosts(wrong) == nil, "\(wrong)")
        }
    }

    @Test(arguments: ["127.0.0.1", "10.1.2.3", "::1", "fd00::5", "fe80::1%1"])
    func addressesSurviveTheKernelsForm(host: String) throws {
        let address = try #require(InternetAddress(host: host, port: 30_001))
        #expect(address.host == host)
        #expect(address.withSocketAddress { name, _ in InternetAddress(name) } == address)
        #expect(InternetAddress(address.socketAddress) == address)
    }

    @Test func settingsOfPeersAreChecked() throws {
        #expect(try PeerSettings(Settings(["node_id": "n"])) == nil)
        #expect(throws: SettingsFault.self) {
            try PeerSettings(Settings(["node_id": "n", "peer_port": "many"]))
        }
        #expect(throws: SettingsFault.self) {
            try PeerSettings(Settings(["node_id": "a/b", "peer_port": "5"]))
        }
        #expect(throws: SettingsFault.self) {
            try PeerSettings(
                Settings(["node_id": "n", "peer_port": "5", "cluster_name": "my cluster"]))
        }
        let whole = try #require(
            try PeerSettings(
                Settings([
                    "node_id": "n", "peer_port": "5", "join": "a:1,b:2", "started": "7000000",
                ])))
        #expect(whole.join == ["a:1", "b:2"])
        #expect(whole.supervisorStarted == 7)
        #expect(whole.discoveryPort == 0)
        #expect(whole.cluster.name == "default")
    }
}
