import Model
import Testing

@testable import CRDT

@Suite struct StateTests {
    static let identity = ClusterIdentity(
        name: "c", established: ClusterID(bits: Bits128(high: 7, low: 7)))

    static func rows(_ directives: [GossipDirective]) -> [EntryKey: StateEntry] {
        var rows: [EntryKey: StateEntry] = [:]
        for directive in directives {
            switch directive {
            case .persist(let delta): for entry in delta.entries { rows[entry.key] = entry }
            case .forget(let keys): for key in keys { rows[key] = nil }
            case .send, .changed: break
            }
        }
        return rows
    }

    /// The rows that the directives leave are the state, whatever happened.
    @Test func stateIsRestoredFromItsRows() throws {
        for seed in 0..<300 as Range<UInt64> {
            var maker = Maker(seed: seed)
            let others = maker.states(3)
            var directives: [GossipDirective] = []
            var gossip = Gossip(
                ClusterState(identity: ClusterIdentity(name: "c"), own: node(0)))
            for other in others {
                let message = GossipMessage(
                    identity: other.identity, body: .repair(Delta(other.entries), wants: []))
                gossip.received(message, from: other.own, now: .zero, &directives)
            }
            var rows = Array(Self.rows(directives).values)
            rows.shuffle(using: &maker.rng)
            let restored = ClusterState(restoring: Delta(rows), name: "c", own: node(0))
            #expect(restored == gossip.state, "seed \(seed)")
            #expect(restored.digest == gossip.state.digest, "seed \(seed)")
        }
    }

    @Test func settingReplacesOneFromAClockFarAhead() throws {
        var state = ClusterState(identity: Self.identity, own: node(0))
        var early = HybridClock()
        _ = try state.set("a", to: "1", clock: &early, wallMilliseconds: wallStart + 9_000_000)
        var clock = HybridClock()
        let delta = try state.set("a", to: "2", clock: &clock, wallMilliseconds: wallStart)
        #expect(delta.entries.count == 1 && state.settings.value(for: "a") == "2")
        let same = try state.set("a", to: "2", clock: &clock, wallMilliseconds: wallStart)
        #expect(same.isEmpty)
        _ = try state.set("a", to: "", clock: &clock, wallMilliseconds: wallStart)
        #expect(state.settings.value(for: "a") == nil, "back to the default")
    }

    @Test func limitsOfSettingsHold() throws {
        var state = ClusterState(identity: Self.identity, own: node(0))
        var clock = HybridClock()
        for index in 0..<CRDTLimits.settingCountMax {
            _ = try state.set("k\(index)", to: "v", clock: &clock, wallMilliseconds: wallStart)
        }
        #expect(throws: ChangeError.full) {
            try state.set("one", to: "v", clock: &clock, wallMilliseconds: wallStart)
        }
        #expect(throws: ChangeError.invalid) {
            try state.set("a b", to: "v", clock: &clock, wallMilliseconds: wallStart)
        }
        #expect(throws: ChangeError.invalid) {
            try state.set(
                "k1", to: String(repeating: "v", count: 4_097), clock: &clock,
                wallMilliseconds: wallStart)
        }
    }

    @Test func newLifeGoesOnAboveTheLast() throws {
        var state = ClusterState(identity: Self.identity, own: node(0))
        state.start()
        _ = try state.announce(NodeFacts(disk: disk(1)))
        let unchanged = try state.announce(NodeFacts(disk: disk(1)))
        #expect(unchanged.isEmpty)
        _ = try state.announce(NodeFacts(disk: disk(1), flags: .isFull))
        let first = try #require(state.register(of: node(0)))
        #expect(first.incarnation == 1 && first.sequence == 1)
        var again = ClusterState(restoring: Delta(state.entries), name: "c", own: node(0))
        again.start()
        _ = try again.announce(NodeFacts(disk: disk(1)))
        let second = try #require(again.register(of: node(0)))
        #expect(second.incarnation == 2 && second.wins(over: first))
    }

    @Test func declarationsOfRetiredLayoutsMakeRoom() throws {
        var (a, _, base) = try LayoutTests.sides()
        #expect(a.state.synced(adding: base) == [base])
        try a.add(3)
        let next = try a.publish()
        #expect(a.state.synced(adding: next) == [base, next])
        for number in 0...3 { a.hear(number, synced: next) }
        #expect(a.state.synced(adding: next) == [next])
    }

    @Test func nodeThatLostItsPastTopsItAndSaysSo() throws {
        var old = ClusterState(identity: Self.identity, own: node(0))
        old.start(incarnationAtLeast: 9)
        _ = try old.announce(NodeFacts(disk: disk(1)))
        var wiped = ClusterState(identity: Self.identity, own: node(0))
        wiped.start()
        _ = try wiped.announce(NodeFacts(disk: disk(2)))
        var outcome = MergeOutcome()
        wiped.merge(Delta(old.entries), outcome: &outcome)
        #expect(outcome.duplicates.map(\.disk) == [disk(1)])
        _ = try wiped.announce(NodeFacts(disk: disk(2)))
        let register = try #require(wiped.register(of: node(0)))
        #expect(register.incarnation == 10 && register.disk == disk(2))
        var echo = MergeOutcome()
        wiped.merge(Delta(wiped.entries + old.entries), outcome: &echo)
        #expect(echo.duplicates.isEmpty && echo.changed.isEmpty)
    }

    @Test func twoNodesWithOneIdAreReportedByAll() throws {
        let one = NodeRegister(
            node: node(5), incarnation: 1, sequence: 1, facts: NodeFacts(disk: disk(1)))
        let two = NodeRegister(
            node: node(5), incarnation: 1, sequence: 1, facts: NodeFacts(disk: disk(2)))
        for (first, second) in [(one, two), (two, one)] {
            var state = ClusterState(identity: Self.identity, own: node(0))
            var outcome = MergeOutcome()
            state.merge(Delta([.register(first)]), outcome: &outcome)
            #expect(outcome.duplicates.isEmpty)
            state.merge(Delta([.register(second)]), outcome: &outcome)
            #expect(outcome.duplicates == [second])
            #expect(state.register(of: node(5))?.disk == disk(2), "the same on every node")
        }
    }

    @Test func registersAreBounded() {
        var state = ClusterState(identity: Self.identity, own: node(0))
        var outcome = MergeOutcome()
        for number in 0...CRDTLimits.registerCountMax {
            let register = NodeRegister(
                node: node(number), incarnation: 1, sequence: 1, facts: NodeFacts(disk: disk(1)))
            state.merge(Delta([.register(register)]), outcome: &outcome)
        }
        #expect(outcome.refused == 1)
        #expect(state.registers.count == CRDTLimits.registerCountMax)
    }
}
