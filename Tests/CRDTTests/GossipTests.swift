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
}
