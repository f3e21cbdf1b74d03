import Model
import Testing

@testable import Placement

/// Holders and hand-offs computed from nothing, by the definition: what a placement says, however it
/// came about.
struct ReferencePlacement {
    let layout: Layout

    func order(of partition: Partition) -> [UInt16] {
        let costs = layout.members.map {
            Score.cost(
                seed: Score.seed(of: $0.node), weight: $0.weight, partition: partition,
                logarithm: .shared)
        }
        // Members are sorted by name, which decides between equals.
        var left = costs.indices.sorted { (costs[$0], $0) < (costs[$1], $1) }
        func zone(_ place: Int) -> String {
            let member = layout.members[place]
            return member.zone.isEmpty ? "node \(member.node.name)" : "zone \(member.zone)"
        }
        func take(_ count: Int) -> [Int] {
            var taken: [Int] = []
            var zones: Set<String> = []
            for place in left where taken.count < count && zones.insert(zone(place)).inserted {
                taken.append(place)
            }
            left.removeAll { taken.contains($0) }
            taken += left.prefix(count - taken.count)
            left.removeAll { taken.contains($0) }
            return taken
        }
        let factor = layout.replicationFactor
        return (take(min(factor, left.count)) + take(min(factor, left.count))).map(UInt16.init)
    }
}

/// A placement that is carried from layout to layout scores only what changed, and says the same as
/// one that is made anew.
struct CarriedPlacementTests {
    /// As many as a debug build computes in a moment.
    let count = 1024

    func partitions(every step: Int = 1) -> [Partition] {
        stride(from: 0, to: count, by: step).map { Partition(number: UInt16($0)) }
    }

    /// Asks for all partitions, so that all are carried on.
    func ask(_ placement: inout Placement) {
        for partition in partitions() { _ = placement.order(of: partition) }
    }

    func carry(_ placement: Placement, to layout: Layout) -> Placement {
        var next = Placement(layout, after: placement)
        ask(&next)
        return next
    }

    func expectExact(_ placement: Placement, every step: Int, _ comment: String) {
        var placement = placement
        let reference = ReferencePlacement(layout: placement.layout)
        let wrong = partitions(every: step).count {
            placement.order(of: $0).members != reference.order(of: $0)
        }
        #expect(wrong == 0, "\(comment)")
    }

    @Test func aChangeScoresOnlyTheChangedNode() {
        var members = (0..<12).map { member("n\($0)") }
        var placement = Placement(layout(members))
        ask(&placement)
        #expect(placement.scoreCount == 12 * count)
        var before = placement.scoreCount
        members.append(member("new"))
        placement = carry(placement, to: layout(members))
        #expect(placement.scoreCount - before == count)
        before = placement.scoreCount
        members[4].weight = 150
        placement = carry(placement, to: layout(members))
        #expect(placement.scoreCount - before == count)
        before = placement.scoreCount
        members[5].zone = "east"
        placement = carry(placement, to: layout(members))
        #expect(placement.scoreCount - before == count)
        expectExact(placement, every: 3, "after three changes")
        before = placement.scoreCount
        members[6] = member("n6", disk: 8)
        placement = carry(placement, to: layout(members))
        #expect(placement.scoreCount == before)
    }

    @Test func layoutsThatNobodyAskedForCostNothing() {
        var members = (0..<12).map { member("n\($0)") }
        var placement = Placement(layout(members))
        ask(&placement)
        let before = placement.scoreCount
        for number in 0..<5 {
            members.append(member("new\(number)"))
            placement = Placement(layout(members), after: placement)
        }
        #expect(placement.scoreCount == before)
        ask(&placement)
        #expect(placement.scoreCount - before == 5 * count)
        expectExact(placement, every: 3, "after five layouts of which four were not asked for")
    }

    @Test func theFirstRemovalsScoreNobody() {
        var members = (0..<12).map { member("n\($0)") }
        var placement = Placement(layout(members))
        ask(&placement)
        let before = placement.scoreCount
        for _ in 0..<PlacementLimits.spareCount {
            members.removeFirst()
            placement = carry(placement, to: layout(members))
        }
        #expect(placement.scoreCount == before)
        expectExact(placement, every: 3, "after \(PlacementLimits.spareCount) removals")
    }

    /// 2 RF + 3 are listed of each partition and one of them is hit with probability (2 RF + 3) / N;
    /// four hits empty a list, which then costs N scores: (2 RF + 3) / 4 = 2.25 a removal.
    @Test func aLongRowOfRemovalsScoresLittle() {
        var members = (0..<40).map { member("n\($0)") }
        var placement = Placement(layout(members))
        ask(&placement)
        let before = placement.scoreCount
        for _ in 0..<30 {
            members.removeFirst()
            placement = carry(placement, to: layout(members))
        }
        let perRemoval = Double(placement.scoreCount - before) / Double(30 * count)
        #expect(perRemoval <= 2.25)
        expectExact(placement, every: 3, "after thirty removals")
    }

    @Test func removalsInFewZonesScoreLittle() {
        var members = (0..<30).map { member("n\($0)", zone: "z\($0 % 3)") }
        var placement = Placement(layout(members))
        ask(&placement)
        let before = placement.scoreCount
        for _ in 0..<15 {
            members.removeFirst()
            placement = carry(placement, to: layout(members))
        }
        let perRemoval = Double(placement.scoreCount - before) / Double(15 * count)
        #expect(perRemoval <= 2.25)
        expectExact(placement, every: 3, "after fifteen removals")
    }

    @Test(arguments: 0..<40) func aCarriedPlacementEqualsOneComputedFromNothing(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let zoneCount = Int.random(in: 0...5, using: &random)
        func zone() -> String {
            let number = Int.random(in: 0...zoneCount, using: &random)
            return number == 0 ? "" : "z\(number)"
        }
        var factor = Int.random(in: 1...4, using: &random)
        var next = 0
        var members: [LayoutMember] = []
        func join() {
            members.append(
                member("n\(next)", weight: UInt32.random(in: 1...500, using: &random), zone: zone())
            )
            next += 1
        }
        for _ in 0..<Int.random(in: 0...14, using: &random) { join() }
        var placement = Placement(layout(members, replicationFactor: factor))
        for step in 0..<16 {
            let place = members.isEmpty ? 0 : Int.random(in: 0..<members.count, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<3: join()
            case 3..<6 where !members.isEmpty: members.remove(at: place)
            case 6 where !members.isEmpty:
                members[place].weight = UInt32.random(in: 1...500, using: &random)
            case 7 where !members.isEmpty: members[place].zone = zone()
            case 8 where members.count > 2:
                members.removeFirst(2)
                join()
            default:
                if step % 3 == 0 { factor = Int.random(in: 1...4, using: &random) }
            }
            placement = Placement(
                layout(members, replicationFactor: factor), after: placement)
            // Some partitions are asked for now and then only.
            expectExact(placement, every: 1 + step % 5, "seed \(seed), step \(step)")
            for partition in partitions(every: 1 + step % 4) {
                _ = placement.order(of: partition)
            }
        }
    }
}
