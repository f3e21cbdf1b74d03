import Model
import Testing

@testable import CRDT

/// Layouts: changes on two sides of a cut, completion and retirement.
@Suite struct LayoutTests {
    static let id = ClusterID(bits: Bits128(high: 7, low: 7))

    /// One node's copy of the state, with its clock.
    struct Side {
        var state: ClusterState
        var clock = HybridClock()
        var wall = wallStart

        init(_ number: Int) {
            state = ClusterState(
                identity: ClusterIdentity(name: "c", established: LayoutTests.id),
                own: node(number))
        }

        mutating func add(_ number: Int, disk diskNumber: Int? = nil) throws {
            wall += 1
            _ = try state.addMember(
                LayoutMember(
                    node: node(number), disk: disk(diskNumber ?? number), weight: 1, zone: ""),
                clock: &clock, wallMilliseconds: wall)
        }

        mutating func remove(_ number: Int) throws {
            wall += 1
            _ = try state.removeMember(node(number), clock: &clock, wallMilliseconds: wall)
        }

        @discardableResult
        mutating func publish() throws -> LayoutID {
            _ = try state.publishLayout()
            return state.layouts.draft.id
        }

        mutating func join(_ other: Side) {
            var outcome = MergeOutcome()
            _ = state.join(other.state, outcome: &outcome)
            state.settle(&outcome)
            clock.observe(other.clock.last, wallMilliseconds: wall)
        }

        /// Node `number` declares `layout` synced with its disk, and this side hears of it.
        mutating func hear(_ number: Int, synced layout: LayoutID, disk diskNumber: Int? = nil) {
            let old = state.register(of: node(number))
            var facts = old?.facts ?? NodeFacts(disk: disk(number))
            facts.disk = disk(diskNumber ?? number)
            facts.declareSynced(layout)
            var outcome = MergeOutcome()
            let register = NodeRegister(
                node: node(number), incarnation: 1, sequence: (old?.sequence ?? 0) + 1,
                facts: facts)
            state.merge(.register(register), isOwn: true, outcome: &outcome)
            state.settle(&outcome)
        }

        var activeIDs: [LayoutID] { state.layouts.active.map(\.id) }

        func members(_ id: LayoutID) -> [NodeID] {
            state.layouts.active(id)?.layout.members.map(\.node) ?? []
        }
    }

    /// Two copies of a complete layout of nodes 0, 1 and 2.
    static func sides() throws -> (Side, Side, LayoutID) {
        var a = Side(0)
        for number in 0...2 { try a.add(number) }
        let base = try a.publish()
        for number in 0...2 { a.hear(number, synced: base) }
        var b = Side(1)
        b.join(a)
        return (a, b, base)
    }

    @Test func firstLayoutBecomesComplete() throws {
        let (a, b, base) = try Self.sides()
        #expect(a.activeIDs == [base] && a.state.layouts.active[0].isComplete)
        #expect(a.state == b.state)
        #expect(a.state.layouts.active[0].layout.replicationFactor == 3)
    }

    @Test func joinsOnBothSidesOfACutMeetInOneLayout() throws {
        var (a, b, base) = try Self.sides()
        try a.add(3)
        try b.add(4)
        let left = try a.publish()
        let right = try b.publish()
        #expect(left != right)
        a.join(b)
        b.join(a)
        #expect(a.state == b.state)
        #expect(a.activeIDs == [base, left, right].sorted())
        let activeBefore = a.state.layouts.activeDigest
        // Both publish the join by themselves: it is one layout.
        let both = try a.publish()
        #expect(try b.publish() == both)
        #expect(a.members(both) == (0...4).map(node))
        #expect(a.state.layouts.activeDigest != activeBefore)
        #expect(a.state.layouts.latest.map(\.id) == [both])
        for number in 0...4 { a.hear(number, synced: both) }
        #expect(a.activeIDs == [both])
        b.join(a)
        #expect(a.state == b.state && a.state.digest == b.state.digest)
    }

    @Test func joinAfterOutWinsAndOutAfterJoinWins() throws {
        var (a, b, _) = try Self.sides()
        try a.remove(2)
        b.wall = a.wall + 10
        try b.add(2, disk: 20)
        a.join(b)
        b.join(a)
        #expect(a.state == b.state)
        #expect(a.state.layouts.draft.entry(of: node(2))?.member?.disk == disk(20))
        a.wall = b.wall
        try a.remove(2)
        b.join(a)
        #expect(b.state.layouts.draft.entry(of: node(2))?.member == nil)
    }

    @Test func anOutRanksAboveWhatItReplacesWhateverTheClock() throws {
        var (a, b, _) = try Self.sides()
        a.wall += 7_200_000
        try a.add(2, disk: 20)
        b.join(a)
        try b.remove(2)
        a.join(b)
        #expect(a.state.layouts.draft.entry(of: node(2))?.member == nil)
    }

    @Test func laggingPeerBringsNoRetiredLayoutBack() throws {
        var (a, lagging, base) = try Self.sides()
        try a.add(3)
        let next = try a.publish()
        for number in 0...3 { a.hear(number, synced: next) }
        #expect(a.activeIDs == [next])
        let before = a.state
        a.join(lagging)
        #expect(a.state == before, "what is retired stays away")
        #expect(lagging.activeIDs == [base])
        // And a change that the lagging one publishes on the retired base is taken in.
        try lagging.add(4)
        let late = try lagging.publish()
        a.join(lagging)
        #expect(a.activeIDs == [next, late].sorted())
        lagging.join(a)
        #expect(lagging.state == a.state)
    }

    @Test func completenessOutlivesTheRegistersThatMovedOn() throws {
        var (a, b, base) = try Self.sides()
        try a.add(3)
        let next = try a.publish()
        for number in 0...3 { a.hear(number, synced: next) }
        // Every member declares eight newer layouts: the declaration of `next` is gone.
        for number in 0...3 {
            for low in 0..<8 as Range<UInt64> {
                a.hear(number, synced: LayoutID(bits: Bits128(high: 9, low: low)))
            }
        }
        b.join(a)
        #expect(b.activeIDs == [next] && b.state.layouts.active[0].isComplete)
        #expect(!b.activeIDs.contains(base))
    }

    @Test func declarationBeforeTheLayoutIsRemembered() throws {
        var (a, b, _) = try Self.sides()
        try a.add(3)
        let next = try a.publish()
        for number in 0...3 { b.hear(number, synced: next) }
        #expect(b.activeIDs.count == 1)
        b.join(a)
        #expect(b.activeIDs == [next])
    }

    @Test func wipedDiskDeclaresNothing() throws {
        var (a, _, base) = try Self.sides()
        try a.add(3)
        let next = try a.publish()
        for number in 0...2 { a.hear(number, synced: next) }
        a.hear(3, synced: next, disk: 33)
        #expect(a.activeIDs == [base, next].sorted())
        // The same words of the disk that the layout names.
        a.hear(3, synced: next, disk: 3)
        #expect(a.activeIDs == [next])
    }

    @Test func twoCompleteSidesBothStayUntilTheirJoinIsComplete() throws {
        var (a, b, base) = try Self.sides()
        try a.add(3)
        try b.add(4)
        let left = try a.publish()
        let right = try b.publish()
        for number in [0, 1, 2, 3] { a.hear(number, synced: left) }
        for number in [0, 1, 2, 4] { b.hear(number, synced: right) }
        a.join(b)
        #expect(a.activeIDs == [left, right].sorted() && !a.activeIDs.contains(base))
        let both = try a.publish()
        #expect(a.activeIDs.count == 3)
        for number in 0...4 { a.hear(number, synced: both) }
        #expect(a.activeIDs == [both])
    }

    @Test func nothingIsPublishedAboveTheBound() throws {
        var (a, _, _) = try Self.sides()
        for number in 3..<3 + CRDTLimits.publishCountMax - 1 {
            try a.add(number)
            try a.publish()
        }
        #expect(a.activeIDs.count == CRDTLimits.publishCountMax)
        try a.add(100)
        #expect(throws: ChangeError.full) { try a.state.publishLayout() }
        // The change is not lost: it is published with the next one when there is room.
        #expect(a.state.layouts.hasUnpublished)
    }

    @Test func activeLayoutsAreBoundedWhateverPeersBring() throws {
        var (a, _, base) = try Self.sides()
        for number in 0..<100 {
            var (other, _, _) = try Self.sides()
            other.wall += UInt64(number)
            try other.add(10 + number)
            try other.publish()
            a.join(other)
        }
        #expect(a.activeIDs.count == CRDTLimits.activeCountMax)
        #expect(a.activeIDs.contains(base), "the complete one stays")
        var sums = BucketSums()
        for entry in a.state.entries { sums.replace(nil, by: entry.fingerprint, of: entry.key) }
        #expect(sums == a.state.sums)
    }

    @Test func unchangedWordsMakeNoStamp() throws {
        var (a, _, base) = try Self.sides()
        let before = a.state
        try a.add(1)
        try a.remove(9)
        _ = try a.state.changeWeight(
            of: node(1), to: 1, clock: &a.clock, wallMilliseconds: a.wall)
        _ = try a.state.replaceDisk(
            of: node(1), by: disk(1), clock: &a.clock, wallMilliseconds: a.wall)
        _ = try a.state.setReplicationFactor(3, clock: &a.clock, wallMilliseconds: a.wall)
        #expect(a.state == before)
        #expect(try a.publish() == base)
        let weighed = try a.state.changeWeight(
            of: node(1), to: 5, clock: &a.clock, wallMilliseconds: a.wall)
        #expect(weighed.entries.count == 1)
    }

    @Test func clockInDoubtChangesNothing() throws {
        var (a, _, _) = try Self.sides()
        _ = a.clock.clockOffset(peer: node(9), offsetMilliseconds: -100_000, now: .zero)
        #expect(throws: ChangeError.clockInDoubt) { try a.add(7) }
    }

    @Test func onlyAMajorityTakesOut() throws {
        var (a, _, _) = try Self.sides()
        try a.add(3)
        try a.add(4)
        let five = try a.publish()
        for number in 0...4 { a.hear(number, synced: five) }
        let layouts = a.state.layouts
        func may(_ out: Int, _ alive: [Int], force: Bool = false) -> Bool {
            OutRule.mayTakeOut(node(out), from: layouts, alive: alive.map(node), force: force)
        }
        #expect(may(4, [0, 1, 2]) && !may(4, [0, 1]) && may(4, [0, 1], force: true))
        #expect(!may(9, [0, 1, 2], force: true), "no member")
        #expect(!may(4, [0, 1, 7, 8]), "strangers do not count")
        // Two were taken out: only the three members of the draft count, not the five before.
        try a.remove(4)
        try a.remove(3)
        let fewer = a.state.layouts
        #expect(OutRule.mayTakeOut(node(2), from: fewer, alive: [0, 1, 3].map(node)))
        #expect(OutRule.mayTakeOut(node(2), from: fewer, alive: [0, 1].map(node)))
        #expect(!OutRule.mayTakeOut(node(2), from: fewer, alive: [0, 3].map(node)))
    }

    @Test func ofTwoNodesNeitherTakesTheOtherOut() throws {
        var a = Side(0)
        for number in 0...1 { try a.add(number) }
        try a.publish()
        #expect(!OutRule.mayTakeOut(node(1), from: a.state.layouts, alive: [node(0)]))
    }
}
