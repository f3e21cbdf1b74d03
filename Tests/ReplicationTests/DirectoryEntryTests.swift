import Model
import Testing

@testable import Replication

@Suite struct DirectoryEntryTests {
    @Test func mergeIsCommutativeAssociativeAndIdempotent() {
        for seed in UInt64(1)...1_000 {
            var generator = SplitMix64(seed: seed)
            let a = randomEntry(using: &generator)
            let b = randomEntry(using: &generator)
            let c = randomEntry(using: &generator)
            #expect(merged(a, b) == merged(b, a), "seed \(seed)")
            #expect(merged(merged(a, b), c) == merged(a, merged(b, c)), "seed \(seed)")
            #expect(merged(a, a) == a, "seed \(seed)")
            #expect(merged(merged(a, b), b) == merged(a, b), "seed \(seed)")
        }
    }

    @Test func theNewestOfEachKindStays() {
        for seed in UInt64(1)...300 {
            var generator = SplitMix64(seed: seed)
            let entries = (0..<6).map { _ in randomEntry(using: &generator) }
            let all = entries.reduce(DirectoryEntry()) { merged($0, $1) }
            #expect(all.file?.rank == entries.compactMap(\.file?.rank).max(), "seed \(seed)")
            #expect(
                all.directory?.rank == entries.compactMap(\.directory?.rank).max(), "seed \(seed)")
            #expect(
                all.isLive == (all.file?.record != nil || all.directory?.exists == true))
        }
    }

    @Test func theFingerprintTellsEntriesApart() {
        let key = EntryKey(directory: path("/d"), name: Array("f".utf8))
        for seed in UInt64(1)...300 {
            var generator = SplitMix64(seed: seed)
            let a = randomEntry(using: &generator)
            let b = randomEntry(using: &generator)
            #expect(
                (a.fingerprint(of: key) == b.fingerprint(of: key)) == (a == b), "seed \(seed)")
        }
    }

    @Test func aDirectoryThatExistsWinsAtTheSameRank() {
        let rank = Rank(time: HybridTime(value: 5), dot: dot(0, 1))
        let gone = DirectoryEntry(directory: .init(rank: rank, exists: false))
        let there = DirectoryEntry(directory: .init(rank: rank, exists: true))
        #expect(merged(gone, there) == there)
        #expect(merged(there, gone) == there)
    }

    @Test func aCorrectionWinsAtTheSameRankAlone() {
        let low = Rank(time: HybridTime(value: 5), dot: dot(0, 1))
        let high = Rank(time: HybridTime(value: 6), dot: dot(0, 2))
        let wrong = DirectoryEntry(directory: .init(rank: low, exists: true))
        let right = DirectoryEntry(directory: .init(rank: low, exists: false, correction: 1))
        let later = DirectoryEntry(directory: .init(rank: high, exists: true))
        #expect(merged(wrong, right) == right)
        #expect(merged(right, later) == later)
        #expect(merged(later, right) == later)
    }

    private func merged(_ a: DirectoryEntry, _ b: DirectoryEntry) -> DirectoryEntry {
        var result = a
        result.merge(b)
        return result
    }

    /// Whether the child is there may differ at one rank: two nodes corrected it at once.
    private func randomEntry(using generator: inout SplitMix64) -> DirectoryEntry {
        var entry = DirectoryEntry()
        if Int.random(in: 0..<3, using: &generator) > 0 {
            let version = version(randomRank(using: &generator))
            let correction = UInt32.random(in: 0...1, using: &generator)
            let isGone = Bool.random(using: &generator)
            entry.file = .init(
                rank: version.rank, record: isGone ? nil : version.record, correction: correction)
        }
        if Int.random(in: 0..<3, using: &generator) > 0 {
            entry.directory = .init(
                rank: randomRank(using: &generator), exists: Bool.random(using: &generator),
                correction: UInt32.random(in: 0...1, using: &generator))
        }
        return entry
    }

    private func randomRank(using generator: inout SplitMix64) -> Rank {
        Rank(
            time: HybridTime(value: UInt64.random(in: 1...3, using: &generator)),
            dot: dot(
                Int.random(in: 0..<2, using: &generator),
                UInt64.random(in: 1...3, using: &generator)))
    }

    private func version(_ rank: Rank) -> RegisterVersion {
        RegisterVersion(
            version: Version(
                dot: rank.dot, time: rank.time, context: CausalContext(entries: [rank.dot])),
            value: file(1), operation: operation(1))
    }
}
