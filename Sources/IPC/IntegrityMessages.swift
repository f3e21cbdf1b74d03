package import Model

/// `integrity`: a check of all contents against what was stored.
package struct IntegrityRequest: Message {
    package enum Order: UInt8, Sendable {
        /// How the last check went that somebody asked for, or goes.
        case tell = 0
        /// Begins one, or joins the one that is under way.
        case begin = 1
        /// As `tell`, when it is over, or after some time.
        case untilDone = 2
    }

    package var order: Order
    /// Of all nodes, else of this one alone.
    package var isOfCluster: Bool

    package init(_ order: Order, isOfCluster: Bool) {
        self.order = order
        self.isOfCluster = isOfCluster
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(order.rawValue)
        writer.write(isOfCluster)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        guard let order = Order(rawValue: try reader.readUInt8()) else { throw .invalid("order") }
        self.order = order
        isOfCluster = try reader.readBool()
    }
}

/// The answer to `integrity`.
package struct IntegrityResponse: Message {
    package struct Node: Equatable, Sendable {
        package var node: NodeID
        /// Nil of a node that did not answer, or where no check was asked for.
        package var summary: ScrubSummary?

        package init(node: NodeID, summary: ScrubSummary?) {
            self.node = node
            self.summary = summary
        }
    }

    /// The node that answers first; at most `IPCLimits.integrityNodesMax`.
    package var nodes: [Node]

    package init(nodes: [Node]) { self.nodes = nodes }

    package func encode(into writer: inout ByteWriter) {
        precondition(nodes.count <= IPCLimits.integrityNodesMax, "too many nodes in one answer")
        writer.write(UInt16(nodes.count))
        for node in nodes {
            node.node.encode(into: &writer)
            writer.write(node.summary != nil)
            node.summary?.encode(into: &writer)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        let count = Int(try reader.readUInt16())
        guard count <= IPCLimits.integrityNodesMax else { throw .invalid("count") }
        nodes = []
        for _ in 0..<count {
            let node = try NodeID(from: &reader)
            let summary = try reader.readBool() ? try ScrubSummary(from: &reader) : nil
            nodes.append(Node(node: node, summary: summary))
        }
    }
}

/// `suspectContent`: what a client was about to be given of the file, or of an old version of it, is not what was
/// stored.
package struct SuspectNotice: Message {
    package var path: StorePath
    /// What the content had to be.
    package var digest: Digest

    package init(path: StorePath, digest: Digest) {
        self.path = path
        self.digest = digest
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(path)
        writer.write(digest)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        path = try reader.readPath()
        digest = try reader.readDigest()
    }
}
