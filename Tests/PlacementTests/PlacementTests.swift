import Model
import Testing

@testable import Placement

struct PlacementTests {
    func names(_ order: PartitionOrder, _ layout: Layout) -> [String] {
        order.members.map { layout.members[Int($0)].node.name }
    }

    @Test func holdersOfAFixedLayoutAreAgreedForEver() {
        let fixed = layout([
            member("alpha", weight: 100, zone: "east"), member("beta", weight: 200, zone: "east"),
            member("gamma", weight: 4000, zone: "west"), member("delta", weight: 1),
            member("epsilon", weight: 500), member("zeta", weight: 500, zone: "west"),
        ])
        var placement = Placement(fixed)
        let orders = [0, 1, 2, 255, 4096, 65_535].map {
            names(placement.order(of: Partition(number: $0)), fixed).joined(separator: " ")
        }
        #expect(
            orders == [
                "gamma beta epsilon zeta alpha delta", "gamma alpha epsilon beta zeta delta",
                "gamma beta epsilon zeta alpha delta", "gamma alpha epsilon zeta beta delta",
                "gamma epsilon alpha zeta beta delta", "beta gamma epsilon alpha zeta delta",
            ])
    }

    @Test func costsAreAgreedForEver() {
        let costs = [(1, 0), (100, 1), (100, 65_535), (4_000_000_000, 77)].map { weight, number in
            Score.cost(
                seed: Score.seed(of: member("alpha").node), weight: weight,
                partition: Partition(number: number), logarithm: .shared)
        }
        #expect(
            costs == [
                116_788_296_135_712_768, 60_541_945_723_950, 1_013_340_015_353_139, 68_545_197,
            ])
    }

    @Test func logarithmIsExactAtPowersAndFallsWithItsArgument() {
        let logarithm = Logarithm.shared
        #expect((64 << 48 - logarithm.negativeLog2(0)) < 1 << 12)
        #expect(logarithm.negativeLog2(.max) < 1 << 12)
        let half = logarithm.negativeLog2(1 << 63)
        #expect(half.distance(to: 1 << 48).magnitude < 1 << 12)
        var random = SplitMix64(seed: 3)
        for _ in 0..<10_000 {
            let draw = random.next() >> (random.next() % 60)
            let lower = draw - draw >> 20
            #expect(logarithm.negativeLog2(lower) >= logarithm.negativeLog2(draw))
        }
    }

    @Test func logarithmOfAProductIsTheSum() {
        let logarithm = Logarithm.shared
        var random = SplitMix64(seed: 4)
        for _ in 0..<10_000 {
            let a = random.next() | 1 << 63
            let b = random.next() | 1 << 63
            let product = a.multipliedFullWidth(by: b).high
            let sum = logarithm.negativeLog2(a) + logarithm.negativeLog2(b)
            #expect(sum.distance(to: logarithm.negativeLog2(product)).magnitude < 1 << 12)
        }
    }

    /// The promise is 1.1 and 1.15; these are the measured numbers, rounded up.
    @Test(arguments: [(30, 1.04), (100, 1.06)])
    func equalNodesHoldEqualShares(count: Int, bound: Double) {
        var placement = Placement(layout(count: count))
        var held = Array(repeating: 0, count: count)
        for partition in allPartitions {
            for holder in placement.order(of: partition).holders { held[Int(holder)] += 1 }
        }
        let mean = Double(3 * Partition.count) / Double(count)
        let most = Double(held.max() ?? 0) / mean
        #expect(most <= bound)
    }

    @Test(arguments: [3, 30])
    func addingANodeMovesOnlyWhatComesToIt(count: Int) {
        var before = Placement(layout(count: count))
        let grown = layout((0..<count).map { member("n\($0)") } + [member("new")])
        var after = Placement(grown)
        var moved = 0
        for partition in allPartitions {
            let old = Set(before.holders(of: partition).map(\.node))
            let new = Set(after.holders(of: partition).map(\.node))
            let gained = new.subtracting(old).map(\.name)
            #expect(gained.isEmpty || gained == ["new"])
            moved += gained.count
        }
        let ideal = Double(3 * Partition.count) / Double(count + 1)
        // Measured: 0.995 of it at 3 nodes, 0.968 at 30.
        #expect(Double(moved) <= 1.05 * ideal)
    }

    @Test func weightsAreRespected() {
        let weights: [UInt32] = [1, 2, 4, 8, 1, 2, 4, 8, 16]
        let members = weights.enumerated().map { member("n\($0)", weight: 100 * $1) }
        var placement = Placement(layout(members, replicationFactor: 1))
        var held = Array(repeating: 0.0, count: members.count)
        for partition in allPartitions {
            for holder in placement.order(of: partition).holders { held[Int(holder)] += 1 }
        }
        let sum = Double(weights.reduce(0, +))
        for (index, weight) in weights.enumerated() {
            let ideal = Double(Partition.count) * Double(weight) / sum
            #expect(abs(held[index] / ideal - 1) < 0.06, "weight \(weight): \(held[index] / ideal)")
        }
    }

    @Test func zonesAreDistinctWheneverPossible() {
        var random = SplitMix64(seed: 21)
        for round in 0..<200 {
            let factor = Int.random(in: 1...5, using: &random)
            let zones = Int.random(in: 1...6, using: &random)
            let members = (0..<Int.random(in: 1...12, using: &random)).map { index in
                let zone = Int.random(in: 0...zones, using: &random)
                return member("n\(index)", zone: zone == 0 ? "" : "z\(zone)")
            }
            var placement = Placement(layout(members, replicationFactor: factor))
            let zone = { (member: LayoutMember) in
                member.zone.isEmpty ? member.node.name : member.zone
            }
            let distinct = Set(members.map(zone)).count
            for partition in allPartitions.prefix(20) {
                let holders = placement.holders(of: partition)
                #expect(holders.count == min(factor, members.count), "round \(round)")
                #expect(Set(holders.map(\.node)).count == holders.count)
                #expect(Set(holders.map(zone)).count == min(factor, distinct))
                let handOffs = placement.handOffs(of: partition)
                #expect(handOffs.count == min(factor, members.count - holders.count))
                #expect(Set((holders + handOffs).map(\.node)).count == (holders + handOffs).count)
            }
        }
    }

    @Test func replacedDiskKeepsItsNodesPartitions() {
        var before = Placement(layout([member("a", disk: 1), member("b"), member("c")]))
        var after = Placement(layout([member("a", disk: 2), member("b"), member("c")]))
        let a = member("a", disk: 1)
        for partition in allPartitions.prefix(100) {
            let orders = (before.order(of: partition), after.order(of: partition))
            #expect(orders.0 == orders.1)
            let holds = before.holders(of: partition).contains(a)
            let stillHolds = after.holders(of: partition).contains(a)
            #expect(holds && !stillHolds)
        }
    }

    @Test func anEmptyLayoutHoldsNothing() {
        var placement = Placement(layout(count: 0))
        let order = placement.order(of: Partition(number: 0))
        #expect(order.members == [])
    }
}
