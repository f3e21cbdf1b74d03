import Foundation
import GRDB
import IPC
import Model
import Posix
import Replication
import Testing

@testable import StoreProcess

/// What is marked as bad is served by nobody and kept apart, whenever the store dies.
@Suite struct QuarantineTests {
    private static let large = noise(200_000, seed: 5)
    private static let small = noise(5000, seed: 6)
    private static let edited: [UInt8] = [9, 9, 9]
    private static let paths = ["/large", "/small"]
    private struct Death: Error {}

    /// A store that ended, and whose contents somebody changed.
    private func directory(_ kind: StorageKind) async throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        let store = try await TestStore(directory, kind)
        _ = try await store.upload("/large", Self.large)
        _ = try await store.put("/small", Self.small)
        _ = try await store.status(counting: 2)
        await store.end()
        for path in Self.paths {
            let object = try stored(path, directory).record.object
            if kind == .rawfile {
                try directory.write(place(object), Self.edited)
            } else {
                try KindBench.with(kind, in: directory) { (bench: KindBench) throws in
                    try bench.write(object, Self.edited)
                    try bench.keeper.sync()
                }
            }
        }
        return directory
    }

    private func place(_ object: ObjectID) -> String {
        "objects/\(object.hex.prefix(2))/\(object.hex)"
    }

    /// The database as the writer has it, of a store that does not run.
    @discardableResult
    private func onDisk<Result>(
        _ directory: TemporaryDirectory, _ body: (TableDisk) throws -> Result
    ) throws -> Result {
        try TableDisk.open(at: directory.bytePath.appending("meta"), body)
    }

    private func stored(
        _ path: String, _ directory: TemporaryDirectory
    ) throws -> StoredRecord {
        try onDisk(directory) { disk in
            try #require(try disk.ledger.reader.record(at: .test(path)))
        }
    }

    /// The marks, of a life that died before its housekeeper heard of them.
    private func mark(_ directory: TemporaryDirectory) throws {
        let objects = try Self.paths.map { try stored($0, directory).record.object }
        try onDisk(directory) { disk in
            try disk.begin()
            try disk.storage.markBad(objects)
            try disk.commit()
        }
    }

    /// The good contents come from another node.
    private func repair(_ directory: TemporaryDirectory) throws {
        for (path, content) in zip(Self.paths, [Self.large, Self.small]) {
            let stored = try stored(path, directory)
            let key = RegisterKey.file(try .test(path))
            var new = NewContent.bytes(content)
            if content.count > IPCLimits.inlineContentByteCountMax {
                let operation = OperationID.test()
                try directory.write("staging/\(operation.hex)", content)
                new = .staged(operation)
            }
            let merge = ReplicaRequest.merge(
                key.partition, [KeyedRegister(key: key, register: Register(head: stored.version))],
                [], theirs: PartitionContext(), .holder)
            try onDisk(directory) { disk in
                _ = try disk.run(merge, [stored.record.object: new])
            }
        }
    }

    @Test(arguments: StorageKind.allCases)
    func aDeathAfterTheMarkLeavesNothingThatIsServed(_ kind: StorageKind) async throws {
        let directory = try await directory(kind)
        try mark(directory)
        let objects = try Self.paths.map { try stored($0, directory).record.object }
        let store = try await TestStore(directory)
        for path in Self.paths {
            // Though the life has just begun, no others are asked, whose silence were no answer: there are none.
            let error = await #expect(throws: RemoteError.self) { try await store.lookUp(path) }
            #expect(error?.code == .internalError)
        }
        await store.end()
        guard kind == .rawfile else { return }
        for object in objects {
            #expect(directory.contents("quarantine/\(object.hex)") == Self.edited)
            #expect(directory.contents(place(object)) == nil)
        }
        #expect(try onDisk(directory) { try $0.count("apart") } == 0)
    }

    @Test(arguments: StorageKind.allCases)
    func aRepairThatADeathFollowedWritesOverNothing(_ kind: StorageKind) async throws {
        let directory = try await directory(kind)
        try mark(directory)
        try repair(directory)
        let store = try await TestStore(directory)
        #expect(try await store.content("/large") == Self.large)
        #expect(try await store.content("/small") == Self.small)
        await store.end()
        try await check(directory, kind)
    }

    /// Neither what is kept apart nor the good copy is taken for the bad one when it is all done again.
    @Test(arguments: StorageKind.allCases, HousekeepingRounds.Step.allCases)
    func aDeathWhileARepairIsWrittenOutLosesNothing(
        _ kind: StorageKind, _ step: HousekeepingRounds.Step
    ) async throws {
        let directory = try await directory(kind)
        try mark(directory)
        try repair(directory)
        for _ in 0..<2 {
            let queue = try Schema.connect(directory.bytePath.appending("meta"), cachePages: 64)
            let opened = try DataDirectory(directory.bytePath)
            let contents = try DiskContents(opened)
            #expect(throws: Death.self) {
                try queue.inDatabase { database in
                    let rounds = try HousekeepingRounds(
                        database, opened, contents, Warnings(), SyncClock(), inherited: 1000,
                        reached: { if $0 == step { throw Death() } })
                    _ = try rounds.round(to: 1000)
                }
            }
            opened.unlock()
            try queue.close()
        }
        try await check(directory, kind)
    }

    /// As where the disk was full for a moment.
    @Test(arguments: StorageKind.allCases, HousekeepingRounds.Step.allCases)
    func aRoundThatFailedIsDoneAgainInTheSameLife(
        _ kind: StorageKind, _ step: HousekeepingRounds.Step
    ) async throws {
        let directory = try await directory(kind)
        try mark(directory)
        try repair(directory)
        let queue = try Schema.connect(directory.bytePath.appending("meta"), cachePages: 64)
        let opened = try DataDirectory(directory.bytePath)
        let contents = try DiskContents(opened)
        try queue.inDatabase { database in
            var hasFailed = false
            let rounds = try HousekeepingRounds(
                database, opened, contents, Warnings(), SyncClock(),
                reached: {
                    guard $0 == step, !hasFailed else { return }
                    hasFailed = true
                    throw Death()
                })
            #expect(throws: Death.self) { try rounds.round(to: 1000) }
            _ = try rounds.round(to: 1000)
        }
        opened.unlock()
        try queue.close()
        try await check(directory, kind)
    }

    /// The good contents are in their places, and what somebody made of the old ones is kept.
    private func check(_ directory: TemporaryDirectory, _ kind: StorageKind) async throws {
        let store = try await TestStore(directory)
        let summary = try await store.check()
        #expect((summary.verifiedCount, summary.damageCount) == (2, 0))
        await store.end()
        #expect(directory.names("staging") == [])
        #expect(try directory.objectFault() == nil)
        guard kind == .rawfile else { return }
        for path in Self.paths {
            let object = try stored(path, directory).record.object
            #expect(directory.contents("quarantine/\(object.hex)") == Self.edited)
        }
        #expect(directory.contents("files/large") == Self.large)
        #expect(directory.contents("files/small") == Self.small)
    }
}
