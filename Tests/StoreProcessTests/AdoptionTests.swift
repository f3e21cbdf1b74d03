import Cluster
import Foundation
import GRDB
import IPC
import Model
import Replication
import Testing

@testable import StoreProcess

/// A database of a node that was alone becomes one of the cluster's.
@Suite struct AdoptionTests {
    /// A database of version 1 with files, directories and a mark.
    private func oldDatabase() throws -> (TemporaryDirectory, [StorePath: FileRecord]) {
        let source = try TemporaryDirectory()
        var records: [StorePath: FileRecord] = [:]
        let tables = ["state", "records", "entries", "marks", "partitions", "content", "garbage"]
        try TableDisk.open(source) { disk in
            for (index, name) in ["/a", "/b", "/d/x", "/d/e/y", "/gone"].enumerated() {
                try put(disk.ledger, name, index)
            }
            _ = try disk.ledger.apply(
                .delete(
                    DeleteRequest(
                        operation: .test(), path: .test("/gone"), conditions: .none,
                        recursive: false, directoryOnly: false)), now: WallClock.now)
            _ = try disk.ledger.apply(
                .makeDirectory(MakeDirectoryRequest(operation: .test(), path: .test("/empty"))),
                now: WallClock.now)
            try disk.ledger.finishGroup()
            for name in ["/a", "/b", "/d/x", "/d/e/y"] {
                let path = try StorePath.test(name)
                records[path] = try disk.ledger.reader.record(at: path)?.record
            }
        }
        let target = try TemporaryDirectory()
        let queue = try TableDisk.queue(target, upTo: "1")
        try queue.inDatabase { database in
            try database.execute(sql: "DELETE FROM state")
            try database.execute(sql: "ATTACH '\(source.path)/\(Schema.fileName)' AS old")
            for table in tables {
                let columns = try database.columns(in: table).map(\.name).joined(separator: ", ")
                try database.execute(
                    sql: "INSERT INTO \(table)(\(columns)) SELECT \(columns) FROM old.\(table)")
            }
            // What its own first migration made is of no use to a database of version 1.
            try database.execute(sql: "DELETE FROM state WHERE key = 'floor'; DETACH old")
        }
        try queue.close()
        return (target, records)
    }

    private func put(_ ledger: Ledger, _ name: String, _ number: Int) throws {
        let content = [UInt8](repeating: 1, count: 10 + number)
        let write = WriteRequest(
            operation: .test(), path: try .test(name), conditions: .none,
            contentType: "text/plain", created: nil, modified: nil,
            byteCount: UInt64(content.count), digest: .test(content))
        guard case .done = try ledger.apply(.put(write, content: content), now: WallClock.now)
        else { throw CorruptRow(description: "not put") }
    }

    @Test func aNodesFilesAndDirectoriesAreRegistersAndEntries() throws {
        let (directory, records) = try oldDatabase()
        try TableDisk.open(directory) { disk in
            #expect(try disk.contentFault() == nil)
            let tables = disk.fresh()
            #expect(records.count == 4)
            for (path, record) in records {
                #expect(tables.register(.file(path))?.head?.record == record)
                let entry = try #require(EntryKey(of: path))
                #expect(tables.entry(entry)?.file?.record == record)
                #expect(tables.entry(entry)?.file?.rank == record.version.rank)
            }
            #expect(tables.register(.mark(try .test("/empty")))?.head?.value == .mark)
            #expect(tables.register(.file(try .test("/gone"))) == nil)
            let names = tables.entries(in: .root, after: nil, limit: 10, withGone: true)
            #expect(
                names.map { String(decoding: $0.key.name, as: UTF8.self) } == [
                    "a", "b", "d", "empty",
                ])
            #expect(names.map { $0.entry.directory?.exists } == [nil, nil, true, true])
            #expect(tables.directoryState(.root).liveCount == 4)
            #expect(tables.directoryState(try .test("/d")).liveCount == 2)
            #expect(tables.directoryState(try .test("/d/e")).liveCount == 1)
        }
    }

    @Test func theSumsOfTheirPartitionsAreThoseOfTheirItems() throws {
        let (directory, _) = try oldDatabase()
        try TableDisk.open(directory) { disk in
            let tables = disk.fresh()
            let sequence = disk.ledger.counters.sequence
            var itemCount = 0
            for partition in tables.partitions {
                let (registers, entries) = tables.contents(of: partition)
                var contents = Fingerprint.zero
                for item in registers { contents &+= item.register.fingerprint(of: item.key) }
                for item in entries { contents &+= item.entry.fingerprint(of: item.key) }
                let state = tables.state(of: partition)
                guard !registers.isEmpty || !entries.isEmpty else { continue }
                #expect(state.contents == contents)
                #expect(state.itemCount == registers.count + entries.count)
                #expect(state.context.entries.count == 1)
                #expect(state.context.highestSequence(of: disk.ledger.disk) == sequence)
                for item in registers {
                    let dot = try #require(item.register.head?.dot)
                    #expect(state.context.contains(dot))
                }
                itemCount += state.itemCount
            }
            // 4 files, 1 mark; 4 entries of files and 3 of directories.
            #expect(itemCount == 12)
            #expect(tables.sequenceFloor == sequence)
        }
    }

    /// The dot of a write after it is one that was never given out.
    @Test func aNodeGoesOnAboveWhatItWroteBefore() throws {
        let (directory, records) = try oldDatabase()
        try TableDisk.open(directory) { disk in
            let path = try StorePath.test("/a")
            let request = Sample.assign(path, 5, time: 1)
            let before = disk.ledger.counters.sequence
            let version = try #require(
                try disk.run(request, Sample.contents(of: request)).madeVersion)
            #expect(version.dot.sequence == before + 1)
            let old = try #require(records[path])
            #expect(version.version.context.contains(old.version.dot))
            #expect(version.version.time > old.version.time)
            #expect(try disk.run(.commit(.file(path), version, listed: true)).reply == .committed)
            #expect(try disk.ledger.reader.record(at: path)?.record == version.record)
            let kept = try #require(disk.fresh().register(.file(path))?.kept)
            try disk.run(.expire(.file(path), kept.map(\.dot)))
            // Its first content may have been written out.
            #expect(try disk.count("garbage") == 1)
            #expect(try disk.contentFault() == nil)
        }
    }

    @Test func aNewDatabaseHasNothing() throws {
        let directory = try TemporaryDirectory()
        try TableDisk.open(directory) { disk in
            #expect(disk.fresh().partitions == [])
            #expect(disk.fresh().sequenceFloor == 0)
            let loaded = try NodeRows.load(disk.database)
            #expect(loaded.id == disk.ledger.disk)
            #expect(loaded.meta == [:])
        }
    }
}
