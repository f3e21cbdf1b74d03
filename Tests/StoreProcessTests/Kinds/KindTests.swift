import Model
import Posix
import Testing

@testable import StoreProcess

/// What every kind of storage does alike.
@Suite struct KindTests {
    private static let sizes = [
        0, 1, 100, 4096, 65_519, 65_520, 65_521, 65_536, 65_537, 131_072, (1 << 20) + 3,
        (8 << 20) + 1,
    ]

    /// As when everything is sealed anew: what is there stays whole until all of its successor is.
    @Test(arguments: StorageKind.allCases)
    func aDeathBetweenThePiecesOfASuccessorLeavesWhatWasThere(_ kind: StorageKind) throws {
        let temporary = try TemporaryDirectory()
        let old = noise((9 << 20) + 5, seed: 1)
        let new = noise((9 << 20) + 5, seed: 2)
        try KindBench.with(kind, in: temporary) { (bench: KindBench) throws in
            try bench.stage("old", old)
            try bench.adopt("old", as: .test(1))
            try bench.stage("new", new)
            var left = 2 << 20
            let isDone = try bench.keeper.adopt(BytePath("new"), as: .test(1), budget: &left)
            try bench.keeper.sync()
            // Rawfile renames.
            #expect(isDone == (kind == .rawfile))
            #expect(try bench.read(.test(1)) == (isDone ? new : old))
        }
        try KindBench.with(kind, in: temporary) { (bench: KindBench) throws in
            #expect(try bench.read(.test(1)) == (kind == .rawfile ? new : old))
            try bench.stage("new", new)
            try bench.adopt("new", as: .test(1))
            #expect(try bench.read(.test(1)) == new)
            #expect(try bench.list().map(\.object) == [.test(1)])
            try bench.maintainAll()
            #expect(try bench.read(.test(1)) == new)
        }
    }

    @Test(arguments: StorageKind.allCases)
    func whatIsStoredIsReadBackWholeAndInRanges(_ kind: StorageKind) throws {
        let temporary = try TemporaryDirectory()
        let contents = Self.sizes.enumerated().map { index, size in
            (object: ObjectID.test(UInt64(index + 1)), bytes: noise(size, seed: UInt64(size)))
        }
        try KindBench.with(kind, in: temporary) { (bench: KindBench) throws in
            for (object, bytes) in contents { try bench.write(object, bytes) }
            try bench.keeper.sync()
            try check(bench, contents)
        }
        try KindBench.with(kind, in: temporary) { try check($0, contents) }
    }

    private func check(
        _ bench: KindBench, _ contents: [(object: ObjectID, bytes: [UInt8])]
    ) throws {
        var generator = SplitMix64(seed: 3)
        for (object, bytes) in contents {
            let content = try #require(try bench.store.open(object))
            #expect(content.byteCount == UInt64(bytes.count))
            #expect(try content.read(content.whole) == bytes)
            #expect(try content.read(0..<0) == [])
            for _ in 0..<20 where !bytes.isEmpty {
                let start = Int.random(in: 0..<bytes.count, using: &generator)
                let end = min(bytes.count, start + Int.random(in: 1...70_000, using: &generator))
                let range = UInt64(start)..<UInt64(end)
                #expect(try content.read(range) == [UInt8](bytes[start..<end]))
            }
        }
        #expect(try bench.read(.test(99)) == nil)
        let listed = try bench.list()
        #expect(listed.map(\.object) == contents.map(\.object))
        #expect(listed.map(\.byteCount) == contents.map { UInt64($0.bytes.count) })
        #expect(listed.allSatisfy { $0.modified.nanoseconds == 7 })
    }

    @Test(arguments: StorageKind.allCases)
    func anUploadIsAdoptedInBoundedPiecesAndTwice(_ kind: StorageKind) throws {
        let bench = try KindBench(kind)
        let large = noise((20 << 20) + 5, seed: 1)
        let small = noise(100_000, seed: 2)
        try bench.stage("large", large)
        try bench.stage("small", small)
        let parts = try bench.adopt("large", as: .test(1))
        #expect(kind == .rawfile ? parts == 1 : (5...7).contains(parts))
        #expect(try bench.adopt("small", as: .test(2)) == 1)
        #expect(try bench.read(.test(1)) == large)
        #expect(try bench.read(.test(2)) == small)
        // Whoever copies leaves the staging file to the housekeeper.
        #expect(bench.temporary.names("staging") == (kind == .rawfile ? [] : ["large", "small"]))
        // Done again, as after a death: with the staging file, and with it gone.
        try bench.adopt("large", as: .test(1))
        #expect(try bench.read(.test(1)) == large)
        try bench.adopt("nothing", as: .test(1))
        #expect(try bench.read(.test(1)) == large)
        // Nothing is made of nothing.
        try bench.adopt("nothing", as: .test(3))
        #expect(try bench.read(.test(3)) == nil)
        #expect(try bench.list().map(\.object) == [.test(1), .test(2)])
    }

    @Test(arguments: StorageKind.allCases)
    func whatWasHalfCopiedIsNotThereAndBeginsAnew(_ kind: StorageKind) throws {
        let temporary = try TemporaryDirectory()
        let bytes = noise(12 << 20, seed: 4)
        try KindBench.with(kind, in: temporary) { (bench: KindBench) throws in
            try bench.write(.test(1), [1])
            let source = try TemporaryDirectory()
            try source.write("f", bytes)
            var budget = 5 << 20
            let isDone = try bench.keeper.copy(
                .file(try source.lend("f")), as: .test(2), modified: Timestamp(nanoseconds: 1),
                budget: &budget)
            #expect(!isDone)
            try bench.keeper.sync()
            // A copy for a conversion may lie in its file already; an upload never does.
            if kind != .rawfile { #expect(try bench.read(.test(2)) == nil) }
        }
        try KindBench.with(kind, in: temporary) { (bench: KindBench) throws in
            if kind != .rawfile { #expect(try bench.list().map(\.object) == [.test(1)]) }
            try bench.stage("f", bytes)
            try bench.adopt("f", as: .test(2))
            #expect(try bench.read(.test(2)) == bytes)
            try bench.maintainAll()
            #expect(try bench.read(.test(2)) == bytes)
            #expect(try bench.read(.test(1)) == [1])
        }
    }

    @Test(arguments: StorageKind.allCases)
    func everythingCanBeDoneTwice(_ kind: StorageKind) throws {
        let bench = try KindBench(kind)
        for _ in 0..<2 {
            try bench.write(.test(1), noise(70_000, seed: 1))
            try bench.write(.test(2), [2])
        }
        try bench.keeper.sync()
        try bench.keeper.sync()
        #expect(try bench.read(.test(1)) == noise(70_000, seed: 1))
        // Another content takes the place of what is there: nobody knew whether that was whole.
        try bench.write(.test(1), [9])
        try bench.keeper.sync()
        #expect(try bench.read(.test(1)) == [9])
        for _ in 0..<2 { try bench.keeper.remove(.test(1)) }
        try bench.keeper.sync()
        try bench.keeper.remove(.test(1))
        try bench.keeper.sync()
        #expect(try bench.read(.test(1)) == nil)
        #expect(try bench.list().map(\.object) == [.test(2)])
    }

    /// Random operations against a dictionary; at times the directory is copied as it is, as a death
    /// would leave it, and the work goes on there.
    @Test(
        arguments: StorageKind.allCases,
        [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func aKindIsItsReference(_ kind: StorageKind, seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        var temporary = try TemporaryDirectory()
        /// What may be there; several values where a death left open which.
        var reference: [ObjectID: Set<[UInt8]?>] = [:]
        for life in 0..<6 {
            temporary = try KindBench.with(kind, in: temporary) { (bench: KindBench) throws in
                for (object, values) in reference {
                    let found = try bench.read(object)
                    #expect(values.contains(found), "seed \(seed), life \(life), \(object)")
                    // The housekeeper knows no more, and writes anew what it is not certain of.
                    if let found { try bench.write(object, found) }
                    reference[object] = [found]
                }
                try bench.keeper.sync()
                try live(bench, &reference, &generator)
                return try temporary.snapshot()
            }
        }
    }

    private func live(
        _ bench: KindBench, _ reference: inout [ObjectID: Set<[UInt8]?>],
        _ generator: inout SplitMix64
    ) throws {
        /// What happens at the next sync.
        var pending: [ObjectID: [UInt8]?] = [:]
        for _ in 0..<60 {
            let object = ObjectID.test(UInt64.random(in: 1...12, using: &generator))
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<5:
                let size = Int.random(in: 0...200, using: &generator)
                let isLarge = Int.random(in: 0..<5, using: &generator) == 0
                let bytes = noise(isLarge ? size * 1000 : size, seed: generator.next())
                try bench.write(object, bytes)
                pending[object] = .some(bytes)
            case 5..<7:
                try bench.keeper.remove(object)
                pending[object] = .some(nil)
            case 7:
                try bench.keeper.sync()
                for (object, value) in pending { reference[object] = [value] }
                pending = [:]
                if bench.keeper.needsMaintenance { try bench.keeper.maintain() }
            default:
                guard pending[object] == nil else { continue }
                #expect(reference[object, default: [nil]].contains(try bench.read(object)))
            }
        }
        // Here it dies.
        for (object, value) in pending { reference[object, default: [nil]].insert(value) }
    }
}

extension TemporaryDirectory {
    func lend(_ name: String) throws -> LentFile {
        let file = try Directory.open(BytePath("\(path)/\(name)"), in: .workingDirectory)
        let size = try FileIO.status(of: file).size
        return LentFile(file: HandedDescriptor(file), offset: 0, byteCount: UInt64(size))
    }
}
