import Cluster
import IPC
import Model
import Replication
import Testing

@testable import StoreProcess

/// Locks as a gateway asks for them: of one store, alone.
@Suite struct LockStoreTests {
    private let token = LockToken(bits: Bits128(high: 1, low: 2))
    private let other = LockToken(bits: Bits128(high: 1, low: 3))

    private func lock(
        _ store: TestStore, _ path: String, _ token: LockToken, _ depth: LockDepth = .infinity,
        scope: LockScope = .exclusive, owner: [UInt8] = [7]
    ) async throws -> HeldLock {
        let request = LockMessage(
            operation: .test(), path: try .test(path), token: token, owner: owner, scope: scope,
            depth: depth, seconds: 600)
        return try await store.ask { $0.lock(request, $1) }
    }

    private func locks(
        _ store: TestStore, _ path: String, below: Bool = false
    ) async throws -> [HeldLock] {
        let request = LocksRequest(path: try .test(path), below: below)
        let response: LocksResponse = try await store.ask { $0.locks(request, $1) }
        #expect(response.isComplete)
        return response.locks
    }

    private func unlock(_ store: TestStore, _ path: String, _ token: LockToken) async throws {
        let request = UnlockMessage(operation: .test(), path: try .test(path), token: token)
        let _: Empty = try await store.ask { $0.unlock(request, $1) }
    }

    private func shows(_ tokens: LockToken...) -> WriteConditions {
        WriteConditions(tokens: tokens)
    }

    /// Where the locks in the way are; nil where no lock is.
    private func isRefused(_ body: () async throws -> some Any) async -> [StorePath]? {
        do {
            _ = try await body()
            return nil
        } catch let error as RemoteError {
            return error.code == .locked ? error.paths : nil
        } catch {
            Issue.record("another error: \(error)")
            return nil
        }
    }

    @Test func whatAGatewayMaySayTheBrainTakes() {
        #expect(IPCLimits.lockTokensMax == ReplicationLimits.lockTokensMax)
        #expect(IPCLimits.lockOwnerByteCountMax == ReplicationLimits.lockOwnerByteCountMax)
    }

    @Test func aLockIsToldWithWhatIsLeftOfIt() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        #expect(try await locks(store, "/a") == [])
        let held = try await lock(store, "/a", token, .zero, owner: [1, 2, 3])
        #expect((held.root, held.token, held.owner) == (try .test("/a"), token, [1, 2, 3]))
        #expect(held.seconds == 600)
        #expect((590...600).contains(held.secondsLeft))
        #expect(try await locks(store, "/a").map(\.token) == [token])
        let refresh = RefreshLockMessage(
            operation: .test(), path: try .test("/a"), token: token, seconds: 60)
        let refreshed: HeldLock = try await store.ask { $0.refreshLock(refresh, $1) }
        #expect(refreshed.seconds == 60)
        try await unlock(store, "/a", token)
        #expect(try await locks(store, "/a") == [])
        let gone = await refusal { try await unlock(store, "/a", token) }
        #expect(gone == .lockNotFound)
        await store.end()
    }

    @Test func everyWriteTakesTheToken() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        // Twice, so that there is a version to restore.
        for byte in [1, 0] as [UInt8] { _ = try await store.put("/d/a", [byte]) }
        _ = try await lock(store, "/d", token)
        let root = [try StorePath.test("/d")]
        #expect(await isRefused { try await store.put("/d/a", [2]) } == root)
        #expect(await isRefused { try await store.delete("/d/a") } == root)
        #expect(await isRefused { try await store.makeDirectory("/d/e") } == root)
        #expect(
            await isRefused { try await store.upload("/d/b", noise(70_000, seed: 1)) }
                == root)
        #expect(
            await isRefused { try await store.delete("/d", recursive: true) } == root)
        for kind in [
            TransferRequest.Kind.move(to: try .test("/x"), overwrite: true),
            .copy(to: try .test("/d/y"), overwrite: true), .restore(nil),
        ] {
            let request = TransferRequest(
                operation: .test(), path: try .test("/d/a"), kind: kind)
            let refused: [StorePath]? = await isRefused {
                let _: WriteResponse = try await store.ask { $0.transfer(request, $1) }
                return true
            }
            #expect(refused == root, "\(kind)")
        }
        #expect(try await store.content("/d/a") == [0])
        _ = try await store.put("/d/a", [2], conditions: shows(token))
        #expect(try await store.content("/d/a") == [2])
        let over = await refusal { _ = try await store.put("/e", [1], conditions: shows(token)) }
        #expect(over == .preconditionFailed || over == .preconditionFailedInReach)
        _ = try await store.delete("/d/a", conditions: shows(token))
        _ = try await store.put("/d/b", [2], conditions: shows(token))
        _ = try await store.delete("/d", recursive: true, conditions: shows(token))
        await store.end()
    }

    /// Half a tree would be worse than none.
    @Test func aTreeWithALockInItIsNotBegunWithoutItsToken() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        for name in ["a", "b", "c"] { _ = try await store.put("/d/\(name)", [1]) }
        _ = try await lock(store, "/d/c", token, .zero)
        let root = [try StorePath.test("/d/c")]
        #expect(await isRefused { try await store.delete("/d", recursive: true) } == root)
        let move = TransferRequest(
            operation: .test(), path: try .test("/d"),
            kind: .move(to: try .test("/e"), overwrite: true))
        let refused: [StorePath]? = await isRefused {
            let _: WriteResponse = try await store.ask { $0.transfer(move, $1) }
            return true
        }
        #expect(refused == root)
        #expect(try await store.names("/d") == ["a", "b", "c"])
        var shown = move
        shown.tokens = [token]
        let request = shown
        let _: WriteResponse = try await store.ask { $0.transfer(request, $1) }
        #expect(try await store.names("/e") == ["a", "b", "c"])
        await store.end()
    }

    /// The lock of a directory alone keeps its names, and so a whole tree.
    @Test func aTreeIsNotBegunWhereItsDirectoryMayNotLoseIt() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        for name in ["a", "b"] { _ = try await store.put("/p/d/\(name)", [1]) }
        _ = try await lock(store, "/p", token, .zero)
        let root = [try StorePath.test("/p")]
        // As of a collection: no file is looked for, whose write would be refused.
        let delete = DeleteRequest(
            operation: .test(), path: try .test("/p/d"), conditions: .none, recursive: true,
            directoryOnly: true)
        let refused: [StorePath]? = await isRefused {
            let _: WriteResponse = try await store.ask { $0.delete(delete, $1) }
            return true
        }
        #expect(refused == root)
        func move(_ source: String, _ target: String) async throws -> [StorePath]? {
            var transfer = TransferRequest(
                operation: .test(), path: try .test(source),
                kind: .move(to: try .test(target), overwrite: true))
            transfer.directoryOnly = true
            let move = transfer
            return await isRefused {
                let _: WriteResponse = try await store.ask { $0.transfer(move, $1) }
                return true
            }
        }
        #expect(try await move("/p/d", "/e") == root)
        _ = try await store.put("/q/c", [1])
        #expect(try await move("/q", "/p/q") == root)
        #expect(try await store.names("/p/d") == ["a", "b"])
        #expect(try await store.names("/q") == ["c"])
        _ = try await store.delete("/p/d", recursive: true, conditions: shows(token))
        await store.end()
    }

    /// Those who share the lock of a directory and that of a file in it hold the file together.
    @Test func aSharedLockAboveIsEnoughForWhatIsSharedBelow() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        _ = try await store.put("/a/f", [1])
        _ = try await lock(store, "/a", token, scope: .shared)
        _ = try await lock(store, "/a/f", other, scope: .shared)
        _ = try await store.put("/a/f", [2], conditions: shows(token))
        _ = try await store.upload("/a/f", noise(70_000, seed: 1), conditions: shows(token))
        #expect(
            await isRefused {
                try await store.delete("/a", recursive: true, conditions: shows(other))
            } == [try StorePath.test("/a")])
        _ = try await store.delete("/a", recursive: true, conditions: shows(token))
        await store.end()
    }

    @Test func aLockIsHeldInTheNextLifeOfTheStore() async throws {
        let directory = try TemporaryDirectory()
        var store = try await TestStore(directory)
        _ = try await lock(store, "/d", token)
        await store.end()
        store = try await TestStore(directory)
        #expect(try await locks(store, "/d/a").map(\.token) == [token])
        #expect(await isRefused { try await store.put("/d/a", [2]) } != nil)
        await store.end()
    }

    @Test func oneOfThoseWhoShareALockMayChangeTheTree() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        _ = try await store.put("/d/a", [1])
        _ = try await lock(store, "/d/a", token, .zero, scope: .shared)
        _ = try await lock(store, "/d/a", other, .zero, scope: .shared)
        #expect(try await locks(store, "/", below: true).count == 2)
        let refused = await isRefused { try await store.delete("/d", recursive: true) }
        #expect(refused != nil)
        _ = try await store.delete("/d", recursive: true, conditions: shows(other))
        await store.end()
    }
}
