import Model
import Replication
import Testing

@testable import Simulator

/// What listings and removals of directories may say, by what clients were told of the files.
@Suite struct DirectoryCheckerTests {
    private static let directory = Support.path.parent ?? .root
    private static let other = KeySpace.plain[1]
    private static let gone = KeySpace.plain[2]

    /// A put and, where asked for, a deletion of it.
    private func file(
        _ path: StorePath, _ index: Int, from: Int64 = 0, deleted: Int64? = nil
    ) -> [OperationRecord] {
        var records = [
            Support.record(
                index, .put, from: from, to: from + 5, Support.written(Support.version(1)),
                path: path)
        ]
        if let deleted {
            records.append(
                Support.record(
                    index + 50, .delete, from: deleted, to: deleted + 5,
                    Support.written(Support.version(2)), path: path))
        }
        return records
    }

    private func listing(_ paths: [StorePath], from: Int64 = 100) -> OperationRecord {
        Support.record(
            99, .listPages(limit: 2), from: from, to: from + 10,
            .listed(paths.map { .init(name: Array($0.name), isDirectory: false) }),
            path: Self.directory)
    }

    private func check(
        _ records: [OperationRecord], _ policy: WritePolicy = .majority
    ) -> [Violation] {
        ListingPages.check(History(records), policy, 200)
    }

    private var written: [OperationRecord] {
        file(Support.path, 1) + file(Self.other, 2) + file(Self.gone, 3, deleted: 50)
    }

    @Test func allThatIsThereIsListedOnce() {
        #expect(check(written + [listing([Support.path, Self.other])]).isEmpty)
        #expect(check(written + [listing([Support.path])]).count == 1)
        #expect(check(written + [listing([])]).count == 2)
        #expect(check(written + [listing([Support.path, Self.other, Self.other])]).count == 1)
        #expect(check(written + [listing([Self.other, Support.path])]).count == 1)
    }

    @Test func whatIsGoneIsNotListed() {
        #expect(check(written + [listing([Support.path, Self.other, Self.gone])]).count == 1)
    }

    @Test func whatLeftNoTraceMayComeBackForAWhile() {
        func check(droppedAt time: Nanoseconds) -> [Violation] {
            var history = History(written + [listing([Support.path, Self.other, Self.gone])])
            history.noteTraceDropped(of: Self.gone, at: time)
            history.noteTraceDropped(of: Self.other, at: 80)
            return ListingPages.check(history, .majority, 200)
        }
        #expect(check(droppedAt: 80).isEmpty)
        #expect(check(droppedAt: 105).isEmpty)
        // That of an earlier deletion; and after the listing.
        #expect(check(droppedAt: 40).count == 1)
        #expect(check(droppedAt: 111).count == 1)
    }

    @Test func aDirectoryWithFilesInItIsFound() {
        var listing = listing([])
        listing.outcome = .notFound
        #expect(check(written + [listing]).count == 2)
        #expect(check(file(Self.gone, 3, deleted: 50) + [listing]).isEmpty)
    }

    @Test func aFileBesideADirectoryOfItsNameMayComeBehindIt() {
        var listing = listing([])
        let beside = ConflictName(of: Array("f".utf8), at: Support.version(1).dot).bytes
        let names = [Array("f".utf8), beside, Array("f!".utf8)]
        listing.outcome = .listed(names.map { .init(name: $0, isDirectory: false) })
        #expect(check([listing]).isEmpty)
        listing.outcome = .listed(names.reversed().map { .init(name: $0, isDirectory: false) })
        #expect(check([listing]).count == 1)
    }

    @Test func whatComesOrGoesMeanwhileMayBeListedOrNot() {
        let changing = file(Support.path, 1, deleted: 103) + file(Self.other, 2, from: 104)
        #expect(check(changing + [listing([])]).isEmpty)
        #expect(check(changing + [listing([Support.path, Self.other])]).isEmpty)
        // Nobody knows whether it was deleted.
        var unknown = file(Support.path, 1, deleted: 50)
        unknown[1].outcome = .unknown
        unknown[1].answered = .max
        #expect(check(unknown + [listing([])]).isEmpty)
        #expect(check(unknown + [listing([Support.path])]).isEmpty)
    }

    @Test func anEntryThatWasPendingMayCome() {
        var pending = file(Support.path, 1)
        pending[0].isListingPending = true
        #expect(check(pending + [listing([])]).isEmpty)
    }

    @Test func aDisturbedListingUnderAvailableMayBeOld() {
        var listing = listing([])
        #expect(check(written + [listing], .available).isEmpty)
        listing.isUndisturbed = true
        #expect(check(written + [listing], .available).count == 2)
    }

    @Test func aRemovedDirectoryWasEmpty() {
        func removal(_ outcome: OperationRecord.Outcome) -> OperationRecord {
            Support.record(
                98, .removeDirectory, from: 100, to: 110, outcome, path: Self.directory)
        }
        func check(
            _ records: [OperationRecord], _ policy: WritePolicy = .majority
        ) -> [Violation] {
            RemovedDirectoriesWereEmpty.check(History(records), policy, 200)
        }
        var removed = removal(Support.written(Support.version(3)))
        #expect(check(file(Support.path, 1) + [removed]).count == 1)
        #expect(check(file(Support.path, 1) + [removal(.refused)]).isEmpty)
        #expect(check(file(Support.path, 1, deleted: 50) + [removed]).isEmpty)
        // It may have come after the directory went.
        #expect(check(file(Support.path, 1, from: 98) + [removed]).isEmpty)
        #expect(check(file(Support.path, 1) + [removed], .available).isEmpty)
        removed.isUndisturbed = true
        #expect(check(file(Support.path, 1) + [removed], .available).count == 1)
    }
}
