import Cluster
import Foundation
import IPC
import Model
import Replication
import Testing

@testable import StoreProcess

@Suite struct ViewTests {
    @Test func theViewIsTheTreeWithItsTimes() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        let modified = Timestamp(nanoseconds: 1_600_000_000_123_456_789)
        _ = try await store.put("/a/b/ü name", [1, 2], modified: modified)
        _ = try await store.put("/a/c", [3])
        _ = try await store.makeDirectory("/empty/dir")
        let large = [UInt8](repeating: 9, count: 70_000)
        _ = try await store.upload("/a/large", large)
        await store.end()
        #expect(
            directory.tree("files") == ["a/b/ü name": [1, 2], "a/c": [3], "a/large": large])
        #expect(directory.names("files/empty") == ["dir"])
        let attributes = try FileManager.default.attributesOfItem(
            atPath: "\(directory.path)/files/a/b/ü name")
        let date = try #require(attributes[.modificationDate] as? Date)
        #expect(abs(date.timeIntervalSince1970 - 1_600_000_000.123456789) < 0.001)
    }

    @Test func theViewFollowsEveryChange() async throws {
        let directory = try TemporaryDirectory()
        var store = try await TestStore(directory)
        _ = try await store.put("/a/x", [1])
        _ = try await store.put("/b/x", [1])
        _ = try await store.put("/c", [1])
        _ = try await store.put("/d/e/f", [1])
        await store.end()
        store = try await TestStore(directory)
        _ = try await store.put("/a/x", [2])
        // A file becomes a directory, and a directory a file.
        _ = try await store.delete("/c")
        _ = try await store.put("/c/below", [3])
        _ = try await store.delete("/b/x")
        _ = try await store.put("/b", [4])
        _ = try await store.delete("/d", recursive: true)
        await store.end()
        #expect(directory.tree("files") == ["a/x": [2], "c/below": [3], "b": [4]])
        #expect(directory.names("files") == ["a", "b", "c"])
        #expect(try directory.objectFault() == nil)
        store = try await TestStore(directory)
        #expect(try await store.status().warnings == [])
        await store.end()
    }

    /// Its content is written out for the path that it was written to, which has it no more.
    @Test func aFileThatIsMovedOrCopiedAtOnceIsShown() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        _ = try await store.put("/a", [1])
        _ = try await store.put("/b", [2])
        let answers = [
            await store.ask(
                .move(try .test("/a"), to: try .test("/moved/a"), when: .none, .test())),
            await store.ask(.copy(try .test("/b"), to: try .test("/copy"), when: .none, .test())),
        ]
        for answer in answers {
            guard case .written = answer else { throw CorruptRow(description: "\(answer)") }
        }
        await store.end()
        #expect(directory.tree("files") == ["moved/a": [1], "b": [2], "copy": [2]])
        #expect(try directory.objectFault() == nil)
    }

    @Test func aViewIsTriedAgainWhenSomethingElseWent() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        let stray = URL(fileURLWithPath: "\(directory.path)/files/a")
        try FileManager.default.createDirectory(at: stray, withIntermediateDirectories: true)
        try Data("in the way".utf8).write(to: stray.appending(path: "mine"))
        _ = try await store.put("/a", [1])
        _ = try await store.put("/b", [1])
        #expect(try await store.warns(1))
        try FileManager.default.removeItem(at: stray.appending(path: "mine"))
        _ = try await store.delete("/b")
        #expect(try await store.warns(0))
        await store.end()
        #expect(directory.tree("files") == ["a": [1]])
    }

    @Test func somebodysFileInTheWayStays() async throws {
        let directory = try TemporaryDirectory()
        var store = try await TestStore(directory)
        let stray = "\(directory.path)/files/mine"
        try Data("keep me".utf8).write(to: URL(fileURLWithPath: stray))
        try FileManager.default.createSymbolicLink(
            atPath: "\(directory.path)/files/link", withDestinationPath: "/tmp")
        _ = try await store.put("/mine", [1])
        _ = try await store.put("/link/x", [2])
        _ = try await store.put("/fine", [3])
        await store.end()
        #expect(directory.contents("files/mine") == [UInt8]("keep me".utf8))
        #expect(directory.contents("files/fine") == [3])
        store = try await TestStore(directory)
        // The store is whole; tried again at the start, and said.
        #expect(try await store.content("/mine") == [1])
        #expect(try await store.content("/link/x") == [2])
        try FileManager.default.removeItem(atPath: stray)
        await store.end()
        store = try await TestStore(directory)
        await store.end()
        #expect(directory.contents("files/mine") == [1])
        #expect(!FileManager.default.fileExists(atPath: "/tmp/x"))
    }

    @Test func whatIsOverwrittenIsKeptAndNoPartOfTheView() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        for i in 0..<50 { _ = try await store.put("/f", [UInt8(i)]) }
        _ = try await store.put("/gone", [1])
        _ = try await store.delete("/gone")
        await store.end()
        let kept = (0..<50).map { [UInt8($0)] } + [[1]]
        #expect(Set(directory.tree("objects").values) == Set(kept))
        #expect(directory.tree("objects").count == 51)
        #expect(directory.tree("files") == ["f": [49]])
    }
}
