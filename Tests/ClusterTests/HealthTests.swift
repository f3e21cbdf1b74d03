import Model
import Replication
import Testing

@testable import Cluster

/// What a node says of the copies that are missing.
@Suite struct HealthTests {
    private func missing(_ cluster: TinyCluster) -> [Int] {
        var found: [Int] = []
        for name in ["a", "b", "c"] {
            guard var node = cluster.node(name) else { continue }
            found += node.partitionHealth(onlyUnderReplicated: true, limit: 100)
                .map(\.missingCount)
        }
        return found
    }

    private func isSettled(_ cluster: TinyCluster) -> Bool {
        ["a", "b", "c"].allSatisfy { cluster.node($0)?.isSettled == true }
    }

    /// There is no layout by the new factor for some seconds.
    @Test func copiesAreMissingAsSoonAsMoreAreAskedFor() throws {
        let cluster = TinyCluster.three()
        _ = cluster.ask("a", .setReplicationFactor(2))
        let path = try StorePath(validating: Array("/file".utf8))
        _ = cluster.ask("a", .put(path, cluster.content(1), .none, cluster.operation()))
        #expect(cluster.run(until: { isSettled(cluster) }, atMost: .seconds(60)))
        #expect(missing(cluster) == [])
        _ = cluster.ask("a", .setReplicationFactor(3))
        #expect(!isSettled(cluster))
        var node = try #require(cluster.node("a"))
        let health = node.partitionHealth(onlyUnderReplicated: true, limit: 100)
        let all = node.partitionHealth(onlyUnderReplicated: false, limit: 100)
        #expect(health.count == all.count)
        #expect(health.allSatisfy { $0.missingCount == 1 })
        #expect(cluster.run(until: { isSettled(cluster) }, atMost: .seconds(60)))
        #expect(missing(cluster) == [])
    }

    /// Each partition by exactly one of those who have it, whoever lives.
    @Test func oneNodeCountsEachPartition() throws {
        func counting(_ cluster: TinyCluster, _ names: [String]) -> Set<Int> {
            var found: Set<Int> = []
            for number in 0..<200 as Range<UInt16> {
                let count = names.count { name in
                    guard var node = cluster.node(name) else { return false }
                    return node.counts(Partition(number: number), among: node.counters)
                }
                found.insert(count)
            }
            return found
        }
        let cluster = TinyCluster.three()
        let path = try StorePath(validating: Array("/file".utf8))
        _ = cluster.ask("a", .put(path, cluster.content(1), .none, cluster.operation()))
        // Before the first layout each of them is alone with what it has.
        #expect(
            cluster.run(
                until: { counting(cluster, ["a", "b", "c"]) == [1] }, atMost: .seconds(60)))
        cluster.kill("c")
        #expect(
            cluster.run(
                until: { counting(cluster, ["a", "b"]) == [1] }, atMost: .seconds(60)))
    }
}
