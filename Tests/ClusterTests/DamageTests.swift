import Cluster
import Model
import Replication
import Testing

/// Copies that fail their check: they count for nothing, and are copied again.
@Suite struct DamageTests {
    private static let names = ["a", "b", "c"]

    private func path(_ text: String) throws -> StorePath {
        try StorePath(validating: Array(text.utf8))
    }

    /// Three nodes that all hold a file.
    private func cluster(_ path: StorePath, policy: String = "available") -> TinyCluster {
        let cluster = TinyCluster(seed: 5)
        for name in Self.names { cluster.add(name, seeds: name == "a" ? [] : ["a"]) }
        cluster.run(for: .seconds(5))
        _ = cluster.ask("a", .setSetting(key: "write_policy", value: policy))
        _ = cluster.ask("a", .put(path, cluster.content(7), .none, cluster.operation()))
        let settled = cluster.run(
            until: {
                Self.names.allSatisfy { name in
                    cluster.node(name)?.isSettled == true
                        && register(cluster, name, path)?.head != nil
                }
            }, atMost: .seconds(60))
        #expect(settled)
        return cluster
    }

    private func register(_ cluster: TinyCluster, _ name: String, _ path: StorePath) -> Register? {
        cluster.disks[cluster.id(name)]?.tables.register(.file(path))
    }

    private func isGood(_ cluster: TinyCluster, _ name: String, _ path: StorePath) -> Bool {
        guard let register = register(cluster, name, path), let head = register.head,
            let tables = cluster.disks[cluster.id(name)]?.tables
        else { return false }
        return register.hasContent(of: head.dot) && tables.badContents(of: .file(path)).isEmpty
    }

    private func notices(_ cluster: TinyCluster, _ name: String) -> [NodeNotice] {
        cluster.notices.filter { $0.0 == cluster.id(name) }.map(\.1)
    }

    @Test func whatNobodyReadsIsFoundAndCopiedAgain() throws {
        let path = try path("/file")
        let cluster = cluster(path)
        cluster.corrupt("b", path)
        #expect(!isGood(cluster, "b", path))
        #expect(cluster.run(until: { isGood(cluster, "b", path) }, atMost: .seconds(30)))
        cluster.run(for: .seconds(1))
        #expect(notices(cluster, "b").contains(.damaged(path)))
        #expect(notices(cluster, "b").contains(.repaired(path)))
        #expect(!notices(cluster, "b").contains(.noGoodCopy(path)))
    }

    @Test func aNodeWithABadCopyServesTheFileFromAnother() throws {
        let path = try path("/file")
        let cluster = cluster(path)
        cluster.corrupt("a", path)
        guard case .file(let record)? = cluster.ask("a", .get(path, .checked)) else {
            Issue.record("not read")
            return
        }
        #expect(record.byteCount == 7)
    }

    @Test(arguments: ["available", "majority"])
    func whatHasNoGoodCopyIsNotServedAndStays(_ policy: String) throws {
        let path = try path("/file")
        let cluster = cluster(path, policy: policy)
        for name in Self.names { cluster.corrupt(name, path) }
        let said = cluster.run(
            until: { Self.names.allSatisfy { notices(cluster, $0).contains(.noGoodCopy(path)) } },
            atMost: .seconds(60))
        #expect(said)
        cluster.run(for: .seconds(60))
        for name in Self.names {
            // Once, not at each look for one.
            #expect(notices(cluster, name).count { $0 == .noGoodCopy(path) } == 1)
            guard case .unavailable? = cluster.ask(name, .get(path, .checked)) else {
                Issue.record("\(name) serves what it has not")
                continue
            }
            #expect(register(cluster, name, path)?.head != nil)
            #expect(register(cluster, name, path)?.isHeadDamaged == true)
        }
        // A new version takes its place.
        guard
            case .written? = cluster.ask(
                "b", .put(path, cluster.content(8), .none, cluster.operation())),
            case .file(let record)? = cluster.ask("c", .get(path, .checked))
        else {
            Issue.record("cannot be written anew")
            return
        }
        #expect(record.byteCount == 8)
    }

    @Test func aCopyIsNotDroppedOnTheWordOfABadOne() throws {
        let path = try path("/file")
        func atOneCopy(_ cluster: TinyCluster, damaging holder: String?) -> [String] {
            _ = cluster.ask("a", .setReplicationFactor(1))
            cluster.run(
                until: { cluster.node("a")?.activeLayouts.last?.replicationFactor == 1 },
                atMost: .seconds(30))
            if let holder { cluster.corrupt(holder, path) }
            let settled = cluster.run(
                until: {
                    Self.names.allSatisfy { name in
                        cluster.node(name)?.isSettled == true
                            && cluster.node(name)?.activeLayouts.last?.replicationFactor == 1
                    }
                }, atMost: .seconds(90))
            #expect(settled)
            return Self.names.filter { register(cluster, $0, path) != nil }
        }
        // The same again, with the copy bad that is to stay alone.
        let holders = atOneCopy(cluster(path), damaging: nil)
        #expect(holders.count == 1)
        guard let holder = holders.first else { return }
        let cluster = cluster(path)
        #expect(atOneCopy(cluster, damaging: holder) == holders)
        #expect(isGood(cluster, holder, path))
    }

    @Test func theRuleThatIsBrokenOnPurposeLeavesTheBadCopy() throws {
        let path = try path("/file")
        let cluster = TinyCluster(seed: 5)
        for name in Self.names {
            cluster.add(name, seeds: name == "a" ? [] : ["a"]) { $0.canaries = .missesDamage }
        }
        cluster.run(for: .seconds(5))
        _ = cluster.ask("a", .put(path, cluster.content(7), .none, cluster.operation()))
        cluster.run(for: .seconds(30))
        cluster.corrupt("b", path)
        cluster.run(for: .seconds(60))
        #expect(!isGood(cluster, "b", path))
    }
}
