import CRDT
import Model
import Replication
import Testing

@testable import Cluster

/// Whom a new holder has to have read before it says that it has everything.
@Suite struct TakeOverTests {
    private let a = node("a"), b = node("b"), c = node("c"), d = node("d"),
        e = node("e")

    private static func node(_ name: String) -> NodeID {
        guard let node = NodeID(name) else { preconditionFailure("no name: \(name)") }
        return node
    }

    private func disk(_ node: NodeID) -> DiskID {
        DiskID(bits: Bits128(high: 1, low: UInt64(node.name.utf8.first ?? 0)))
    }

    private func target(_ node: NodeID) -> Target { Target(node: node, disk: disk(node)) }

    /// Layouts published one after the other, each said to have these members.
    private struct History {
        var layouts = LayoutHistory()
        var published: [Layout] = []
        private var time: UInt64 = 1

        mutating func publish(_ members: [(NodeID, DiskID)], without gone: [NodeID] = []) {
            func stamp() -> Stamp {
                time += 1
                return Stamp(time: HybridTime(value: time << 16), node: members[0].0)
            }
            for (node, disk) in members {
                _ = layouts.merge(
                    LayoutEntry(
                        node: node, state: .member(disk: disk, weight: 1, zone: ""),
                        stamp: stamp()))
            }
            for node in gone {
                _ = layouts.merge(LayoutEntry(node: node, state: .out, stamp: stamp()))
            }
            guard let new = layouts.publish() else { preconditionFailure("nothing new") }
            published.append(new.layout)
        }
    }

    /// A complete layout of a, b, c; then one of a, b, e; then the one that is taken over by c.
    private func history(isMiddleComplete: Bool = false) -> History {
        func member(_ node: NodeID) -> (NodeID, DiskID) { (node, disk(node)) }
        var history = History()
        history.publish([member(a), member(b), member(c)])
        _ = history.layouts.complete(history.published[0].id)
        history.publish([member(a), member(b), member(e)], without: [c])
        if isMiddleComplete { _ = history.layouts.complete(history.published[1].id) }
        history.publish([member(b), member(c), member(d)], without: [a, e])
        return history
    }

    /// b was read, and had declared these; a and e are gone.
    private func takeOver(declaredByB: [LayoutID]) -> TakeOver {
        var takeOver = TakeOver()
        takeOver.disks = [b: disk(b)]
        takeOver.theirDeclarations = [b: declaredByB]
        return takeOver
    }

    private func isEnough(_ takeOver: TakeOver, _ history: History) -> Bool {
        takeOver.meetsMajorities(
            of: history.published.dropLast(), in: history.layouts, without: [a, e], own: target(c))
    }

    @Test func aLayoutThatBecameCompleteNowhereHoldsUpNothing() {
        let history = history()
        #expect(isEnough(takeOver(declaredByB: [history.published[0].id]), history))
    }

    @Test func aLayoutThatMayHaveBecomeCompleteIsAskedForAMajority() {
        let history = history()
        // b declared it, and a and e may have.
        let declared = history.published.dropLast().map(\.id)
        #expect(!isEnough(takeOver(declaredByB: declared), history))
        // b was not asked, or another disk answered for it.
        #expect(!isEnough(TakeOver(), history))
        var replaced = takeOver(declaredByB: [])
        replaced.disks = [b: disk(d)]
        #expect(!isEnough(replaced, history))
    }

    @Test func aCompleteLayoutIsAskedForAMajorityWhateverItsMembersSay() {
        // What is below it is retired by then.
        let history = history(isMiddleComplete: true)
        var one = history
        one.published.removeFirst()
        #expect(!isEnough(takeOver(declaredByB: []), one))
    }

    @Test func theLowestLayoutIsAskedForAMajorityThoughItIsNotComplete() {
        var history = History()
        history.publish([(a, disk(a)), (b, disk(b)), (e, disk(e))])
        history.publish([(b, disk(b)), (c, disk(c))], without: [a, e])
        #expect(!isEnough(takeOver(declaredByB: []), history))
    }

    /// Whatever was acknowledged by two of two is with each of them.
    @Test func halfOfAnEvenLayoutMeetsEachMajority() {
        var history = History()
        history.publish([(a, disk(a)), (b, disk(b))])
        history.publish([(b, disk(b)), (c, disk(c))], without: [a])
        #expect(isEnough(takeOver(declaredByB: [history.published[0].id]), history))
        #expect(!isEnough(TakeOver(), history))
    }

    @Test func theOwnWordCounts() {
        func member(_ node: NodeID) -> (NodeID, DiskID) { (node, disk(node)) }
        var history = History()
        history.publish([member(a), member(b), member(c)])
        history.publish([member(a), member(c)], without: [b])
        history.publish([member(b), member(c)], without: [a])
        let middle = history.published[1]
        var takeOver = takeOver(declaredByB: [])
        let own = target(c)
        #expect(!takeOver.isNeeded(middle, in: history.layouts, own: own))
        takeOver.declarations = [middle.id]
        #expect(takeOver.isNeeded(middle, in: history.layouts, own: own))
        // A new disk does not know what the one before declared.
        takeOver.declarations = []
        let other = Target(node: c, disk: disk(d))
        #expect(takeOver.isNeeded(middle, in: history.layouts, own: other))
    }
}
