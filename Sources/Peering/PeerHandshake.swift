internal import IPC
package import Model

// ```
//   who dialed ──hello──▶ who accepted ──welcome──▶ the link is up
//                                      ──refusal──▶ closed: a sentence says why
// ```

/// The versions that this program speaks with other gateways.
package enum PeerVersions {
    /// Of the connection: its frames and handshake.
    package static let link: ClosedRange<UInt16> = 1...1
    /// Of the stores' messages, whose bytes gateways do not read (docs/PEER.md): gateways settle it,
    /// since a store has no connection of its own.
    package static let message: ClosedRange<UInt16> = 1...1
}

/// What a connection is for.
package enum ConnectionKind: UInt8, Sendable, CaseIterable {
    /// The stores' messages.
    case control = 0
    /// Large contents.
    case bulk = 1
}

/// The first frame of who dialed.
package struct PeerHello: Message {
    /// "clfspeer" in ASCII: a stranger is known by its first bytes.
    package static let magic: UInt64 = 0x636C_6673_7065_6572

    package var linkVersions = PeerVersions.link
    package var messageVersions = PeerVersions.message
    package var identity: GatewayIdentity
    package var kind: ConnectionKind
    /// The number of the last link between the two gateways that this side has seen: what lets the
    /// other side tell a link that this side has lost from one that it did not know of yet.
    package var linksSeen: UInt64

    package init(identity: GatewayIdentity, kind: ConnectionKind, linksSeen: UInt64) {
        self.identity = identity
        self.kind = kind
        self.linksSeen = linksSeen
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(PeerHello.magic)
        writer.write(linkVersions)
        writer.write(messageVersions)
        identity.encode(into: &writer)
        writer.write(kind.rawValue)
        writer.write(linksSeen)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        guard try reader.readUInt64() == PeerHello.magic else { throw .invalid("magic") }
        linkVersions = try reader.readVersions()
        messageVersions = try reader.readVersions()
        identity = try GatewayIdentity(from: &reader)
        guard let kind = ConnectionKind(rawValue: try reader.readUInt8()) else {
            throw .unknown("kind")
        }
        self.kind = kind
        linksSeen = try reader.readUInt64()
    }
}

extension ByteWriter {
    fileprivate mutating func write(_ versions: ClosedRange<UInt16>) {
        write(versions.lowerBound)
        write(versions.upperBound)
    }
}

extension ByteReader {
    fileprivate mutating func readVersions() throws(DecodeError) -> ClosedRange<UInt16> {
        let lowest = try readUInt16()
        let highest = try readUInt16()
        guard lowest <= highest else { throw .invalid("version") }
        return lowest...highest
    }
}

/// The answer to a hello that is taken: from here on the connection is the link of the two gateways.
package struct PeerWelcome: Message {
    package var linkVersion: UInt16
    package var messageVersion: UInt16
    package var node: NodeID
    package var life: GatewayLife
    /// Of the links between the two gateways: above all that either has seen.
    package var number: UInt64

    package init(
        linkVersion: UInt16, messageVersion: UInt16, node: NodeID, life: GatewayLife, number: UInt64
    ) {
        self.linkVersion = linkVersion
        self.messageVersion = messageVersion
        self.node = node
        self.life = life
        self.number = number
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(linkVersion)
        writer.write(messageVersion)
        writer.writeText(node.name)
        life.encode(into: &writer)
        writer.write(number)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        linkVersion = try reader.readUInt16()
        messageVersion = try reader.readUInt16()
        node = try reader.readNode()
        life = try GatewayLife(from: &reader)
        number = try reader.readUInt64()
    }
}

/// The answer to a hello that is not taken; the connection is closed after it.
package struct PeerRefusal: Message {
    package var code: Code
    /// Who refuses.
    package var node: NodeID
    /// Why, for people.
    package var sentence: String

    /// Why, for programs. One that a newer gateway made up is kept as it is.
    package struct Code: Hashable, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        package static let otherCluster = Code(rawValue: 1)
        package static let sameNode = Code(rawValue: 2)
        package static let version = Code(rawValue: 3)
        /// Both dialed at once: the other connection is the one.
        package static let crossing = Code(rawValue: 4)
        package static let olderGateway = Code(rawValue: 5)
        /// There is a link already.
        package static let linked = Code(rawValue: 6)
        package static let busy = Code(rawValue: 7)
        package static let kind = Code(rawValue: 8)
        /// The gateway is being replaced, or its node stops.
        package static let leaving = Code(rawValue: 9)
        package static let openNetwork = Code(rawValue: 10)
        /// One side has a cluster key and the other has none. Said without encryption: the one refusal
        /// that is.
        package static let clusterKey = Code(rawValue: 11)

        /// Whether people have to do something before another try can succeed.
        package var isLasting: Bool {
            [.otherCluster, .sameNode, .version, .kind, .clusterKey].contains(self)
        }
        /// Whether it says that there is, or will be, another connection.
        package var isTransient: Bool { [.crossing, .linked, .leaving].contains(self) }
    }

    package init(_ code: Code, by node: NodeID, _ sentence: String) {
        self.code = code
        self.node = node
        self.sentence = sentence
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(code.rawValue)
        writer.writeText(node.name)
        writer.writeRun(sentence.utf8.prefix(PeeringLimits.sentenceByteCountMax))
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        code = Code(rawValue: try reader.readUInt8())
        node = try reader.readNode()
        sentence = try reader.readText(max: PeeringLimits.sentenceByteCountMax)
    }
}

/// What a gateway makes of a hello by itself, before it looks at the links that it has.
package enum PeerHandshake {
    package enum Verdict: Equatable, Sendable {
        case fits(PeerHello)
        /// Of whom, as far as the hello could be read.
        case refused(PeerRefusal, by: NodeID?)
        /// No hello of a gateway: not worth an answer.
        case nonsense(DecodeError)
    }

    /// Judges the payload of a first frame. Fields of a later version, which would follow those that are
    /// known, are passed over.
    package static func judge(_ payload: RawSpan, by own: GatewayIdentity) -> Verdict {
        do throws(DecodeError) {
            // The versions alone first: of a version that is not spoken nothing else can be read.
            var reader = ByteReader(payload)
            guard try reader.readUInt64() == PeerHello.magic else { throw .invalid("magic") }
            for (what, spoken) in [
                ("peer protocol", PeerVersions.link), ("message format", PeerVersions.message),
            ] {
                let theirs = try reader.readVersions()
                guard theirs.overlaps(spoken) else {
                    let sentence =
                        "node \(own.node) speaks \(what) \(text(spoken)), not \(text(theirs)):"
                        + " update the older of the two"
                    return .refused(PeerRefusal(.version, by: own.node, sentence), by: nil)
                }
            }
            var whole = ByteReader(payload)
            let hello = try PeerHello(from: &whole)
            if let refusal = refusal(of: hello.identity, by: own) {
                return .refused(refusal, by: hello.identity.node)
            }
            return .fits(hello)
        } catch {
            return .nonsense(error)
        }
    }

    private static func refusal(
        of theirs: GatewayIdentity, by own: GatewayIdentity
    ) -> PeerRefusal? {
        if theirs.cluster != own.cluster {
            return PeerRefusal(
                .otherCluster, by: own.node,
                "node \(own.node) belongs to the cluster \"\(own.cluster)\", not to"
                    + " \"\(theirs.cluster)\"")
        }
        guard theirs.node == own.node else { return nil }
        if theirs.life.started == own.life.started {
            return PeerRefusal(
                .sameNode, by: own.node, "this address is that of the node \(own.node) itself")
        }
        return PeerRefusal(
            .sameNode, by: own.node,
            "two nodes have the id \(own.node): give one of them another (--node-id)")
    }

    private static func text(_ versions: ClosedRange<UInt16>) -> String {
        versions.count == 1
            ? "\(versions.lowerBound)" : "\(versions.lowerBound) to \(versions.upperBound)"
    }

    /// The welcome that agrees on the highest versions of both.
    package static func welcome(
        _ hello: PeerHello, by own: GatewayIdentity, number: UInt64
    ) -> PeerWelcome {
        PeerWelcome(
            linkVersion: min(hello.linkVersions.upperBound, PeerVersions.link.upperBound),
            messageVersion: min(hello.messageVersions.upperBound, PeerVersions.message.upperBound),
            node: own.node, life: own.life, number: number)
    }
}
