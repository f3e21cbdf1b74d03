import Model
import Testing

@testable import Membership

/// A store that is restarted on purpose: its gateway says so.
@Suite struct RestartTests {
    private func said(_ world: World, _ state: PeerState) -> Int {
        world.findings.count {
            if case .changed(_, _, state) = $0.directive { return true }
            return false
        }
    }

    private func countsFor(_ world: World, _ host: Int) -> Int {
        world.running.count { world.hosts[$0].core?.isAlive(World.name(host)) == true }
    }

    @Test func aRestartingStoreIsAskedForNothingAndNotSuspected() {
        for seed in 1...10 as ClosedRange<UInt64> {
            var world = World(count: 8, seed: seed)
            world.startAll()
            world.forgetFindings()
            world.restart(3)
            world.run(for: .milliseconds(100))
            #expect(countsFor(world, 3) == 0, "seed \(seed)")
            world.run(for: .seconds(25))
            #expect(countsFor(world, 3) == 0, "seed \(seed)")
            #expect(said(world, .suspect) == 0, "seed \(seed)")
            world.hosts[3].life = 2
            world.start(3, seeds: [0, 1, 2])
            world.run(for: .seconds(3))
            #expect(countsFor(world, 3) == 7 + 0, "seed \(seed)")
            world.run(for: .seconds(60))
            #expect(world.isWhole, "seed \(seed)")
            #expect(said(world, .suspect) + said(world, .dead) == 0, "seed \(seed)")
        }
    }

    @Test func aStoreThatDoesNotComeBackIsDeadSoonAfterItsTime() {
        for seed in 1...10 as ClosedRange<UInt64> {
            var world = World(count: 8, seed: seed)
            world.startAll()
            world.forgetFindings()
            world.restart(3)
            world.run(for: MembershipLimits.restartMax - .seconds(1))
            #expect(world.deaths(of: 3) == 0, "seed \(seed)")
            world.run(for: .seconds(21))
            #expect(world.deaths(of: 3) == 7, "seed \(seed)")
        }
    }

    /// Also where datagrams are lost, so that it is suspected for want of answers.
    @Test func theStandInRefutesForItsStore() {
        var standIn = StoreStandIn(Lone.update("own", disk: 1), now: .zero)
        func ask(_ update: PeerUpdate, at now: Duration) -> PeerUpdate? {
            standIn.received(
                SwimMessage(
                    body: .ping(sequence: 5), sender: Lone.update("peer"), wallMilliseconds: 1,
                    updates: [update]),
                now: now, wallMilliseconds: 2
            )?.sender
        }
        let suspected = Lone.update("own", .suspect, refutations: 2, disk: 1, witness: "peer")
        #expect(ask(suspected, at: .zero) == Lone.update("own", refutations: 3, disk: 1))
        // What is said of other disks and lives is the next life's to answer.
        let others = [
            Lone.update("own", .dead, refutations: 8, disk: 9),
            Lone.update("own", .dead, life: 2, disk: 1), Lone.update("peer", .dead, disk: 1),
        ]
        for other in others {
            #expect(ask(other, at: .zero) == Lone.update("own", refutations: 3, disk: 1))
        }
        #expect(ask(suspected, at: MembershipLimits.restartMax) == nil)
    }

    @Test func aLateWordOfTheStandInDoesNotMakeTheNextLifeRestarting() {
        var lone = Lone()
        lone.receive(from: Lone.update("x"))
        lone.receive(.ack(sequence: 0, isRestarting: true), from: Lone.update("x"))
        #expect(!lone.core.isAlive(Lone.id("x")))
        lone.receive(from: Lone.update("x", life: 2))
        #expect(lone.core.isAlive(Lone.id("x")))
        lone.receive(.ack(sequence: 0, isRestarting: true), from: Lone.update("x"))
        #expect(lone.core.isAlive(Lone.id("x")))
        #expect(lone.restartsSaid == [true, false])
    }
}
