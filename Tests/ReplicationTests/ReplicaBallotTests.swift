import Model
import Testing

@testable import Replication

/// The acceptor of ballots, beside unconditional writes.
@Suite struct ReplicaBallotTests {
    private let key = RegisterKey.file(path("/a"))
    private var a = MemoryTables(disk: disk(0))
    private let low = Ballot(round: 1, node: node("n1"))
    private let high = Ballot(round: 1, node: node("n2"))

    @Test mutating func aPromiseRefusesLowerBallots() {
        #expect(isPromised(run(.promise(key, high), on: &a)))
        #expect(isTooLow(run(.promise(key, low), on: &a)))
        #expect(isTooLow(run(.accept(key, low, version(dot(1, 1), time: 10)), on: &a)))
        #expect(a.register(key)?.ballot == BallotSlot(promised: high))
        // The same and higher ones are taken.
        #expect(isPromised(run(.promise(key, high), on: &a)))
        #expect(isPromised(run(.promise(key, Ballot(round: 2, node: node("n1"))), on: &a)))
    }

    @Test mutating func aPromiseTellsWhatWasAccepted() {
        let accepted = version(dot(1, 1), time: 10)
        _ = run(.accept(key, low, accepted), on: &a)
        guard case .promised(let register, _, _) = run(.promise(key, high), on: &a) else {
            Issue.record("no promise")
            return
        }
        #expect(register.ballot?.accepted == .init(ballot: low, version: accepted))
        #expect(register.ballot?.promised == high)
    }

    @Test mutating func ballotsAcceptOnlyWhatCoversEverything() {
        let head = version(dot(1, 1), time: 10)
        let prepared = version(dot(2, 1), time: 20, after: [head.dot])
        _ = run(.commit(key, head, listed: true), on: &a)
        _ = run(.prepare(key, prepared), on: &a)
        let blind = version(dot(3, 1), time: 99)
        let half = version(dot(3, 2), time: 99, after: [head.dot])
        let whole = version(dot(3, 3), time: 99, after: [head.dot, prepared.dot])
        #expect(isRefused(run(.accept(key, low, blind), on: &a)))
        #expect(isRefused(run(.accept(key, low, half), on: &a)))
        #expect(a.register(key)?.ballot == nil)
        #expect(isAccepted(run(.accept(key, low, whole), on: &a)))
    }

    /// What one disk decided alone is committed, and takes nothing away that others accepted under
    /// a lower ballot and acknowledged.
    @Test mutating func aCommitSettlesNothingUnlessAMajorityHadPromised() {
        let accepted = version(dot(1, 1), time: 10)
        _ = run(.accept(key, low, accepted), on: &a)
        _ = run(.commit(key, accepted, listed: true), on: &a)
        #expect(a.register(key)?.ballot == BallotSlot(promised: low))
        _ = run(.accept(key, low, accepted), on: &a)
        #expect(a.register(key)?.ballot?.settled == nil)
        _ = run(.commit(key, accepted, listed: true, settled: low), on: &a)
        #expect(a.register(key)?.ballot?.settled == low)
    }

    @Test mutating func acceptedIsInvisibleUntilCommitted() {
        let accepted = version(dot(1, 1), time: 10)
        _ = run(.accept(key, low, accepted), on: &a)
        #expect(a.register(key)?.head == nil)
        #expect(a.register(key)?.newest == nil)
        #expect(a.state(of: key.partition).sum == .zero)
        let settled = a.execute(.settle(preparedBefore: .seconds(9)), at: .seconds(9))
        guard case .unsettled([key], [], _) = settled.reply else {
            Issue.record("\(settled.reply)")
            return
        }
        #expect(a.register(key)?.head == nil)
        _ = run(.commit(key, accepted, listed: true, settled: low), on: &a)
        #expect(a.register(key)?.head == accepted)
        #expect(a.register(key)?.ballot?.accepted == nil)
        #expect(a.unsettled(before: .seconds(9)) == [])
    }

    @Test mutating func theNextVersionCoversWhatWasAccepted() {
        let accepted = version(dot(1, 1), time: 10)
        _ = run(.accept(key, low, accepted), on: &a)
        let assignment = Assignment(
            key: key, value: file(2), operation: operation(2), time: HybridTime(value: 1))
        guard case .assigned(let next, _) = run(.assign(assignment), on: &a) else {
            Issue.record("not assigned")
            return
        }
        #expect(next.covers(accepted))
        #expect(accepted.rank < next.rank)
        _ = run(.commit(key, next, listed: true), on: &a)
        #expect(a.register(key)?.ballot?.accepted == nil)
    }

    @Test mutating func aPrepareThatRanksBelowWhatWasAcceptedIsRefused() {
        let accepted = version(dot(1, 1), time: 10)
        _ = run(.accept(key, low, accepted), on: &a)
        #expect(isRefused(run(.prepare(key, version(dot(2, 1), time: 9)), on: &a)))
        #expect(isPrepared(run(.prepare(key, version(dot(2, 2), time: 11)), on: &a)))
    }

    @Test mutating func whatIsCommittedAlreadyIsAcceptedWithoutATrace() {
        let committed = version(dot(1, 1), time: 10)
        _ = run(.commit(key, committed, listed: true), on: &a)
        #expect(isAccepted(run(.accept(key, low, committed), on: &a)))
        #expect(a.register(key)?.ballot == nil)
    }

    @Test mutating func aMintedVersionIsAcceptedAtOnceAndTheNextOneKnowsIt() {
        let assignment = Assignment(
            key: key, value: file(2), operation: operation(2), time: HybridTime(value: 1))
        let ballot = Ballot(round: 1, node: node("m"))
        guard case .assigned(let first, _) = run(.mint(assignment, ballot), on: &a) else {
            Issue.record("not minted")
            return
        }
        #expect(a.register(key)?.ballot?.accepted?.version == first)
        #expect(a.register(key)?.newest == nil)
        let other = Assignment(
            key: key, value: file(3), operation: operation(3), time: HybridTime(value: 1))
        guard case .assigned(let next, _) = run(.assign(other), on: &a) else {
            Issue.record("not assigned")
            return
        }
        #expect(next.covers(first))
        #expect(first.rank < next.rank)
    }

    @Test mutating func ballotsComeAlongOnlyWhereAPartitionMoves() {
        let accepted = version(dot(1, 1), time: 10)
        _ = run(.accept(key, high, accepted), on: &a)
        let item = KeyedRegister(key: key, register: a.register(key) ?? Register())
        for (origin, expected) in [
            (MergeOrigin.holder, nil), (.takeOver, item.register.ballot),
            (.handBack, item.register.ballot),
        ] {
            var b = MemoryTables(disk: disk(1))
            let outcome = b.execute(
                .merge(key.partition, [item], [], theirs: PartitionContext(), origin), at: .zero)
            #expect(b.register(key)?.ballot == expected)
            #expect(outcome.isUnsettled == (expected != nil))
        }
    }

    @Test mutating func nothingIsMintedUnderAPromiseOfAHigherBallot() {
        _ = run(.promise(key, high), on: &a)
        let assignment = Assignment(
            key: key, value: file(2), operation: operation(2), time: HybridTime(value: 1))
        #expect(isTooLow(run(.mint(assignment, low), on: &a)))
        #expect(a.register(key)?.ballot == BallotSlot(promised: high))
        #expect(a.state(of: key.partition).counter == 0)
    }

    /// A context names a disk's last sequence: one that was made after another of the same disk
    /// names that one too, so it has to be made in its knowledge.
    @Test mutating func theNextVersionOfADiskTrulyCoversWhatItMintedAndOthersAccepted() {
        var b = MemoryTables(disk: disk(1))
        var c = MemoryTables(disk: disk(2))
        guard let minted = made(.mint(assignment(1), low), on: &a) else { return }
        #expect(isAccepted(run(.accept(key, low, minted), on: &b)))
        #expect(isAccepted(run(.accept(key, low, minted), on: &c)))
        guard let next = made(.assign(assignment(2)), on: &a) else { return }
        #expect(next.covers(minted))
        #expect(minted.rank < next.rank)
        #expect(isPrepared(run(.prepare(key, next), on: &b)))
        for version in [next, minted] { _ = run(.commit(key, version, listed: true), on: &b) }
        #expect(b.register(key)?.head == next)
        #expect(b.register(key)?.kept.map(\.dot) == [minted.dot])
        #expect(b.register(key)?.kept.map(\.isConflict) == [false])
    }

    @Test mutating func aPromiseIsUnsettledUntilItIsForgotten() {
        let age = ReplicationLimits.promiseAge
        _ = run(.promise(key, high), on: &a)
        let early = a.execute(.settle(preparedBefore: age - .seconds(1)), at: age - .seconds(1))
        guard case .unsettled([], [], more: true) = early.reply else {
            Issue.record("\(early.reply)")
            return
        }
        #expect(isTooLow(run(.accept(key, low, version(dot(1, 1), time: 10)), on: &a)))
        let late = a.execute(.settle(preparedBefore: age), at: age)
        guard case .unsettled([], [], more: false) = late.reply else {
            Issue.record("\(late.reply)")
            return
        }
        #expect(a.register(key) == nil)
        #expect(a.unsettled(before: age) == [])
    }

    @Test mutating func whatWasAcceptedIsNamedAndNeverForgotten() {
        let accepted = version(dot(1, 1), time: 10)
        let before = ReplicationLimits.promiseAge + .seconds(9)
        _ = run(.accept(key, low, accepted), on: &a)
        for _ in 0..<2 {
            let outcome = a.execute(.settle(preparedBefore: before), at: before)
            guard case .unsettled([key], [], more: true) = outcome.reply else {
                Issue.record("\(outcome.reply)")
                return
            }
        }
        #expect(a.register(key)?.ballot?.accepted?.version == accepted)
    }

    @Test mutating func aBallotThatComesAlongBringsNothingThatIsSettledHere() {
        let old = version(dot(1, 1), time: 10)
        let open = version(dot(1, 2), time: 20, after: [old.dot])
        for accepted in [old, open] {
            var c = MemoryTables(disk: disk(2))
            _ = run(.commit(key, old, listed: true), on: &c)
            let slot = BallotSlot(
                promised: high, accepted: .init(ballot: low, version: accepted))
            let item = KeyedRegister(key: key, register: Register(ballot: slot))
            let outcome = c.execute(
                .merge(key.partition, [item], [], theirs: PartitionContext(), .takeOver),
                at: .zero)
            let expected = accepted == old ? nil : accepted
            #expect(c.register(key)?.ballot?.accepted?.version == expected)
            #expect(c.register(key)?.ballot?.promised == high)
            #expect(outcome.isUnsettled == (expected != nil))
        }
    }

    private func assignment(_ number: UInt64) -> Assignment {
        Assignment(
            key: key, value: file(number), operation: operation(number),
            time: HybridTime(value: 1))
    }

    private func made(
        _ request: ReplicaRequest, on tables: inout MemoryTables
    ) -> RegisterVersion? {
        let reply = run(request, on: &tables)
        guard case .assigned(let version, _) = reply else {
            Issue.record("not made: \(reply)")
            return nil
        }
        return version
    }

    private func version(_ dot: Dot, time: UInt64, after: [Dot] = []) -> RegisterVersion {
        var context = CausalContext(entries: after)
        context.insert(dot)
        return RegisterVersion(
            version: Version(dot: dot, time: HybridTime(value: time), context: context),
            value: file(dot.sequence),
            operation: operation(dot.disk.bits.high << 8 | dot.sequence))
    }

    private func isPromised(_ reply: ReplicaReply) -> Bool {
        if case .promised = reply { return true }
        return false
    }

    private func isAccepted(_ reply: ReplicaReply) -> Bool {
        if case .accepted = reply { return true }
        return false
    }

    private func isTooLow(_ reply: ReplicaReply) -> Bool {
        if case .ballotTooLow(high) = reply { return true }
        return false
    }

    /// The holders' words for a partition go by its sum, which tells nothing of ballots: what was
    /// accepted since was handed to nobody.
    @Test mutating func aPartitionIsNotForgottenWithWhatWasAcceptedAMomentAgo() {
        _ = run(.commit(key, version(dot(1, 1), time: 10), listed: true), on: &a)
        let sum = a.state(of: key.partition).sum
        let later = version(dot(2, 1), time: 20, after: [dot(1, 1)])
        guard case .accepted = a.execute(.accept(key, low, later), at: .seconds(100)).reply else {
            Issue.record("not accepted")
            return
        }
        #expect(a.state(of: key.partition).sum == sum)
        let forget = ReplicaRequest.forget(key.partition, ifSum: sum)
        #expect(isStale(a.execute(forget, at: .seconds(105)).reply))
        #expect(a.register(key)?.ballot?.accepted?.version == later)
        // By then it came along to all holders.
        let handedBack = Duration.seconds(100) + ReplicationLimits.handedBackAfter
        #expect(!isStale(a.execute(forget, at: handedBack).reply))
        #expect(a.register(key) == nil)
    }

    /// What came since the condition was judged would be named by the new version's context, through
    /// the disk's own sequence alone.
    @Test mutating func aVersionIsNotMintedOverWhatItsConditionWasNotJudgedBy() {
        let unknown = version(dot(1, 1), time: 10)
        _ = run(.prepare(key, unknown), on: &a)
        let ballot = Ballot(round: 1, node: node("m"))
        var assignment = Assignment(
            key: key, value: file(2), operation: operation(2), time: HybridTime(value: 1))
        #expect(isRefused(run(.mint(assignment, ballot), on: &a)))
        assignment.cover.insert(unknown.dot)
        guard case .assigned(let made, _) = run(.mint(assignment, ballot), on: &a) else {
            Issue.record("not minted")
            return
        }
        #expect(made.covers(unknown))
    }

    /// A version that a lower ballot left behind on one disk is not taken for chosen once a higher
    /// ballot has ended.
    @Test mutating func aSettledBallotOutlivesItsOutcome() {
        let left = version(dot(1, 1), time: 10)
        _ = run(.accept(key, low, left), on: &a)
        let outcome = version(dot(2, 1), time: 5)
        #expect(isAccepted(run(.confirm(key, high, outcome), on: &a)))
        #expect(a.register(key)?.ballot?.accepted == nil)
        #expect(a.register(key)?.ballot?.settled == high)
        _ = a.execute(.settle(preparedBefore: .seconds(900)), at: .seconds(900))
        #expect(a.register(key)?.ballot?.settled == high)
    }
}
