import Model
import Testing

@testable import Replication

/// The proposer of ballots, against disks in memory that answer when the test lets them.
@Suite struct BallotOperationTests {
    private let key = RegisterKey.file(path("/a"))

    /// Three holders, of which those in `silent` answer nothing.
    struct World {
        var disks = (0..<3).map { MemoryTables(disk: disk($0)) }
        var targets: Targets
        var silent: Set<Int> = []
        var generator = SplitMix64(seed: 1)
        var wall: UInt64 = 0
        var asked: [(index: Int, request: ReplicaRequest, round: UInt32)] = []
        var requests: [ReplicaRequest] = []

        init() {
            targets = Targets(
                layouts: [(0..<3).map { Target(node: node("n\($0)"), disk: disk($0)) }],
                handOffs: [])
        }

        func index(of name: NodeID) -> Int {
            targets.holders.firstIndex { $0.node == name } ?? 0
        }

        mutating func take(_ directives: [CoordinatorDirective]) {
            for directive in directives {
                switch directive {
                case .ask(let node, let request, let round):
                    asked.append((index(of: node), request, round))
                    requests.append(request)
                case .tell(let node, let request):
                    let index = index(of: node)
                    if !silent.contains(index) { _ = disks[index].execute(request, at: .zero) }
                }
            }
        }

        mutating func start(
            _ key: RegisterKey, _ purpose: BallotOperation.Purpose, policy: WritePolicy
        ) -> BallotOperation {
            var directives: [CoordinatorDirective] = []
            let operation = BallotOperation(
                key, purpose, own: targets.holders[0], targets: targets, policy: policy,
                time: time, nonce: 7, isReachable: { _ in true }, into: &directives)
            take(directives)
            return operation
        }

        var time: CoordinatorTime {
            CoordinatorTime(
                now: .seconds(1), stamp: HybridTime(value: 100), wallMilliseconds: wall)
        }

        /// Answers what was asked first.
        mutating func step(_ operation: inout BallotOperation) {
            let (index, request, round) = asked.removeFirst()
            var directives: [CoordinatorDirective] = []
            if silent.contains(index) {
                operation.unanswered(
                    by: targets.holders[index].node, round: round, time, using: &generator,
                    entryTargets: { [targets] _ in targets }, isReachable: { _ in true },
                    into: &directives)
            } else {
                let reply = disks[index].execute(request, at: .zero).reply
                operation.answered(
                    reply, by: targets.holders[index], round: round, time, using: &generator,
                    entryTargets: { [targets] _ in targets }, isReachable: { _ in true },
                    into: &directives)
            }
            take(directives)
        }

        /// Until nothing is asked any more; a pause ends at once.
        mutating func run(_ operation: inout BallotOperation) {
            for _ in 0..<200 {
                if asked.isEmpty {
                    guard case .waiting = operation.outcome else { return }
                    var directives: [CoordinatorDirective] = []
                    operation.timePassed(
                        CoordinatorTime(now: .seconds(2), stamp: HybridTime(value: 200)),
                        into: &directives)
                    take(directives)
                    if asked.isEmpty { return }
                }
                step(&operation)
            }
        }
    }

    private func write(
        _ number: UInt64, _ condition: WriteCondition, id: UInt64
    ) -> BallotOperation.Purpose {
        .write(file(number), operation(id), condition)
    }

    /// What others promised raises the next attempt, and never the one under way: promises that
    /// were given to one number do not count for another.
    @Test func aBallotKeepsItsNumberToItsEnd() {
        var world = World()
        let higher = Ballot(round: 1_000, node: node("m"))
        _ = world.disks[1].execute(.promise(key, higher), at: .zero)
        var coordinator = world.start(key, write(1, .absent, id: 1), policy: .majority)
        guard case .promise(_, let ballot)? = world.requests.first else {
            Issue.record("nothing asked")
            return
        }
        #expect(ballot < higher)
        // The one that refuses answers before the majority is there.
        world.asked.swapAt(0, 1)
        for _ in 0..<3 { world.step(&coordinator) }
        guard case .mint(_, let used)? = world.requests.last else {
            Issue.record("\(world.requests)")
            return
        }
        #expect(used == ballot)
    }

    /// A file that is prepared at one holder alone, by another operation: it is brought to a
    /// majority before anything is judged by it.
    @Test func aConditionIsJudgedByWhatIsAtAMajority() {
        var world = World()
        let first = Assignment(
            key: key, value: file(1), operation: operation(1), time: HybridTime(value: 10))
        guard
            case .assigned(let prepared, _) = world.disks[0].execute(.assign(first), at: .zero)
                .reply
        else { return }
        var coordinator = world.start(key, write(2, .present, id: 2), policy: .majority)
        world.run(&coordinator)
        guard case .written(let version, _, true, _, true) = coordinator.outcome else {
            Issue.record("\(coordinator.outcome)")
            return
        }
        #expect(version.covers(prepared))
        let knowing = world.disks.count {
            $0.register(key)?.version(of: prepared.operation)?.dot == prepared.dot
        }
        #expect(knowing >= 2)
    }

    /// The same at a holder that prepared it for an operation which took effect elsewhere.
    @Test func aLateAttemptDoesNotStopABallot() {
        var world = World()
        let assignment = Assignment(
            key: key, value: file(1), operation: operation(1), time: HybridTime(value: 900))
        _ = world.disks[0].execute(.assign(assignment), at: .zero)
        var again = assignment
        again.time = HybridTime(value: 10)
        guard case .assigned(let done, _) = world.disks[1].execute(.assign(again), at: .zero).reply
        else { return }
        for index in [1, 2] {
            _ = world.disks[index].execute(.commit(key, done, listed: true), at: .zero)
        }
        var coordinator = world.start(
            key, write(2, .matches([digest(1)]), id: 2), policy: .majority)
        world.run(&coordinator)
        guard case .written(let version, _, true, _, true) = coordinator.outcome else {
            Issue.record("\(coordinator.outcome)")
            return
        }
        #expect(version.covers(done))
        for disk in world.disks { #expect(disk.register(key)?.head == version) }
    }

    /// Under `available` one that cannot be reached by others decides alone, and says so; asked
    /// again when they are back, it does not know more of how it was decided.
    @Test func whatLessThanAMajorityDecidedIsNeverExact() {
        var world = World()
        world.silent = [1, 2]
        var alone = world.start(key, write(1, .absent, id: 1), policy: .available)
        world.run(&alone)
        guard case .written(_, _, false, _, exact: false) = alone.outcome else {
            Issue.record("\(alone.outcome)")
            return
        }
        world.asked = []
        var refusedAlone = world.start(key, write(3, .absent, id: 3), policy: .available)
        world.run(&refusedAlone)
        guard case .conditionFailed(exact: false) = refusedAlone.outcome else {
            Issue.record("\(refusedAlone.outcome)")
            return
        }
        world.silent = []
        world.asked = []
        var again = world.start(key, write(1, .absent, id: 1), policy: .available)
        world.run(&again)
        guard case .written(_, _, _, _, exact: false) = again.outcome else {
            Issue.record("\(again.outcome)")
            return
        }
        var refused = world.start(key, write(3, .absent, id: 3), policy: .available)
        world.run(&refused)
        guard case .conditionFailed(exact: true) = refused.outcome else {
            Issue.record("\(refused.outcome)")
            return
        }
        var other = world.start(key, write(2, .present, id: 2), policy: .available)
        world.run(&other)
        guard case .written(_, _, true, _, exact: true) = other.outcome else {
            Issue.record("\(other.outcome)")
            return
        }
    }

    private func digest(_ number: UInt64) -> Digest {
        guard let digest = file(number).facts?.digest else { preconditionFailure("no file") }
        return digest
    }
}
