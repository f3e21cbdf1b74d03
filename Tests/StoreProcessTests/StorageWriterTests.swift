import Cluster
import Foundation
import GRDB
import IPC
import Model
import Posix
import Replication
import Testing

@testable import StoreProcess

/// The brain's requests through the writer's thread.
@Suite struct StorageWriterTests {
    private let path = TableWorld.paths[0]

    private func open(
        _ temporary: TemporaryDirectory, _ prepare: String = ""
    ) throws -> (DataDirectory, DatabaseQueue) {
        let directory = try DataDirectory(temporary.bytePath)
        let queue = try Schema.connect(directory.metaPath, cachePages: 256)
        try Schema.migrate(queue)
        try queue.inDatabase { try $0.execute(sql: prepare) }
        return (directory, queue)
    }

    private func writer(
        _ directory: DataDirectory, _ queue: DatabaseQueue, _ desk: StorageDesk,
        isReadOnly: Bool = false
    ) -> Writer {
        Writer(
            queue, directory, isReadOnly: isReadOnly, syncs: SyncClock(), outlets: desk.outlets)
    }

    private func bigFile(_ number: UInt64, _ byteCount: Int) -> (
        ReplicaRequest, [ObjectID: NewContent]
    ) {
        var facts = Sample.facts(number)
        facts.byteCount = UInt64(byteCount)
        guard let path = try? StorePath(validating: "/f\(number)".utf8) else {
            preconditionFailure("a path")
        }
        let request = ReplicaRequest.assign(
            Assignment(
                key: .file(path), value: .file(facts), operation: Sample.operation(number),
                time: HybridTime(value: number << 16)))
        return (request, [facts.object: .bytes([UInt8](repeating: 1, count: byteCount))])
    }

    // MARK: Order and groups

    @Test func requestsAreDoneInTheirOrderAndShareTransactions() async throws {
        let temporary = try TemporaryDirectory()
        let (directory, queue) = try open(temporary)
        let desk = StorageDesk()
        let writer = writer(directory, queue, desk)
        var tickets: [UInt64] = []
        for number in 1...300 as ClosedRange<UInt64> {
            let request = Sample.assign(path, number)
            let ticket = desk.nextTicket()
            tickets.append(ticket)
            writer.submit(
                .storage(
                    StorageJob(
                        .replica(request), contents: Sample.contents(of: request), at: .zero)),
                ticket: ticket)
        }
        writer.end()
        #expect(desk.order == tickets)
        #expect(desk.groups.count < 150)
        try queue.inDatabase { database in
            let tables = try SQLTables(database, MetadataReader(database))
            let prepared = try #require(tables.register(.file(path))).prepared
            #expect(prepared.map(\.dot.sequence) == Array(1...300))
        }
    }

    /// A request that makes no sense ends its group, not those that shared it.
    @Test func aRowThatMakesNoSenseSpoilsItsRequestAlone() async throws {
        let temporary = try TemporaryDirectory()
        let bad = TableWorld.paths[1]
        let number = Partition(of: bad).number
        let (directory, queue) = try open(
            temporary,
            """
            INSERT INTO registers(partition, kind, path, register)
            VALUES(\(number), 1, x'\(Hex.encode(bad.bytes))', x'0199')
            """)
        let desk = StorageDesk()
        let writer = writer(directory, queue, desk)
        async let first = desk.put(path, 1, nil, writer)
        async let spoiled = desk.run(Sample.assign(bad, 2), nil, writer)
        async let second = desk.put(TableWorld.paths[3], 3, nil, writer)
        #expect(try await spoiled.reply == .stale)
        #expect(try await first.operation == Sample.operation(1))
        #expect(try await second.operation == Sample.operation(3))
        writer.end()
    }

    // MARK: Full disks

    @Test func aFullDiskRefusesNewContentAndDoesTheRest() async throws {
        let temporary = try TemporaryDirectory()
        let (directory, queue) = try open(temporary, "PRAGMA max_page_count = 220")
        let desk = StorageDesk()
        let writer = writer(directory, queue, desk)
        var versions: [(StorePath, RegisterVersion)] = []
        var isFull = false
        var number: UInt64 = 0
        while !isFull, number < 100 {
            number += 1
            let (request, contents) = bigFile(number, 40_000)
            let outcome = try await desk.run(request, contents, writer)
            if case .full = outcome.reply { isFull = true }
            guard let version = outcome.madeVersion else { continue }
            versions.append((try .test("/f\(number)"), version))
        }
        #expect(isFull)
        #expect(versions.count > 5)
        // Nothing of these is refused: what waits for space gets it from what goes.
        for (path, version) in versions {
            let commit = ReplicaRequest.withdraw(.file(path), version.dot)
            #expect(try await desk.run(commit, [:], writer).reply == .done)
        }
        while true {
            number += 1
            let (request, contents) = bigFile(number, 40_000)
            let outcome = try await desk.run(request, contents, writer)
            if outcome.madeVersion != nil { break }
            #expect(outcome.reply == .full)
        }
        writer.end()
    }

    /// A commit for which there is no room at all waits, and with it what was asked after it.
    @Test func whatMustNotBeRefusedWaitsForRoomInItsOrder() async throws {
        let temporary = try TemporaryDirectory()
        let (directory, queue) = try open(temporary)
        let desk = StorageDesk()
        let pages = try queue.inDatabase { database in
            // Room for nothing: the ballast is let go, which helps the file system alone.
            try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
        }
        try queue.inDatabase { try $0.execute(sql: "PRAGMA max_page_count = \(pages)") }
        let writer = writer(directory, queue, desk)
        var waiting: [UInt64] = []
        for number in 0..<400 {
            let ticket = desk.nextTicket()
            waiting.append(ticket)
            let name = [UInt8(number / 256), UInt8(number % 256)]
            let rows = [MetaRow(.state(name), [UInt8](repeating: 1, count: 200))]
            writer.submit(.storage(StorageJob(.save(rows), at: .zero)), ticket: ticket)
        }
        // Refused at once, though it was asked after those that wait.
        while true {
            let (request, contents) = bigFile(1, 20_000)
            let outcome = try await desk.run(request, contents, writer)
            #expect(outcome.reply == .full)
            if !desk.order.contains(waiting[399]) { break }
        }
        let before = desk.order.filter { waiting.contains($0) }
        #expect(before.count < 400)
        #expect(before == Array(waiting.prefix(before.count)))
        writer.submit(.renewDisk(Sample.disk(5)), ticket: desk.nextTicket())
        writer.end()
        #expect(desk.order.filter { waiting.contains($0) } == before)
        // Whoever was not answered counts on nothing.
        try queue.inDatabase { database in
            try database.execute(sql: "PRAGMA max_page_count = 100000")
            #expect(try NodeRows.load(database).meta.count == before.count)
            #expect(try NodeRows.load(database).id != Sample.disk(5))
        }
    }

    @Test func aReadOnlyStoreTakesNothing() async throws {
        let temporary = try TemporaryDirectory()
        let (directory, queue) = try open(temporary)
        let desk = StorageDesk()
        let writer = writer(directory, queue, desk, isReadOnly: true)
        writer.submit(
            .storage(StorageJob(.save([MetaRow(.life, [1])]), at: .zero)),
            ticket: desk.nextTicket())
        #expect(try await desk.run(Sample.assign(path, 1), nil, writer).reply == .full)
        writer.end()
        #expect(desk.order.count == 1)
        #expect(try await queue.read { try NodeRows.load($0).meta } == [:])
    }

    // MARK: Small rows

    @Test func whatWasSavedIsThereAtTheNextStart() async throws {
        let temporary = try TemporaryDirectory()
        let (directory, queue) = try open(temporary)
        let desk = StorageDesk()
        let writer = writer(directory, queue, desk)
        let rows = [
            MetaRow(.life, [1]), MetaRow(.declared, [2]), MetaRow(.state([9]), [3]),
            MetaRow(.clock, [4]),
        ]
        _ = await desk.apply(.storage(StorageJob(.save(rows), at: .zero)), writer)
        let removal = [MetaRow(.clock, nil), MetaRow(.life, [5])]
        _ = await desk.apply(.storage(StorageJob(.save(removal), at: .zero)), writer)
        writer.end()
        let old = try await queue.read { try NodeRows.load($0) }
        #expect(old.meta == [.life: [5], .declared: [2], .state([9]): [3]])
        let next = self.writer(directory, queue, desk)
        guard case .saved = await desk.apply(.renewDisk(Sample.disk(5)), next) else {
            Issue.record("another answer")
            return
        }
        let outcome = try await desk.run(Sample.assign(path, 1), nil, next)
        #expect(outcome.madeVersion?.dot.disk == Sample.disk(5))
        next.end()
        directory.unlock()
        let renewed = try await queue.read { try NodeRows.load($0) }
        #expect(renewed.id == Sample.disk(5))
        #expect(renewed.meta == [.life: [5], .state([9]): [3]])
    }
}
