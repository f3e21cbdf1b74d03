import Model
import Testing

@testable import Replication

/// What a dropped tombstone knew stays known.
@Suite struct TombstoneTests {
    private let key = RegisterKey.file(path("/a"))

    @Test func theDotsThatATombstoneKnewAreInTheContextWithItExactly() {
        var a = MemoryTables(disk: disk(0))
        // Knew the third write of one disk and the fifth of another, which are the path's own; the
        // ones before belong to other paths.
        let tombstone = version(
            dot(0, 7), time: 50, .deleted, operation: 1, after: [dot(1, 3), dot(2, 5)])
        _ = run(.commit(key, tombstone, listed: true), on: &a)
        let before = a.state(of: key.partition).context
        for dot in [dot(1, 3), dot(2, 5)] { #expect(!before.contains(dot)) }
        _ = run(.dropTombstone(key, tombstone.dot), on: &a)
        let after = a.state(of: key.partition).context
        #expect(a.register(key) == nil)
        for dot in [dot(0, 7), dot(1, 3), dot(2, 5)] { #expect(after.contains(dot)) }
        for dot in [dot(0, 6), dot(1, 2), dot(1, 4), dot(2, 4), dot(2, 6)] {
            #expect(!after.contains(dot))
        }
    }

    @Test func aDiskThatTookOverRanksNewVersionsAboveTombstonesThatWent() {
        var a = MemoryTables(disk: disk(0))
        let tombstone = version(dot(0, 1), time: 500, .deleted, operation: 1)
        _ = run(.commit(key, tombstone, listed: true), on: &a)
        _ = run(.dropTombstone(key, tombstone.dot), on: &a)
        let state = a.state(of: key.partition)
        // One never had anything; one still had the tombstone.
        var new = MemoryTables(disk: disk(1))
        var late = MemoryTables(disk: disk(2))
        _ = run(.commit(key, tombstone, listed: true), on: &late)
        _ = run(
            .merge(
                key.partition, [KeyedRegister(key: key, register: Register())], [],
                theirs: state.context, .holder), on: &late)
        #expect(late.register(key) == nil)
        _ = run(
            .joinContext(key.partition, state.context, ifContents: state.contents), on: &new)
        for var tables in [new, late] {
            let assignment = Assignment(
                key: key, value: file(2), operation: operation(2), time: HybridTime(value: 100))
            guard case .assigned(let version, _) = run(.assign(assignment), on: &tables) else {
                Issue.record("not assigned")
                continue
            }
            #expect(version.version.time > HybridTime(value: 500))
        }
    }

    @Test func onlyTheTombstoneThatIsTheHeadIsDropped() {
        var a = MemoryTables(disk: disk(0))
        let tombstone = version(dot(0, 1), time: 10, .deleted, operation: 1)
        let file = version(dot(1, 1), time: 20, file(1), operation: 2, after: [tombstone.dot])
        _ = run(.commit(key, tombstone, listed: true), on: &a)
        _ = run(.commit(key, file, listed: true), on: &a)
        #expect(isStale(run(.dropTombstone(key, tombstone.dot), on: &a)))
        #expect(isStale(run(.dropTombstone(key, file.dot), on: &a)))
        #expect(a.register(key)?.head == file)
    }

    /// A version that a holder never had, and that a disk which stood in hands back after the
    /// deletion was forgotten.
    @Test func aHandOffBringsNothingBackThatADroppedTombstoneKnew() {
        var world = HandedBack(writtenBy: dot(2, 1), key)
        #expect(world.b.register(key)?.isLive != true)
        // What the deletion did not know is new.
        let other = version(dot(2, 2), time: 5, file(3), operation: 3)
        _ = run(.commit(key, other, listed: true), on: &world.handOff)
        world.handBack(key)
        #expect(world.b.register(key)?.contains(other.dot) == true)
    }

    /// A path's context names the last write of each disk alone. Where the deletion was made by the
    /// disk that had made the version, and that disk is lost, the version's own dot is in no context.
    @Test func aTombstoneStaysWhereOnlyALostDiskKnewWhatItDeleted() {
        var world = HandedBack(writtenBy: dot(0, 1), key, dropsTombstone: false)
        let context = world.b.state(of: key.partition).context
        guard let tombstone = world.b.register(key)?.head else {
            Issue.record("no tombstone")
            return
        }
        let b = Target(node: node("b"), disk: disk(1))
        #expect(!TombstoneRule.mayGo(tombstone, [.init(target: b, context: context)]))
        world.handBack(key)
        #expect(world.b.register(key)?.isLive != true)
        // With what the disk itself knew, it may go; and the version is recognized.
        var whole = context
        whole.insert(dot(0, 1))
        #expect(TombstoneRule.mayGo(tombstone, [.init(target: b, context: whole)]))
        // So it may where that disk is a holder: what it acknowledged it knows.
        let a = Target(node: node("a"), disk: disk(0))
        let both = [a, b].map { TombstoneRule.Confirmation(target: $0, context: context) }
        #expect(TombstoneRule.mayGo(tombstone, both))
        // But not before the others know what it does.
        let apart = [
            TombstoneRule.Confirmation(target: a, context: whole),
            TombstoneRule.Confirmation(target: b, context: context),
        ]
        #expect(!TombstoneRule.mayGo(tombstone, apart))
        #expect(!TombstoneRule.mayGo(tombstone, []))
    }

    /// Written on A and a hand-off, deleted at A, the deletion committed at B, A lost, the tombstone
    /// dropped, the version handed back to B.
    private struct HandedBack {
        var b = MemoryTables(disk: disk(1))
        var handOff = MemoryTables(disk: disk(2))

        init(writtenBy dot: Dot, _ key: RegisterKey, dropsTombstone: Bool = true) {
            var a = MemoryTables(disk: disk(0))
            let written = TombstoneTests().version(dot, time: 10, file(1), operation: 1)
            _ = run(.commit(key, written, listed: true), on: &a)
            _ = run(.commit(key, written, listed: true), on: &handOff)
            let deletion = Assignment(
                key: key, value: .deleted, operation: operation(2), time: HybridTime(value: 20))
            guard case .assigned(let tombstone, _) = run(.assign(deletion), on: &a) else {
                Issue.record("not assigned")
                return
            }
            #expect(tombstone.covers(written))
            _ = run(.commit(key, tombstone, listed: true), on: &b)
            let context = b.state(of: key.partition).context
            #expect(!context.contains(written.dot))
            guard dropsTombstone else { return }
            _ = run(.dropTombstone(key, tombstone.dot), on: &b)
            handBack(key)
        }

        mutating func handBack(_ key: RegisterKey) {
            let item = KeyedRegister(key: key, register: handOff.register(key) ?? Register())
            let context = handOff.state(of: key.partition).context
            _ = run(.merge(key.partition, [item], [], theirs: context, .handBack), on: &b)
        }
    }

    @Test func aNewVersionRanksAboveTheTombstonesThatWereDroppedThere() {
        var a = MemoryTables(disk: disk(0))
        let tombstone = version(dot(1, 1), time: 500, .deleted, operation: 1)
        _ = run(.commit(key, tombstone, listed: true), on: &a)
        _ = run(.dropTombstone(key, tombstone.dot), on: &a)
        let late = version(dot(2, 1), time: 500, file(2), operation: 2)
        #expect(isRefused(run(.prepare(key, late), on: &a)))
        let assignment = Assignment(
            key: key, value: file(3), operation: operation(3), time: HybridTime(value: 1))
        guard case .assigned(let next, _) = run(.assign(assignment), on: &a) else {
            Issue.record("not assigned")
            return
        }
        #expect(tombstone.rank < next.rank)
    }

    fileprivate func version(
        _ dot: Dot, time: UInt64, _ value: RegisterValue, operation number: UInt64,
        after: [Dot] = []
    ) -> RegisterVersion {
        var context = CausalContext(entries: after)
        context.insert(dot)
        return RegisterVersion(
            version: Version(dot: dot, time: HybridTime(value: time), context: context),
            value: value, operation: operation(number))
    }
}
