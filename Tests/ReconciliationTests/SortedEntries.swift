import Model
import Reconciliation

/// Entries as a sorted array with running sums: sums of any range by two binary searches.
struct SortedEntries: ReconciliationSource, EntryReader {
    private(set) var items: [ReconciliationItem]
    private var sums: [Fingerprint]

    init(_ items: [ReconciliationItem]) {
        self.init(sorted: items.sorted { $0.key < $1.key })
    }

    /// Entries that are sorted already, and a few others.
    init(sorted base: [ReconciliationItem], adding others: [ReconciliationItem] = []) {
        items = []
        items.reserveCapacity(base.count + others.count)
        var start = 0
        for other in others.sorted(by: { $0.key < $1.key }) {
            var low = start
            var high = base.count
            while low < high {
                let middle = (low + high) / 2
                if base[middle].key < other.key { low = middle + 1 } else { high = middle }
            }
            items += base[start..<low]
            items.append(other)
            start = low
        }
        items += base[start...]
        sums = [.zero]
        sums.reserveCapacity(items.count + 1)
        var sum = Fingerprint.zero
        for item in self.items {
            sum &+= item.fingerprint
            sums.append(sum)
        }
    }

    /// Entries of different keys.
    static func random(_ count: Int, using random: inout SplitMix64) -> [ReconciliationItem] {
        (0..<count).map { _ in item(using: &random) }
    }

    static func item(using random: inout SplitMix64) -> ReconciliationItem {
        ReconciliationItem(
            key: random.next(), fingerprint: Fingerprint(high: random.next(), low: random.next()))
    }

    static let million: [ReconciliationItem] = {
        var random = SplitMix64(seed: 1_000_000)
        return random.sortedKeys(1_000_000).map {
            ReconciliationItem(
                key: $0, fingerprint: Fingerprint(high: random.next(), low: random.next()))
        }
    }()

    var total: Fingerprint { sums[items.count] }

    private func lowerBound(_ key: UInt64) -> Int {
        var low = 0
        var high = items.count
        while low < high {
            let middle = (low + high) / 2
            if items[middle].key < key { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private func places(_ keys: ClosedRange<UInt64>) -> Range<Int> {
        let start = lowerBound(keys.lowerBound)
        let end = keys.upperBound == .max ? items.count : lowerBound(keys.upperBound + 1)
        return start..<end
    }

    func sum(of keys: ClosedRange<UInt64>) -> RangeSum {
        let places = places(keys)
        return RangeSum(
            fingerprint: sums[places.upperBound] &- sums[places.lowerBound], count: places.count)
    }

    func items(in keys: ClosedRange<UInt64>, limit: Int) -> [ReconciliationItem] {
        Array(items[places(keys)].prefix(limit))
    }

    func sum(of range: KeyRange) -> RangeSum { sum(of: range.keys) }

    func items(in range: KeyRange, limit: Int) -> [ReconciliationItem] {
        items(in: range.keys, limit: limit)
    }
}

extension SplitMix64 {
    /// Ascending keys, one at a random place of each equal part of the keys: sorting a million
    /// random ones would take most of the test.
    mutating func sortedKeys(_ count: Int) -> [UInt64] {
        let step = UInt64.max / UInt64(count)
        return (0..<UInt64(count)).map { $0 * step + next() % step }
    }
}
