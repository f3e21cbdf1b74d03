import Model
import Testing

@testable import Placement

struct QuorumTests {
    let a = member("a")
    let b = member("b")
    let c = member("c")
    let d = member("d")

    @Test func quorumIsAMajorityOfEachLayout() {
        var count = QuorumCount(holdersPerLayout: [[a, b, c], [b, c, d]])
        #expect(!count.isMet)
        count.count(a.node, disk: a.disk)
        count.count(d.node, disk: d.disk)
        #expect(!count.isMet)
        count.count(b.node, disk: b.disk)
        #expect(count.isMet)
        #expect(count.newestCount == 2)
        #expect(!count.isComplete)
        count.count(c.node, disk: c.disk)
        #expect(count.isComplete)
    }

    @Test func aRepeatedAnswerCountsOnce() {
        var count = QuorumCount(holdersPerLayout: [[a, b, c]])
        let first = count.count(a.node, disk: a.disk)
        let second = count.count(a.node, disk: a.disk)
        #expect(first && !second)
        #expect(!count.isMet)
    }

    @Test func onlyTheDiskThatTheLayoutNamesCounts() {
        let wiped = member("a", disk: 2)
        var count = QuorumCount(holdersPerLayout: [[a, b, c], [wiped, b, c]])
        count.count(b.node, disk: b.disk)
        count.count(wiped.node, disk: wiped.disk)
        #expect(!count.isMet)
        count.count(a.node, disk: a.disk)
        #expect(count.isMet)
        let stranger = count.count(b.node, disk: wiped.disk)
        #expect(!stranger)
    }

    @Test func twoHoldersNeedBothAndOneNeedsItself() {
        var two = QuorumCount(holdersPerLayout: [[a, b]])
        two.count(a.node, disk: a.disk)
        #expect(!two.isMet)
        var one = QuorumCount(holdersPerLayout: [[a]])
        one.count(a.node, disk: a.disk)
        #expect(one.isMet)
        #expect(!QuorumCount(holdersPerLayout: [[]]).isMet)
    }

    @Test func quorumIsImpossibleWhenTooManyAreAway() {
        var count = QuorumCount(holdersPerLayout: [[a, b, c], [b, c, d]])
        #expect(!count.isImpossible { $0.node == a.node })
        #expect(count.isImpossible { $0.node == a.node || $0.node == b.node })
        count.count(b.node, disk: b.disk)
        #expect(!count.isImpossible { $0.node == a.node || $0.node == b.node })
        #expect(count.isImpossible { $0.node == c.node || $0.node == d.node })
    }

    @Test func writesGoToTheHoldersOfAllLayoutsAndEachIsThereOnce() {
        let old = layout(count: 5, id: 1)
        let new = layout((1..<6).map { member("n\($0)") }, id: 2)
        var transition = Transition([old, new])
        for partition in allPartitions.prefix(50) {
            let perLayout = transition.holdersPerLayout(of: partition)
            let all = transition.allHolders(of: partition)
            let newest = transition.holders(of: partition)
            #expect(perLayout.count == 2)
            #expect(perLayout[1] == newest)
            #expect(Array(all.prefix(3)) == newest)
            #expect(Set(all) == Set(perLayout.joined()))
            #expect(Set(all).count == all.count)
            for member in all {
                let holds = transition.isHolder(member.node, disk: member.disk, of: partition)
                #expect(holds)
            }
        }
        transition.adopt([new])
        #expect(transition.layouts == [new])
        #expect(transition.hasRoom)
    }

    @Test func aReplacedDiskIsWrittenToBesideTheOldOne() {
        let old = layout([member("a", disk: 1), member("b")], id: 1)
        let new = layout([member("a", disk: 2), member("b")], id: 2)
        var transition = Transition([old, new])
        let all = transition.allHolders(of: Partition(number: 9))
        #expect(all.count == 3)
        #expect(Set(all.map(\.disk)).count == 2)
    }
}
