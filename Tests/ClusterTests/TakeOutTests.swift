import Cluster
import Model
import Replication
import Testing

/// An operator takes nodes out that are not there.
@Suite struct TakeOutTests {
    private func out(_ cluster: TinyCluster, _ node: String, _ of: String) -> ClientAnswer? {
        cluster.ask(of, .takeOut(cluster.id(node)))
    }

    @Test func aMinorityGoesOnByAnOperatorsWordAlone() throws {
        let cluster = TinyCluster(seed: 6)
        cluster.add("a")
        for name in ["b", "c"] { cluster.add(name, seeds: ["a"]) }
        cluster.run(for: .seconds(5))
        guard case .done? = cluster.ask("a", .setSetting(key: "grace_before_out", value: "10")),
            case .done? = cluster.ask("a", .setSetting(key: "write_policy", value: "majority"))
        else {
            Issue.record("not set")
            return
        }
        let path = try StorePath(validating: Array("/file".utf8))
        func put(_ number: UInt64) -> ClientAnswer? {
            cluster.ask("a", .put(path, cluster.content(number), .none, cluster.operation()))
        }
        guard case .written? = put(1) else {
            Issue.record("not written")
            return
        }
        cluster.run(for: .seconds(10))
        guard case .refused(.isAlive)? = out(cluster, "b", "a"),
            case .refused(.isItself)? = out(cluster, "a", "a"),
            case .refused(.notAMember)? = out(cluster, "x", "a")
        else {
            Issue.record("taken out")
            return
        }
        cluster.kill("b")
        cluster.kill("c")
        cluster.run(for: .seconds(60))
        // By itself it takes nobody out.
        #expect(cluster.node("a")?.activeLayouts.last?.members.count == 3)
        guard case .unavailable? = put(2), case .done? = out(cluster, "b", "a"),
            case .done? = out(cluster, "c", "a")
        else {
            Issue.record("not out")
            return
        }
        for name in ["b", "c"] {
            let notice = NodeNotice.tookOutByForce(cluster.id(name))
            #expect(cluster.notices.contains { $0.1 == notice })
        }
        let isAlone = cluster.run(
            until: {
                cluster.node("a")?.activeLayouts.count == 1
                    && cluster.node("a")?.activeLayouts.last?.members.count == 1
            }, atMost: .seconds(30))
        #expect(isAlone)
        guard case .written? = put(2) else {
            Issue.record("it does not go on")
            return
        }
        // They come back with what they have.
        for name in ["b", "c"] { cluster.add(name, seeds: ["a"]) }
        let isBack = cluster.run(
            until: {
                ["a", "b", "c"].allSatisfy { name in
                    cluster.node(name)?.isSettled == true
                        && cluster.node(name)?.activeLayouts.last?.members.count == 3
                }
            }, atMost: .seconds(120))
        #expect(isBack)
        guard case .written? = put(3) else {
            Issue.record("not written in the end")
            return
        }
    }
}
