import Model
import Testing

@testable import Placement

struct MovePlanTests {
    let old = layout(count: 6, id: 1)
    let new = layout((1..<7).map { member("n\($0)") }, id: 2)
    let partitions = allPartitions.prefix(3000)

    func plan(_ name: String, disk: UInt64 = 1, _ layouts: [Layout]) -> MovePlan {
        var transition = Transition(layouts)
        let asking = member(name, disk: disk)
        return MovePlan(
            node: asking.node, disk: asking.disk, transition: &transition, partitions: partitions)
    }

    @Test func planSaysWhatIsGainedKeptAndReleased() {
        for name in (0..<7).map({ "n\($0)" }) {
            let plan = plan(name, [old, new])
            var before = Placement(old)
            var after = Placement(new)
            let own = member(name)
            for partition in partitions {
                let held = before.isHolder(own.node, disk: own.disk, of: partition)
                let holds = after.isHolder(own.node, disk: own.disk, of: partition)
                #expect(plan.gained.contains { $0.partition == partition } == (!held && holds))
            }
            #expect(plan.kept == plan.kept.sorted() && plan.released == plan.released.sorted())
            let held = partitions.filter {
                before.isHolder(own.node, disk: own.disk, of: $0)
            }
            #expect((plan.kept + plan.released).sorted() == held)
        }
        #expect(plan("n0", [old, new]).kept.isEmpty)
        #expect(plan("n6", [old, new]).released.isEmpty)
    }

    @Test func sourcesAreThoseWhoHadIt() {
        let plan = plan("n6", [old, new])
        var before = Placement(old)
        var after = Placement(new)
        #expect(plan.gained.count > 1000)
        for gain in plan.gained {
            let had = before.holders(of: gain.partition)
            #expect(Set(gain.sources.prefix(3)) == Set(had))
            #expect(gain.sources.dropFirst(3).allSatisfy { !had.contains($0) })
            let all = Set(had + after.holders(of: gain.partition)).subtracting([member("n6")])
            #expect(Set(gain.sources) == all && gain.sources.count == all.count)
        }
    }

    @Test func loadIsSpreadOverSources() {
        let plan = plan("n6", [old, new])
        var asked: [String: Int] = [:]
        // While all sources have something left, each has its turn among any six.
        for start in 0..<300 {
            let firsts = plan.gained[start..<start + 6].compactMap(\.sources.first?.node.name)
            #expect(Set(firsts).count >= 5, "at \(start)")
        }
        for gain in plan.gained { asked[gain.sources[0].node.name, default: 0] += 1 }
        let mean = Double(plan.gained.count) / 6
        #expect(Double(asked.values.max() ?? 0) < 1.3 * mean)
    }

    @Test func theSameLayoutsGiveTheSamePlan() {
        let first = plan("n3", [old, new])
        let second = plan("n3", [old, new])
        #expect(first.gained == second.gained)
        let firsts = first.gained.prefix(3).map(\.partition)
        #expect(firsts.map(\.number) == [220, 115, 37])
    }

    @Test func wipedDiskGainsWhatItsNodeHeld() {
        let wiped = layout(
            (0..<6).map { member("n\($0)", disk: $0 == 2 ? 9 : 1) }, id: 3)
        let plan = plan("n2", disk: 9, [old, wiped])
        #expect(plan.kept.isEmpty && plan.released.isEmpty)
        let holds = self.plan("n2", [old])
        #expect(plan.gained.map(\.partition).sorted() == holds.kept)
        #expect(plan.gained.allSatisfy { $0.sources.allSatisfy { $0.node.name != "n2" } })
        let lost = self.plan("n2", [old, wiped])
        #expect(lost.released == holds.kept)
    }

    @Test func theFirstLayoutMovesNothing() {
        let plan = plan("n1", [old])
        #expect(plan.gained.isEmpty && plan.released.isEmpty && !plan.kept.isEmpty)
    }

    @Test func tablesGiveThePlanOfThePlacements() {
        let old = layout(count: 2, id: 1)
        let new = layout(count: 4, id: 2)
        let own = member("n3")
        let plan = MovePlan(
            node: own.node, disk: own.disk, old: [PlacementTable(old)], new: PlacementTable(new))
        var transition = Transition([old, new])
        let other = MovePlan(
            node: own.node, disk: own.disk, transition: &transition, partitions: allPartitions)
        #expect(plan.gained == other.gained)
        #expect(plan.gained.count > 40_000)
    }
}
