import IPC
import Model
import Testing

@testable import StoreProcess

@Suite struct WriteTests {
    @Test func whatWasPutIsRead() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        for size in [0, 1, 4096, 64 << 10] {
            let content = [UInt8](repeating: UInt8(size & 0xFF), count: size)
            let response = try await store.put("/a/\(size)", content)
            #expect(response.outcome == .created)
            #expect(response.copies == 1)
            #expect(try await store.content("/a/\(size)") == content)
        }
        await store.end()
        #expect(directory.tree("files").count == 4)
        let again = try await TestStore(directory)
        #expect(try await again.content("/a/4096")?.count == 4096)
        #expect(try await again.content("/a/0") == [])
        await again.end()
    }

    @Test func versionsAndContextsGrow() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        let first = try await store.put("/f", [1])
        let second = try await store.put("/f", [2])
        let third = try await store.upload("/f", [UInt8](repeating: 3, count: 100_000))
        #expect(first.outcome == .created)
        #expect(second.outcome == .replaced)
        #expect(first.dot.sequence < second.dot.sequence)
        #expect(second.dot.sequence < third.dot.sequence)
        #expect(first.time < second.time && second.time < third.time)
        await store.end()
        let again = try await TestStore(directory)
        let fourth = try await again.put("/f", [4])
        #expect(fourth.dot.sequence > third.dot.sequence)
        #expect(fourth.dot.disk == first.dot.disk)
        #expect(fourth.time > third.time)
        await again.end()
    }

    @Test func timesAreThoseOfTheClientOrOfTheWrite() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        let (created, modified) = (Timestamp(nanoseconds: 123), Timestamp(nanoseconds: 456))
        _ = try await store.put("/f", [1], modified: modified, created: created)
        guard case .inline(let facts, _) = try await store.lookUp("/f").response else {
            Issue.record("no content")
            return
        }
        #expect(facts.created == created && facts.modified == modified)
        _ = try await store.put("/f", [2])
        guard case .inline(let later, _) = try await store.lookUp("/f").response else {
            Issue.record("no content")
            return
        }
        // The file stays the one that was created then; it was modified now.
        #expect(later.created == created && later.modified > modified)
        await store.end()
    }

    @Test func conditionsAreCheckedInTheTransaction() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        let new = WriteConditions(ifNoneMatch: .any)
        // All at once, most in one group: one of them wins.
        let outcomes = await withTaskGroup { group in
            for i in 0..<32 {
                group.addTask {
                    await refusal { try await store.put("/f", [UInt8(i)], conditions: new) }
                }
            }
            return await group.reduce(into: [RemoteError.Code?]()) { $0.append($1) }
        }
        #expect(outcomes.count { $0 == nil } == 1)
        #expect(outcomes.count { $0 == .preconditionFailed } == 31)
        let content = try #require(try await store.content("/f"))
        let match = WriteConditions(ifMatch: .digests([.test(content)]))
        #expect(try await store.put("/f", [99], conditions: match).outcome == .replaced)
        #expect(
            await refusal { try await store.put("/f", [98], conditions: match) }
                == .preconditionFailed)
        #expect(
            await refusal { try await store.delete("/f", conditions: match) }
                == .preconditionFailed)
        #expect(try await store.content("/f") == [99])
        await store.end()
    }

    @Test func anOperationSentAgainIsAppliedOnce() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        let operation = OperationID.test()
        let first = try await store.put("/f", [1], operation: operation)
        #expect(try await store.put("/f", [1], operation: operation) == first)
        // Also when the record has been replaced and removed since.
        _ = try await store.put("/f", [2])
        #expect(try await store.put("/f", [1], operation: operation) == first)
        let deletion = OperationID.test()
        let deleted = try await store.delete("/f", operation: deletion)
        #expect(try await store.put("/f", [1], operation: operation) == first)
        #expect(try await store.content("/f") == nil)
        _ = try await store.put("/f", [3])
        #expect(try await store.delete("/f", operation: deletion) == deleted)
        #expect(try await store.content("/f") == [3])
        await store.end()
        // And in the next life.
        let again = try await TestStore(directory)
        #expect(try await again.put("/f", [1], operation: operation) == first)
        #expect(try await again.delete("/f", operation: deletion) == deleted)
        #expect(try await again.content("/f") == [3])
        await again.end()
    }

    @Test func oneRefusalDoesNotHarmItsGroup() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        _ = try await store.put("/file", [0])
        let refused = await withTaskGroup { group in
            for i in 0..<64 {
                group.addTask {
                    let path = i.isMultiple(of: 2) ? "/file/below" : "/good/\(i)"
                    return await refusal { try await store.put(path, [UInt8(i)]) }
                }
            }
            return await group.reduce(into: 0) { $0 += $1 == .notDirectory ? 1 : 0 }
        }
        #expect(refused == 32)
        #expect(try await store.names("/good").count == 32)
        await store.end()
    }

    @Test func statusCountsFilesAndBytes() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        _ = try await store.put("/a", [1, 2, 3])
        _ = try await store.put("/b", [1, 2, 3])
        _ = try await store.put("/b", [1])
        _ = try await store.put("/c", [1])
        _ = try await store.delete("/c")
        let status = try await store.status(counting: 2)
        #expect(status.fileCount == 2)
        #expect(status.contentByteCount == 4)
        #expect(status.partitionCount == 2)
        #expect(status.freeByteCount > 0)
        #expect(status.storageMajor == "rawfile")
        #expect(!status.isReadOnly)
        await store.end()
    }
}
