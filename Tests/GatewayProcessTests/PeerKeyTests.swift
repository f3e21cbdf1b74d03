import IPC
import Model
import NIOCore
import Peering
import Testing

@testable import GatewayProcess

/// Gateways with cluster keys over the loopback: TLS as it is, and datagrams with their codes.
@Suite(.serialized) struct PeerKeyTests {
    private let key = String(repeating: "0123456789abcdef", count: 4)
    private let otherKey = String(repeating: "fedcba9876543210", count: 4)
    private let piece = [UInt8](repeating: 7, count: IPCLimits.peerPartByteCountMax)

    private func discoveryPort() -> UInt16 {
        var generator = SystemRandomNumberGenerator()
        return UInt16.random(in: 20_000...29_999, using: &generator)
    }

    @Test func gatewaysOfOneKeyFindEachOtherAndCarryLargeMessagesBothWays() async throws {
        let discovery = discoveryPort()
        let a = try await PeerBench("a", discovery: discovery, key: key)
        let b = try await PeerBench("b", discovery: discovery, key: key)
        try await eventually("found") {
            let foundByA = try await a.on { $1.found }
            let foundByB = try await b.on { $1.found }
            return foundByA.contains("b") && foundByB.contains("a")
        }
        for (from, to) in [(a, "b"), (b, "a")] {
            for index in 0..<6 {
                try await from.send(
                    part(to: to, 1, piece, part: UInt32(index), isLast: index == 5))
            }
            for message in 2...20 { try await from.send(part(to: to, UInt64(message))) }
            try await from.send(part(to: to, 30, [9, 9], channel: .datagram))
        }
        for receiver in [a, b] {
            try await eventually("twenty messages and a datagram") {
                let came = try await receiver.on { $1.parts.contains { $0.channel == .datagram } }
                let count = try await receiver.messages().count
                return came && count >= 20
            }
            #expect(try await receiver.on { $1.messages.first?.byteCount } == 3 << 20)
            let summary = try await receiver.ask { $0.summary() }
            #expect(summary.linkCount == 1)
            #expect(summary.hasClusterKey)
            #expect(summary.keyIncidents.isEmpty)
        }
        try await a.end()
        try await b.end()
    }

    @Test func aSeedOfTheSameKeyIsJoined() async throws {
        let a = try await PeerBench("a", key: key)
        let b = try await PeerBench("b", join: ["127.0.0.1:\(a.port)"], key: key)
        try await eventually("found") { try await a.on { $1.found.contains("b") } }
        try await b.send(part(to: "a", 1, channel: .datagram))
        try await eventually("a datagram without any discovery") {
            try await a.on { $1.parts.contains { $0.channel == .datagram } }
        }
        try await a.end()
        try await b.end()
    }

    @Test(arguments: [KeyProblem.otherKey, .theirsMissing, .ownMissing])
    func keysThatDoNotFitAreSaidOnBothSidesAndNothingIsCarried(
        saidByAcceptor: KeyProblem
    ) async throws {
        let saidByDialer: KeyProblem =
            switch saidByAcceptor {
            case .ownMissing: .theirsMissing
            case .theirsMissing: .ownMissing
            case .otherKey, .nonsense: .otherKey
            }
        let acceptor = try await PeerBench(
            "a", key: saidByAcceptor == .ownMissing ? nil : key)
        let dialer = try await PeerBench(
            "b", join: ["127.0.0.1:\(acceptor.port)"],
            key: saidByDialer == .ownMissing ? nil : otherKey)
        for (bench, problem) in [(acceptor, saidByAcceptor), (dialer, saidByDialer)] {
            try await eventually("\(problem)") {
                try await bench.ask { $0.summary().keyIncidents.map(\.problem) } == [problem]
            }
            #expect(try await bench.on { $1.found }.isEmpty)
            #expect(try await bench.ask { $0.summary().linkCount } == 0)
        }
        let said = try await dialer.ask { $0.report().seeds.first?.problem ?? "" }
        #expect(said.contains("cluster key"), "\(said)")
        // A node that is known by the store is tried, too, and slowly.
        try await dialer.knows("a", at: acceptor)
        try await dialer.send(part(to: "a", 1))
        try await eventually("the dial failed") {
            try await dialer.ask {
                $0.report().peers.first?.problem?.contains("cluster key") ?? false
            }
        }
        #expect(try await acceptor.messages().isEmpty)
        try await acceptor.end()
        try await dialer.end()
    }

    @Test func garbageAtTheEncryptedPortIsCountedAndNothingElse() async throws {
        let a = try await PeerBench("a", key: key)
        let hello: [UInt8] = [0x16, 0x03, 0x01, 0x00, 0x05]
        let endless = hello.dropLast(2) + [0x3F, 0xFF] + [UInt8](repeating: 1, count: 40_000)
        let inputs: [[UInt8]] = [
            Array("GET / HTTP/1.1\r\n\r\n".utf8), hello + [1, 2, 3, 4, 5], Array(endless),
            [UInt8](repeating: 0xFF, count: 300), [0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x28],
        ]
        for bytes in inputs {
            let peer = try RawPeer(port: a.port)
            peer.send(bytes)
            try await eventually("the end of the connection") { peer.poll() }
            #expect(peer.frames.isEmpty)
        }
        let summary = try await a.ask { $0.summary() }
        #expect(summary.counts.connectionsOfNobody == UInt64(inputs.count))
        #expect(summary.keyIncidents.isEmpty)
        #expect(try await a.ask { $0.report().incidents }.isEmpty)
        let b = try await PeerBench("b", join: ["127.0.0.1:\(a.port)"], key: key)
        try await eventually("found") { try await a.on { $1.found } == ["b"] }
        try await a.end()
        try await b.end()
    }

    @Test func aPlainHelloIsRefusedWithoutEncryption() async throws {
        let a = try await PeerBench("a", key: key)
        let peer = try RawPeer(port: a.port)
        peer.hello(as: "x")
        try await eventually("the end of the connection") { peer.poll() }
        #expect(peer.types == [3])
        #expect(try await a.ask { $0.summary().counts.connectionsWithoutKey } == 1)
        #expect(try await a.on { $1.found }.isEmpty)
        try await a.end()
    }

    @Test func firstBytesTellWhoSpeaks() {
        let hello = PeerFrame.bytes(.alive, Empty())
        #expect(FirstBytes([]) == .tooFew)
        #expect(FirstBytes([0x16]) == .tooFew)
        #expect(FirstBytes([0x16, 0x03]) == .encrypted)
        #expect(FirstBytes([0x15, 0x03, 3]) == .encrypted)
        #expect(FirstBytes([0x16, 0x02]) == .other)
        for end in 1..<16 { #expect(FirstBytes(hello.prefix(end)) == .tooFew) }
        #expect(FirstBytes(hello) == .frame)
        #expect(FirstBytes(Array("GET".utf8)) == .other)
        #expect(FirstBytes([0, 0, 1, 0, 0, 1, 1]) == .other)
    }

    @Test func aKeyInTheSettingsIsCheckedAndNotShown() throws {
        var values = ["node_id": "n", "peer_port": "5", "cluster_key": "abcd"]
        #expect(throws: SettingsFault.self) { try PeerSettings(Settings(values)) }
        values["cluster_key"] = key
        let settings = try #require(try PeerSettings(Settings(values)))
        #expect(settings.clusterKey?.text == key)
        #expect(!"\(settings)".contains("0123456789abcdef"))
        values["store_socket"] = "/s"
        values["store_fds_socket"] = "/d"
        let gateway = try GatewaySettings(Settings(values), coreCount: 1)
        #expect(gateway.facts["cluster_key"] == nil)
        #expect(gateway.facts["node_id"] == "n")
    }
}
