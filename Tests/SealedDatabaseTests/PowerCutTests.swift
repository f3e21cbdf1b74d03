import Foundation
import GRDB
import Model
import Testing

@testable import SealedDatabase

/// Power cuts: what lies on the disk then opens as what SQLite's own files would open as.
@Suite struct PowerCutTests {
    private static let frame = 24 + 44 + 4096 + 44

    /// A database, its log, and what it held after each commit.
    private struct Recording {
        var database: [UInt8]
        var log: [UInt8]
        /// The length of the log and the rows, from the first commit on.
        var commits: [(logByteCount: Int, rows: [String])]
    }

    /// - Parameter isCheckpointed: the first half is in the database.
    private func record(
        _ disk: Disk, count: Int, isCheckpointed: Bool, seed: UInt64 = 1
    ) throws -> Recording {
        let directory = try TemporaryDirectory()
        let queue = try disk.open(directory)
        try fill(queue, count: count, seed: seed)
        if isCheckpointed { try checkpoint(queue) }
        let start = directory.read("t.db-wal").count
        var recording = Recording(database: directory.read("t.db"), log: [], commits: [])
        recording.commits.append((start, try rows(queue)))
        try fill(queue, count: count, seed: seed + 100) { _ in
            recording.commits.append((directory.read("t.db-wal").count, try rows(queue)))
        }
        recording.log = directory.read("t.db-wal")
        #expect(directory.read("t.db") == recording.database)
        return recording
    }

    /// What a start after the cut sees.
    private func open(_ disk: Disk, _ database: [UInt8], _ log: [UInt8]) throws -> [String] {
        let directory = try TemporaryDirectory()
        try directory.write(database, "t.db")
        try directory.write(log, "t.db-wal")
        let queue = try disk.open(directory)
        let found = try rows(queue)
        #expect(try integrity(queue) == "ok")
        // It goes on from there.
        try fill(queue, count: 2, seed: 77)
        try checkpoint(queue)
        #expect(try integrity(queue) == "ok")
        try queue.close()
        return found
    }

    @Test(arguments: [false, true])
    func aLogCutAnywhereEndsAtItsLastWholeCommit(isCheckpointed: Bool) throws {
        let disk = try Disk(seed: 1)
        let recording = try record(disk, count: 4, isCheckpointed: isCheckpointed)
        var cuts = Set([recording.log.count])
        let start = recording.commits[0].logByteCount
        // Around each border of a record, and between.
        for frame in stride(from: max(32, start), through: recording.log.count, by: Self.frame) {
            for offset in [-4100, -2048, -45, -44, -1, 0, 1, 23, 24, 67, 68, 69, 112, 600] {
                cuts.insert(frame + offset)
            }
        }
        for cut in cuts.sorted() where cut >= start && cut <= recording.log.count {
            let found = try open(disk, recording.database, Array(recording.log[..<cut]))
            let expected = recording.commits.last { $0.logByteCount <= cut }
            #expect(found == expected?.rows, "cut at \(cut)")
        }
        #expect(disk.faults.all == [])
    }

    /// Sectors of a commit that was not synced reach the disk in any order, or never.
    @Test func aTornFrameEndsTheLog() throws {
        let disk = try Disk(seed: 1)
        let recording = try record(disk, count: 3, isCheckpointed: true)
        let last = recording.commits.count - 1
        let torn = recording.commits[last - 1].logByteCount..<recording.commits[last].logByteCount
        var generator = SplitMix64(seed: 4)
        let sectors = stride(from: torn.lowerBound / 512 * 512, to: torn.upperBound, by: 512)
        func check(_ lost: [Int], _ fill: (Int) -> UInt8) throws {
            var log = recording.log
            var isTorn = false
            for sector in lost {
                for at in max(sector, torn.lowerBound)..<min(sector + 512, torn.upperBound) {
                    let byte = fill(at)
                    isTorn = isTorn || byte != log[at]
                    log[at] = byte
                }
            }
            let found = try open(disk, recording.database, log)
            #expect(found == recording.commits[isTorn ? last - 1 : last].rows, "\(lost)")
        }
        for sector in sectors { try check([sector]) { _ in 0 } }
        for _ in 0..<40 {
            let lost = sectors.filter { _ in Bool.random(using: &generator) }
            // What an earlier round of the log left there.
            try check(lost) { recording.log[$0 - torn.lowerBound + 32] }
        }
        #expect(disk.faults.all == [])
    }

    /// A checkpoint writes over pages in place; the log keeps them until all is synced.
    @Test func aTornCheckpointIsDoneAgainFromTheLog() throws {
        let disk = try Disk(seed: 1)
        let directory = try TemporaryDirectory()
        let queue = try disk.open(directory)
        try fill(queue, count: 30)
        try checkpoint(queue)
        let before = directory.read("t.db")
        try fill(queue, count: 30, seed: 9)
        let log = directory.read("t.db-wal")
        let expected = try rows(queue)
        try checkpoint(queue, "PASSIVE")
        let after = directory.read("t.db")
        #expect(before[..<4096] != after[..<4096])
        var generator = SplitMix64(seed: 4)
        for round in 0..<60 {
            var mixed = after
            for sector in stride(from: 0, to: after.count, by: 512) {
                // Every round tears the first page, which is looked at before the log is.
                let isOld =
                    sector < 4096 ? sector / 512 == round % 8 : Bool.random(using: &generator)
                guard isOld else { continue }
                for at in sector..<sector + 512 { mixed[at] = at < before.count ? before[at] : 0 }
            }
            if round % 3 == 0, after.count > before.count { mixed.removeLast(512 * (round % 8)) }
            #expect(try open(disk, mixed, log) == expected)
        }
        #expect(disk.faults.all == [])
    }

    /// The database is made by one write under a journal: whatever of it reached the disk, the next start
    /// makes it anew.
    @Test func aDatabaseThatWasBeingMadeIsMadeAnew() throws {
        let disk = try Disk(seed: 1)
        let made = try TemporaryDirectory()
        let queue = try disk.open(made)
        try checkpoint(queue)
        try queue.close()
        let page = made.read("t.db")
        #expect(page.count == 4096)
        var journal: [UInt8] = [0xD9, 0xD5, 0x05, 0xF9, 0x20, 0xA1, 0x63, 0xD7]
        for word: UInt32 in [0, 5, 0, 512, 4096] {
            journal += withUnsafeBytes(of: word.bigEndian) { Array($0) }
        }
        journal += [UInt8](repeating: 0, count: 512 - journal.count)
        for kept in stride(from: 0, through: 4096, by: 512) {
            let directory = try TemporaryDirectory()
            let torn = kept == 0 ? [] : page[..<kept] + [UInt8](repeating: 0, count: 4096 - kept)
            try directory.write(Array(torn), "t.db")
            try directory.write(journal, "t.db-journal")
            let again = try disk.open(directory)
            try fill(again, count: 2)
            #expect(try integrity(again) == "ok")
        }
        #expect(disk.faults.all == [])
    }

    /// Random work and random cuts: a sealed log ends where one of SQLite's own ends, which is at its last
    /// whole commit.
    @Test(arguments: UInt64(1)...25) func cutsEndWhereSQLitesOwnDo(seed: UInt64) throws {
        let (sealed, plain) = (try Disk(seed: seed), try Disk(seed: nil))
        let a = try record(sealed, count: 5, isCheckpointed: seed % 2 == 0, seed: seed)
        let b = try record(plain, count: 5, isCheckpointed: seed % 2 == 0, seed: seed)
        #expect(a.commits.map(\.rows) == b.commits.map(\.rows))
        var generator = SplitMix64(seed: seed)
        for _ in 0..<5 {
            let last = Int.random(in: 0..<a.commits.count, using: &generator)
            for (disk, recording) in [(sealed, a), (plain, b)] {
                let start = recording.commits[last].logByteCount
                let end =
                    last + 1 < recording.commits.count
                    ? recording.commits[last + 1].logByteCount : recording.log.count + 1
                let cut = Int.random(in: start..<end, using: &generator)
                let found = try open(disk, recording.database, Array(recording.log[..<cut]))
                #expect(found == recording.commits[last].rows, "cut at \(cut)")
            }
        }
        #expect(sealed.faults.all == [])
    }
}
