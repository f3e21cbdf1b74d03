import Model
import Testing

@testable import Replication

/// Several versions of one operation: it was assigned again because a holder knew more, or because
/// a client repeated it at another node.
@Suite struct AttemptTests {
    private let key = RegisterKey.file(path("/a"))

    @Test func anEarlierAttemptThatComesLateDoesNotSpendTheLaterOne() {
        var a = MemoryTables(disk: disk(0))
        var b = MemoryTables(disk: disk(1))
        var c = MemoryTables(disk: disk(2))
        guard let first = assign(on: &a, time: 1) else { return }
        _ = b.execute(.prepare(key, first), at: .zero)
        // A third holder knew a later version.
        let known = HybridTime(value: 50)
        guard let second = assign(on: &a, time: 2, above: known) else { return }
        _ = c.execute(.prepare(key, second), at: .zero)
        // The second is acknowledged by two; the holder of the first settles it.
        settle(&b)
        tell(from: b, to: &a)
        tell(from: b, to: &c)
        _ = a.execute(.commit(key, second, listed: false), at: .zero)
        _ = c.execute(.commit(key, second, listed: false), at: .zero)
        for _ in 0..<3 {
            exchange(&a, &c)
            exchange(&b, &c)
            exchange(&a, &b)
        }
        for tables in [a, b, c] { #expect(tables.register(key)?.head == second) }
    }

    @Test func attemptsOfTwoDisksDoNotSpendEachOther() {
        var a = MemoryTables(disk: disk(0))
        var b = MemoryTables(disk: disk(1))
        guard let low = assign(on: &a, time: 1), let high = assign(on: &b, time: 2) else { return }
        // Each is committed where the other is prepared.
        _ = a.execute(.commit(key, high, listed: false), at: .zero)
        _ = b.execute(.commit(key, low, listed: false), at: .zero)
        for _ in 0..<3 { exchange(&a, &b) }
        #expect(a.register(key)?.head == high)
        #expect(b.register(key)?.head == high)
        #expect(a.register(key)?.kept == [])
    }

    @Test func aReassignedVersionRanksAboveAndCoversTheEarlierOneOfAnotherDisk() {
        var a = MemoryTables(disk: disk(0))
        var b = MemoryTables(disk: disk(1))
        guard let first = assign(on: &b, time: 100) else { return }
        _ = a.execute(.prepare(key, first), at: .zero)
        var cover = CausalContext.empty
        cover.insert(dot(2, 4))
        guard let second = assign(on: &a, time: 1, cover: cover) else { return }
        #expect(first.rank < second.rank)
        #expect(second.covers(first))
        // Both stay until the later one is committed.
        #expect(a.register(key)?.prepared == [first, second])
        #expect(a.register(key)?.version(of: second.operation) == second)
        // The earlier one, late, does not take the place of the later one.
        _ = a.execute(.prepare(key, first), at: .zero)
        #expect(a.register(key)?.version(of: second.operation) == second)
        _ = a.execute(.commit(key, second, listed: true), at: .zero)
        #expect(a.register(key)?.prepared == [])
        #expect(a.register(key)?.head == second)
    }

    /// A disk that still has a version prepared hears that it is kept elsewhere: from then on its
    /// context knows it, so that its expiry here is an expiry for all.
    @Test func whatGoesFromPreparedToKeptIsInTheContext() {
        var a = MemoryTables(disk: disk(0))
        var b = MemoryTables(disk: disk(1))
        guard let version = assign(on: &a, time: 1) else { return }
        _ = b.execute(.prepare(key, version), at: .zero)
        _ = a.execute(.commit(key, version, listed: false), at: .zero)
        let deletion = RegisterVersion(
            version: Version(
                dot: dot(2, 1), time: HybridTime(value: 9),
                context: CausalContext(entries: [version.dot, dot(2, 1)])),
            value: .deleted, operation: operation(2))
        _ = a.execute(.commit(key, deletion, listed: false), at: .zero)
        tell(from: a, to: &b)
        #expect(b.register(key)?.kept.map(\.dot) == [version.dot])
        #expect(b.state(of: key.partition).context.contains(version.dot))
        _ = b.execute(.expire(key, [version.dot]), at: .zero)
        for _ in 0..<2 { exchange(&a, &b) }
        #expect(a.register(key)?.kept == [])
        #expect(b.register(key)?.kept == [])
    }

    /// The attempt that another coordinator counted on survives its maker, though the contexts were
    /// told to everybody: a later attempt that is only prepared spends nothing.
    @Test func anAttemptThatWasPreparedElsewhereOutlivesItsMakersNextOne() {
        var a = MemoryTables(disk: disk(0))
        var b = MemoryTables(disk: disk(1))
        guard let first = assign(on: &a, time: 1) else { return }
        _ = b.execute(.prepare(key, first), at: .zero)
        guard let second = assign(on: &a, time: 2, above: HybridTime(value: 50)) else { return }
        #expect(first.dot != second.dot)
        // Contexts alone, as reconciliation tells them.
        let partition = key.partition
        for _ in 0..<2 {
            let states = (a.state(of: partition), b.state(of: partition))
            _ = b.execute(
                .joinContext(partition, states.0.context, ifContents: states.0.contents), at: .zero)
            _ = a.execute(
                .joinContext(partition, states.1.context, ifContents: states.1.contents), at: .zero)
        }
        // The maker is lost.
        settle(&b)
        #expect(b.register(key)?.head == first)
    }

    /// A disk that was told an empty register of one that knows the attempt keeps it all the same.
    @Test func anAttemptIsNotRemovedByARegisterWhoseMakerHasMadeTheNextOne() {
        var a = MemoryTables(disk: disk(0))
        var b = MemoryTables(disk: disk(1))
        let c = MemoryTables(disk: disk(2))
        guard let first = assign(on: &a, time: 1) else { return }
        _ = b.execute(.prepare(key, first), at: .zero)
        _ = assign(on: &a, time: 2, above: HybridTime(value: 50))
        tell(from: c, to: &b)
        let empty = KeyedRegister(key: key, register: Register())
        _ = b.execute(
            .merge(
                key.partition, [empty], [], theirs: a.state(of: key.partition).context, .holder),
            at: .zero)
        #expect(b.register(key)?.prepared == [first])
    }

    /// What a reader brought to others was refused by them, so that the coordinator made it again;
    /// meanwhile something came on top of the first.
    private func overtaken() -> (
        first: RegisterVersion, next: RegisterVersion, second: RegisterVersion
    )? {
        var a = MemoryTables(disk: disk(0))
        guard let first = assign(on: &a, time: 10),
            let second = assign(on: &a, time: 2, above: HybridTime(value: 50))
        else { return nil }
        let next = RegisterVersion(
            version: Version(
                dot: dot(1, 1), time: HybridTime(value: 20),
                context: CausalContext(entries: [first.dot, dot(1, 1)])),
            value: file(9), operation: operation(9))
        return (first, next, second)
    }

    @Test func aLaterAttemptIsNotPreparedWhereTheFirstWasOvertaken() throws {
        let (first, next, second) = try #require(overtaken())
        #expect(second.covers(first) && next.rank < second.rank)
        var b = MemoryTables(disk: disk(1))
        _ = b.execute(.commit(key, next, listed: false), at: .zero)
        let reply = b.execute(.prepare(key, second, earlier: [first]), at: .zero).reply
        guard case .alreadyApplied(first) = reply else {
            Issue.record("\(reply)")
            return
        }
        #expect(b.register(key)?.prepared == [])
    }

    /// Nobody knows yet whether what came on top of the first takes effect.
    @Test func aLaterAttemptWaitsWhereWhatOvertookTheFirstIsMerelyPrepared() throws {
        let (first, next, second) = try #require(overtaken())
        var b = MemoryTables(disk: disk(1))
        _ = b.execute(.prepare(key, next), at: .zero)
        guard case .stale = b.execute(.prepare(key, second, earlier: [first]), at: .zero).reply
        else {
            Issue.record("prepared")
            return
        }
        #expect(b.register(key)?.prepared == [next])
    }

    @Test func aReaderDoesNotTakeALaterAttemptForTheNewestWhereTheFirstWasOvertaken() throws {
        let (first, next, second) = try #require(overtaken())
        // The maker's own disk is behind; the other holder has both.
        let behind = Register(head: first, prepared: [second])
        let other = Register(
            head: next,
            kept: [KeptVersion(version: first, since: next.version.time, isConflict: false)])
        var mine = PartitionContext()
        mine.insert(first.dot)
        var theirs = mine
        theirs.insert(next.dot)
        for parts in [[(behind, mine), (other, theirs)], [(other, theirs), (behind, mine)]] {
            let joined = Register.joined(parts.map { (register: $0.0, context: $0.1) }).register
            #expect(joined.head == next)
        }
        // Alone it may be what was acknowledged.
        let alone = Register.joined([(register: behind, context: mine)]).register
        #expect(alone.head == second)
    }

    /// A coordinator prepared the write on its own disk, under a clock that is ahead, and stood still;
    /// another did it, it was overwritten, and the first one wakes up.
    @Test func whatWasPreparedForAnOperationThatTookEffectElsewhereCountsNoMore() {
        var a = MemoryTables(disk: disk(0))
        var b = MemoryTables(disk: disk(1))
        guard let late = assign(on: &a, time: 900), let done = assign(on: &b, time: 1) else {
            return
        }
        _ = b.execute(.commit(key, done, listed: false), at: .zero)
        let newer = RegisterVersion(
            version: Version(
                dot: dot(1, 2), time: HybridTime(value: 9),
                context: CausalContext(entries: [dot(1, 2)])),
            value: file(2), operation: operation(2))
        _ = b.execute(.commit(key, newer, listed: false), at: .zero)
        #expect(b.register(key)?.hasApplied(late) == true)
        #expect(joined(a, b).head == newer)
        #expect(joined(b, a).head == newer)
        // What is prepared travels by no comparison.
        tell(from: a, to: &b)
        #expect(b.register(key)?.head == newer)
        #expect(b.register(key)?.prepared == [])
    }

    /// An attempt that was made in knowledge of the earlier one comes on top of what came between.
    @Test func anAttemptThatKnowsTheEarlierOneCountsBesideIt() {
        var a = MemoryTables(disk: disk(0))
        guard let first = assign(on: &a, time: 1) else { return }
        _ = a.execute(.commit(key, first, listed: false), at: .zero)
        let again = RegisterVersion(
            version: Version(
                dot: dot(1, 1), time: HybridTime(value: 90),
                context: CausalContext(entries: [first.dot, dot(1, 1)])),
            value: first.value, operation: first.operation)
        #expect(a.register(key)?.hasApplied(again) == false)
    }

    @Test func whatIsPreparedIsHandedOverAsPrepared() {
        var a = MemoryTables(disk: disk(0))
        var b = MemoryTables(disk: disk(1))
        guard let version = assign(on: &a, time: 1) else { return }
        let item = KeyedRegister(key: key, register: a.register(key) ?? Register())
        let context = a.state(of: key.partition).context
        let outcome = b.execute(
            .merge(key.partition, [item], [], theirs: context, .takeOver), at: .zero)
        #expect(b.register(key)?.prepared == [version])
        #expect(outcome.isUnsettled)
        #expect(b.unsettled(before: .zero) == [key])
    }

    private func joined(_ parts: MemoryTables...) -> Register {
        Register.joined(
            parts.map { ($0.register(key) ?? Register(), $0.state(of: key.partition).context) }
        ).register
    }

    private func assign(
        on tables: inout MemoryTables, time: UInt64, cover: CausalContext = .empty,
        above: HybridTime = .zero
    ) -> RegisterVersion? {
        let outcome = tables.execute(
            .assign(
                Assignment(
                    key: key, value: file(1), operation: operation(1), cover: cover, above: above,
                    time: HybridTime(value: time))), at: .zero)
        guard case .assigned(let version, _) = outcome.reply else {
            Issue.record("not assigned: \(outcome.reply)")
            return nil
        }
        return version
    }

    /// Commits what is prepared, as a disk does that hears nothing else of it.
    private func settle(_ tables: inout MemoryTables) {
        for version in tables.register(key)?.prepared ?? [] {
            _ = tables.execute(.commit(key, version, listed: false), at: .seconds(9))
        }
    }

    private func tell(from: MemoryTables, to: inout MemoryTables) {
        let partition = key.partition
        let item = KeyedRegister(key: key, register: from.register(key) ?? Register())
        _ = to.execute(
            .merge(partition, [item], [], theirs: from.state(of: partition).context, .holder),
            at: .zero)
    }

    private func exchange(_ a: inout MemoryTables, _ b: inout MemoryTables) {
        let old = a
        tell(from: b, to: &a)
        tell(from: old, to: &b)
    }
}
