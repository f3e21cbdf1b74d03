import Cluster
import Foundation
import GRDB
import IPC
import Model
import Posix
import Replication
import Testing

@testable import StoreProcess

/// Files of contents that somebody changed: whenever that was, and whatever ended the store meanwhile, they
/// are checked before they are served; and what nobody touched is served as it is.
@Suite struct ChangedFilesTests {
    private static let large = noise(200_000, seed: 5)
    private struct Death: Error {}

    /// A store with a large file that ended, all of it in its place.
    private func directory() async throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        _ = try await store.upload("/d/large", Self.large)
        _ = try await store.status(counting: 1)
        await store.end()
        return directory
    }

    /// Size and times are as they were; only the file system knows.
    private func edit(_ directory: TemporaryDirectory, _ name: String = "d/large") throws {
        let path = "\(directory.path)/files/\(name)"
        let before = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate]
        let handle = try #require(FileHandle(forUpdatingAtPath: path))
        try handle.write(contentsOf: [0xEE])
        try handle.close()
        try FileManager.default.setAttributes(
            [.modificationDate: try #require(before)], ofItemAtPath: path)
    }

    /// Whether the file is refused as one that has no good copy.
    private func isRefused(_ store: TestStore, _ path: String = "/d/large") async throws -> Bool {
        do {
            _ = try await store.lookUp(path)
            return false
        } catch let error as RemoteError {
            return error.code == .internalError
        }
    }

    /// Contents that a reader waited for, or still does, until they were read wholly.
    private func checkCount(_ store: TestStore) async -> UInt64 {
        await store.onStore { $0.integrity.nextTicket }
    }

    // MARK: When it was

    @Test func aChangeInAnEarlierLifeIsFoundBeforeTheFileIsServed() async throws {
        let directory = try await directory()
        let store = try await TestStore(directory)
        try edit(directory)
        await store.end()
        // Nobody reads it in this one, either.
        let second = try await TestStore(directory)
        await second.end()
        let third = try await TestStore(directory)
        #expect(try await isRefused(third))
        await third.end()
    }

    /// A start writes to the database before it can say that it was one.
    @Test func aChangeBeforeAStartThatDiedIsFound() async throws {
        let directory = try await directory()
        try edit(directory)
        for _ in 0..<2 {
            let opened = try DataDirectory(directory.bytePath)
            let queue = try Schema.connect(opened.metaPath, cachePages: 16)
            try Recovery.database(queue, opened, isReadOnly: false)
            try queue.inDatabase { try $0.execute(sql: "UPDATE state SET value = value") }
            try queue.close()
            opened.unlock()
        }
        let store = try await TestStore(directory)
        #expect(try await isRefused(store))
        await store.end()
    }

    @Test func aChangeBeforeALifeThatOnlyReadIsFound() async throws {
        let directory = try await directory()
        try edit(directory)
        let now = WallClock.now.seconds
        try directory.write("meta/sync-errors", [UInt8]("\(now)\n\(now)\n".utf8))
        let store = try await TestStore(directory)
        #expect(store.store.engine.isReadOnly)
        await store.end()
        try directory.write("meta/sync-errors", [])
        let next = try await TestStore(directory)
        #expect(try await isRefused(next))
        await next.end()
    }

    /// The move of an upload is done again where a death left its row: what stands there by then may be
    /// somebody's.
    @Test func aChangeBeforeARowIsWorkedOffAgainIsFound() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory, isKept: false)
        _ = try await store.upload("/d/large", Self.large)
        _ = try await store.status(counting: 1)
        await store.end()
        let queue = try Schema.connect(directory.bytePath.appending("meta"), cachePages: 64)
        let opened = try DataDirectory(directory.bytePath)
        let contents = try DiskContents(opened)
        #expect(throws: Death.self) {
            try queue.inDatabase { database in
                let rounds = try HousekeepingRounds(
                    database, opened, contents, Warnings(), SyncClock(),
                    reached: { if $0 == .synced { throw Death() } })
                _ = try rounds.round(to: 1000)
            }
        }
        opened.unlock()
        try queue.close()
        try edit(directory)
        let next = try await TestStore(directory)
        // Its rows are worked off.
        try await reach { directory.names("staging") == [] }
        _ = try await next.put("/other", [1])
        try await reach { directory.contents("files/other") == [1] }
        #expect(try await isRefused(next))
        await next.end()
    }

    // MARK: What nobody touched

    @Test func whatNobodyTouchedIsServedAtOnceInEveryLife() async throws {
        let directory = try await directory()
        for _ in 0..<3 {
            let store = try await TestStore(directory)
            #expect(try await store.content("/d/large") == Self.large)
            #expect(await checkCount(store) == 0)
            await store.end()
        }
    }

    /// The old name goes after the new one came, which changes the file once more.
    @Test func whatWasMovedIsServedAtOnce() async throws {
        let directory = try await directory()
        let store = try await TestStore(directory)
        let move = ClientRequest.move(
            try .test("/d/large"), to: try .test("/m/film"), when: .none, .test())
        guard case .written = await store.ask(move) else {
            throw CorruptRow(description: "it is not moved")
        }
        try await reach {
            directory.contents("files/m/film") == Self.large && directory.names("files") == ["m"]
        }
        await store.end()
        let next = try await TestStore(directory)
        #expect(try await next.content("/m/film") == Self.large)
        #expect(await checkCount(next) == 0)
        await next.end()
    }

    /// Once is enough: what was found good is written down.
    @Test func whatWasTouchedIsCheckedOnce() async throws {
        let directory = try await directory()
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1)],
            ofItemAtPath: "\(directory.path)/files/d/large")
        for count in [1, 0] as [UInt64] {
            let store = try await TestStore(directory)
            for _ in 0..<2 { #expect(try await store.content("/d/large") == Self.large) }
            #expect(await checkCount(store) == count)
            await store.end()
        }
    }

    /// As after an update from a version that wrote nothing down of them.
    @Test func whatAPassCheckedIsTrustedFromThenOn() async throws {
        let directory = try await directory()
        let queue = try Schema.connect(directory.bytePath.appending("meta"), cachePages: 16)
        try queue.inDatabase { try $0.execute(sql: "UPDATE objects SET stamp = NULL") }
        try queue.close()
        let store = try await TestStore(directory)
        #expect(try await store.check().verifiedCount == 1)
        await store.end()
        let next = try await TestStore(directory)
        #expect(try await next.content("/d/large") == Self.large)
        #expect(await checkCount(next) == 0)
        await next.end()
    }

    private func reach(_ body: () -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        while !body() {
            guard .now < deadline else { throw CorruptRow(description: "it never came") }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}
