import Foundation
import Model
import Posix
import Testing

@testable import StoreProcess

private struct Unreadable: RangedContent {
    let byteCount: UInt64 = 1 << 20

    func read(_ range: Range<UInt64>) throws -> [UInt8] { throw ContentDamage("it is gone") }
}

/// What is removed gives its space back, to the disk or to what comes.
@Suite struct KindSpaceTests {
    private func byteCount(_ temporary: TemporaryDirectory, _ name: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(
            atPath: "\(temporary.path)/\(name)")
        return try #require(attributes[.size] as? Int)
    }

    @Test func sqliteGivesPagesBackToTheDisk() throws {
        let bench = try KindBench(.sqlite)
        for number in 1...6 as ClosedRange<UInt64> {
            try bench.stage("f", noise(20 << 20, seed: number))
            try bench.adopt("f", as: .test(number), budget: 64 << 20)
        }
        for number in 1...5 as ClosedRange<UInt64> { try bench.keeper.remove(.test(number)) }
        try bench.keeper.sync()
        try bench.maintainAll()
        #expect(try bench.read(.test(6)) == noise(20 << 20, seed: 6))
        #expect(bench.temporary.tree("sqlite")["content.db"]?.isEmpty == false)
        let temporary = bench.temporary
        try withExtendedLifetime(bench) {
            try SQLiteContents(bench.directory).database.open()
            #expect(try byteCount(temporary, "sqlite/content.db") < 60 << 20)
        }
    }

    /// What a transaction wrote that found no room, or whose process died, is behind the last page.
    @Test func boltGivesBackWhatATransactionThatFailedWrote() throws {
        let bench = try KindBench(.bolt)
        try bench.write(.test(1), noise(1 << 20, seed: 1))
        try bench.keeper.sync()
        try bench.maintainAll()
        let before = try byteCount(bench.temporary, "bolt/data.mdb")
        let file = try #require(
            FileHandle(forUpdatingAtPath: "\(bench.temporary.path)/bolt/data.mdb"))
        try file.seekToEnd()
        try file.write(contentsOf: Data(noise(8 << 20, seed: 2)))
        try file.close()
        // What fails asks for order.
        var budget = 4 << 20
        #expect(throws: StorageObstacle.self) {
            try bench.keeper.copy(
                .ranges(Unreadable()), as: .test(2), modified: Timestamp(nanoseconds: 7),
                budget: &budget)
        }
        #expect(try byteCount(bench.temporary, "bolt/data.mdb") <= before)
        #expect(try byteCount(bench.temporary, "bolt/data.mdb") <= before + (64 << 10))
        #expect(try bench.read(.test(1)) == noise(1 << 20, seed: 1))
        try bench.write(.test(4), noise(2 << 20, seed: 4))
        try bench.keeper.sync()
        #expect(try bench.read(.test(4)) == noise(2 << 20, seed: 4))
    }

    @Test func boltUsesFreePagesAgain() throws {
        let bench = try KindBench(.bolt)
        for number in 1...30 as ClosedRange<UInt64> {
            try bench.write(.test(number), noise(4 << 20, seed: number))
            try bench.keeper.sync()
            if number > 2 { try bench.keeper.remove(.test(number - 2)) }
            try bench.keeper.sync()
        }
        try bench.maintainAll()
        #expect(try bench.read(.test(30)) == noise(4 << 20, seed: 30))
        #expect(try byteCount(bench.temporary, "bolt/data.mdb") < 30 << 20)
    }

    private func allocated(_ bench: KindBench) throws -> Int64 {
        let file = try Directory.open(
            BytePath("\(bench.temporary.path)/bolt/data.mdb"), in: .workingDirectory)
        return try FileIO.status(of: file).allocatedSize
    }

    @Test func boltGivesSpaceBackAndReadsOn() throws {
        let temporary = try TemporaryDirectory()
        try KindBench.with(.bolt, in: temporary) { (bench: KindBench) throws in
            for number in 1...20 as ClosedRange<UInt64> {
                try bench.stage("f", noise(5 << 20, seed: number))
                try bench.adopt("f", as: .test(number), budget: 64 << 20)
            }
            #expect(try allocated(bench) > 100 << 20)
            for number in 1...20 as ClosedRange<UInt64> where number != 7 {
                try bench.keeper.remove(.test(number))
                try bench.keeper.sync()
                if number.isMultiple(of: 3) {
                    try bench.maintainAll()
                    #expect(try bench.read(.test(7)) == noise(5 << 20, seed: 7))
                }
            }
            try bench.maintainAll()
            #expect(try allocated(bench) < 12 << 20)
            #expect(try bench.read(.test(7)) == noise(5 << 20, seed: 7))
            // And the pages are used again.
            try bench.write(.test(30), noise(3 << 20, seed: 30))
            try bench.keeper.sync()
            #expect(try bench.read(.test(30)) == noise(3 << 20, seed: 30))
        }
        try KindBench.with(.bolt, in: temporary) { (bench: KindBench) throws in
            #expect(try bench.read(.test(7)) == noise(5 << 20, seed: 7))
            #expect(try bench.read(.test(30)) == noise(3 << 20, seed: 30))
            #expect(try bench.list().count == 2)
        }
    }
}
