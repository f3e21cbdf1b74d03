import Model
import Testing

@testable import Replication

/// Under `majority`, where membership knows that none can be reached, nobody is asked anything:
/// what a few prepared would be settled by others long after its client was told that it failed.
@Suite struct UnreachableMajorityTests {
    private let key = RegisterKey.file(path("/d/a"))
    private let time = CoordinatorTime(now: .seconds(1), stamp: HybridTime(value: 100))
    private let targets = Targets(
        layouts: [(0..<3).map { Target(node: node("n\($0)"), disk: disk($0)) }], handOffs: [])

    private func reaches(_ count: Int) -> (NodeID) -> Bool {
        { name in (0..<count).contains { name == node("n\($0)") } }
    }

    @Test func aWriteIsNotEvenAssigned() {
        var directives: [CoordinatorDirective] = []
        let write = WriteOperation(
            key, file(1), operation(1), own: targets.layouts[0][0], targets: targets,
            policy: .majority, time: time, isReachable: reaches(1), into: &directives)
        #expect(directives.isEmpty)
        #expect(write.outcome == .failed(.noQuorum))
        _ = WriteOperation(
            key, file(1), operation(1), own: targets.layouts[0][0], targets: targets,
            policy: .majority, time: time, isReachable: reaches(2), into: &directives)
        #expect(!directives.isEmpty)
    }

    @Test func nothingIsPromised() {
        var directives: [CoordinatorDirective] = []
        let ballot = BallotOperation(
            key, .settle, own: targets.layouts[0][0], targets: targets, policy: .majority,
            time: time, nonce: 1, isReachable: reaches(1), into: &directives)
        #expect(directives.isEmpty)
        guard case .failed(.noQuorum) = ballot.outcome else {
            Issue.record("\(ballot.outcome)")
            return
        }
    }

    @Test func nothingIsReadOrListed() {
        var directives: [CoordinatorDirective] = []
        let read = ReadOperation(
            key, targets: targets, policy: .majority, time: time, isReachable: reaches(1),
            into: &directives)
        let list = ListOperation(
            path("/d"), after: nil, limit: 9, targets: targets, policy: .majority, time: time,
            isReachable: reaches(1), into: &directives)
        #expect(directives.isEmpty)
        guard case .failed = read.outcome, case .failed = list.outcome else {
            Issue.record("\(read.outcome) \(list.outcome)")
            return
        }
    }

    @Test func noEntryIsWritten() {
        guard let entryKey = EntryKey(of: key.path) else { return }
        let item = KeyedEntry(
            key: entryKey,
            entry: DirectoryEntry(
                file: .init(rank: Rank(time: HybridTime(value: 5), dot: dot(0, 1)), record: nil)))
        var directives: [CoordinatorDirective] = []
        let writer = EntryWriter(
            item, at: targets, policy: .majority, round: 1, isReachable: reaches(1),
            into: &directives)
        #expect(directives.isEmpty)
        #expect(writer.outcome == .failed)
        let enough = EntryWriter(
            item, at: targets, policy: .majority, round: 1, isReachable: reaches(2),
            into: &directives)
        #expect(directives.count == 2)
        #expect(enough.outcome == .waiting)
    }

    /// A node that stood still looks at its clock late: what it had prepared may have been settled by others.
    @Test(arguments: [9, 11])
    func whatIsPreparedAfterTheDeadlineIsNotAcknowledged(seconds: Int) {
        var directives: [CoordinatorDirective] = []
        var generator = SplitMix64(seed: 1)
        var write = WriteOperation(
            key, file(1), operation(1), own: targets.layouts[0][0], targets: targets,
            policy: .majority, time: time, isReachable: { _ in true }, into: &directives)
        var tables = (0..<2).map { MemoryTables(disk: disk($0)) }
        let late = CoordinatorTime(
            now: time.now + .seconds(seconds), stamp: HybridTime(value: 200))
        for (number, now) in [(0, time), (1, late)] {
            let asked = directives.compactMap { directive in
                if case .ask(node("n\(number)"), let request, let round) = directive {
                    (request, round)
                } else {
                    nil
                }
            }
            guard let (request, round) = asked.last else {
                Issue.record("n\(number) was not asked")
                return
            }
            let reply = tables[number].execute(request, at: .zero).reply
            write.answered(
                reply, by: targets.layouts[0][number], round: round, now, using: &generator,
                entryTargets: { [targets] _ in targets }, isReachable: { _ in true },
                into: &directives)
        }
        #expect(write.outcome == (seconds < 10 ? .waiting : .failed(.noQuorum)))
    }

    /// One that does not answer, of two that were needed: the rest is not waited for.
    @Test func theLastOneNeededThatFailsEndsIt() {
        var directives: [CoordinatorDirective] = []
        var generator = SplitMix64(seed: 1)
        var write = WriteOperation(
            key, file(1), operation(1), own: targets.layouts[0][0], targets: targets,
            policy: .majority, time: time, isReachable: { _ in true }, into: &directives)
        var own = MemoryTables(disk: disk(0))
        guard case .ask(_, let request, let round)? = directives.first else { return }
        directives = []
        write.answered(
            own.execute(request, at: .zero).reply, by: targets.layouts[0][0], round: round, time,
            using: &generator, entryTargets: { [targets] _ in targets },
            isReachable: { _ in true }, into: &directives)
        for name in ["n1", "n2"] {
            #expect(write.outcome == .waiting)
            write.unanswered(
                by: node(name), round: round, time, using: &generator,
                entryTargets: { [targets] _ in targets }, isReachable: { _ in true },
                into: &directives)
        }
        #expect(write.outcome == .failed(.noQuorum))
    }
}
