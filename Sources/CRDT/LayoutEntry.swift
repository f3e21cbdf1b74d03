package import Model

/// What the layout says of one node: a last-writer-wins register.
package struct LayoutEntry: Entry, Hashable {
    package enum State: Hashable, Sendable {
        case member(disk: DiskID, weight: UInt32, zone: String)
        /// Was a member, or asked to be none.
        case out
        /// The same by an operator's word: what it alone has is waited for no more.
        case givenUp
    }

    /// Shared by all copies, as a node's register is.
    private final class Contents: Sendable {
        let node: NodeID
        let state: State
        let stamp: Stamp
        let fingerprint: Fingerprint
        let byteCount: Int
        let bucket: Int

        init(node: NodeID, state: State, stamp: Stamp) {
            self.node = node
            self.state = state
            self.stamp = stamp
            var writer = ByteWriter(capacity: 96)
            LayoutEntry.encode(node, state, stamp, into: &writer)
            fingerprint = Fingerprint(of: writer.bytes, seed: EntryKind.member.seed)
            byteCount = writer.count
            bucket = EntryKey.member(node).bucket
        }
    }

    private let contents: Contents

    package init(node: NodeID, state: State, stamp: Stamp) {
        var state = state
        if case .member(let disk, let weight, let zone) = state {
            state = .member(
                disk: disk, weight: max(1, weight),
                zone: prefix(of: zone, byteCountMax: CRDTLimits.zoneByteCountMax))
        }
        contents = Contents(node: node, state: state, stamp: stamp)
    }

    package var node: NodeID { contents.node }
    package var state: State { contents.state }
    package var stamp: Stamp { contents.stamp }
    package var fingerprint: Fingerprint { contents.fingerprint }
    var byteCount: Int { contents.byteCount }
    /// See `EntryKey.bucket`.
    var bucket: Int { contents.bucket }

    package var member: LayoutMember? {
        guard case .member(let disk, let weight, let zone) = state else { return nil }
        return LayoutMember(node: node, disk: disk, weight: weight, zone: zone)
    }

    package static func == (a: LayoutEntry, b: LayoutEntry) -> Bool {
        a.fingerprint == b.fingerprint
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(fingerprint) }

    func wins(over other: LayoutEntry) -> Bool {
        stamp != other.stamp ? other.stamp < stamp : hasHigherEncoding(than: other)
    }

    private static func encode(
        _ node: NodeID, _ state: State, _ stamp: Stamp, into writer: inout ByteWriter
    ) {
        writer.write(node)
        writer.write(stamp)
        switch state {
        case .out, .givenUp:
            writer.write(false)
            writer.write(state == .givenUp)
        case .member(let disk, let weight, let zone):
            writer.write(true)
            writer.write(disk)
            writer.write(weight)
            writer.writeText(zone)
        }
    }

    func encode(into writer: inout ByteWriter) {
        LayoutEntry.encode(node, state, stamp, into: &writer)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        let node = try reader.readNode()
        let stamp = try reader.readStamp()
        guard try reader.readBool() else {
            let isGivenUp = try reader.readBool()
            self.init(node: node, state: isGivenUp ? .givenUp : .out, stamp: stamp)
            return
        }
        let disk: DiskID = try reader.readIdentifier()
        let weight = try reader.readUInt32()
        guard weight > 0 else { throw .invalid("weight") }
        let zone = try reader.readText(max: CRDTLimits.zoneByteCountMax)
        self.init(
            node: node, state: .member(disk: disk, weight: weight, zone: zone), stamp: stamp)
    }
}

/// How many copies of each file: a last-writer-wins register.
package struct ReplicationFactor: Entry, Hashable {
    /// 1 to 255.
    package let value: UInt8
    package let stamp: Stamp
    package let fingerprint: Fingerprint
    let byteCount: Int

    /// - Parameter value: 0 counts as 1.
    package init(value: UInt8, stamp: Stamp) {
        self.value = max(1, value)
        self.stamp = stamp
        var writer = ByteWriter()
        writer.write(self.value)
        writer.write(stamp)
        fingerprint = Fingerprint(of: writer.bytes, seed: EntryKind.replicationFactor.seed)
        byteCount = writer.count
    }

    package static func == (a: ReplicationFactor, b: ReplicationFactor) -> Bool {
        a.fingerprint == b.fingerprint
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(fingerprint) }

    func wins(over other: ReplicationFactor) -> Bool {
        stamp != other.stamp ? other.stamp < stamp : value > other.value
    }

    func encode(into writer: inout ByteWriter) {
        writer.write(value)
        writer.write(stamp)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        let value = try reader.readUInt8()
        guard value > 0 else { throw .invalid("replication factor") }
        self.init(value: value, stamp: try reader.readStamp())
    }
}
