import Model
import Replication
import Testing

@testable import Cluster

/// A mover that dies between the two steps of a move: others find the move and finish it.
@Suite struct MoveIntentTests {
    private let cluster = TinyCluster.three()
    private let source: StorePath
    private let target: StorePath

    init() throws {
        source = try StorePath(validating: "/from.txt".utf8)
        target = try StorePath(validating: "/to.txt".utf8)
        cluster.encodesMessages = true
    }

    private func put(_ path: StorePath, _ number: UInt64, at node: String = "a") {
        let put = ClientRequest.put(path, cluster.content(number), .none, cluster.operation())
        guard case .written? = cluster.ask(node, put) else {
            Issue.record("nothing was written")
            return
        }
    }

    private func byteCount(_ path: StorePath, at node: String = "c") -> UInt64? {
        guard case .file(let record)? = cluster.ask(node, .get(path, .checked)) else { return nil }
        return record.byteCount
    }

    private func register(_ name: String, _ path: StorePath) -> Register? {
        cluster.disks[cluster.id(name)]?.tables.register(.file(path))
    }

    private func moves(_ name: String) -> [MoveRow] {
        cluster.disks[cluster.id(name)]?.tables.moves(after: nil, limit: 99) ?? []
    }

    /// Moves the file by a node that dies when the destination is made, and the source still there.
    private func dieInTheMiddle(
        when condition: WriteCondition = .none, tokens: [LockToken]? = nil
    ) {
        let move = ClientRequest.move(source, to: target, when: condition, cluster.operation())
        cluster.begin("a", tokens.map { .guarded(move, tokens: $0) } ?? move)
        #expect(
            cluster.run(
                until: {
                    ["b", "c"].contains { register($0, target)?.head?.value.facts != nil }
                }, atMost: .seconds(5)))
        cluster.kill("a")
        // What was under way arrives.
        cluster.run(for: .seconds(1))
        #expect(byteCount(source, at: "b") != nil)
        #expect(byteCount(target, at: "b") != nil)
    }

    private func isOver() -> Bool {
        register("b", source)?.head?.value.facts == nil
            && register("c", source)?.head?.value.facts == nil
    }

    @Test(arguments: [WriteCondition.none, .absent])
    func aMoveWhoseMoverDiedIsFinishedByOthers(_ condition: WriteCondition) {
        put(source, 7)
        dieInTheMiddle(when: condition)
        cluster.run(for: .seconds(20))
        // A mover that lives has its time.
        #expect(byteCount(source, at: "b") == 7)
        #expect(cluster.run(until: isOver, atMost: .seconds(20)))
        cluster.run(for: .seconds(10))
        #expect(byteCount(target) == 7)
        #expect(byteCount(source) == nil)
        #expect(moves("b") == [] && moves("c") == [])
        // It is where it went, and in no trash.
        for name in ["b", "c"] { #expect(register(name, source)?.restorable == []) }
    }

    @Test func aMoveThatEndsLeavesNothingToFinish() {
        put(source, 7)
        guard case .written? = cluster.ask("a", .move(source, to: target, cluster.operation()))
        else {
            Issue.record("nothing was moved")
            return
        }
        cluster.run(for: .seconds(1))
        for name in ["a", "b", "c"] { #expect(moves(name) == [], "\(name)") }
    }

    @Test func theSourceGoesAlsoWhereTheDestinationWasOverwrittenMeanwhile() {
        put(source, 7)
        dieInTheMiddle()
        put(target, 8, at: "b")
        #expect(cluster.run(until: isOver, atMost: .seconds(40)))
        #expect(byteCount(source) == nil)
        #expect(byteCount(target) == 8)
    }

    @Test func theSourceGoesAlsoWhereTheFileWasMovedOnMeanwhile() throws {
        put(source, 7)
        dieInTheMiddle()
        let third = try StorePath(validating: "/third.txt".utf8)
        guard case .written? = cluster.ask("b", .move(target, to: third, cluster.operation()))
        else {
            Issue.record("nothing was moved")
            return
        }
        #expect(cluster.run(until: isOver, atMost: .seconds(40)))
        cluster.run(for: .seconds(10))
        #expect(byteCount(source) == nil)
        #expect(byteCount(target) == nil)
        #expect(byteCount(third) == 7)
    }

    @Test func aSourceThatWasWrittenMeanwhileStays() {
        put(source, 7)
        dieInTheMiddle()
        put(source, 9, at: "b")
        cluster.run(for: .seconds(60))
        #expect(byteCount(source) == 9)
        #expect(byteCount(target) == 7)
        #expect(moves("b") == [] && moves("c") == [])
    }

    /// The mover itself is back, and all others are gone: its disk remembers.
    @Test func theMoverFinishesItInItsNextLife() {
        put(source, 7)
        dieInTheMiddle()
        cluster.kill("b")
        cluster.kill("c")
        cluster.add("a")
        cluster.add("b", seeds: ["a"])
        #expect(
            cluster.run(
                until: { register("a", source)?.head?.value.facts == nil }, atMost: .seconds(20)))
        #expect(byteCount(target, at: "a") == 7)
    }

    /// A destination that nobody may have been told of is no reason to remove anything.
    @Test func nothingGoesWhereTheDestinationWasNotMade() {
        put(source, 7)
        let lost = MoveIntent(
            source: source, dot: register("b", source)?.head?.dot ?? dot, destination: target,
            operation: cluster.operation())
        for name in ["b", "c"] { cluster.keep(lost, at: name) }
        cluster.kill("b")
        cluster.add("b", seeds: ["a"])
        cluster.run(for: .seconds(60))
        #expect(byteCount(source) == 7)
        #expect(byteCount(target) == nil)
        #expect(moves("b") == [])
    }

    /// Who locked the source since then keeps it until the lock is over.
    @Test func aLockThatWasTakenMeanwhileIsRespected() {
        put(source, 7)
        dieInTheMiddle()
        let lock = LockRequest(
            token: LockToken(bits: Bits128(high: 8, low: 9)), owner: [], scope: .exclusive,
            depth: .zero, seconds: 10)
        guard case .lockGranted? = cluster.ask("b", .lock(source, lock, cluster.operation())) else {
            Issue.record("no lock")
            return
        }
        cluster.run(for: .seconds(60))
        #expect(byteCount(source) == 7)
        #expect(moves("b") != [] || moves("c") != [])
        #expect(cluster.run(until: isOver, atMost: .seconds(150)))
        #expect(byteCount(target) == 7)
    }

    private var dot: Dot { Dot(disk: DiskID(bits: Bits128(high: 1, low: 1)), sequence: 1) }
}
