package import Model

// What people and programs ask of the cluster as a whole, from gateway to store.

/// The answer to `clusterStatus` (whose request is `Empty`).
package struct ClusterStatus: Message {
    /// In hex; empty before the first file or setting was written.
    package var cluster: String
    package var clusterName: String
    package var replicationFactor: UInt8
    /// This node and all that it knows of, sorted by name.
    package var nodes: [Node]
    /// Layouts in use: more than one while data moves.
    package var layoutCount: UInt32
    /// Nothing is left here to be moved, handed back, compared or listed.
    package var isSettled: Bool
    package var isClockInDoubt: Bool

    package struct Node: Equatable, Sendable {
        package var node: NodeID
        package var isOwn: Bool
        package var state: State
        /// Its store restarts on purpose.
        package var isRestarting: Bool
        /// It is in the newest layout.
        package var isMember: Bool
        package var isStorage: Bool
        package var isLeaving: Bool
        package var isClockInDoubt: Bool
        package var zone: String
        package var weight: UInt32
        package var capacityByteCount: UInt64
        package var version: String
        /// `host:port` of its peer port.
        package var addresses: [String]

        package init(node: NodeID, isOwn: Bool, state: State) {
            self.node = node
            self.isOwn = isOwn
            self.state = state
            isRestarting = false
            isMember = false
            isStorage = false
            isLeaving = false
            isClockInDoubt = false
            zone = ""
            weight = 0
            capacityByteCount = 0
            version = ""
            addresses = []
        }
    }

    /// As the API names it.
    package enum State: UInt8, Sendable, CaseIterable {
        case alive = 0
        case suspect = 1
        case dead = 2
        case left = 3
        /// Dead, and out of the layout.
        case out = 4
        /// Told of by others, and never heard.
        case unknown = 5

        package var name: String {
            switch self {
            case .alive: "alive"
            case .suspect: "suspect"
            case .dead: "dead"
            case .left: "left"
            case .out: "out"
            case .unknown: "unknown"
            }
        }
    }

    package init(
        cluster: String, clusterName: String, replicationFactor: UInt8, nodes: [Node],
        layoutCount: UInt32, isSettled: Bool, isClockInDoubt: Bool
    ) {
        self.cluster = cluster
        self.clusterName = clusterName
        self.replicationFactor = replicationFactor
        self.nodes = nodes
        self.layoutCount = layoutCount
        self.isSettled = isSettled
        self.isClockInDoubt = isClockInDoubt
    }

    package func encode(into writer: inout ByteWriter) {
        precondition(nodes.count <= IPCLimits.clusterNodesMax, "too many nodes in one answer")
        writer.writeText(Text.clipped(cluster))
        writer.writeText(Text.clipped(clusterName))
        writer.write(replicationFactor)
        writer.write(UInt32(nodes.count))
        for node in nodes { node.encode(into: &writer) }
        writer.write(layoutCount)
        writer.write(isSettled)
        writer.write(isClockInDoubt)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        cluster = try reader.readText(max: IPCLimits.textByteCountMax)
        clusterName = try reader.readText(max: IPCLimits.textByteCountMax)
        replicationFactor = try reader.readUInt8()
        let count = try reader.readUInt32()
        guard count <= UInt32(IPCLimits.clusterNodesMax) else { throw .invalid("count") }
        nodes = []
        for _ in 0..<count { nodes.append(try Node(from: &reader)) }
        layoutCount = try reader.readUInt32()
        isSettled = try reader.readBool()
        isClockInDoubt = try reader.readBool()
    }
}

extension ClusterStatus.Node {
    fileprivate func encode(into writer: inout ByteWriter) {
        precondition(addresses.count <= IPCLimits.addressCountMax, "too many addresses of a node")
        node.encode(into: &writer)
        writer.write(state.rawValue)
        for flag in [isOwn, isRestarting, isMember, isStorage, isLeaving, isClockInDoubt] {
            writer.write(flag)
        }
        writer.writeText(Text.clipped(zone))
        writer.write(weight)
        writer.write(capacityByteCount)
        writer.writeText(Text.clipped(version))
        writer.write(UInt16(addresses.count))
        for address in addresses { writer.writeText(Text.clipped(address)) }
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodeError) {
        let node = try NodeID(from: &reader)
        guard let state = ClusterStatus.State(rawValue: try reader.readUInt8()) else {
            throw .invalid("state")
        }
        self.init(node: node, isOwn: try reader.readBool(), state: state)
        isRestarting = try reader.readBool()
        isMember = try reader.readBool()
        isStorage = try reader.readBool()
        isLeaving = try reader.readBool()
        isClockInDoubt = try reader.readBool()
        zone = try reader.readText(max: IPCLimits.textByteCountMax)
        weight = try reader.readUInt32()
        capacityByteCount = try reader.readUInt64()
        version = try reader.readText(max: IPCLimits.textByteCountMax)
        let count = try reader.readUInt16()
        guard count <= UInt16(IPCLimits.addressCountMax) else { throw .invalid("count") }
        for _ in 0..<count {
            addresses.append(try reader.readText(max: IPCLimits.textByteCountMax))
        }
    }
}

/// `administer`: what an operator asks of the whole cluster; answered by `Empty`.
package enum AdministerRequest: Message {
    /// 1 to 255.
    case setReplicationFactor(UInt32)
    /// An empty value sets the default again.
    case set(key: String, value: String)
    /// This node hands over what it has and leaves.
    case leave
    case cancelLeave
    /// A dead node leaves the layout by an operator's word.
    case takeOut(NodeID)
    /// This node's cluster becomes part of another one that is within reach.
    case merge(into: String)

    package func encode(into writer: inout ByteWriter) {
        switch self {
        case .setReplicationFactor(let factor):
            writer.write(UInt8(1))
            writer.write(factor)
        case .set(let key, let value):
            writer.write(UInt8(2))
            writer.writeText(Text.clipped(key))
            writer.writeText(Text.clipped(value))
        case .leave: writer.write(UInt8(3))
        case .cancelLeave: writer.write(UInt8(4))
        case .takeOut(let node):
            writer.write(UInt8(5))
            node.encode(into: &writer)
        case .merge(let cluster):
            writer.write(UInt8(6))
            writer.writeText(Text.clipped(cluster))
        }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        switch try reader.readUInt8() {
        case 1: self = .setReplicationFactor(try reader.readUInt32())
        case 2:
            self = .set(
                key: try reader.readText(max: IPCLimits.textByteCountMax),
                value: try reader.readText(max: IPCLimits.textByteCountMax))
        case 3: self = .leave
        case 4: self = .cancelLeave
        case 5: self = .takeOut(try NodeID(from: &reader))
        case 6: self = .merge(into: try reader.readText(max: IPCLimits.textByteCountMax))
        default: throw .invalid("request")
        }
    }
}

/// The answer to `settings` (whose request is `Empty`): those that this program knows and those that
/// somebody set, sorted by key.
package struct ClusterSettingsList: Message {
    package struct Entry: Equatable, Sendable {
        package var key: String
        /// What counts.
        package var value: String
        package var standard: String
        /// `seconds`, `choice` or `text`.
        package var type: String
        /// What it may be, for people: `10..2592000`, `available|majority`.
        package var range: String
        /// When somebody set it, by the cluster's clock; nil where nobody did.
        package var setAt: Timestamp?
        /// On which node.
        package var setBy: String

        package init(
            key: String, value: String, standard: String, type: String, range: String,
            setAt: Timestamp?, setBy: String
        ) {
            self.key = key
            self.value = value
            self.standard = standard
            self.type = type
            self.range = range
            self.setAt = setAt
            self.setBy = setBy
        }
    }

    package var entries: [Entry]

    package init(entries: [Entry]) { self.entries = entries }

    package func encode(into writer: inout ByteWriter) {
        precondition(entries.count <= IPCLimits.listCountMax, "too many settings")
        writer.write(UInt32(entries.count))
        for entry in entries {
            for text in [entry.key, entry.value, entry.standard, entry.type, entry.range] {
                writer.writeText(Text.clipped(text))
            }
            writer.write(entry.setAt)
            writer.writeText(Text.clipped(entry.setBy))
        }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        entries = []
        for _ in 0..<(try reader.readCount()) {
            func text() throws(DecodeError) -> String {
                try reader.readText(max: IPCLimits.textByteCountMax)
            }
            entries.append(
                Entry(
                    key: try text(), value: try text(), standard: try text(), type: try text(),
                    range: try text(), setAt: try reader.readTimestamp(), setBy: try text()))
        }
    }
}

/// `partitionHealth`: partitions of which this node has something, in order.
package struct PartitionHealthRequest: Message {
    /// Behind this one; nil for the first page.
    package var after: Partition?
    /// At most `IPCLimits.listingPageCountMax` are answered, whatever this says.
    package var limit: UInt32
    package var onlyUnderReplicated: Bool

    package init(after: Partition?, limit: UInt32, onlyUnderReplicated: Bool) {
        self.after = after
        self.limit = limit
        self.onlyUnderReplicated = onlyUnderReplicated
    }

    package func encode(into writer: inout ByteWriter) {
        writer.write(after != nil)
        if let after { writer.write(after.number) }
        writer.write(limit)
        writer.write(onlyUnderReplicated)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        after = try reader.readBool() ? Partition(number: try reader.readUInt16()) : nil
        limit = try reader.readUInt32()
        onlyUnderReplicated = try reader.readBool()
    }
}

/// The answer to `partitionHealth`.
package struct PartitionHealthResponse: Message {
    package struct Entry: Equatable, Sendable {
        package var partition: Partition
        /// Nodes that have all of it for certain.
        package var holders: [NodeID]
        /// Copies that are missing to the replication factor.
        package var missingCount: UInt8
        /// Files, directories and names in it.
        package var itemCount: UInt64

        package init(
            partition: Partition, holders: [NodeID], missingCount: UInt8, itemCount: UInt64
        ) {
            self.partition = partition
            self.holders = holders
            self.missingCount = missingCount
            self.itemCount = itemCount
        }
    }

    package var replicationFactor: UInt8
    package var entries: [Entry]
    package var hasMore: Bool

    package init(replicationFactor: UInt8, entries: [Entry], hasMore: Bool) {
        self.replicationFactor = replicationFactor
        self.entries = entries
        self.hasMore = hasMore
    }

    package func encode(into writer: inout ByteWriter) {
        precondition(entries.count <= IPCLimits.listingPageCountMax, "a page over its limit")
        writer.write(replicationFactor)
        writer.write(UInt32(entries.count))
        for entry in entries {
            writer.write(entry.partition.number)
            writer.write(UInt8(clamping: entry.holders.count))
            for holder in entry.holders.prefix(Int(UInt8.max)) { holder.encode(into: &writer) }
            writer.write(entry.missingCount)
            writer.write(entry.itemCount)
        }
        writer.write(hasMore)
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        replicationFactor = try reader.readUInt8()
        let count = try reader.readUInt32()
        guard count <= UInt32(IPCLimits.listingPageCountMax) else { throw .invalid("count") }
        entries = []
        for _ in 0..<count {
            let partition = Partition(number: try reader.readUInt16())
            var holders: [NodeID] = []
            for _ in 0..<(try reader.readUInt8()) { holders.append(try NodeID(from: &reader)) }
            entries.append(
                Entry(
                    partition: partition, holders: holders,
                    missingCount: try reader.readUInt8(), itemCount: try reader.readUInt64()))
        }
        hasMore = try reader.readBool()
    }
}
