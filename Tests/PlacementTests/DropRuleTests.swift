import Model
import Testing

@testable import Placement

/// A copy goes when that leaves RF others, and at no other time.
struct DropRuleTests {
    let partition = Partition(number: 7)
    let sum = Fingerprint(of: [1], seed: 1)
    let holders = [member("a"), member("b"), member("c")]

    func rule(confirmedBy members: [LayoutMember], at now: Duration = .zero) -> DropRule {
        var rule = DropRule()
        for member in members {
            rule.confirmed(partition, by: member.node, disk: member.disk, sum: sum, now: now)
        }
        return rule
    }

    func verdict(
        _ rule: DropRule, sum: Fingerprint? = nil, holders: [LayoutMember]? = nil,
        isSettled: Bool = true, now: Duration = .zero
    ) -> DropRule.Verdict {
        rule.verdict(
            on: partition, sum: sum ?? self.sum, holders: holders ?? self.holders,
            isSettled: isSettled, now: now)
    }

    @Test func copyGoesWhenAllHoldersOfASettledLayoutConfirmed() {
        #expect(verdict(rule(confirmedBy: holders)) == .drop)
    }

    @Test func everyHolderMustConfirmAndTheOthersAreAsked() {
        for missing in holders {
            let others = holders.filter { $0 != missing }
            #expect(verdict(rule(confirmedBy: others)) == .keep(asking: [missing]))
        }
        #expect(verdict(DropRule()) == .keep(asking: holders))
    }

    @Test func nothingGoesBeforeAllMembersGoByTheLayoutAlone() {
        let rule = rule(confirmedBy: holders)
        #expect(verdict(rule, isSettled: false) == .keep(asking: []))
        // What is here is brought to the holders all the same.
        #expect(verdict(DropRule(), isSettled: false) == .keep(asking: holders))
    }

    @Test func theWordOfAnotherDiskOrOfAnotherContentIsNone() {
        let replaced = [member("a", disk: 2), holders[1], holders[2]]
        let rule = rule(confirmedBy: holders)
        #expect(verdict(rule, holders: replaced) == .keep(asking: [replaced[0]]))
        let changed = Fingerprint(of: [2], seed: 1)
        #expect(verdict(rule, sum: changed) == .keep(asking: holders))
    }

    @Test func wordsThatAreOldAreAskedForAgainTogetherWithThoseThatSoonWillBe() {
        let age = PlacementLimits.confirmationAge
        var rule = rule(confirmedBy: [holders[0]])
        rule.confirmed(
            partition, by: holders[1].node, disk: holders[1].disk, sum: sum, now: age / 4)
        rule.confirmed(partition, by: holders[2].node, disk: holders[2].disk, sum: sum, now: age)
        #expect(verdict(rule, now: age) == .drop)
        #expect(
            verdict(rule, now: age + .milliseconds(1)) == .keep(asking: [holders[0], holders[1]]))
        // While the layout is not settled, age does not matter.
        #expect(verdict(rule, isSettled: false, now: age * 3) == .keep(asking: []))
    }

    @Test func aNewWordTakesTheOldOnesPlace() {
        var rule = rule(confirmedBy: holders)
        for holder in holders {
            rule.confirmed(
                partition, by: holder.node, disk: holder.disk, sum: sum, now: .seconds(60))
        }
        #expect(rule.count == holders.count)
        #expect(verdict(rule, now: .seconds(60)) == .drop)
    }

    @Test func wordsOnPartitionsThatAreNotForeignAnyMoreAreForgotten() {
        var rule = rule(confirmedBy: holders)
        let other = Partition(number: 8)
        rule.confirmed(other, by: holders[0].node, disk: holders[0].disk, sum: sum, now: .zero)
        rule.forget(except: [other])
        #expect(rule.count == 1)
        #expect(verdict(rule) == .keep(asking: holders))
    }

    @Test func nothingIsDroppedWhereNobodyHolds() {
        #expect(verdict(DropRule(), holders: []) == .keep(asking: []))
    }
}
