package import Model

/// What a node shares with a peer.
package struct PeerScope: Hashable, Sendable {
    package var peer: NodeID
    /// The partitions that both hold, in any layout in use.
    package var partitions: PartitionSet

    package init(peer: NodeID, partitions: PartitionSet) {
        self.peer = peer
        self.partitions = partitions
    }
}

/// The sums of the fingerprints of a node's entries, told of every write: one for each
/// partition that has entries, and one for each peer over the partitions shared with it.
///
/// A write costs a binary search and O(peers that share its partition).
package struct FingerprintIndex: Sendable {
    private struct Cell {
        var partition: UInt16
        var count: UInt32
        var sum: Fingerprint
    }

    /// By the partition's upper byte, each sorted by partition: an insertion moves few cells.
    private var buckets: [[Cell]] = Array(repeating: [], count: 256)
    /// Sorted by peer.
    package private(set) var scopes: [PeerScope] = []
    private var pairSums: [Fingerprint] = []
    /// Partition << 16 | place in `scopes`, for each partition of each scope, sorted.
    private var sharers: [UInt32] = []
    /// Entries in all.
    package private(set) var count = 0

    package init() {}

    /// The sum and count of a partition's entries changed. No entries: the partition is empty.
    package mutating func setPartition(
        _ partition: Partition, sum: Fingerprint, entryCount: Int
    ) {
        let number = partition.number
        let bucket = Int(number >> 8)
        let place = lowerBound(number, in: bucket)
        let isThere =
            place < buckets[bucket].count && buckets[bucket][place].partition == number
        let old = isThere ? buckets[bucket][place] : Cell(partition: number, count: 0, sum: .zero)
        let new = Cell(partition: number, count: UInt32(entryCount), sum: sum)
        switch (isThere, entryCount > 0) {
        case (true, true): buckets[bucket][place] = new
        case (true, false): buckets[bucket].remove(at: place)
        case (false, true): buckets[bucket].insert(new, at: place)
        case (false, false): break
        }
        count += entryCount - Int(old.count)
        let change = sum &- old.sum
        if change != .zero {
            forEachSharer(of: number) { index, scope in index.pairSums[scope] &+= change }
        }
    }

    /// The sum and the count of one partition's entries.
    package func sum(of partition: Partition) -> RangeSum {
        sum(of: partition.number...partition.number, within: nil)
    }

    /// The sum over `partitions`, and of these only those in `scope` where there is one.
    package func sum(of partitions: ClosedRange<UInt16>, within scope: PartitionSet?) -> RangeSum {
        var result = RangeSum.empty
        forEachCell(of: partitions, within: scope) { cell in
            result += RangeSum(fingerprint: cell.sum, count: Int(cell.count))
        }
        return result
    }

    /// The partitions with entries, ascending.
    package func partitions(
        of partitions: ClosedRange<UInt16>, within scope: PartitionSet?
    ) -> [Partition] {
        var result: [Partition] = []
        forEachCell(of: partitions, within: scope) { cell in
            result.append(Partition(number: cell.partition))
        }
        return result
    }

    private func forEachCell(
        of partitions: ClosedRange<UInt16>, within scope: PartitionSet?, _ body: (Cell) -> Void
    ) {
        for bucket in Int(partitions.lowerBound >> 8)...Int(partitions.upperBound >> 8) {
            var place = lowerBound(partitions.lowerBound, in: bucket)
            while place < buckets[bucket].count {
                let cell = buckets[bucket][place]
                if cell.partition > partitions.upperBound { break }
                if scope?.contains(Partition(number: cell.partition)) ?? true { body(cell) }
                place += 1
            }
        }
    }

    private func lowerBound(_ number: UInt16, in bucket: Int) -> Int {
        var low = 0
        var high = buckets[bucket].count
        while low < high {
            let middle = (low + high) / 2
            if buckets[bucket][middle].partition < number {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }
}

// MARK: Peers

extension FingerprintIndex {
    /// Sets what is shared with whom, when a layout came or went, and adds up the pairs' sums:
    /// O(shared partitions of all pairs).
    ///
    /// - Parameter scopes: one a peer, in any order.
    package mutating func setScopes(_ scopes: [PeerScope]) {
        precondition(
            scopes.count <= ReconciliationLimits.peerCountMax, "\(scopes.count) peers of one node")
        self.scopes = scopes.sorted { $0.peer < $1.peer }
        sharers = []
        sharers.reserveCapacity(scopes.reduce(0) { $0 + $1.partitions.count })
        for (place, scope) in self.scopes.enumerated() {
            for partition in scope.partitions {
                sharers.append(UInt32(partition.number) << 16 | UInt32(place))
            }
        }
        sharers.sort()
        pairSums = Array(repeating: .zero, count: scopes.count)
        for sharer in sharers {
            let partition = Partition(number: UInt16(sharer >> 16))
            pairSums[Int(sharer & 0xFFFF)] &+= sum(of: partition).fingerprint
        }
    }

    /// The sum over the partitions shared with `peer`, or nil for one without a scope.
    package func pairSum(with peer: NodeID) -> Fingerprint? {
        place(of: peer).map { pairSums[$0] }
    }

    /// The partitions shared with `peer`.
    package func scope(of peer: NodeID) -> PartitionSet? {
        place(of: peer).map { scopes[$0].partitions }
    }

    private func place(of peer: NodeID) -> Int? {
        var low = 0
        var high = scopes.count
        while low < high {
            let middle = (low + high) / 2
            if scopes[middle].peer < peer { low = middle + 1 } else { high = middle }
        }
        return low < scopes.count && scopes[low].peer == peer ? low : nil
    }

    private mutating func forEachSharer(
        of number: UInt16, _ body: (inout FingerprintIndex, Int) -> Void
    ) {
        var low = 0
        var high = sharers.count
        let first = UInt32(number) << 16
        while low < high {
            let middle = (low + high) / 2
            if sharers[middle] < first { low = middle + 1 } else { high = middle }
        }
        while low < sharers.count, sharers[low] >> 16 == UInt32(number) {
            body(&self, Int(sharers[low] & 0xFFFF))
            low += 1
        }
    }
}
