package import Model

/// An entry by name, with enough of its fingerprint to tell whether two nodes have the same.
package struct SummaryItem: Hashable, Sendable {
    package let key: EntryKey
    package let print: UInt64

    static let byteCountMin = 9

    init(key: EntryKey, print: UInt64) {
        self.key = key
        self.print = print
    }

    init(_ entry: StateEntry) { self.init(key: entry.key, print: entry.fingerprint.low) }

    func encode(into writer: inout ByteWriter) {
        key.encode(into: &writer)
        writer.write(print)
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        self.init(key: try EntryKey(from: &reader), print: try reader.readUInt64())
    }
}

/// What two nodes say to each other about the cluster's state. Every message says of which cluster
/// its sender is.
///
/// ```
///   A ── digest (one sum) ──▶ B        equal: the end
///   A ◀── buckets (256 sums) ── B
///   A ── summary (names in the parts that differ) ──▶ B
///   A ◀── repair (what A lacks; what B wants) ── B
///   A ── repair (what B wants) ──▶ B
///
///   A ── question (one sum) ──▶ B      the same, of one that does not know yet whether it knows all;
///   A ◀── agreed (that sum) ── B       equal; and whether B knows that it knows all
/// ```
package struct GossipMessage: Hashable, Sendable {
    package let identity: ClusterIdentity
    package let body: Body

    package enum Body: Hashable, Sendable {
        /// Changes, and the names of changed entries that are too large to be said unasked.
        case rumor(Delta, offers: [SummaryItem])
        case digest(Fingerprint)
        /// The low halves of the sums of the 256 parts.
        case buckets([UInt64])
        case summary(BucketSet, [SummaryItem])
        case repair(Delta, wants: [EntryKey])
        case question(Fingerprint)
        case agreed(Fingerprint, isInformed: Bool)
    }

    package init(identity: ClusterIdentity, body: Body) {
        self.identity = identity
        self.body = body
    }

    package static let version: UInt8 = 1

    package func encode(into writer: inout ByteWriter) {
        writer.write(GossipMessage.version)
        identity.encode(into: &writer)
        switch body {
        case .rumor(let delta, let offers):
            writer.write(UInt8(1))
            delta.encode(into: &writer)
            writer.write(UInt32(offers.count))
            for offer in offers { offer.encode(into: &writer) }
        case .digest(let sum):
            writer.write(UInt8(2))
            writer.write(sum)
        case .buckets(let sums):
            writer.write(UInt8(3))
            for sum in sums { writer.write(sum) }
        case .summary(let buckets, let items):
            writer.write(UInt8(4))
            buckets.encode(into: &writer)
            writer.write(UInt32(items.count))
            for item in items { item.encode(into: &writer) }
        case .repair(let delta, let wants):
            writer.write(UInt8(5))
            delta.encode(into: &writer)
            writer.write(UInt32(wants.count))
            for key in wants { key.encode(into: &writer) }
        case .question(let sum):
            writer.write(UInt8(6))
            writer.write(sum)
        case .agreed(let sum, let isInformed):
            writer.write(UInt8(7))
            writer.write(sum)
            writer.write(isInformed)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodeError) {
        guard try reader.readUInt8() == GossipMessage.version else { throw .unknown("version") }
        identity = try ClusterIdentity(from: &reader)
        switch try reader.readUInt8() {
        case 1:
            let delta = try Delta(from: &reader)
            body = .rumor(delta, offers: try Self.readItems(&reader))
        case 2:
            body = .digest(try reader.readFingerprint())
        case 3:
            var sums: [UInt64] = []
            for _ in 0..<CRDTLimits.bucketCount { sums.append(try reader.readUInt64()) }
            body = .buckets(sums)
        case 4:
            let buckets = try BucketSet(from: &reader)
            body = .summary(buckets, try Self.readItems(&reader))
        case 5:
            let delta = try Delta(from: &reader)
            var wants: [EntryKey] = []
            for _ in 0..<(try reader.readCount(max: .max, byteCountMin: 1)) {
                wants.append(try EntryKey(from: &reader))
            }
            body = .repair(delta, wants: wants)
        case 6: body = .question(try reader.readFingerprint())
        case 7:
            let sum = try reader.readFingerprint()
            body = .agreed(sum, isInformed: try reader.readBool())
        default: throw .unknown("kind")
        }
    }

    private static func readItems(
        _ reader: inout ByteReader
    ) throws(DecodeError) -> [SummaryItem] {
        var items: [SummaryItem] = []
        let count = try reader.readCount(max: .max, byteCountMin: SummaryItem.byteCountMin)
        for _ in 0..<count { items.append(try SummaryItem(from: &reader)) }
        return items
    }

    /// All of `bytes`.
    package init(decoding bytes: RawSpan) throws(DecodeError) {
        var reader = ByteReader(bytes)
        try self.init(from: &reader)
        try reader.finish()
    }
}
