import Foundation
import GRDB
import Model
import Replication
import Testing

@testable import StoreProcess

/// A database of a time when nothing but losers of conflicts kept its content.
@Suite struct KeptAdoptionTests {
    private let path = TableWorld.paths[0]
    private var key: RegisterKey { .file(path) }

    private func version(_ number: UInt64) -> RegisterVersion {
        let dot = Dot(disk: Sample.disk(9), sequence: number)
        return RegisterVersion(
            version: Version(
                dot: dot, time: HybridTime(value: number << 16),
                context: CausalContext(entries: [dot])),
            value: Sample.file(number), operation: Sample.operation(number))
    }

    @Test func whatHasItsNameAloneCountsAsPurged() throws {
        let directory = try TemporaryDirectory()
        let old = Register(
            kept: [
                KeptVersion(
                    version: version(3), since: HybridTime(value: 9 << 16), isConflict: false),
                KeptVersion(
                    version: version(4), since: HybridTime(value: 8 << 16), isConflict: true),
            ])
        let queue = try TableDisk.queue(directory, upTo: "2")
        try queue.inDatabase { database in
            let writes = try TableWrites(database)
            try writes.put(old, since: nil, for: key)
            _ = try writes.addReference(Sample.object(4), state: .here, contentKey: 0)
            var row = TableQueries.StateRow()
            row.state.contents = old.fingerprint(of: key)
            row.state.itemCount = 1
            try writes.put(row, of: key.partition)
            try database.execute(
                sql: "INSERT INTO staged VALUES(1, ?, ?)",
                arguments: [
                    Data(Sample.operation(4).bytes), Data(Sample.object(4).bytes),
                ])
        }
        try queue.close()
        try TableDisk.open(directory) { disk in
            let register = try #require(disk.fresh().register(key))
            #expect(register.kept.map(\.isPurged) == [true, false])
            #expect(
                disk.fresh().state(of: key.partition).contents == register.fingerprint(of: key))
            #expect(try disk.rows("SELECT size, conflict, here FROM kept") == ["4 1 1"])
            #expect(try disk.count("trash") == 1)
            #expect(disk.ledger.counters.kept.byteCount == 4)
            #expect(try disk.contentFault() == nil)
        }
    }
}
