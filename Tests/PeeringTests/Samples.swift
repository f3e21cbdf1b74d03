import IPC
import Model
import PeerKeys

@testable import Peering

func node(_ name: String) -> NodeID {
    guard let node = NodeID(name) else { preconditionFailure("no node id: \(name)") }
    return node
}

func cluster(_ name: String) -> ClusterName {
    guard let cluster = ClusterName(name) else { preconditionFailure("no cluster: \(name)") }
    return cluster
}

func identity(
    _ name: String, cluster clusterName: String = "default", port: UInt16 = 30_001,
    started: UInt64 = 1_000, generation: UInt64 = 1, number: UInt64 = 7
) -> GatewayIdentity {
    GatewayIdentity(
        cluster: cluster(clusterName), node: node(name), peerPort: port,
        life: GatewayLife(started: started, generation: generation, number: number))
}

func address(_ host: String, _ port: UInt16 = 30_001) -> PeerAddress {
    PeerAddress(host: host, port: port)
}

func encoded(_ message: some Message) -> [UInt8] {
    var writer = ByteWriter()
    message.encode(into: &writer)
    return writer.bytes
}

func part(
    to name: String, _ message: UInt64, _ bytes: [UInt8] = [1], part: UInt32 = 0,
    isLast: Bool = true, channel: PeerPart.Channel = .connection
) -> PeerPart {
    PeerPart(
        node: node(name), channel: channel, message: message, part: part, isLast: isLast,
        bytes: bytes)
}

/// The keys of a cluster key whose bytes count from `first`.
func keys(from first: UInt8) -> PeerKeys {
    guard let key = ClusterKey(bytes: (0..<32).map { first &+ $0 }) else {
        preconditionFailure("no key")
    }
    return PeerKeys(key)
}

let testKeys = keys(from: 0)

/// One value of each format, for golden bytes.
enum Samples {
    static var datagrams: [(String, Datagram)] {
        [
            ("announce", .announce(identity("n1"))),
            ("solicit", .solicit(identity("n-2", cluster: "home", generation: 3))),
            ("answer", .answer(identity("n3"))),
            (
                "membership",
                .membership(
                    MembershipDatagram(
                        clusterTag: MembershipDatagram.tag(of: cluster("default")),
                        sender: node("n1"), message: 9, payload: [1, 2, 3]))
            ),
        ]
    }

    /// With the seal of `testKeys`.
    static var sealed: [(String, Datagram, DatagramSeal)] {
        let id = testKeys.id
        return datagrams.map { name, datagram in
            (name, datagram, DatagramSeal(keyID: id, answers: 3, asks: 4, counter: 5))
        } + [
            (
                "challenge", .challenge(identity("n1")),
                DatagramSeal(keyID: id, answers: 0, asks: 0x0102_0304_0506_0708, counter: 1)
            )
        ]
    }

    static var frames: [(String, PeerFrameType, any Message)] {
        [
            ("hello", .hello, PeerHello(identity: identity("n1"), kind: .bulk, linksSeen: 4)),
            (
                "welcome", .welcome,
                PeerWelcome(
                    linkVersion: 1, messageVersion: 1, node: node("n2"),
                    life: GatewayLife(started: 1, generation: 2, number: 3), number: 5)
            ),
            ("refusal", .refusal, PeerRefusal(.otherCluster, by: node("n2"), "another cluster")),
            ("part", .part, LinkPart(message: 8, part: 1, isLast: true, bytes: [9, 8])),
            ("alive", .alive, Empty()),
            ("leave", .leave, Empty()),
            (
                "fetch", .fetch,
                BulkFetch(
                    object: ObjectID(bits: Bits128(high: 1, low: 2)), offset: 3, byteCount: 1 << 40)
            ),
            ("content", .content, BulkContent(byteCount: 1 << 33)),
            ("unavailable", .unavailable, BulkUnavailable(.busy)),
        ]
    }

    static func bytes(_ type: PeerFrameType, _ message: some Message) -> [UInt8] {
        PeerFrame.bytes(type, message)
    }

    /// All of them, by name.
    static var bytes: [(String, [UInt8])] {
        datagrams.map { ("datagram-\($0.0)", $0.1.bytes) }
            + sealed.map {
                ("sealed-\($0.0)", $0.1.sealed($0.2, with: testKeys.authenticator))
            }
            + frames.map { name, type, message in
                let bytes = bytes(type, message)
                return ("frame-\(name)", bytes)
            }
    }
}
