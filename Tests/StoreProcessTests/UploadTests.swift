import IPC
import Loop
import Model
import Posix
import Synchronization
import Testing

@testable import StoreProcess

@Suite struct UploadTests {
    private let large = [UInt8]((0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })

    @Test func anUploadIsReadBackThroughADescriptor() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        #expect(try await store.upload("/v/film.mp4", large).outcome == .created)
        // At once: also while the file still has its staging name.
        let found = try await store.lookUp("/v/film.mp4")
        #expect(found.content == large)
        guard case .descriptor(let facts) = found.response else {
            Issue.record("large content came inline")
            return
        }
        #expect(facts.contentType == "video/mp4" && facts.byteCount == 200_000)
        await store.end()
        #expect(directory.names("staging") == [])
        #expect(directory.tree("files") == ["v/film.mp4": large])
        let again = try await TestStore(directory)
        #expect(try await again.content("/v/film.mp4") == large)
        await again.end()
    }

    @Test func aWriterThatKeepsItsDescriptorCannotCommit() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        let operation = OperationID.test()
        let handed = try await store.beginUpload("/f", operation: operation)
        let file = try #require(handed.box())
        let raw = try #require(file.rawValue)
        let writer = try BorrowedDescriptor.duplicate(raw)
        try FileIO.write(large, to: writer, at: 0)
        #expect(
            await refusal { try await store.commitUpload("/f", large, operation: operation) }
                == .invalid)
        #expect(try await store.content("/f") == nil)
        withExtendedLifetime(file) {}
        await store.end()
    }

    /// Else the begin would open for writing what the commit makes durable.
    @Test func aBeginAndACommitOfOneUploadDoNotOverlap() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        let operation = OperationID.test()
        let handed = try await store.beginUpload("/f", operation: operation)
        if let file = handed.take() { try FileIO.write(large, to: file, at: 0) }
        let begin = BeginUploadRequest(
            operation: operation, path: try .test("/f"), conditions: .none, byteCount: nil)
        let commit = WriteRequest(
            operation: operation, path: try .test("/f"), conditions: .none,
            contentType: "video/mp4", created: nil, modified: nil, byteCount: UInt64(large.count),
            digest: .test(large))
        let refused = Mutex<[RemoteError.Code]>([])
        await store.onStore { store in
            store.beginUpload(begin, link: 1) { _ in }
            store.commitUpload(commit) { result in
                if case .failure(let error) = result { refused.withLock { $0.append(error.code) } }
            }
        }
        #expect(refused.withLock { $0 } == [.invalid])
        // The begin before has been answered once a later question has.
        _ = try await store.beginUpload("/g", operation: .test()).take()
        await store.onStore { store in
            store.commitUpload(commit) { _ in }
            store.beginUpload(begin, link: 1) { result in
                if case .failure(let error) = result { refused.withLock { $0.append(error.code) } }
            }
        }
        #expect(refused.withLock { $0 } == [.invalid, .invalid])
        await store.end()
    }

    /// Its gateway died before the answer: nobody would ever remove it.
    @Test func anUploadThatNobodyWaitsForMayBeClaimedAndIsElseRemoved() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        let operation = OperationID.test()
        let begin = BeginUploadRequest(
            operation: operation, path: try .test("/f"), conditions: .none, byteCount: nil)
        await withCheckedContinuation { continuation in
            store.loop.post { [store] in
                store.store.assumeIsolated { store in
                    store.beginUpload(begin, link: 1, isWanted: { false }) { _ in
                        continuation.resume()
                    }
                }
            }
        }
        await store.onStore { store in
            #expect(store.uploads[operation]?.owner == nil)
            #expect(store.uploads[operation]?.deadline != nil)
        }
        await store.end()
    }

    @Test func theSizeMustBeTheOneAnnounced() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        let operation = OperationID.test()
        let handed = try await store.beginUpload("/f", operation: operation)
        if let file = handed.take() { try FileIO.write(large, to: file, at: 0) }
        #expect(
            await refusal {
                try await store.commitUpload(
                    "/f", large, operation: operation, byteCount: UInt64(large.count + 1))
            } == .invalid)
        #expect(try await store.content("/f") == nil)
        await store.end()
        #expect(directory.names("staging") == [])
    }

    @Test func anUploadBegunAgainGoesOnInTheSameFile() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        let operation = OperationID.test()
        let half = large.count / 2
        if let file = try await store.beginUpload("/f", operation: operation).take() {
            try FileIO.write([UInt8](large[..<half]), to: file, at: 0)
        }
        if let file = try await store.beginUpload("/f", operation: operation).take() {
            try FileIO.write([UInt8](large[half...]), to: file, at: Int64(half))
        }
        _ = try await store.commitUpload("/f", large, operation: operation)
        #expect(try await store.content("/f") == large)
        await store.end()
    }

    @Test func anUploadOutlivesItsStore() async throws {
        let directory = try TemporaryDirectory()
        let first = try await TestStore(directory, isKept: false)
        let operation = OperationID.test()
        let abandoned = OperationID.test()
        if let file = try await first.beginUpload("/f", operation: operation).take() {
            try FileIO.write(large, to: file, at: 0)
        }
        _ = try await first.beginUpload("/g", operation: abandoned)
        let left = try directory.snapshot()
        await first.end()
        let second = try await TestStore(left)
        await second.onStore { $0.claimUploads([operation], link: 9) }
        // As after ten seconds: those that nobody claimed go.
        await second.onStore { store in
            _ = store.uploads.expire(now: .now + StoreLimits.claimDelay)
            #expect(store.uploads.all.keys.sorted() == [operation])
        }
        _ = try await second.commitUpload("/f", large, operation: operation)
        #expect(try await second.content("/f") == large)
        await second.end()
    }

    @Test func aCommitSentAgainGetsItsFirstResult() async throws {
        let directory = try TemporaryDirectory()
        let first = try await TestStore(directory, isKept: false)
        let operation = OperationID.test()
        let response = try await first.upload("/f", large, operation: operation)
        #expect(try await first.commitUpload("/f", large, operation: operation) == response)
        let left = try directory.snapshot()
        await first.end()
        let second = try await TestStore(left)
        #expect(try await second.commitUpload("/f", large, operation: operation) == response)
        #expect(
            await refusal { try await second.commitUpload("/f", large, operation: .test()) }
                == .unknownUpload)
        #expect(try await second.content("/f") == large)
        await second.end()
        #expect(left.names("staging") == [])
    }

    @Test func anAbortedUploadLeavesNothing() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        let operation = OperationID.test()
        if let file = try await store.beginUpload("/f", operation: operation).take() {
            try FileIO.write(large, to: file, at: 0)
        }
        await store.onStore { $0.abortUploads([operation]) }
        await store.end()
        #expect(directory.names("staging") == [])
    }

    @Test func aRefusedCommitLeavesNothing() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        let operation = OperationID.test()
        let new = WriteConditions(ifNoneMatch: .any)
        let handed = try await store.beginUpload("/f", operation: operation, conditions: new)
        if let file = handed.take() { try FileIO.write(large, to: file, at: 0) }
        _ = try await store.put("/f", [1])
        #expect(
            await refusal {
                try await store.commitUpload("/f", large, operation: operation, conditions: new)
            } == .preconditionFailed)
        #expect(try await store.content("/f") == [1])
        #expect(
            await refusal {
                try await store.beginUpload("/f", operation: .test(), conditions: new)
            } == .preconditionFailed)
        await store.end()
        #expect(directory.names("staging") == [])
    }

    @Test func aReaderKeepsTheVersionThatItOpened() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        _ = try await store.upload("/f", large)
        let handed = try await store.open("/f")
        _ = try await store.put("/f", [1])
        try await store.purge("/f")
        await store.end()
        let file = try #require(handed?.box())
        let again = try BorrowedDescriptor.duplicate(try #require(file.rawValue))
        #expect(try FileIO.read(again, count: large.count, at: 0) == large)
        #expect(directory.tree("objects").count == 1)
    }
}
