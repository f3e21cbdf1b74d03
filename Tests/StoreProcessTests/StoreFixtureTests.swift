import Cluster
import Foundation
import GRDB
import IPC
import Model
import Posix
import Synchronization
import Testing

@testable import StoreProcess

/// Directories that stores wrote are opened as they were: the database with all migrations and older ones,
/// and the log of an encrypted one that a life left behind which did not end.
@Suite struct StoreFixtureTests {
    private static let large = noise(70_000, seed: 5)

    private static func place(_ name: String) -> URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/Storage/\(name)")
    }

    /// With CLUSTERF_WRITE_FIXTURES set, one that is not there is made.
    private func opened(
        _ name: String, make: () async throws -> TemporaryDirectory
    ) async throws -> TemporaryDirectory {
        let place = Self.place(name)
        if !FileManager.default.fileExists(atPath: place.path),
            ProcessInfo.processInfo.environment["CLUSTERF_WRITE_FIXTURES"] != nil
        {
            try copy(try await make().tree(""), to: place)
        }
        let directory = try TemporaryDirectory()
        try copy(
            try TemporaryDirectory.tree(of: place).mapValues { [UInt8]($0) },
            to: URL(fileURLWithPath: directory.path))
        return directory
    }

    private func copy(_ files: [String: [UInt8]], to place: URL) throws {
        for (name, bytes) in files
        where !name.hasSuffix("-shm") && name != "store.lock" && name != "meta/ballast"
            && !name.hasPrefix("files/")
        {
            let file = place.appending(path: name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(bytes).write(to: file)
        }
    }

    private func writeMuch(_ store: TestStore) async throws {
        _ = try await store.put("/replaced", [1])
        _ = try await store.put("/replaced", [2])
        _ = try await store.put("/gone", [4])
        _ = try await store.delete("/gone")
        _ = try await store.makeDirectory("/made")
        _ = try await store.status(counting: 1)
    }

    private func write(_ store: TestStore) async throws {
        _ = try await store.put("/d/small", [1, 2, 3])
        _ = try await store.upload("/large", Self.large)
        _ = try await store.status(counting: 2)
    }

    private func check(
        _ directory: TemporaryDirectory, _ names: [String], fileCount: Int, phrase: String? = nil
    ) async throws {
        let store = try await TestStore(directory, phrase: phrase)
        #expect(try await store.content("/d/small") == [1, 2, 3])
        #expect(try await store.content("/large") == Self.large)
        #expect(try await store.content("/replaced") == (fileCount > 2 ? [2] : nil))
        #expect(try await store.content("/gone") == nil)
        #expect(try await store.lists("/", names))
        #expect(try await store.status(counting: fileCount).fileCount == UInt64(fileCount))
        // And it goes on from there.
        _ = try await store.put("/new", [7])
        #expect(try await store.content("/new") == [7])
        #expect(try await store.status().warnings == [])
        await store.end()
        #expect(try directory.objectFault(phrase: phrase) == nil)
    }

    /// A store with a bit of all, in two lives.
    private func made(_ kind: StorageKind, quotas: String? = nil) async throws -> TemporaryDirectory
    {
        let directory = try TemporaryDirectory()
        var store = try await TestStore(directory, kind)
        if let quotas {
            let answer = await store.ask(.setSetting(key: Quota.settingKey, value: quotas))
            #expect(answer == .done)
        }
        try await writeMuch(store)
        await store.end()
        store = try await TestStore(directory)
        try await write(store)
        await store.end()
        return directory
    }

    private func describe(_ path: String, _ store: TestStore) async throws {
        let request = SetPropertiesRequest(
            operation: .test(), path: try .test(path), seen: [],
            properties: [UInt8]("<\(path)/>".utf8), conditions: .none)
        let _: WriteResponse = try await store.ask { $0.setProperties(request, $1) }
    }

    /// With quotas, and with what files are like: in another directory they are others, and are checked.
    /// And with properties of a file and a directory.
    @Test func theDatabaseOfThisSchemaIsRead() async throws {
        let directory = try await opened("database-7") {
            let directory = try await made(.rawfile, quotas: "/d=1M")
            let store = try await TestStore(directory)
            for path in ["/d/small", "/made"] { try await describe(path, store) }
            await store.end()
            return directory
        }
        #expect(directory.names("meta") == ["store.db"])
        let queue = try Schema.connect(directory.bytePath.appending("meta"), cachePages: 16)
        try queue.inDatabase { database in
            let row = try #require(try MetadataReader(database).record(at: .test("/large")))
            let stamp = try #require(try FileStamps(database).stamp(of: row.record.object))
            #expect(stamp.byteCount == Int64(Self.large.count))
            #expect(stamp.modified == row.record.modified.nanoseconds)
            #expect(try String.fetchAll(database, sql: "SELECT directory FROM quotas") == ["/d"])
            let sum = "SELECT SUM(bytes) FROM quota_sums"
            #expect(try Int.fetchOne(database, sql: sum) == 3)
        }
        try queue.close()
        let store = try await TestStore(directory)
        let request = PropertiesRequest(
            paths: [try .test("/d/small"), try .test("/made"), try .test("/large")])
        let found: PropertiesResponse = try await store.ask { $0.properties(request, $1) }
        await store.end()
        #expect(found.properties == [[UInt8]("</d/small/>".utf8), [UInt8]("</made/>".utf8), []])
        try await check(directory, ["d", "large", "made", "replaced"], fileCount: 3)
    }

    /// As it was when there were no quotas, before files had stamps, and before they had properties.
    @Test(arguments: ["database-3", "database-5", "database-6"])
    func anEarlierDatabaseIsRead(_ name: String) async throws {
        let directory = try await opened(name) { try await made(.extent) }
        #expect(directory.names("meta") == ["store.db"])
        try await check(directory, ["d", "large", "made", "replaced"], fileCount: 3)
    }

    /// The quotas' tables too, with what was counted.
    @Test func theSumsOfQuotasAreRead() async throws {
        let directory = try await opened("database-4") {
            try await made(.extent, quotas: "/=1000000,/d=1000")
        }
        let store = try await TestStore(directory)
        #expect(try await store.use(of: "/d") == 3)
        #expect(try await store.use(of: "/") == UInt64(Self.large.count) + 4)
        _ = try await store.put("/d/second", [1, 2])
        #expect(try await store.use(of: "/d") == 5)
        await store.end()
        try await check(directory, ["d", "large", "made", "replaced"], fileCount: 4)
    }

    /// What was written is in the log, and in staging, alone.
    @Test func theLogOfAnEncryptedDatabaseIsRead() async throws {
        let phrase = "correct horse"
        let directory = try await opened("sealed-log-1") {
            let directory = try TemporaryDirectory()
            let first = try await TestStore(directory, .extent, phrase: phrase)
            await first.end()
            let store = try await TestStore(directory, isKept: false, phrase: phrase)
            try await write(store)
            let left = try directory.snapshot()
            await store.end()
            return left
        }
        #expect(directory.names("meta") == ["store.db", "store.db-wal"])
        try await check(directory, ["d", "large"], fileCount: 2, phrase: phrase)
    }
}

extension TestStore {
    /// The bytes below a quota's directory, once they are counted.
    fileprivate func use(of directory: String) async throws -> UInt64? {
        let directory = try StorePath.test(directory)
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            let found = Mutex<QuotaBook.Use?>(nil)
            await onStore { store in
                let use = store.cluster.ownQuotaUses()[directory]
                found.withLock { $0 = use }
            }
            if let use = found.withLock({ $0 }), use.isComplete { return use.byteCount }
            try #require(.now < deadline)
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}
