internal import Cluster
internal import Loop
internal import Model
internal import Transfer

/// What the store knows of quotas: its own disk's sums, what other nodes said of theirs, and who waits for
/// both.
struct QuotaSide {
    typealias Uses = [StorePath: QuotaBook.Use]

    /// Sums that are being asked for.
    struct Refresh {
        var number: UInt64
        var began: Duration
        var asked: [NodeID]
        var missing: Set<NodeID>
        var waiting: [() -> Void]
    }

    var book = QuotaBook()
    var sums = QuotaSums()
    /// As the writer was told last.
    var obeyed: [Quota]?
    /// Others' sums, as they said last.
    var said: [NodeID: Uses] = [:]
    var refresh: Refresh?
    var lastNumber: UInt64 = 0
    var lastBegan: Duration?
    /// Who waits for sums that are asked for after what is under way.
    var waiting: [() -> Void] = []
    /// Writes that ask again a moment later.
    var delayed: [UInt64: () -> Void] = [:]
    var lastDelayed: UInt64 = 0
    var timer: LoopTimer?
    var pause: LoopTimer?
    /// Of each partition whether it is counted here, and by which layouts and nodes that is so.
    private var counting: [Bool] = []
    private var countingBy: (digest: Bits128, counters: [Set<NodeID>])?

    /// Whether the own disk said what is below all directories.
    var isLoaded: Bool { book.quotas.allSatisfy { sums.knows($0.directory) } }

    mutating func apply(_ news: QuotaNews) {
        switch news {
        case .sums(let directory, let rows, let isComplete):
            sums.set(directory, rows, isComplete: isComplete)
        case .changed(let directory, let partition, let difference):
            sums.add(difference, in: partition, below: directory)
        case .complete(let directory): sums.complete(directory)
        }
    }

    /// What this node counts of each quota, by directory.
    /// - Complexity: O(partitions), and a look at each one's holders after layouts or nodes changed.
    mutating func ownUses(_ node: inout ClusterNode) -> Uses {
        let (digest, counters) = (node.layoutsDigest.bits, node.counters)
        if countingBy.map({ $0.digest != digest || $0.counters != counters }) ?? true {
            counting = (0..<Partition.count).map { number in
                node.counts(Partition(number: UInt16(number)), among: counters)
            }
            countingBy = (digest, counters)
        }
        var uses: Uses = [:]
        for quota in book.quotas {
            uses[quota.directory] = sums.use(of: quota.directory) { counting[Int($0.number)] }
        }
        return uses
    }

    /// The own sums and what those who were asked said, or had said before.
    func total(_ own: Uses, asked: [NodeID]) -> Uses {
        var total = own
        for (directory, use) in own {
            var sum = use
            for node in asked {
                let said = said[node]?[directory]
                sum.byteCount += said?.byteCount ?? 0
                sum.isComplete = sum.isComplete && said?.isComplete ?? false
            }
            total[directory] = sum
        }
        return total
    }
}
