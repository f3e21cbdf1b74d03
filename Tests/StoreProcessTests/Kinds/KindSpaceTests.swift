import Foundation
import Model
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
}
