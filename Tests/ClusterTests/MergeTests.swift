import CRDT
import Cluster
import Model
import Replication
import Testing

/// Two clusters of one name that see each other.
@Suite struct MergeTests {
    private let first = ["a", "b", "c"]
    private let second = ["d", "e"]
    private var all: [String] { first + second }

    private func path(_ text: String) throws -> StorePath {
        try StorePath(validating: Array(text.utf8))
    }

    private func put(_ cluster: TinyCluster, _ node: String, _ text: String, _ number: UInt64)
        throws
    {
        let answer = cluster.ask(
            node, .put(try path(text), cluster.content(number), .none, cluster.operation()))
        guard case .written? = answer else {
            Issue.record("\(text): \(String(describing: answer))")
            return
        }
    }

    private func set(_ cluster: TinyCluster, _ node: String, _ value: String) {
        let request = ClientRequest.setSetting(key: "grace_before_out", value: value)
        guard case .done? = cluster.ask(node, request) else {
            Issue.record("not set")
            return
        }
    }

    /// Two that were founded apart, and see each other from now on.
    private func two() throws -> TinyCluster {
        let cluster = TinyCluster(seed: 8)
        cluster.add("a")
        for name in ["b", "c"] { cluster.add(name, seeds: ["a"]) }
        cluster.add("d")
        cluster.add("e", seeds: ["d"])
        cluster.run(for: .seconds(5))
        for number in 0..<10 as Range<UInt64> {
            try put(cluster, "a", "/first/file\(number)", number)
            try put(cluster, "d", "/second/file\(number)", 100 + number)
        }
        try put(cluster, "b", "/both", 1)
        set(cluster, "a", "40")
        cluster.run(for: .seconds(5))
        try put(cluster, "d", "/both", 2)
        // Set later than in the first one.
        set(cluster, "d", "50")
        cluster.run(for: .seconds(10))
        cluster.kill("e")
        cluster.add("e", seeds: ["d", "a"])
        cluster.run(for: .seconds(60))
        return cluster
    }

    private func foreign(_ cluster: TinyCluster, saidBy names: [String]) -> Set<ClusterID> {
        Set(
            cluster.notices.compactMap { name, notice in
                guard names.contains(where: { cluster.id($0) == name }),
                    case .foreignCluster(let id, _) = notice
                else { return nil }
                return id
            })
    }

    private func size(_ cluster: TinyCluster, _ node: String, _ text: String) throws -> UInt64? {
        guard case .file(let record)? = cluster.ask(node, .get(try path(text), .checked)) else {
            return nil
        }
        return record.byteCount
    }

    /// Nor does one hear which files the other has.
    @Test func whoWatchesHearsOfItsOwnClusterAlone() throws {
        let cluster = try two()
        for name in all { cluster.watch(name, true) }
        cluster.run(for: .seconds(10))
        cluster.change("d", [FileChange(path: try path("/second/secret"), version: nil)])
        cluster.change("a", [FileChange(path: try path("/first/secret"), version: nil)])
        cluster.run(for: .seconds(1))
        #expect(Set(cluster.heard.map(\.0.name)) == ["b", "c", "e"])
        for (node, changes) in cluster.heard {
            let own = first.contains(node.name) ? "/first/secret" : "/second/secret"
            #expect(changes.map { "\($0.path)" } == [own], "\(node)")
        }
    }

    @Test func byThemselvesTheyNeverMergeAndBothSaySo() throws {
        let cluster = try two()
        #expect(foreign(cluster, saidBy: first).count == 1)
        #expect(foreign(cluster, saidBy: second).count == 1)
        #expect(foreign(cluster, saidBy: first) != foreign(cluster, saidBy: second))
        for name in first {
            #expect(try size(cluster, name, "/second/file3") == nil)
            #expect(try size(cluster, name, "/both") == 1)
            #expect(cluster.node(name)?.activeLayouts.last?.members.count == 3)
        }
        for name in second {
            #expect(try size(cluster, name, "/first/file3") == nil)
            #expect(try size(cluster, name, "/both") == 2)
            #expect(cluster.node(name)?.activeLayouts.last?.members.count == 2)
        }
        let known = try #require(foreign(cluster, saidBy: first).first)
        guard case .refused(.isTheSame)? = cluster.ask("d", .joinCluster(known)),
            case .refused(.isNotReached)? = cluster.ask(
                "d", .joinCluster(ClusterID(bits: Bits128(high: 1, low: 1))))
        else {
            Issue.record("joined")
            return
        }
    }

    @Test func anOperatorsWordMakesThemOneAndNothingIsLost() throws {
        let cluster = try two()
        let wanted = try #require(foreign(cluster, saidBy: second).first)
        let sayer = second.first { name in
            cluster.notices.contains {
                guard $0.0 == cluster.id(name), case .foreignCluster = $0.1 else { return false }
                return true
            }
        }
        guard case .done? = cluster.ask(try #require(sayer), .joinCluster(wanted)) else {
            Issue.record("refused")
            return
        }
        let isOne = cluster.run(
            until: {
                all.allSatisfy { name in
                    guard let node = cluster.node(name) else { return false }
                    return node.isSettled && node.activeLayouts.last?.members.count == 5
                }
            }, atMost: .seconds(180))
        #expect(isOne)
        for name in all {
            for number in 0..<10 as Range<UInt64> {
                #expect(try size(cluster, name, "/first/file\(number)") == number, "\(name)")
                #expect(try size(cluster, name, "/second/file\(number)") == 100 + number, "\(name)")
            }
            // The later one; the other one is kept as the loser of a conflict.
            #expect(try size(cluster, name, "/both") == 2)
            #expect(cluster.node(name)?.clusterSettings.graceBeforeOut == .seconds(40), "\(name)")
        }
        let both = try path("/both")
        let registers = all.compactMap {
            cluster.disks[cluster.id($0)]?.tables.register(.file(both))
        }
        #expect(registers.count == 3)
        for register in registers {
            #expect(register.kept.contains { $0.version.value.facts?.byteCount == 1 })
        }
    }
}
