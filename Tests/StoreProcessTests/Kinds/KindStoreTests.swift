import Foundation
import IPC
import Model
import Posix
import Testing

@testable import StoreProcess

/// A whole store on each kind of storage.
@Suite struct KindStoreTests {
    @Test(arguments: StorageKind.allCases)
    func filesOfAllSizesComeBack(_ kind: StorageKind) async throws {
        let directory = try TemporaryDirectory()
        var store = try await TestStore(directory, kind)
        let sizes = [0, 1, 65_536, 65_537, 1_200_000]
        for size in sizes {
            let content = noise(size, seed: UInt64(size))
            if size > 65_536 {
                _ = try await store.upload("/f\(size)", content)
            } else {
                _ = try await store.put("/f\(size)", content)
            }
            // From its row or staging file, as the case may be.
            #expect(try await store.content("/f\(size)") == content)
        }
        await store.end()
        store = try await TestStore(directory)
        for size in sizes {
            #expect(try await store.content("/f\(size)") == noise(size, seed: UInt64(size)))
        }
        #expect(try await store.status().storageMajor == kind.rawValue)
        #expect(try await store.status().storageMinor == "1")
        #expect(try await store.status().warnings == [])
        await store.end()
        #expect(
            directory.contents("FORMAT") == [UInt8]("clusterf 1 \(kind.rawValue) 1\n".utf8))
        #expect(directory.names("staging") == [])
    }

    /// How the gateway gets large contents.
    @Test(arguments: StorageKind.allCases)
    func largeContentsAreLentOrReadInWindows(_ kind: StorageKind) async throws {
        let directory = try TemporaryDirectory()
        var store = try await TestStore(directory, kind)
        _ = try await store.put("/small", [1])
        _ = try await store.upload("/large", noise(200_000, seed: 1))
        await store.end()
        store = try await TestStore(directory)
        let found = try await store.lookUp("/large")
        switch (kind, found.response) {
        case (.rawfile, .descriptor), (.extent, .region), (.sqlite, .windows), (.bolt, .windows):
            break
        default: Issue.record("\(kind): \(found.response)")
        }
        #expect(found.content == noise(200_000, seed: 1))
        await store.end()
    }

    /// Who reads in windows goes on as who has the file open, when another file takes its place.
    @Test(arguments: [StorageKind.sqlite, .bolt])
    func aReplacedFileStaysForItsReaders(_ kind: StorageKind) async throws {
        let directory = try TemporaryDirectory()
        var store = try await TestStore(directory, kind)
        let content = noise(200_000, seed: 1)
        _ = try await store.upload("/f", content)
        await store.end()
        store = try await TestStore(directory)
        guard case .windows(_, let object) = try await store.lookUp("/f").response else {
            throw CorruptRow(description: "no windows")
        }
        // That one has all of it. Another has a part so far.
        _ = try await store.window(object, 0, 100_000)
        _ = try await store.put("/f", [2])
        try await store.purge("/f")
        _ = try await store.put("/g", [3])
        #expect(try await store.content("/f") == [2])
        // The housekeeper has worked off what was there when its end is reached.
        await store.end()
        let opened = try DataDirectory(directory.bytePath)
        #expect(try DiskContents(opened).store.open(object)?.byteCount == 200_000)
        opened.unlock()
        // Nobody reads it in the next life.
        store = try await TestStore(directory)
        await store.end()
        let again = try DataDirectory(directory.bytePath)
        #expect(try DiskContents(again).store.open(object) == nil)
        again.unlock()
    }

    @Test func theKindIsRecordedAndKept() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.bytePath
        let first = try DataDirectory(path, WantedStorage(kind: .sqlite, minor: 1))
        #expect(first.format == StorageFormat(kind: .sqlite, minor: 1))
        first.unlock()
        // Nothing asked, or the same: as it is.
        for wanted in [
            WantedStorage(), WantedStorage(kind: .sqlite), WantedStorage(minor: 1),
            WantedStorage(kind: .sqlite, minor: 1),
        ] {
            let again = try DataDirectory(path, wanted)
            #expect(again.format == StorageFormat(kind: .sqlite, minor: 1))
            again.unlock()
        }
        for (wanted, word) in [
            (WantedStorage(kind: .rawfile), "convert --to rawfile"),
            (WantedStorage(kind: .bolt, minor: 1), "convert --to bolt"),
            (WantedStorage(minor: 2), "not known"),
        ] {
            let failure = #expect(throws: PermanentFailure.self) {
                try DataDirectory(path, wanted)
            }
            #expect(failure?.description.contains(word) == true, "\(wanted)")
        }
        #expect(directory.contents("FORMAT") == [UInt8]("clusterf 1 sqlite 1\n".utf8))
        let fresh = try TemporaryDirectory()
        #expect(throws: PermanentFailure.self) {
            try DataDirectory(fresh.bytePath, WantedStorage(kind: .extent, minor: 9))
        }
        #expect(fresh.contents("FORMAT") == nil)
    }
}

/// What is on the disk of version 1 of each kind is read, byte for byte.
@Suite struct KindFixtureTests {
    private static let contents: [(object: ObjectID, bytes: [UInt8])] = [
        (.test(1), []), (.test(2), [0x68, 0x65, 0x6C, 0x6C, 0x6F]),
        (.test(3), noise(70_000, seed: 3)),
    ]

    private static var folder: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Fixtures/Storage")
    }

    /// With CLUSTERF_WRITE_FIXTURES set, a kind without fixture gets one.
    private func makeFixture(_ kind: StorageKind, at place: URL) throws {
        let temporary = try TemporaryDirectory()
        try KindBench.with(kind, in: temporary) { (bench: KindBench) throws in
            for (object, bytes) in Self.contents { try bench.write(object, bytes, modified: 1_000) }
            try bench.keeper.sync()
        }
        // Once more, which empties logs.
        _ = try KindBench(kind, in: temporary)
        for (name, bytes) in temporary.tree("")
        where !name.hasSuffix("-wal") && !name.hasSuffix("-shm") && !name.hasPrefix("meta")
            && name != "store.lock" && name != "bolt/lock.mdb"
        {
            let file = place.appending(path: name)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(bytes).write(to: file)
        }
    }

    @Test(arguments: StorageKind.allCases)
    func version1IsRead(_ kind: StorageKind) throws {
        let place = Self.folder.appending(path: "\(kind.rawValue)-1")
        if !FileManager.default.fileExists(atPath: place.path),
            ProcessInfo.processInfo.environment["CLUSTERF_WRITE_FIXTURES"] != nil
        {
            try makeFixture(kind, at: place)
        }
        let temporary = try TemporaryDirectory()
        for (name, bytes) in try TemporaryDirectory.tree(of: place) {
            let file = URL(fileURLWithPath: "\(temporary.path)/\(name)")
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try bytes.write(to: file)
        }
        let directory = try DataDirectory(temporary.bytePath)
        #expect(directory.format == StorageFormat(kind: kind, minor: 1))
        directory.unlock()
        try KindBench.with(kind, in: temporary) { (bench: KindBench) throws in
            let listed = try bench.list()
            #expect(listed.map(\.object) == Self.contents.map(\.object))
            for (object, bytes) in Self.contents { #expect(try bench.read(object) == bytes) }
            if kind != .rawfile { #expect(listed.allSatisfy { $0.modified.nanoseconds == 1_000 }) }
            // And it goes on from there.
            try bench.write(.test(4), [4])
            try bench.keeper.sync()
            #expect(try bench.read(.test(4)) == [4])
            for (object, bytes) in Self.contents { #expect(try bench.read(object) == bytes) }
        }
    }
}

extension TemporaryDirectory {
    /// Every file below a place.
    static func tree(of place: URL) throws -> [String: Data] {
        var found: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: place.path) {
            if let data = FileManager.default.contents(atPath: place.appending(path: name).path) {
                found[name] = data
            }
        }
        return found
    }
}
