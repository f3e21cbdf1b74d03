import Cluster
import Model
import Replication
import Testing

@Suite struct TinyClusterTests {
    private func path(_ text: String) throws -> StorePath {
        try StorePath(validating: Array(text.utf8))
    }

    private func three() -> TinyCluster {
        let cluster = TinyCluster(seed: 1)
        cluster.add("a")
        cluster.add("b", seeds: ["a"])
        cluster.add("c", seeds: ["a"])
        cluster.run(for: .seconds(5))
        return cluster
    }

    @Test func aFileWrittenOnOneNodeIsReadOnAll() throws {
        let cluster = three()
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
        let cluster = three()
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
        let cluster = three()
        let path = try path("/lock")
        let first = cluster.ask("a", .put(path, cluster.content(1), .absent, cluster.operation()))
        guard case .written(_, _, _, _, let exact)? = first else {
            Issue.record("\(String(describing: first))")
            return
        }
        #expect(exact)
        let second = cluster.ask("b", .put(path, cluster.content(2), .absent, cluster.operation()))
        guard case .conditionFailed? = second else {
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
}
