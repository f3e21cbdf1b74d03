import Foundation
import IPC
import Model
import Posix
import Sealing
import Testing

@testable import StoreProcess

/// Another phrase and another data key for all of a directory.
@Suite struct RekeyingTests {
    private struct Death: Error {}

    private let old = "correct horse"
    private let new = "battery staple"
    private static let files: [(path: String, content: [UInt8])] = [
        ("/small", [1, 2, 3]), ("/empty", []), ("/edge", noise(65_536, seed: 1)),
        ("/large", noise(300_000, seed: 2)), ("/chunks", noise(131_072, seed: 3)),
    ]

    private func stopped(_ kind: StorageKind) async throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory, kind, phrase: old)
        for (path, content) in Self.files {
            if content.count > 65_536 {
                _ = try await store.upload(path, content)
            } else {
                _ = try await store.put(path, content)
            }
        }
        _ = try await store.beginStaging("/underway", operation: .test())
        await store.end()
        return directory
    }

    private func rekey(
        _ directory: TemporaryDirectory, _ old: String? = nil, _ new: String? = nil,
        reached: @escaping (Rekeying.Step) throws -> Void = { _ in }
    ) async throws -> Rekeying.Outcome {
        let from = try EncryptionPhrase((old ?? self.old).utf8)
        let to = try EncryptionPhrase((new ?? self.new).utf8)
        // The threads of a store wait for each other within: not on a thread of the tests.
        return try await withCheckedThrowingContinuation { continuation in
            let path = directory.bytePath
            nonisolated(unsafe) let reached = reached
            Thread.detachNewThread {
                continuation.resume(
                    with: Result {
                        try Rekeying(
                            path, from: from, to: to, cost: .test, say: { _ in },
                            reached: reached
                        ).run()
                    })
            }
        }
    }

    private func check(_ directory: TemporaryDirectory, _ phrase: String) async throws {
        let store = try await TestStore(directory, phrase: phrase)
        for (path, content) in Self.files { #expect(try await store.content(path) == content) }
        #expect(try await store.status().warnings == [])
        _ = try await store.put("/new", [7])
        #expect(try await store.content("/new") == [7])
        _ = try await store.delete("/new")
        try await store.purge("/new")
        await store.end()
    }

    private func ring(_ directory: TemporaryDirectory, _ phrase: String) throws -> KeyRing {
        try WrappedKeys(text: directory.contents("KEY") ?? [])
            .unwrapped(with: try EncryptionPhrase(phrase.utf8))
    }

    /// Nothing needs the old data key any more: the new one alone opens everything.
    private func checkDone(_ directory: TemporaryDirectory) async throws {
        #expect(try ring(directory, new).count == 1)
        #expect(throws: KeyFileError.wrongPhrase) { try ring(directory, old) }
        await #expect(throws: PermanentFailure.self) {
            _ = try await TestStore(directory, phrase: old)
        }
        try await check(directory, new)
    }

    @Test(arguments: StorageKind.allCases)
    func everythingIsUnderTheNewKey(_ kind: StorageKind) async throws {
        let directory = try await stopped(kind)
        let outcome = try await rekey(directory)
        #expect(outcome == .init(objectCount: 5, sealedCount: 5))
        #expect(try ring(directory, new).current.epoch == 2)
        try await checkDone(directory)
        #expect(try await rekey(directory) == .init(wasDone: true))
        // The same phrase: the data key is another one.
        #expect(try await rekey(directory, new, new).sealedCount == 5)
        #expect(try ring(directory, new).current.epoch == 3)
        try await checkDone(directory)
    }

    @Test(arguments: Rekeying.Step.allCases)
    func aDeathAnywhereLosesNothingAndItGoesOn(_ step: Rekeying.Step) async throws {
        let directory = try await stopped(.rawfile)
        await #expect(throws: Death.self) {
            _ = try await rekey(directory) { if $0 == step { throw Death() } }
        }
        // A node may run on it as it is.
        let left = try directory.snapshot()
        try await check(left, new)
        for place in [directory, left] {
            _ = try await rekey(place)
            try await checkDone(place)
        }
    }

    @Test func anEncryptedNodeIsConvertedAndStaysEncrypted() async throws {
        let directory = try await stopped(.rawfile)
        let phrase = try EncryptionPhrase(old.utf8)
        for kind in [StorageKind.extent, .sqlite, .bolt, .rawfile] {
            let outcome: Conversion.Outcome = try await withCheckedThrowingContinuation {
                continuation in
                let path = directory.bytePath
                Thread.detachNewThread {
                    continuation.resume(
                        with: Result {
                            try Conversion(path, to: kind, phrase: phrase, say: { _ in }).run()
                        })
                }
            }
            #expect(outcome.copiedCount == 5)
            let format = String(decoding: directory.contents("FORMAT") ?? [], as: UTF8.self)
            #expect(format == "clusterf 2 \(kind.rawValue) 1 encrypted\n")
            try await check(directory, old)
            #expect(directory.names("files") == [])
        }
    }

    @Test func aWrongPhraseChangesNothing() async throws {
        let directory = try await stopped(.rawfile)
        let before = directory.tree(".")
        await #expect(throws: PermanentFailure.self) { try await rekey(directory, "another one") }
        #expect(directory.tree(".") == before)
        let plain = try TemporaryDirectory()
        let store = try await TestStore(plain)
        await store.end()
        await #expect(throws: PermanentFailure.self) { try await rekey(plain) }
    }

    @Test func whatCannotBeReadKeepsTheOldDataKey() async throws {
        let directory = try await stopped(.rawfile)
        let name = try #require(directory.tree("objects").keys.sorted().first)
        let url = URL(fileURLWithPath: "\(directory.path)/objects/\(name)")
        let good = try Data(contentsOf: url)
        var bad = good
        bad[70] ^= 1
        try bad.write(to: url)
        let outcome = try await rekey(directory)
        #expect(outcome.unreadable.count == 1)
        #expect(try ring(directory, new).count == 2)
        try good.write(to: url)
        #expect(try await rekey(directory).sealedCount == 1)
        try await checkDone(directory)
    }
}
