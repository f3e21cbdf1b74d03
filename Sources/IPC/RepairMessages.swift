package import Model

/// `repair`: a pass of comparisons with all nodes that hold the same.
package enum RepairRequest: UInt8, Message {
    /// How the last pass went, or goes.
    case tell = 0
    /// Begins one, or joins the one that is under way.
    case begin = 1
    /// As `tell`, when the pass is over, or after some time.
    case untilDone = 2

    package func encode(into writer: inout ByteWriter) { writer.write(rawValue) }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        guard let value = RepairRequest(rawValue: try reader.readUInt8()) else {
            throw .invalid("repair")
        }
        self = value
    }
}

/// The answer to `repair`.
package struct RepairStatus: Message {
    package struct Peer: Equatable, Sendable {
        package var node: NodeID
        package var outcome: Outcome
        package var comparisonCount: UInt32
        package var differingCount: UInt32
        package var movedByteCount: UInt64

        package init(
            node: NodeID, outcome: Outcome, comparisonCount: UInt32, differingCount: UInt32,
            movedByteCount: UInt64
        ) {
            self.node = node
            self.outcome = outcome
            self.comparisonCount = comparisonCount
            self.differingCount = differingCount
            self.movedByteCount = movedByteCount
        }
    }

    package enum Outcome: UInt8, Sendable, CaseIterable {
        case underWay = 0
        case equal = 1
        case differs = 2
        case unreachable = 3
        case failed = 4
    }

    /// Counts the passes of the store's life; 0: there was none.
    package var number: UInt64
    package var isDone: Bool
    /// At most `IPCLimits.clusterNodesMax`.
    package var peers: [Peer]

    package init(number: UInt64, isDone: Bool, peers: [Peer]) {
        self.number = number
        self.isDone = isDone
        self.peers = peers
    }

    package func encode(into writer: inout ByteWriter) {
        precondition(peers.count <= IPCLimits.clusterNodesMax, "too many nodes in one answer")
        writer.write(number)
        writer.write(isDone)
        writer.write(UInt32(peers.count))
        for peer in peers {
            peer.node.encode(into: &writer)
            writer.write(peer.outcome.rawValue)
            writer.write(peer.comparisonCount)
            writer.write(peer.differingCount)
            writer.write(peer.movedByteCount)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        number = try reader.readUInt64()
        isDone = try reader.readBool()
        let count = try reader.readUInt32()
        guard count <= UInt32(IPCLimits.clusterNodesMax) else { throw .invalid("count") }
        peers = []
        for _ in 0..<count {
            let node = try NodeID(from: &reader)
            guard let outcome = Outcome(rawValue: try reader.readUInt8()) else {
                throw .invalid("outcome")
            }
            peers.append(
                Peer(
                    node: node, outcome: outcome, comparisonCount: try reader.readUInt32(),
                    differingCount: try reader.readUInt32(),
                    movedByteCount: try reader.readUInt64()))
        }
    }
}
