import Foundation
import GRDB
import IPC
import Model
import Posix
import Testing

@testable import StoreProcess

/// Deaths: a directory as some step left it is opened again, and everything acknowledged is there.
@Suite struct CrashTests {
    private struct Death: Error {}

    /// A store's state before the housekeeper did anything.
    private func unfinished(_ kind: StorageKind) async throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory, kind)
        _ = try await store.put("/old", [1])
        _ = try await store.put("/gone", [2])
        _ = try await store.upload("/large", [UInt8](repeating: 1, count: 100_000))
        await store.end()
        let second = try await TestStore(directory, isKept: false)
        _ = try await second.put("/old", [3])
        _ = try await second.put("/new/file", [4])
        _ = try await second.delete("/gone")
        _ = try await second.makeDirectory("/made")
        _ = try await second.upload("/large", [UInt8](repeating: 2, count: 100_000))
        let left = try directory.snapshot()
        await second.end()
        return left
    }

    private func check(_ directory: TemporaryDirectory) async throws {
        let store = try await TestStore(directory)
        #expect(try await store.content("/old") == [3])
        #expect(try await store.content("/new/file") == [4])
        #expect(try await store.content("/gone") == nil)
        #expect(try await store.content("/large") == [UInt8](repeating: 2, count: 100_000))
        #expect(try await store.names("/") == ["large", "made", "new", "old"])
        #expect(try await store.status().warnings == [])
        await store.end()
        #expect(directory.names("staging") == [])
        #expect(try directory.objectFault() == nil)
        guard FileManager.default.fileExists(atPath: "\(directory.path)/files") else { return }
        #expect(
            directory.tree("files") == [
                "old": [3], "new/file": [4], "large": [UInt8](repeating: 2, count: 100_000),
            ])
        #expect(directory.names("files") == ["large", "made", "new", "old"])
    }

    /// While the store is still in memory: the next to open the directory may have it.
    @Test func aStoreThatEndedHasItsDatabaseOpenNoMore() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        _ = try await store.put("/file", [1])
        await store.end()
        #expect(directory.names("meta") == ["ballast", "store.db"])
        withExtendedLifetime(store) {}
    }

    @Test(arguments: StorageKind.allCases)
    func aDeathBeforeTheWriteOutLosesNothing(_ kind: StorageKind) async throws {
        try await check(try await unfinished(kind))
    }

    @Test(arguments: StorageKind.allCases, HousekeepingRounds.Step.allCases)
    func aDeathWithinTheWriteOutLosesNothing(
        _ kind: StorageKind, _ step: HousekeepingRounds.Step
    ) async throws {
        let left = try await unfinished(kind)
        for _ in 0..<2 {
            let queue = try Schema.connect(left.bytePath.appending("meta"), cachePages: 64)
            let directory = try DataDirectory(left.bytePath)
            let contents = try DiskContents(directory)
            #expect(throws: Death.self) {
                try queue.inDatabase { database in
                    let rounds = try HousekeepingRounds(
                        database, directory, contents, Warnings(), SyncClock(),
                        reached: { if $0 == step { throw Death() } })
                    _ = try rounds.round(to: 1000)
                }
            }
            directory.unlock()
        }
        try await check(left)
    }

    @Test(arguments: StorageKind.allCases)
    func aDeathAfterTheWriteOutRepeatsIt(_ kind: StorageKind) async throws {
        let left = try await unfinished(kind)
        let queue = try Schema.connect(left.bytePath.appending("meta"), cachePages: 64)
        let directory = try DataDirectory(left.bytePath)
        let contents = try DiskContents(directory)
        try queue.inDatabase { database in
            let rounds = try HousekeepingRounds(
                database, directory, contents, Warnings(), SyncClock())
            // Garbage too; but no row is removed from the outboxes.
            for _ in 0..<4 where rounds.hasWork(1000) { _ = try rounds.round(to: 1000) }
        }
        directory.unlock()
        try await check(left)
    }

    /// The content between the two was never written out, so its round has nothing to show; the
    /// first object, garbage by then, must not go while the view has it.
    @Test func aFileReplacedTwiceWithinTheDelayIsShownAtLast() async throws {
        let directory = try TemporaryDirectory()
        let first = try await TestStore(directory)
        _ = try await first.put("/f", [1])
        await first.end()
        let second = try await TestStore(directory, isKept: false)
        _ = try await second.put("/f", [2])
        _ = try await second.put("/f", [3])
        // It is answered before it is committed.
        try await wait(for: [3], at: "/f", in: directory)
        let left = try directory.snapshot()
        await second.end()
        let queue = try Schema.connect(left.bytePath.appending("meta"), cachePages: 64)
        let opened = try DataDirectory(left.bytePath)
        let contents = try DiskContents(opened)
        let warnings = Warnings()
        try queue.inDatabase { database in
            let rounds = try HousekeepingRounds(
                database, opened, contents, warnings, SyncClock())
            let last = UInt64(
                bitPattern: try MetadataReader(database).stateNumber("sequence") ?? 0)
            for limit in 1...last {
                for _ in 0..<6 where rounds.hasWork(limit) { _ = try rounds.round(to: limit) }
            }
            #expect(!rounds.hasWork(last))
        }
        opened.unlock()
        #expect(warnings.texts == [])
        #expect(left.tree("files") == ["f": [3]])
        try queue.close()
        #expect(try left.objectFault() == nil)
    }

    /// Until the record of the file is the one of this content.
    private func wait(
        for content: [UInt8], at path: String, in directory: TemporaryDirectory
    ) async throws {
        let queue = try Schema.connect(
            directory.bytePath.appending("meta"), cachePages: 16, readOnly: true)
        defer { try? queue.close() }
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            let found = try queue.inDatabase { database in
                try MetadataReader(database).record(at: .test(path))?.record.digest
            }
            if found == .test(content) { return }
            guard .now < deadline else { throw CorruptRow(description: "it is never committed") }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    @Test func halfAnObjectIsWrittenAnewFromItsRow() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory, isKept: false)
        let content = [UInt8](repeating: 5, count: 10_000)
        _ = try await store.put("/f", content)
        // Among the records a moment after its acknowledgement.
        _ = try await store.status(counting: 1)
        let left = try directory.snapshot()
        await store.end()
        // As a power cut may leave it: the name is there, half of the content is.
        let queue = try Schema.connect(left.bytePath.appending("meta"), cachePages: 64)
        let object = try await queue.read { database in
            try MetadataReader(database).record(at: .test("/f"))?.record.object
        }
        try queue.close()
        let name = ObjectName.path(try #require(object))
        try Data(content[..<5000]).write(
            to: URL(fileURLWithPath: "\(left.path)/objects/\(name)"))
        let again = try await TestStore(left)
        #expect(try await again.content("/f") == content)
        await again.end()
        #expect(left.tree("files") == ["f": content])
    }

    @Test func missingContentIsAnErrorAndNeverAWrongAnswer() async throws {
        let directory = try TemporaryDirectory()
        var store = try await TestStore(directory)
        _ = try await store.put("/gone", [1])
        _ = try await store.put("/short", [1, 2, 3])
        _ = try await store.upload("/large", [UInt8](repeating: 2, count: 100_000))
        await store.end()
        for (name, content) in directory.tree("objects") {
            let path = "\(directory.path)/objects/\(name)"
            if content == [1] {
                try FileManager.default.removeItem(atPath: path)
            } else {
                let handle = try #require(FileHandle(forWritingAtPath: path))
                try handle.truncate(atOffset: 2)
            }
        }
        store = try await TestStore(directory)
        for path in ["/gone", "/short", "/large"] {
            #expect(await refusal { try await store.lookUp(path) } == .internalError)
            #expect(try await store.lookUp(path, wantsContent: false).content == nil)
        }
        // What replaces it is well.
        _ = try await store.put("/short", [7])
        #expect(try await store.content("/short") == [7])
        await store.end()
    }

    @Test func otherFormatsAreRefused() async throws {
        for line in [
            "clusterf 2 rawfile 1\n", "clusterf 1 martian 1\n", "clusterf 1 extent 2\n",
            "clusterf 1 rawfile 2\n", "", "x",
        ] {
            let directory = try TemporaryDirectory()
            try Data(line.utf8).write(to: URL(fileURLWithPath: "\(directory.path)/FORMAT"))
            await #expect(throws: PermanentFailure.self) { _ = try await TestStore(directory) }
            #expect(directory.contents("FORMAT") == [UInt8](line.utf8))
        }
    }

    @Test func aNewerDatabaseIsRefused() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        await store.end()
        let queue = try DatabaseQueue(path: "\(directory.path)/meta/store.db")
        try await queue.write {
            try $0.execute(sql: "INSERT INTO grdb_migrations VALUES('999')")
        }
        try queue.close()
        await #expect(throws: PermanentFailure.self) { _ = try await TestStore(directory) }
    }

    @Test func aSecondStoreIsRefused() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        await #expect(throws: StoreStillOpen.self) { _ = try await TestStore(directory) }
        await store.end()
    }

    @Test func twoFailedSyncsMakeTheStoreReadOnly() async throws {
        let directory = try TemporaryDirectory()
        var store = try await TestStore(directory)
        _ = try await store.put("/f", [1])
        await store.end()
        let now = WallClock.now.seconds
        let mark = URL(fileURLWithPath: "\(directory.path)/meta/sync-errors")
        try Data("\(now - 900)\n\(now - 100)\n".utf8).write(to: mark)
        store = try await TestStore(directory)
        #expect(try await !store.status().isReadOnly)
        _ = try await store.put("/g", [1])
        await store.end()
        try Data("\(now - 500)\n\(now - 100)\n".utf8).write(to: mark)
        store = try await TestStore(directory)
        #expect(try await store.status().isReadOnly)
        #expect(await refusal { try await store.put("/f", [2]) } == .readOnly)
        #expect(await refusal { try await store.delete("/f") } == .readOnly)
        #expect(
            await refusal { try await store.beginUpload("/f", operation: .test()) } == .readOnly)
        #expect(try await store.content("/f") == [1])
        await store.end()
    }
}
