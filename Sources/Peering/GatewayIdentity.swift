package import Model

/// One life of one node's gateway, as the gateways of other nodes tell it from earlier ones.
package struct GatewayLife: Hashable, Sendable {
    /// When its supervisor started: milliseconds since 1970 by that machine's clock.
    package var started: UInt64
    /// Of the gateways of one supervisor the newer has the higher one.
    package var generation: UInt64
    /// Random: two lives that a clock cannot tell apart are two all the same.
    package var number: UInt64

    package init(started: UInt64, generation: UInt64, number: UInt64) {
        self.started = started
        self.generation = generation
        self.number = number
    }

    /// Whether this life began later. Of two supervisors the clock of their machine tells; where it
    /// was set back, the older life's connections end by their own silence.
    package func isNewer(than other: GatewayLife) -> Bool {
        (started, generation) > (other.started, other.generation)
    }

    func encode(into writer: inout ByteWriter) {
        writer.write(started)
        writer.write(generation)
        writer.write(number)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        started = try reader.readUInt64()
        generation = try reader.readUInt64()
        number = try reader.readUInt64()
    }
}

/// Who a gateway says it is.
package struct GatewayIdentity: Hashable, Sendable {
    package var cluster: ClusterName
    package var node: NodeID
    /// Where it is reached, by TCP and UDP.
    package var peerPort: UInt16
    package var life: GatewayLife

    package init(cluster: ClusterName, node: NodeID, peerPort: UInt16, life: GatewayLife) {
        self.cluster = cluster
        self.node = node
        self.peerPort = peerPort
        self.life = life
    }

    func encode(into writer: inout ByteWriter) {
        writer.writeText(cluster.name)
        writer.writeText(node.name)
        writer.write(peerPort)
        life.encode(into: &writer)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        guard let cluster = ClusterName(try reader.readText(max: ClusterName.byteCountMax)) else {
            throw .invalid("cluster")
        }
        self.cluster = cluster
        node = try reader.readNode()
        peerPort = try reader.readUInt16()
        guard peerPort != 0 else { throw .invalid("port") }
        life = try GatewayLife(from: &reader)
    }
}

extension ByteReader {
    mutating func readNode() throws(DecodeError) -> NodeID {
        guard let node = NodeID(try readText(max: NodeID.byteCountMax)) else {
            throw .invalid("node")
        }
        return node
    }
}
