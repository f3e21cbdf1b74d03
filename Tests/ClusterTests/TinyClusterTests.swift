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
}
