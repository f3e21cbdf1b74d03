import Cluster
import IPC
import Model
import Testing

@testable import StoreProcess

/// What a copy or move of a tree says where a part of it fails.
@Suite struct TreeTransferTests {
    private func copy(_ store: TestStore, to destination: String) async throws -> RemoteError? {
        let request = TransferRequest(
            operation: .test(), path: try .test("/src"),
            kind: .copy(to: try .test(destination), overwrite: false), directoryOnly: true,
            tokens: [])
        do {
            let _: WriteResponse = try await store.ask { $0.transfer(request, $1) }
            return nil
        } catch {
            return error as? RemoteError
        }
    }

    @Test func theMemberIsNamedThatThereIsNoRoomFor() async throws {
        let store = try await TestStore(try TemporaryDirectory())
        _ = try await store.put("/src/a", [1, 2, 3])
        _ = try await store.put("/src/d/b", [UInt8](repeating: 1, count: 100))
        #expect(await store.ask(.setSetting(key: Quota.settingKey, value: "/dst=50")) == .done)
        let error = try #require(try await copy(store, to: "/dst"))
        #expect(error.code == .quotaExceeded)
        #expect(error.paths == [try .test("/dst/d/b")])
        #expect(try await store.content("/dst/a") == [1, 2, 3])
        await store.end()
    }

    @Test func anErrorOfTheTreeItselfNamesNoMember() async throws {
        let store = try await TestStore(try TemporaryDirectory())
        _ = try await store.put("/other", [1])
        let error = try #require(try await copy(store, to: "/dst"))
        #expect(error.code == .notFound)
        #expect(error.paths == [])
        await store.end()
    }
}
