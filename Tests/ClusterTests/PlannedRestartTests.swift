import Cluster
import Membership
import Model
import Replication
import Testing

/// A store that is restarted on purpose.
@Suite struct PlannedRestartTests {
    private func three() -> TinyCluster {
        let cluster = TinyCluster(seed: 7)
        cluster.add("a")
        for name in ["b", "c"] { cluster.add(name, seeds: ["a"]) }
        cluster.run(for: .seconds(5))
        return cluster
    }

    private func put(_ cluster: TinyCluster, _ node: String, _ number: UInt64) throws -> Int? {
        let path = try StorePath(validating: Array("/file\(number)".utf8))
        let content = cluster.content(number)
        guard
            case .written(_, let copies, _, _, _)? = cluster.ask(
                node, .put(path, content, .none, cluster.operation()))
        else { return nil }
        return copies
    }

    private func said(_ cluster: TinyCluster, of node: String, _ state: String) -> Int {
        cluster.notices.count { $0.1 == .peerChanged(cluster.id(node), state: state) }
    }

    @Test func nobodySuspectsItAndNoWriteCountsIt() throws {
        let cluster = three()
        #expect(try put(cluster, "a", 1) ?? 0 >= 2)
        cluster.run(for: .seconds(10))
        cluster.restart("b")
        cluster.run(for: .milliseconds(50))
        for number in 2...6 as ClosedRange<UInt64> {
            let before = cluster.now
            #expect(try put(cluster, "a", number) == 2, "file \(number)")
            // Nothing waits for it to answer.
            #expect(cluster.now - before < .milliseconds(200), "file \(number)")
        }
        cluster.run(for: .seconds(20))
        #expect(said(cluster, of: "b", "suspect") == 0)
        cluster.add("b", seeds: ["a"])
        let isBack = cluster.run(
            until: {
                ["a", "b", "c"].allSatisfy { cluster.node($0)?.isSettled == true }
                    && (1...6).allSatisfy { number in
                        guard let path = try? StorePath(validating: Array("/file\(number)".utf8))
                        else { return false }
                        let tables = cluster.disks[cluster.id("b")]?.tables
                        return tables?.register(.file(path))?.isLive == true
                    }
            }, atMost: .seconds(60))
        #expect(isBack)
        #expect(said(cluster, of: "b", "suspect") + said(cluster, of: "b", "dead") == 0)
        let b = cluster.id("b")
        #expect(cluster.notices.count { $0.1 == .peerRestarting(b, true) } == 2)
        #expect(cluster.notices.count { $0.1 == .peerRestarting(b, false) } == 2)
    }

    @Test func oneThatDoesNotComeBackInTimeIsDeadAsAnyOther() throws {
        let cluster = three()
        #expect(try put(cluster, "a", 1) != nil)
        cluster.run(for: .seconds(10))
        cluster.restart("b")
        cluster.run(for: MembershipLimits.restartMax - .seconds(1))
        #expect(said(cluster, of: "b", "dead") == 0)
        cluster.run(for: .seconds(25))
        #expect(said(cluster, of: "b", "dead") == 2)
    }
}
