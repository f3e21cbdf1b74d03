import Model
import Testing

@testable import Reconciliation

struct PartitionSetTests {
    func random(_ count: Int, _ generator: inout SplitMix64) -> [Partition] {
        (0..<count).map { _ in Partition(number: UInt16(truncatingIfNeeded: generator.next())) }
    }

    @Test(arguments: [0, 1, 60, 4000, 6000, 60_000])
    func setBehavesLikeASet(count: Int) throws {
        var generator = SplitMix64(seed: UInt64(count))
        let some = random(count, &generator)
        var set = PartitionSet(some)
        var reference = Set(some)
        #expect(Array(set) == reference.sorted())
        for partition in random(3000, &generator) {
            if generator.next() & 1 == 0 {
                set.insert(partition)
                reference.insert(partition)
            } else {
                set.remove(partition)
                reference.remove(partition)
            }
            #expect(set.contains(partition) == reference.contains(partition))
        }
        #expect(set.count == reference.count)
        #expect(Array(set) == reference.sorted())
        #expect(set == PartitionSet(reference))
        var writer = ByteWriter()
        set.encode(into: &writer)
        #expect(writer.count == set.encodedByteCount)
        #expect(writer.count <= 8193)
        let bytes = writer.bytes
        var reader = ByteReader(bytes.span.bytes)
        let decoded = try PartitionSet(from: &reader)
        try reader.finish()
        #expect(decoded == set)
    }

    @Test func allHasAll() {
        #expect(PartitionSet.all.count == Partition.count)
        #expect(PartitionSet.all == PartitionSet((0...65_535).map { Partition(number: $0) }))
        #expect(PartitionSet.empty.isEmpty && PartitionSet.empty == PartitionSet([]))
    }

    @Test func setsInAnotherFormAreRefused() {
        func decode(_ bytes: [UInt8]) throws {
            var reader = ByteReader(bytes.span.bytes)
            _ = try PartitionSet(from: &reader)
        }
        #expect(throws: DecodeError.self) { try decode([0, 0, 2, 0, 5, 0, 5]) }
        #expect(throws: DecodeError.self) { try decode([0, 0, 2, 0, 6, 0, 5]) }
        #expect(throws: DecodeError.self) { try decode([0, 0x20, 0]) }
        #expect(throws: DecodeError.self) { try decode([1] + Array(repeating: 0, count: 8192)) }
        #expect(throws: DecodeError.self) { try decode([1, 255]) }
        #expect(throws: DecodeError.self) { try decode([2]) }
    }
}
