import Cluster
import Model
import Replication
import Testing

@testable import StoreProcess

/// The bytes of registers, entries and small rows in columns.
@Suite struct RowCodingTests {
    private let path = TableWorld.paths[0]

    private func version(_ sequence: UInt64, _ value: RegisterValue) -> RegisterVersion {
        let dot = Dot(disk: Sample.disk(1), sequence: sequence)
        return RegisterVersion(
            version: Version(
                dot: dot, time: HybridTime(value: sequence << 16),
                context: CausalContext(entries: [
                    dot, Dot(disk: Sample.disk(3), sequence: 9),
                ])),
            value: value, operation: Sample.operation(sequence))
    }

    private var registers: [Register] {
        get throws {
            let node = try #require(NodeID("n1"))
            let ballot = Ballot(round: 3, node: node, nonce: 4)
            var damaged = Register(head: version(1, Sample.file(1)))
            damaged.markDamaged([version(1, .mark).dot])
            return [
                damaged, Register(head: version(2, .deleted)), Register(head: version(2, .mark)),
                Register(
                    head: version(5, Sample.file(5)),
                    kept: [
                        KeptVersion(
                            version: version(3, Sample.file(3)), since: HybridTime(value: 7),
                            isConflict: true)
                    ], prepared: [version(6, Sample.file(6))],
                    ballot: BallotSlot(
                        promised: ballot,
                        accepted: .init(ballot: ballot, version: version(7, .deleted)),
                        settled: ballot)),
                Register(head: version(8, .locks(LockSet(crowdedUntil: 9)))),
            ]
        }
    }

    @Test func registersRoundTrip() throws {
        for register in try registers {
            let bytes = RowCoding.encode(register)
            #expect(try RowCoding.decode(bytes) == register)
        }
    }

    @Test func registersRoundTripThroughTheirRows() throws {
        let directory = try TemporaryDirectory()
        try TableDisk.open(directory) { disk in
            let writes = try TableWrites(disk.database)
            for register in try registers {
                let key = RegisterKey.file(path)
                try writes.put(register, since: 5, for: key)
                let row = try #require(try disk.tables.queries.register(key))
                #expect(row.register == register)
                #expect(row.since == 5)
            }
        }
    }

    /// Changing what these bytes say needs a migration.
    @Test func theFormatOfAColumnIsItsFirstByte() throws {
        let bytes = RowCoding.encode(Fingerprint(high: 1, low: 2))
        #expect(Hex.encode(bytes) == "01" + "0000000000000001" + "0000000000000002")
        #expect(throws: CorruptRow.self) {
            let _: Fingerprint = try RowCoding.decode([2] + bytes.dropFirst())
        }
        #expect(throws: CorruptRow.self) {
            let _: Fingerprint = try RowCoding.decode(bytes + [0])
        }
        #expect(throws: CorruptRow.self) {
            let _: Fingerprint = try RowCoding.decode([])
        }
    }

    @Test func keysOfSmallRowsRoundTrip() {
        let keys: [MetaKey] = [
            .life, .clock, .peers, .informed, .declared, .departed, .epoch, .state([]),
            .state([1, 2]),
        ]
        for key in keys { #expect(MetaKey(bytes: key.bytes) == key) }
        #expect(Set(keys.map(\.bytes)).count == keys.count)
        #expect(keys.prefix(8).map { $0.bytes } == (0..<8).map { [UInt8($0)] })
        #expect(MetaKey(bytes: []) == nil)
        #expect(MetaKey(bytes: [1, 1]) == nil)
        #expect(MetaKey(bytes: [8]) == nil)
    }

    @Test func timesBeyondAColumnAreItsEnds() {
        #expect(RowCoding.nanoseconds(.zero) == 0)
        #expect(RowCoding.nanoseconds(.milliseconds(-5)) == -5_000_000)
        #expect(RowCoding.nanoseconds(.seconds(Int64.max)) == .max)
        #expect(RowCoding.nanoseconds(.seconds(Int64.min)) == .min)
    }
}
