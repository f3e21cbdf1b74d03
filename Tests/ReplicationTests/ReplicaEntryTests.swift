import Model
import Testing

@testable import Replication

/// Directories on one disk: entries, existence, the outbox, listings.
@Suite struct ReplicaEntryTests {
    private let directory = path("/d")
    private let file = RegisterKey.file(path("/d/f"))
    private var a = MemoryTables(disk: disk(0))

    @Test mutating func aCommitPutsTheEntryIntoTheOutboxUnlessListed() {
        let first = version(1)
        let listed = a.execute(.commit(file, first, listed: true), at: .zero)
        #expect(!listed.hasOutbox)
        #expect(a.outbox(after: nil, limit: 9) == [])
        let second = version(2)
        let outcome = a.execute(.commit(file, second, listed: false), at: .zero)
        #expect(outcome.hasOutbox)
        guard case .outbox(let items) = run(.outbox(after: nil, limit: 9), on: &a) else { return }
        #expect(items.map(\.row) == [.file(file.path)])
        #expect(items.first?.entry?.key == EntryKey(of: file.path))
        #expect(items.first?.entry?.entry == entry(second))
        clearOutbox(of: &a)
        #expect(a.outbox(after: nil, limit: 9) == [])
    }

    @Test mutating func aPartitionIsNotForgottenBeforeItsEntriesFollowed() {
        _ = run(.commit(file, version(1), listed: false), on: &a)
        let sum = a.state(of: file.partition).sum
        #expect(isStale(run(.forget(file.partition, ifSum: sum), on: &a)))
        #expect(a.outbox(after: nil, limit: 9) == [.file(file.path)])
        clearOutbox(of: &a)
        #expect(!isStale(run(.forget(file.partition, ifSum: sum), on: &a)))
        #expect(a.register(file) == nil)
    }

    @Test mutating func aCommitThatChangesNoHeadLeavesNothingInTheOutbox() {
        _ = run(.commit(file, version(2), listed: true), on: &a)
        let outcome = a.execute(.commit(file, version(1), listed: false), at: .zero)
        #expect(!outcome.hasOutbox)
        #expect(a.outbox(after: nil, limit: 9) == [])
    }

    @Test mutating func directoryExistsWhileMarkedOrNotEmpty() {
        #expect(!exists)
        put("f", version(1))
        #expect(exists)
        let mark = version(2, value: .mark)
        _ = run(.commit(.mark(directory), mark, listed: true), on: &a)
        #expect(exists)
        put("f", version(3, value: .deleted))
        #expect(exists)
        _ = run(.commit(.mark(directory), version(4, value: .deleted), listed: true), on: &a)
        #expect(!exists)
        #expect(Replica.existence(of: directory, a).rank == version(4).rank)
        // A live entry revives it, without a mark.
        put("g", version(5))
        #expect(exists)
        #expect(!Replica.existence(of: directory, a).isMarked)
    }

    @Test mutating func directoryComingOrGoingIsToldToItsParent() {
        let row = OutboxRow.directory(directory)
        #expect(put("f", version(1)))
        #expect(a.outbox(after: nil, limit: 9) == [row])
        guard case .outbox(let items) = run(.outbox(after: nil, limit: 9), on: &a) else { return }
        #expect(items.first?.entry?.key == EntryKey(of: directory))
        #expect(
            items.first?.entry?.entry.directory == .init(rank: version(1).rank, exists: true))
        clearOutbox(of: &a)
        // Neither a second entry nor a change of the first is news above.
        #expect(!put("g", version(2)))
        #expect(!put("f", version(3)))
        #expect(!put("f", version(4, value: .deleted)))
        #expect(a.outbox(after: nil, limit: 9) == [])
        #expect(put("g", version(5, value: .deleted)))
        #expect(a.outbox(after: nil, limit: 9) == [row])
    }

    /// Between the question what there is to say, and the answer that it was said.
    @Test mutating func aRowWithSomethingElseToSayStays() {
        put("f", version(1))
        guard case .outbox(let said) = run(.outbox(after: nil, limit: 9), on: &a) else { return }
        put("f", version(2, value: .deleted))
        let outcome = a.execute(.outboxDone(said), at: .zero)
        #expect(outcome.hasOutbox)
        #expect(a.outbox(after: nil, limit: 9) == [.directory(directory)])
        clearOutbox(of: &a)
        #expect(a.outbox(after: nil, limit: 9) == [])
    }

    /// It may have been acknowledged: with it the directory outlasts its last file.
    @Test mutating func aMarkThatIsMerelyPreparedIsThereAndNoNews() {
        put("f", version(1))
        _ = run(.prepare(.mark(directory), version(2, value: .mark)), on: &a)
        let gone = entry(version(3, value: .deleted))
        guard case .entry(_, let existence) = run(.putEntry(key("f"), gone), on: &a) else { return }
        #expect(existence.exists && !existence.hasChanged)
        #expect(a.outbox(after: nil, limit: 9) == [.directory(directory)])
    }

    @Test mutating func theRootIsToldToNobody() {
        let key = EntryKey(directory: .root, name: Array("f".utf8))
        _ = run(.putEntry(key, entry(version(1))), on: &a)
        #expect(a.outbox(after: nil, limit: 9) == [])
    }

    @Test mutating func anOlderEntryThatComesLateChangesNothing() {
        put("f", version(2, value: .deleted))
        let before = a.state(of: Partition(of: directory))
        put("f", version(1))
        #expect(a.state(of: Partition(of: directory)) == before)
        #expect(!exists)
    }

    @Test mutating func anEntryIsDroppedOnlyAsItWas() {
        let live = version(1)
        let gone = version(2, value: .deleted)
        put("f", live)
        #expect(isStale(run(.dropEntry(key("f"), entry(live)), on: &a)))
        put("f", gone)
        #expect(isStale(run(.dropEntry(key("f"), entry(live)), on: &a)))
        _ = run(.dropEntry(key("f"), entry(gone)), on: &a)
        #expect(a.entry(key("f")) == nil)
        #expect(a.state(of: Partition(of: directory)).contents == .zero)
    }

    @Test mutating func pagesOfAListingAreInOrderAndComplete() {
        let names = ["b", "a", "d", "c", "gone", "ab"]
        for (index, name) in names.enumerated() {
            let isGone = name == "gone"
            let newest: RegisterValue? = isGone ? .deleted : nil
            put(name, version(UInt64(index) + 1, value: newest))
        }
        put("other", version(50), in: path("/d2"))
        #expect(pages(of: 2, withGone: false) == [["a", "ab"], ["b", "c"], ["d"]])
        #expect(pages(of: 5, withGone: false) == [["a", "ab", "b", "c", "d"]])
        #expect(pages(of: 4, withGone: true) == [["a", "ab", "b", "c"], ["d", "gone"]])
    }

    /// Random entries and marks, often the same ones, late and repeated.
    @Test mutating func whatIsCountedIsWhatIsThere() {
        for seed in UInt64(1)...60 {
            var generator = SplitMix64(seed: seed)
            a = MemoryTables(disk: disk(0))
            var told: Bool?
            for _ in 0..<40 {
                let number = UInt64.random(in: 1...20, using: &generator)
                let isGone = number % 3 == 0
                let existed = exists
                if number % 7 == 0 {
                    let value: RegisterValue = isGone ? .deleted : .mark
                    _ = run(
                        .commit(.mark(directory), version(number, value: value), listed: true),
                        on: &a)
                } else {
                    put("\(number % 4)", version(number, value: isGone ? .deleted : nil))
                }
                let live = a.entries(in: directory, after: nil, limit: 99, withGone: false)
                let all = a.entries(in: directory, after: nil, limit: 99, withGone: true)
                #expect(a.directoryState(directory).liveCount == live.count, "seed \(seed)")
                #expect(live == all.filter(\.entry.isLive), "seed \(seed)")
                let isMarked = a.register(.mark(directory))?.head?.value == .mark
                #expect(exists == (isMarked || !live.isEmpty), "seed \(seed)")
                if exists != existed { told = exists }
                let partition = Partition(of: directory)
                let (registers, entries) = a.contents(of: partition)
                var contents = Fingerprint.zero
                for item in registers { contents &+= item.register.fingerprint(of: item.key) }
                for item in entries { contents &+= item.entry.fingerprint(of: item.key) }
                #expect(a.state(of: partition).contents == contents, "seed \(seed)")
                #expect(
                    a.state(of: partition).itemCount == registers.count + entries.count,
                    "seed \(seed)")
            }
            guard case .outbox(let items) = run(.outbox(after: nil, limit: 9), on: &a) else {
                return
            }
            #expect(items.first?.entry?.entry.directory?.exists == told, "seed \(seed)")
        }
    }

    // MARK: Words

    private var exists: Bool { Replica.existence(of: directory, a).exists }

    private func key(_ name: String) -> EntryKey {
        EntryKey(directory: directory, name: Array(name.utf8))
    }

    /// - Returns: whether the directory came or went by it.
    @discardableResult
    private mutating func put(
        _ name: String, _ version: RegisterVersion, in other: StorePath? = nil
    ) -> Bool {
        let key = EntryKey(directory: other ?? directory, name: Array(name.utf8))
        let reply = run(.putEntry(key, entry(version)), on: &a)
        guard case .entry(_, let existence) = reply else { return false }
        return existence.hasChanged
    }

    private func entry(_ version: RegisterVersion) -> DirectoryEntry {
        DirectoryEntry(file: .init(rank: version.rank, record: version.record))
    }

    private func version(_ number: UInt64, value: RegisterValue? = nil) -> RegisterVersion {
        let dot = dot(7, number)
        return RegisterVersion(
            version: Version(
                dot: dot, time: HybridTime(value: number), context: CausalContext(entries: [dot])),
            value: value ?? ReplicationTests.file(number), operation: operation(number))
    }

    private mutating func pages(of limit: Int, withGone: Bool) -> [[String]] {
        var result: [[String]] = []
        var after: [UInt8]?
        for _ in 0..<20 {
            let reply = run(
                .list(directory, after: after, limit: limit, withGone: withGone), on: &a)
            guard case .listing(let page, _, let more) = reply else { break }
            result.append(page.map { String(decoding: $0.key.name, as: UTF8.self) })
            after = page.last?.key.name
            if !more { break }
        }
        return result
    }

    /// Its commit may still be under way where it has been acknowledged.
    @Test func readersAreToldOfADirectoryWhoseMarkIsMerelyPrepared() {
        var tables = MemoryTables(disk: disk(0))
        let mark = RegisterKey.mark(path("/a"))
        let version = RegisterVersion(
            version: Version(
                dot: dot(1, 1), time: HybridTime(value: 5),
                context: CausalContext(entries: [dot(1, 1)])),
            value: .mark, operation: operation(1))
        _ = tables.execute(.prepare(mark, version), at: .zero)
        let reply = tables.execute(
            .list(path("/a"), after: nil, limit: 10, withGone: false), at: .zero
        ).reply
        guard case .listing(_, let shown, _) = reply else {
            Issue.record("no listing: \(reply)")
            return
        }
        #expect(shown.exists && shown.isMarked && shown.markRank == version.rank)
        guard
            case .register(_, _, let isDirectory) = tables.execute(
                .read(.file(path("/a"))), at: .zero
            ).reply
        else {
            Issue.record("no register")
            return
        }
        #expect(isDirectory)
        // Its parent does not list it before it is committed.
        #expect(tables.outbox(after: nil, limit: 10).isEmpty)
    }

    /// Rows whose directory's holders are away stay at the front: those behind them come in turn.
    @Test func theOutboxIsReadInTurn() {
        var tables = MemoryTables(disk: disk(0))
        let rows = (1...5).map { OutboxRow.file(path("/\($0)")) } + [.directory(path("/1"))]
        for row in rows { _ = tables.execute(.addOutbox(row), at: .zero) }
        #expect(tables.outbox(after: nil, limit: 2) == Array(rows[..<2]))
        #expect(tables.outbox(after: rows[1], limit: 3) == Array(rows[2..<5]))
        #expect(tables.outbox(after: rows[4], limit: 3) == [rows[5]])
        #expect(tables.outbox(after: rows[5], limit: 3).isEmpty)
        tables.removeOutbox(rows[1])
        #expect(tables.outbox(after: rows[1], limit: 1) == [rows[2]])
    }
}
