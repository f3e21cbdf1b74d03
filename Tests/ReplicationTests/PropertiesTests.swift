import Model
import Testing

@testable import Replication

/// Dead properties stay with what they are of.
@Suite struct PropertiesTests {
    private let key = RegisterKey.file(path("/d/a"))

    private func facts(_ number: UInt64, _ properties: [UInt8] = []) -> FileFacts {
        guard case .file(let facts) = file(number) else { preconditionFailure("a file") }
        return facts.described(by: properties)
    }

    private func known(
        _ number: UInt64, _ properties: [UInt8], time: UInt64, after context: CausalContext = .empty
    ) -> RegisterVersion {
        var known = context
        known.insert(dot(7, number))
        return RegisterVersion(
            version: Version(dot: dot(7, number), time: HybridTime(value: time), context: known),
            value: .file(facts(number, properties)), operation: operation(number))
    }

    private func committed(
        _ value: RegisterValue, _ number: UInt64, at key: RegisterKey, on disk: inout MemoryTables
    ) throws -> RegisterVersion {
        let assignment = Assignment(
            key: key, value: value, operation: operation(number), time: HybridTime(value: number))
        let reply = disk.execute(.assign(assignment), at: .zero).reply
        guard case .assigned(let version, _) = reply else {
            throw Unexpected(reply: reply)
        }
        _ = disk.execute(.commit(key, version, listed: true), at: .zero)
        return version
    }

    private struct Unexpected: Error { var reply: ReplicaReply }

    private var asBefore: RegisterValue {
        .file(facts(2, FileFacts.propertiesAsBefore))
    }

    @Test func aFileWrittenAnewKeepsItsProperties() throws {
        var disk = MemoryTables(disk: disk(0))
        let first = try committed(asBefore, 1, at: key, on: &disk)
        #expect(first.value.properties == [])
        _ = try committed(.file(facts(3, [7])), 2, at: key, on: &disk)
        #expect(try committed(asBefore, 3, at: key, on: &disk).value.properties == [7])
        _ = try committed(.deleted, 4, at: key, on: &disk)
        #expect(try committed(asBefore, 5, at: key, on: &disk).value.properties == [])
    }

    /// What is prepared will come: the next write comes after it.
    @Test func alsoThoseThatAreMerelyPrepared() throws {
        var disk = MemoryTables(disk: disk(0))
        let described = known(1, [7], time: 9)
        _ = disk.execute(.prepare(key, described), at: .zero)
        #expect(try committed(asBefore, 3, at: key, on: &disk).value.properties == [7])
    }

    @Test func aDirectoryMadeOnceMoreKeepsItsProperties() throws {
        let key = RegisterKey.mark(path("/d"))
        let again = RegisterValue.describedMark(FileFacts.propertiesAsBefore)
        var disk = MemoryTables(disk: disk(0))
        #expect(try committed(again, 1, at: key, on: &disk).value == .mark)
        _ = try committed(.describedMark([7]), 2, at: key, on: &disk)
        #expect(try committed(again, 3, at: key, on: &disk).value == .describedMark([7]))
        #expect(disk.register(key)?.kept == [])
        _ = try committed(.mark, 4, at: key, on: &disk)
        #expect(try committed(again, 5, at: key, on: &disk).value == .mark)
    }

    /// Else each change of a property would be a version in the history, with the same content.
    @Test func whatChangedThePropertiesAloneLeavesNoVersionToRestore() throws {
        var disk = MemoryTables(disk: disk(0))
        let old = try committed(.file(facts(1, [6])), 1, at: key, on: &disk)
        _ = try committed(.file(facts(1, [7])), 2, at: key, on: &disk)
        let register = try #require(disk.register(key))
        #expect(register.kept.map(\.dot) == [old.dot])
        #expect(register.kept.allSatisfy { $0.isPurged && $0.version.value.properties.isEmpty })
        #expect(register.spareVersions.isEmpty)
        // It is known that the operation was done.
        #expect(register.version(of: operation(1)) != nil)
        _ = try committed(.file(facts(2, [7])), 3, at: key, on: &disk)
        #expect(disk.register(key)?.spareVersions.map(\.version.value.properties) == [[7]])
    }

    @Test func twoChangesOfPropertiesAtOneTimeAreNoConflictOfContents() {
        var register = Register()
        var context = PartitionContext()
        var one = known(1, [1], time: 5)
        one.value = .file(facts(9, [1]))
        // Of another disk, which did not know it.
        let other = RegisterVersion(
            version: Version(
                dot: dot(8, 1), time: HybridTime(value: 6),
                context: CausalContext(entries: [dot(8, 1)])),
            value: .file(facts(9, [2])), operation: operation(2))
        register.commit(one, in: &context)
        register.commit(other, in: &context)
        #expect(register.head == other)
        #expect(register.kept.allSatisfy { $0.isConflict && $0.isPurged })
        #expect(register.versionsWithContent.map(\.dot) == [other.dot])
    }

    /// The disk that makes the version may have been away when the properties were set.
    @Test(arguments: [WritePolicy.majority, .available])
    func theCoordinatorTakesThePropertiesFromWhoKnowsThem(_ policy: WritePolicy) throws {
        var world = HolderWorld()
        let described = known(1, [7], time: 5_000)
        for index in [1, 2] {
            _ = world.disks[index].execute(.commit(key, described, listed: true), at: .zero)
        }
        var write = world.write(key, asBefore, policy: policy)
        world.run(&write)
        guard case .written(let made, _, _, _) = write.outcome else {
            Issue.record("\(write.outcome)")
            return
        }
        #expect(made.covers(described))
        #expect(made.value.properties == [7])
        for index in 0..<3 { #expect(world.disks[index].register(key)?.head == made) }
    }

    @Test func entriesOfListingsHaveFewPropertiesAndSayThatThereAreMore() throws {
        let few = known(1, [UInt8](repeating: 1, count: FileProperties.listedByteCountMax), time: 1)
        let many = known(
            2, [UInt8](repeating: 1, count: FileProperties.listedByteCountMax + 1), time: 1)
        let entry = try #require(KeyedEntry(following: few, of: key)?.entry.file?.record)
        #expect(entry.properties == .bytes(few.value.properties))
        let cut = try #require(KeyedEntry(following: many, of: key)?.entry.file?.record)
        #expect(cut.properties == .elsewhere)
        #expect(many.record?.properties == .bytes(many.value.properties))
    }

    @Test func noMoreThanTheLimitIsDecoded() throws {
        let most = [UInt8](repeating: 1, count: FileProperties.byteCountMax)
        let value = RegisterValue.file(facts(1, most))
        #expect(try RegisterValue(decoding: value.encoded.span.bytes) == value)
        for over in [RegisterValue.file(facts(1, most + [1])), .describedMark(most + [1])] {
            #expect(throws: DecodeError.self) {
                try RegisterValue(decoding: over.encoded.span.bytes)
            }
        }
        // Whole facts have their properties whole.
        var listed = known(1, [], time: 1).record
        listed?.properties = .elsewhere
        let bytes = try #require(listed).encoded
        #expect(try FileRecord(decoding: bytes.span.bytes).properties == .elsewhere)
        let facts = Array(bytes.dropFirst(60).dropLast(16))
        #expect(throws: DecodeError.self) { try FileFacts(decoding: facts.span.bytes) }
    }

    @Test func aFullDiskTakesNoPropertiesButADirectory() throws {
        var disk = MemoryTables(disk: disk(0))
        disk.isFull = true
        func reply(_ value: RegisterValue, _ number: UInt64) -> ReplicaReply {
            let assignment = Assignment(
                key: .mark(path("/d")), value: value, operation: operation(number),
                time: HybridTime(value: number))
            return disk.execute(.assign(assignment), at: .zero).reply
        }
        #expect(reply(.describedMark([7]), 1) == .full)
        guard case .assigned = reply(.describedMark(FileFacts.propertiesAsBefore), 2) else {
            Issue.record("no directory")
            return
        }
    }
}
