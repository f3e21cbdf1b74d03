import Model
import Testing

@testable import Placement

struct DropRuleTests {
    let current = layout([member("a"), member("b"), member("c"), member("d")], id: 9)
    let version = Dot(disk: DiskID(bits: Bits128(high: 5, low: 5)), sequence: 3)
    var holders: [LayoutMember] { Array(current.members.prefix(3)) }

    func rule(
        node: String = "d", holders: [LayoutMember]? = nil, silent: String? = nil
    ) -> DropRule {
        var acknowledgements = LayoutAcknowledgements(current)
        for member in current.members where member.node.name != silent {
            acknowledgements.acknowledged(member.node, disk: member.disk, layout: current.id)
        }
        return DropRule(
            node: member(node).node, acknowledgements: acknowledgements,
            holders: holders ?? self.holders)
    }

    func words(
        _ members: [LayoutMember], layout: LayoutID? = nil, version: Dot? = nil
    ) -> [HoldingConfirmation] {
        members.map {
            HoldingConfirmation(
                node: $0.node, disk: $0.disk, layout: layout ?? current.id,
                version: version ?? self.version)
        }
    }

    func verdict(
        _ rule: DropRule, _ words: [HoldingConfirmation], confirmedUnder: [LayoutID] = []
    ) -> DropRule.Verdict {
        rule.verdict(on: version, confirmations: words, confirmedUnder: confirmedUnder)
    }

    @Test func copyGoesWhenAllHoldersConfirmed() {
        #expect(verdict(rule(), words(holders)) == .drop)
        #expect(verdict(rule(), words(holders).reversed()) == .drop)
    }

    @Test func holderKeeps() {
        #expect(verdict(rule(node: "b"), words(holders)) == .keep(.isHolder))
    }

    @Test func holderWithAnotherDiskKeeps() {
        let holders = [member("a"), member("d", disk: 2)]
        #expect(verdict(rule(holders: holders), words(holders)) == .keep(.isHolder))
    }

    @Test func memberThatDidNotAcknowledgeTheLayoutStopsTheDrop() {
        let c = member("c").node
        #expect(verdict(rule(silent: "c"), words(holders)) == .keep(.isUnacknowledged(c)))
    }

    @Test func membersThatHoldNothingMustAcknowledgeToo() {
        let d = member("d").node
        #expect(
            verdict(rule(node: "gone", silent: "d"), words(holders))
                == .keep(.isUnacknowledged(d)))
    }

    @Test func everyHolderMustConfirm() {
        for index in holders.indices {
            var some = holders
            some.remove(at: index)
            #expect(
                verdict(rule(), words(some)) == .keep(.isUnconfirmed(holders[index].node)))
        }
    }

    @Test func confirmationOfAnotherDiskVersionOrLayoutIsNone() {
        let a = holders[0].node
        let wiped = [member("a", disk: 2)] + holders.dropFirst()
        #expect(verdict(rule(), words(wiped)) == .keep(.isUnconfirmed(a)))
        let older = Dot(disk: version.disk, sequence: 2)
        #expect(verdict(rule(), words(holders, version: older)) == .keep(.isUnconfirmed(a)))
        let layout = LayoutID(bits: Bits128(high: 0, low: 8))
        #expect(verdict(rule(), words(holders, layout: layout)) == .keep(.isUnconfirmed(a)))
    }

    @Test func nodeThatConfirmedKeepsUnderTheSameLayout() {
        #expect(
            verdict(rule(), words(holders), confirmedUnder: [current.id]) == .keep(.hasConfirmed))
        let before = LayoutID(bits: Bits128(high: 0, low: 8))
        #expect(verdict(rule(), words(holders), confirmedUnder: [before]) == .drop)
    }

    @Test func onlyTheNamedDiskAcknowledgesAndOnlyThisLayout() {
        var acknowledgements = LayoutAcknowledgements(current)
        let c = member("c")
        let before = LayoutID(bits: Bits128(high: 0, low: 8))
        for member in current.members where member != c {
            acknowledgements.acknowledged(member.node, disk: member.disk, layout: current.id)
        }
        acknowledgements.acknowledged(
            c.node, disk: member("c", disk: 2).disk, layout: current.id)
        acknowledgements.acknowledged(c.node, disk: c.disk, layout: before)
        acknowledgements.acknowledged(member("x").node, disk: c.disk, layout: current.id)
        #expect(acknowledgements.firstSilent == c && !acknowledgements.isComplete)
        acknowledgements.acknowledged(c.node, disk: c.disk, layout: current.id)
        #expect(acknowledgements.firstSilent == nil && acknowledgements.isComplete)
    }

    @Test func nothingIsDroppedWhereNobodyHolds() {
        #expect(verdict(rule(holders: []), []) == .keep(.hasNoHolders))
    }
}
