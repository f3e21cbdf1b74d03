package import Model

/// What a node says of itself, as bits.
package struct NodeFlags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let isStorage = NodeFlags(rawValue: 1 << 0)
    /// Counts as down for writes.
    package static let isFull = NodeFlags(rawValue: 1 << 1)
    /// Wants to be out of the layout and hands over what it has.
    package static let isLeaving = NodeFlags(rawValue: 1 << 2)
    package static let hasLeft = NodeFlags(rawValue: 1 << 3)
    package static let isReadOnly = NodeFlags(rawValue: 1 << 4)
    package static let clockInDoubt = NodeFlags(rawValue: 1 << 5)
    /// Keeps writes for holders that were away.
    package static let holdsHandOffs = NodeFlags(rawValue: 1 << 6)
    /// What its disk holds may lack writes: it took over without a majority of the holders before.
    package static let lacksHolders = NodeFlags(rawValue: 1 << 7)
}

/// What a node says of itself. Texts above their limits are cut, addresses above theirs left out,
/// and of more than eight synced layouts the last eight count.
package struct NodeFacts: Hashable, Sendable {
    package var disk: DiskID
    /// `host:port`, at most 16 of at most 255 bytes.
    package var addresses: [String]
    /// At most 64 bytes; empty where nobody said.
    package var zone: String
    /// See `LayoutMember.weight`.
    package var weight: UInt32
    package var capacityBytes: UInt64
    package var flags: NodeFlags
    /// At most 64 bytes.
    package var programVersion: String
    /// The layouts whose partitions `disk` has in full, oldest first.
    package var synced: [LayoutID]
    /// How far `disk` has come: a disk that knows less of itself was rolled back.
    package var epoch: UInt64

    package init(
        disk: DiskID, addresses: [String] = [], zone: String = "", weight: UInt32 = 0,
        capacityBytes: UInt64 = 0, flags: NodeFlags = [], programVersion: String = "",
        synced: [LayoutID] = [], epoch: UInt64 = 0
    ) {
        self.disk = disk
        self.addresses = addresses
        self.zone = zone
        self.weight = weight
        self.capacityBytes = capacityBytes
        self.flags = flags
        self.programVersion = programVersion
        self.synced = synced
        self.epoch = epoch
    }

    /// Adds `layout` at the end of `synced`.
    package mutating func declareSynced(_ layout: LayoutID) {
        if synced.contains(layout) { return }
        synced.append(layout)
        synced = Array(synced.suffix(CRDTLimits.syncedCountMax))
    }

    func withinLimits() -> NodeFacts {
        var facts = self
        facts.addresses = Array(
            addresses.filter { $0.utf8.count <= CRDTLimits.addressByteCountMax }
                .prefix(CRDTLimits.addressCountMax))
        facts.zone = prefix(of: zone, byteCountMax: CRDTLimits.zoneByteCountMax)
        facts.programVersion = prefix(
            of: programVersion, byteCountMax: CRDTLimits.programVersionByteCountMax)
        facts.synced = Array(synced.suffix(CRDTLimits.syncedCountMax))
        return facts
    }
}

/// The register of one node, which that node alone writes: the higher (incarnation, sequence) wins.
///
/// The same version with other content, or a version of its own that a node never wrote, means that
/// two nodes have one id (or that one lost its disk). It is merged all the same, to the higher
/// encoding on every node, and reported.
package struct NodeRegister: Entry, Hashable {
    /// Shared by all copies: one change passes through 40 messages of each node, and every copy of
    /// one is one reference counted.
    private final class Contents: Sendable {
        let node: NodeID
        let incarnation: UInt64
        let sequence: UInt64
        let facts: NodeFacts
        let fingerprint: Fingerprint
        let byteCount: Int
        let bucket: Int

        init(node: NodeID, incarnation: UInt64, sequence: UInt64, facts: NodeFacts) {
            self.node = node
            self.incarnation = incarnation
            self.sequence = sequence
            self.facts = facts
            var writer = ByteWriter(capacity: 256)
            NodeRegister.encode(node, incarnation, sequence, facts, into: &writer)
            fingerprint = Fingerprint(of: writer.bytes, seed: EntryKind.register.seed)
            byteCount = writer.count
            bucket = EntryKey.register(node).bucket
        }
    }

    private let contents: Contents

    package init(node: NodeID, incarnation: UInt64, sequence: UInt64, facts: NodeFacts) {
        contents = Contents(
            node: node, incarnation: incarnation, sequence: sequence, facts: facts.withinLimits())
    }

    package var node: NodeID { contents.node }
    /// Grows at every start of the node.
    package var incarnation: UInt64 { contents.incarnation }
    /// Grows with every change within one incarnation.
    package var sequence: UInt64 { contents.sequence }
    package var facts: NodeFacts { contents.facts }
    package var fingerprint: Fingerprint { contents.fingerprint }
    var byteCount: Int { contents.byteCount }
    /// See `EntryKey.bucket`.
    var bucket: Int { contents.bucket }

    package var disk: DiskID { contents.facts.disk }
    package var flags: NodeFlags { contents.facts.flags }
    package var synced: [LayoutID] { contents.facts.synced }

    /// Whether `member`, with the disk that it names, has all that it holds in the layout.
    package func declares(_ layout: LayoutID, as member: LayoutMember) -> Bool {
        contents.facts.disk == member.disk && contents.facts.synced.contains(layout)
    }

    package static func == (a: NodeRegister, b: NodeRegister) -> Bool {
        a.fingerprint == b.fingerprint
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(fingerprint) }

    /// Whether both claim to be the same writing of the register.
    func isSameVersion(as other: NodeRegister) -> Bool {
        incarnation == other.incarnation && sequence == other.sequence
    }

    /// Whether `self` wins over `other`, both being of one node.
    func wins(over other: NodeRegister) -> Bool {
        if incarnation != other.incarnation { return incarnation > other.incarnation }
        if sequence != other.sequence { return sequence > other.sequence }
        return hasHigherEncoding(than: other)
    }

    private static func encode(
        _ node: NodeID, _ incarnation: UInt64, _ sequence: UInt64, _ facts: NodeFacts,
        into writer: inout ByteWriter
    ) {
        writer.write(node)
        writer.write(incarnation)
        writer.write(sequence)
        writer.write(facts.disk)
        writer.write(UInt32(facts.addresses.count))
        for address in facts.addresses { writer.writeText(address) }
        writer.writeText(facts.zone)
        writer.write(facts.weight)
        writer.write(facts.capacityBytes)
        writer.write(facts.flags.rawValue)
        writer.writeText(facts.programVersion)
        writer.write(UInt32(facts.synced.count))
        for layout in facts.synced { writer.write(layout) }
        writer.write(facts.epoch)
    }

    func encode(into writer: inout ByteWriter) {
        NodeRegister.encode(node, incarnation, sequence, facts, into: &writer)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        let node = try reader.readNode()
        let incarnation = try reader.readUInt64()
        let sequence = try reader.readUInt64()
        var facts = NodeFacts(disk: try reader.readIdentifier())
        for _ in 0..<(try reader.readCount(max: CRDTLimits.addressCountMax, byteCountMin: 4)) {
            facts.addresses.append(try reader.readText(max: CRDTLimits.addressByteCountMax))
        }
        facts.zone = try reader.readText(max: CRDTLimits.zoneByteCountMax)
        facts.weight = try reader.readUInt32()
        facts.capacityBytes = try reader.readUInt64()
        facts.flags = NodeFlags(rawValue: try reader.readUInt32())
        facts.programVersion = try reader.readText(max: CRDTLimits.programVersionByteCountMax)
        for _ in 0..<(try reader.readCount(max: CRDTLimits.syncedCountMax, byteCountMin: 16)) {
            facts.synced.append(try reader.readIdentifier())
        }
        facts.epoch = try reader.readUInt64()
        self.init(node: node, incarnation: incarnation, sequence: sequence, facts: facts)
    }
}
