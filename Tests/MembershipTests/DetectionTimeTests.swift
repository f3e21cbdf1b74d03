import Foundation
import Model
import Testing

@testable import Membership

/// How soon a death is known to all, and what that costs each node. `CLUSTERF_LONG=yes` makes more
/// runs of it.
@Suite struct DetectionTimeTests {
    private static let isLong = ProcessInfo.processInfo.environment["CLUSTERF_LONG"] == "yes"

    /// Kills `victims` at one moment in a settled cluster.
    /// - Returns: for each, the time until every other node had found out; nil where not all did.
    private func detectionTimes(
        _ count: Int, seed: UInt64, victims: [Int], lossPerMille: Int = 0
    ) -> [Duration?] {
        var world = World(count: count, seed: seed)
        world.keepsFindings = false
        world.network.lossPerMille = lossPerMille
        world.startAcquainted()
        // Periods and rounds have come apart by then.
        world.run(for: .seconds(5) + .milliseconds(Int(seed % 37) * 13))
        let start = world.now
        for victim in victims { world.kill(victim) }
        _ = world.run(atMost: .seconds(40)) { world in
            victims.allSatisfy { world.deaths(of: $0) == count - victims.count }
        }
        #expect(world.falseDeaths.isEmpty, "seed \(seed)")
        return victims.map {
            world.deaths(of: $0) == count - victims.count ? world.lastDeathSaid[$0] - start : nil
        }
    }

    private func percentile99(_ times: [Duration?]) -> Duration {
        let sorted = times.map { $0 ?? .seconds(1000) }.sorted()
        return sorted.isEmpty ? .seconds(1000) : sorted[(sorted.count * 99 + 99) / 100 - 1]
    }

    /// Beside the verdict: what the documentation states.
    private func say(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

    private func report(_ name: String, _ times: [Duration?]) {
        let sorted = times.map { $0 ?? .seconds(1000) }.sorted()
        say(
            "\(name): \(sorted.count) deaths, median \(sorted[sorted.count / 2]),"
                + " 99th percentile \(percentile99(times)), last \(sorted[sorted.count - 1])")
    }

    @Test(arguments: [0, 50])
    func aDeathIsKnownByAllOfTenNodesWithinEightSeconds(_ lossPerMille: Int) {
        var times: [Duration?] = []
        for seed in 1...(Self.isLong ? 2000 : 200) as ClosedRange<UInt64> {
            times += detectionTimes(
                10, seed: seed, victims: [Int(seed % 10)], lossPerMille: lossPerMille)
        }
        report("10 nodes, \(lossPerMille) per mille lost", times)
        #expect(percentile99(times) <= .seconds(8))
    }

    /// A few at one moment, as many samples: each is found out by itself.
    @Test func aDeathIsKnownByAllOfAThousandNodesWithinTwentySeconds() {
        var times: [Duration?] = []
        for seed in 1...(Self.isLong ? 20 : 3) as ClosedRange<UInt64> {
            times += detectionTimes(1000, seed: seed, victims: [3, 250, 500, 750, 999])
        }
        report("1,000 nodes", times)
        #expect(percentile99(times) <= .seconds(20))
    }

    /// What a node sends when nothing happens: by its own probes and as an answer to others', each
    /// once a period on average, and a comparison of tables each 30 s.
    @Test(arguments: [10, 100, 1000])
    func probeTrafficOfANodeDoesNotGrowWithTheCluster(_ count: Int) {
        var world = World(count: count, seed: 5)
        world.keepsFindings = false
        world.startAcquainted()
        world.run(for: .seconds(5))
        let (messages, bytes) = (world.sentCount, world.sentByteCount)
        let seconds = count == 1000 ? 10 : 60
        world.run(for: .seconds(seconds))
        let nodeSeconds = Double(count * seconds)
        let messagesPerSecond = Double(world.sentCount - messages) / nodeSeconds
        let bytesPerSecond = Double(world.sentByteCount - bytes) / nodeSeconds
        say(
            "\(count) nodes: \(messagesPerSecond) messages, \(bytesPerSecond) bytes a node and second"
        )
        // Two pings and two answers a second, 1/30 table.
        #expect((3.9...4.2).contains(messagesPerSecond))
        #expect((200...400).contains(bytesPerSecond))
    }
}
