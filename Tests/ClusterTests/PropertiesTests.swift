import Cluster
import Model
import Replication
import Testing

/// Dead properties as clients see them, on a few nodes without faults.
@Suite struct PropertiesTests {
    private let some: [UInt8] = Array("<a/>".utf8)

    private func path(_ text: String) throws -> StorePath {
        try StorePath(validating: Array(text.utf8))
    }

    private func file(
        _ cluster: TinyCluster, _ node: String, _ path: StorePath
    ) -> FileRecord? {
        guard case .file(let record)? = cluster.ask(node, .get(path, .checked)) else { return nil }
        return record
    }

    private func isWritten(_ answer: ClientAnswer?) -> Bool {
        if case .written = answer { return true }
        return false
    }

    private func put(_ cluster: TinyCluster, _ path: StorePath, _ number: UInt64) -> Bool {
        let content = cluster.content(number)
        return isWritten(cluster.ask("a", .put(path, content, .none, cluster.operation())))
    }

    private func describe(
        _ cluster: TinyCluster, _ node: String, _ path: StorePath, _ properties: [UInt8]
    ) throws -> Bool {
        let record = try #require(file(cluster, node, path))
        let facts = FileFacts(
            byteCount: record.byteCount, digest: record.digest, contentType: record.contentType,
            created: record.created, modified: record.modified, object: record.object,
            home: record.home, properties: properties)
        return isWritten(
            cluster.ask(
                node,
                .describe(
                    path, .file(facts), when: .version(record.version.dot), cluster.operation())))
    }

    private func listed(
        _ cluster: TinyCluster, _ directory: StorePath
    ) -> [FileProperties]? {
        guard
            case .listing(let entries, _)? = cluster.ask(
                "c", .list(directory, after: nil, limit: 9))
        else { return nil }
        return entries.compactMap { $0.record?.properties }
    }

    @Test func theyAreSeenOnAllNodesAndInListings() throws {
        let cluster = TinyCluster.three()
        cluster.encodesMessages = true
        let path = try path("/d/a")
        #expect(put(cluster, path, 1))
        let before = try #require(file(cluster, "a", path))
        #expect(try describe(cluster, "b", path, some))
        for node in ["a", "b", "c"] {
            let after = try #require(file(cluster, node, path))
            #expect(after.properties == .bytes(some))
            #expect((after.digest, after.object) == (before.digest, before.object))
            #expect((after.modified, after.created) == (before.modified, before.created))
        }
        #expect(listed(cluster, try self.path("/d")) == [.bytes(some)])
        let many = [UInt8](repeating: 1, count: FileProperties.byteCountMax)
        #expect(try describe(cluster, "c", path, many))
        #expect(file(cluster, "a", path)?.properties == .bytes(many))
        #expect(listed(cluster, try self.path("/d")) == [.elsewhere])
        #expect(cluster.encodingFaults == [])
    }

    @Test func theyStayWhenTheFileIsWrittenMovedCopiedAndRestored() throws {
        let cluster = TinyCluster.three()
        let path = try path("/d/a")
        let other = try self.path("/e/b")
        let copy = try self.path("/e/c")
        #expect(put(cluster, path, 1))
        #expect(try describe(cluster, "b", path, some))
        #expect(put(cluster, path, 2))
        #expect(file(cluster, "c", path)?.properties == .bytes(some))
        #expect(isWritten(cluster.ask("a", .move(path, to: other, cluster.operation()))))
        #expect(file(cluster, "b", other)?.properties == .bytes(some))
        #expect(isWritten(cluster.ask("a", .copy(other, to: copy, cluster.operation()))))
        #expect(file(cluster, "b", copy)?.properties == .bytes(some))
        #expect(try describe(cluster, "a", copy, []))
        #expect(file(cluster, "b", copy)?.properties == FileProperties.none)
        #expect(isWritten(cluster.ask("a", .delete(other, .none, cluster.operation()))))
        #expect(isWritten(cluster.ask("a", .restore(other, nil, cluster.operation()))))
        #expect(file(cluster, "c", other)?.properties == .bytes(some))
        // What was at the path before is not there any more.
        #expect(put(cluster, path, 3))
        #expect(file(cluster, "c", path)?.properties == FileProperties.none)
    }

    @Test func whatWasWrittenMeanwhileIsNotTakenBackByThem() throws {
        let cluster = TinyCluster.three()
        let path = try path("/d/a")
        #expect(put(cluster, path, 1))
        let record = try #require(file(cluster, "a", path))
        #expect(put(cluster, path, 2))
        let facts = FileFacts(
            byteCount: record.byteCount, digest: record.digest, contentType: record.contentType,
            created: record.created, modified: record.modified, object: record.object,
            home: record.home, properties: some)
        let stale = ClientRequest.describe(
            path, .file(facts), when: .version(record.version.dot), cluster.operation())
        guard case .conditionFailed? = cluster.ask("a", stale) else {
            Issue.record("an older content is back")
            return
        }
        #expect(file(cluster, "a", path)?.byteCount == 2)
    }

    @Test func theHistoryHasOneVersionOfAContentHoweverOftenItWasDescribed() throws {
        let cluster = TinyCluster.three()
        let path = try path("/d/a")
        #expect(put(cluster, path, 1))
        for number in UInt8(1)...5 { #expect(try describe(cluster, "a", path, [number])) }
        #expect(put(cluster, path, 2))
        guard case .history(let register)? = cluster.ask("b", .history(path)) else {
            Issue.record("no history")
            return
        }
        #expect(register.restorable.map(\.value.properties) == [[5], [5]])
    }

    private func mark(
        _ cluster: TinyCluster, _ node: String, _ path: StorePath
    ) -> RegisterVersion? {
        guard case .mark(let version)? = cluster.ask(node, .mark(path)) else { return nil }
        return version
    }

    @Test func directoriesHaveThemToo() throws {
        let cluster = TinyCluster.three()
        cluster.encodesMessages = true
        let directory = try path("/d")
        #expect(put(cluster, try path("/d/a"), 1))
        #expect(mark(cluster, "b", directory) == nil)
        func describe(_ properties: [UInt8], _ condition: WriteCondition) -> ClientAnswer? {
            cluster.ask(
                "b",
                .describe(
                    directory, .mark(properties: properties), when: condition,
                    cluster.operation()))
        }
        #expect(isWritten(describe(some, .absent)))
        guard case .conditionFailed? = describe([9], .absent) else {
            Issue.record("what was said meanwhile is overwritten")
            return
        }
        #expect(mark(cluster, "c", directory)?.value.properties == some)
        #expect(isWritten(cluster.ask("a", .makeDirectory(directory, cluster.operation()))))
        let made = try #require(mark(cluster, "c", directory))
        #expect(made.value.properties == some)
        #expect(isWritten(describe([], .version(made.dot))))
        #expect(mark(cluster, "a", directory)?.value == .mark)
        #expect(cluster.encodingFaults == [])
    }

    @Test func aLockBarsThemAndThatOfTheDirectoryDoesNot() throws {
        let cluster = TinyCluster.three()
        let path = try path("/d/a")
        #expect(put(cluster, path, 1))
        let record = try #require(file(cluster, "a", path))
        func lock(_ path: StorePath, _ number: UInt64) -> ClientAnswer? {
            let request = LockRequest(
                token: LockToken(bits: Bits128(high: 0, low: number)), owner: [],
                scope: .exclusive, depth: .zero, seconds: 60)
            return cluster.ask("a", .lock(path, request, cluster.operation()))
        }
        func describe() -> ClientAnswer? {
            let facts = FileFacts(
                byteCount: record.byteCount, digest: record.digest,
                contentType: record.contentType, created: record.created,
                modified: record.modified, object: record.object, home: record.home,
                properties: some)
            let write = ClientRequest.describe(
                path, .file(facts), when: .version(record.version.dot), cluster.operation())
            return cluster.ask("b", .guarded(write, tokens: []))
        }
        _ = lock(path, 1)
        guard case .locked? = describe() else {
            Issue.record("a locked file is described")
            return
        }
        _ = cluster.ask(
            "a", .unlock(path, LockToken(bits: Bits128(high: 0, low: 1)), cluster.operation()))
        _ = lock(try self.path("/d"), 2)
        #expect(isWritten(describe()))
    }
}
