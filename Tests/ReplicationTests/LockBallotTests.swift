import Model
import Testing

@testable import Replication

/// Locks, decided by ballot among three holders.
@Suite struct LockBallotTests {
    private typealias World = BallotOperationTests.World
    private let key = RegisterKey.locks(path("/a"))

    private func run(
        _ change: LockChange, _ id: UInt64, in world: inout World,
        policy: WritePolicy = .majority
    ) -> BallotOperation.Outcome {
        var coordinator = world.start(key, .change(change, operation(id)), policy: policy)
        world.run(&coordinator)
        return coordinator.outcome
    }

    private func granted(_ outcome: BallotOperation.Outcome, _ number: UInt64) -> Lock? {
        guard case .written(let version, _, _, _, true) = outcome else { return nil }
        return version.value.locks[token(number)]
    }

    @Test func oneIsTakenAndTheOtherIsToldWhoHasIt() {
        var world = World()
        #expect(granted(run(.take(request(1)), 1, in: &world), 1) != nil)
        guard
            case .locks(.conflict(let others), _, exact: true) =
                run(.take(request(2)), 2, in: &world)
        else {
            Issue.record("not refused")
            return
        }
        #expect(others.map(\.token) == [token(1)])
    }

    /// The majority that granted the first lock and the one that refuses the second share a holder.
    @Test func aLockHoldsWhicheverHoldersAnswer() {
        var world = World()
        world.silent = [2]
        #expect(granted(run(.take(request(1)), 1, in: &world), 1) != nil)
        world.silent = [1]
        guard case .locks(.conflict, _, _) = run(.take(request(2)), 2, in: &world) else {
            Issue.record("two hold it")
            return
        }
    }

    @Test func withoutAMajorityItIsRefusedOrSaid() {
        var world = World()
        world.silent = [1, 2]
        guard case .failed = run(.take(request(1)), 1, in: &world) else {
            Issue.record("granted by a minority")
            return
        }
        guard
            case .written(_, _, _, _, exact: false) =
                run(.take(request(2)), 2, in: &world, policy: .available)
        else {
            Issue.record("called exact")
            return
        }
    }

    @Test func aRepeatedRequestTakesOneLock() {
        var world = World()
        let first = granted(run(.take(request(1)), 1, in: &world), 1)
        #expect(granted(run(.take(request(1)), 1, in: &world), 1) == first)
        // Under another operation's name: by its token.
        guard
            case .locks(.unchanged(let set), copies: 2, exact: true) =
                run(.take(request(1)), 5, in: &world)
        else {
            Issue.record("taken again")
            return
        }
        #expect(set.locks == [first])
    }

    @Test func fencesGrowWithEachGrantAlsoWhenTheTombstoneIsGone() {
        var world = World()
        let first = granted(run(.take(request(1)), 1, in: &world), 1)
        guard case .written(let gone, _, _, _, _) = run(.release(token(1)), 2, in: &world) else {
            Issue.record("not released")
            return
        }
        #expect(gone.value.isDeleted)
        for index in world.disks.indices {
            _ = world.disks[index].execute(.dropTombstone(key, gone.dot), at: .zero)
        }
        #expect(world.disks.allSatisfy { $0.register(key)?.head == nil })
        let second = granted(run(.take(request(2)), 3, in: &world), 2)
        guard let first, let second else {
            Issue.record("not granted")
            return
        }
        #expect(first.fence > .zero)
        #expect(first.fence < second.fence)
        // A refresh is no grant.
        let refreshed = granted(run(.refresh(token(2), seconds: 90), 4, in: &world), 2)
        #expect(refreshed?.fence == second.fence)
        #expect(refreshed?.expires == 90_000)
    }

    @Test func whatIsOverIsTakenAwayByTheNextDecision() {
        var world = World()
        #expect(granted(run(.take(request(1)), 1, in: &world), 1) != nil)
        world.wall = 60_000 + LockSet.doubtMilliseconds + 1
        guard case .written(let version, _, _, _, _) = run(.take(request(2)), 2, in: &world) else {
            Issue.record("still held")
            return
        }
        #expect(version.value.locks.locks.map(\.token) == [token(2)])
        guard case .locks(.notFound, _, _) = run(.refresh(token(1), seconds: 9), 3, in: &world)
        else {
            Issue.record("the first one goes on")
            return
        }
    }

    /// Superseded locks are not kept: a lock that is refreshed for days would fill its register.
    @Test func nothingPilesUp() {
        var world = World()
        for round in UInt64(1)...20 {
            #expect(granted(run(.take(request(round)), 3 * round, in: &world), round) != nil)
            _ = run(.refresh(token(round), seconds: 90), 3 * round + 1, in: &world)
            _ = run(.release(token(round)), 3 * round + 2, in: &world)
        }
        for disk in world.disks {
            #expect(disk.register(key)?.kept.isEmpty == true)
            #expect(disk.register(key)?.head?.value.isDeleted == true)
        }
    }

    @Test func locksThatAreOverAreFoundByAge() {
        var world = World()
        _ = run(.take(request(1)), 1, in: &world)
        func aged(_ milliseconds: UInt64) -> [AgedRegister] {
            let reply = world.disks[0].execute(
                .aged(
                    AgeBounds(
                        keptBefore: .zero, surplusBefore: .zero, keptCountMax: 32, losersMax: 32,
                        tombstonesBefore: HybridTime(value: milliseconds << 16)),
                    after: nil, limit: 10), at: .zero
            ).reply
            guard case .aged(let registers, _) = reply else { return [] }
            return registers
        }
        #expect(aged(60_000 + LockSet.doubtMilliseconds).isEmpty)
        let found = aged(60_001 + LockSet.doubtMilliseconds)
        #expect(found == [AgedRegister(key: key, kept: [], tombstone: nil, isExpired: true)])
    }
}
