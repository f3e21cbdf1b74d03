package import Model

/// How many bytes this disk has below each quota's directory, by partition: as the tables have them,
/// changed with each commit.
///
/// By partition, because each file is counted by one of the nodes that hold it, and which that is can
/// change at any time.
package struct QuotaSums: Sendable {
    private struct Sum {
        /// Of each partition. Below zero for a moment where a commit's changes come one by one.
        var byteCounts = [Int64](repeating: 0, count: Partition.count)
        var isComplete: Bool
    }

    private var sums: [StorePath: Sum] = [:]

    package init() {}

    /// Whether the tables have said what is below the directory.
    package func knows(_ directory: StorePath) -> Bool { sums[directory] != nil }

    package mutating func set(
        _ directory: StorePath, _ rows: [(partition: Partition, byteCount: Int64)],
        isComplete: Bool
    ) {
        var sum = Sum(isComplete: isComplete)
        for row in rows { sum.byteCounts[Int(row.partition.number)] = row.byteCount }
        sums[directory] = sum
    }

    package mutating func add(
        _ byteCount: Int64, in partition: Partition, below directory: StorePath
    ) {
        sums[directory]?.byteCounts[Int(partition.number)] += byteCount
    }

    package mutating func complete(_ directory: StorePath) { sums[directory]?.isComplete = true }

    package mutating func keep(_ directories: [StorePath]) {
        sums = sums.filter { directories.contains($0.key) }
    }

    /// The sum over the partitions that are counted here.
    /// - Parameter counts: of each partition, whether it is.
    package func use(of directory: StorePath, _ counts: (Partition) -> Bool) -> QuotaBook.Use {
        guard let sum = sums[directory] else {
            return QuotaBook.Use(byteCount: 0, isComplete: false)
        }
        var total: Int64 = 0
        for (number, byteCount) in sum.byteCounts.enumerated()
        where byteCount != 0 && counts(Partition(number: UInt16(number))) {
            total += byteCount
        }
        return QuotaBook.Use(byteCount: UInt64(clamping: total), isComplete: sum.isComplete)
    }
}
