import Model
import Replication
import Testing

@testable import Cluster

/// What a path held before: told, restored, and let go.
@Suite struct HistoryTests {
    private let path: StorePath

    init() throws { path = try StorePath(validating: "/a/b.txt".utf8) }

    private func put(_ cluster: TinyCluster, _ number: UInt64, at node: String = "a") -> Dot? {
        let content = cluster.content(number)
        let put = ClientRequest.put(path, content, .none, cluster.operation())
        guard case .written(let version, _, _, _, _)? = cluster.ask(node, put) else { return nil }
        return version.dot
    }

    private func history(_ cluster: TinyCluster, at node: String = "b") -> Register? {
        guard case .history(let register)? = cluster.ask(node, .history(path)) else { return nil }
        return register
    }

    private func byteCount(_ cluster: TinyCluster, at node: String = "c") -> UInt64? {
        guard case .file(let record)? = cluster.ask(node, .get(path, .checked)) else { return nil }
        return record.byteCount
    }

    private func delete(_ cluster: TinyCluster) {
        guard case .written? = cluster.ask("a", .delete(path, .none, cluster.operation())) else {
            Issue.record("nothing was deleted")
            return
        }
    }

    @Test func whatWasOverwrittenAndDeletedIsToldNewestFirst() throws {
        let cluster = TinyCluster.three()
        let dots = try (UInt64(1)...3).map { try #require(put(cluster, $0)) }
        #expect(history(cluster)?.restorable.map(\.dot) == [dots[2], dots[1], dots[0]])
        delete(cluster)
        let register = try #require(history(cluster))
        #expect(register.head?.value == .deleted)
        #expect(register.restorable.map(\.dot) == [dots[2], dots[1], dots[0]])
        // The tombstone goes, what is kept stays.
        cluster.run(for: .seconds(120))
        #expect(history(cluster)?.head == nil)
        #expect(history(cluster)?.restorable.count == 3)
    }

    @Test func aDeletedFileComesBackAsItWas() throws {
        let cluster = TinyCluster.three()
        _ = put(cluster, 1)
        let second = try #require(put(cluster, 2))
        delete(cluster)
        cluster.run(for: .seconds(120))
        let operation = cluster.operation()
        guard case .written? = cluster.ask("b", .restore(path, nil, operation)) else {
            Issue.record("nothing was restored")
            return
        }
        #expect(byteCount(cluster) == 2)
        let register = try #require(history(cluster))
        let kept = register.kept.first { $0.dot == second }
        #expect(kept?.version.value.facts?.object == register.head?.value.facts?.object)
        // Sent again it is the same restoration, also when the file has gone on.
        _ = put(cluster, 3)
        guard case .written? = cluster.ask("c", .restore(path, nil, operation)) else {
            Issue.record("a repeated restoration was refused")
            return
        }
        #expect(byteCount(cluster) == 3)
    }

    @Test func anOlderVersionIsRestoredByItsName() throws {
        let cluster = TinyCluster.three()
        let first = try #require(put(cluster, 1))
        _ = put(cluster, 2)
        guard case .written? = cluster.ask("b", .restore(path, first, cluster.operation())) else {
            Issue.record("nothing was restored")
            return
        }
        #expect(byteCount(cluster) == 1)
        let stranger = Dot(disk: first.disk, sequence: first.sequence + 1000)
        #expect(cluster.ask("b", .restore(path, stranger, cluster.operation())) == .notFound)
    }

    @Test func whatIsPurgedIsGoneOnAllDisksAlsoOnOneThatWasAway() throws {
        let cluster = TinyCluster.three()
        let first = try #require(put(cluster, 1))
        _ = put(cluster, 2)
        cluster.kill("c")
        #expect(cluster.ask("a", .purge(path, [first])) == .done)
        #expect(history(cluster)?.restorable.map { $0.value.facts?.byteCount } == [2])
        #expect(cluster.ask("b", .restore(path, first, cluster.operation())) == .notFound)
        cluster.add("c", seeds: ["a"])
        cluster.run(for: .seconds(30))
        let kept = cluster.disks[cluster.id("c")]?.tables.register(.file(path))?.kept ?? []
        #expect(kept.allSatisfy { $0.dot != first || $0.isPurged })
        #expect(cluster.ask("a", .purge(path, [])) == .notFound)
    }

    @Test func anEmptiedTrashStaysEmptyWhoeverWasAway() throws {
        let cluster = TinyCluster.three()
        _ = put(cluster, 1)
        delete(cluster)
        cluster.kill("c")
        let until = try #require(history(cluster)?.latestTime)
        let setting = ClientRequest.setSetting(
            key: ClusterSettings.trashEmptiedKey, value: ClusterSettings.text(of: until))
        #expect(cluster.ask("a", setting) == .done)
        cluster.run(for: .seconds(200))
        cluster.add("c", seeds: ["a"])
        cluster.run(for: .seconds(60))
        for name in ["a", "b", "c"] {
            #expect(
                cluster.disks[cluster.id(name)]?.tables.register(.file(path))?.kept ?? [] == [],
                "\(name)")
        }
        // What is deleted afterwards is kept as ever.
        _ = put(cluster, 2)
        delete(cluster)
        cluster.run(for: .seconds(200))
        #expect(history(cluster)?.restorable.count == 1)
    }

    @Test func whatWasMovedIsInNoTrash() throws {
        let cluster = TinyCluster.three()
        _ = put(cluster, 1)
        let other = try StorePath(validating: "/c.txt".utf8)
        guard case .written? = cluster.ask("b", .move(path, to: other, cluster.operation())) else {
            Issue.record("nothing was moved")
            return
        }
        cluster.run(for: .seconds(30))
        #expect(history(cluster)?.restorable == [])
        guard case .file(let record)? = cluster.ask("c", .get(other, .checked)) else {
            Issue.record("nothing is there")
            return
        }
        #expect(record.byteCount == 1)
    }

    @Test func aCopyIsAFileOfItsOwnWithTheSameContent() throws {
        let cluster = TinyCluster.three()
        _ = put(cluster, 1)
        let other = try StorePath(validating: "/c.txt".utf8)
        let copy = ClientRequest.copy(path, to: other, when: .absent, cluster.operation())
        guard case .written? = cluster.ask("b", copy) else {
            Issue.record("nothing was copied")
            return
        }
        // Sent again it is the same one.
        guard case .written? = cluster.ask("c", copy) else {
            Issue.record("a repeated copy was refused")
            return
        }
        let another = ClientRequest.copy(path, to: other, when: .absent, cluster.operation())
        guard case .conditionFailed? = cluster.ask("b", another) else {
            Issue.record("a copy went over another file")
            return
        }
        let moved = ClientRequest.move(path, to: other, when: .absent, cluster.operation())
        guard case .conditionFailed? = cluster.ask("b", moved) else {
            Issue.record("a move went over another file")
            return
        }
        delete(cluster)
        cluster.run(for: .seconds(30))
        guard case .file(let record)? = cluster.ask("c", .get(other, .checked)) else {
            Issue.record("the copy went with its source")
            return
        }
        #expect(record.byteCount == 1)
    }

    @Test func aMoveThatIsSentAgainLosesNothingThatWasWrittenSince() throws {
        let cluster = TinyCluster.three()
        _ = put(cluster, 1)
        let other = try StorePath(validating: "/c.txt".utf8)
        let move = ClientRequest.move(path, to: other, cluster.operation())
        guard case .written? = cluster.ask("b", move) else {
            Issue.record("nothing was moved")
            return
        }
        // Long after: what the first one deleted is forgotten, and another file is there.
        cluster.run(for: .seconds(120))
        _ = put(cluster, 2)
        _ = cluster.ask("c", move)
        cluster.run(for: .seconds(30))
        var found: Set<UInt64> = []
        for place in [path, other] {
            if case .file(let record)? = cluster.ask("a", .get(place, .checked)) {
                found.insert(record.byteCount)
            }
        }
        #expect(found.contains(2))
    }
}
