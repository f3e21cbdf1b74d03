import Cluster
import Model
import Replication
import Testing

/// A pass of comparisons on an operator's word: what it says is so.
@Suite struct RepairTests {
    private func cluster() throws -> TinyCluster {
        let cluster = TinyCluster.three()
        for number in 0..<20 { try put(cluster, number) }
        #expect(
            cluster.run(
                until: { ["a", "b", "c"].allSatisfy { cluster.node($0)?.isSettled == true } },
                atMost: .seconds(60)))
        return cluster
    }

    private func put(_ cluster: TinyCluster, _ number: Int) throws {
        let path = try StorePath(validating: Array("/f\(number)".utf8))
        let answer = cluster.ask(
            "a", .put(path, cluster.content(UInt64(number + 1)), .none, cluster.operation()))
        if case .written = answer { return }
        Issue.record("\(String(describing: answer))")
    }

    /// Runs until the pass is over, and says what came of each peer.
    private func pass(_ cluster: TinyCluster) throws -> [String: RepairPass.Outcome] {
        let begun = try #require(cluster.repair("a"))
        #expect(
            cluster.run(
                until: { cluster.node("a")?.repairPass?.isDone == true }, atMost: .seconds(60)))
        let pass = try #require(cluster.node("a")?.repairPass)
        #expect(pass.number == begun.number)
        return Dictionary(uniqueKeysWithValues: pass.peers.map { ($0.node.name, $0.outcome) })
    }

    @Test func whereNothingDiffersAllAreEqual() throws {
        let cluster = try cluster()
        #expect(try pass(cluster) == ["b": .equal, "c": .equal])
        let peers = cluster.node("a")?.repairPass?.peers ?? []
        #expect(peers.allSatisfy { $0.comparisonCount == 1 && $0.differingCount == 0 })
    }

    @Test func whoIsAwayIsSaidAndIsEqualWhenItIsBack() throws {
        let cluster = try cluster()
        cluster.kill("c")
        cluster.run(for: .seconds(20))
        for number in 20..<40 { try put(cluster, number) }
        #expect(try pass(cluster) == ["b": .equal, "c": .unreachable])
        cluster.add("c", seeds: ["a"])
        cluster.run(for: .seconds(3))
        #expect(try pass(cluster) == ["b": .equal, "c": .equal])
        for number in 0..<40 {
            let path = try StorePath(validating: Array("/f\(number)".utf8))
            let heads = ["a", "b", "c"].map {
                cluster.disks[cluster.id($0)]?.tables.register(.file(path))?.head?.dot
            }
            #expect(heads[0] != nil && Set(heads).count == 1)
        }
    }

    @Test func whoAsksAgainJoinsThePassUnderWay() throws {
        let cluster = try cluster()
        let first = try #require(cluster.repair("a"))
        let second = try #require(cluster.repair("a"))
        #expect(!first.isDone && first.number == second.number)
        _ = try pass(cluster)
        let third = try #require(cluster.repair("a"))
        #expect(third.number == first.number + 1)
    }

    @Test func whoHoldsNothingHasNothingToCompare() {
        let cluster = TinyCluster(seed: 3)
        cluster.add("a")
        cluster.run(for: .seconds(3))
        #expect(cluster.repair("a") == nil)
    }
}
