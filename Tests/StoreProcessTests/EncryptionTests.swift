import Foundation
import IPC
import Model
import Posix
import Sealing
import Testing
import Transfer

@testable import StoreProcess

/// Encrypted directories: everything works, nothing is in the clear, and no other key opens them.
@Suite struct EncryptionTests {
    private let phrase = "correct horse"
    private let secret = [UInt8]("these words are found wherever they are in the clear".utf8)

    /// What contains one of the words that must not be on the disk.
    private func leaks(_ directory: TemporaryDirectory) -> [String] {
        let words = [Array(secret[..<24]), [UInt8]("hidden-name".utf8), [UInt8]("text/plain".utf8)]
        return directory.tree(".").filter { file in
            words.contains { word in Data(file.value).range(of: Data(word)) != nil }
        }.map(\.key)
    }

    /// A content that has the words in every part, and no two parts alike.
    private func large(_ count: Int) -> [UInt8] {
        var content: [UInt8] = []
        while content.count < count { content += secret + [UInt8]("\(content.count)".utf8) }
        return Array(content[..<count])
    }

    @Test(arguments: StorageKind.allCases)
    func everythingWorksAndNothingIsInTheClear(_ kind: StorageKind) async throws {
        let directory = try TemporaryDirectory()
        var store = try await TestStore(directory, kind, phrase: phrase)
        let contents: [(String, [UInt8])] = [
            ("/hidden-name", secret), ("/empty", []), ("/hidden-name-2/f", large(60_000)),
            ("/edge", large(65_536)),
        ]
        let uploads: [(String, [UInt8])] = [
            ("/hidden-name-3", large(65_537)), ("/whole", large(131_072)),
            ("/large", large(700_000)),
        ]
        for (path, content) in contents { _ = try await store.put(path, content) }
        for (path, content) in uploads { _ = try await store.upload(path, content) }
        #expect(leaks(directory) == [])
        #expect(try await store.status().isEncrypted)
        for round in 0..<2 {
            for (path, content) in contents + uploads {
                #expect(try await store.content(path) == content, "\(path) in round \(round)")
            }
            // Written out, and the log copied into the database.
            await store.end()
            #expect(leaks(directory) == [])
            if kind == .rawfile {
                #expect(directory.tree("objects").count == contents.count + uploads.count)
            }
            #expect(directory.tree("staging") == [:])
            #expect(directory.names("files") == [])
            store = try await TestStore(directory, phrase: phrase)
        }
        _ = try await store.delete("/large")
        #expect(try await store.content("/large") == nil)
        await store.end()
        #expect(
            String(decoding: directory.contents("FORMAT") ?? [], as: UTF8.self)
                == "clusterf 2 \(kind.rawValue) 1 encrypted\n")
        // The look itself finds what there is to find.
        let plain = try TemporaryDirectory()
        let other = try await TestStore(plain)
        _ = try await other.put("/hidden-name", secret)
        #expect(!leaks(plain).isEmpty)
        await other.end()
    }

    @Test(arguments: StorageKind.allCases)
    func aDeathBeforeTheWriteOutLosesNothing(_ kind: StorageKind) async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory, kind, isKept: false, phrase: phrase)
        _ = try await store.put("/small", secret)
        _ = try await store.upload("/large", large(200_000))
        let left = try directory.snapshot()
        await store.end()
        #expect(leaks(left) == [])
        let again = try await TestStore(left, phrase: phrase)
        #expect(try await again.content("/small") == secret)
        #expect(try await again.content("/large") == large(200_000))
        await again.end()
        #expect(left.names("staging") == [])
    }

    /// Why a start is refused.
    private func refusal(
        _ directory: TemporaryDirectory, _ phrase: String?
    ) async -> String? {
        do {
            let store = try await TestStore(directory, phrase: phrase)
            await store.end()
            return nil
        } catch let failure as PermanentFailure {
            return failure.description
        } catch {
            Issue.record("another error: \(error)")
            return nil
        }
    }

    @Test func onlyTheRightKeyOpens() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory, phrase: phrase)
        _ = try await store.put("/f", [1])
        await store.end()
        let before = directory.tree(".")
        let wrong = try #require(await refusal(directory, "battery staple"))
        #expect(wrong.contains("the encryption key is wrong for this data directory"))
        let missing = try #require(await refusal(directory, nil))
        #expect(missing.contains("is encrypted, and no encryption key was given"))
        #expect(directory.tree(".") == before)
        let again = try await TestStore(directory, phrase: phrase)
        #expect(try await again.content("/f") == [1])
        await again.end()
    }

    /// It looks like a new directory then, of which the keys would be made anew.
    @Test func aLostFormatIsSaidAndTheKeysStay() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory, phrase: phrase)
        _ = try await store.put("/f", [1])
        await store.end()
        let url = URL(fileURLWithPath: "\(directory.path)/FORMAT")
        let format = try Data(contentsOf: url)
        try FileManager.default.removeItem(at: url)
        let before = directory.tree(".")
        for given in [phrase, nil] {
            let text = try #require(await refusal(directory, given))
            #expect(text.contains("no FORMAT"))
        }
        #expect(directory.tree(".") == before)
        try format.write(to: url)
        let again = try await TestStore(directory, phrase: phrase)
        #expect(try await again.content("/f") == [1])
        await again.end()
    }

    @Test func aKeyForAPlainDirectoryIsRefused() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        _ = try await store.put("/f", [1])
        await store.end()
        let text = try #require(await refusal(directory, phrase))
        #expect(text.contains("is not encrypted and cannot become so"))
        #expect(await refusal(directory, nil) == nil)
    }

    @Test func aKeyFileThatIsGoneOrDamagedIsSaidToBeThat() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory, phrase: phrase)
        await store.end()
        let url = URL(fileURLWithPath: "\(directory.path)/KEY")
        let good = try Data(contentsOf: url)
        var bad = good
        bad[40] ^= 1
        try bad.write(to: url)
        #expect(try #require(await refusal(directory, phrase)).contains("KEY is damaged"))
        try FileManager.default.removeItem(at: url)
        #expect(try #require(await refusal(directory, phrase)).contains("KEY is gone"))
        try good.write(to: url)
        #expect(await refusal(directory, phrase) == nil)
    }

    /// A death between `KEY` and `FORMAT`: nothing was encrypted with those keys.
    @Test func keysOfADirectoryThatWasNeverMadeAreMadeAnew() async throws {
        let made = try TemporaryDirectory()
        let store = try await TestStore(made, phrase: "another phrase")
        await store.end()
        let key = try Data(contentsOf: URL(fileURLWithPath: "\(made.path)/KEY"))
        for phrase in [phrase, nil] {
            let directory = try TemporaryDirectory()
            try key.write(to: URL(fileURLWithPath: "\(directory.path)/KEY"))
            #expect(await refusal(directory, phrase) == nil)
            #expect((directory.contents("KEY") == nil) == (phrase == nil))
        }
    }

    @Test func unknownWordsOfTheFormatAreRefused() async throws {
        for line in [
            "clusterf 2 rawfile 1\n", "clusterf 2 rawfile 1 encoded\n",
            "clusterf 1 rawfile 1 encrypted\n", "clusterf 3 rawfile 1 encrypted\n",
            "clusterf 2 rawfile 1 encrypted twice\n",
        ] {
            let directory = try TemporaryDirectory()
            try Data(line.utf8).write(to: URL(fileURLWithPath: "\(directory.path)/FORMAT"))
            #expect(await refusal(directory, phrase) != nil)
            #expect(directory.contents("FORMAT") == [UInt8](line.utf8))
        }
    }

    @Test func damageIsAnErrorAndNeverAWrongAnswer() async throws {
        let directory = try TemporaryDirectory()
        var store = try await TestStore(directory, phrase: phrase)
        let content = large(300_000)
        _ = try await store.put("/small", secret)
        _ = try await store.upload("/large", content)
        await store.end()
        let objects = directory.tree("objects")
        let small = try #require(objects.first { $0.value.count < 1000 }?.key)
        let big = try #require(objects.first { $0.value.count > 1000 }?.key)
        func change(_ name: String, _ body: (inout Data) -> Void) throws {
            let url = URL(fileURLWithPath: "\(directory.path)/objects/\(name)")
            var bytes = Data(objects[name] ?? [])
            body(&bytes)
            try bytes.write(to: url)
        }
        let changes: [(String, (inout Data) -> Void)] = [
            ("a bit", { $0[70] ^= 1 }), ("the header", { $0[20] ^= 1 }),
            ("cut", { $0.removeLast(30) }), ("empty", { $0 = Data() }),
            ("longer", { $0.append(Data(count: 16)) }),
            ("the other's", { $0 = Data(objects[big] ?? []) }),
        ]
        for (name, body) in changes {
            try change(small, body)
            store = try await TestStore(directory, phrase: phrase)
            await #expect(throws: RemoteError.self, "\(name)") {
                _ = try await store.content("/small")
            }
            #expect(try await store.content("/large") == content)
            await store.end()
        }
        // In the third chunk: what lies before it is served, what needs it is not.
        try change(small) { _ in }
        try change(big) { $0[64 + 2 * 65_552 + 5] ^= 1 }
        store = try await TestStore(directory, phrase: phrase)
        let object = try #require(ObjectID(hex: big.suffix(32)))
        #expect(try await store.window(object, 0, 131_072) == Array(content[..<131_072]))
        await #expect(throws: RemoteError.self) {
            _ = try await store.window(object, 131_000, 9_000)
        }
        #expect(try await store.window(object, 196_608, 3_392) == Array(content[196_608..<200_000]))
        await store.end()
    }

    /// The gateway wrote less than it said, or not the end.
    @Test func anUploadWithoutItsEndIsRefused() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory, phrase: phrase)
        let content = large(150_000)
        for dropped in [0, 1, 16, 18_944, 80_000] {
            let operation = OperationID.test()
            let staging = try await store.beginStaging("/f", operation: operation)
            let sealing = try #require(staging.sealing)
            var sealer = try ContentSealer(
                ContentKey(header: sealing.header, key: sealing.key), chunk: 0)
            var sealed: [UInt8] = []
            sealer.seal(content, into: &sealed)
            if dropped != 0 { sealer.finish(into: &sealed) }
            if let file = staging.file.take() {
                try FileIO.write(Array(sealed.dropLast(dropped)), to: file, at: 64)
            }
            await #expect(throws: RemoteError.self) {
                _ = try await store.commitUpload("/f", content, operation: operation)
            }
        }
        await store.end()
    }

    /// What others fetch while it is uploaded is what is sealed by then.
    @Test func aGrowingUploadIsReadUpToItsLastWholeChunk() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory, phrase: phrase)
        let content = large(200_000)
        let operation = OperationID.test()
        let staging = try await store.beginStaging("/f", operation: operation)
        let sealing = try #require(staging.sealing)
        let object = try ContentHeader(sealing.header).object
        var sealer = try ContentSealer(
            ContentKey(header: sealing.header, key: sealing.key), chunk: 0)
        var sealed: [UInt8] = []
        sealer.seal(content, into: &sealed)
        guard let file = staging.file.take() else {
            Issue.record("no file")
            return
        }
        try FileIO.write(sealed, to: file, at: 64)
        let opened = try StagingFile.content(operation, of: object, store.store.engine.directory)
        #expect(opened.byteCount == 196_608)
        #expect(try opened.read(0..<196_608) == Array(content[..<196_608]))
        var end: [UInt8] = []
        sealer.finish(into: &end)
        try FileIO.write(end, to: file, at: Int64(64 + sealed.count))
        let whole = try StagingFile.content(operation, of: object, store.store.engine.directory)
        #expect(whole.byteCount == 200_000)
        #expect(try whole.read(196_000..<200_000) == Array(content[196_000...]))
        #expect(throws: ContentDamage.self) {
            try StagingFile.content(
                operation, of: ObjectID(bits: Bits128(high: 1, low: 1)),
                store.store.engine.directory)
        }
        await store.end()
    }

    /// What is fetched is sealed by parts that end where chunks do.
    @Test func aFetchedContentIsSealedAndItsDigestTaken() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory, phrase: phrase)
        let engine = store.store.engine
        for count in [200_000, 196_608, 65_537] {
            let content = large(count)
            var generator = SystemRandomNumberGenerator()
            let object = ObjectID(using: &generator)
            let facts = ContentFacts(
                object: object, byteCount: UInt64(count),
                digest: ContentCheck.digest(of: content))
            let pulled = PulledFile(object)
            func write(_ range: Range<Int>, endsContent: Bool) throws {
                let staging = try #require(
                    pulled.openForWriting(
                        engine, byteCount: 1, endsContent: endsContent))
                let sealing = try #require(staging.sealing)
                #expect(sealing.endsContent == endsContent)
                var sealer = try ContentSealer(
                    ContentKey(header: sealing.header, key: sealing.key),
                    chunk: UInt32(range.lowerBound / 65_536))
                let place = sealer.storedByteCount
                var out: [UInt8] = []
                sealer.seal(content[range], into: &out)
                if endsContent { sealer.finish(into: &out) } else { sealer.flush(into: &out) }
                if let file = staging.file.take() {
                    try FileIO.write(out, to: file, at: Int64(place))
                }
            }
            try write(0..<65_536, endsContent: false)
            pulled.checkAhead(upTo: 65_536)
            try write(65_536..<count, endsContent: true)
            #expect(pulled.finish(facts, engine) == .good)
            let opened = try StagingFile.content(
                pulled.operation, of: object, engine.directory)
            #expect(opened.byteCount == UInt64(count))
            #expect(try opened.read(opened.whole) == content)
        }
        #expect(leaks(directory) == [])
        await store.end()
    }

    @Test func othersFetchOnlyWholeChunksOfWhatGrows() async throws {
        let (sealed, plain) = (try TemporaryDirectory(), try TemporaryDirectory())
        let (a, b) = (
            try await TestStore(sealed, phrase: phrase), try await TestStore(plain)
        )
        for (told, fetched) in [
            (0, 0), (1, 0), (65_536, 0), (65_537, 65_536), (131_072, 65_536), (200_000, 196_608),
        ] as [(UInt64, UInt64)] {
            await a.onStore { #expect($0.fetchedByteCount(growing: told) == fetched) }
            await b.onStore { #expect($0.fetchedByteCount(growing: told) == told) }
        }
        await a.end()
        await b.end()
    }
}
