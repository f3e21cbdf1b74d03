import Foundation
import GRDB
import IPC
import Loop
import Model
import Posix
import Testing

@testable import StoreProcess

/// Whole stores whose disks lose or change something: it is found, said, and served to nobody.
@Suite struct IntegrityTests {
    private static let large = noise(200_000, seed: 5)
    private static let small = noise(5000, seed: 6)

    /// A store with files that ended, all of them in their places.
    private func directory(_ kind: StorageKind, phrase: String? = nil) async throws
        -> TemporaryDirectory
    {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory, kind, phrase: phrase)
        _ = try await store.upload("/d/large", Self.large)
        _ = try await store.put("/d/small", Self.small)
        _ = try await store.put("/d/other", [1, 2, 3])
        await store.end()
        try await bringToPlace(directory, phrase: phrase)
        return directory
    }

    /// Changes a byte where `bytes` lie in a file of the contents, as a disk does it: nothing else shows it.
    private func flip(_ bytes: ArraySlice<UInt8>, in directory: TemporaryDirectory) throws {
        let wanted = Data(bytes)
        for folder in ["objects", "extent", "sqlite", "bolt"] {
            for (name, content) in directory.tree(folder) {
                guard let range = Data(content).range(of: wanted) else { continue }
                let path = "\(directory.path)/\(folder)/\(name)"
                try keepingTimes(of: path) {
                    let handle = try #require(FileHandle(forUpdatingAtPath: path))
                    try handle.seek(toOffset: UInt64(range.lowerBound))
                    try handle.write(contentsOf: [content[range.lowerBound] ^ 0x40])
                    try handle.close()
                }
                return
            }
        }
        throw CorruptRow(description: "the content is in no file")
    }

    private func keepingTimes(of path: String, _ body: () throws -> Void) throws {
        let before = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate]
        try body()
        try FileManager.default.setAttributes(
            [.modificationDate: try #require(before)], ofItemAtPath: path)
    }

    private func object(_ path: String, _ directory: TemporaryDirectory) throws -> ObjectID {
        try record(path, directory).object
    }

    private func record(_ path: String, _ directory: TemporaryDirectory) throws -> FileRecord {
        let queue = try Schema.connect(directory.bytePath.appending("meta"), cachePages: 16)
        defer { try? queue.close() }
        return try queue.inDatabase { database in
            let reader = try MetadataReader(database)
            return try #require(try reader.record(at: .test(path))).record
        }
    }

    // MARK: What a check finds

    @Test(arguments: StorageKind.allCases)
    func aGoodDiskIsFoundGood(_ kind: StorageKind) async throws {
        let store = try await TestStore(try await directory(kind))
        let summary = try await store.check()
        #expect(summary.fileCount == 3)
        #expect(summary.verifiedCount == 3)
        #expect(summary.byteCount == 205_003)
        #expect(summary.damageCount == 0)
        #expect(summary.strays == [])
        #expect(try await store.status().warnings == [])
        await store.end()
    }

    @Test(arguments: StorageKind.allCases)
    func aFlippedByteIsFoundSaidAndNotServed(_ kind: StorageKind) async throws {
        let directory = try await directory(kind)
        try flip(Self.large[150_000..<150_100], in: directory)
        try flip(Self.small[1000..<1100], in: directory)
        var store = try await TestStore(directory)
        let summary = try await store.check()
        #expect(summary.verifiedCount == 1)
        #expect(summary.damageCount == 2)
        #expect(summary.damage.map { "\($0.path)" }.sorted() == ["/d/large", "/d/small"])
        #expect(summary.quarantinedCount == 2)
        #expect(summary.repairedCount == 0)
        for _ in 0..<2 {
            for path in ["/d/large", "/d/small"] {
                let error = try #require(await failure { try await store.lookUp(path) })
                #expect(error.isRefusal)
            }
            #expect(try await store.content("/d/other") == [1, 2, 3])
            // The next life knows it.
            await store.end()
            store = try await TestStore(directory)
        }
        let again = try await store.check()
        #expect(again.damageCount == 0)
        #expect(again.quarantinedCount == 2)
        #expect(
            try await store.status().warnings.contains { $0.contains("2 files have no good copy") })
        // What is written anew is good, and the check knows it.
        _ = try await store.put("/d/small", [7])
        #expect(try await store.content("/d/small") == [7])
        // Answered when it is prepared: a moment later it is all that there is.
        try await eventually { try await store.check().quarantinedCount == 1 }
        await store.end()
    }

    @Test(arguments: StorageKind.allCases)
    func anEncryptedContentThatWasChangedIsFound(_ kind: StorageKind) async throws {
        let phrase = "correct horse"
        let directory = try await directory(kind, phrase: phrase)
        // Nobody knows where it lies; a byte of each file of contents that is large enough.
        var count = 0
        for folder in ["objects", "extent/segments"] {
            for (name, content) in directory.tree(folder) where content.count > 200_000 {
                let handle = try #require(
                    FileHandle(forUpdatingAtPath: "\(directory.path)/\(folder)/\(name)"))
                try handle.seek(toOffset: 100_000)
                try handle.write(contentsOf: [content[100_000] ^ 1])
                try handle.close()
                count += 1
            }
        }
        let store = try await TestStore(directory, phrase: phrase)
        let summary = try await store.check()
        #expect(summary.damageCount == UInt64(count))
        #expect(summary.verifiedCount == 3 - UInt64(count))
        if count > 0 {
            #expect(await failure { try await store.lookUp("/d/large") }?.isRefusal == true)
        }
        await store.end()
    }

    @Test(arguments: StorageKind.allCases)
    func aContentThatIsMissingIsFound(_ kind: StorageKind) async throws {
        let directory = try await directory(kind)
        let lost = try object("/d/large", directory)
        try KindBench.with(kind, in: directory) { (bench: KindBench) throws in
            try bench.keeper.remove(lost)
            try bench.keeper.sync()
        }
        let store = try await TestStore(directory)
        let summary = try await store.check()
        #expect(summary.damage.map { "\($0.path)" } == ["/d/large"])
        #expect(summary.damage.first?.reason == "it is not there")
        #expect(await failure { try await store.lookUp("/d/large") }?.isRefusal == true)
        await store.end()
    }

    @Test(arguments: StorageKind.allCases)
    func aContentThatIsShorterIsFound(_ kind: StorageKind) async throws {
        let directory = try await directory(kind)
        let cut = try object("/d/large", directory)
        try KindBench.with(kind, in: directory) { (bench: KindBench) throws in
            try bench.write(cut, Array(Self.large.dropLast()))
            try bench.keeper.sync()
        }
        let store = try await TestStore(directory)
        #expect(try await store.check().damage.map { "\($0.path)" } == ["/d/large"])
        #expect(await failure { try await store.lookUp("/d/large") }?.isRefusal == true)
        await store.end()
    }

    @Test(arguments: StorageKind.allCases)
    func whatNothingNamesIsSaidAndStays(_ kind: StorageKind) async throws {
        let directory = try await directory(kind)
        try KindBench.with(kind, in: directory) { (bench: KindBench) throws in
            try bench.write(.test(77), [1])
            try bench.keeper.sync()
        }
        let folder = kind == .rawfile ? "objects" : kind.rawValue
        try directory.write("\(folder)/note.txt", [1])
        let store = try await TestStore(directory)
        let summary = try await store.check()
        #expect(summary.strayCount == 2)
        #expect(
            summary.strays.sorted()
                == ["\(folder)/note.txt", "the object \(ObjectID.test(77).hex)"].sorted())
        #expect(try await store.status().warnings.contains { $0.contains("not the store's") })
        await store.end()
        #expect(directory.contents("\(folder)/note.txt") == [1])
    }

    // MARK: What a reader finds

    @Test(arguments: StorageKind.allCases)
    func aReaderFindsDamageOfASmallFile(_ kind: StorageKind) async throws {
        let directory = try await directory(kind)
        try flip(Self.small[1000..<1100], in: directory)
        let store = try await TestStore(directory)
        let error = try #require(await failure { try await store.lookUp("/d/small") })
        #expect(error.message.contains("damaged") || error.message.contains("no good copy"))
        // It is looked at again and marked.
        try await eventually {
            let error = await failure { try await store.lookUp("/d/small") }
            return error?.message.contains("no good copy") ?? false
        }
        await store.end()
    }

    @Test(arguments: StorageKind.allCases)
    func whatAClientWasGivenIsLookedAt(_ kind: StorageKind) async throws {
        let directory = try await directory(kind)
        try flip(Self.large[150_000..<150_100], in: directory)
        let store = try await TestStore(directory)
        let path = try StorePath.test("/d/large")
        let digest = Model.Digest.test(Self.large)
        await store.onStore { $0.suspected(digest, at: path) }
        try await eventually { await failure { try await store.lookUp("/d/large") } != nil }
        // A good one stays.
        let other = try StorePath.test("/d/other")
        await store.onStore { $0.suspected(.test([1, 2, 3]), at: other) }
        #expect(try await store.check().verifiedCount == 2)
        #expect(try await store.content("/d/other") == [1, 2, 3])
        await store.end()
    }

    /// A store with a file that was written twice; what it was before is damaged.
    private func damagedHistory(
        _ kind: StorageKind, _ old: [UInt8], upload: Bool
    ) async throws -> (TemporaryDirectory, Dot) {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory, kind)
        let first =
            upload ? try await store.upload("/f", old) : try await store.put("/f", old)
        _ = try await store.put("/f", [1])
        _ = try await store.status(counting: 1)
        await store.end()
        try await bringToPlace(directory)
        try flip(old[1000..<1100], in: directory)
        return (directory, first.dot)
    }

    /// Further lives, until all contents are where they stay, and nowhere else: by a staged copy what is
    /// damaged there would be repaired.
    private func bringToPlace(
        _ directory: TemporaryDirectory, phrase: String? = nil
    ) async throws {
        try await eventually {
            let store = try await TestStore(directory, phrase: phrase)
            await store.end()
            try emptyLog(directory)
            // An encrypted database is not read from here.
            if phrase != nil { return !holdsLog(directory) }
            return try !holdsLog(directory) && waitingCount(directory) == 0
        }
    }

    private func waitingCount(_ directory: TemporaryDirectory) throws -> Int {
        let queue = try Schema.connect(directory.bytePath.appending("meta"), cachePages: 16)
        defer { try? queue.close() }
        let sql = "SELECT (SELECT COUNT(*) FROM content) + (SELECT COUNT(*) FROM staged)"
        return try queue.inDatabase { try Int.fetchOne($0, sql: sql) ?? 0 }
    }

    private func emptyLog(_ directory: TemporaryDirectory) throws {
        guard holdsLog(directory) else { return }
        let queue = try DatabaseQueue(path: "\(directory.path)/sqlite/content.db")
        try queue.writeWithoutTransaction { database in
            _ = try database.checkpoint(.truncate)
        }
        try queue.close()
    }

    private func holdsLog(_ directory: TemporaryDirectory) -> Bool {
        directory.contents("sqlite/content.db-wal")?.isEmpty == false
    }

    private func badCount(_ directory: TemporaryDirectory) throws -> Int {
        let queue = try Schema.connect(directory.bytePath.appending("meta"), cachePages: 16)
        defer { try? queue.close() }
        return try queue.inDatabase {
            try Int.fetchOne($0, sql: "SELECT COUNT(*) FROM objects WHERE state = 2") ?? 0
        }
    }

    @Test(arguments: StorageKind.allCases)
    func aReaderFindsDamageOfAnOldVersion(_ kind: StorageKind) async throws {
        let (directory, dot) = try await damagedHistory(kind, Self.small, upload: false)
        let store = try await TestStore(directory)
        #expect(try badCount(directory) == 0)
        await #expect(throws: RemoteError.self) { try await store.lookUp("/f", version: dot) }
        try await eventually { try badCount(directory) == 1 }
        #expect(try await store.content("/f") == [1])
        await store.end()
    }

    @Test(arguments: [StorageKind.extent, .sqlite, .bolt])
    func anOldVersionThatAClientWasGivenIsLookedAt(_ kind: StorageKind) async throws {
        let (directory, _) = try await damagedHistory(kind, Self.large, upload: true)
        let store = try await TestStore(directory)
        let path = try StorePath.test("/f")
        // Others than the one that is meant are not read for it.
        let other = Model.Digest.test([7])
        await store.onStore { $0.suspectedHere(other, at: path) }
        await store.onStore { $0.suspected(.test(Self.large), at: path) }
        try await eventually { try badCount(directory) == 1 }
        #expect(await store.onStore { $0.integrity.nextTicket } == 1)
        await store.end()
    }

    // MARK: Repairs and uploads that wait for their places

    /// A store with an upload in its staging file, of a kind that copies it later.
    private func waiting(_ kind: StorageKind) async throws -> (
        TemporaryDirectory, TestStore, ObjectID
    ) {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory, kind, isKept: false)
        _ = try await store.upload("/large", Self.large)
        _ = try await store.status(counting: 1)
        return (directory, store, try object("/large", directory))
    }

    @Test(arguments: [StorageKind.extent, .sqlite, .bolt])
    func whatRepairsIsReadBeforeWhatStandsInItsPlace(_ kind: StorageKind) async throws {
        let (directory, store, object) = try await waiting(kind)
        let keeper = try store.store.engine.contents.store.makeKeeper()
        try keeper.write(
            NewObject(
                object: object, modified: Timestamp(nanoseconds: 0),
                bytes: Array(Self.large.reversed())))
        try keeper.sync()
        #expect(try await store.content("/large") == Self.large)
        #expect(try await store.window(object, 0, 100) == Array(Self.large.prefix(100)))
        #expect(try await store.check().verifiedCount == 1)
        await store.end()
        withExtendedLifetime(directory) {}
    }

    /// It may be all that there is.
    @Test(arguments: StorageKind.allCases)
    func aDamagedUploadThatWaitsForItsPlaceIsKept(_ kind: StorageKind) async throws {
        let (directory, store, object) = try await waiting(kind)
        await withCheckedContinuation { continuation in
            store.loop.post {
                store.store.assumeIsolated { $0.mark(bad: [object]) { continuation.resume() } }
            }
        }
        await store.end()
        let next = try await TestStore(directory)
        await next.end()
        let opened = try DataDirectory(directory.bytePath)
        defer { opened.unlock() }
        let kept = try DiskContents(opened).store.open(object)
        #expect(try kept.map { try $0.read($0.whole) } == Self.large)
        #expect(directory.names("staging") == [])
    }

    // MARK: Changes from outside

    /// Size and times are as they were; only the file system knows.
    private func edit(_ path: String) throws {
        try keepingTimes(of: path) {
            let handle = try #require(FileHandle(forUpdatingAtPath: path))
            try handle.write(contentsOf: [0xEE])
            try handle.close()
        }
    }

    @Test(arguments: [false, true])
    func aFileThatWasChangedIsCheckedBeforeItIsServed(whileItRuns: Bool) async throws {
        let directory = try await directory(.rawfile)
        let path = "\(directory.path)/files/d/large"
        if !whileItRuns { try edit(path) }
        let store = try await TestStore(directory)
        if whileItRuns {
            #expect(try await store.content("/d/large") == Self.large)
            try edit(path)
        }
        let error = try #require(await failure { try await store.lookUp("/d/large") })
        #expect(error.message.contains("no good copy"))
        let object = try object("/d/large", directory)
        // What somebody made of it is kept apart, with its bytes.
        try await eventually { directory.names("quarantine") == [object.hex] }
        let kept = try #require(directory.contents("quarantine/\(object.hex)"))
        #expect(kept == [0xEE] + Self.large.dropFirst())
        #expect(directory.contents("objects/\(object.hex.prefix(2))/\(object.hex)") == nil)
        // The next version has its place, in the view too.
        _ = try await store.upload("/d/large", Array(Self.large.reversed()))
        #expect(try await store.content("/d/large") == Self.large.reversed())
        await store.end()
        #expect(directory.contents("files/d/large") == Self.large.reversed())
        #expect(directory.names("quarantine") == [object.hex])
    }

    @Test func aFileThatWasOnlyTouchedIsServed() async throws {
        let directory = try await directory(.rawfile)
        let path = "\(directory.path)/files/d/large"
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 1)], ofItemAtPath: path)
        let store = try await TestStore(directory)
        #expect(try await store.content("/d/large") == Self.large)
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: 2)], ofItemAtPath: path)
        #expect(try await store.content("/d/large") == Self.large)
        #expect(try await store.check().damageCount == 0)
        await store.end()
    }

    @Test func aCopyInTheFilesPlaceIsCheckedToo() async throws {
        let directory = try await directory(.rawfile)
        let object = try object("/d/large", directory)
        let path = "\(directory.path)/objects/\(object.hex.prefix(2))/\(object.hex)"
        let date = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate]
        try FileManager.default.removeItem(atPath: path)
        try Data([0xEE] + Self.large.dropFirst()).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes(
            [.modificationDate: try #require(date)], ofItemAtPath: path)
        let store = try await TestStore(directory)
        #expect(await failure { try await store.lookUp("/d/large") } != nil)
        await store.end()
    }

    @Test func whatWasRemovedFromTheViewIsShownAgain() async throws {
        let directory = try await directory(.rawfile)
        try FileManager.default.removeItem(atPath: "\(directory.path)/files/d/small")
        let store = try await TestStore(directory)
        let summary = try await store.check()
        #expect(summary.removedViewCount == 1)
        #expect(summary.damageCount == 0)
        try await eventually { directory.contents("files/d/small") == Self.small }
        await store.end()
    }

    /// A file of several names is repaired for all of them.
    @Test func aNameThatStillShowsWhatWasKeptApartShowsTheGoodCopyAgain() async throws {
        let directory = try await directory(.rawfile)
        let object = try object("/d/small", directory)
        let shown = "\(directory.path)/files/d/small"
        try directory.write("quarantine/\(object.hex)", [9])
        try FileManager.default.removeItem(atPath: shown)
        try FileManager.default.linkItem(
            atPath: "\(directory.path)/quarantine/\(object.hex)", toPath: shown)
        let store = try await TestStore(directory)
        let summary = try await store.check()
        #expect(summary.removedViewCount == 1)
        #expect(summary.replacedViewCount == 0)
        try await eventually { directory.contents("files/d/small") == Self.small }
        await store.end()
        #expect(directory.contents("quarantine/\(object.hex)") == [9])
    }

    /// As an editor does it, that writes a new file and renames it.
    @Test func whatTookAFilesPlaceInTheViewIsSaidAndStays() async throws {
        let directory = try await directory(.rawfile)
        try FileManager.default.removeItem(atPath: "\(directory.path)/files/d/small")
        try directory.write("files/d/small", [9])
        try directory.write("files/d/new", [8])
        let store = try await TestStore(directory)
        let summary = try await store.check()
        #expect(summary.replacedViews.map { "\($0)" } == ["/d/small"])
        #expect(summary.strays.sorted() == ["files/d/new", "files/d/small"])
        #expect(
            try await store.status().warnings.contains { $0.contains("not in the store") })
        #expect(try await store.content("/d/small") == Self.small)
        await store.end()
        #expect(directory.contents("files/d/small") == [9])
        #expect(directory.contents("files/d/new") == [8])
    }

    // MARK: Passes

    @Test func aPassGoesOnInTheNextLife() async throws {
        let directory = try await directory(.rawfile)
        var store = try await TestStore(directory)
        await store.onStore { store in
            store.engine.scrubber.control.set(rate: 1)
            store.beginPass()
        }
        await store.end()
        store = try await TestStore(directory)
        try await eventually { try await store.integrity(.tell)?.isDone ?? false }
        let summary = try #require(try await store.integrity(.tell))
        #expect(summary.fileCount == 3)
        #expect(summary.verifiedCount == 3)
        // Asked for again, it is another one.
        let second = try await store.check()
        #expect(second.id > summary.id)
        await store.end()
        // Its end is known to the next life.
        store = try await TestStore(directory)
        #expect(try await store.integrity(.tell) == second)
        await store.end()
    }
}

extension IntegrityTests {
    /// A step of a pass that nobody asked for may end after somebody asked for one.
    @Test func whatAnEarlierStepFindsCountsForTheCheckThatWasAskedFor() async throws {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory)
        _ = try await store.put("/f", [1, 2, 3])
        _ = try await store.put("/g", [4])
        _ = try await store.status(counting: 2)
        let record = try record("/f", directory)
        let file = ExpectedFile(try .test("/f"), ExpectedContent(record))
        let found = FoundDamage(
            file: file, dots: [record.version.dot], isNeeded: true, why: "a test")
        await store.onStore { store in
            store.beginPass()
            store.scrubbed(1, .damage(found))
        }
        var summary = try await store.integrity(.tell)
        while summary?.isDone == false { summary = try await store.integrity(.untilDone) }
        #expect(summary?.damageCount == 1)
        #expect(summary?.quarantinedCount == 1)
        await store.end()
    }
}

extension TestStore {
    /// What the store says of the check that was asked for last.
    func integrity(_ order: IntegrityRequest.Order) async throws -> ScrubSummary? {
        let request = IntegrityRequest(order, isOfCluster: false)
        let response: IntegrityResponse = try await withCheckedThrowingContinuation {
            continuation in
            loop.post { [store] in
                store.assumeIsolated { store in
                    store.integrity(request) { continuation.resume(with: $0) }
                }
            }
        }
        return response.nodes.first?.summary
    }

    /// Checks all contents.
    func check() async throws -> ScrubSummary {
        var summary = try await integrity(.begin)
        while summary?.isDone == false { summary = try await integrity(.untilDone) }
        return try #require(summary)
    }
}

extension RemoteError {
    /// At first a life asks others, of whom there are none here.
    fileprivate var isRefusal: Bool { [.internalError, .unavailable].contains(code) }
}

/// The error of the store.
private func failure(_ body: () async throws -> TestStore.Found) async -> RemoteError? {
    do {
        _ = try await body()
        return nil
    } catch {
        return error as? RemoteError
    }
}

private func eventually(_ body: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try await !body() {
        guard .now < deadline else { throw CorruptRow(description: "it never came") }
        try await Task.sleep(for: .milliseconds(5))
    }
}
