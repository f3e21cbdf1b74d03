import Model
import Testing

@testable import Reconciliation

struct IndexTests {
    func node(_ number: Int) -> NodeID {
        guard let node = NodeID("n\(number)") else { preconditionFailure("a node's name") }
        return node
    }

    /// A model with dictionaries.
    struct Reference {
        var entries: [UInt16: [UInt64: Fingerprint]] = [:]

        func sum(_ partitions: some Sequence<Partition>) -> RangeSum {
            var result = RangeSum.empty
            for partition in partitions {
                for entry in entries[partition.number, default: [:]].values {
                    result += RangeSum(fingerprint: entry, count: 1)
                }
            }
            return result
        }
    }

    @Test(arguments: 0..<6) func sumsEqualRecomputedOnes(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var index = FingerprintIndex()
        var reference = Reference()
        var scopes: [PeerScope] = []
        for step in 0..<2000 {
            if step % 400 == 100 {
                scopes = (0..<Int.random(in: 0...8, using: &random)).map { peer in
                    let partitions = (0..<60).map { _ in
                        Partition(number: UInt16.random(in: 0..<100, using: &random) &* 600)
                    }
                    return PeerScope(peer: node(peer), partitions: PartitionSet(partitions))
                }
                index.setScopes(scopes.reversed())
            }
            let partition = Partition(number: UInt16.random(in: 0..<100, using: &random) &* 600)
            let path = UInt64.random(in: 0..<5, using: &random)
            let new: Fingerprint? =
                Int.random(in: 0..<3, using: &random) == 0
                ? nil : Fingerprint(high: random.next(), low: random.next())
            reference.entries[partition.number, default: [:]][path] = new
            let now = reference.sum([partition])
            index.setPartition(partition, sum: now.fingerprint, entryCount: now.count)
            let sum = index.sum(of: partition)
            let expected = reference.sum([partition])
            #expect(sum == expected, "seed \(seed)")
            guard step % 50 == 0 else { continue }
            for scope in scopes {
                let pair = index.pairSum(with: scope.peer)
                #expect(pair == reference.sum(scope.partitions).fingerprint, "seed \(seed)")
                let within = index.sum(of: 0...65_535, within: scope.partitions)
                #expect(within == reference.sum(scope.partitions))
                let some = index.sum(of: 1200...42_000, within: scope.partitions)
                let inRange = scope.partitions.filter { (1200...42_000).contains($0.number) }
                #expect(some == reference.sum(inRange))
            }
            #expect(index.pairSum(with: node(99)) == nil)
            #expect(index.count == reference.entries.values.reduce(0) { $0 + $1.count })
        }
    }

    @Test func emptyPartitionsTakeNoPlace() {
        var index = FingerprintIndex()
        let print = Fingerprint(high: 1, low: 2)
        for number in UInt16(0)..<500 {
            index.setPartition(Partition(number: number &* 131), sum: print, entryCount: 1)
        }
        #expect(index.partitions(of: 0...65_535, within: nil).count == 500)
        for number in UInt16(0)..<500 {
            index.setPartition(Partition(number: number &* 131), sum: .zero, entryCount: 0)
        }
        #expect(index.partitions(of: 0...65_535, within: nil) == [])
        #expect(index.count == 0)
    }

    @Test func sessionOverASharedScopeSeesThatScopeAlone() throws {
        var random = SplitMix64(seed: 4)
        let scope = PartitionSet((0..<200).map { Partition(number: UInt16($0 * 300)) })
        let shared = SortedEntries.random(4000, using: &random).map { item in
            // Half of the entries lie in the scope.
            let partition =
                item.key & 1 == 0
                ? UInt64(item.key >> 8 & 0xFF) % 200 * 300 : item.key >> 48
            return ReconciliationItem(
                key: partition << 48 | item.key >> 16, fingerprint: item.fingerprint)
        }
        let changed = shared.enumerated().map { place, item in
            var item = item
            if place % 100 == 0 { item.fingerprint.low &+= 1 }
            return item
        }
        func source(_ items: [ReconciliationItem]) -> IndexedSource<SortedEntries> {
            var index = FingerprintIndex()
            index.setScopes([PeerScope(peer: node(1), partitions: scope)])
            for (number, items) in Dictionary(grouping: items, by: { UInt16($0.key >> 48) }) {
                index.setPartition(
                    Partition(number: number),
                    sum: items.reduce(.zero) { $0 &+ $1.fingerprint }, entryCount: items.count)
            }
            guard
                let source = IndexedSource(
                    index: index, peer: node(1), entries: SortedEntries(items))
            else { preconditionFailure("no scope") }
            return source
        }
        let run = try Conversation(
            source(shared), source(changed), scope: .partitions(scope))
        let expected = shared.enumerated().filter { place, item in
            place % 100 == 0 && scope.contains(Partition(number: UInt16(item.key >> 48)))
        }
        #expect(run.summary?.isComplete == true)
        #expect(run.differences.map(\.key).sorted() == expected.map(\.element.key).sorted())
        #expect(!expected.isEmpty)
    }
}
