import Model
import Testing

@testable import CRDT

/// Merging is commutative, associative, idempotent and monotonic, whatever is merged.
@Suite struct LawTests {
    static let caseCount = 1_000

    @Test func ofSettings() {
        for seed in 0..<UInt64(Self.caseCount) {
            var maker = Maker(seed: seed)
            let values = (0..<3).map { _ in
                var settings = Settings()
                for _ in 0..<maker.number(0...6) { _ = settings.merge(maker.setting()) }
                return settings
            }
            checkLaws(values[0], values[1], values[2], "seed \(seed)") { a, b in
                var result = a
                result.merge(b)
                return result
            }
        }
    }

    @Test func ofNodeRegisters() {
        for seed in 0..<UInt64(Self.caseCount) {
            var maker = Maker(seed: seed)
            let values = (0..<3).map { _ in maker.register(of: node(0)) }
            checkLaws(values[0], values[1], values[2], "seed \(seed)") { a, b in
                b.wins(over: a) ? b : a
            }
        }
    }

    @Test func ofReplicationFactors() {
        for seed in 0..<UInt64(Self.caseCount) {
            var maker = Maker(seed: seed)
            let values = (0..<3).map { _ in maker.factor() }
            checkLaws(values[0], values[1], values[2], "seed \(seed)") { a, b in
                b.wins(over: a) ? b : a
            }
        }
    }

    @Test func ofLayoutContents() {
        for seed in 0..<UInt64(Self.caseCount) {
            var maker = Maker(seed: seed)
            let (a, b, c) = (maker.content(), maker.content(), maker.content())
            checkLaws(a, b, c, "seed \(seed)") { $0.joined(with: $1) }
            for (x, y) in [(a, b), (b, a), (a, a.joined(with: b)), (a.joined(with: b), a)] {
                #expect((x <= y) == (x.joined(with: y) == y), "order: seed \(seed)")
            }
            #expect((a == b) == (a.id == b.id), "names: seed \(seed)")
        }
    }

    @Test func ofLayoutHistoriesThatForgot() {
        var retired = 0
        for seed in 0..<UInt64(2 * Self.caseCount) {
            var maker = Maker(seed: seed)
            let values = maker.histories(3)
            retired += values.count { $0.active.contains(where: \.isComplete) }
            checkLaws(values[0], values[1], values[2], "seed \(seed)") { a, b in
                var result = a
                result.merge(b)
                return result
            }
            for one in values {
                for published in one.active { #expect(published.published.content <= one.draft) }
            }
        }
        #expect(retired > Self.caseCount / 2, "the cases say something")
    }

    static func joined(_ a: ClusterState, _ b: ClusterState) -> ClusterState {
        var result = a
        var outcome = MergeOutcome()
        _ = result.join(b, outcome: &outcome)
        return result
    }

    @Test func ofClusterStatesThatForgot() {
        for seed in 0..<UInt64(Self.caseCount) {
            var maker = Maker(seed: seed)
            let values = maker.states(3)
            checkLaws(values[0], values[1], values[2], "seed \(seed)", join: Self.joined)
        }
    }

    @Test func ofClusterStatesOverTheWire() throws {
        for seed in 0..<UInt64(Self.caseCount) {
            var maker = Maker(seed: seed)
            let values = try maker.states(3).map { state in
                let bytes = encoded(state.encode)
                let decoded = try ClusterState(decoding: bytes.span.bytes, own: state.own)
                #expect(encoded(decoded.encode) == bytes, "canonical: seed \(seed)")
                return (state, decoded)
            }
            checkLaws(
                values[0].1, values[1].1, values[2].1, "seed \(seed)", join: Self.joined)
            for (state, decoded) in values {
                #expect(Self.joined(state, decoded) == Self.joined(decoded, state))
            }
        }
    }

    @Test func ofIdentitiesThatMayMeet() {
        let ids = [nil, ClusterID(bits: Bits128(high: 0, low: 5))]
        for seed in 0..<UInt64(Self.caseCount) {
            var maker = Maker(seed: seed)
            let values = (0..<3).map { _ in
                ClusterIdentity(name: "n", established: ids[maker.number(0...1)])
            }
            checkLaws(values[0], values[1], values[2], "seed \(seed)") { a, b in
                var result = a
                _ = result.meet(b)
                return result
            }
        }
    }

    /// What is kept by adding and subtracting is what summing up anew gives.
    @Test func sumsAreThoseOfTheEntries() {
        for seed in 0..<UInt64(Self.caseCount) {
            var maker = Maker(seed: seed)
            for state in maker.states(3) {
                var sums = BucketSums()
                for entry in state.entries {
                    sums.replace(nil, by: entry.fingerprint, of: entry.key)
                }
                #expect(sums == state.sums, "seed \(seed)")
            }
        }
    }

    /// Every order in which three nodes hear each other's words ends in one state.
    @Test func deliveryOrderDecidesNothing() {
        for seed in 0..<UInt64(Self.caseCount) {
            var maker = Maker(seed: seed)
            var nodes = maker.states(3)
            for _ in 0..<3 {
                for (a, b) in [(0, 1), (1, 2), (2, 0), (0, 1), (1, 0), (0, 2), (2, 1)] {
                    var outcome = MergeOutcome()
                    _ = nodes[b].join(nodes[a], outcome: &outcome)
                    nodes[b].settle(&outcome)
                }
            }
            #expect(nodes[0] == nodes[1] && nodes[1] == nodes[2], "seed \(seed)")
            #expect(nodes[0].digest == nodes[1].digest && nodes[1].digest == nodes[2].digest)
        }
    }
}
