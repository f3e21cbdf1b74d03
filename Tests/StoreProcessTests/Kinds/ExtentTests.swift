import Foundation
import Model
import Posix
import Testing

@testable import StoreProcess

@Suite struct ExtentTests {
    private func segments(_ temporary: TemporaryDirectory) -> [String] {
        temporary.names("extent/segments")
    }

    private func segmentPath(_ temporary: TemporaryDirectory, _ name: String) -> String {
        "\(temporary.path)/extent/segments/\(name)"
    }

    /// A death while an entry was appended: whatever there is of it is cut off, at every length, and what
    /// was durable before it stays.
    @Test func aTornTailIsCutBehindTheLastDurableEntry() throws {
        let temporary = try TemporaryDirectory()
        let durable = try KindBench.with(.extent, in: temporary) { (bench: KindBench) throws in
            try bench.write(.test(1), noise(500, seed: 1))
            try bench.write(.test(2), [])
            try bench.keeper.sync()
            let name = try #require(segments(temporary).first)
            return try #require(
                FileManager.default.contents(atPath: segmentPath(temporary, name)))
        }
        let entry = ExtentEntry(
            object: .test(3), byteCount: 100, modified: Timestamp(nanoseconds: 1), segment: 1,
            place: UInt64(durable.count))
        let appended = entry.header + noise(100, seed: 3) + [UInt8](repeating: 0, count: 28)
        #expect(appended.count == Int(entry.length))
        let name = try #require(segments(temporary).first)
        for length in 0...appended.count {
            let torn = durable + Data(appended.prefix(length))
            try torn.write(to: URL(fileURLWithPath: segmentPath(temporary, name)))
            try KindBench.with(.extent, in: temporary) { (bench: KindBench) throws in
                #expect(try bench.read(.test(1)) == noise(500, seed: 1))
                #expect(try bench.read(.test(2)) == [])
                #expect(try bench.read(.test(3)) == nil)
            }
            let left = try #require(
                FileManager.default.contents(atPath: segmentPath(temporary, name)))
            #expect(left == durable, "\(length)")
        }
        // And what comes now is appended there.
        try KindBench.with(.extent, in: temporary) { (bench: KindBench) throws in
            try bench.write(.test(4), [4])
            try bench.keeper.sync()
            #expect(try bench.read(.test(4)) == [4])
        }
        #expect(segments(temporary) == [name])
    }

    /// The disk lost the end of what was durable: the rest is read, nothing is put in its place.
    @Test func aSegmentThatIsTooShortIsNotAppendedTo() throws {
        let temporary = try TemporaryDirectory()
        try KindBench.with(.extent, in: temporary) { (bench: KindBench) throws in
            try bench.write(.test(1), [1])
            try bench.write(.test(2), noise(1000, seed: 2))
            try bench.keeper.sync()
        }
        let name = try #require(segments(temporary).first)
        let handle = try #require(
            FileHandle(forUpdatingAtPath: segmentPath(temporary, name)))
        try handle.truncate(atOffset: 300)
        try handle.close()
        try KindBench.with(.extent, in: temporary) { (bench: KindBench) throws in
            try bench.write(.test(3), [3])
            try bench.keeper.sync()
            #expect(try bench.read(.test(1)) == [1])
            #expect(try bench.read(.test(3)) == [3])
            #expect(throws: ContentDamage.self) { try bench.read(.test(2)) }
            // It is not compacted away either: it may be of use to somebody.
            try bench.keeper.remove(.test(3))
            try bench.keeper.sync()
            try bench.maintainAll()
            #expect(try bench.read(.test(1)) == [1])
        }
        #expect(segments(temporary).count == 2)
    }

    @Test func aSwappedOrDamagedHeaderIsSeen() throws {
        let temporary = try TemporaryDirectory()
        try KindBench.with(.extent, in: temporary) { (bench: KindBench) throws in
            try bench.write(.test(1), noise(64, seed: 1))
            try bench.write(.test(2), noise(64, seed: 2))
            try bench.keeper.sync()
        }
        let name = try #require(segments(temporary).first)
        let whole = try #require(
            FileManager.default.contents(atPath: segmentPath(temporary, name)))
        for index in 0..<64 {
            var damaged = whole
            damaged[index] ^= 1
            try damaged.write(to: URL(fileURLWithPath: segmentPath(temporary, name)))
            try KindBench.with(.extent, in: temporary) { (bench: KindBench) throws in
                #expect(throws: ContentDamage.self) { try bench.read(.test(1)) }
                #expect(try bench.read(.test(2)) == noise(64, seed: 2))
            }
        }
        let swapped = whole[128...] + whole[..<128]
        try Data(swapped).write(to: URL(fileURLWithPath: segmentPath(temporary, name)))
        try KindBench.with(.extent, in: temporary) { (bench: KindBench) throws in
            #expect(throws: ContentDamage.self) { try bench.read(.test(1)) }
            #expect(throws: ContentDamage.self) { try bench.read(.test(2)) }
        }
    }

    /// Small segments, of which a few are filled soon.
    private let sizes = ExtentContents.Sizes(
        segmentByteCountMax: 2 << 20, sharedEntryByteCountMax: 256 << 10)

    /// Fills five segments and more, and removes most of it.
    private func sparse(_ bench: KindBench) throws -> [ObjectID: [UInt8]] {
        var kept: [ObjectID: [UInt8]] = [:]
        for number in 1...60 as ClosedRange<UInt64> {
            let bytes = noise(200_000, seed: number)
            try bench.write(.test(number), bytes)
            if number.isMultiple(of: 7) { try bench.keeper.sync() }
            if number.isMultiple(of: 5) { kept[.test(number)] = bytes }
        }
        for number in 1...60 as ClosedRange<UInt64> where !number.isMultiple(of: 5) {
            try bench.keeper.remove(.test(number))
        }
        try bench.keeper.sync()
        return kept
    }

    @Test func compactionKeepsWhatIsReadAndGivesSpaceBack() throws {
        let temporary = try TemporaryDirectory()
        let kept = try KindBench.with(.extent, in: temporary, sizes) {
            (bench: KindBench) throws -> [ObjectID: [UInt8]] in
            let kept = try sparse(bench)
            let before = segments(temporary)
            #expect(before.count == 6)
            var open: [ObjectID: StoredContent] = [:]
            for object in kept.keys { open[object] = try bench.store.open(object) }
            while bench.keeper.needsMaintenance {
                try bench.keeper.maintain()
                for (object, bytes) in kept { #expect(try bench.read(object) == bytes) }
            }
            // Full segments went; who had them open reads on.
            #expect(Set(segments(temporary)).isDisjoint(with: before.dropLast()))
            for (object, content) in open {
                #expect(try content.read(content.whole) == kept[object])
            }
            return kept
        }
        try KindBench.with(.extent, in: temporary, sizes) { (bench: KindBench) throws in
            #expect(try bench.list().map(\.object) == kept.keys.sorted())
            for (object, bytes) in kept { #expect(try bench.read(object) == bytes) }
        }
    }

    /// What cannot be read is not compacted away, and neither is what lies beside it.
    @Test func aDamagedSegmentStays() throws {
        let temporary = try TemporaryDirectory()
        let kept = try KindBench.with(.extent, in: temporary, sizes) { try sparse($0) }
        let name = try #require(segments(temporary).first)
        let handle = try #require(
            FileHandle(forUpdatingAtPath: segmentPath(temporary, name)))
        // Within the header of the fifth entry.
        try handle.seek(toOffset: 4 * ExtentEntry.length(200_000) + 20)
        try handle.write(contentsOf: [0xFF])
        try handle.close()
        try KindBench.with(.extent, in: temporary, sizes) { (bench: KindBench) throws in
            try bench.maintainAll()
            #expect(segments(temporary).contains(name))
            #expect(throws: ContentDamage.self) { try bench.read(.test(5)) }
            for (object, bytes) in kept where object != .test(5) {
                #expect(try bench.read(object) == bytes)
            }
        }
    }

    @Test func aDeathWithinCompactionLosesNothing() throws {
        let temporary = try TemporaryDirectory()
        let bench = try KindBench(.extent, in: temporary, sizes)
        let kept = try sparse(bench)
        var steps = 0
        while bench.keeper.needsMaintenance {
            try bench.keeper.maintain()
            steps += 1
            let left = try temporary.snapshot()
            try KindBench.with(.extent, in: left, sizes) { (after: KindBench) throws in
                for (object, bytes) in kept { #expect(try after.read(object) == bytes) }
                try after.maintainAll()
                for (object, bytes) in kept { #expect(try after.read(object) == bytes) }
            }
        }
        #expect(steps > 4)
    }

    @Test func segmentsOfATransactionThatFailedGo() throws {
        struct Full: Error {}
        let temporary = try TemporaryDirectory()
        let bench = try KindBench(.extent, in: temporary)
        let keeper = try #require(bench.keeper as? ExtentKeeper)
        for number in 1...3 as ClosedRange<UInt64> {
            try bench.write(.test(number), [1])
            #expect(throws: Full.self) { try keeper.change { throw Full() } }
        }
        try bench.write(.test(4), [4])
        try keeper.sync()
        #expect(segments(temporary) == ["0000000000000004"])
        #expect(try bench.read(.test(4)) == [4])
        #expect(try bench.list().map(\.object) == [.test(4)])
    }

    @Test func filesThatNoRowNamesAreRemovedAtTheStart() throws {
        let temporary = try TemporaryDirectory()
        try KindBench.with(.extent, in: temporary) { (bench: KindBench) throws in
            try bench.write(.test(1), [1])
            try bench.keeper.sync()
        }
        try Data([1, 2]).write(to: URL(fileURLWithPath: segmentPath(temporary, "00000000000000ff")))
        try KindBench.with(.extent, in: temporary) { (bench: KindBench) throws in
            #expect(try bench.read(.test(1)) == [1])
            // Its number is not used again.
            try bench.stage("large", noise(9 << 20, seed: 1))
            try bench.adopt("large", as: .test(2))
        }
        #expect(segments(temporary) == ["0000000000000001", "0000000000000100"])
    }

    /// A new index would have every segment removed.
    @Test(arguments: [true, false])
    func aLostIndexIsSaidAndNoSegmentGoes(_ isGone: Bool) throws {
        let temporary = try TemporaryDirectory()
        try KindBench.with(.extent, in: temporary) { (bench: KindBench) throws in
            try bench.write(.test(1), [1])
            try bench.keeper.sync()
        }
        let index = URL(fileURLWithPath: "\(temporary.path)/extent/index.db")
        let saved = try Data(contentsOf: index)
        for name in temporary.names("extent") where name.hasPrefix("index.db") {
            try FileManager.default.removeItem(atPath: "\(temporary.path)/extent/\(name)")
        }
        if !isGone { try Data().write(to: index) }
        let failure = #expect(throws: PermanentFailure.self) {
            try KindBench.with(.extent, in: temporary) { (_: KindBench) in }
        }
        #expect(failure?.description.contains("extent/index.db was lost") == true)
        #expect(segments(temporary) == ["0000000000000001"])
        try saved.write(to: index)
        try KindBench.with(.extent, in: temporary) { (bench: KindBench) throws in
            #expect(try bench.read(.test(1)) == [1])
        }
    }

    @Test func segmentsFitTheDisk() {
        let tiny = ExtentContents.Sizes(diskByteCount: 48 << 20)
        #expect(tiny.segmentByteCountMax == 1 << 20)
        #expect(tiny.sharedEntryByteCountMax == 128 << 10)
        let small = ExtentContents.Sizes(diskByteCount: 2 << 30)
        #expect(small.segmentByteCountMax == 32 << 20)
        #expect(small.sharedEntryByteCountMax == 4 << 20)
        let large = ExtentContents.Sizes(diskByteCount: 1 << 40)
        #expect(large.segmentByteCountMax == StoreLimits.segmentByteCountMax)
        #expect(large.sharedEntryByteCountMax == StoreLimits.sharedEntryByteCountMax)
    }
}
