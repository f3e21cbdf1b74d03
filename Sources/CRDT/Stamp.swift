package import Model

/// When a last-writer-wins register was written, and by whom: the later reading wins, of equal
/// readings the higher node name. Every node decides alike.
package struct Stamp: Hashable, Comparable, Sendable {
    package let time: HybridTime
    package let node: NodeID

    package init(time: HybridTime, node: NodeID) {
        self.time = time
        self.node = node
    }

    package static func < (a: Stamp, b: Stamp) -> Bool {
        a.time != b.time ? a.time < b.time : a.node < b.node
    }
}

extension ByteWriter {
    mutating func write(_ node: NodeID) { writeText(node.name) }

    mutating func write(_ stamp: Stamp) {
        write(stamp.time.value)
        write(stamp.node)
    }

    mutating func write(_ print: Fingerprint) {
        write(print.high)
        write(print.low)
    }
}

extension ByteReader {
    mutating func readNode() throws(DecodeError) -> NodeID {
        guard let node = NodeID(try readText(max: NodeID.byteCountMax)) else {
            throw .invalid("node")
        }
        return node
    }

    mutating func readStamp() throws(DecodeError) -> Stamp {
        Stamp(time: HybridTime(value: try readUInt64()), node: try readNode())
    }

    mutating func readFingerprint() throws(DecodeError) -> Fingerprint {
        Fingerprint(high: try readUInt64(), low: try readUInt64())
    }

    /// A count whose elements take at least `byteCountMin` bytes each.
    mutating func readCount(max: Int, byteCountMin: Int) throws(DecodeError) -> Int {
        let count = Int(try readUInt32())
        guard count <= max else { throw .invalid("count") }
        guard count * byteCountMin <= remaining else { throw .truncated }
        return count
    }
}

/// A part of the cluster's state that is merged as a whole: of two values for one key one wins.
///
/// A value knows the fingerprint and size of its own encoding, worked out once when it is made, so
/// that merging and summing up cost no encoding. Two values are equal iff their encodings are:
/// `String`'s own equality, which is canonical equivalence, decides nothing.
protocol Entry: Equatable, Sendable {
    var fingerprint: Fingerprint { get }
    func encode(into writer: inout ByteWriter)
}

extension Entry {
    static func encoding(of value: Self) -> [UInt8] {
        var writer = ByteWriter()
        value.encode(into: &writer)
        return writer.bytes
    }

    /// The tie-break between values that claim the same version: the higher encoding.
    func hasHigherEncoding(than other: Self) -> Bool {
        Self.encoding(of: other).lexicographicallyPrecedes(Self.encoding(of: self))
    }
}
