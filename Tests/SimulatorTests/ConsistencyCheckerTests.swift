import Model
import Replication
import Testing

@testable import Simulator

@Suite struct ConsistencyCheckerTests {
    private let first = Support.version(1)
    private let second = Support.version(2, knows: [Dot(disk: Support.disk, sequence: 1)])

    /// Feeds the records in the order of their beginnings and ends.
    private func suspicions(_ records: [OperationRecord]) -> Int {
        var checker = NoStaleReads()
        var events: [(time: Int64, isEnd: Bool, number: Int)] = []
        for (number, record) in records.enumerated() {
            events.append((record.invoked, false, number))
            if record.answered != .max { events.append((record.answered, true, number)) }
        }
        events.sort { ($0.time, $0.isEnd ? 1 : 0) < ($1.time, $1.isEnd ? 1 : 0) }
        var count = 0
        for event in events {
            let record = records[event.number]
            if !event.isEnd {
                checker.began(event.number, record, holding: [0])
                continue
            }
            if checker.ended(event.number, record) != nil { count += 1 }
            if let version = record.written {
                checker.acknowledged(record, version: version, holding: [0], at: event.time)
            }
        }
        return count
    }

    private var puts: [OperationRecord] {
        [
            Support.record(0, .put, from: 0, to: 10, Support.written(first)),
            Support.record(1, .put, from: 20, to: 30, Support.written(second)),
        ]
    }

    @Test func readsAfterAWriteSeeIt() {
        let fresh = Support.record(2, .get, from: 40, to: 50, .read(Support.content(1), second))
        #expect(suspicions(puts + [fresh]) == 0)
        let stale = Support.record(2, .get, from: 40, to: 50, .read(Support.content(0), first))
        #expect(suspicions(puts + [stale]) == 1)
        let absent = Support.record(2, .get, from: 40, to: 50, .notFound)
        #expect(suspicions(puts + [absent]) == 1)
    }

    @Test func aReadBesideAWriteMaySeeEither() {
        let beside = Support.record(2, .get, from: 25, to: 50, .read(Support.content(0), first))
        #expect(suspicions(puts + [beside]) == 0)
    }

    @Test func readsDoNotGoBack() {
        let unknown = Support.record(1, .put, from: 20, to: 0, .unknown)
        let seen = Support.record(2, .get, from: 30, to: 40, .read(Support.content(1), second))
        let back = Support.record(3, .get, from: 50, to: 60, .read(Support.content(0), first))
        #expect(suspicions([puts[0], unknown, seen, back]) == 1)
    }

    @Test func aDeletionExplainsThatNothingIsThere() {
        let absent = Support.record(3, .get, from: 60, to: 70, .notFound)
        let unknown = Support.record(2, .delete, from: 40, to: 0, .unknown)
        #expect(suspicions(puts + [unknown, absent]) == 0)
    }

    @Test func oneContentIsReplacedOnce() {
        let swap = OperationRecord.Kind.putIfMatches(Support.content(0))
        let one = Support.record(1, swap, from: 20, to: 30, Support.written(second))
        let other = Support.record(
            2, swap, from: 20, to: 30, Support.written(Support.version(3)))
        let fine = History([puts[0], one])
        #expect(ConditionalWritesAreExact.check(fine, .available, 99).isEmpty)
        let twice = History([puts[0], one, other])
        #expect(ConditionalWritesAreExact.check(twice, .available, 99).count == 1)
    }

    @Test func oneFileIsCreatedOnceUnlessItWasDeleted() {
        let one = Support.record(0, .putIfAbsent, from: 0, to: 10, Support.written(first))
        let other = Support.record(2, .putIfAbsent, from: 40, to: 50, Support.written(second))
        let deletion = Support.record(1, .delete, from: 20, to: 30, .unknown)
        #expect(ConditionalWritesAreExact.check(History([one, other]), .available, 99).count == 1)
        let explained = History([one, deletion, other])
        #expect(ConditionalWritesAreExact.check(explained, .available, 99).isEmpty)
    }

    private func found(_ records: [OperationRecord], _ policy: WritePolicy = .available) -> Int {
        ConditionalWritesAreExact.check(History(records), policy, 99).count
    }

    /// By content: the file was created, exactly, and somebody is told that it is another one.
    @Test func anExactRefusalOfWhatIsThereNeedsAChange() {
        let create = Support.record(0, .putIfAbsent, from: 0, to: 10, Support.written(first))
        let swap = OperationRecord.Kind.putIfMatches(Support.content(0))
        let refused = Support.record(
            2, swap, from: 40, to: 50, .conditionFailed(exact: true))
        #expect(found([create, refused]) == 1)
        let reachable = Support.record(
            2, swap, from: 40, to: 50, .conditionFailed(exact: false))
        #expect(found([create, reachable]) == 0)
        let beside = Support.record(2, swap, from: 5, to: 50, .conditionFailed(exact: true))
        #expect(found([create, beside]) == 0)
        let unknown = Support.record(1, .put, from: 20, to: 0, .unknown)
        #expect(found([create, unknown, refused]) == 0)
        let replaced = Support.record(1, .put, from: 20, to: 30, Support.written(second))
        #expect(found([create, replaced, refused]) == 0)
        // What the created one knew came before it.
        let before = Support.record(1, .put, from: 0, to: 5, Support.written(first))
        let after = Support.record(0, .putIfAbsent, from: 6, to: 10, Support.written(second))
        #expect(found([before, after, refused]) == 1)
    }

    @Test func anExactRefusalOfACreationNeedsAFile() {
        let create = Support.record(0, .putIfAbsent, from: 0, to: 10, Support.written(first))
        let removal = Support.record(
            1, .deleteIfMatches(Support.content(0)), from: 20, to: 30, Support.written(second))
        let refused = Support.record(
            2, .putIfAbsent, from: 40, to: 50, .conditionFailed(exact: true))
        #expect(found([create, refused]) == 0)
        #expect(found([create, removal, refused]) == 1)
        let put = Support.record(
            3, .put, from: 35, to: 38, Support.written(Support.version(3)))
        #expect(found([create, removal, put, refused]) == 0)
    }

    /// There it is exact or 503; and a refusal takes part in the order of everything.
    @Test func underMajorityEveryDecisionIsExact() {
        let create = Support.record(0, .putIfAbsent, from: 0, to: 10, Support.written(first))
        let refused = { (exact: Bool) in
            Support.record(2, .putIfAbsent, from: 40, to: 50, .conditionFailed(exact: exact))
        }
        #expect(found([create, refused(true)], .majority) == 0)
        #expect(found([create, refused(false)], .majority) == 1)
        let reachable = Support.record(
            0, .putIfAbsent, from: 0, to: 10, .written(first, copies: 1, exact: false))
        #expect(found([reachable], .majority) == 1)
        #expect(found([reachable], .available) == 0)
        let deletion = Support.record(1, .delete, from: 20, to: 30, Support.written(second))
        // Both find it: nothing explains it, and no order does.
        #expect(found([create, deletion, refused(true)], .majority) == 2)
    }
}

@Suite struct DirectoriesKeepTheirNamesTests {
    private let path = KeySpace.sharedMarks[0]

    private func record(
        _ index: Int, _ kind: OperationRecord.Kind, from invoked: Int64, to answered: Int64,
        _ outcome: OperationRecord.Outcome = Support.written(Support.version(1))
    ) -> OperationRecord {
        Support.record(index, kind, from: invoked, to: answered, outcome, path: path)
    }

    private func found(_ records: [OperationRecord], _ policy: WritePolicy = .majority) -> Int {
        DirectoriesKeepTheirNames.check(History(records), policy, 99).count
    }

    @Test func noFileComesWhereADirectoryIs() {
        let directory = record(0, .makeDirectory, from: 0, to: 10)
        let put = record(1, .put, from: 20, to: 30)
        #expect(found([directory, put]) == 1)
        #expect(found([directory, put], .available) == 0)
        #expect(found([directory, record(1, .put, from: 20, to: 30, .isDirectory)]) == 0)
        #expect(found([directory, record(1, .put, from: 5, to: 30)]) == 0)
        #expect(found([record(0, .makeDirectory, from: 0, to: 0, .unknown), put]) == 0)
    }

    @Test func whereItMayHaveGoneOneMayCome() {
        let directory = record(0, .makeDirectory, from: 0, to: 10)
        let put = record(2, .put, from: 20, to: 30)
        let removal = record(1, .removeDirectory, from: 12, to: 15)
        #expect(found([directory, removal, put]) == 0)
        #expect(
            found([directory, record(1, .removeDirectory, from: 12, to: 0, .unknown), put]) == 0)
        #expect(
            found([directory, record(1, .removeDirectory, from: 12, to: 15, .refused), put]) == 1)
        #expect(found([removal, record(3, .makeDirectory, from: 16, to: 18), put]) == 1)
    }
}

@Suite struct LinearizabilityTests {
    private func put(_ index: Int, _ from: Int64, _ to: Int64) -> OperationRecord {
        Support.record(
            index, .put, from: from, to: to, Support.written(Support.version(UInt64(index + 1))))
    }

    private func get(_ index: Int, _ from: Int64, _ to: Int64, _ content: Int?) -> OperationRecord {
        let outcome: OperationRecord.Outcome =
            content.map { .read(Support.content($0), Support.version(1)) } ?? .notFound
        return Support.record(index, .get, from: from, to: to, outcome)
    }

    @Test func concurrentWritesMayComeInAnyOrder() {
        #expect(
            Linearizability.check([put(0, 0, 10), put(1, 0, 10), get(2, 20, 30, 0)])
                == .linearizable)
        #expect(
            Linearizability.check([put(0, 0, 10), put(1, 0, 10), get(2, 20, 30, 1)])
                == .linearizable)
    }

    @Test func readsAgreeOnTheOrder() {
        let records = [
            put(0, 0, 10), put(1, 0, 10), get(2, 20, 30, 0), get(3, 40, 50, 1),
        ]
        #expect(Linearizability.check(records) == .contradiction(records[3]))
    }

    /// The write's answer comes before that of the read, and the read came first all the same.
    @Test func aReadMayComeBeforeAWriteThatEndsEarlier() {
        let records = [put(0, 0, 10), put(1, 20, 30), get(2, 25, 40, 0)]
        #expect(Linearizability.check(records) == .linearizable)
        let late = [put(0, 0, 10), put(1, 20, 30), get(2, 35, 40, 0)]
        #expect(Linearizability.check(late) == .contradiction(late[2]))
        let both = [put(0, 0, 10), put(1, 20, 30), get(2, 25, 40, 1), get(3, 41, 50, 0)]
        #expect(Linearizability.check(both) == .contradiction(both[3]))
    }

    @Test func anUnknownWriteMayTakeEffectLateOrNever() {
        let unknown = Support.record(0, .put, from: 0, to: 0, .unknown)
        #expect(Linearizability.check([unknown, get(1, 5, 9, nil)]) == .linearizable)
        #expect(
            Linearizability.check([unknown, get(1, 5, 9, nil), get(2, 50, 60, 0)])
                == .linearizable)
        let gone = [unknown, get(1, 5, 9, 0), get(2, 50, 60, nil)]
        #expect(Linearizability.check(gone) == .contradiction(gone[2]))
    }

    /// Refused because a directory is there: that says nothing of the file; after several attempts one
    /// of them may have been applied.
    @Test func aRefusalForADirectoryChangesNothing() {
        let refused = Support.record(1, .put, from: 20, to: 30, .isDirectory)
        #expect(
            Linearizability.check([put(0, 0, 10), refused, get(2, 40, 50, 0)]) == .linearizable)
        let seen = [put(0, 0, 10), refused, get(2, 40, 50, 1)]
        #expect(Linearizability.check(seen) == .contradiction(seen[2]))
        var repeated = refused
        repeated.attempts = 2
        #expect(
            Linearizability.check([put(0, 0, 10), repeated, get(2, 40, 50, 1)]) == .linearizable)
        #expect(
            Linearizability.check([put(0, 0, 10), repeated, get(2, 40, 50, 0)]) == .linearizable)
        let directory = Support.record(2, .get, from: 40, to: 50, .isDirectory)
        #expect(Linearizability.check([put(0, 0, 10), directory]) == .linearizable)
    }

    /// A client asked again and was refused; the first node, which it asked in vain, was down with what it
    /// had begun, and comes back with it.
    @Test func whatWasAskedBeforeARefusalMayComeLate() {
        var refused = Support.record(1, .put, from: 20, to: 30, .refused)
        let found = [put(0, 0, 10), refused, get(2, 40, 50, 0), get(3, 60, 70, 1)]
        #expect(Linearizability.check(found) == .contradiction(found[3]))
        refused.attempts = 2
        let late = [put(0, 0, 10), refused, get(2, 40, 50, 0), get(3, 60, 70, 1)]
        #expect(Linearizability.check(late) == .linearizable)
        // Once.
        let twice = late + [put(4, 80, 90), get(5, 100, 110, 1)]
        #expect(Linearizability.check(twice) == .contradiction(twice[5]))
    }

    /// The refusal itself is held to what is there.
    @Test func aConditionThatWasMetIsNotRefusedAfterSeveralAttempts() {
        let swap = OperationRecord.Kind.putIfMatches(Support.content(0))
        var refused = Support.record(1, swap, from: 20, to: 30, .conditionFailed(exact: true))
        refused.attempts = 2
        // Its own earlier attempt may be the reason.
        #expect(
            Linearizability.check([put(0, 0, 10), refused, get(2, 40, 50, 1)]) == .linearizable)
        let kept = [put(0, 0, 10), refused, get(2, 40, 50, 0)]
        #expect(Linearizability.check(kept) == .contradiction(kept[2]))
        var absent = Support.record(1, .delete, from: 20, to: 30, .notFound)
        absent.attempts = 2
        #expect(
            Linearizability.check([put(0, 0, 10), absent, get(2, 40, 50, nil)]) == .linearizable)
        let there = [put(0, 0, 10), absent, get(2, 40, 50, 0)]
        #expect(Linearizability.check(there) == .contradiction(there[2]))
    }

    @Test func whatIsReadBesideADirectoryIsTheNewest() {
        let beside = Support.record(
            1, .getBeside(Support.version(1).dot), from: 20, to: 30,
            .read(Support.content(0), Support.version(1)))
        #expect(Linearizability.check([put(0, 0, 10), beside]) == .linearizable)
        let late = [put(0, 0, 10), put(2, 12, 15), beside]
        #expect(Linearizability.check(late) == .contradiction(beside))
        let removal = Support.record(
            3, .deleteBeside(Support.version(1).dot), from: 20, to: 30,
            Support.written(Support.version(4)))
        #expect(
            Linearizability.check([put(0, 0, 10), removal, get(4, 40, 50, nil)]) == .linearizable)
        let gone = [put(0, 0, 10), removal, get(4, 40, 50, 0)]
        #expect(Linearizability.check(gone) == .contradiction(gone[2]))
    }

    /// A read that is repeated is another read.
    @Test func aReadOfNothingIsHeldToItAfterSeveralAttempts() {
        var absent = get(1, 20, 30, nil)
        absent.attempts = 3
        #expect(Linearizability.check([put(0, 0, 10), absent]) == .contradiction(absent))
    }

    @Test func conditionsAreMetWhereTheyTakeEffect() {
        let swap = OperationRecord.Kind.putIfMatches(Support.content(0))
        let done = Support.record(1, swap, from: 20, to: 30, Support.written(Support.version(2)))
        let failed = Support.record(2, swap, from: 40, to: 50, .conditionFailed(exact: true))
        let failedBefore = Support.record(2, swap, from: 12, to: 15, .conditionFailed(exact: true))
        #expect(Linearizability.check([put(0, 0, 10), done, failed]) == .linearizable)
        #expect(
            Linearizability.check([put(0, 0, 10), failedBefore])
                == .contradiction(failedBefore))
        let create = Support.record(
            3, .putIfAbsent, from: 60, to: 70, Support.written(Support.version(3)))
        #expect(Linearizability.check([put(0, 0, 10), create]) == .contradiction(create))
    }
}
