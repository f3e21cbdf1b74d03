import Model
import Testing

@testable import Replication

/// A holder that knows a directory at the path of a file says so before it takes part.
@Suite struct WriteGuardTests {
    private let key = RegisterKey.file(path("/a"))
    private let guarding = WriteGuard()

    private func marked() -> MemoryTables {
        var tables = MemoryTables(disk: disk(0))
        let mark = RegisterVersion(
            version: Version(
                dot: dot(1, 1), time: HybridTime(value: 5),
                context: CausalContext(entries: [dot(1, 1)])),
            value: .mark, operation: operation(77))
        _ = tables.execute(.commit(.mark(path("/a")), mark, listed: true), at: .zero)
        return tables
    }

    private func assignment(_ number: UInt64) -> Assignment {
        Assignment(
            key: key, value: file(number), operation: operation(number),
            time: HybridTime(value: 10))
    }

    private func isDirectory(_ reply: ReplicaReply) -> Bool {
        if case .isDirectory = reply { return true }
        return false
    }

    @Test func aFileIsNotMadeBesideADirectoryThatIsKnown() {
        var tables = marked()
        let request = ReplicaRequest.assign(assignment(1))
        #expect(isDirectory(tables.execute(request.guarded(guarding), at: .zero).reply))
        #expect(tables.register(key) == nil)
        var elsewhere = MemoryTables(disk: disk(2))
        guard case .assigned(let version, _) = elsewhere.execute(request, at: .zero).reply else {
            Issue.record("not assigned")
            return
        }
        let prepare = ReplicaRequest.prepare(key, version)
        #expect(isDirectory(tables.execute(prepare.guarded(guarding), at: .zero).reply))
        #expect(tables.register(key) == nil)
    }

    /// Where it was made certain that the directory is gone, the one that is behind takes part.
    @Test func certaintyPasses() {
        var tables = marked()
        let certain = WriteGuard(passesDirectories: true)
        let reply = tables.execute(
            ReplicaRequest.assign(assignment(1)).guarded(certain), at: .zero
        ).reply
        guard case .assigned = reply else {
            Issue.record("\(reply)")
            return
        }
    }

    @Test func whatWasWrittenBeforeTheDirectoryCameIsAnsweredAsTheFirstTime() {
        var tables = MemoryTables(disk: disk(0))
        let request = ReplicaRequest.assign(assignment(1))
        guard case .assigned(let version, _) = tables.execute(request, at: .zero).reply else {
            return
        }
        _ = tables.execute(.commit(key, version, listed: true), at: .zero)
        let other = marked()
        guard let mark = other.register(.mark(path("/a")))?.head else { return }
        _ = tables.execute(.commit(.mark(path("/a")), mark, listed: true), at: .zero)
        guard
            case .alreadyApplied(version) = tables.execute(request.guarded(guarding), at: .zero)
                .reply
        else {
            Issue.record("not found again")
            return
        }
        let another = ReplicaRequest.assign(assignment(2))
        #expect(isDirectory(tables.execute(another.guarded(guarding), at: .zero).reply))
    }

    /// A write at which the third holder, which knows the directory, answers before the second.
    private func meetingDirectory(dead: Set<Int> = []) -> (
        world: HolderWorld, write: WriteOperation
    ) {
        var world = HolderWorld()
        world.disks[2] = marked()
        world.dead = dead
        var directives: [CoordinatorDirective] = []
        let reachable = world
        var write = WriteOperation(
            key, file(1), operation(1), own: world.all[0], targets: world.targets,
            policy: .available, guarding: guarding, time: world.time,
            isReachable: { reachable.isReachable($0) }, into: &directives)
        world.take(directives)
        world.step(&write)
        let knowing = world.asked.firstIndex { $0.index == 2 } ?? 0
        world.asked.swapAt(0, knowing)
        world.step(&write)
        return (world, write)
    }

    /// One of three holders knows the directory: nothing stays prepared with the others.
    @Test func aWriteThatMeetsItIsTakenBack() {
        var (world, write) = meetingDirectory()
        // Not before it is taken back: a read would bring it to all.
        #expect(write.outcome == .waiting)
        world.run(&write)
        #expect(write.outcome == .failed(.mayBeDirectory(mayTakeEffect: false)))
        for disk in world.disks { #expect(disk.register(key)?.newest == nil) }
    }

    @Test func whatCannotBeTakenBackMayTakeEffect() {
        var (world, write) = meetingDirectory()
        world.silent = [1]
        world.run(&write)
        #expect(write.outcome == .failed(.mayBeDirectory(mayTakeEffect: true)))
    }

    /// A holder that is dead was asked nothing, so that nothing is left with it.
    @Test func whoWasNeverAskedHasNothingToTakeBack() {
        var (world, write) = meetingDirectory(dead: [1])
        world.run(&write)
        #expect(write.outcome == .failed(.mayBeDirectory(mayTakeEffect: false)))
        for disk in world.disks { #expect(disk.register(key)?.newest == nil) }
    }

    /// A ballot ends before anything is made.
    @Test func aBallotGoesByWhatWasPromised() {
        var disks = (0..<3).map { MemoryTables(disk: disk($0)) }
        disks[1] = marked()
        let targets = Targets(
            layouts: [(0..<3).map { Target(node: node("n\($0)"), disk: disk($0)) }], handOffs: [])
        let time = CoordinatorTime(now: .seconds(1), stamp: HybridTime(value: 100))
        var directives: [CoordinatorDirective] = []
        var generator = SplitMix64(seed: 1)
        var ballot = BallotOperation(
            key, .write(file(1), operation(1), .absent), own: targets.holders[0],
            targets: targets, policy: .majority, guarding: guarding, time: time, nonce: 1,
            isReachable: { _ in true }, into: &directives)
        let asked = directives
        for (index, directive) in asked.enumerated().prefix(2) {
            guard case .ask(_, let request, let round) = directive else { continue }
            ballot.answered(
                disks[index].execute(request, at: .zero).reply, by: targets.holders[index],
                round: round, time, using: &generator, entryTargets: { _ in targets },
                isReachable: { _ in true }, into: &directives)
        }
        guard case .failed(.mayBeDirectory(mayTakeEffect: false)) = ballot.outcome else {
            Issue.record("\(ballot.outcome)")
            return
        }
        #expect(directives.count == asked.count)
    }
}
