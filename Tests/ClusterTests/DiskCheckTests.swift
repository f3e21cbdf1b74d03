import Cluster
import Model
import Replication
import Testing

/// A disk that comes back as it was some time ago.
@Suite struct DiskCheckTests {
    private func path(_ number: Int) throws -> StorePath {
        try StorePath(validating: Array("/file\(number)".utf8))
    }

    private func put(_ cluster: TinyCluster, _ node: String, _ number: Int) throws {
        let answer = cluster.ask(
            node,
            .put(try path(number), cluster.content(UInt64(number)), .none, cluster.operation()))
        guard case .written? = answer else {
            Issue.record("\(number): \(String(describing: answer))")
            return
        }
    }

    private func three() throws -> TinyCluster {
        let cluster = TinyCluster(seed: 9)
        cluster.add("a")
        for name in ["b", "c"] { cluster.add(name, seeds: ["a"]) }
        cluster.run(for: .seconds(5))
        for number in 0..<10 { try put(cluster, "c", number) }
        cluster.run(for: .seconds(30))
        return cluster
    }

    private func isRolledBack(_ cluster: TinyCluster) -> Bool {
        cluster.notices.contains { if case .diskRolledBack = $0.1 { true } else { false } }
    }

    private func isWhole(_ cluster: TinyCluster, _ count: Int) throws -> Bool {
        let paths = try (0..<count).map(path)
        return ["a", "b", "c"].allSatisfy { name in
            guard let node = cluster.node(name), node.isSettled,
                node.activeLayouts.last?.members.count == 3,
                let tables = cluster.disks[cluster.id(name)]?.tables
            else { return false }
            return paths.allSatisfy { tables.register(.file($0))?.isLive == true }
        }
    }

    @Test func itIsANewDiskAndNothingIsLost() throws {
        let cluster = try three()
        let c = cluster.id("c")
        let old = try #require(cluster.disks[c])
        for number in 10..<20 { try put(cluster, "c", number) }
        cluster.run(for: .seconds(30))
        cluster.kill("c")
        cluster.setDisk("c", old)
        cluster.add("c", seeds: ["a"])
        #expect(cluster.run(until: { isRolledBack(cluster) }, atMost: .seconds(5)))
        #expect(cluster.disks[c]?.id != old.id)
        cluster.run(for: .milliseconds(10))
        // Written at once: no sequence of the old disk is given out again.
        for number in 20..<30 { try put(cluster, "c", number) }
        let whole = cluster.run(
            until: { (try? isWhole(cluster, 30)) ?? false }, atMost: .seconds(120))
        #expect(whole)
    }

    @Test func oneThatIsAsItWasStaysWhatItIs() throws {
        let cluster = try three()
        let c = cluster.id("c")
        let id = try #require(cluster.disks[c]?.id)
        // Also where the others heard last of what came before.
        for number in 10..<20 { try put(cluster, "c", number) }
        cluster.kill("c")
        cluster.run(for: .seconds(3))
        cluster.add("c", seeds: ["a"])
        cluster.run(for: .seconds(60))
        #expect(!isRolledBack(cluster))
        #expect(cluster.disks[c]?.id == id)
        #expect(try isWhole(cluster, 20))
    }

    /// It cannot be told; and writes for its client nevertheless.
    @Test func aloneItServesAndNothingIsLostWhenItIsFoundOut() throws {
        let cluster = try three()
        let c = cluster.id("c")
        let old = try #require(cluster.disks[c])
        for number in 10..<20 { try put(cluster, "c", number) }
        cluster.run(for: .seconds(30))
        cluster.kill("c")
        cluster.setDisk("c", old)
        cluster.isCut = { $0 == c || $1 == c }
        cluster.add("c", seeds: ["a"])
        cluster.run(for: .seconds(10))
        for number in 20..<30 { try put(cluster, "c", number) }
        #expect(!isRolledBack(cluster))
        cluster.isCut = { _, _ in false }
        #expect(cluster.run(until: { isRolledBack(cluster) }, atMost: .seconds(10)))
        let whole = cluster.run(
            until: { (try? isWhole(cluster, 30)) ?? false }, atMost: .seconds(120))
        #expect(whole)
    }
}
