import Model
import Testing

@testable import Replication

/// A reader brings what one holder prepared to others, one after the other, while a ballot decides
/// without it. What came in time at a majority the ballot hears of; what came at less was told to
/// nobody, and its writer is not told that it took effect either.
///
/// Holder 0 assigns `first`. The ballot's `decided` is made at holder 1, does not know it, and ranks
/// above.
@Suite struct DecidedOverTests {
    private let key = RegisterKey.file(path("/a"))
    private var world = HolderWorld()
    private let first: RegisterVersion
    private let decided = RegisterVersion(
        version: Version(
            dot: dot(1, 1), time: HybridTime(value: 50),
            context: CausalContext(entries: [dot(1, 1)])),
        value: file(2), operation: operation(2))
    private let ballot = Ballot(round: 40, node: node("n1"))

    init() throws {
        let assignment = Assignment(
            key: key, value: file(1), operation: operation(1), time: HybridTime(value: 10))
        guard
            case .assigned(let first, _) = world.disks[0].execute(.assign(assignment), at: .zero)
                .reply
        else { throw WrongReply() }
        self.first = first
    }

    private struct WrongReply: Error {}

    private mutating func reply(_ request: ReplicaRequest, of index: Int) -> ReplicaReply {
        world.disks[index].execute(request, at: .zero).reply
    }

    /// The ballot is promised by all, and `decided` accepted where that is possible.
    private mutating func decide(at indices: [Int]) -> [ReplicaReply] {
        for index in 0..<3 { _ = reply(.promise(key, ballot), of: index) }
        return indices.map { reply(.accept(key, ballot, decided), of: $0) }
    }

    private mutating func commitDecided() {
        for index in 0..<3 {
            _ = reply(.commit(key, decided, listed: true, settled: ballot), of: index)
        }
    }

    /// As a coordinator does that found, by a read, that the operation was applied.
    private mutating func again(_ policy: WritePolicy) -> WriteOperation.Outcome {
        var directives: [CoordinatorDirective] = []
        let targets = world.targets
        var write = WriteOperation(
            key, file(1), operation(1), own: targets.holders[0], targets: targets, policy: policy,
            applied: first, time: world.time, isReachable: { _ in true }, into: &directives)
        world.take(directives)
        world.run(&write)
        return write.outcome
    }

    @Test mutating func aReaderBringsNothingBelowWhatABallotAccepted() {
        #expect(decide(at: [1, 2]) == [.accepted, .accepted])
        let before = world.disks[2].register(key)
        #expect(reply(.writeBack(key, first), of: 2) == .stale)
        #expect(world.disks[2].register(key) == before)
        // A version that knows it may stand there: it was judged by it.
        var knowing = decided
        knowing.version.context.insert(first.dot)
        _ = reply(.promise(key, Ballot(round: 41, node: node("n1"))), of: 0)
        #expect(
            reply(.accept(key, Ballot(round: 41, node: node("n1")), knowing), of: 0) == .accepted)
        #expect(reply(.writeBack(key, first), of: 0) == .committed)
    }

    @Test mutating func whatOneHolderTookAsTheNewestIsNotAcknowledgedBelowADecision() {
        #expect(reply(.writeBack(key, first), of: 0) == .committed)
        #expect(decide(at: [1, 2]) == [.accepted, .accepted])
        commitDecided()
        #expect(world.disks[0].register(key)?.kept.map(\.tookEffect) == [true])
        #expect(again(.majority) == .failed(.noQuorum))
    }

    /// Nor where those who accepted have not heard yet what became of it.
    @Test mutating func norBelowWhatWasAccepted() {
        #expect(reply(.writeBack(key, first), of: 0) == .committed)
        #expect(decide(at: [1, 2]) == [.accepted, .accepted])
        #expect(again(.majority) == .failed(.noQuorum))
    }

    @Test mutating func whatAMajorityTookAsTheNewestIsAcknowledged() {
        for index in 0..<2 { #expect(reply(.writeBack(key, first), of: index) == .committed) }
        let replies = decide(at: [0, 1, 2])
        #expect(replies.filter { $0 == .accepted }.count == 1)
        guard case .written(first, _, _, _) = again(.majority) else {
            Issue.record("not acknowledged")
            return
        }
    }

    @Test mutating func amongTheReachableItIsAcknowledgedAsBefore() {
        _ = reply(.writeBack(key, first), of: 0)
        _ = decide(at: [1, 2])
        commitDecided()
        guard case .written(first, _, _, _) = again(.available) else {
            Issue.record("not acknowledged")
            return
        }
    }

    /// The first coordinator is still at it.
    @Test mutating func aPreparationThatComesLateDoesNotCountBelowADecision() {
        _ = reply(.writeBack(key, first), of: 0)
        _ = decide(at: [1, 2])
        commitDecided()
        #expect(reply(.prepare(key, first), of: 0) == .alreadyApplied(first))
    }

    /// Without a ballot it came just before what was written beside it.
    @Test mutating func besideAWriteWithoutConditionItCameBefore() {
        _ = reply(.writeBack(key, first), of: 0)
        for index in 0..<3 { _ = reply(.commit(key, decided, listed: true), of: index) }
        #expect(reply(.prepare(key, first), of: 0) == .prepared)
        guard case .written(first, _, _, _) = again(.majority) else {
            Issue.record("not acknowledged")
            return
        }
    }
}
