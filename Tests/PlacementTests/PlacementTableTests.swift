import Model
import Testing

@testable import Placement

struct PlacementTableTests {
    /// As many as a debug build computes in a moment.
    let count = 1024

    func table(_ layout: Layout) -> PlacementTable {
        PlacementTable(layout, partitionCount: count)
    }

    /// Compares some partitions with what is computed from nothing.
    func expectExact(_ table: PlacementTable, every step: Int, _ comment: String) {
        var placement = Placement(table.layout)
        var wrong = 0
        for number in stride(from: 0, to: count, by: step) {
            let partition = Partition(number: UInt16(number))
            if placement.order(of: partition).holders.map({ $0 })
                != Array(table.holders(of: partition))
            {
                wrong += 1
            }
        }
        #expect(wrong == 0, "\(comment)")
        #expect(table.holderCount == placement.holderCount)
    }

    @Test func aChangeScoresOnlyTheChangedNode() {
        var members = (0..<12).map { member("n\($0)") }
        var table = table(layout(members))
        #expect(table.scoreCount == 12 * count)
        var before = table.scoreCount
        members.append(member("new"))
        table.update(to: layout(members))
        #expect(table.scoreCount - before == count)
        before = table.scoreCount
        members[4].weight = 150
        table.update(to: layout(members))
        #expect(table.scoreCount - before == count)
        before = table.scoreCount
        members[5].zone = "east"
        table.update(to: layout(members))
        #expect(table.scoreCount - before == count)
        expectExact(table, every: 3, "after three changes")
        before = table.scoreCount
        members[6] = member("n6", disk: 8)
        table.update(to: layout(members))
        #expect(table.scoreCount == before)
    }

    @Test func theWholeTableEqualsThePlacement() {
        let members = [
            member("a", weight: 10, zone: "x"), member("b", weight: 20, zone: "x"),
            member("c", weight: 30, zone: "y"), member("d", weight: 40),
        ]
        let table = PlacementTable(layout(members))
        var placement = Placement(layout(members))
        for partition in allPartitions {
            let holders = placement.order(of: partition).holders
            if holders != table.holders(of: partition) {
                Issue.record("partition \(partition.number)")
            }
        }
    }

    @Test func theFirstRemovalsScoreNobody() {
        var members = (0..<12).map { member("n\($0)") }
        var table = table(layout(members))
        let before = table.scoreCount
        for _ in 0..<PlacementLimits.spareCount {
            members.removeFirst()
            table.update(to: layout(members))
        }
        #expect(table.scoreCount == before)
        expectExact(table, every: 3, "after \(PlacementLimits.spareCount) removals")
    }

    /// RF + 3 are listed of each partition and one of them is hit with probability (RF + 3) / N;
    /// four hits empty a list, which then costs N scores: (RF + 3) / 4 = 1.5 a removal.
    @Test func aLongRowOfRemovalsScoresLittle() {
        var members = (0..<40).map { member("n\($0)") }
        var table = table(layout(members))
        let before = table.scoreCount
        for _ in 0..<30 {
            members.removeFirst()
            table.update(to: layout(members))
        }
        let perRemoval = Double(table.scoreCount - before) / Double(30 * count)
        // Measured: 0.61, for the members that a list lasts for become fewer meanwhile.
        #expect(perRemoval <= 1.5)
        expectExact(table, every: 3, "after thirty removals")
    }

    @Test func removalsInFewZonesScoreLittle() {
        var members = (0..<30).map { member("n\($0)", zone: "z\($0 % 3)") }
        var table = table(layout(members))
        let before = table.scoreCount
        for _ in 0..<15 {
            members.removeFirst()
            table.update(to: layout(members))
        }
        let perRemoval = Double(table.scoreCount - before) / Double(15 * count)
        #expect(perRemoval <= 1.5)
        expectExact(table, every: 3, "after fifteen removals")
    }

    @Test(arguments: 0..<40) func tableEqualsTheOneComputedFromNothing(seed: UInt64) {
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
        for _ in 0..<Int.random(in: 0...9, using: &random) { join() }
        var table = table(layout(members, replicationFactor: factor))
        for step in 0..<12 {
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
            table.update(to: layout(members, replicationFactor: factor))
            expectExact(table, every: 3, "seed \(seed), step \(step)")
        }
    }
}
