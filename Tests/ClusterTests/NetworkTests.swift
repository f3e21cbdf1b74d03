import Cluster
import Membership
import Model
import Replication
import Testing

/// What the network finds, and what nodes tell of where they are.
@Suite struct NetworkTests {
    private func path(_ text: String) throws -> StorePath { try StorePath(validating: text.utf8) }

    private func put(_ cluster: TinyCluster, _ node: String, _ name: String) throws -> Bool {
        let answer = cluster.ask(
            node, .put(try path(name), cluster.content(7), .none, cluster.operation()))
        if case .written = answer { return true }
        return false
    }

    private func alone(_ configuration: inout NodeConfiguration) {
        configuration.foundingWait = .seconds(1)
    }

    @Test func nodesThatAreFoundBecomeOneCluster() throws {
        let cluster = TinyCluster(seed: 4)
        for name in ["a", "b", "c"] { cluster.add(name, alone) }
        // One side of each pair is enough; and before the life is durable, too.
        cluster.find("b", ["a"])
        cluster.run(for: .milliseconds(300))
        cluster.find("c", ["a", "b"])
        #expect(try put(cluster, "b", "/x"))
        #expect(try put(cluster, "c", "/y"))
        cluster.run(for: .seconds(3))
        let first = try #require(cluster.node("a")?.cluster)
        for name in ["a", "b", "c"] {
            let node = try #require(cluster.node(name))
            #expect(node.cluster == first)
            #expect(node.activeLayouts.last?.members.count == 3)
            #expect(node.peerViews.map(\.node.name) == ["a", "b", "c"])
            #expect(node.peerViews.allSatisfy { $0.state == .alive && $0.isMember })
        }
    }

    @Test func nobodyFoundsAClusterWhileOthersMayStillBeFound() throws {
        let cluster = TinyCluster(seed: 5)
        cluster.add("a", alone)
        cluster.add("b", alone)
        cluster.run(for: .milliseconds(500))
        // Both are written to before they hear of each other.
        let start = cluster.now
        cluster.find("a", ["b"])
        #expect(try put(cluster, "a", "/x"))
        #expect(try put(cluster, "b", "/y"))
        #expect(cluster.now - start < .seconds(3))
        #expect(cluster.node("a")?.cluster == cluster.node("b")?.cluster)
        #expect(cluster.node("a")?.foreignClusters.isEmpty == true)
    }

    @Test func aNodeThatFindsNobodyServesAfterTheWait() throws {
        let cluster = TinyCluster(seed: 6)
        cluster.add("a", alone)
        cluster.run(for: .milliseconds(100))
        #expect(try put(cluster, "a", "/x"))
        #expect(cluster.now >= .seconds(1))
        #expect(cluster.now < .seconds(3))
    }

    @Test func aNodeThatWasToldOfOthersFoundsNoClusterWithoutThem() throws {
        let cluster = TinyCluster(seed: 7)
        cluster.add("a") { $0.expectsOthers = true }
        cluster.run(for: .milliseconds(100))
        #expect(try !put(cluster, "a", "/x"))
        #expect(cluster.node("a")?.cluster == nil)
        cluster.add("b")
        cluster.run(for: .milliseconds(100))
        #expect(try put(cluster, "b", "/y"))
        cluster.find("a", ["b"])
        cluster.run(for: .seconds(3))
        #expect(try put(cluster, "a", "/x"))
        #expect(cluster.node("a")?.cluster == cluster.node("b")?.cluster)
    }

    @Test func whereNodesAreIsToldToAll() throws {
        let cluster = TinyCluster.three()
        #expect(try put(cluster, "a", "/x"))
        cluster.place("b", at: ["10.0.0.2:31000", "[fd00::2]:31000"])
        cluster.run(for: .seconds(3))
        for name in ["a", "c"] {
            let known = try #require(cluster.node(name)).addresses()
            #expect(known.map(\.node.name) == ["b"])
            #expect(known.first?.addresses == ["10.0.0.2:31000", "[fd00::2]:31000"])
            #expect(cluster.located.contains { $0.0.name == name && $0.1.map(\.name) == ["b"] })
        }
        #expect(cluster.node("b")?.addresses().isEmpty == true)
        // A restart keeps it, until the network says otherwise.
        cluster.kill("b")
        cluster.add("b", seeds: ["a"])
        cluster.place("b", at: ["10.0.0.3:31000"])
        cluster.run(for: .seconds(5))
        #expect(cluster.node("a")?.addresses().first?.addresses == ["10.0.0.3:31000"])
    }
}
