import Cluster
import Model
import Replication
import Testing

@Suite struct TinyClusterTests {
    private func path(_ text: String) throws -> StorePath {
        try StorePath(validating: Array(text.utf8))
    }

    /// The first write makes the cluster, and not all hear of that at once: who has not asks before it says
    /// that there is nothing.
    @Test func whatTheFirstWriteStoredIsFoundByWhoHasNotHeardOfACluster() throws {
        let path = try StorePath(validating: "/first".utf8)
        let cluster = TinyCluster(seed: 1)
        cluster.add("a")
        cluster.add("b", seeds: ["a"])
        cluster.run(for: .seconds(3))
        cluster.isCut = { _, _ in true }
        guard
            case .written? = cluster.ask(
                "a", .put(path, cluster.content(1), .none, cluster.operation()))
        else {
            Issue.record("not written")
            return
        }
        cluster.isCut = { _, _ in false }
        #expect(cluster.node("b")?.cluster == nil)
        guard case .file? = cluster.ask("b", .get(path, .checked)) else {
            Issue.record("b says that there is nothing")
            return
        }
    }

    @Test func whatADiskHeldBeforeThereWereClustersIsFoundWithoutAWrite() throws {
        let cluster = TinyCluster(seed: 3)
        cluster.add("a")
        cluster.run(for: .seconds(5))
        let path = try StorePath(validating: Array("/d/old".utf8))
        let content = cluster.content(1)
        _ = cluster.ask("a", .put(path, content, .none, cluster.operation()))
        cluster.run(for: .seconds(5))
        cluster.kill("a")
        // Its tables as they are, and nothing of a cluster.
        let a = cluster.id("a")
        let held = try #require(cluster.disks[a])
        var old = NodeDisk(id: held.id)
        old.tables = held.tables
        cluster.setDisk("a", old)
        cluster.add("a")
        // As soon as the node runs, and before it can know that it is alone.
        cluster.run(for: .milliseconds(50))
        guard case .file(let found)? = cluster.ask("a", .get(path, .checked)),
            case .listing(let names, _)? = cluster.ask("a", .list(.root, after: nil, limit: 9))
        else {
            Issue.record("what is on the disk was not found")
            return
        }
        #expect(found.object == content.object)
        #expect(names.map(\.name) == [Array("d".utf8)])
    }

    /// Who is not the majority waits for the others while they may come back, and not when they are dead.
    @Test func whatNeedsDeadNodesIsRefusedSoon() throws {
        let cluster = TinyCluster.three()
        let path = try path("/file")
        _ = cluster.ask("a", .setSetting(key: "write_policy", value: "majority"))
        cluster.run(for: .seconds(5))
        _ = cluster.ask("a", .put(path, cluster.content(1), .none, cluster.operation()))
        func refused(_ request: ClientRequest) -> Duration? {
            let began = cluster.now
            guard case .unavailable(.noQuorum)? = cluster.ask("a", request) else { return nil }
            return cluster.now - began
        }
        func requests() throws -> [ClientRequest] {
            [
                .put(path, cluster.content(2), .none, cluster.operation()),
                .delete(path, .none, cluster.operation()), .get(path, .checked),
                .list(.root, after: nil, limit: 10),
                .move(path, to: try self.path("/other"), cluster.operation()),
                .makeDirectory(try self.path("/directory"), cluster.operation()),
            ]
        }
        cluster.kill("b")
        cluster.kill("c")
        let first = try #require(refused(.get(path, .checked)))
        #expect(first > ClusterLimits.hopelessTimeout)
        cluster.run(for: .seconds(20))
        for request in try requests() {
            let time = try #require(refused(request), "\(request)")
            #expect(time < ClusterLimits.hopelessTimeout + .seconds(1), "\(request)")
        }
        cluster.add("b", seeds: ["a"])
        cluster.run(for: .seconds(10))
        for request in try requests() {
            if case .unavailable(let reason)? = cluster.ask("a", request) {
                Issue.record("\(request): \(reason)")
            }
        }
    }

    @Test func aFileWrittenOnOneNodeIsReadOnAll() throws {
        let cluster = TinyCluster.three()
        let path = try path("/docs/hello.txt")
        let answer = cluster.ask("b", .put(path, cluster.content(7), .none, cluster.operation()))
        guard case .written(_, let copies, let created, let pending, _)? = answer else {
            Issue.record("\(String(describing: answer))")
            return
        }
        #expect(copies >= 1)
        #expect(created)
        #expect(!pending)
        for node in ["a", "b", "c"] {
            guard case .file(let record)? = cluster.ask(node, .get(path, .checked)) else {
                Issue.record("\(node) does not find it")
                continue
            }
            #expect(record.byteCount == 7)
            guard
                case .listing(let names, _)? = cluster.ask(
                    node, .list(try self.path("/docs"), after: nil, limit: 10)),
                case .listing(let top, _)? = cluster.ask(
                    node, .list(.root, after: nil, limit: 10))
            else {
                Issue.record("\(node) lists nothing")
                continue
            }
            #expect(names.map(\.name) == [Array("hello.txt".utf8)])
            #expect(top.map(\.name) == [Array("docs".utf8)])
            #expect(top.first?.isDirectory == true)
        }
        cluster.run(for: .seconds(60))
        for node in ["a", "b", "c"] {
            #expect(cluster.node(node)?.isSettled == true, "\(node)")
        }
        guard case .written? = cluster.ask("c", .delete(path, .none, cluster.operation())) else {
            Issue.record("no deletion")
            return
        }
        for node in ["a", "b", "c"] {
            guard case .notFound? = cluster.ask(node, .get(path, .checked)) else {
                Issue.record("\(node) still finds it")
                continue
            }
        }
    }

    /// Which of `nodes` have the live file on their disks.
    private func holders(_ cluster: TinyCluster, _ path: StorePath, _ nodes: [String]) -> [String] {
        nodes.filter {
            cluster.disks[cluster.id($0)]?.tables.register(.file(path))?.isLive == true
        }
    }

    @Test func joiningAndChangingTheFactorMovesCopiesToTheHolders() throws {
        let cluster = TinyCluster.three()
        var paths: [StorePath] = []
        for number in 0..<20 {
            let path = try path("/d\(number % 3)/file\(number)")
            paths.append(path)
            let answer = cluster.ask(
                "a", .put(path, cluster.content(UInt64(number)), .none, cluster.operation()))
            guard case .written? = answer else {
                Issue.record("\(number): \(String(describing: answer))")
                return
            }
        }
        cluster.add("d", seeds: ["b"])
        cluster.add("e", seeds: ["c"])
        let all = ["a", "b", "c", "d", "e"]
        func settle(_ what: String) {
            let settled = cluster.run(
                until: {
                    all.allSatisfy { cluster.node($0)?.isSettled == true }
                        && Set(all.compactMap { cluster.node($0)?.activeLayouts.last?.id }).count
                            == 1
                        && cluster.node("a")?.activeLayouts.last?.members.count == 5
                }, atMost: .seconds(120))
            #expect(settled, "\(what)")
        }
        settle("joined")
        for path in paths { #expect(holders(cluster, path, all).count == 3) }
        for factor in [5, 2] {
            guard case .done? = cluster.ask("c", .setReplicationFactor(factor)) else {
                Issue.record("factor \(factor)")
                return
            }
            cluster.run(for: .seconds(10))
            settle("factor \(factor)")
            for path in paths { #expect(holders(cluster, path, all).count == factor) }
        }
        for path in paths {
            guard case .file? = cluster.ask("e", .get(path, .checked)) else {
                Issue.record("\(path) is lost")
                continue
            }
        }
    }

    @Test func conditionalWritesAreDecidedOnce() throws {
        let cluster = TinyCluster.three()
        let path = try path("/lock")
        let first = cluster.ask("a", .put(path, cluster.content(1), .absent, cluster.operation()))
        guard case .written(_, _, _, _, let exact)? = first else {
            Issue.record("\(String(describing: first))")
            return
        }
        #expect(exact)
        let second = cluster.ask("b", .put(path, cluster.content(2), .absent, cluster.operation()))
        guard case .conditionFailed(exact: true)? = second else {
            Issue.record("\(String(describing: second))")
            return
        }
        let digest = cluster.content(1).digest
        let third = cluster.ask(
            "c", .put(path, cluster.content(3), .matches([digest]), cluster.operation()))
        guard case .written? = third else {
            Issue.record("\(String(describing: third))")
            return
        }
    }

    @Test func aMoveKeepsTheContentAndLeavesNothingBehind() throws {
        let cluster = TinyCluster.three()
        let from = try path("/a/from")
        let to = try path("/b/to")
        _ = cluster.ask("a", .put(from, cluster.content(9), .none, cluster.operation()))
        let operation = cluster.operation()
        // Twice, as by a client that did not get the first answer.
        for _ in 0..<2 {
            let answer = cluster.ask("b", .move(from, to: to, operation))
            guard case .written? = answer else {
                Issue.record("\(String(describing: answer))")
                return
            }
        }
        guard case .file(let record)? = cluster.ask("c", .get(to, .checked)) else {
            Issue.record("not moved")
            return
        }
        #expect(record.byteCount == 9)
        #expect(record.home == Partition(of: from))
        guard case .notFound? = cluster.ask("c", .get(from, .checked)) else {
            Issue.record("still there")
            return
        }
        cluster.run(for: .seconds(60))
        guard case .listing(let names, _)? = cluster.ask("c", .list(.root, after: nil, limit: 10))
        else {
            Issue.record("no listing")
            return
        }
        #expect(names.map(\.name) == [Array("b".utf8)])
    }

    @Test func aDeadNodeIsReplacedByOthersAndFindsItsWayBack() throws {
        let cluster = TinyCluster(seed: 3)
        let all = ["a", "b", "c", "d", "e"]
        cluster.add("a")
        for name in all.dropFirst() { cluster.add(name, seeds: ["a"]) }
        cluster.run(for: .seconds(5))
        _ = cluster.ask("b", .setSetting(key: "grace_before_out", value: "30"))
        var paths: [StorePath] = []
        for number in 0..<20 {
            let path = try path("/d\(number % 3)/file\(number)")
            paths.append(path)
            _ = cluster.ask(
                "a", .put(path, cluster.content(UInt64(number)), .none, cluster.operation()))
        }
        cluster.run(for: .seconds(20))
        cluster.kill("e")
        // During its death: overwritten and deleted.
        for (index, path) in paths.enumerated() {
            if index % 3 == 0 {
                let answer = cluster.ask("b", .delete(path, .none, cluster.operation()))
                guard case .written? = answer else {
                    Issue.record("delete \(path): \(String(describing: answer))")
                    continue
                }
            } else if index % 3 == 1 {
                let answer = cluster.ask(
                    "c",
                    .put(path, cluster.content(UInt64(index + 100)), .none, cluster.operation()))
                guard case .written? = answer else {
                    Issue.record("put \(path): \(String(describing: answer))")
                    continue
                }
            }
        }
        let alive = Array(all.dropLast())
        let replaced = cluster.run(
            until: {
                alive.allSatisfy {
                    cluster.node($0)?.isSettled == true
                        && cluster.node($0)?.activeLayouts.last?.members.count == 4
                }
            }, atMost: .seconds(180))
        #expect(replaced)
        for (index, path) in paths.enumerated() {
            let count = holders(cluster, path, alive).count
            #expect(count == (index % 3 == 0 ? 0 : 3), "\(path)")
        }
        cluster.add("e", seeds: ["b"])
        let back = cluster.run(
            until: {
                all.allSatisfy {
                    cluster.node($0)?.isSettled == true
                        && cluster.node($0)?.activeLayouts.last?.members.count == 5
                }
            }, atMost: .seconds(180))
        #expect(back)
        for (index, path) in paths.enumerated() {
            let count = holders(cluster, path, all).count
            #expect(count == (index % 3 == 0 ? 0 : 3), "\(path)")
            let answer = cluster.ask("e", .get(path, .checked))
            switch (index % 3, answer) {
            case (0, .notFound?): break
            case (1, .file(let record)?): #expect(record.byteCount == UInt64(index + 100))
            case (2, .file(let record)?): #expect(record.byteCount == UInt64(index))
            default: Issue.record("\(path): \(String(describing: answer))")
            }
        }
    }
}
