import Model
import Testing

@testable import Replication

/// Whom a step of a write asks, and when so many did it that it counts.
@Suite struct CopySetTests {
    /// Holders n0 to n2, stand-ins n3 and n4.
    private let targets = Targets(
        layouts: [(0..<3).map { target($0) }], handOffs: (3..<5).map { target($0) })

    private func copies(
        _ policy: WritePolicy, dead: Set<Int> = [], targets: Targets? = nil
    ) -> CopySet {
        CopySet(targets ?? self.targets, policy: policy) { name in
            !dead.contains { node("n\($0)") == name }
        }
    }

    private func ask(_ copies: inout CopySet) -> [String] { copies.takeIdle().map(\.node.name) }

    @Test func holdersAreAskedOnceAndStandInsForThoseThatFail() {
        var copies = copies(.available)
        #expect(ask(&copies) == ["n0", "n1", "n2"])
        #expect(ask(&copies) == [])
        copies.failed(node("n1"))
        // Said twice: by its silence, and by membership.
        copies.failed(node("n1"))
        #expect(ask(&copies) == ["n3"])
        copies.failed(node("n3"))
        #expect(ask(&copies) == ["n4"])
        copies.failed(node("n4"))
        #expect(ask(&copies) == [])
        #expect(copies.members.filter(\.isHandOff).map(\.target.node.name) == ["n3", "n4"])
    }

    @Test func theDeadAreNotAskedAndNeitherAreDeadStandIns() {
        var copies = copies(.available, dead: [0, 3])
        #expect(ask(&copies) == ["n1", "n2", "n4"])
    }

    @Test func underMajorityNobodyStandsIn() {
        var copies = copies(.majority, dead: [0])
        #expect(ask(&copies) == ["n1", "n2"])
        copies.done(target(1))
        #expect(!copies.isEnough && !copies.isHopeless)
        copies.failed(node("n2"))
        #expect(ask(&copies) == [])
        #expect(copies.isHopeless)
    }

    @Test func underMajorityOnlyHoldersCount() {
        var copies = copies(.majority)
        copies.include(target(3))
        #expect(ask(&copies) == ["n3", "n0", "n1", "n2"])
        copies.done(target(3))
        copies.done(target(0))
        #expect(copies.copies == 2 && !copies.isEnough)
        copies.done(target(2))
        #expect(copies.isEnough)
    }

    @Test func underAvailableStandInsCount() {
        var copies = copies(.available, dead: [1, 2])
        #expect(ask(&copies) == ["n0", "n3", "n4"])
        copies.done(target(3))
        #expect(!copies.isEnough)
        copies.done(target(0))
        #expect(copies.isEnough)
    }

    /// Two stand-ins do not know what the version has to be above, while a holder may still answer.
    @Test func standInsAloneAreNotEnoughWhileAHolderMayAnswer() {
        var copies = copies(.available, dead: [1, 2])
        _ = ask(&copies)
        copies.done(target(3))
        copies.done(target(4))
        #expect(!copies.isEnough)
        copies.failed(node("n0"))
        #expect(copies.isEnough)
    }

    @Test func oneCopyIsEnoughWhereNobodyElseAnswers() {
        var copies = copies(.available, dead: [2, 3, 4])
        _ = ask(&copies)
        copies.done(target(0))
        #expect(!copies.isEnough)
        copies.failed(node("n1"))
        #expect(copies.isEnough)
        #expect(!copies.isHopeless)
    }

    @Test func withoutACopyNothingIsEnough() {
        var copies = copies(.available, dead: [1, 2, 3, 4])
        _ = ask(&copies)
        copies.failed(node("n0"))
        #expect(!copies.isEnough && copies.isHopeless)
    }

    /// It is made again above what refused it.
    @Test func oneCopyIsNotEnoughWhereSomebodyRefused() {
        var copies = copies(.available, dead: [2, 3, 4])
        _ = ask(&copies)
        copies.done(target(0))
        copies.refused(node("n1"))
        #expect(copies.hasRefusal && !copies.isWaiting)
        #expect(!copies.isEnough && !copies.isHopeless)
        copies.restart(targets)
        #expect(copies.copies == 0)
        #expect(ask(&copies) == ["n0", "n1"])
        copies.done(target(0))
        copies.done(target(1))
        #expect(copies.isEnough)
    }

    @Test func theOwnDiskIsIncludedOnce() {
        var holder = copies(.available)
        holder.include(target(1))
        #expect(ask(&holder) == ["n0", "n1", "n2"])
        // It is no stand-in of another one then.
        var standIn = copies(.available)
        standIn.include(target(3))
        #expect(ask(&standIn) == ["n3", "n0", "n1", "n2"])
        standIn.failed(node("n0"))
        #expect(ask(&standIn) == ["n4"])
    }

    // MARK: While the layout changes

    /// From n0, n1, n2 to n1, n2 with a new disk, n5.
    private let changing = Targets(
        layouts: [
            (0..<3).map { target($0) }, [target(1), target(2, disk: 12), target(5)],
        ], handOffs: [target(3)])

    @Test func aNodeWithANewDiskIsAskedOnceByThat() {
        var copies = copies(.available, targets: changing)
        let asked = copies.takeIdle()
        #expect(asked == [target(1), target(2, disk: 12), target(5), target(0)])
    }

    @Test func underMajorityItTakesOneOfEachLayoutInUse() {
        var copies = copies(.majority, targets: changing)
        _ = ask(&copies)
        copies.done(target(2, disk: 12))
        copies.done(target(5))
        // A majority of the new layout, and none of the old one.
        #expect(!copies.isEnough)
        copies.done(target(1))
        #expect(!copies.isEnough)
        copies.done(target(0))
        #expect(copies.isEnough)
    }

    @Test func underAvailableAHolderOfEachLayoutIsHeard() {
        var copies = copies(.available, targets: changing)
        _ = ask(&copies)
        copies.done(target(2, disk: 12))
        copies.done(target(5))
        #expect(!copies.isEnough)
        copies.done(target(0))
        #expect(copies.isEnough)
    }

    /// Also when a later round has not come to it yet; not who was dead from the beginning.
    @Test func whoWasAskedInAnyRoundIsKnown() {
        var copies = copies(.majority, dead: [1])
        #expect(copies.members.allSatisfy { !$0.wasAsked })
        _ = ask(&copies)
        copies.failed(node("n2"))
        copies.restart(targets)
        let asked = copies.members.filter(\.wasAsked).map(\.target.node)
        #expect(asked == [node("n0"), node("n2")])
    }

    @Test func aLayoutWhoseHoldersAllFailedIsNotWaitedFor() {
        var copies = copies(.available, targets: changing)
        _ = ask(&copies)
        copies.done(target(2, disk: 12))
        copies.done(target(5))
        copies.failed(node("n0"))
        #expect(!copies.isEnough)
        copies.failed(node("n1"))
        #expect(copies.isEnough)
    }
}

private func target(_ number: Int, disk other: Int? = nil) -> Target {
    Target(node: node("n\(number)"), disk: disk(other ?? number))
}
