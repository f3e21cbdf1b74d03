import Model
import Testing

@testable import Replication

/// Under `available`, what is acknowledged comes on top of what could be reached: a holder that takes
/// over does not know that, and a stand-in may know it alone.
@Suite struct ReachableKnowledgeTests {
    private let key = RegisterKey.file(path("/a"))
    private let time = CoordinatorTime(now: .seconds(1), stamp: HybridTime(value: 100))

    private func target(_ number: Int) -> Target {
        Target(node: node("n\(number)"), disk: disk(number))
    }

    private func head(_ value: UInt64, at time: UInt64, on number: Int) -> RegisterVersion {
        RegisterVersion(
            version: Version(
                dot: dot(number, 1), time: HybridTime(value: time),
                context: CausalContext(entries: [dot(number, 1)])),
            value: file(value), operation: operation(value))
    }

    @Test func aDiskThatTakesOverAcknowledgesNothingBelowWhatTheHolderBeforeHas() {
        // The replication factor is 1; disk 0 holds the partition from now on, disk 1 did before.
        let targets = Targets(layouts: [[target(1)], [target(0)]], handOffs: [])
        var disks = [MemoryTables(disk: disk(0)), MemoryTables(disk: disk(1))]
        _ = disks[1].execute(.commit(key, head(1, at: 500, on: 1), listed: true), at: .zero)
        var directives: [CoordinatorDirective] = []
        var generator = SplitMix64(seed: 1)
        var write = WriteOperation(
            key, .deleted, operation(2), own: target(0), targets: targets, policy: .available,
            time: time, isReachable: { _ in true }, into: &directives)
        var written: RegisterVersion?
        var steps = 0
        while written == nil, !directives.isEmpty, steps < 20 {
            steps += 1
            guard case .ask(let name, let request, let round) = directives.removeFirst() else {
                continue
            }
            let index = name == node("n0") ? 0 : 1
            let reply = disks[index].execute(request, at: .zero).reply
            write.answered(
                reply, by: target(index), round: round, time, using: &generator,
                entryTargets: { _ in targets }, isReachable: { _ in true }, into: &directives)
            // The entry is not what this is about: the list of its holders is done at once.
            for case .ask(let name, .prepare(_, let version, _), _) in directives
            where name == node("n1") && version.version.time > HybridTime(value: 500) {
                written = version
            }
        }
        // The first attempt, below the holder's version, was not enough; the second knows that one.
        #expect(written?.version.context.contains(dot(1, 1)) == true)
        #expect(disks[1].register(key)?.head?.value == file(1))
    }

    @Test func aBallotKnowsWhatOnlyAStandInHas() {
        let targets = Targets(layouts: [[target(0), target(1)]], handOffs: [target(2)])
        var disks = (0..<3).map { MemoryTables(disk: disk($0)) }
        let newest = head(1, at: 500, on: 2)
        _ = disks[2].execute(.commit(key, newest, listed: true), at: .zero)
        var directives: [CoordinatorDirective] = []
        var generator = SplitMix64(seed: 1)
        var ballot = BallotOperation(
            key, .write(file(2), operation(2), .absent), own: target(0), targets: targets,
            policy: .available, time: time, nonce: 7, isReachable: { _ in true },
            into: &directives)
        var steps = 0
        while case .waiting = ballot.outcome, !directives.isEmpty, steps < 40 {
            steps += 1
            let index: Int
            switch directives.removeFirst() {
            case .ask(let name, let request, let round):
                index = (0..<3).first { target($0).node == name } ?? 0
                let reply = disks[index].execute(request, at: .zero).reply
                ballot.answered(
                    reply, by: target(index), round: round, time, using: &generator,
                    entryTargets: { _ in targets }, isReachable: { _ in true },
                    into: &directives)
            case .tell: break
            }
        }
        guard case .conditionFailed = ballot.outcome else {
            Issue.record("\(ballot.outcome)")
            return
        }
        // What the answer goes by is with the holders now.
        for disk in disks[0...1] { #expect(disk.register(key)?.head == newest) }
    }

    /// Two holders of an old and a new layout know the newest version, which is no majority of both;
    /// a stand-in does not know it, and is brought nothing: nothing is waited for from it.
    @Test func aBallotDoesNotGoRoundForAStandInThatKnowsLess() {
        let targets = Targets(
            layouts: [(0..<5).map(target)], handOffs: [target(5)])
        var disks = (0..<6).map { MemoryTables(disk: disk($0)) }
        let newest = head(1, at: 500, on: 0)
        for index in [0, 1] {
            _ = disks[index].execute(.commit(key, newest, listed: true), at: .zero)
        }
        let isReachable = { (name: NodeID) in ["n0", "n1", "n5"].contains { name == node($0) } }
        var directives: [CoordinatorDirective] = []
        var generator = SplitMix64(seed: 1)
        var ballot = BallotOperation(
            key, .write(file(2), operation(2), .present), own: target(0), targets: targets,
            policy: .available, time: time, nonce: 7, isReachable: isReachable,
            into: &directives)
        var promises = 0
        for _ in 0..<100 {
            guard case .waiting = ballot.outcome, !directives.isEmpty else { break }
            guard case .ask(let name, let request, let round) = directives.removeFirst() else {
                continue
            }
            if case .promise = request { promises += 1 }
            let index = (0..<6).first { target($0).node == name } ?? 0
            let reply = disks[index].execute(request, at: .zero).reply
            ballot.answered(
                reply, by: target(index), round: round, time, using: &generator,
                entryTargets: { _ in Targets(layouts: [[target(0)]], handOffs: []) },
                isReachable: isReachable, into: &directives)
        }
        guard case .written(_, _, replacing: true, _, exact: false) = ballot.outcome else {
            Issue.record("\(ballot.outcome)")
            return
        }
        #expect(promises == 2)
    }
}
