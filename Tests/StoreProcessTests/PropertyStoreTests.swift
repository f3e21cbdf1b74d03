import Cluster
import IPC
import Model
import Testing

@testable import StoreProcess

/// Dead properties as a gateway asks for them: of one store, alone.
@Suite struct PropertyStoreTests {
    private let some: [UInt8] = Array("<a/>".utf8)

    private func set(
        _ store: TestStore, _ path: String, _ properties: [UInt8], seen: [UInt8] = [],
        operation: OperationID = .test(), conditions: WriteConditions = .none
    ) async throws -> WriteResponse {
        let request = SetPropertiesRequest(
            operation: operation, path: try .test(path), seen: seen, properties: properties,
            conditions: conditions)
        return try await store.ask { $0.setProperties(request, $1) }
    }

    private func properties(_ store: TestStore, _ paths: String...) async throws -> [[UInt8]] {
        let request = PropertiesRequest(paths: try paths.map { try .test($0) })
        let response: PropertiesResponse = try await store.ask { $0.properties(request, $1) }
        return response.properties
    }

    private func looked(_ store: TestStore, _ path: String) async throws -> FileFacts? {
        var request = LookupRequest(path: try .test(path), wantsContent: false)
        request.wantsProperties = true
        let asked = request
        let found: LookupResponse = try await store.ask { store, reply in
            store.lookUp(asked) { reply($0.map(\.response)) }
        }
        guard case .file(let facts) = found else { return nil }
        return facts
    }

    @Test func theyLastAndNothingElseChanges() async throws {
        let directory = try TemporaryDirectory()
        var store = try await TestStore(directory)
        _ = try await store.put("/d/a", [1, 2, 3], modified: Timestamp(nanoseconds: 5))
        let before = try #require(try await looked(store, "/d/a"))
        _ = try await set(store, "/d/a", some)
        await store.end()
        store = try await TestStore(directory)
        let after = try #require(try await looked(store, "/d/a"))
        #expect(after.properties == .bytes(some))
        #expect((after.digest, after.modified) == (before.digest, before.modified))
        #expect(after.created == before.created)
        #expect(try await store.content("/d/a") == [1, 2, 3])
        #expect(try await properties(store, "/d/a", "/d", "/none") == [some, [], []])
        _ = try await store.put("/d/a", [4])
        #expect(try await properties(store, "/d/a") == [some])
        await store.end()
        #expect(try directory.objectFault() == nil)
    }

    @Test func listingsHaveThemWhereTheyAreAskedFor() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        _ = try await store.put("/a", [1])
        _ = try await store.put("/b", [1])
        _ = try await set(store, "/a", some)
        _ = try await set(store, "/b", [UInt8](repeating: 1, count: FileProperties.byteCountMax))
        func listed(_ wantsProperties: Bool) async throws -> [FileProperties] {
            let request = ListRequest(
                path: .root, after: [], limit: 9, wantsProperties: wantsProperties)
            let page: ListResponse = try await store.ask { $0.list(request, $1) }
            return page.entries.map { entry in
                if case .file(_, let facts) = entry { return facts.properties }
                return .none
            }
        }
        #expect(try await listed(true) == [.bytes(some), .elsewhere])
        #expect(try await listed(false) == [.none, .none])
        await store.end()
    }

    /// Each PROPPATCH is made from what was there.
    @Test func ofTwoChangesFromOneStateOneIsRefused() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        _ = try await store.put("/a", [1])
        _ = try await set(store, "/a", some)
        let stale = await refusal { _ = try await set(store, "/a", [9]) }
        #expect(stale == .preconditionFailed)
        _ = try await set(store, "/a", [9], seen: some)
        #expect(try await properties(store, "/a") == [[9]])
        let none = await refusal { _ = try await set(store, "/none", [9]) }
        #expect(none == .notFound)
        await store.end()
    }

    @Test func sentAgainItIsDoneOnce() async throws {
        let directory = try TemporaryDirectory()
        var store = try await TestStore(directory)
        _ = try await store.put("/a", [1])
        let operation = OperationID.test()
        let first = try await set(store, "/a", some, operation: operation)
        await store.end()
        store = try await TestStore(directory)
        #expect(try await set(store, "/a", some, operation: operation).dot == first.dot)
        await store.end()
    }

    @Test func directoriesHaveThemAlsoWithoutAMark() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        _ = try await store.put("/d/e/a", [1])
        _ = try await store.makeDirectory("/made")
        for path in ["/d", "/d/e", "/made", "/"] {
            _ = try await set(store, path, some)
            #expect(try await properties(store, path) == [some], "\(path)")
            _ = try await set(store, path, [7], seen: some)
            #expect(try await properties(store, path) == [[7]], "\(path)")
        }
        _ = try await store.makeDirectory("/made")
        #expect(try await properties(store, "/made") == [[7]])
        _ = try await store.delete("/made", recursive: true)
        _ = try await store.makeDirectory("/made")
        #expect(try await properties(store, "/made") == [[]])
        await store.end()
    }

    @Test(arguments: [true, false])
    func theyGoWithTreesThatAreMovedOrCopied(_ isMove: Bool) async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        _ = try await store.put("/d/e/a", [1])
        _ = try await set(store, "/d/e/a", [1])
        _ = try await set(store, "/d/e", [2])
        _ = try await set(store, "/d", [3])
        let target = try StorePath.test("/x")
        let request = TransferRequest(
            operation: .test(), path: try .test("/d"),
            kind: isMove ? .move(to: target, overwrite: false) : .copy(to: target, overwrite: false)
        )
        let _: WriteResponse = try await store.ask { $0.transfer(request, $1) }
        #expect(try await properties(store, "/x", "/x/e", "/x/e/a") == [[3], [2], [1]])
        let left: [[UInt8]] = isMove ? [[], [], []] : [[3], [2], [1]]
        #expect(try await properties(store, "/d", "/d/e", "/d/e/a") == left)
        await store.end()
    }

    @Test func theHistoryTellsOfContentsAlone() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        _ = try await store.put("/a", [1])
        _ = try await set(store, "/a", [1])
        _ = try await set(store, "/a", [2], seen: [1])
        let request = HistoryRequest(path: try .test("/a"))
        let history: HistoryResponse = try await store.ask { $0.history(request, $1) }
        #expect(history.entries.count == 1)
        #expect(try await store.status().keptCount == 0)
        await store.end()
        #expect(try directory.objectFault() == nil)
    }
}
