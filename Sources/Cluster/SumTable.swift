import Model
import Reconciliation
import Replication

/// The sums of the partitions of which there is something on the disk.
struct SumTable: Sendable {
    /// Sorted.
    private(set) var all: [PartitionSum] = []
    /// Counts changes, so that an answer of the disk that is older than one is known.
    private(set) var changeCount = 0
    /// The same for comparisons, with a sum for each peer over what is shared with it.
    private(set) var index = FingerprintIndex()
    /// Whether partitions came or went, or the layouts changed, since the scopes were set.
    private(set) var areScopesOld = true
    /// Partitions that this disk holds in no layout in use: to be handed back.
    private(set) var foreign: [Partition] = []
    /// The same as of the scopes, of `foreign`.
    private var isForeignOld = true
    var hasForeign: Bool { !foreign.isEmpty }

    mutating func restore(_ sums: [PartitionSum]) {
        all = sums
        index = FingerprintIndex()
        for sum in sums { setIndex(sum) }
        holdersChanged()
    }

    /// Partitions came or went, or others hold them.
    mutating func holdersChanged() {
        areScopesOld = true
        isForeignOld = true
    }

    /// Finds out what is foreign, where that may have changed: there may be 65,536 partitions to
    /// look at.
    mutating func refreshForeign(isHeld: (Partition) -> Bool) {
        guard isForeignOld else { return }
        foreign = all.map(\.partition).filter { !isHeld($0) }
        isForeignOld = false
    }

    mutating func apply(_ changes: [PartitionChange]) {
        changeCount += changes.count
        for change in changes {
            let index = position(change.partition)
            let isThere = index < all.count && all[index].partition == change.partition
            let new = PartitionSum(
                partition: change.partition, sum: change.new, itemCount: change.itemCount)
            // What is only promised or accepted adds nothing to a sum, and is there all the same.
            let isLeft = change.new != .zero || change.itemCount > 0
            switch (isThere, isLeft) {
            case (true, true): all[index] = new
            case (true, false): all.remove(at: index)
            case (false, true): all.insert(new, at: index)
            case (false, false): break
            }
            if isThere != isLeft { holdersChanged() }
            setIndex(new)
        }
    }

    mutating func setScopes(_ scopes: [PeerScope]) {
        index.setScopes(scopes)
        areScopesOld = false
    }

    func sum(of partition: Partition) -> Fingerprint {
        let index = position(partition)
        return index < all.count && all[index].partition == partition ? all[index].sum : .zero
    }

    /// Whether the disk has anything of the partition.
    func contains(_ partition: Partition) -> Bool {
        let index = position(partition)
        return index < all.count && all[index].partition == partition
    }

    /// The context counts as an item of its own.
    private mutating func setIndex(_ sum: PartitionSum) {
        index.setPartition(
            sum.partition, sum: sum.sum, entryCount: sum.sum == .zero ? 0 : sum.itemCount + 1)
    }

    private func position(_ partition: Partition) -> Int {
        var low = 0
        var high = all.count
        while low < high {
            let middle = (low + high) / 2
            if all[middle].partition < partition { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
