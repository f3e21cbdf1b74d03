import Foundation
import Model
import Posix
import Testing

@testable import StoreProcess

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
