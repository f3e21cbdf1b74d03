import Cluster
import Model
import Replication
import Testing

@testable import StoreProcess

/// Contents are there iff a register names them, and a version without its content is no copy.
@Suite struct ContentTableTests {
    private let path = TableWorld.paths[0]
    private var key: RegisterKey { .file(path) }

    private func onDisk(_ body: (TableDisk) throws -> Void) throws {
        let directory = try TemporaryDirectory()
        try TableDisk.open(directory) { disk in
            try body(disk)
            #expect(try disk.contentFault() == nil)
        }
    }

    /// Writes a file, from its assignment to its commit.
    @discardableResult
    private func put(
        _ disk: TableDisk, _ path: StorePath, _ number: UInt64,
        _ contents: [ObjectID: NewContent]? = nil
    ) throws -> RegisterVersion {
        let request = Sample.assign(path, number)
        let outcome = try disk.run(request, contents ?? Sample.contents(of: request))
        let version = try #require(outcome.madeVersion)
        #expect(try disk.run(.commit(.file(path), version, listed: true)).reply == .committed)
        return version
    }

    /// A version of another disk.
    private func foreign(_ number: UInt64, time: UInt64? = nil) -> RegisterVersion {
        let dot = Dot(disk: Sample.disk(9), sequence: number)
        return RegisterVersion(
            version: Version(
                dot: dot, time: HybridTime(value: time ?? number << 16),
                context: CausalContext(entries: [dot])),
            value: Sample.file(number), operation: Sample.operation(number))
    }

    @Test func aFileAloneIsOneRow() throws {
        try onDisk { disk in
            let version = try put(disk, path, 3)
            #expect(try disk.count("registers") == 0)
            #expect(try disk.count("records") == 1)
            #expect(try disk.ledger.reader.record(at: path)?.version == version)
            #expect(disk.fresh().register(key) == Register(head: version))
            #expect(disk.fresh().badContents(of: key) == [])
        }
    }

    @Test func theCommitTellsTheCacheRecordAndContent() throws {
        try onDisk { disk in
            let request = Sample.assign(path, 3)
            try disk.begin()
            let outcome = try disk.execute(request, Sample.contents(of: request))
            // Something is prepared: the cache is not the last word any more.
            let prepared = try disk.commit()
            #expect(prepared.map(\.path) == [path])
            #expect(prepared.first?.stored == nil)
            let version = try #require(outcome.madeVersion)
            try disk.begin()
            _ = try disk.execute(.commit(key, version, listed: true))
            let changes = try disk.commit()
            #expect(changes.map(\.path) == [path])
            #expect(changes.first?.stored?.record == version.record)
            #expect(changes.first?.content == Sample.content(3))
            // The row of content shows it.
            #expect(try disk.count("view_dirty") == 0)
        }
    }

    /// A copy that is counted is stored, whatever its holder looks at first.
    @Test func whatIsPreparedUnderAGuardIsStoredWithItsContent() throws {
        try onDisk { disk in
            let version = foreign(3)
            let prepare = ReplicaRequest.prepare(key, version, earlier: [])
            let guarded = ReplicaRequest.guarded(prepare, WriteGuard())
            let outcome = try disk.run(guarded, Sample.contents(of: prepare))
            #expect(outcome.reply == .prepared)
            #expect(disk.fresh().badContents(of: key) == [])
            let named = guarded.namedContents.map { $0.facts.object }
            #expect(named == [Sample.object(3)])
        }
    }

    @Test func whatWasWrittenOutBeforeItsCommitIsShownByARowOfItsOwn() throws {
        try onDisk { disk in
            let request = Sample.assign(path, 3)
            let outcome = try disk.run(request, Sample.contents(of: request))
            disk.publish()
            let version = try #require(outcome.madeVersion)
            try disk.run(.commit(key, version, listed: true))
            #expect(try disk.count("view_dirty") == 1)
            let stored = try #require(try disk.ledger.reader.record(at: path))
            #expect(try disk.ledger.reader.content(of: stored) == Sample.content(3))
        }
    }

    @Test func overwrittenContentGoesWithItsVersion() throws {
        try onDisk { disk in
            try put(disk, path, 3)
            disk.publish()
            let second = try put(disk, path, 4)
            let register = try #require(disk.fresh().register(key))
            #expect(register.kept.map(\.version.operation) == [Sample.operation(3)])
            #expect(register.head == second)
            #expect(try disk.count("objects") == 2)
            #expect(try disk.count("garbage") == 0)
            try disk.run(.expire(key, register.kept.map(\.dot)))
            #expect(disk.fresh().badContents(of: key) == [])
            #expect(try disk.count("objects") == 1)
            #expect(try disk.rows("SELECT hex(object) FROM garbage").count == 1)
            let shown = try disk.rows("SELECT path FROM garbage")
            #expect(shown == [Hex.encode(path.bytes)])
            #expect(try disk.ledger.reader.record(at: path)?.record == second.record)
        }
    }

    @Test func whatIsPurgedLeavesItsNameAlone() throws {
        try onDisk { disk in
            let first = try put(disk, path, 3)
            try put(disk, path, 4)
            #expect(try disk.count("content") == 2)
            try disk.run(.purge(key, [first.dot]))
            // The housekeeper never saw it.
            #expect(try disk.count("garbage") == 0)
            #expect(try disk.count("content") == 1)
            #expect(try disk.count("objects") == 1)
            #expect(disk.fresh().register(key)?.version(of: first.operation)?.dot == first.dot)
        }
    }

    @Test func aDeletedFileIsInTheTrashUntilItExpires() throws {
        try onDisk { disk in
            try put(disk, path, 3)
            disk.publish()
            let outcome = try disk.run(Sample.delete(path, 4))
            let version = try #require(outcome.madeVersion)
            try disk.begin()
            _ = try disk.execute(.commit(key, version, listed: true))
            let changes = try disk.commit()
            #expect(changes.map(\.path) == [path])
            #expect(changes.first?.stored == nil)
            #expect(try disk.count("records") == 0)
            #expect(try disk.count("registers") == 1)
            #expect(try disk.count("trash") == 1)
            #expect(try disk.count("objects") == 1)
            #expect(try disk.rows("SELECT path FROM view_dirty") == [Hex.encode(path.bytes)])
            let kept = try #require(disk.fresh().register(key)?.kept)
            try disk.run(.expire(key, kept.map(\.dot)))
            #expect(try disk.count("trash") == 0)
            #expect(try disk.count("objects") == 0)
            #expect(try disk.count("content") == 0)
            // Its view goes before it does.
            let order = try disk.rows(
                "SELECT (SELECT max(sequence) FROM view_dirty) < (SELECT sequence FROM garbage)")
            #expect(order == ["1"])
        }
    }

    @Test func aRestoredFileNamesTheContentThatIsHere() throws {
        try onDisk { disk in
            try put(disk, path, 3)
            let removal = try #require(try disk.run(Sample.delete(path, 4)).madeVersion)
            try disk.run(.commit(key, removal, listed: true))
            disk.publish()
            let place = ReplicaRequest.assign(
                Assignment(
                    key: key, value: Sample.file(3), operation: Sample.operation(50),
                    time: HybridTime(value: 50 << 16)))
            let version = try #require(try disk.run(place).madeVersion)
            #expect(try disk.run(.commit(key, version, listed: true)).reply == .committed)
            #expect(try disk.rows("SELECT refs, state FROM objects") == ["1 0"])
            #expect(try disk.count("trash") == 0)
            let stored = try #require(try disk.ledger.reader.record(at: path))
            #expect(try disk.ledger.reader.content(of: stored) == Sample.content(3))
            // What was kept of it goes, what it is stays.
            let kept = try #require(disk.fresh().register(key)?.kept)
            try disk.run(.expire(key, kept.map(\.dot)))
            #expect(disk.fresh().badContents(of: key) == [])
            #expect(try disk.count("garbage") == 0)
        }
    }

    // MARK: Room

    private func trim(_ disk: TableDisk, to limit: UInt64) throws -> Bool {
        try disk.begin()
        let hasMore = try disk.storage.trim(to: limit)
        try disk.commit()
        return hasMore
    }

    @Test func theOldestOfThePastMakesWayAndStaysKnown() throws {
        try onDisk { disk in
            // Of 3, 4, 5 and 6 bytes; the first three are of the past.
            for number in UInt64(3)...6 { try put(disk, path, number) }
            disk.publish()
            #expect(disk.ledger.counters.kept.spareByteCount == 12)
            #expect(try !trim(disk, to: 12))
            #expect(try !trim(disk, to: 6))
            #expect(try disk.rows("SELECT sum(size) FROM kept WHERE here") == ["5"])
            #expect(disk.storage.takeLacking().suffix(2) == [Sample.object(3), Sample.object(4)])
            #expect(try disk.count("garbage") == 2)
            #expect(disk.fresh().register(key)?.kept.count == 3)
            #expect(disk.fresh().badContents(of: key) == [])
            // It comes from another disk again.
            let register = try #require(disk.fresh().register(key))
            let merge = ReplicaRequest.merge(
                key.partition, [KeyedRegister(key: key, register: register)], [],
                theirs: PartitionContext(), .holder)
            let contents = [Sample.object(3): NewContent.bytes(Sample.content(3))]
            try disk.run(merge, contents)
            #expect(disk.ledger.counters.kept.spareByteCount == 8)
            #expect(try disk.tables.queries.object(Sample.object(3))?.state == .here)
            #expect(try !trim(disk, to: 0))
            #expect(disk.ledger.counters.kept.byteCount == 0)
        }
    }

    @Test func whatSomethingElseNamesMakesNoWay() throws {
        try onDisk { disk in
            // Restored: of the past and of today at one time. And moved: of two paths.
            try put(disk, path, 3)
            try put(disk, path, 4)
            for (target, number) in [(path, UInt64(3)), (TableWorld.paths[1], 4)] {
                let place = ReplicaRequest.assign(
                    Assignment(
                        key: .file(target), value: Sample.file(number),
                        operation: Sample.operation(50 + number),
                        time: HybridTime(value: (50 + number) << 16)))
                let version = try #require(try disk.run(place).madeVersion)
                try disk.run(.commit(.file(target), version, listed: true))
            }
            _ = try trim(disk, to: 0)
            #expect(try disk.rows("SELECT count(*) FROM objects WHERE state = 0") == ["2"])
            #expect(try disk.count("garbage") == 0)
            // When both paths are of the past, it makes room.
            #expect(disk.ledger.counters.kept.spareByteCount == 0)
            for (target, number) in [(path, UInt64(70)), (TableWorld.paths[1], 71)] {
                let removal = try #require(
                    try disk.run(Sample.delete(target, number)).madeVersion)
                try disk.run(.commit(.file(target), removal, listed: true))
            }
            disk.publish()
            #expect(disk.ledger.counters.kept.spareByteCount > 0)
            #expect(try !trim(disk, to: 0))
            #expect(disk.ledger.counters.kept.byteCount == 0)
            #expect(try disk.rows("SELECT count(*) FROM objects WHERE state = 0") == ["0"])
            #expect(try disk.count("garbage") == 2)
        }
    }

    @Test func aContentOfTwoPathsMakesRoomAgainWhenOneLetsItGo() throws {
        try onDisk { disk in
            try put(disk, path, 3)
            let other = TableWorld.paths[1]
            let place = ReplicaRequest.assign(
                Assignment(
                    key: .file(other), value: Sample.file(3), operation: Sample.operation(50),
                    time: HybridTime(value: 50 << 16)))
            let version = try #require(try disk.run(place).madeVersion)
            try disk.run(.commit(.file(other), version, listed: true))
            let removal = try #require(try disk.run(Sample.delete(path, 60)).madeVersion)
            try disk.run(.commit(key, removal, listed: true))
            _ = try trim(disk, to: 0)
            #expect(disk.ledger.counters.kept.spareByteCount == 0)
            // The other path goes for good: what is left of it is the past of the first.
            let gone = try #require(try disk.run(Sample.delete(other, 61)).madeVersion)
            try disk.run(.commit(.file(other), gone, listed: true))
            let kept = try #require(disk.fresh().register(.file(other))?.kept)
            try disk.run(.expire(.file(other), kept.map(\.dot)))
            #expect(disk.ledger.counters.kept.spareByteCount == 3)
            #expect(try !trim(disk, to: 0))
            #expect(try disk.rows("SELECT count(*) FROM objects WHERE state = 0") == ["0"])
        }
    }

    @Test func aDamagedContentOfThePastOfTwoPathsCountsAgainWhenItIsGood() throws {
        try onDisk { disk in
            let other = TableWorld.paths[1]
            try put(disk, path, 3)
            let place = ReplicaRequest.assign(
                Assignment(
                    key: .file(other), value: Sample.file(3), operation: Sample.operation(50),
                    time: HybridTime(value: 50 << 16)))
            let version = try #require(try disk.run(place).madeVersion)
            try disk.run(.commit(.file(other), version, listed: true))
            for (target, number) in [(path, UInt64(60)), (other, 61)] {
                let removal = try #require(
                    try disk.run(Sample.delete(target, number)).madeVersion)
                try disk.run(.commit(.file(target), removal, listed: true))
            }
            disk.publish()
            let before = disk.ledger.counters.kept
            #expect(before.byteCount == 6)
            try disk.begin()
            try disk.storage.markBad([Sample.object(3)])
            try disk.commit()
            #expect(disk.ledger.counters.kept.byteCount == 0)
            #expect(disk.ledger.counters.kept.spareByteCount == 0)
            #expect(try disk.rows("SELECT count(*) FROM kept WHERE here") == ["0"])
            // It comes with the register of one of them.
            let register = try #require(disk.fresh().register(key))
            let merge = ReplicaRequest.merge(
                key.partition, [KeyedRegister(key: key, register: register)], [],
                theirs: PartitionContext(), .holder)
            try disk.run(merge, Sample.contents(of: merge))
            #expect(disk.ledger.counters.kept == before)
            #expect(try disk.rows("SELECT count(*) FROM kept WHERE here") == ["2"])
        }
    }

    /// Whoever finds a prepared version commits it: it must not be one of a content that nobody has.
    @Test func aVersionWithoutItsContentIsNotEvenMade() throws {
        try onDisk { disk in
            let first = try put(disk, path, 3)
            let outcome = try disk.run(Sample.assign(path, 9))
            #expect(outcome.reply == .damaged)
            #expect(disk.fresh().register(key) == Register(head: first))
        }
    }

    @Test func losersOfConflictsMakeNoWay() throws {
        try onDisk { disk in
            try put(disk, path, 3)
            let request = ReplicaRequest.commit(key, foreign(8), listed: true)
            try disk.run(request, Sample.contents(of: request))
            #expect(disk.ledger.counters.kept.byteCount == 3)
            #expect(disk.ledger.counters.kept.spareByteCount == 0)
            #expect(try !trim(disk, to: 0))
            #expect(try disk.rows("SELECT count(*) FROM objects WHERE state = 0") == ["2"])
        }
    }

    @Test func aConflictsLoserKeepsItsContent() throws {
        try onDisk { disk in
            try put(disk, path, 3)
            let winner = foreign(8)
            let request = ReplicaRequest.commit(key, winner, listed: true)
            #expect(try disk.run(request, Sample.contents(of: request)).reply == .committed)
            let register = try #require(disk.fresh().register(key))
            #expect(register.kept.map(\.isConflict) == [true])
            #expect(try disk.count("objects") == 2)
            #expect(disk.fresh().badContents(of: key) == [])
            try disk.run(.expire(key, register.kept.map(\.dot)))
            #expect(try disk.count("objects") == 1)
            #expect(try disk.count("registers") == 0)
        }
    }

    @Test func aMovedFileKeepsItsContent() throws {
        try onDisk { disk in
            try put(disk, path, 3)
            disk.publish()
            let other = TableWorld.paths[1]
            let place = ReplicaRequest.assign(
                Assignment(
                    key: .file(other), value: Sample.file(3), operation: Sample.operation(50),
                    time: HybridTime(value: 50 << 16)))
            let outcome = try disk.run(place)
            let version = try #require(outcome.madeVersion)
            try disk.run(.commit(.file(other), version, listed: true))
            #expect(try disk.rows("SELECT refs, state FROM objects") == ["2 0"])
            let removal = try #require(try disk.run(Sample.delete(path, 51)).madeVersion)
            try disk.run(.commit(key, removal, listed: true))
            let kept = try #require(disk.fresh().register(key)?.kept)
            try disk.run(.purge(key, kept.map(\.dot)))
            #expect(try disk.rows("SELECT refs, state FROM objects") == ["1 0"])
            #expect(try disk.count("garbage") == 0)
            let stored = try #require(try disk.ledger.reader.record(at: other))
            #expect(try disk.ledger.reader.content(of: stored) == Sample.content(3))
        }
    }

    // MARK: Contents that are not here

    @Test func aVersionWithoutItsContentIsNoCopy() throws {
        try onDisk { disk in
            let version = foreign(8)
            let prepared = try disk.run(.prepare(key, version))
            #expect(prepared.reply == .damaged)
            #expect(prepared.damaged == [DamagedVersions(key: key, dots: [version.dot])])
            #expect(disk.fresh().badContents(of: key) == [version.dot])
            #expect(try disk.run(.commit(key, version, listed: true)).reply == .damaged)
            let other = RegisterKey.file(TableWorld.paths[1])
            let ballot = Ballot(round: 1, node: try #require(NodeID("n1")))
            #expect(try disk.run(.accept(other, ballot, foreign(9))).reply == .damaged)
            // Short content is none.
            let third = RegisterKey.file(TableWorld.paths[2])
            let short = [Sample.object(7): NewContent.bytes([1])]
            #expect(try disk.run(.prepare(third, foreign(7)), short).reply == .damaged)
        }
    }

    @Test func contentThatComesLaterRepairsIt() throws {
        try onDisk { disk in
            let version = foreign(8)
            try disk.run(.commit(key, version, listed: true))
            let dots = [version.dot]
            #expect(try disk.run(.quarantine(key, dots)).reply == .done)
            #expect(disk.fresh().register(key)?.damaged == dots)
            // Without its content, who tells it changes nothing.
            let items = [KeyedRegister(key: key, register: Register(head: version))]
            let merge = ReplicaRequest.merge(
                key.partition, items, [], theirs: PartitionContext(), .holder)
            let again = try disk.run(merge)
            #expect(again.repaired == [])
            #expect(again.damaged == [DamagedVersions(key: key, dots: dots)])
            try disk.run(.quarantine(key, dots))
            let repair = try disk.run(merge, Sample.contents(of: merge))
            #expect(repair.repaired == [key])
            #expect(repair.damaged == [])
            #expect(disk.fresh().register(key) == Register(head: version))
            #expect(disk.fresh().badContents(of: key) == [])
            let stored = try #require(try disk.ledger.reader.record(at: path))
            #expect(try disk.ledger.reader.content(of: stored) == Sample.content(8))
        }
    }

    @Test func theRequestItselfSentAgainWithItsContentRepairsIt() throws {
        try onDisk { disk in
            let version = foreign(8)
            let prepare = ReplicaRequest.prepare(key, version)
            #expect(try disk.run(prepare).reply == .damaged)
            #expect(try disk.run(.quarantine(key, [version.dot])).reply == .done)
            let before = disk.fresh().state(of: key.partition).sum
            let again = try disk.run(prepare, Sample.contents(of: prepare))
            #expect(again.reply == .prepared)
            #expect(again.repaired == [key])
            #expect(disk.fresh().register(key)?.damaged == [])
            let after = disk.fresh().state(of: key.partition).sum
            #expect(again.changes.map(\.new) == (before == after ? [] : [after]))
            try disk.run(.commit(key, version, listed: true))
            #expect(try disk.count("registers") == 0)
        }
    }

    @Test func whatAReaderFoundBadIsDamagedUntilItComesAgain() throws {
        try onDisk { disk in
            let version = try put(disk, path, 3)
            disk.publish()
            try disk.begin()
            try disk.storage.markBad([Sample.object(3)])
            try disk.commit()
            let read = disk.fresh().answerForTest(.read(key))
            #expect(read.damaged == [DamagedVersions(key: key, dots: [version.dot])])
            let merge = ReplicaRequest.merge(
                key.partition, [KeyedRegister(key: key, register: Register(head: version))], [],
                theirs: PartitionContext(), .holder)
            try disk.run(merge, Sample.contents(of: merge))
            #expect(disk.fresh().badContents(of: key) == [])
        }
    }

    /// Who takes a version because its content is here has to hear that it is not any more.
    @Test func contentsThatAreNotHereAreTold() throws {
        try onDisk { disk in
            try put(disk, path, 3)
            #expect(disk.storage.takeLacking() == [])
            disk.publish()
            let version = try put(disk, path, 4)
            #expect(disk.storage.takeLacking() == [])
            let kept = try #require(disk.fresh().register(key)?.kept)
            try disk.run(.expire(key, kept.map(\.dot)))
            #expect(disk.storage.takeLacking() == [Sample.object(3)])
            disk.publish()
            try disk.begin()
            try disk.storage.markBad([Sample.object(4)])
            try disk.commit()
            #expect(disk.storage.takeLacking() == [Sample.object(4)])
            let merge = ReplicaRequest.merge(
                key.partition, [KeyedRegister(key: key, register: Register(head: version))], [],
                theirs: PartitionContext(), .holder)
            try disk.run(merge, Sample.contents(of: merge))
            #expect(disk.storage.takeLacking() == [])
            let other = RegisterKey.file(TableWorld.paths[1])
            try disk.run(.commit(other, foreign(8), listed: true))
            #expect(disk.storage.takeLacking() == [Sample.object(8)])
            #expect(disk.storage.takeLacking() == [])
        }
    }

    @Test func missingContentLeavesNoGarbage() throws {
        try onDisk { disk in
            try disk.run(.commit(key, foreign(8), listed: true))
            disk.publish()
            try put(disk, path, 9)
            let kept = try #require(disk.fresh().register(key)?.kept)
            try disk.run(.expire(key, kept.map(\.dot)))
            #expect(try disk.count("garbage") == 0)
        }
    }

    // MARK: Staging files

    @Test func aStagingFileIsNamedOnce() throws {
        try onDisk { disk in
            let staged = Sample.operation(77)
            let contents = [Sample.object(3): NewContent.staged(staged)]
            let request = Sample.assign(path, 3)
            let version = try #require(try disk.run(request, contents).madeVersion)
            #expect(disk.storage.takeUnusedStaging() == [])
            #expect(try disk.rows("SELECT operation, object FROM staged").count == 1)
            #expect(try disk.ledger.reader.stagingFile(of: Sample.object(3)) == staged)
            try disk.run(.commit(key, version, listed: true))
            #expect(try disk.rows("SELECT path FROM view_dirty") == [Hex.encode(path.bytes)])
            // The content is here by now.
            let other = [Sample.object(3): NewContent.staged(Sample.operation(78))]
            try disk.run(.commit(key, version, listed: true), other)
            #expect(disk.storage.takeUnusedStaging() == [Sample.operation(78)])
        }
    }

    @Test func aRefusedWritesStagingFileIsUnused() throws {
        try onDisk { disk in
            let contents = [Sample.object(3): NewContent.staged(Sample.operation(77))]
            let outcome = try disk.run(Sample.assign(path, 3), contents, isFull: true)
            #expect(outcome.reply == .full)
            #expect(disk.storage.takeUnusedStaging() == [Sample.operation(77)])
            let version = foreign(3)
            let merge = ReplicaRequest.merge(
                key.partition, [KeyedRegister(key: key, register: Register(head: version))], [],
                theirs: PartitionContext(), .holder)
            #expect(try disk.run(merge, contents, isFull: true).reply == .full)
            #expect(disk.storage.takeUnusedStaging() == [Sample.operation(77)])
            #expect(try disk.count("objects") == 0)
        }
    }

    // MARK: Directories

    @Test func theViewOfADirectoryFollowsItsMarkAndItsNames() throws {
        try onDisk { disk in
            let directory = TableWorld.paths[2]
            let mark = Assignment(
                key: .mark(directory), value: .mark, operation: Sample.operation(1),
                time: HybridTime(value: 1 << 16))
            let version = try #require(try disk.run(.assign(mark)).madeVersion)
            #expect(try !disk.ledger.reader.isDirectory(directory))
            try disk.run(.commit(.mark(directory), version, listed: true))
            #expect(try disk.ledger.reader.isDirectory(directory))
            let dirty = "SELECT count(*) FROM view_dirty"
            #expect(try disk.rows(dirty) == ["1"])
            let removal = Assignment(
                key: .mark(directory), value: .deleted, operation: Sample.operation(2),
                time: HybridTime(value: 2 << 16))
            let gone = try #require(try disk.run(.assign(removal)).madeVersion)
            try disk.run(.commit(.mark(directory), gone, listed: true))
            #expect(try !disk.ledger.reader.isDirectory(directory))
            #expect(try disk.rows(dirty) == ["2"])
            // Its last name goes.
            let child = try put(disk, TableWorld.paths[3], 5)
            let listed = try #require(
                KeyedEntry(following: child, of: .file(TableWorld.paths[3])))
            try disk.run(.putEntry(listed.key, listed.entry))
            #expect(try disk.ledger.reader.isDirectory(directory))
            let rank = Rank(time: HybridTime(value: 9 << 16), dot: child.dot)
            let unlisted = DirectoryEntry(file: .init(rank: rank, record: nil))
            try disk.run(.putEntry(listed.key, unlisted))
            #expect(try !disk.ledger.reader.isDirectory(directory))
            #expect(try disk.rows(dirty) == ["3"])
        }
    }
}

extension SQLTables {
    func answerForTest(_ request: ReplicaRequest) -> ReplicaOutcome {
        var tables = self
        return Replica.execute(request, on: &tables, at: .zero)
    }
}
