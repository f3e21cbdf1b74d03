import Model
import Testing

@testable import Replication

@Suite struct PartitionContextTests {
    /// Random insertions and unions, among few sequences (so that runs touch, join and leave holes)
    /// and at the edges of the numbers.
    @Test func isTheSetOfTheDotsInserted() {
        for seed in UInt64(1)...300 {
            var generator = SplitMix64(seed: seed)
            var contexts = [PartitionContext](repeating: PartitionContext(), count: 3)
            var references = [Set<Dot>](repeating: [], count: 3)
            var all: Set<Dot> = []
            for _ in 0..<40 {
                let index = Int.random(in: 0..<3, using: &generator)
                if Int.random(in: 0..<6, using: &generator) == 0 {
                    let other = Int.random(in: 0..<3, using: &generator)
                    contexts[index].formUnion(contexts[other])
                    references[index].formUnion(references[other])
                } else {
                    let dot = randomDot(using: &generator)
                    contexts[index].insert(dot)
                    references[index].insert(dot)
                    all.insert(dot)
                }
                expectEqual(contexts[index], references[index], among: all, "seed \(seed)")
            }
            for i in 0..<3 {
                for j in 0..<3 {
                    let same = references[i] == references[j]
                    #expect((contexts[i] == contexts[j]) == same, "seed \(seed)")
                    #expect(
                        (contexts[i].fingerprint == contexts[j].fingerprint) == same,
                        "seed \(seed)")
                    #expect(
                        contexts[i].isSuperset(of: contexts[j])
                            == references[i].isSuperset(of: references[j]), "seed \(seed)")
                }
            }
        }
    }

    @Test func unionIsCommutativeAssociativeAndIdempotent() {
        for seed in UInt64(1)...300 {
            var generator = SplitMix64(seed: seed)
            let a = randomContext(using: &generator)
            let b = randomContext(using: &generator)
            let c = randomContext(using: &generator)
            #expect(a.union(b) == b.union(a), "seed \(seed)")
            #expect(a.union(b).union(c) == a.union(b.union(c)), "seed \(seed)")
            #expect(a.union(a) == a, "seed \(seed)")
            #expect(a.union(b).isSuperset(of: a), "seed \(seed)")
            #expect(a.union(PartitionContext()) == a, "seed \(seed)")
        }
    }

    @Test func runsThatTouchAreOne() {
        var context = PartitionContext()
        for sequence in [5, 3, 1, 4, 2] as [UInt64] { context.insert(dot(0, sequence)) }
        #expect(context.entries.map(\.runs) == [[.init(first: 1, last: 5)]])
        context.insert(dot(0, 7))
        #expect(context.entries[0].runs.count == 2)
        #expect(!context.contains(dot(0, 6)))
        #expect(!context.contains(dot(0, 8)))
    }

    @Test func theLastSequenceOfAllIsTakenInWithoutOverflow() {
        var context = PartitionContext()
        for sequence in [UInt64.max, UInt64.max - 1, 1, UInt64.max] {
            context.insert(dot(0, sequence))
        }
        #expect(context.contains(dot(0, .max)))
        #expect(context.highestSequence(of: disk(0)) == .max)
        #expect(
            context.entries[0].runs
                == [.init(first: 1, last: 1), .init(first: .max - 1, last: .max)])
    }

    @Test func highestSequenceIsZeroWhereNothingIsKnown() {
        var context = PartitionContext()
        context.insert(dot(1, 9))
        #expect(context.highestSequence(of: disk(0)) == 0)
        #expect(context.highestSequence(of: disk(1)) == 9)
        #expect(context.highestSequence(of: disk(2)) == 0)
        #expect(PartitionContext().fingerprint == .zero)
    }

    private func expectEqual(
        _ context: PartitionContext, _ reference: Set<Dot>, among all: Set<Dot>, _ comment: Comment
    ) {
        var isEqual = true
        for dot in all {
            isEqual = isEqual && context.contains(dot) == reference.contains(dot)
            for near in [dot.sequence &- 1, dot.sequence &+ 1] {
                let other = Dot(disk: dot.disk, sequence: near)
                isEqual = isEqual && context.contains(other) == reference.contains(other)
            }
        }
        for number in 0..<3 {
            let highest = reference.filter { $0.disk == disk(number) }.map(\.sequence).max() ?? 0
            isEqual = isEqual && context.highestSequence(of: disk(number)) == highest
        }
        // In its one form: sorted, nothing empty, at least one sequence missing between two runs.
        for (index, entry) in context.entries.enumerated() {
            if index > 0 { isEqual = isEqual && context.entries[index - 1].disk < entry.disk }
            isEqual =
                isEqual && !entry.runs.isEmpty && entry.runs.allSatisfy { $0.first <= $0.last }
            for (run, next) in zip(entry.runs, entry.runs.dropFirst()) {
                isEqual = isEqual && run.last < next.first && next.first - run.last > 1
            }
        }
        #expect(isEqual, comment)
    }

    private func randomDot(using generator: inout SplitMix64) -> Dot {
        let number = Int.random(in: 0..<3, using: &generator)
        let near = UInt64.random(in: 0...12, using: &generator)
        let isHuge = Int.random(in: 0..<5, using: &generator) == 0
        return dot(number, isHuge ? UInt64.max - near : near + 1)
    }

    private func randomContext(using generator: inout SplitMix64) -> PartitionContext {
        var context = PartitionContext()
        for _ in 0..<Int.random(in: 0...15, using: &generator) {
            context.insert(randomDot(using: &generator))
        }
        return context
    }
}
