import Cluster
import Foundation
import GRDB
import Model
import Posix
import Replication
import Synchronization
import Testing

@testable import StoreProcess

/// The bytes below quotas' directories: always what a walk over all files would find.
@Suite struct QuotaTableTests {
    private static func path(_ text: String) -> StorePath {
        guard let path = try? StorePath(validating: text.utf8) else {
            preconditionFailure("no path: \(text)")
        }
        return path
    }

    private static let directories = [path("/a"), path("/a/b"), .root]
    private static let paths = [
        "/a/1", "/a/b/2", "/a/b/c/3", "/ab", "/b/4", "/a.b", "/a0",
    ].map(path)

    /// What the writer said of quotas, as the loop keeps it.
    private final class Heard: Sendable {
        private let sums = Mutex(QuotaSums())

        func apply(_ news: [QuotaNews]) {
            sums.withLock { sums in
                for one in news {
                    switch one {
                    case .sums(let directory, let rows, let isComplete):
                        sums.set(directory, rows, isComplete: isComplete)
                    case .changed(let directory, let partition, let difference):
                        sums.add(difference, in: partition, below: directory)
                    case .complete(let directory): sums.complete(directory)
                    }
                }
            }
        }

        func use(of directory: StorePath) -> QuotaBook.Use {
            sums.withLock { $0.use(of: directory) { _ in true } }
        }
    }

    private func writer(
        _ directory: DataDirectory, _ desk: StorageDesk, _ heard: Heard
    ) throws -> Writer {
        let queue = try Schema.connect(directory.metaPath, cachePages: 256)
        var outlets = desk.outlets
        let committed = outlets.committed
        outlets.committed = { group in
            heard.apply(group.quotas)
            committed(group)
        }
        return Writer(queue, directory, isReadOnly: false, syncs: SyncClock(), outlets: outlets)
    }

    /// Answered after all that was submitted before it.
    private func settle(_ desk: StorageDesk, _ writer: Writer) async {
        _ = await desk.apply(.storage(StorageJob(.save([]), at: .zero)), writer)
    }

    private func walked(_ queue: DatabaseQueue, _ directory: StorePath) throws -> [Int64: Int64] {
        try queue.inDatabase { database in
            var sums: [Int64: Int64] = [:]
            let rows = try Row.fetchAll(
                database, sql: "SELECT path, partition, size FROM records WHERE size > 0")
            for row in rows {
                let path = try StorePath(validating: row["path"] as Data)
                if path.isBelow(directory) { sums[row["partition"], default: 0] += row["size"] }
            }
            return sums
        }
    }

    private func stored(_ queue: DatabaseQueue, _ directory: StorePath) throws -> [Int64: Int64]? {
        try queue.inDatabase { database in
            let id = try Int64.fetchOne(
                database, sql: "SELECT id FROM quotas WHERE directory = ? AND position IS NULL",
                arguments: [Data(directory.bytes)])
            guard let id else { return nil }
            var sums: [Int64: Int64] = [:]
            let rows = try Row.fetchAll(
                database, sql: "SELECT partition, bytes FROM quota_sums WHERE quota = ?",
                arguments: [id])
            for row in rows where row["bytes"] != 0 { sums[row["partition"]] = row["bytes"] }
            return sums
        }
    }

    private func check(_ queue: DatabaseQueue, _ heard: Heard, _ directory: StorePath) throws {
        let walked = try walked(queue, directory)
        #expect(try stored(queue, directory) == walked, "\(directory)")
        let sum = QuotaBook.Use(
            byteCount: UInt64(walked.values.reduce(0, +)), isComplete: true)
        #expect(heard.use(of: directory) == sum, "\(directory)")
    }

    private func change(
        _ request: ReplicaRequest, _ path: StorePath, _ desk: StorageDesk, _ writer: Writer
    ) async throws {
        let outcome = try await desk.run(request, nil, writer)
        let version = try #require(outcome.madeVersion)
        let commit = ReplicaRequest.commit(.file(path), version, listed: true)
        #expect(try await desk.run(commit, [:], writer).reply == .committed)
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func sumsAreWhatAWalkWouldFind(seed: UInt64) async throws {
        let temporary = try TemporaryDirectory()
        let directory = try DataDirectory(temporary.bytePath)
        let queue = try Schema.connect(directory.metaPath, cachePages: 256)
        try Schema.migrate(queue)
        var generator = SplitMix64(seed: seed)
        var number: UInt64 = 0
        for life in 1...3 {
            let (desk, heard) = (StorageDesk(), Heard())
            let writer = try writer(directory, desk, heard)
            // Quotas that come while there are files, go, and are there from the life before.
            let quotas = Self.directories.filter { _ in Bool.random(using: &generator) }
            for step in 0..<30 {
                if step == 5 { writer.submit(.setQuotas(quotas)) }
                number += 1
                let path = Self.paths.randomElement(using: &generator) ?? .root
                let request =
                    Int.random(in: 0..<4, using: &generator) == 0
                    ? Sample.delete(path, number) : Sample.assign(path, number)
                try await change(request, path, desk, writer)
            }
            await settle(desk, writer)
            writer.end()
            for quota in quotas { try check(queue, heard, quota) }
            let count = try await queue.read {
                try Int.fetchOne($0, sql: "SELECT count(*) FROM quotas")
            }
            #expect(count == quotas.count, "life \(life)")
        }
    }

    @Test func manyFilesAreCountedInStepsBesideWrites() async throws {
        let temporary = try TemporaryDirectory()
        let directory = try DataDirectory(temporary.bytePath)
        let queue = try Schema.connect(directory.metaPath, cachePages: 256)
        try Schema.migrate(queue)
        let count = 3 * StoreLimits.quotaCountedMax + 7
        // Rows with nothing but what counts: path, partition and size.
        try await queue.write { database in
            try database.execute(
                sql: """
                    WITH RECURSIVE n(i) AS (
                        SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < \(count))
                    INSERT INTO records SELECT CAST(printf('/a/%06d', i) AS BLOB), i % 65536,
                        zeroblob(16), 1, 1, x'', 3, zeroblob(32), '', 0, 0, zeroblob(16), 0,
                        zeroblob(16), 1, 0 FROM n
                    """)
        }
        let (desk, heard) = (StorageDesk(), Heard())
        let writer = try writer(directory, desk, heard)
        writer.submit(.setQuotas([Self.path("/a")]))
        // Before, between and behind what is counted when they come.
        for number in 1...60 as ClosedRange<UInt64> {
            let path = Self.path("/a/\(["0", "003", "9"][Int(number % 3)])x\(number)")
            try await change(Sample.assign(path, number), path, desk, writer)
        }
        while !heard.use(of: Self.path("/a")).isComplete { await settle(desk, writer) }
        writer.end()
        try check(queue, heard, Self.path("/a"))
    }

    /// A death between two steps: the next life goes on.
    @Test func countingGoesOnInTheNextLife() async throws {
        let temporary = try TemporaryDirectory()
        let directory = try DataDirectory(temporary.bytePath)
        let queue = try Schema.connect(directory.metaPath, cachePages: 256)
        try Schema.migrate(queue)
        try await queue.write { database in
            try database.execute(
                sql: """
                    INSERT INTO quotas(directory, position) VALUES(x'2f61', x'2f612f6d');
                    INSERT INTO quota_sums VALUES(1, 5, 100);
                    """)
        }
        let (desk, heard) = (StorageDesk(), Heard())
        let writer = try writer(directory, desk, heard)
        writer.submit(.setQuotas([Self.path("/a")]))
        let path = Self.path("/a/n")
        try await change(Sample.assign(path, 8), path, desk, writer)
        while !heard.use(of: Self.path("/a")).isComplete { await settle(desk, writer) }
        writer.end()
        #expect(heard.use(of: Self.path("/a")).byteCount == 108)
    }
}
