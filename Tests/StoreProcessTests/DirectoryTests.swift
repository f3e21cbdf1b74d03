import IPC
import Model
import Testing

@testable import StoreProcess

@Suite struct DirectoryTests {
    @Test func aDirectoryExistsWhileItIsMarkedOrHasAnEntry() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        _ = try await store.put("/a/b/c", [1])
        #expect(try await store.names("/") == ["a"])
        #expect(try await store.names("/a") == ["b"])
        guard case .directory = try await store.lookUp("/a/b").response else {
            Issue.record("no directory")
            return
        }
        _ = try await store.delete("/a/b/c")
        // Nobody made them, so they go with their last entry.
        #expect(try await store.lists("/", []))
        #expect(await refusal { try await store.lookUp("/a") } == .notFound)
        #expect(try await store.makeDirectory("/a/m").outcome == .directoryMade)
        #expect(try await store.makeDirectory("/a/m").outcome == .directoryExisted)
        _ = try await store.put("/a/m/f", [1])
        _ = try await store.delete("/a/m/f")
        #expect(try await store.names("/a") == ["m"])
        #expect(try await store.delete("/a/m").outcome == .deleted)
        #expect(try await store.lists("/", []))
        await store.end()
    }

    @Test func aMarkOnADirectoryThatWasThereKeepsIt() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        _ = try await store.put("/d/f", [1])
        #expect(try await store.makeDirectory("/d").outcome == .directoryExisted)
        _ = try await store.delete("/d/f")
        #expect(try await store.names("/") == ["d"])
        await store.end()
    }

    @Test func filesAndDirectoriesDoNotShareAPath() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        _ = try await store.put("/d/f", [1])
        #expect(await refusal { try await store.put("/d", [1]) } == .isDirectory)
        #expect(await refusal { try await store.put("/", [1]) } == .isDirectory)
        #expect(await refusal { try await store.put("/d/f/x", [1]) } == .notDirectory)
        #expect(await refusal { try await store.put("/d/f/x/y/z", [1]) } == .notDirectory)
        #expect(await refusal { try await store.makeDirectory("/d/f") } == .notDirectory)
        #expect(await refusal { try await store.makeDirectory("/d/f/x") } == .notDirectory)
        #expect(await refusal { try await store.list("/d/f") } == .notDirectory)
        #expect(await refusal { try await store.list("/none") } == .notFound)
        #expect(await refusal { try await store.delete("/d") } == .directoryNotEmpty)
        #expect(await refusal { try await store.delete("/none") } == .notFound)
        #expect(
            await refusal { try await store.delete("/d/f", directoryOnly: true) }
                == .notDirectory)
        let operation = OperationID.test()
        #expect(
            await refusal { try await store.beginUpload("/d", operation: operation) }
                == .isDirectory)
        #expect(
            await refusal { try await store.beginUpload("/d/f/x", operation: operation) }
                == .notDirectory)
        await store.end()
    }

    @Test func aListingIsSortedByBytesAndPaged() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        let count = 2500
        try await store.put((0..<count).map { ("/d/f\($0)", [UInt8($0 & 0xFF)]) })
        // Neighbours in the table that do not belong to the directory.
        _ = try await store.put("/d!", [0])
        _ = try await store.put("/d0", [0])
        var names: [String] = []
        var pages = 0
        while true {
            let page = try await store.list("/d", after: names.last ?? "")
            names += page.entries.map { String(decoding: $0.name, as: UTF8.self) }
            pages += 1
            if !page.hasMore { break }
        }
        #expect(pages == 3)
        #expect(names == (0..<count).map { "f\($0)" }.sorted())
        let small = try await store.list("/d", after: "f10", limit: 2)
        #expect(
            small.entries.map { String(decoding: $0.name, as: UTF8.self) } == ["f100", "f1000"])
        #expect(small.hasMore)
        await store.end()
    }

    @Test func aPageStaysBelowItsBytes() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        for start in stride(from: 0, to: 1000, by: 100) {
            try await withThrowingTaskGroup { group in
                for i in start..<(start + 100) {
                    let name = String(repeating: "n", count: 250) + String(1000 + i)
                    group.addTask { _ = try await store.put("/\(name)", []) }
                }
                try await group.waitForAll()
            }
        }
        var names: [String] = []
        var pageCount = 0
        var hasMore = true
        while hasMore, pageCount < 10 {
            let page = try await store.list("/", after: names.last ?? "")
            let frame = FrameWriter.frame(page, type: .list, flags: .response, requestID: 1)
            #expect(frame.count <= IPCLimits.listingPageByteCountMax + 64)
            names += page.entries.map { String(decoding: $0.name, as: UTF8.self) }
            pageCount += 1
            hasMore = page.hasMore
        }
        #expect(names.count == 1000)
        #expect((1...2).contains(pageCount))
        await store.end()
    }

    @Test func aRecursiveDeletionRemovesTheTreeAlone() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        try await store.put((0..<1200).map { ("/t/\($0 % 7)/f\($0)", [1]) })
        for path in ["/t/m", "/t/m/n", "/t-", "/t!/x", "/t0/y"] {
            _ = try await store.makeDirectory(path)
        }
        _ = try await store.put("/t!/f", [1])
        _ = try await store.put("/t0/f", [1])
        let operation = OperationID.test()
        let response = try await store.delete("/t", operation: operation, recursive: true)
        #expect(response.outcome == .deleted)
        #expect(try await store.lists("/", ["t!", "t-", "t0"]))
        #expect(try await store.names("/t!") == ["f", "x"])
        #expect(try await store.names("/t0") == ["f", "y"])
        #expect(try await store.status(counting: 2).fileCount == 2)
        #expect(try await store.delete("/t", operation: operation, recursive: true) == response)
        _ = try await store.delete("/", recursive: true)
        #expect(try await store.lists("/", []))
        await store.end()
        #expect(directory.names("files") == [])
        #expect(try directory.objectFault() == nil)
    }
}
