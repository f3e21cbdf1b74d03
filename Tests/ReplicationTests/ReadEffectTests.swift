import Model
import Testing

@testable import Replication

/// What a reader returned has taken effect: its operation is not done again by another version, though
/// something that did not know it came on top.
///
/// a assigns `first`; b prepares `beside` at a, which does not know it and ranks above. A reader finds
/// `first` at a, and brings it to a and c, before a knows that anybody refuses it.
@Suite struct ReadEffectTests {
    private let key = RegisterKey.file(path("/a"))
    private var a = MemoryTables(disk: disk(0))
    private var b = MemoryTables(disk: disk(1))
    private var c = MemoryTables(disk: disk(2))
    private let first: RegisterVersion
    private let beside: RegisterVersion

    init() throws {
        let assign = { (tables: inout MemoryTables, number: UInt64, time: UInt64) in
            tables.execute(
                .assign(
                    Assignment(
                        key: RegisterKey.file(path("/a")), value: file(number),
                        operation: operation(number), time: HybridTime(value: time))), at: .zero
            ).reply
        }
        guard case .assigned(let first, _) = assign(&a, 1, 10),
            case .assigned(let beside, _) = assign(&b, 2, 20)
        else { throw WrongReply() }
        self.first = first
        self.beside = beside
        guard case .prepared = a.execute(.prepare(key, beside), at: .zero).reply else {
            throw WrongReply()
        }
    }

    private struct WrongReply: Error {}

    private func again(on tables: inout MemoryTables) -> ReplicaReply {
        let assignment = Assignment(
            key: key, value: file(1), operation: operation(1),
            cover: CausalContext(entries: [beside.dot]), above: beside.version.time,
            time: HybridTime(value: 11))
        return tables.execute(.assign(assignment), at: .zero).reply
    }

    private mutating func commitBeside() {
        _ = a.execute(.commit(key, beside, listed: false), at: .zero)
        _ = b.execute(.commit(key, beside, listed: false), at: .zero)
        _ = c.execute(.commit(key, beside, listed: false), at: .zero)
    }

    @Test mutating func whatWasReadIsNotAssignedAgain() {
        for target in [0, 2] {
            let reply =
                target == 0
                ? a.execute(.writeBack(key, first), at: .zero).reply
                : c.execute(.writeBack(key, first), at: .zero).reply
            #expect(reply == .committed)
        }
        commitBeside()
        #expect(a.register(key)?.head == beside)
        #expect(again(on: &a) == .alreadyApplied(first))
        // Nor refused where it comes late.
        #expect(c.execute(.prepare(key, first), at: .zero).reply == .prepared)
    }

    @Test mutating func whoTriesAgainIsToldByWhoeverTheReaderReached() throws {
        guard case .assigned(let second, _) = again(on: &a) else { throw WrongReply() }
        #expect(second.rank > beside.rank)
        #expect(c.execute(.writeBack(key, first), at: .zero).reply == .committed)
        let prepare = ReplicaRequest.prepare(key, second, earlier: [first])
        #expect(c.execute(prepare, at: .zero).reply == .alreadyApplied(first))
        commitBeside()
        #expect(c.execute(prepare, at: .zero).reply == .alreadyApplied(first))
        // And a reader who finds the second attempt does not go by it.
        let parts = [a, c].map { tables in
            (
                register: tables.register(key) ?? Register(),
                context: tables.state(of: key.partition).context
            )
        }
        #expect(Register.joined(parts).register.head == beside)
        #expect(Register.joined(parts.reversed()).register.head == beside)
    }

    @Test mutating func theReaderIsToldByWhoeverTheNextAttemptReached() throws {
        guard case .assigned(let second, _) = again(on: &a) else { throw WrongReply() }
        let prepare = ReplicaRequest.prepare(key, second, earlier: [first])
        #expect(c.execute(prepare, at: .zero).reply == .prepared)
        let (atA, atC) = (a.register(key), c.register(key))
        #expect(a.execute(.writeBack(key, first), at: .zero).reply == .stale)
        #expect(c.execute(.writeBack(key, first), at: .zero).reply == .stale)
        #expect(a.register(key) == atA)
        #expect(c.register(key) == atC)
    }

    @Test mutating func whatIsNotTheNewestIsNotBroughtAsSuch() {
        commitBeside()
        #expect(c.execute(.writeBack(key, first), at: .zero).reply == .stale)
        #expect(c.register(key)?.kept == [])
        // Where it lost at once, it was read by nobody from there.
        _ = c.execute(.commit(key, first, listed: false), at: .zero)
        #expect(c.execute(.writeBack(key, first), at: .zero).reply == .stale)
        #expect(c.register(key)?.kept.map(\.isLost) == [true])
    }

    /// That it was the newest somewhere is told along with it.
    @Test mutating func theEffectTravels() {
        _ = a.execute(.writeBack(key, first), at: .zero)
        let early = KeyedRegister(key: key, register: a.register(key) ?? Register())
        commitBeside()
        let late = KeyedRegister(key: key, register: a.register(key) ?? Register())
        for item in [early, late] {
            var other = MemoryTables(disk: disk(3))
            _ = other.execute(.commit(key, beside, listed: false), at: .zero)
            let merge = ReplicaRequest.merge(
                key.partition, [item], [], theirs: PartitionContext(), .holder)
            _ = other.execute(merge, at: .zero)
            #expect(other.register(key)?.kept.map(\.tookEffect) == [true])
            // Also where it is known already that it lost.
            var loser = MemoryTables(disk: disk(4))
            _ = loser.execute(.commit(key, beside, listed: false), at: .zero)
            _ = loser.execute(.commit(key, first, listed: false), at: .zero)
            #expect(loser.register(key)?.kept.map(\.tookEffect) == [false])
            _ = loser.execute(merge, at: .zero)
            #expect(loser.register(key)?.kept.map(\.tookEffect) == [true])
        }
    }

    /// Overwritten by somebody who knew it on one disk, lost at once on another: it had taken effect.
    @Test func whatIsKnownOfALoserJoins() {
        func kept(_ isConflict: Bool, _ tookEffect: Bool) -> KeptVersion {
            KeptVersion(
                version: first, since: beside.version.time, isConflict: isConflict,
                tookEffect: tookEffect)
        }
        let (overwritten, lost, read) = (kept(false, false), kept(true, false), kept(true, true))
        let all = [overwritten, lost, read]
        func joined(_ parts: KeptVersion...) -> KeptVersion {
            var result = parts[0]
            for part in parts.dropFirst() { result.join(part) }
            return result
        }
        #expect(joined(overwritten, lost) == read)
        for a in all {
            #expect(joined(a, a) == a)
            #expect(joined(a, read) == read)
            for b in all {
                #expect(joined(a, b) == joined(b, a))
                for c in all { #expect(joined(joined(a, b), c) == joined(a, joined(b, c))) }
            }
        }
        #expect(all.map(\.isLost) == [false, true, false])
    }

    /// In a reader's own order of what is merely prepared, nothing took effect.
    @Test func whatIsMerelyPreparedTookNoEffect() {
        let parts = [
            (register: Register(prepared: [first]), context: PartitionContext()),
            (register: Register(prepared: [beside]), context: PartitionContext()),
        ]
        let joined = Register.joined(parts).register
        #expect(joined.head == beside)
        #expect(joined.kept.map(\.tookEffect) == [false])
        #expect(joined.version(of: operation(1)) == nil)
    }

    @Test func aReaderThatIsToldSomethingNewerReadsAgain() {
        let targets = Targets(
            layouts: [(0..<3).map { Target(node: node("n\($0)"), disk: disk($0)) }], handOffs: [])
        var directives: [CoordinatorDirective] = []
        var read = ReadOperation(
            key, targets: targets, policy: .majority,
            time: CoordinatorTime(now: .zero, stamp: .zero), isReachable: { _ in true },
            into: &directives)
        read.answered(
            .register(Register(prepared: [first]), PartitionContext()), by: targets.holders[0],
            round: 0, into: &directives)
        directives = []
        read.answered(
            .register(Register(), PartitionContext()), by: targets.holders[2], round: 0,
            into: &directives)
        let asked = directives.compactMap { directive -> ReplicaRequest? in
            if case .ask(_, let request, 1) = directive { return request }
            return nil
        }
        #expect(asked == [.writeBack(key, first), .writeBack(key, first)])
        read.answered(.committed, by: targets.holders[0], round: 1, into: &directives)
        read.answered(.stale, by: targets.holders[2], round: 1, into: &directives)
        guard case .failed = read.outcome else {
            Issue.record("\(read.outcome)")
            return
        }
    }
}
