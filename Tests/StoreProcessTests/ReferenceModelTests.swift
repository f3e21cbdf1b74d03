import IPC
import Model
import Testing

@testable import StoreProcess

/// The store against a dictionary: random operations from a seed, with restarts in between.
@Suite struct ReferenceModelTests {
    /// What a store must look like.
    private struct Reference {
        var files: [String: [UInt8]] = [:]
        var marks: Set<String> = []
        /// Of files and marked directories.
        var properties: [String: [UInt8]] = [:]

        func parents(_ path: String) -> [String] {
            var parts = path.split(separator: "/").dropLast().map(String.init)
            var found: [String] = []
            while !parts.isEmpty {
                found.append("/" + parts.joined(separator: "/"))
                parts.removeLast()
            }
            return found
        }

        func isDirectory(_ path: String) -> Bool {
            path == "/" || marks.contains(path)
                || (Array(files.keys) + Array(marks)).contains { parents($0).contains(path) }
        }

        /// Names directly below.
        func names(_ directory: String) -> [String] {
            let prefix = directory == "/" ? "/" : directory + "/"
            let below = (Array(files.keys) + Array(marks)).filter { $0.hasPrefix(prefix) }
            return Set(below.map { String($0.dropFirst(prefix.count).prefix { $0 != "/" }) })
                .sorted()
        }

        mutating func put(_ path: String, _ content: [UInt8]) -> RemoteError.Code? {
            if isDirectory(path) { return .isDirectory }
            if parents(path).contains(where: { files[$0] != nil }) { return .notDirectory }
            files[path] = content
            return nil
        }

        mutating func make(_ path: String) -> RemoteError.Code? {
            if ([path] + parents(path)).contains(where: { files[$0] != nil }) {
                return .notDirectory
            }
            marks.insert(path)
            return nil
        }

        mutating func describe(_ path: String, _ new: [UInt8]) -> RemoteError.Code? {
            if files[path] == nil {
                guard isDirectory(path) else { return .notFound }
                marks.insert(path)
            }
            properties[path] = new
            return nil
        }

        mutating func delete(_ path: String, recursive: Bool) -> RemoteError.Code? {
            defer {
                properties = properties.filter { files[$0.key] != nil || marks.contains($0.key) }
            }
            if files.removeValue(forKey: path) != nil { return nil }
            if !isDirectory(path) { return .notFound }
            if !recursive {
                if !names(path).isEmpty { return .directoryNotEmpty }
                marks.remove(path)
                return nil
            }
            files = files.filter { !$0.key.hasPrefix(path + "/") }
            marks = marks.filter { $0 != path && !$0.hasPrefix(path + "/") }
            return nil
        }
    }

    private static let names = ["a", "b", "c", "a!", "a0", "é"]

    private func path(using generator: inout SplitMix64) -> String {
        let depth = Int.random(in: 1...3, using: &generator)
        return (0..<depth).map { _ in
            "/" + Self.names[Int.random(in: 0..<Self.names.count, using: &generator)]
        }.joined()
    }

    /// More seeds for the kind that most have.
    private static let runs: [(StorageKind, UInt64)] =
        (1...6).map { (.rawfile, $0) } + StorageKind.allCases.map { ($0, 7) }

    @Test(arguments: runs)
    func aStoreIsItsReference(kind: StorageKind, seed: UInt64) async throws {
        try await check(kind, seed)
    }

    @Test(arguments: StorageKind.allCases)
    func anEncryptedStoreIsItsReference(kind: StorageKind) async throws {
        try await check(kind, 8, phrase: "correct horse")
    }

    private func check(_ kind: StorageKind, _ seed: UInt64, phrase: String? = nil) async throws {
        var generator = SplitMix64(seed: seed)
        let directory = try TemporaryDirectory()
        var store = try await TestStore(directory, kind, phrase: phrase)
        var reference = Reference()
        for step in 0..<250 {
            let path = path(using: &generator)
            let outcome: RemoteError.Code?
            let expected: RemoteError.Code?
            switch Int.random(in: 0..<22, using: &generator) {
            case 0..<9:
                let content = [UInt8](repeating: UInt8(step & 0xFF), count: step % 40)
                expected = reference.put(path, content)
                outcome = await refusal { try await store.put(path, content) }
            case 9:
                let content = [UInt8](repeating: UInt8(step & 0xFF), count: 66_000 + step)
                expected = reference.put(path, content)
                let current = store
                outcome = await refusal { try await current.upload(path, content) }
            case 10..<13:
                expected = reference.make(path)
                outcome = await refusal { try await store.makeDirectory(path) }
            case 13..<17:
                expected = reference.delete(path, recursive: false)
                outcome = await refusal { try await store.delete(path) }
            case 17:
                expected = reference.delete(path, recursive: true)
                outcome = await refusal { try await store.delete(path, recursive: true) }
            case 18:
                (outcome, expected) = (nil, nil)
                let content = try await read(store, path)
                #expect(content == reference.files[path], "seed \(seed), step \(step), \(path)")
            case 19, 20:
                let properties = [UInt8](repeating: 1, count: step % 5 == 0 ? 0 : step * 10)
                let seen = reference.properties[path] ?? []
                expected = reference.describe(path, properties)
                outcome = try await describe(path, properties, seen: seen, store)
            default:
                (outcome, expected) = (nil, nil)
                if step.isMultiple(of: 3) {
                    await store.end()
                    store = try await TestStore(directory, phrase: phrase)
                }
            }
            #expect(outcome == expected, "seed \(seed), step \(step), \(path)")
        }
        try await compare(store, reference, "/")
        let status = try await store.status(counting: reference.files.count)
        #expect(status.fileCount == UInt64(reference.files.count))
        #expect(status.contentByteCount == UInt64(reference.files.values.map(\.count).reduce(0, +)))
        #expect(status.warnings == [])
        await store.end()
        #expect(directory.names("staging") == [])
        #expect(try directory.objectFault(phrase: phrase) == nil)
        guard kind == .rawfile, phrase == nil else { return }
        let tree = directory.tree("files")
        #expect(
            tree
                == Dictionary(
                    uniqueKeysWithValues: reference.files.map {
                        (String($0.key.dropFirst()), $0.value)
                    }
                ))
    }

    private func describe(
        _ path: String, _ properties: [UInt8], seen: [UInt8], _ store: TestStore
    ) async throws -> RemoteError.Code? {
        let request = SetPropertiesRequest(
            operation: .test(), path: try .test(path), seen: seen, properties: properties,
            conditions: .none)
        return await refusal {
            let _: WriteResponse = try await store.ask { $0.setProperties(request, $1) }
            return true
        }
    }

    private func read(_ store: TestStore, _ path: String) async throws -> [UInt8]? {
        do {
            return try await store.lookUp(path).content
        } catch let error as RemoteError where error.code == .notFound {
            return nil
        }
    }

    private func compare(
        _ store: TestStore, _ reference: Reference, _ directory: String
    ) async throws {
        let request = PropertiesRequest(paths: [try .test(directory)])
        let found: PropertiesResponse = try await store.ask { $0.properties(request, $1) }
        #expect(found.properties == [reference.properties[directory] ?? []], "\(directory)")
        let names = reference.names(directory)
        // In the order of their bytes.
        #expect(
            try await store.lists(
                directory, names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }))
        for name in names {
            let path = directory == "/" ? "/\(name)" : "\(directory)/\(name)"
            if let content = reference.files[path] {
                #expect(try await store.content(path) == content)
                var request = LookupRequest(path: try .test(path), wantsContent: false)
                request.wantsProperties = true
                let asked = request
                let response: LookupResponse = try await store.ask { store, reply in
                    store.lookUp(asked) { reply($0.map(\.response)) }
                }
                guard case .file(let facts) = response else {
                    Issue.record("\(path) is no file")
                    continue
                }
                #expect(facts.properties == .bytes(reference.properties[path] ?? []), "\(path)")
            } else {
                try await compare(store, reference, path)
            }
        }
    }
}
