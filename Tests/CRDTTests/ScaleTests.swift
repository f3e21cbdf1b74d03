import Foundation
import Model
import Testing

@testable import CRDT

/// A thousand nodes: how soon they all know of a change, and what gossip costs each of them.
@Suite struct ScaleTests {
    private static let id = ClusterID(bits: Bits128(high: 7, low: 7))
    private static let isLong = ProcessInfo.processInfo.environment["CLUSTERF_LONG"] == "yes"

    /// Beside the verdict: what the documentation states.
    private func say(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

    private func world(_ count: Int, seed: UInt64, lossPercent: Int = 0) -> World {
        var world = World(count: count, seed: seed, established: Self.id)
        world.lossPercent = lossPercent
        world.acquaintAll()
        _ = world.run(for: .seconds(2))
        return world
    }

    private func set(_ world: inout World, at index: Int) throws {
        var clock = HybridClock()
        try world.update(index) { (state) throws(ChangeError) in
            try state.set("a", to: "b", clock: &clock, wallMilliseconds: wallStart)
        }
    }

    @Test(arguments: [0, 5])
    func aSettingReachesAThousandNodesWithinTenSeconds(_ lossPercent: Int) throws {
        var longest = Duration.zero
        let runCount: UInt64 = Self.isLong ? 20 : 2
        for seed in 1...runCount {
            var world = world(1000, seed: seed, lossPercent: lossPercent)
            #expect(world.areEqual)
            try set(&world, at: Int(seed) * 17)
            let start = world.now
            let isDone = world.run(for: .seconds(10)) { world in
                world.nodes.allSatisfy { $0.state.settings.value(for: "a") == "b" }
            }
            #expect(isDone, "seed \(seed)")
            longest = max(longest, world.now - start)
        }
        say("1,000 nodes, \(lossPercent) % lost: a setting is everywhere after \(longest)")
    }

    /// Who hears of others what it says itself stops sooner: three messages a period for
    /// ⌈log2(N + 1)⌉ + 4 periods are the most, and a third of them enough.
    @Test func aChangeCostsANodeAThirdOfTheMessagesOfItsRounds() throws {
        for count in [10, 100, 1000] {
            var world = world(count, seed: 3)
            try set(&world, at: 1)
            let before = world.sentCount
            let seconds = 15
            let isKnown = world.run(for: .seconds(seconds)) { world in
                world.nodes.allSatisfy { $0.state.settings.value(for: "a") == "b" }
            }
            #expect(isKnown, "\(count) nodes")
            _ = world.run(for: .seconds(seconds))
            #expect(world.nodes.allSatisfy { $0.rumorCount == 0 }, "\(count) nodes")
            let rounds = Int(ceil(log2(Double(count) + 1))) + CRDTLimits.rumorRoundsExtra
            // The sums of the time between come on top, and answers of those that lack something.
            let sums = Double(2 * seconds) / (CRDTLimits.digestInterval / .seconds(1))
            let perNode = Double(world.sentCount - before) / Double(count) - sums
            say("\(count) nodes: a change costs a node \(perNode) messages, sums left out")
            #expect(perNode <= Double(rounds) + 0.5 * sums, "\(count) nodes")
            #expect(perNode > 3, "\(count) nodes")
        }
    }

    /// One sum to one peer every five seconds; nothing is answered where nothing differs.
    @Test(arguments: [10, 1000])
    func idleGossipOfANodeDoesNotGrowWithTheCluster(_ count: Int) {
        var world = world(count, seed: 4)
        world.measuresBytes = true
        let before = (world.sentCount, world.sentByteCount)
        let seconds = 50
        _ = world.run(for: .seconds(seconds))
        let nodeSeconds = Double(count * seconds)
        let messages = Double(world.sentCount - before.0) / nodeSeconds
        let bytes = Double(world.sentByteCount - before.1) / nodeSeconds
        say("\(count) nodes, idle: \(messages) messages, \(bytes) bytes a node and second")
        #expect((0.19...0.21).contains(messages))
        #expect(bytes <= 12)
    }
}
