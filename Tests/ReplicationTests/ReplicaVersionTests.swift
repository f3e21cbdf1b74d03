import Model
import Testing

@testable import Replication

/// The rules of one disk for making versions and taking them in.
@Suite struct ReplicaVersionTests {
    private let key = RegisterKey.file(path("/a"))
    private var a = MemoryTables(disk: disk(0))
    private var b = MemoryTables(disk: disk(1))

    @Test mutating func aPrepareThatDoesNotCoverTheHeadIsRefused() {
        let head = committed(on: &b, operation: 1, time: 50)
        let other = assigned(on: &a, operation: 2, time: 99)
        guard case .refused(let context, let above, _) = run(.prepare(key, other), on: &b) else {
            Issue.record("not refused")
            return
        }
        #expect(context.contains(head.dot))
        #expect(above == head.version.time)
        #expect(b.register(key)?.prepared == [])
        // Assigned again with what the refusal said, it is taken.
        let again = assigned(on: &a, operation: 2, time: 60, cover: context, above: above)
        #expect(again.covers(head))
        #expect(head.rank < again.rank)
        #expect(isPrepared(run(.prepare(key, again), on: &b)))
    }

    @Test mutating func aPrepareBesideAnotherIsRefusedOnlyWhereItRanksBelow() {
        let low = assigned(on: &a, operation: 1, time: 10)
        let high = assigned(on: &b, operation: 2, time: 20)
        #expect(isPrepared(run(.prepare(key, high), on: &a)))
        #expect(isRefused(run(.prepare(key, low), on: &b)))
    }

    /// A disk gave a version away with its partition and assigns the next without knowledge of it:
    /// the context names the disk's earlier sequences all the same.
    @Test mutating func aPrepareThatRanksBelowTheHeadIsRefusedThoughItsContextNamesTheHead() {
        let head = committed(on: &a, operation: 1, time: 100)
        _ = run(.commit(key, head, listed: true), on: &b)
        let sum = a.state(of: key.partition).sum
        _ = run(.forget(key.partition, ifSum: sum), on: &a)
        let next = assigned(on: &a, operation: 2, time: 50)
        #expect(next.covers(head))
        #expect(isRefused(run(.prepare(key, next), on: &b)))
        let again = assigned(
            on: &a, operation: 2, time: 51, above: head.version.time)
        #expect(isPrepared(run(.prepare(key, again), on: &b)))
        _ = run(.commit(key, again, listed: true), on: &b)
        #expect(b.register(key)?.head == again)
    }

    @Test mutating func theSameOperationIsNotAppliedTwice() {
        let first = committed(on: &a, operation: 1, time: 10)
        for time in [11, 90] as [UInt64] {
            let reply = run(
                .assign(assignment(operation: 1, time: time)), on: &a)
            #expect(isAlreadyApplied(reply, as: first))
        }
        #expect(
            isAlreadyApplied(
                run(
                    .mint(assignment(operation: 1, time: 90), Ballot(round: 1, node: node("m"))),
                    on: &a), as: first))
        // Also once it is overwritten and kept.
        _ = committed(on: &a, operation: 2, time: 20)
        #expect(
            isAlreadyApplied(run(.assign(assignment(operation: 1, time: 91)), on: &a), as: first))
        let attempt = assigned(on: &b, operation: 1, time: 95)
        #expect(isAlreadyApplied(run(.prepare(key, attempt), on: &a), as: first))
    }

    @Test mutating func anAssignmentSentTwiceMakesOneVersion() {
        let first = assigned(on: &a, operation: 1, time: 10)
        #expect(assigned(on: &a, operation: 1, time: 30) == first)
        #expect(a.state(of: key.partition).counter == 1)
    }

    @Test mutating func aReassignedVersionCoversWhatTheHolderKnew() {
        let first = assigned(on: &a, operation: 1, time: 10)
        var cover = CausalContext.empty
        cover.insert(dot(1, 7))
        let above = HybridTime(value: 70)
        let second = assigned(on: &a, operation: 1, time: 20, cover: cover, above: above)
        #expect(second.version.context.contains(dot(1, 7)))
        #expect(above < second.version.time)
        #expect(second.covers(first))
        // The first attempt is spent when the second is committed, not before.
        #expect(a.register(key)?.prepared == [first, second])
        #expect(!a.state(of: key.partition).context.contains(first.dot))
        _ = run(.commit(key, second, listed: true), on: &a)
        #expect(a.register(key)?.prepared == [])
        #expect(a.state(of: key.partition).context.contains(first.dot))
    }

    @Test mutating func aVersionRanksAboveAllThatIsKnownThoughTheClockIsBehind() {
        let first = committed(on: &a, operation: 1, time: 1_000)
        let second = assigned(on: &a, operation: 2, time: 5)
        #expect(first.rank < second.rank)
        #expect(second.covers(first))
    }

    @Test mutating func whatIsPreparedIsNotVisibleButIsTheNewest() {
        let version = assigned(on: &a, operation: 1, time: 10)
        #expect(a.register(key)?.head == nil)
        #expect(a.register(key)?.newest == version)
        #expect(a.state(of: key.partition).contents == .zero)
        _ = run(.commit(key, version, listed: true), on: &a)
        #expect(a.register(key)?.head == version)
    }

    @Test mutating func settleNamesWhatWasPreparedLongAgo() {
        let version = assigned(on: &a, operation: 1, time: 10)
        let early = a.execute(.settle(preparedBefore: .seconds(-1)), at: .seconds(1))
        guard case .unsettled([], [], more: true) = early.reply else {
            Issue.record("\(early.reply)")
            return
        }
        let late = a.execute(.settle(preparedBefore: .seconds(1)), at: .seconds(3))
        guard case .unsettled([], let prepared, more: true) = late.reply else {
            Issue.record("\(late.reply)")
            return
        }
        // Whether it takes effect is not for this disk alone to say.
        #expect(prepared == [PreparedVersions(key: key, versions: [version])])
        #expect(a.register(key)?.head == nil)
        let outcome = a.execute(.commit(key, version, listed: false), at: .seconds(3))
        #expect(a.register(key)?.head == version)
        #expect(outcome.hasOutbox)
        #expect(a.unsettled(before: .seconds(9)) == [])
    }

    /// Those whose holders are away stay; the ones behind them are named all the same.
    @Test mutating func allThatIsUnsettledIsNamedInTurn() {
        let count = ReplicationLimits.settleCountMax + 10
        for number in 0..<count {
            let key = RegisterKey.file(path("/f\(1_000 + number)"))
            let assignment = Assignment(
                key: key, value: file(1), operation: operation(UInt64(number)),
                time: HybridTime(value: 1))
            _ = run(.assign(assignment), on: &a)
        }
        var named: [RegisterKey] = []
        var after: RegisterKey?
        for _ in 0..<2 {
            let outcome = a.execute(
                .settle(preparedBefore: .seconds(1), after: after), at: .seconds(3))
            guard case .unsettled([], let prepared, more: true) = outcome.reply else {
                Issue.record("\(outcome.reply)")
                return
            }
            #expect(prepared.count <= ReplicationLimits.settleCountMax)
            named += prepared.map(\.key)
            after = named.last
        }
        #expect(named.count == count)
        #expect(Set(named).count == count)
    }

    @Test mutating func aCommitThatComesTwiceOrAfterItsOverwritingChangesNothing() {
        let first = committed(on: &a, operation: 1, time: 10)
        _ = committed(on: &a, operation: 2, time: 20)
        let before = a.register(key)
        let outcome = a.execute(.commit(key, first, listed: false), at: .zero)
        #expect(a.register(key) == before)
        #expect(outcome.changes.isEmpty)
    }

    @Test mutating func aPrepareThatComesAfterItsCommitIsNotPreparedAgain() {
        let first = committed(on: &a, operation: 1, time: 10)
        #expect(isPrepared(run(.prepare(key, first), on: &a)))
        #expect(a.register(key)?.prepared == [])
        #expect(a.unsettled(before: .seconds(9)) == [])
    }

    @Test mutating func concurrentLosersAreMarkedWhicheverComesFirst() {
        let low = assigned(on: &a, operation: 1, time: 10)
        let high = assigned(on: &b, operation: 2, time: 20)
        for versions in [[low, high], [high, low]] {
            var tables = MemoryTables(disk: disk(5))
            for version in versions { _ = run(.commit(key, version, listed: true), on: &tables) }
            #expect(tables.register(key)?.head == high)
            // Who was the newest for a while, may have been read.
            let expected = KeptVersion(
                version: low, since: high.version.time, isConflict: true,
                tookEffect: versions.first == low)
            #expect(tables.register(key)?.kept == [expected])
        }
    }

    @Test mutating func aFullDiskTakesNoContentButTakesDeletions() {
        let file = assigned(on: &b, operation: 1, time: 10)
        let deletion = assigned(on: &b, operation: 2, time: 20, value: .deleted)
        a.isFull = true
        #expect(run(.assign(assignment(operation: 3, time: 10)), on: &a).isFull)
        #expect(
            run(
                .mint(assignment(operation: 3, time: 10), Ballot(round: 1, node: node("m"))), on: &a
            ).isFull)
        #expect(run(.prepare(key, file), on: &a).isFull)
        let ballot = Ballot(round: 1, node: node("n"))
        #expect(run(.accept(key, ballot, file), on: &a).isFull)
        #expect(a.register(key) == nil)
        #expect(isPrepared(run(.prepare(key, deletion), on: &a)))
        _ = assigned(on: &a, operation: 4, time: 30, value: .deleted)
    }

    @Test mutating func sequencesAreNeverGivenOutTwice() {
        var given: Set<Dot> = []
        for number in UInt64(1)...60 {
            switch number % 6 {
            case 0:
                let sum = a.state(of: key.partition).sum
                for version in a.register(key)?.prepared ?? [] {
                    _ = run(.commit(key, version, listed: false), on: &a)
                }
                #expect(isStale(run(.forget(key.partition, ifSum: sum), on: &a)))
                clearOutbox(of: &a)
                let settled = a.state(of: key.partition).sum
                _ = run(.forget(key.partition, ifSum: settled), on: &a)
                #expect(a.partitions == [])
            case 1:
                guard
                    case .assigned(let version, _) = run(
                        .mint(
                            assignment(operation: number, time: number),
                            Ballot(round: 1, node: node("m"))), on: &a)
                else { continue }
                #expect(given.insert(version.dot).inserted)
            case 2:
                let version = assigned(on: &a, operation: number, time: number)
                #expect(given.insert(version.dot).inserted)
                let again = assigned(
                    on: &a, operation: number, time: number,
                    above: HybridTime(value: version.version.time.value + 9))
                #expect(given.insert(again.dot).inserted)
            default:
                let version = assigned(on: &a, operation: number, time: number)
                #expect(given.insert(version.dot).inserted)
            }
        }
    }

    @Test mutating func forgetRaisesTheSequenceFloor() {
        let version = committed(on: &a, operation: 1, time: 10)
        let partition = key.partition
        #expect(isStale(run(.forget(partition, ifSum: .zero), on: &a)))
        let sum = a.state(of: partition).sum
        _ = run(.forget(partition, ifSum: sum), on: &a)
        #expect(a.sequenceFloor == version.dot.sequence)
        #expect(a.register(key) == nil)
        #expect(assigned(on: &a, operation: 2, time: 20).dot.sequence == version.dot.sequence + 1)
    }

    @Test mutating func whatIsPreparedKeepsAPartitionFromBeingForgotten() {
        _ = assigned(on: &a, operation: 1, time: 10)
        let sum = a.state(of: key.partition).sum
        #expect(isStale(run(.forget(key.partition, ifSum: sum), on: &a)))
        #expect(a.register(key)?.prepared.count == 1)
    }

    @Test mutating func contextsAreJoinedOnlyWhereTheContentsAreEqual() {
        _ = committed(on: &a, operation: 1, time: 10)
        let partition = key.partition
        let theirs = a.state(of: partition)
        let request = ReplicaRequest.joinContext(
            partition, theirs.context, ifContents: theirs.contents)
        #expect(isStale(run(request, on: &b)))
        #expect(b.state(of: partition).context.isEmpty)
    }

    /// What is prepared or promised is in no sum, and yet an item that keeps the partition here.
    @Test mutating func aChangeOfTheItemCountAloneIsTold() {
        let ballot = Ballot(round: 1, node: node("m"))
        let requests: [(ReplicaRequest, Int?)] = [
            (.promise(key, ballot), 1), (.promise(key, ballot), nil),
            (.assign(assignment(operation: 1, time: 10)), nil),
        ]
        for (request, count) in requests {
            let outcome = a.execute(request, at: .zero)
            #expect(outcome.changes.map(\.itemCount) == (count.map { [$0] } ?? []))
            #expect(outcome.changes.allSatisfy { $0.old == .zero && $0.new == .zero })
        }
        // Also where time alone takes the item away.
        _ = run(.promise(key, ballot), on: &b)
        let late = ReplicationLimits.promiseAge
        let outcome = b.execute(.settle(preparedBefore: late), at: late)
        #expect(outcome.changes.map(\.itemCount) == [0])
    }

    // MARK: Words

    private func assignment(
        operation number: UInt64, time: UInt64, value: RegisterValue? = nil,
        cover: CausalContext = .empty, above: HybridTime = .zero
    ) -> Assignment {
        Assignment(
            key: key, value: value ?? file(number), operation: operation(number), cover: cover,
            above: above, time: HybridTime(value: time))
    }

    private func assigned(
        on tables: inout MemoryTables, operation number: UInt64, time: UInt64,
        value: RegisterValue? = nil, cover: CausalContext = .empty, above: HybridTime = .zero
    ) -> RegisterVersion {
        let request = ReplicaRequest.assign(
            assignment(
                operation: number, time: time, value: value, cover: cover, above: above))
        guard case .assigned(let version, _) = run(request, on: &tables) else {
            preconditionFailure("operation \(number) was not assigned")
        }
        return version
    }

    private func committed(
        on tables: inout MemoryTables, operation number: UInt64, time: UInt64
    ) -> RegisterVersion {
        let version = assigned(on: &tables, operation: number, time: time)
        _ = run(.commit(key, version, listed: true), on: &tables)
        return version
    }
}

func run(_ request: ReplicaRequest, on tables: inout MemoryTables) -> ReplicaReply {
    tables.execute(request, at: .zero).reply
}

func isPrepared(_ reply: ReplicaReply) -> Bool {
    if case .prepared = reply { return true }
    return false
}

func isRefused(_ reply: ReplicaReply) -> Bool {
    if case .refused = reply { return true }
    return false
}

func isStale(_ reply: ReplicaReply) -> Bool {
    if case .stale = reply { return true }
    return false
}

func isAlreadyApplied(_ reply: ReplicaReply, as version: RegisterVersion) -> Bool {
    if case .alreadyApplied(version) = reply { return true }
    return false
}
