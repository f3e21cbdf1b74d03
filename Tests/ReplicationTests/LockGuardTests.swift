import Model
import Testing

@testable import Replication

/// Locks in the way of writes, as the holders see it within a decision.
@Suite struct LockGuardTests {
    private typealias World = BallotOperationTests.World
    private let key = RegisterKey.file(path("/a"))
    private let locks = RegisterKey.locks(path("/a"))
    private let target = Target(node: node("n2"), disk: disk(2))

    private func guarding(
        _ tokens: [UInt64] = [], holdsShared: Bool = false, at wall: UInt64 = 0
    ) -> LockGuard {
        LockGuard(
            tokens: tokens.map { token($0) }, holdsShared: holdsShared, wallMilliseconds: wall)
    }

    private func assign(_ guarding: LockGuard, on disk: inout MemoryTables) -> ReplicaReply {
        let assignment = Assignment(
            key: key, value: file(1), operation: operation(9), time: HybridTime(value: 50))
        let guarding = WriteGuard(locks: guarding, passesDirectories: true)
        return disk.execute(.guarded(.assign(assignment), guarding), at: .zero).reply
    }

    private func isLocked(_ reply: ReplicaReply) -> Bool {
        if case .locked = reply { return true }
        return false
    }

    private func take(_ request: LockRequest, in world: inout World) {
        var coordinator = world.start(
            locks, .change(.take(request), operation(1)), policy: .majority)
        world.run(&coordinator)
    }

    @Test func aHolderRefusesWhatShowsNoToken() {
        var world = World()
        take(request(1), in: &world)
        #expect(isLocked(assign(guarding(), on: &world.disks[0])))
        #expect(isLocked(assign(guarding([2], holdsShared: true), on: &world.disks[0])))
        #expect(world.disks[0].register(key) == nil)
        // Once the lock is over, and with its token.
        let after = 60_000 + LockSet.doubtMilliseconds
        #expect(isLocked(assign(guarding(at: after), on: &world.disks[0])))
        #expect(!isLocked(assign(guarding(at: after + 1), on: &world.disks[0])))
        #expect(!isLocked(assign(guarding([1]), on: &world.disks[1])))
    }

    /// What is merely accepted under a ballot may have been granted.
    @Test func anAcceptedLockCounts() {
        var disk = MemoryTables(disk: disk(0))
        let ballot = Ballot(round: 1, node: node("n"))
        _ = disk.execute(.promise(locks, ballot), at: .zero)
        let assignment = Assignment(
            key: locks, value: .locks(LockSet(locks: [lock(1)])), operation: operation(1),
            time: HybridTime(value: 50))
        _ = disk.execute(.mint(assignment, ballot), at: .zero)
        #expect(disk.register(locks)?.head == nil)
        #expect(isLocked(assign(guarding(), on: &disk)))
    }

    /// The coordinator had looked, and a lock was granted before its write reached anybody.
    @Test func aLockGrantedMeanwhileIsMetAtAHolder() {
        var world = World()
        world.silent = [2]
        take(request(1), in: &world)
        world.silent = []
        #expect(world.disks[2].register(locks) == nil)

        var directives: [CoordinatorDirective] = []
        var write = WriteOperation(
            key, file(1), operation(9), own: target, targets: world.targets, policy: .majority,
            guarding: WriteGuard(locks: guarding()), time: world.time, isReachable: { _ in true },
            into: &directives)
        for _ in 0..<10 {
            let asked = directives
            directives = []
            for directive in asked {
                guard case .ask(let node, let request, let round) = directive else {
                    if case .tell(let node, let request) = directive {
                        _ = world.disks[world.index(of: node)].execute(request, at: .zero)
                    }
                    continue
                }
                let index = world.index(of: node)
                let reply = world.disks[index].execute(request, at: .zero).reply
                write.answered(
                    reply, by: world.targets.holders[index], round: round, world.time,
                    using: &world.generator,
                    entryTargets: { [targets = world.targets] _ in targets },
                    isReachable: { _ in true }, into: &directives)
            }
        }
        #expect(write.outcome == .failed(.locked(mayTakeEffect: true)))
        for disk in world.disks { #expect(disk.register(key)?.newest == nil) }
    }

    @Test func aConditionalWriteMeetsItToo() {
        var world = World()
        world.silent = [2]
        take(request(1), in: &world)
        world.silent = []
        var directives: [CoordinatorDirective] = []
        var write = BallotOperation(
            key, .write(file(1), operation(9), .absent), own: target, targets: world.targets,
            policy: .majority, guarding: WriteGuard(locks: guarding()), time: world.time, nonce: 1,
            isReachable: { _ in true }, into: &directives)
        world.take(directives)
        world.run(&write)
        guard case .failed(.locked(mayTakeEffect: true)) = write.outcome else {
            Issue.record("\(write.outcome)")
            return
        }
        directives = []
        var holder = BallotOperation(
            key, .write(file(2), operation(8), .none), own: target, targets: world.targets,
            policy: .majority, guarding: WriteGuard(locks: guarding([1])), time: world.time,
            nonce: 2,
            isReachable: { _ in true }, into: &directives)
        world.take(directives)
        world.run(&holder)
        guard case .written = holder.outcome else {
            Issue.record("the lock's own client is refused: \(holder.outcome)")
            return
        }
    }
}
