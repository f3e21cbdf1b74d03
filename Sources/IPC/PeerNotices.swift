package import Model

// What gateway and store tell each other of other nodes. All are notices: a message between nodes may
// be lost anyway, and what asks for an answer has its own in it.
//
//   gateway ──attachPeers──▶ store      this link carries peers' messages from now on
//   gateway ──peerFound────▶ store      a node of the cluster is within reach
//   gateway ──peerReceived─▶ store      a part of a message of another store
//   store ────peerSend─────▶ gateway    a part of a message for another store
//   store ────peerBook─────▶ gateway    where nodes are, as the cluster's state tells

/// An address under which a node's peers reach it: TCP and UDP at one port.
package struct PeerAddress: Hashable, Sendable {
    /// An IP address as a literal, with its zone where it is link-local (`fe80::1%eth0`).
    package var host: String
    package var port: UInt16

    package static let hostByteCountMax = 64

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    package func encode(into writer: inout ByteWriter) {
        writer.writeText(host)
        writer.write(port)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        host = try reader.readText(max: PeerAddress.hostByteCountMax)
        port = try reader.readUInt16()
        guard !host.isEmpty, port != 0 else { throw .invalid("address") }
    }

    /// Addresses of one node: at most `IPCLimits.addressCountMax`.
    static func encode(_ addresses: [PeerAddress], into writer: inout ByteWriter) {
        precondition(addresses.count <= IPCLimits.addressCountMax, "too many addresses of a node")
        writer.write(UInt16(addresses.count))
        for address in addresses { address.encode(into: &writer) }
    }

    static func list(from reader: inout ByteReader) throws(DecodeError) -> [PeerAddress] {
        let count = try reader.readUInt16()
        guard count <= UInt16(IPCLimits.addressCountMax) else { throw .invalid("count") }
        var addresses: [PeerAddress] = []
        for _ in 0..<count { addresses.append(try PeerAddress(from: &reader)) }
        return addresses
    }
}

extension NodeID {
    func encode(into writer: inout ByteWriter) { writer.writeText(name) }

    init(from reader: inout ByteReader) throws(DecodeError) {
        guard let node = NodeID(try reader.readText(max: NodeID.byteCountMax)) else {
            throw .invalid("node")
        }
        self = node
    }
}

/// `attachPeers`, a notice of a gateway: of its links this one carries what peers say. Of two gateways
/// the one of the higher generation is sent what is for peers; what either brings is taken.
package struct PeersAttached: Message {
    package var generation: UInt64
    /// Where this node's peers reach it, as far as this machine knows.
    package var addresses: [PeerAddress]

    package init(generation: UInt64, addresses: [PeerAddress]) {
        self.generation = generation
        self.addresses = addresses
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(generation)
        PeerAddress.encode(addresses, into: &writer)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        generation = try reader.readUInt64()
        addresses = try PeerAddress.list(from: &reader)
    }
}

/// `peerFound`, a notice of a gateway: another node of this cluster's name was heard of by discovery, or
/// a connection to it is up.
package struct PeerFound: Message {
    package var node: NodeID

    package init(node: NodeID) { self.node = node }

    package func encode(into writer: inout ByteWriter) { node.encode(into: &writer) }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        node = try NodeID(from: &reader)
    }
}

/// `peerSend` and `peerReceived`, notices: a part of a message between two stores. The parts of one
/// message follow each other; a message of which a part is missing is no message.
package struct PeerPart: Message {
    /// Whom it is for (`peerSend`), or who sent it (`peerReceived`).
    package var node: NodeID
    package var channel: Channel
    /// Grows with each message of the sending store to the node.
    package var message: UInt64
    /// 0 for the first part of the message.
    package var part: UInt32
    package var isLast: Bool
    package var bytes: [UInt8]

    package enum Channel: UInt8, Sendable {
        /// May be lost, doubled, overtaken: one part.
        case datagram = 0
        /// In order as long as the connection lasts.
        case connection = 1
    }

    package init(
        node: NodeID, channel: Channel, message: UInt64, part: UInt32, isLast: Bool, bytes: [UInt8]
    ) {
        self.node = node
        self.channel = channel
        self.message = message
        self.part = part
        self.isLast = isLast
        self.bytes = bytes
    }

    package func encode(into writer: inout ByteWriter) {
        node.encode(into: &writer)
        writer.write(channel.rawValue)
        writer.write(message)
        writer.write(part)
        writer.write(isLast)
        writer.writeRun(bytes)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        node = try NodeID(from: &reader)
        guard let channel = Channel(rawValue: try reader.readUInt8()) else {
            throw .invalid("channel")
        }
        self.channel = channel
        message = try reader.readUInt64()
        part = try reader.readUInt32()
        isLast = try reader.readBool()
        bytes = try reader.readRun(max: IPCLimits.peerPartByteCountMax)
    }
}

/// `peerBook`, a notice of the store: where nodes are. Adds to what discovery found; a node that is
/// named again has these addresses instead.
package struct PeerBook: Message {
    package struct Entry: Equatable, Sendable {
        package var node: NodeID
        package var addresses: [PeerAddress]

        package init(node: NodeID, addresses: [PeerAddress]) {
            self.node = node
            self.addresses = addresses
        }
    }

    package var entries: [Entry]

    package init(entries: [Entry]) { self.entries = entries }

    package func encode(into writer: inout ByteWriter) {
        precondition(entries.count <= IPCLimits.bookCountMax, "too many nodes in one notice")
        writer.write(UInt32(entries.count))
        for entry in entries {
            entry.node.encode(into: &writer)
            PeerAddress.encode(entry.addresses, into: &writer)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        let count = try reader.readUInt32()
        guard count <= UInt32(IPCLimits.bookCountMax) else { throw .invalid("count") }
        entries = []
        for _ in 0..<count {
            let node = try NodeID(from: &reader)
            entries.append(
                Entry(node: node, addresses: try PeerAddress.list(from: &reader)))
        }
    }
}
