import IPC
import Model

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
            + frames.map { name, type, message in
                let bytes = bytes(type, message)
                return ("frame-\(name)", bytes)
            }
    }
}
