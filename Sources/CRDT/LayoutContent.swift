package import Model

/// What a layout says, as a join-semilattice: for each node, and for the replication factor, the
/// latest word. `a <= b` iff joining `a` into `b` changes nothing.
package struct LayoutContent: Hashable, Sendable {
    /// Sorted by node.
    package private(set) var entries: [LayoutEntry]
    package private(set) var replicationFactor: ReplicationFactor?

    package static let empty = LayoutContent()

    package init() {
        entries = []
        replicationFactor = nil
    }

    package func entry(of node: NodeID) -> LayoutEntry? {
        let index = entries.lowerBound { $0.node < node }
        return index < entries.count && entries[index].node == node ? entries[index] : nil
    }

    package var memberCount: Int { entries.count { $0.member != nil } }

    package enum Merge: Hashable, Sendable {
        case known
        case changed(from: LayoutEntry?)
        /// There are `Layout.memberCountMax` others.
        case full
    }

    package mutating func merge(_ entry: LayoutEntry) -> Merge {
        let index = entries.lowerBound { $0.node < entry.node }
        guard index < entries.count, entries[index].node == entry.node else {
            guard entries.count < Layout.memberCountMax else { return .full }
            entries.insert(entry, at: index)
            return .changed(from: nil)
        }
        let old = entries[index]
        guard old != entry, entry.wins(over: old) else { return .known }
        entries[index] = entry
        return .changed(from: old)
    }

    /// Whether `factor` was newer.
    package mutating func merge(_ factor: ReplicationFactor) -> Bool {
        if let old = replicationFactor, old == factor || !factor.wins(over: old) { return false }
        replicationFactor = factor
        return true
    }

    package mutating func merge(_ other: LayoutContent) {
        for entry in other.entries { _ = merge(entry) }
        if let factor = other.replicationFactor { _ = merge(factor) }
    }

    package func joined(with other: LayoutContent) -> LayoutContent {
        var result = self
        result.merge(other)
        return result
    }

    /// Whether `b` says all that `a` says, or something later.
    /// - Complexity: O(entries of both).
    package static func <= (a: LayoutContent, b: LayoutContent) -> Bool {
        if let ours = a.replicationFactor {
            guard let theirs = b.replicationFactor, ours == theirs || theirs.wins(over: ours)
            else { return false }
        }
        guard a.entries.count <= b.entries.count else { return false }
        var index = 0
        for entry in a.entries {
            while index < b.entries.count, b.entries[index].node < entry.node { index += 1 }
            guard index < b.entries.count, b.entries[index].node == entry.node else { return false }
            let other = b.entries[index]
            guard other == entry || other.wins(over: entry) else { return false }
        }
        return true
    }

    /// The name of what is said: a fingerprint over the entries' fingerprints in their order.
    package var id: LayoutID {
        var mixer = Fingerprint.Mixer(seed: EntryKind.layout.seed)
        for entry in entries {
            mixer.add(entry.fingerprint.high)
            mixer.add(entry.fingerprint.low)
        }
        mixer.add(replicationFactor?.fingerprint.high ?? 0)
        mixer.add(replicationFactor?.fingerprint.low ?? 0)
        let print = mixer.finish()
        return LayoutID(bits: Bits128(high: print.high, low: print.low))
    }

    /// The layout as placement takes it. Takes time in the number of members: keep it.
    package func layout() -> Layout {
        Layout(
            id: id, members: entries.compactMap(\.member),
            replicationFactor: Int(
                replicationFactor?.value ?? CRDTLimits.replicationFactorDefault))
    }

    var byteCount: Int {
        entries.reduce(5 + (replicationFactor?.byteCount ?? 0)) { $0 + $1.byteCount }
    }

    func encode(into writer: inout ByteWriter) {
        writer.write(replicationFactor != nil)
        replicationFactor?.encode(into: &writer)
        writer.write(UInt32(entries.count))
        for entry in entries { entry.encode(into: &writer) }
    }

    init(from reader: inout ByteReader) throws(DecodeError) {
        replicationFactor = try reader.readBool() ? try ReplicationFactor(from: &reader) : nil
        entries = []
        let count = try reader.readCount(max: Layout.memberCountMax, byteCountMin: 18)
        entries.reserveCapacity(count)
        for _ in 0..<count {
            let entry = try LayoutEntry(from: &reader)
            guard entries.last.map({ $0.node < entry.node }) ?? true else {
                throw .invalid("order")
            }
            entries.append(entry)
        }
    }
}
