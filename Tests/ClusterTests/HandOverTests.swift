import Cluster
import Model
import Replication
import Testing

/// What a node knows when it takes over, starts, or is asked about a large directory.
@Suite struct HandOverTests {
    private func path(_ text: String) throws -> StorePath {
        try StorePath(validating: Array(text.utf8))
    }

    private func cluster(_ names: [String]) -> TinyCluster {
        let cluster = TinyCluster(seed: 3)
        for name in names { cluster.add(name, seeds: name == names[0] ? [] : [names[0]]) }
        cluster.run(for: .seconds(5))
        return cluster
    }

    private func put(_ cluster: TinyCluster, _ node: String, _ text: String) throws {
        let answer = cluster.ask(
            node, .put(try path(text), cluster.content(1), .none, cluster.operation()))
        guard case .written? = answer else {
            Issue.record("\(text): \(String(describing: answer))")
            return
        }
    }

    private func isSettled(_ cluster: TinyCluster, _ names: [String], factor: Int) -> Bool {
        names.allSatisfy { name in
            guard let node = cluster.node(name), let layout = node.activeLayouts.last else {
                return false
            }
            return node.isSettled && layout.replicationFactor == factor
        }
    }

    /// More names than go into one message, nor into the rounds of one comparison.
    @Test func aNewHolderHasAllOfALargeDirectoryBeforeItSaysSo() throws {
        let names = ["a", "b", "c"]
        let cluster = cluster(names)
        guard case .done? = cluster.ask("a", .setReplicationFactor(1)),
            cluster.run(
                until: { isSettled(cluster, names, factor: 1) }, atMost: .seconds(60))
        else {
            Issue.record("not at one copy")
            return
        }
        let count = 400
        for number in 0..<count { try put(cluster, "a", "/d/f\(1000 + number)") }
        guard case .done? = cluster.ask("a", .setReplicationFactor(3)) else {
            Issue.record("not asked for three")
            return
        }
        let directory = try path("/d")
        // The first moment at which a node says that it has the layout in full.
        for name in names {
            let declared = cluster.run(
                until: {
                    cluster.notices.contains { notice in
                        guard notice.0 == cluster.id(name),
                            case .layoutSynced(let id) = notice.1
                        else { return false }
                        return cluster.node(name)?.activeLayouts.last?.id == id
                            && cluster.node(name)?.activeLayouts.last?.replicationFactor == 3
                    }
                }, atMost: .seconds(60))
            #expect(declared, "\(name)")
            let reply = cluster.disks[cluster.id(name)].map { disk in
                disk.tables.entries(in: directory, after: nil, limit: count + 1, withGone: false)
            }
            #expect(reply?.count == count, "\(name)")
        }
    }

    @Test func aDirectoryIsNotRemovedWhileSomethingIsInIt() throws {
        let cluster = cluster(["a", "b", "c"])
        let directory = try path("/d")
        _ = cluster.ask("a", .makeDirectory(directory, cluster.operation()))
        try put(cluster, "a", "/d/a")
        try put(cluster, "a", "/d/b")
        guard
            case .written? = cluster.ask(
                "b", .delete(try path("/d/a"), .none, cluster.operation()))
        else {
            Issue.record("not deleted")
            return
        }
        // The first name is one that is gone.
        guard
            case .directoryNotEmpty? = cluster.ask(
                "c", .removeDirectory(directory, cluster.operation()))
        else {
            Issue.record("removed")
            return
        }
        guard
            case .listing(let listed, next: nil)? = cluster.ask(
                "c", .list(directory, after: nil, limit: 1))
        else {
            Issue.record("not listed")
            return
        }
        #expect(listed.map(\.name) == [Array("b".utf8)])
    }

    /// It was away while the file was written, and knows nobody yet.
    @Test func aNodeThatJustStartedAsksBeforeItAnswers() throws {
        let names = ["a", "b", "c"]
        let cluster = cluster(names)
        try put(cluster, "a", "/old")
        cluster.run(for: .seconds(10))
        cluster.kill("c")
        cluster.run(for: .seconds(20))
        try put(cluster, "a", "/new")
        cluster.add("c", seeds: ["a"])
        // As soon as its life is durable, with not one message received.
        cluster.run(for: .milliseconds(3))
        guard case .file? = cluster.ask("c", .get(try path("/new"), .checked)) else {
            Issue.record("not found by a node that had asked nobody")
            return
        }
        let answer = cluster.ask(
            "c", .put(try path("/next"), cluster.content(2), .none, cluster.operation()))
        guard case .written(_, let copies, _, _, _)? = answer else {
            Issue.record("\(String(describing: answer))")
            return
        }
        #expect(copies >= 2)
    }

    /// What a change of the layout moves is charged to a budget (`Throttle`); small files do not
    /// notice it.
    @Test(arguments: [
        (1, Duration.zero, Duration.seconds(12)), (64 << 20, .seconds(15), .seconds(90)),
    ])
    func movingKeepsToItsBudget(byteCount: Int, atLeast: Duration, atMost: Duration) throws {
        let names = ["a", "b"]
        let cluster = cluster(names)
        guard case .done? = cluster.ask("a", .setReplicationFactor(1)),
            cluster.run(until: { isSettled(cluster, names, factor: 1) }, atMost: .seconds(60))
        else {
            Issue.record("not at one copy")
            return
        }
        for number in 0..<24 {
            let answer = cluster.ask(
                "a",
                .put(
                    try path("/f\(number)"), cluster.content(UInt64(byteCount + number)), .none,
                    cluster.operation()))
            guard case .written? = answer else {
                Issue.record("\(String(describing: answer))")
                return
            }
        }
        guard case .done? = cluster.ask("a", .setReplicationFactor(2)) else {
            Issue.record("not asked for two")
            return
        }
        let begin = cluster.now
        let isDone = cluster.run(
            until: { isSettled(cluster, names, factor: 2) }, atMost: .seconds(300))
        let time = cluster.now - begin
        #expect(isDone && time >= atLeast && time <= atMost, "after \(time)")
    }
}
