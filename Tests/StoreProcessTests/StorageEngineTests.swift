import Cluster
import Foundation
import IPC
import Model
import Posix
import Replication
import Testing

@testable import StoreProcess

/// The brain's requests in a whole store: what was answered is durable, readable and shown.
@Suite struct StorageEngineTests {
    private let path = TableWorld.paths[0]

    private func engine(
        _ directory: TemporaryDirectory, _ desk: StorageDesk, isKept: Bool = true
    ) throws -> Engine {
        try Engine(
            directory.bytePath, isKept: isKept, committed: { desk.committed($0) },
            found: { desk.found($0) })
    }

    /// A staging file, durable as an upload is before its commit.
    private func stage(
        _ directory: TemporaryDirectory, _ operation: OperationID, _ content: [UInt8]
    ) throws {
        let url = URL(fileURLWithPath: "\(directory.path)/staging/\(operation.hex)")
        try Data(content).write(to: url)
    }

    private func record(
        _ path: StorePath, _ desk: StorageDesk, _ engine: Engine
    ) async throws -> Register {
        let read = StorageRequest.replica(.read(.file(path)))
        let answer = try await desk.ask(.storage(read, at: .zero), engine.readers)
        guard case .storage(.replica(let outcome)) = answer,
            case .register(let register, _, _) = outcome.reply
        else { throw CorruptRow(description: "another answer") }
        #expect(outcome.damaged == [])
        return register
    }

    private func content(
        _ path: StorePath, _ desk: StorageDesk, _ engine: Engine
    ) async throws -> [UInt8] {
        let request = LookupRequest(path: path, wantsContent: true)
        return try bytes(try await desk.ask(.lookup(request), engine.readers))
    }

    private func bytes(_ answer: Finding.Answer) throws -> [UInt8] {
        switch answer {
        case .content(_, let bytes), .objectContent(let bytes): return bytes
        case .descriptor(_, let file): return try file.read(0..<file.byteCount)
        case .objectOpened(let content): return try content.read(content.whole)
        default: throw CorruptRow(description: "another answer")
        }
    }

    private var largeContent: [UInt8] { [UInt8](repeating: 7, count: 100_000) }

    private func putLarge(
        _ path: StorePath, _ number: UInt64, _ desk: StorageDesk, _ engine: Engine,
        _ directory: TemporaryDirectory
    ) async throws {
        let staged = Sample.operation(1000 + number)
        try stage(directory, staged, largeContent)
        var facts = Sample.facts(number)
        facts.byteCount = 100_000
        let assign = ReplicaRequest.assign(
            Assignment(
                key: .file(path), value: .file(facts), operation: Sample.operation(number),
                time: HybridTime(value: number << 16)))
        let outcome = try await desk.run(assign, [facts.object: .staged(staged)], engine.writer)
        let version = try #require(outcome.madeVersion)
        let commit = ReplicaRequest.commit(.file(path), version, listed: true)
        try await desk.run(commit, [:], engine.writer)
    }

    @Test func whatWasCommittedIsReadAndShown() async throws {
        let directory = try TemporaryDirectory()
        let desk = StorageDesk()
        let first = try engine(directory, desk)
        let version = try await desk.put(path, 3, nil, first.writer)
        try await putLarge(TableWorld.paths[3], 5, desk, first, directory)
        _ = try await desk.put(TableWorld.paths[4], 4, nil, first.writer)
        let removal = try await desk.run(
            Sample.delete(TableWorld.paths[4], 6), nil, first.writer)
        try await desk.run(
            .commit(.file(TableWorld.paths[4]), try #require(removal.madeVersion), listed: true),
            [:], first.writer)
        #expect(try await record(path, desk, first).head == version)
        #expect(try await content(path, desk, first) == Sample.content(3))
        #expect(try await content(TableWorld.paths[3], desk, first) == largeContent)
        first.end()
        #expect(directory.tree("files") == ["a": Sample.content(3), "d/x": largeContent])
        #expect(directory.tree("objects").count == 2)
        #expect(directory.names("staging") == [])

        let second = try engine(directory, desk)
        #expect(try await content(path, desk, second) == Sample.content(3))
        #expect(try await content(TableWorld.paths[3], desk, second) == largeContent)
        let object = try await desk.ask(.object(Sample.object(5)), second.readers)
        #expect(try bytes(object) == largeContent)
        let asked = [Sample.object(3), Sample.object(4), Sample.object(5)]
        guard case .lacking(let lacking) = try await desk.ask(.lacking(asked), second.readers)
        else { throw CorruptRow(description: "another answer") }
        #expect(lacking == [Sample.object(4)])
        second.end()
    }

    /// A death before the housekeeper did anything.
    @Test func aDeathLosesNothingThatWasAnswered() async throws {
        let directory = try TemporaryDirectory()
        let desk = StorageDesk()
        let first = try engine(directory, desk, isKept: false)
        let version = try await desk.put(path, 3, nil, first.writer)
        try await putLarge(TableWorld.paths[3], 5, desk, first, directory)
        let prepared = try await desk.run(Sample.assign(TableWorld.paths[1], 4), nil, first.writer)
        let left = try directory.snapshot()
        first.end()

        let second = try engine(left, desk)
        #expect(second.foundUploads == [])
        #expect(try await record(path, desk, second).head == version)
        #expect(try await content(path, desk, second) == Sample.content(3))
        #expect(try await content(TableWorld.paths[3], desk, second) == largeContent)
        let register = try await record(TableWorld.paths[1], desk, second)
        #expect(register.prepared == [prepared.madeVersion])
        // What was prepared in one life and committed in the next is shown then.
        try await desk.run(
            .commit(.file(TableWorld.paths[1]), try #require(prepared.madeVersion), listed: true),
            [:], second.writer)
        #expect(try await content(TableWorld.paths[1], desk, second) == Sample.content(4))
        second.end()
        #expect(
            left.tree("files") == [
                "a": Sample.content(3), "b": Sample.content(4), "d/x": largeContent,
            ])
    }

    /// The object was garbage, and came back before the housekeeper had removed it.
    @Test func contentThatComesBackIsNotTakenForGarbage() async throws {
        let directory = try TemporaryDirectory()
        let desk = StorageDesk()
        let first = try engine(directory, desk)
        let version = try await desk.put(path, 3, nil, first.writer)
        first.end()
        let second = try engine(directory, desk, isKept: false)
        let partition = Partition(of: path)
        let sum = try await sum(of: partition, desk, second)
        let forget = ReplicaRequest.forget(partition, ifSum: sum)
        #expect(try await desk.run(forget, [:], second.writer).reply == .done)
        let merge = ReplicaRequest.merge(
            partition, [KeyedRegister(key: .file(path), register: Register(head: version))], [],
            theirs: PartitionContext(), .takeOver)
        #expect(try await desk.run(merge, nil, second.writer).reply == .merged)
        second.end()
        let third = try engine(directory, desk)
        third.end()
        // Once more, so that everything that may be removed is.
        let fourth = try engine(directory, desk)
        #expect(try await content(path, desk, fourth) == Sample.content(3))
        fourth.end()
        #expect(directory.tree("files") == ["a": Sample.content(3)])
        #expect(directory.tree("objects").count == 1)
    }

    private func sum(
        of partition: Partition, _ desk: StorageDesk, _ engine: Engine
    ) async throws -> Fingerprint {
        let request = StorageRequest.replica(.partitions)
        let answer = try await desk.ask(.storage(request, at: .zero), engine.readers)
        guard case .storage(.replica(let outcome)) = answer,
            case .partitions(let sums) = outcome.reply
        else { throw CorruptRow(description: "another answer") }
        return try #require(sums.first { $0.partition == partition }).sum
    }
}
