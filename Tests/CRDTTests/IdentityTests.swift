import Model
import Testing

@testable import CRDT

@Suite struct IdentityTests {
    static func id(_ number: UInt64) -> ClusterID { ClusterID(bits: Bits128(high: 0, low: number)) }

    static func established(_ number: UInt64) -> ClusterIdentity {
        ClusterIdentity(name: "home", established: id(number))
    }

    @Test func freshNodeAdoptsTheEstablishedCluster() {
        var fresh = ClusterIdentity(name: "home")
        let meeting = fresh.meet(Self.established(1))
        #expect(meeting == .adopted && fresh == Self.established(1))
        let again = fresh.meet(ClusterIdentity(name: "home"))
        #expect(again == .same && fresh.established == Self.id(1))
    }

    @Test func establishedClustersNeverMergeByThemselves() {
        var ours = Self.established(1)
        let meeting = ours.meet(Self.established(2))
        #expect(meeting == .foreign && ours == Self.established(1))
        var other = ClusterIdentity(name: "work")
        let named = other.meet(Self.established(1))
        #expect(named == .foreign && other.established == nil)
        let again = ours.establish(Self.id(3))
        #expect(!again && ours == Self.established(1))
    }

    @Test func absorbedClusterFollows() {
        var first = Self.established(2)
        _ = first.adopt(Self.id(1))
        var target = Self.established(1)
        var rest = Self.established(2)
        let learned = target.meet(first)
        #expect(learned == .adopted && target == first)
        let followed = rest.meet(target)
        #expect(followed == .adopted && rest == first)
    }

    @Test func mutualAbsorptionEndsInOneId() {
        var a = Self.established(1)
        var b = Self.established(2)
        _ = a.adopt(Self.id(2))
        _ = b.adopt(Self.id(1))
        let before = a
        _ = a.meet(b)
        _ = b.meet(before)
        #expect(a == b && a.established == Self.id(1))
    }

    @Test func freshNodeNeverOverrides() throws {
        var clock = HybridClock()
        var cluster = Gossip(ClusterState(identity: Self.established(1), own: node(0)))
        var directives: [GossipDirective] = []
        try cluster.update(now: .zero, &directives) { (state) throws(ChangeError) in
            try state.set("a", to: "b", clock: &clock, wallMilliseconds: wallStart)
        }
        // A clock far ahead: what it could say would win.
        var early = HybridClock()
        var fresh = Gossip(
            ClusterState(identity: ClusterIdentity(name: "home"), own: node(1)))
        for number in 0...2 {
            #expect(throws: ChangeError.notEstablished) {
                try fresh.update(now: .zero, &directives) { (state) throws(ChangeError) in
                    try Self.change(number, &state, &early)
                }
            }
        }
        let before = cluster.state
        var said: [GossipDirective] = []
        for entry in fresh.state.entries {
            let message = GossipMessage(
                identity: fresh.state.identity, body: .rumor(Delta([entry]), offers: []))
            cluster.received(message, from: node(1), now: .zero, &said)
        }
        #expect(cluster.state == before && fresh.state.entries.isEmpty)
    }

    static func change(
        _ number: Int, _ state: inout ClusterState, _ clock: inout HybridClock
    ) throws(ChangeError) -> Delta {
        let wall = wallStart + 1_000_000
        return switch number {
        case 0: try state.set("a", to: "c", clock: &clock, wallMilliseconds: wall)
        case 1: try state.setReplicationFactor(5, clock: &clock, wallMilliseconds: wall)
        default: try state.publishLayout()
        }
    }

    @Test func foreignClustersStayApartAndSaySo() throws {
        var world = World(count: 6, seed: 3, name: "home")
        for index in world.nodes.indices {
            try world.update(index) { (state) throws(ChangeError) in
                state.establish(Self.id(index < 3 ? 1 : 2))
            }
        }
        try world.announceAll()
        var clock = HybridClock()
        try world.update(0) { (state) throws(ChangeError) in
            try state.set("a", to: "b", clock: &clock, wallMilliseconds: wallStart)
        }
        _ = world.run(for: .seconds(60))
        for index in world.nodes.indices {
            let state = world.nodes[index].state
            #expect(state.settings.value(for: "a") == (index < 3 ? "b" : nil))
            #expect(state.registers.count == 3)
            let conflicts = world.changes[index].count {
                if case .identityConflict = $0 { true } else { false }
            }
            #expect((1...3).contains(conflicts), "said, and not again and again")
        }
    }

    @Test func mergeByAnOperatorJoinsBoth() throws {
        var world = World(count: 6, seed: 4, name: "home")
        for index in world.nodes.indices {
            try world.update(index) { (state) throws(ChangeError) in
                state.establish(Self.id(index < 3 ? 1 : 2))
            }
        }
        try world.announceAll()
        var clock = HybridClock()
        // Of the one that joins: set later, and nowhere else.
        for (index, key, value) in [(0, "a", "1"), (4, "a", "2"), (4, "b", "2")] {
            try world.update(index) { (state) throws(ChangeError) in
                try state.set(key, to: value, clock: &clock, wallMilliseconds: wallStart)
            }
        }
        _ = world.run(for: .seconds(10))
        #expect(world.nodes[3].state.settings.value(for: "a") == "2")
        try world.update(5) { (state) throws(ChangeError) in state.adopt(Self.id(1)) }
        #expect(world.run(for: .seconds(60)) { $0.areEqual })
        #expect(world.nodes.allSatisfy { $0.state.identity == world.nodes[0].state.identity })
        #expect(world.nodes.allSatisfy { $0.state.registers.count == 6 })
        for node in world.nodes {
            #expect(node.state.settings.all.map(\.key) == ["a"])
            #expect(node.state.settings.value(for: "a") == "1")
        }
    }
}
