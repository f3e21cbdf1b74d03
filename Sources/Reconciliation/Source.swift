package import Model

/// A node's entries as a session sees them: those of its scope alone.
///
/// Both may change from call to call.
package protocol ReconciliationSource {
    /// The sum over the entries of `range`.
    func sum(of range: KeyRange) -> RangeSum

    /// The first `limit` items of `range`, by ascending key, one a key.
    func items(in range: KeyRange, limit: Int) -> [ReconciliationItem]
}

/// The entries of single partitions: what a store reads from its tables and a simulator from
/// arrays.
package protocol EntryReader {
    /// The sum over the entries with keys in `keys`, all of one partition.
    func sum(of keys: ClosedRange<UInt64>) -> RangeSum

    /// The first `limit` items with keys in `keys`, all of one partition, by ascending key.
    func items(in keys: ClosedRange<UInt64>, limit: Int) -> [ReconciliationItem]
}

/// A scope of entries with an index over their partitions: reads entries only where a range lies
/// within one partition.
package struct IndexedSource<Entries: EntryReader>: ReconciliationSource {
    private let index: FingerprintIndex
    private let scope: PartitionSet
    /// The sum over the whole scope where it is known, so that an idle exchange adds up nothing.
    private let total: Fingerprint?
    private let entries: Entries

    package init(
        index: FingerprintIndex, scope: PartitionSet, total: Fingerprint?, entries: Entries
    ) {
        self.index = index
        self.scope = scope
        self.total = total
        self.entries = entries
    }

    /// What is shared with `peer`, or nil where nobody set it.
    package init?(index: FingerprintIndex, peer: NodeID, entries: Entries) {
        guard let scope = index.scope(of: peer), let total = index.pairSum(with: peer) else {
            return nil
        }
        self.init(index: index, scope: scope, total: total, entries: entries)
    }

    package func sum(of range: KeyRange) -> RangeSum {
        if range.bitCount > 16 {
            guard scope.contains(Partition(number: range.partitions.lowerBound)) else {
                return .empty
            }
            return entries.sum(of: range.keys)
        }
        if range.bitCount == 0, let total {
            return RangeSum(fingerprint: total, count: index.count)
        }
        return index.sum(of: range.partitions, within: scope)
    }

    package func items(in range: KeyRange, limit: Int) -> [ReconciliationItem] {
        var result: [ReconciliationItem] = []
        for partition in index.partitions(of: range.partitions, within: scope) {
            let keys = KeyRange(partition).keys.clamped(to: range.keys)
            result += entries.items(in: keys, limit: limit - result.count)
            if result.count >= limit { break }
        }
        return result
    }
}
