import Model
import Testing

@testable import CRDT

@Suite struct GossipTests {
    static let id = ClusterID(bits: Bits128(high: 7, low: 7))

    @Test func settingReachesAHundredNodesInTime() throws {
        for seed in 1...3 as ClosedRange<UInt64> {
            var world = World(count: 100, seed: seed, established: Self.id)
            world.lossPercent = 5
            try world.announceAll()
            _ = world.run(for: .seconds(20))
            var clock = HybridClock()
            try world.update(17) { (state) throws(ChangeError) in
                try state.set("a", to: "b", clock: &clock, wallMilliseconds: wallStart)
            }
            let start = world.now
            let done = world.run(for: .seconds(10)) { world in
                world.nodes.allSatisfy { $0.state.settings.value(for: "a") == "b" }
            }
            #expect(done, "seed \(seed)")
            #expect(world.now - start < .seconds(10), "seed \(seed)")
        }
    }

    @Test func statesConvergeAfterACut() throws {
        var world = World(count: 20, seed: 5, established: Self.id)
        world.mayPass = { ($0 < 10) == ($1 < 10) }
        try world.announceAll()
        var clock = HybridClock()
        for index in [0, 19] {
            try world.update(index) { (state) throws(ChangeError) in
                try state.set("k", to: "\(index)", clock: &clock, wallMilliseconds: wallStart)
            }
        }
        _ = world.run(for: .seconds(30))
        #expect(!world.areEqual)
        #expect(world.nodes[0].rumorCount == 0)
        world.mayPass = { _, _ in true }
        #expect(world.run(for: .seconds(30)) { $0.areEqual })
        #expect(world.nodes.allSatisfy { $0.state.settings.value(for: "k") == "19" })
        #expect(world.nodes.allSatisfy { $0.state.registers.count == 20 })
    }

    @Test func equalStatesExchangeOneSumAPeriod() throws {
        var world = World(count: 10, seed: 5, established: Self.id)
        try world.announceAll()
        #expect(world.run(for: .seconds(30)) { $0.areEqual })
        _ = world.run(for: .seconds(20))
        let before = world.sentCount
        _ = world.run(for: .seconds(50))
        #expect(world.sentCount - before == 100)
    }

    /// Fresh nodes find each other, one of them establishes the cluster, and all use one layout.
    @Test func freshNodesEndInOneLayout() throws {
        var world = World(count: 20, seed: 8)
        world.measuresBytes = true
        try world.announceAll()
        for index in world.nodes.indices {
            var clock = HybridClock()
            let member = LayoutMember(
                node: node(index), disk: disk(index), weight: 1, zone: "")
            try world.update(index) { (state) throws(ChangeError) in
                try state.addMember(member, clock: &clock, wallMilliseconds: wallStart)
            }
        }
        // Established before most members are known: the rest follows in a second layout.
        _ = world.run(for: .milliseconds(600))
        try world.update(3) { (state) throws(ChangeError) in state.establish(Self.id) }
        #expect(world.nodes[3].state.layouts.active.count == 1)
        var published = Set<LayoutID>()
        let alive = (0..<20).map(node).sorted()
        for _ in 0..<200 {
            _ = world.run(for: .milliseconds(100))
            for index in world.nodes.indices
            where world.nodes[index].isPublishDue(now: world.now, alive: alive) {
                try world.update(index) { (state) throws(ChangeError) in
                    try state.publishLayout()
                }
                published.insert(world.nodes[index].state.layouts.draft.id)
            }
        }
        #expect(published.count == 1, "one node published, once")
        #expect(world.areEqual)
        #expect(world.nodes.allSatisfy { $0.state.identity.established == Self.id })
        let layouts = world.nodes[0].state.layouts
        #expect(layouts.latest.map(\.layout.members.count) == [20])
        // Everybody declares it; the first one is retired everywhere.
        let target = try #require(layouts.latest.first).id
        for index in world.nodes.indices {
            try world.update(index) { (state) throws(ChangeError) in
                var facts = NodeFacts(disk: disk(index))
                facts.declareSynced(target)
                return try state.announce(facts)
            }
        }
        #expect(world.run(for: .seconds(20)) { $0.areEqual })
        #expect(world.nodes.allSatisfy { $0.state.layouts.active.map(\.id) == [target] })
        #expect(world.largest < CRDTLimits.messageByteCountMax + 300)
    }

    /// A node that stores nothing establishes: there is no entry that could carry the word.
    @Test func establishedIdentitySpreadsByItself() throws {
        var world = World(count: 50, seed: 9)
        try world.announceAll()
        _ = world.run(for: .seconds(20))
        try world.update(7) { (state) throws(ChangeError) in state.establish(Self.id) }
        #expect(
            world.run(for: .seconds(5)) { world in
                world.nodes.allSatisfy { $0.state.identity.established == Self.id }
            })
    }

    /// Five messages mend what either side has newer or alone.
    @Test func oneExchangeMendsBothSides() throws {
        var sides = (0...1).map { index in
            Gossip(
                ClusterState(
                    identity: ClusterIdentity(name: "c", established: Self.id), own: node(index)))
        }
        var directives: [GossipDirective] = []
        for (index, key, offset) in [
            (0, "both", 0), (1, "both", 1), (0, "other", 1), (1, "other", 0), (0, "a", 0),
            (1, "b", 0),
        ] as [(Int, String, UInt64)] {
            var clock = HybridClock()
            try sides[index].update(now: .zero, &directives) { (state) throws(ChangeError) in
                try state.set(
                    key, to: "\(index)", clock: &clock, wallMilliseconds: wallStart + offset)
            }
        }
        var sent: [(to: Int, GossipMessage)] = []
        func take(_ directives: [GossipDirective]) {
            for case .send(let message, let peer) in directives {
                sent.append((peer == node(0) ? 0 : 1, message))
            }
        }
        directives = []
        for index in sides.indices { sides[index].becomeInformed() }
        sides[0].compare(with: node(1), &directives)
        take(directives)
        var count = 0
        while count < sent.count {
            let (to, message) = sent[count]
            count += 1
            var answers: [GossipDirective] = []
            sides[to].received(message, from: node(1 - to), now: .zero, &answers)
            take(answers)
        }
        #expect(count == 5)
        #expect(sides[0].state == sides[1].state)
        #expect(sides[0].state.settings.all.map(\.value) == ["0", "1", "1", "0"])
    }

    /// A rumor may bring a layout alone. Whether that is all, only one can say who knows.
    @Test func oneIsInformedByAgreementWithAnInformedPeerAlone() throws {
        var peer = Gossip(ClusterState(identity: ClusterIdentity(name: "c"), own: node(0)))
        var other = Gossip(ClusterState(identity: ClusterIdentity(name: "c"), own: node(1)))
        var own = Gossip(ClusterState(identity: ClusterIdentity(name: "c"), own: node(2)))
        var directives: [GossipDirective] = []
        var clock = HybridClock()
        try peer.update(now: .zero, &directives) { (state) throws(ChangeError) in
            _ = state.establish(Self.id)
            return try state.set("a", to: "1", clock: &clock, wallMilliseconds: wallStart)
        }
        // Both hear of the cluster, and the setting reaches neither.
        let hello = GossipMessage(
            identity: peer.state.identity, body: .rumor(Delta(), offers: []))
        own.received(hello, from: node(0), now: .zero, &directives)
        other.received(hello, from: node(0), now: .zero, &directives)
        #expect(own.state.digest == other.state.digest)

        // Of two that know equally little neither informs the other.
        talk(&own, node(2), &other, node(1), at: .seconds(1))
        #expect(!own.isInformed)
        // One who knows all, but not that it is all, does not either.
        talk(&own, node(2), &peer, node(0), at: .seconds(2))
        #expect(own.state.settings.value(for: "a") == "1")
        #expect(!own.isInformed)
        peer.becomeInformed()
        talk(&own, node(2), &peer, node(0), at: .seconds(3))
        #expect(own.isInformed)
        for second in [4, 5] { talk(&other, node(1), &own, node(2), at: .seconds(second)) }
        #expect(other.isInformed)

        // Whoever joins another cluster has everything to hear again.
        var foreign = peer.state.identity
        _ = foreign.adopt(ClusterID(bits: Bits128(high: 0, low: 1)))
        own.received(
            GossipMessage(identity: foreign, body: .rumor(Delta(), offers: [])),
            from: node(0), now: .seconds(5), &directives)
        #expect(own.state.identity.established == foreign.established)
        #expect(!own.isInformed)
    }

    /// The founder is lost before it confirmed anybody: most of those that it named know enough.
    @Test func mostMembersInformEachOther() throws {
        var directives: [GossipDirective] = []
        var clock = HybridClock()
        var founder = Gossip(ClusterState(identity: ClusterIdentity(name: "c"), own: node(0)))
        try founder.update(now: .zero, &directives) { (state) throws(ChangeError) in
            for index in 0..<3 {
                let member = LayoutMember(
                    node: node(index), disk: DiskID(bits: Bits128(high: 1, low: UInt64(index))),
                    weight: 1, zone: "")
                _ = try state.addMember(member, clock: &clock, wallMilliseconds: wallStart)
            }
            return state.establish(Self.id)
        }
        var others = [1, 2, 3].map { index in
            Gossip(ClusterState(identity: ClusterIdentity(name: "c"), own: node(index)))
        }
        let told = GossipMessage(
            identity: founder.state.identity,
            body: .rumor(Delta(founder.state.entries), offers: []))
        for index in others.indices {
            others[index].received(told, from: node(0), now: .seconds(1), &directives)
        }
        #expect(others.allSatisfy { $0.state.digest == founder.state.digest && !$0.isInformed })
        // One that is no member of the layout counts for nobody.
        var first = others[0]
        talk(&first, node(1), &others[2], node(3), at: .seconds(5))
        #expect(!first.isInformed)
        talk(&first, node(1), &others[1], node(2), at: .seconds(6))
        #expect(first.isInformed)
    }

    /// `a` asks `b`, and both answer until nobody has anything to say.
    private func talk(
        _ a: inout Gossip, _ aNode: NodeID, _ b: inout Gossip, _ bNode: NodeID, at now: Duration
    ) {
        var out: [GossipDirective] = []
        a.ask(bNode, now: now, &out)
        for turn in 0..<20 {
            var answers: [GossipDirective] = []
            for case .send(let message, _) in out {
                if turn.isMultiple(of: 2) {
                    b.received(message, from: aNode, now: now, &answers)
                } else {
                    a.received(message, from: bNode, now: now, &answers)
                }
            }
            out = answers
        }
    }

    /// A state of several messages, in one exchange: what all others have is not spread anew.
    @Test func newNodeFetchesEverythingInOneExchange() throws {
        var world = World(count: 2, seed: 1, established: Self.id)
        world.measuresBytes = true
        var clock = HybridClock()
        for number in 0..<200 {
            try world.update(0) { (state) throws(ChangeError) in
                try state.set(
                    "k\(number)", to: String(repeating: "v", count: 1_000), clock: &clock,
                    wallMilliseconds: wallStart)
            }
        }
        world.mayPass = { _, _ in false }
        _ = world.run(for: .seconds(30))
        world.mayPass = { _, _ in true }
        let start = world.now
        #expect(world.run(for: .seconds(6)) { $0.areEqual })
        #expect(world.now - start < .seconds(6))
        // The last of the messages may be a small one.
        #expect(world.nodes[1].rumorCount <= CRDTLimits.repairSpreadMax)
        #expect(world.largest < CRDTLimits.messageByteCountMax + 300)
    }

    /// A large layout is offered by name; only those that lack it fetch it.
    @Test func largeEntriesAreFetchedNotPushed() throws {
        var world = World(count: 10, seed: 2, established: Self.id)
        var clock = HybridClock()
        for number in 0..<300 {
            let member = LayoutMember(
                node: node(number), disk: disk(number), weight: 1, zone: "")
            try world.update(0) { (state) throws(ChangeError) in
                try state.addMember(member, clock: &clock, wallMilliseconds: wallStart)
            }
        }
        #expect(world.run(for: .seconds(30)) { $0.areEqual })
        _ = world.run(for: .seconds(10))
        world.measuresBytes = true
        try world.update(0) { (state) throws(ChangeError) in try state.publishLayout() }
        let id = world.nodes[0].state.layouts.draft.id
        let size = world.nodes[0].state.entry(.layout(id))?.byteCount ?? 0
        #expect(size > 3 * CRDTLimits.offerByteCountMin)
        #expect(world.run(for: .seconds(10)) { $0.areEqual })
        _ = world.run(for: .seconds(10))
        #expect(world.sentByteCount < 2 * 9 * size + 100_000)
    }

    @Test func durableBeforeReliedOn() throws {
        var maker = Maker(seed: 4)
        let other = maker.states(2)[1]
        var gossip = Gossip(ClusterState(identity: ClusterIdentity(name: "c"), own: node(0)))
        var directives: [GossipDirective] = []
        gossip.received(
            GossipMessage(identity: other.identity, body: .rumor(Delta(other.entries), offers: [])),
            from: node(1), now: .zero, &directives)
        let kinds = directives.map { directive in
            switch directive {
            case .persist: 0
            case .forget: 1
            case .changed: 2
            case .send: 3
            }
        }
        // The identity first, then the entries, each followed by what it changed.
        #expect(kinds.first == 0)
        #expect(kinds.filter { $0 == 0 }.count == 2)
        #expect(kinds.lastIndex(of: 0) ?? 9 < kinds.lastIndex(of: 2) ?? 0)
    }

    @Test func sameSeedGivesTheSameTrace() throws {
        var traces: [[[GossipChange]]] = []
        for _ in 0..<2 {
            var world = World(count: 10, seed: 77, established: Self.id)
            world.lossPercent = 20
            try world.announceAll()
            _ = world.run(for: .seconds(10))
            traces.append(world.changes)
        }
        #expect(traces[0] == traces[1])
    }

    @Test func duplicatedNodeIsSaid() throws {
        var world = World(count: 3, seed: 6, established: Self.id)
        try world.announceAll()
        let twin = NodeRegister(
            node: node(0), incarnation: 40, sequence: 0, facts: NodeFacts(disk: disk(99)))
        var directives: [GossipDirective] = []
        world.nodes[0].received(
            GossipMessage(
                identity: world.nodes[1].state.identity,
                body: .rumor(Delta([.register(twin)]), offers: [])),
            from: node(1), now: world.now, &directives)
        #expect(directives.contains(.changed(.duplicateNode(twin))))
    }
}
