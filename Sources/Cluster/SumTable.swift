import Model
import Replication

/// The sums of the partitions of which there is something on the disk.
struct SumTable: Sendable {
    /// Sorted.
    private(set) var all: [PartitionSum] = []
    /// Partitions that this disk holds in no layout in use: to be handed back.
    var foreign: [Partition] = []
    var hasForeign: Bool { !foreign.isEmpty }

    mutating func restore(_ sums: [PartitionSum]) { all = sums }

    mutating func apply(_ changes: [PartitionChange]) {
        for change in changes {
            let index = position(change.partition)
            if index < all.count, all[index].partition == change.partition {
                all[index].sum = change.new
                if change.new == .zero { all.remove(at: index) }
            } else if change.new != .zero {
                all.insert(
                    PartitionSum(partition: change.partition, sum: change.new, itemCount: 0),
                    at: index)
            }
        }
    }

    func sum(of partition: Partition) -> Fingerprint {
        let index = position(partition)
        return index < all.count && all[index].partition == partition ? all[index].sum : .zero
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
