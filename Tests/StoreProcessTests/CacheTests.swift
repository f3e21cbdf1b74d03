import IPC
import Model
import Testing

@testable import StoreProcess

@Suite struct CacheTests {
    private func stored(_ sequence: UInt64) throws -> StoredRecord {
        let dot = Dot(disk: DiskID(bits: Bits128(high: 1, low: 1)), sequence: sequence)
        return StoredRecord(
            record: FileRecord(
                version: Version(
                    dot: dot, time: HybridTime(value: sequence),
                    context: CausalContext(entries: [dot])),
                byteCount: 1, digest: .test([1]), contentType: "",
                created: Timestamp(nanoseconds: 0),
                modified: Timestamp(nanoseconds: 0),
                object: ObjectID(bits: Bits128(high: 2, low: 2)),
                home: Partition(number: 0), operation: OperationID(bits: Bits128(high: 3, low: 3))),
            outcome: .created, contentKey: sequence)
    }

    @Test func aSlowReadNeverBringsBackWhatWasReplaced() throws {
        var cache = RecordCache()
        let path = try StorePath.test("/f")
        // The read saw commit 5; commit 6 was there before its answer came.
        cache.committed(path, try stored(6), [6], sequence: 6)
        cache.found(path, try stored(5), [5], sequence: 5)
        #expect(cache.lookUp(path)?.content == [6])
        cache.committed(path, nil, nil, sequence: 7)
        cache.found(path, try stored(6), [6], sequence: 6)
        #expect(cache.lookUp(path) == nil)
        cache.committed(path, try stored(8), [8], sequence: 8)
        cache.found(path, try stored(8), [8], sequence: 8)
        #expect(cache.lookUp(path)?.content == [8])
    }

    @Test func bytesAreBoundedAndTheUsedStay() throws {
        var cache = RecordCache(byteCountMax: 100_000)
        let favourite = try StorePath.test("/favourite")
        cache.found(favourite, try stored(1), [1], sequence: 1)
        for i in 0..<10_000 {
            let path = try StorePath.test("/f\(i)")
            cache.found(path, try stored(1), [UInt8](repeating: 0, count: i % 500), sequence: 1)
            #expect(cache.byteCount <= 100_000)
            #expect(cache.lookUp(favourite) != nil)
        }
        #expect(cache.count > 50)
    }

    @Test func readersSeeWhatWasAcknowledged() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        await withTaskGroup { group in
            for writer in 0..<4 {
                group.addTask {
                    for i in 1...60 {
                        let path = "/w\(writer)/\(i % 5)"
                        _ = try? await store.put(path, [UInt8(i), UInt8(writer)])
                        // Answered from the cache, from the database and in a listing.
                        #expect((try? await store.content(path)) == [UInt8(i), UInt8(writer)])
                        let page = try? await store.list("/w\(writer)")
                        let entry = page?.entries.first { $0.name == [UInt8]("\(i % 5)".utf8) }
                        if case .file(_, let facts) = entry {
                            #expect(facts.digest == .test([UInt8(i), UInt8(writer)]))
                        } else {
                            Issue.record("not listed")
                        }
                    }
                }
            }
        }
        await store.end()
    }
}
