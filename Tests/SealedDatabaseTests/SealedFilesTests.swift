import Foundation
import GRDB
import Model
import Sealing
import Testing

@testable import SealedDatabase

/// Databases whose files are sealed: they are what SQLite's own are, and tell nothing.
@Suite struct SealedFilesTests {
    @Test func aSealedDatabaseHoldsWhatAPlainOneHolds() throws {
        let (sealed, plain) = (try Disk(seed: 1), try Disk(seed: nil))
        let (directory, other) = (try TemporaryDirectory(), try TemporaryDirectory())
        for round in UInt64(0)..<4 {
            let (queue, twin) = (try sealed.open(directory), try plain.open(other))
            try fill(queue, count: 60, seed: round)
            try fill(twin, count: 60, seed: round)
            #expect(try rows(queue) == rows(twin))
            if round == 1 { try checkpoint(queue) }
            if round == 2 { try checkpoint(queue, "PASSIVE") }
            #expect(try rows(queue) == rows(twin))
            #expect(try integrity(queue) == "ok")
            try queue.close()
            try twin.close()
        }
        let again = try sealed.open(directory)
        let twin = try plain.open(other)
        #expect(try rows(again) == rows(twin))
        #expect(sealed.faults.all == [])
        #expect(directory.read("t.db").count.isMultiple(of: 4096))
    }

    @Test func nothingThatWasWrittenIsOnTheDisk() throws {
        let disk = try Disk(seed: 1)
        let directory = try TemporaryDirectory()
        let queue = try disk.open(directory)
        let phrase = [UInt8]("a phrase that is easily found again".utf8)
        try queue.inDatabase { database in
            try database.execute(
                sql: """
                    CREATE TABLE secret_table(k INTEGER PRIMARY KEY, v BLOB);
                    INSERT INTO secret_table VALUES(1, ?);
                    """, arguments: [Data(phrase)])
        }
        let words = [phrase, [UInt8]("secret_table".utf8), [UInt8]("SQLite format 3".utf8)]
        func check() {
            for name in directory.names {
                let bytes = directory.read(name)
                for word in words { #expect(!bytes.contains(run: word), "\(name)") }
            }
        }
        check()
        #expect(directory.read("t.db-wal").count > 4096)
        try checkpoint(queue, "PASSIVE")
        check()
        #expect(directory.read("t.db").count >= 8192)
        try queue.close()
        check()
        // The look itself finds what there is to find.
        let (plain, other) = (try Disk(seed: nil), try TemporaryDirectory())
        let twin = try plain.open(other)
        try twin.inDatabase { try $0.execute(sql: "CREATE TABLE secret_table(k)") }
        #expect(other.read("t.db-wal").contains(run: words[1]))
    }

    @Test func anotherKeyOpensNothing() throws {
        let directory = try TemporaryDirectory()
        let queue = try Disk(seed: 1).open(directory)
        try fill(queue, count: 10)
        try checkpoint(queue)
        try queue.close()
        let other = try Disk(seed: 2)
        let code = failure { _ = try rows(try other.open(directory)) }
        #expect(code == dataError)
        #expect(other.faults.all.first == .init(role: .page, number: 1))
    }

    @Test func aPlainDatabaseIsNoSealedOne() throws {
        let directory = try TemporaryDirectory()
        let queue = try Disk(seed: nil).open(directory)
        try fill(queue, count: 3)
        try checkpoint(queue)
        try queue.close()
        let code = failure { _ = try rows(try Disk(seed: 1).open(directory)) }
        #expect(code == dataError)
    }

    @Test func aFlippedBitInAPageIsAFaultAndNeverServed() throws {
        let disk = try Disk(seed: 1)
        let directory = try TemporaryDirectory()
        let queue = try disk.open(directory)
        try fill(queue, count: 60)
        let whole = try rows(queue)
        try checkpoint(queue)
        try queue.close()
        let bytes = directory.read("t.db")
        let pages = bytes.count / 4096
        #expect(pages > 20)
        for page in 0..<pages {
            for offset in [0, 99, 2000, 4051, 4052, 4070, 4095] {
                var bad = bytes
                bad[page * 4096 + offset] ^= 4
                try directory.write(bad, "t.db")
                let faulty = try Disk(seed: 1)
                let code = failure {
                    let queue = try faulty.open(directory)
                    // What is served is right; a page that nothing needs is found by who looks at all.
                    #expect(try rows(queue) == whole)
                }
                #expect(code == nil || code == dataError)
                #expect((code == nil) == faulty.faults.all.isEmpty)
                if code != nil { #expect(faulty.faults.all.first?.number == UInt64(page) + 1) }
            }
        }
    }

    @Test func pagesThatChangedPlacesAreFaults() throws {
        let disk = try Disk(seed: 1)
        let directory = try TemporaryDirectory()
        let queue = try disk.open(directory)
        try fill(queue, count: 60)
        try checkpoint(queue)
        try queue.close()
        let bytes = directory.read("t.db")
        for page in 1..<(bytes.count / 4096 - 1) {
            var bad = bytes
            let (a, b) = (page * 4096, (page + 1) * 4096)
            bad.replaceSubrange(a..<b, with: bytes[b..<b + 4096])
            bad.replaceSubrange(b..<b + 4096, with: bytes[a..<b])
            try directory.write(bad, "t.db")
            let code = failure {
                let queue = try Disk(seed: 1).open(directory)
                #expect(try integrity(queue) != nil)
                _ = try rows(queue)
            }
            #expect(code == dataError || code == nil)
        }
    }

    /// A committed frame that changed under an open database is an error, not the end of the log.
    @Test func aFlippedBitInACommittedFrameIsAFault() throws {
        let disk = try Disk(seed: 1)
        let directory = try TemporaryDirectory()
        let writer = try disk.open(directory)
        try fill(writer, count: 20)
        // Its cache is empty, and the log was read by the one before.
        let reader = try disk.open(directory)
        var log = directory.read("t.db-wal")
        let frame = 24 + 44 + 4096 + 44
        #expect((log.count - 32).isMultiple(of: frame))
        for start in stride(from: 32, to: log.count, by: frame) { log[start + 24 + 44 + 100] ^= 1 }
        let handle = try #require(FileHandle(forWritingAtPath: "\(directory.path)/t.db-wal"))
        try handle.write(contentsOf: log)
        let code = failure { _ = try rows(reader) }
        #expect(code == dataError)
        #expect(disk.faults.all.first?.role == .frame)
        let copying = failure { try checkpoint(reader) }
        #expect(copying == dataError)
    }

    /// Pages that leave the cache before their transaction ends are written twice, and the log's checksums
    /// anew.
    @Test func transactionsLargerThanTheCacheAreWhole() throws {
        let disk = try Disk(seed: 1)
        let directory = try TemporaryDirectory()
        let queue = try disk.open(directory, cachePages: 5)
        try fill(queue, count: 1)
        try queue.inDatabase { database in
            try database.execute(sql: "BEGIN IMMEDIATE")
            for round in 0..<3 {
                for key in 0..<100 {
                    try database.execute(
                        sql: "INSERT OR REPLACE INTO t VALUES(?, ?)",
                        arguments: [key, Data(repeating: UInt8(round), count: 9000)])
                }
            }
            try database.execute(sql: "COMMIT")
        }
        let copy = try TemporaryDirectory()
        try copy.write(directory.read("t.db"), "t.db")
        try copy.write(directory.read("t.db-wal"), "t.db-wal")
        let again = try Disk(seed: 1).open(copy)
        #expect(try rows(again) == rows(queue))
        #expect(try rows(again).count >= 100)
        #expect(try integrity(again) == "ok")
    }

    @Test func whatIsRolledBackLeavesNoFile() throws {
        let disk = try Disk(seed: 1)
        let directory = try TemporaryDirectory()
        let queue = try disk.open(directory)
        try fill(queue, count: 60)
        let before = try rows(queue)
        try queue.inDatabase { database in
            try database.execute(sql: "BEGIN; SAVEPOINT s;")
            // Far more than SQLite keeps of a savepoint in its own memory.
            try database.execute(sql: "UPDATE t SET v = zeroblob(20000)")
            try database.execute(sql: "ROLLBACK TO s; COMMIT;")
            try database.execute(sql: "SELECT * FROM t ORDER BY v DESC")
        }
        #expect(try rows(queue) == before)
        #expect(directory.names == ["t.db", "t.db-shm", "t.db-wal"])
    }

    @Test func aJournalThatSomebodyLaidThereIsNotRolledBack() throws {
        let disk = try Disk(seed: 1)
        let directory = try TemporaryDirectory()
        let queue = try disk.open(directory)
        try fill(queue, count: 10)
        try checkpoint(queue)
        let whole = try rows(queue)
        try queue.close()
        // A header for one record of page 2, in the clear.
        var journal: [UInt8] = [0xD9, 0xD5, 0x05, 0xF9, 0x20, 0xA1, 0x63, 0xD7]
        for word: UInt32 in [1, 0, UInt32(directory.read("t.db").count / 4096), 512, 4096] {
            journal += withUnsafeBytes(of: word.bigEndian) { Array($0) }
        }
        journal += [UInt8](repeating: 0, count: 512 - journal.count)
        journal += [0, 0, 0, 2] + [UInt8](repeating: 0, count: 4096 + 4)
        try directory.write(journal, "t.db-journal")
        let again = try disk.open(directory)
        #expect(try rows(again) == whole)
        #expect(try integrity(again) == "ok")
    }

    @Test func aPathOfAnyBytesIsOpened() throws {
        let directory = try TemporaryDirectory()
        let odd = "\(directory.path)/a b?c#d%41&é"
        try FileManager.default.createDirectory(atPath: odd, withIntermediateDirectories: true)
        let files = try #require(try Disk(seed: 1).files)
        var configuration = Configuration()
        configuration.prepareDatabase { database in
            if let connection = database.sqliteConnection {
                try SealedFiles.reserveBytes(connection)
            }
            try database.execute(sql: "PRAGMA journal_mode = WAL")
        }
        let queue = try DatabaseQueue(
            path: files.uri("\(odd)/t.db".utf8), configuration: configuration)
        try fill(queue, count: 1)
        #expect(FileManager.default.fileExists(atPath: "\(odd)/t.db-wal"))
    }
}
