import Foundation
import IPC
import Model
import Posix
import Testing

@testable import StoreProcess

@Suite struct ConversionTests {
    private struct Death: Error {}

    private static let files: [(path: String, content: [UInt8])] = [
        ("/small", [1, 2, 3]), ("/empty", []), ("/deep/er/large", noise(300_000, seed: 1)),
        ("/film", noise(9 << 20, seed: 2)), ("/deep/edge", noise(65_536, seed: 3)),
    ]

    /// A stopped store with files of all sizes, one of them replaced, one deleted.
    private func stopped(_ kind: StorageKind) async throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory, kind)
        _ = try await store.put("/small", [9])
        _ = try await store.put("/gone", [9, 9])
        for (path, content) in Self.files {
            if content.count > 65_536 {
                _ = try await store.upload(path, content)
            } else {
                _ = try await store.put(path, content)
            }
        }
        _ = try await store.delete("/gone")
        _ = try await store.makeDirectory("/made")
        await store.end()
        return directory
    }

    private func check(_ directory: TemporaryDirectory, _ kind: StorageKind) async throws {
        let store = try await TestStore(directory)
        for (path, content) in Self.files { #expect(try await store.content(path) == content) }
        #expect(try await store.content("/gone") == nil)
        #expect(try await store.status().storageMajor == kind.rawValue)
        #expect(try await store.status().warnings == [])
        // It goes on as before.
        _ = try await store.put("/new", [7])
        #expect(try await store.content("/new") == [7])
        _ = try await store.delete("/new")
        await store.end()
        guard kind == .rawfile else { return }
        #expect(
            directory.tree("files")
                == Dictionary(
                    uniqueKeysWithValues: Self.files.map {
                        (String($0.path.dropFirst()), $0.content)
                    }))
        #expect(directory.names("files").contains("made"))
    }

    private func convert(
        _ directory: TemporaryDirectory, to kind: StorageKind,
        reached: @escaping (Conversion.Step) throws -> Void = { _ in }
    ) async throws -> Conversion.Outcome {
        // The threads of a store wait for each other within: not on a thread of the tests.
        try await withCheckedThrowingContinuation { continuation in
            let path = directory.bytePath
            nonisolated(unsafe) let reached = reached
            Thread.detachNewThread {
                continuation.resume(
                    with: Result {
                        try Conversion(path, to: kind, say: { _ in }, reached: reached).run()
                    })
            }
        }
    }

    private func folders(_ directory: TemporaryDirectory) -> Set<String> {
        Set(directory.names("")).intersection(["objects", "files", "extent", "sqlite", "bolt"])
    }

    @Test func aNodeIsConvertedFromKindToKindAndBack() async throws {
        let directory = try await stopped(.rawfile)
        for kind in [StorageKind.extent, .sqlite, .bolt, .rawfile] {
            let outcome = try await convert(directory, to: kind)
            #expect(outcome.objectCount == Self.files.count)
            #expect(outcome.copiedCount == Self.files.count)
            #expect(outcome.unreadable == [])
            #expect(
                folders(directory)
                    == (kind == .rawfile ? ["objects", "files"] : [kind.rawValue]))
            try await check(directory, kind)
            let again = try await convert(directory, to: kind)
            #expect(again.wasDone && again.copiedCount == 0)
        }
    }

    @Test(arguments: [StorageKind.extent, .sqlite, .bolt], Conversion.Step.allCases)
    func aDeathWithinLosesNothingAndIsGoneOnWith(
        _ kind: StorageKind, _ step: Conversion.Step
    ) async throws {
        for (from, to) in [(StorageKind.rawfile, kind), (kind, .rawfile)] {
            let directory = try await stopped(from)
            await #expect(throws: Death.self) {
                try await convert(directory, to: to) { if $0 == step { throw Death() } }
            }
            // Whichever it is by now, it works, and changes.
            let store = try await TestStore(directory)
            for (path, content) in Self.files { #expect(try await store.content(path) == content) }
            _ = try await store.put("/small", [5])
            _ = try await store.put("/small", [1, 2, 3])
            await store.end()
            let outcome = try await convert(directory, to: to)
            #expect(outcome.unreadable == [])
            // What was copied before stays.
            if step == .copied { #expect(outcome.copiedCount <= 1) }
            #expect(
                folders(directory) == (to == .rawfile ? ["objects", "files"] : [to.rawValue]))
            try await check(directory, to)
            let opened = try DataDirectory(directory.bytePath)
            let objects = try DiskContents(opened).store.list(after: nil, limit: 100)
            #expect(objects.count == Self.files.count)
            opened.unlock()
        }
    }

    @Test func whatCannotBeReadStopsTheConversion() async throws {
        let directory = try await stopped(.extent)
        let segments = directory.names("extent/segments")
        // The film has one of its own.
        let film = try #require(
            segments.first { directory.contents("extent/segments/\($0)")?.count ?? 0 > 9 << 20 })
        try FileManager.default.removeItem(atPath: "\(directory.path)/extent/segments/\(film)")
        let outcome = try await convert(directory, to: .sqlite)
        #expect(outcome.unreadable.count == 1)
        #expect(directory.contents("FORMAT") == [UInt8]("clusterf 1 extent 1\n".utf8))
        #expect(folders(directory) == ["extent", "sqlite"])
    }

    @Test func whatSomebodyPutIntoTheViewStays() async throws {
        let directory = try await stopped(.rawfile)
        try directory.write("files/deep/mine", [1])
        _ = try await convert(directory, to: .bolt)
        #expect(directory.tree("files") == ["deep/mine": [1]])
        #expect(folders(directory) == ["bolt", "files"])
    }

    @Test func aNodeThatRunsIsNotConverted() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        await #expect(throws: StoreStillOpen.self) { try await convert(directory, to: .bolt) }
        await store.end()
    }
}
