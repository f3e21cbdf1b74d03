import Foundation
import GRDB
import IPC
import Model
import Posix
import Synchronization
import Testing

@testable import StoreProcess

/// The writer alone, on a connection that a test prepares.
@Suite struct WriterTests {
    /// Hands results to those who wait for them.
    private final class Desk: Sendable {
        private struct Waiting {
            var continuations: [UInt64: CheckedContinuation<WriteResponse, any Error>] = [:]
            var groups: [Int] = []
            var published: UInt64 = 0
        }

        private let waiting = Mutex(Waiting())

        var outlets: WriterOutlets {
            WriterOutlets(
                committed: { self.deliver($0) },
                published: { sequence in self.waiting.withLock { $0.published = sequence } },
                checkpointDue: {}, housekeepingFinished: {})
        }

        private func deliver(_ committed: Committed) {
            waiting.withLock { $0.groups.append(committed.results.count) }
            for (ticket, result) in committed.results {
                let continuation = waiting.withLock {
                    $0.continuations.removeValue(forKey: ticket)
                }
                continuation?.resume(with: result.mapError { $0 as any Error })
            }
        }

        var published: UInt64 { waiting.withLock { $0.published } }

        var groups: [Int] { waiting.withLock { $0.groups } }

        func apply(
            _ mutation: Mutation, _ writer: Writer, ticket: UInt64
        ) async throws -> WriteResponse {
            try await withCheckedThrowingContinuation { continuation in
                waiting.withLock { $0.continuations[ticket] = continuation }
                writer.submit(mutation, ticket: ticket)
            }
        }
    }

    private func put(_ path: String, _ count: Int) throws -> Mutation {
        let content = [UInt8](repeating: 1, count: count)
        return .put(
            WriteRequest(
                operation: .test(), path: try .test(path), conditions: .none, contentType: "",
                created: nil, modified: nil, byteCount: UInt64(count), digest: .test(content)),
            content: content)
    }

    private func delete(_ path: String) throws -> Mutation {
        .delete(
            DeleteRequest(
                operation: .test(), path: try .test(path), conditions: .none, recursive: false,
                directoryOnly: false))
    }

    private func open(
        _ temporary: TemporaryDirectory, _ prepare: String = ""
    ) throws -> (DataDirectory, DatabaseQueue) {
        let directory = try DataDirectory(temporary.bytePath)
        let queue = try Schema.connect(directory.metaPath, cachePages: 256)
        try Schema.migrate(queue)
        try queue.inDatabase { try $0.execute(sql: prepare) }
        return (directory, queue)
    }

    @Test func aFullDiskRefusesWritesAndNothingElse() async throws {
        let temporary = try TemporaryDirectory()
        let (directory, queue) = try open(temporary, "PRAGMA max_page_count = 200")
        let desk = Desk()
        let writer = Writer(
            queue, directory, isReadOnly: false, syncs: SyncClock(), outlets: desk.outlets)
        var ticket: UInt64 = 0
        var kept: [String] = []
        var refused: RemoteError.Code?
        while refused == nil, kept.count < 100 {
            ticket += 1
            let path = "/f\(ticket)"
            refused = await refusal {
                try await desk.apply(try put(path, 40_000), writer, ticket: ticket)
            }
            if refused == nil { kept.append(path) }
        }
        #expect(refused == .noSpace)
        #expect(kept.count > 5 && kept.count < 100)
        for path in kept {
            ticket += 1
            let response = try await desk.apply(try delete(path), writer, ticket: ticket)
            #expect(response.outcome == .deleted)
        }
        // Space came back; how soon the writer looks again is its own matter.
        while true {
            ticket += 1
            let code = await refusal {
                try await desk.apply(try put("/again", 40_000), writer, ticket: ticket)
            }
            if code == nil { break }
            #expect(code == .noSpace)
        }
        writer.end()
    }

    @Test func whatWaitsSharesATransaction() async throws {
        let temporary = try TemporaryDirectory()
        let (directory, queue) = try open(temporary)
        let desk = Desk()
        let writer = Writer(
            queue, directory, isReadOnly: false, syncs: SyncClock(), outlets: desk.outlets)
        await withTaskGroup { group in
            for ticket in 1...200 as ClosedRange<UInt64> {
                group.addTask {
                    _ = try? await desk.apply(
                        try put("/f\(ticket)", 100), writer, ticket: ticket)
                }
            }
        }
        writer.end()
        #expect(desk.groups.reduce(0, +) == 200)
        #expect(desk.groups.count < 150)
    }

    /// GRDB turns on the log itself and then sets what it thinks right: asked for, not assumed.
    @Test func everyConnectionSyncsTheLogAtItsCommits() async throws {
        let temporary = try TemporaryDirectory()
        let (directory, queue) = try open(temporary)
        directory.unlock()
        let settings = try queue.inDatabase { database in
            try ["journal_mode", "synchronous", "wal_autocheckpoint", "secure_delete"].map {
                try String.fetchOne(database, sql: "PRAGMA \($0)")
            }
        }
        #expect(settings == ["wal", "2", "0", "2"])
    }

    @Test func operationsAreForgottenAfterTheirHour() async throws {
        let temporary = try TemporaryDirectory()
        let (directory, queue) = try open(temporary)
        directory.unlock()
        try queue.inDatabase { database in
            let ledger = try Ledger(database)
            let now = WallClock.now
            let hour: Int64 = 3_600_000_000_000
            let path = try StorePath.test("/d")
            let (old, recent) = (OperationID.test(millisecondsAgo: 5_000_000), OperationID.test())
            let then = Timestamp(nanoseconds: now.nanoseconds - hour - 1_000_000)
            _ = try ledger.apply(
                .makeDirectory(MakeDirectoryRequest(operation: old, path: path)), now: then)
            _ = try ledger.apply(
                .delete(
                    DeleteRequest(
                        operation: recent, path: path, conditions: .none, recursive: false,
                        directoryOnly: true)), now: now)
            #expect(try ledger.pruneOperations(now))
            #expect(try ledger.statements.result(of: old) == nil)
            #expect(try ledger.statements.result(of: recent) != nil)
            #expect(try !ledger.pruneOperations(now))
        }
    }

    @Test func theClockNeverGoesBack() async throws {
        let temporary = try TemporaryDirectory()
        let (directory, queue) = try open(temporary)
        directory.unlock()
        try queue.inDatabase { database in
            let ledger = try Ledger(database)
            let later = Timestamp(nanoseconds: 2_000_000_000_000_000_000)
            let (first, second) = (ledger.nextDot(later), ledger.nextDot(WallClock.now))
            #expect(second.time > first.time)
            #expect(second.dot.sequence == first.dot.sequence + 1)
        }
    }

    /// Changing what these bytes say needs a migration.
    @Test func theDatabaseIsTheOneOfTheDocument() async throws {
        let temporary = try TemporaryDirectory()
        let (directory, queue) = try open(temporary)
        directory.unlock()
        let columns = try await queue.read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT m.name AS name, group_concat(c.name, ' ') AS columns
                    FROM sqlite_master m, pragma_table_info(m.name) c
                    WHERE m.type = 'table' GROUP BY m.name ORDER BY m.name
                    """
            ).map { "\($0["name"] as String): \($0["columns"] as String)" }
        }
        #expect(
            columns == [
                "apart: sequence object",
                "content: sequence object path modified bytes",
                "directories: partition path live rank",
                "entries: directory name kind disk sequence time size digest type created modified",
                "entry_outbox: kind path partition",
                "garbage: sequence object path",
                "grdb_migrations: identifier",
                "kept: path disk sequence since size object conflict here",
                "listings: partition directory name live entry",
                "marks: path disk sequence time created",
                "meta: key value",
                "moves: id operation source disk sequence destination placed",
                "objects: object refs state content stamp",
                "operations: id at result",
                "partitions: id files bytes counter items contents context",
                "quota_sums: quota partition bytes",
                "quotas: id directory position",
                "records: path partition disk sequence time context size digest type created "
                    + "modified object home operation outcome content",
                "registers: partition kind path since register",
                "staged: sequence operation object",
                "state: key value",
                "trash: path since",
                "view_dirty: sequence path failed",
            ])
        #expect(Schema.migrator.migrations == ["1", "2", "3", "4", "5", "6", "7"])
        #expect(temporary.contents("FORMAT") == [UInt8]("clusterf 1 rawfile 1\n".utf8))
        let object = try #require(ObjectID(hex: "00112233445566778899aabbccddeeff"))
        #expect(ObjectName.path(object).description == "00/00112233445566778899aabbccddeeff")
        let disk = DiskID(bits: Bits128(high: 1, low: 2))
        let dot = Dot(disk: disk, sequence: 3)
        #expect(ContextCoding.encode(CausalContext(entries: [dot]), dot: dot) == [])
        let other = Dot(disk: DiskID(bits: Bits128(high: 0, low: 9)), sequence: 258)
        let bytes = ContextCoding.encode(CausalContext(entries: [dot, other]), dot: dot)
        #expect(
            Hex.encode(bytes)
                == "00000000000000000000000000000009" + "0000000000000102"
                + "00000000000000010000000000000002" + "0000000000000003")
        #expect(
            try ContextCoding.decode(bytes, dot: dot) == CausalContext(entries: [dot, other]))
    }
}
