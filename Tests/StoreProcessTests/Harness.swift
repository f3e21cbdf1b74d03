import Cluster
import Foundation
import GRDB
import IPC
import Loop
import Model
import Posix
import Sealing
import Testing

@testable import StoreProcess

/// A directory for one test, removed at its end.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        let base = FileManager.default.temporaryDirectory.path
        path = "\(base)/clusterf-store-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
    }

    private init(copyOf other: String) throws {
        let base = FileManager.default.temporaryDirectory.path
        path = "\(base)/clusterf-store-\(UUID().uuidString)"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/cp")
        process.arguments = ["-a", other, path]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var bytePath: BytePath { BytePath(path) }

    /// What a death right now would leave, as far as other processes can see it.
    func snapshot() throws -> TemporaryDirectory { try TemporaryDirectory(copyOf: path) }

    func contents(_ relative: String) -> [UInt8]? {
        FileManager.default.contents(atPath: "\(path)/\(relative)").map { [UInt8]($0) }
    }

    func write(_ relative: String, _ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(relative)"))
    }

    func names(_ relative: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(relative)")) ?? [])
            .sorted()
    }

    /// What is stored and nothing names, and what is named and not there, of a store that ended.
    func objectFault(phrase: String? = nil) throws -> String? {
        let opened = try DataDirectory(
            bytePath, WantedStorage(phrase: try phrase.map { try EncryptionPhrase($0.utf8) }))
        defer { opened.unlock() }
        let queue = try Schema.connect(opened.metaPath, opened.sealing?.files, cachePages: 16)
        defer { try? queue.close() }
        let named = try queue.inDatabase { database in
            try String.fetchAll(
                database, sql: "SELECT lower(hex(object)) FROM objects WHERE state = 0")
        }
        let store = try DiskContents(opened).store
        var there: [String] = []
        var last: ObjectID?
        repeat {
            let page = try store.list(after: last, limit: 1000)
            there += page.map(\.object.hex)
            last = page.last?.object
        } while last != nil
        let wrong = Set(named).symmetricDifference(there)
        return wrong.isEmpty ? nil : "\(named.count) are named, \(there.count) are there: \(wrong)"
    }

    /// Every regular file below, by its relative path.
    func tree(_ relative: String) -> [String: [UInt8]] {
        var found: [String: [UInt8]] = [:]
        for name
            in (FileManager.default.enumerator(atPath: "\(path)/\(relative)")?
            .allObjects as? [String]) ?? []
        {
            var isDirectory: ObjCBool = false
            let full = "\(path)/\(relative)/\(name)"
            if FileManager.default.fileExists(atPath: full, isDirectory: &isDirectory),
                !isDirectory.boolValue, let data = FileManager.default.contents(atPath: full)
            {
                found[name] = [UInt8](data)
            }
        }
        return found
    }
}

extension KeyCost {
    /// Next to none: a store is opened often.
    static let test = KeyCost(rounds: 2, blockSize: 1, parallelism: 1)
}

/// A store on a loop of its own, asked as a link would ask it.
final class TestStore: Sendable {
    let loop: EventLoop
    let store: Store

    /// Opens `directory` and lets the loop run on a thread until `end()`.
    /// - Parameters:
    ///   - kind: of storage; nil: what the directory has.
    ///   - phrase: what the directory is encrypted with.
    init(
        _ directory: TemporaryDirectory, _ kind: StorageKind? = nil, isKept: Bool = true,
        phrase: String? = nil
    ) async throws {
        let phrase = try phrase.map { try EncryptionPhrase($0.utf8) }
        (loop, store) = try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                do {
                    let loop = try EventLoop()
                    let store = try Store(
                        loop, directory.bytePath,
                        WantedStorage(kind: kind, phrase: phrase, keyCost: .test),
                        isKept: isKept)
                    loop.post { store.assumeIsolated { $0.begin() } }
                    loop.post { continuation.resume(returning: (loop, store)) }
                    loop.run()
                } catch {
                    continuation.resume(throwing: error)
                }
            }
        }
    }

    func ask<Value: Sendable>(
        _ body:
            @escaping @Sendable (isolated Store, @escaping Store.Reply<Value>) -> Void
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            loop.post { [store] in
                store.assumeIsolated { store in
                    body(store) { continuation.resume(with: $0) }
                }
            }
        }
    }

    func put(
        _ path: String, _ content: [UInt8], operation: OperationID = .test(),
        conditions: WriteConditions = .none, modified: Timestamp? = nil,
        created: Timestamp? = nil
    ) async throws -> WriteResponse {
        let write = WriteRequest(
            operation: operation, path: try .test(path), conditions: conditions,
            contentType: "text/plain", created: created, modified: modified,
            byteCount: UInt64(content.count), digest: .test(content))
        return try await ask { $0.put(PutRequest(write: write, content: content), $1) }
    }

    /// What the cluster's brain answers.
    func ask(_ request: ClientRequest) async -> ClientAnswer {
        await withCheckedContinuation { continuation in
            loop.post { [store] in
                store.assumeIsolated { store in
                    store.askCluster(request) { continuation.resume(returning: $0) }
                }
            }
        }
    }

    /// Many small files: fewer at a time than a slow disk does within a request's time.
    func put(_ files: [(path: String, content: [UInt8])]) async throws {
        for start in stride(from: 0, to: files.count, by: 250) {
            try await withThrowingTaskGroup { group in
                for (path, content) in files[start..<min(start + 250, files.count)] {
                    group.addTask { _ = try await self.put(path, content) }
                }
                try await group.waitForAll()
            }
        }
    }

    /// Lets everything go that was at the path before: it is kept a moment after the write was answered.
    func purge(_ path: String) async throws {
        let path = try StorePath.test(path)
        let deadline = ContinuousClock.now + .seconds(10)
        while true {
            let answer = await ask(.purge(path, []))
            if answer == .done { return }
            guard answer == .notFound, .now < deadline else {
                throw CorruptRow(description: "nothing was purged: \(answer)")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    struct Found {
        var response: LookupResponse
        var content: [UInt8]?
    }

    func lookUp(
        _ path: String, wantsContent: Bool = true, version: Dot? = nil
    ) async throws -> Found {
        let request = LookupRequest(
            path: try .test(path), wantsContent ? .content : .facts, version: version)
        let reply: LookupReply = try await withCheckedThrowingContinuation { continuation in
            loop.post { [store] in
                store.assumeIsolated { store in
                    store.lookUp(request) { continuation.resume(with: $0) }
                }
            }
        }
        return Found(response: reply.response, content: try await content(of: reply))
    }

    /// As a gateway gets it.
    private func content(of reply: LookupReply) async throws -> [UInt8]? {
        switch reply.response {
        case .inline(_, let bytes): return bytes
        case .descriptor(let facts): return try read(reply.descriptor, 0, facts.byteCount)
        case .region(let facts, let offset):
            return try read(reply.descriptor, offset, facts.byteCount)
        case .windows(let facts, let object):
            return try await readWindows(object, facts.byteCount)
        case .file, .directory, .heldFile, .heldDirectory, .remote: return nil
        }
    }

    private func read(
        _ file: HandedDescriptor?, _ offset: UInt64, _ byteCount: UInt64
    ) throws -> [UInt8] {
        let file = try #require(file)
        return try LentFile(file: file, offset: offset, byteCount: byteCount).read(0..<byteCount)
    }

    private func readWindows(_ object: ObjectID, _ byteCount: UInt64) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while UInt64(bytes.count) < byteCount {
            let window = try await window(object, UInt64(bytes.count), 300_000)
            try #require(!window.isEmpty)
            bytes += window
        }
        // Behind the end there is nothing.
        #expect(try await window(object, byteCount, 10) == [])
        return bytes
    }

    /// A window of a content, as a gateway asks for it.
    func window(
        _ object: ObjectID, _ offset: UInt64, _ byteCount: UInt32
    ) async throws -> [UInt8] {
        let request = ReadContentRequest(object: object, offset: offset, byteCount: byteCount)
        let (response, file): (OpenContentResponse, HandedDescriptor?) = try await ask {
            store, reply in
            store.readContent(request) { reply($0) }
        }
        switch response {
        case .inline(let bytes): return bytes
        case .descriptor(let byteCount): return try read(file, 0, byteCount)
        case .region, .windows: throw CorruptRow(description: "no window")
        }
    }

    /// The descriptor of a large file.
    func open(_ path: String) async throws -> HandedDescriptor? {
        let request = LookupRequest(path: try .test(path), wantsContent: true)
        return try await withCheckedThrowingContinuation { continuation in
            loop.post { [store] in
                store.assumeIsolated { store in
                    store.lookUp(request) { continuation.resume(with: $0.map(\.descriptor)) }
                }
            }
        }
    }

    /// The content at a path, nil where no file is.
    func content(_ path: String) async throws -> [UInt8]? {
        do {
            return try await lookUp(path).content
        } catch let error as RemoteError where error.code == .notFound {
            return nil
        }
    }

    func delete(
        _ path: String, operation: OperationID = .test(), recursive: Bool = false,
        directoryOnly: Bool = false, conditions: WriteConditions = .none
    ) async throws -> WriteResponse {
        let request = DeleteRequest(
            operation: operation, path: try .test(path), conditions: conditions,
            recursive: recursive, directoryOnly: directoryOnly)
        return try await ask { $0.delete(request, $1) }
    }

    func makeDirectory(
        _ path: String, operation: OperationID = .test()
    ) async throws -> WriteResponse {
        let request = MakeDirectoryRequest(operation: operation, path: try .test(path))
        return try await ask { $0.makeDirectory(request, $1) }
    }

    func list(
        _ path: String, after: String = "", limit: UInt32 = 1000
    ) async throws -> ListResponse {
        let request = ListRequest(path: try .test(path), after: [UInt8](after.utf8), limit: limit)
        return try await ask { $0.list(request, $1) }
    }

    /// Whether the names become these: what is above a directory hears of it a little later.
    func lists(_ path: String, _ names: [String]) async throws -> Bool {
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            if try await self.names(path) == names { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    func names(_ path: String) async throws -> [String] {
        try await list(path).entries.map { String(decoding: $0.name, as: UTF8.self) }
    }

    func status() async throws -> StoreStatus { try await ask { $0.status($1) } }

    /// The status when it counts so many files, or after half a minute: the last write is acknowledged when
    /// it is prepared, and counts when it is committed.
    func status(counting fileCount: Int) async throws -> StoreStatus {
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            let status = try await status()
            if status.fileCount == UInt64(fileCount) || ContinuousClock.now >= deadline {
                return status
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Whether so many warnings are said, now or a little later.
    func warns(_ count: Int) async throws -> Bool {
        let deadline = ContinuousClock.now + .seconds(20)
        while ContinuousClock.now < deadline {
            if try await status().warnings.count == count { return true }
            try await Task.sleep(for: .milliseconds(20))
        }
        return false
    }

    /// A descriptor for writing.
    func beginUpload(
        _ path: String, operation: OperationID, link: UInt64 = 1,
        conditions: WriteConditions = .none, byteCount: UInt64? = nil
    ) async throws -> HandedDescriptor {
        let request = BeginUploadRequest(
            operation: operation, path: try .test(path), conditions: conditions,
            byteCount: byteCount)
        return try await ask { store, reply in
            store.beginUpload(request, link: link) { reply($0.map(\.file)) }
        }
    }

    /// The same, and how its content is sealed.
    func beginStaging(
        _ path: String, operation: OperationID, conditions: WriteConditions = .none
    ) async throws -> Staging {
        let request = BeginUploadRequest(
            operation: operation, path: try .test(path), conditions: conditions, byteCount: nil)
        return try await ask { $0.beginUpload(request, link: 1, $1) }
    }

    func commitUpload(
        _ path: String, _ content: [UInt8], operation: OperationID,
        conditions: WriteConditions = .none, byteCount: UInt64? = nil
    ) async throws -> WriteResponse {
        let write = WriteRequest(
            operation: operation, path: try .test(path), conditions: conditions,
            contentType: "video/mp4", created: nil, modified: nil,
            byteCount: byteCount ?? UInt64(content.count), digest: .test(content))
        return try await ask { $0.commitUpload(write, $1) }
    }

    /// A whole upload, as a gateway makes it.
    func upload(
        _ path: String, _ content: [UInt8], operation: OperationID = .test(),
        conditions: WriteConditions = .none
    ) async throws -> WriteResponse {
        let staging = try await beginStaging(path, operation: operation, conditions: conditions)
        if let file = staging.file.take() {
            if let sealing = staging.sealing {
                var sealer = try ContentSealer(
                    ContentKey(header: sealing.header, key: sealing.key), chunk: 0)
                var sealed: [UInt8] = []
                sealer.seal(content, into: &sealed)
                sealer.finish(into: &sealed)
                try FileIO.write(sealed, to: file, at: Int64(sealing.header.count))
            } else {
                try FileIO.write(content, to: file, at: 0)
            }
        }
        return try await commitUpload(
            path, content, operation: operation, conditions: conditions)
    }

    @discardableResult
    func onStore<Value: Sendable>(
        _ body: @escaping @Sendable (isolated Store) -> Value
    ) async -> Value {
        await withCheckedContinuation { continuation in
            loop.post { [store] in
                continuation.resume(returning: store.assumeIsolated { body($0) })
            }
        }
    }

    /// Writes everything out and ends the store in order.
    func end() async {
        let engine = store.engine
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                engine.end()
                continuation.resume()
            }
        }
        loop.stop()
    }
}

extension StorePath {
    static func test(_ text: String) throws -> StorePath { try StorePath(validating: text.utf8) }
}

extension OperationID {
    /// A fresh one, of now.
    static func test(millisecondsAgo: Int64 = 0) -> OperationID {
        var generator = SystemRandomNumberGenerator()
        let now = WallClock.now.nanoseconds / 1_000_000 - millisecondsAgo
        return OperationID(wallMilliseconds: UInt64(now), using: &generator)
    }
}

extension Digest {
    static func test(_ content: [UInt8]) -> Digest { ContentCheck.digest(of: content) }
}

/// The code of the error that `body` must end with.
func refusal(
    _ body: () async throws -> some Any
) async -> RemoteError.Code? {
    do {
        _ = try await body()
        return nil
    } catch let error as RemoteError {
        return error.code
    } catch {
        Issue.record("another error: \(error)")
        return nil
    }
}
