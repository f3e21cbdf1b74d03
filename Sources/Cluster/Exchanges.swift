import Model

/// The exchanges of partitions that are under way or wait for their turn, by number. Nothing here
/// walks all of them: after a change of the layout there are hundreds.
struct Exchanges: Sendable {
    private struct Key: Hashable, Sendable {
        var partition: Partition
        var peer: NodeID
        var purpose: PartitionExchange.Purpose
    }

    private var all: [UInt64: PartitionExchange] = [:]
    private var keys: Set<Key> = []
    /// How many there are of those that follow a comparison, by peer.
    private var comparisons: [NodeID: Int] = [:]
    /// How many there are of each partition.
    private var counts: [Partition: Int] = [:]
    /// Those that have not begun, in their order; what ended since is still among them.
    private var waiting: [UInt64] = []
    private var waitingStart = 0
    private var running: Set<UInt64> = []

    var isEmpty: Bool { all.isEmpty }
    var count: Int { all.count }

    /// Whether one of this partition is under way or waits.
    func contains(_ partition: Partition) -> Bool { counts[partition] != nil }

    /// - Returns: whether the same was not there yet.
    mutating func add(
        _ number: UInt64, _ partition: Partition, with peer: NodeID,
        _ purpose: PartitionExchange.Purpose
    ) -> Bool {
        guard keys.insert(Key(partition: partition, peer: peer, purpose: purpose)).inserted else {
            return false
        }
        if purpose == .compare { comparisons[peer, default: 0] += 1 }
        all[number] = PartitionExchange(partition: partition, peer: peer, purpose: purpose)
        counts[partition, default: 0] += 1
        waiting.append(number)
        return true
    }

    /// The next one that waits, counted as running from now on; nil where none does, or `limit`
    /// are running.
    mutating func takeNext(limit: Int) -> UInt64? {
        guard running.count < limit, waitingStart < waiting.count else { return nil }
        let number = waiting[waitingStart]
        waitingStart += 1
        if waitingStart == waiting.count {
            waiting.removeAll(keepingCapacity: true)
            waitingStart = 0
        }
        running.insert(number)
        return number
    }

    /// Only of those that are running.
    mutating func remove(_ number: UInt64) -> PartitionExchange? {
        guard let exchange = all.removeValue(forKey: number) else { return nil }
        keys.remove(
            Key(partition: exchange.partition, peer: exchange.peer, purpose: exchange.purpose))
        running.remove(number)
        if exchange.purpose == .compare, let count = comparisons[exchange.peer] {
            comparisons[exchange.peer] = count > 1 ? count - 1 : nil
        }
        let left = (counts[exchange.partition] ?? 1) - 1
        counts[exchange.partition] = left > 0 ? left : nil
        return exchange
    }

    /// Whether something that a comparison with the peer found is still to be brought over.
    func hasComparison(with peer: NodeID) -> Bool { comparisons[peer] != nil }

    subscript(number: UInt64) -> PartitionExchange? { all[number] }

    /// Changes one in its place.
    /// - Returns: what `change` does; nil where there is none of that number.
    @discardableResult
    mutating func update<Result>(
        _ number: UInt64, _ change: (inout PartitionExchange) -> Result
    ) -> Result? {
        guard let index = all.index(forKey: number) else { return nil }
        return change(&all.values[index])
    }

    /// Those that the throttle held back, and that it may let go by `now`, in their order.
    func due(at now: Duration) -> [UInt64] {
        var due: [UInt64] = []
        for number in running {
            guard let exchange = all[number], let until = exchange.heldUntil else { continue }
            if until <= now { due.append(number) }
        }
        return due.sorted()
    }
}
