import Model
import Testing

@testable import Membership

/// Stops, deaths, returns and goodbyes.
@Suite struct LifeTests {
    /// The suspicion begins half a second after the last answer or later, and then goes on for 2.5 s.
    @Test func nobodyIsDeadWhoStandsStillShorterThanASuspicion() {
        for seed in 1...40 as ClosedRange<UInt64> {
            var world = World(count: 10, seed: seed)
            world.startAll()
            world.forgetFindings()
            world.pause(3, for: .milliseconds(2500))
            world.run(for: .seconds(20))
            #expect(world.falseDeaths.isEmpty, "seed \(seed)")
            #expect(world.isWhole, "seed \(seed)")
        }
    }

    @Test func whoStoodStillForLongBlamesNobody() {
        for seed in 1...10 as ClosedRange<UInt64> {
            var world = World(count: 10, seed: seed)
            world.startAll()
            world.forgetFindings()
            world.pause(3, for: .seconds(60))
            world.run(for: .seconds(80))
            #expect(world.falseDeaths.contains { $0.of == 3 }, "seed \(seed)")
            #expect(!world.falseDeaths.contains { $0.by == 3 }, "seed \(seed)")
            #expect(world.isWhole, "seed \(seed)")
        }
    }

    @Test func aMembersGraceIsOverWhenItWasDeadForSoLongAndNotBefore() {
        let grace = Duration.seconds(600)
        var lone = Lone(grace: grace)
        lone.receive(from: Lone.update("t"))
        lone.receive(from: Lone.update("member"))
        lone.receive(from: Lone.update("guest"))
        lone.core.membersChanged([Lone.own, Lone.id("member")], now: lone.now)
        var died: Duration?
        var said: Duration?
        while said == nil, lone.now < .seconds(1000) {
            lone.pass(.milliseconds(100), answering: [Lone.id("t")])
            if died == nil, lone.state("member") == .dead { died = lone.now }
            if !lone.gracesSaid.isEmpty { said = lone.now }
        }
        guard let died, let said else {
            Issue.record("died \(String(describing: died)), said \(String(describing: said))")
            return
        }
        #expect(said - died >= grace - .milliseconds(100))
        #expect(said - died <= grace + MembershipLimits.graceInterval + .seconds(1))
        // Reminded of until it is done; of those that are no members nothing is said.
        lone.pass(MembershipLimits.graceInterval * 3, answering: [Lone.id("t")])
        #expect(lone.gracesSaid.count > 1)
        #expect(lone.state("guest") == .dead)
        #expect(Set(lone.gracesSaid) == [Lone.id("member")])
    }

    @Test func whoComesBackWithinItsGraceIsNotTakenOut() {
        var lone = Lone(grace: .seconds(60))
        lone.receive(from: Lone.update("t"))
        lone.receive(from: Lone.update("member"))
        lone.core.membersChanged([Lone.own, Lone.id("member")], now: lone.now)
        let all: Set<NodeID> = [Lone.id("t"), Lone.id("member")]
        for life in 2...6 as ClosedRange<UInt64> {
            lone.pass(.seconds(50), answering: [Lone.id("t")])
            #expect(lone.state("member") == .dead)
            lone.receive(from: Lone.update("member", life: life))
            lone.pass(.seconds(20), answering: all)
        }
        #expect(lone.gracesSaid.isEmpty)
    }

    @Test func aNewLifeIsAliveForAllAndWordsOfTheOldOneAreIgnored() {
        for seed in 1...10 as ClosedRange<UInt64> {
            var world = World(count: 8, seed: seed)
            world.startAll()
            world.kill(2)
            world.run(for: .seconds(20))
            for other in world.running { #expect(world.state(of: 2, by: other) == .dead) }
            world.hosts[2].life = 2
            world.start(2, seeds: [0, 1, 3])
            world.run(for: .seconds(5))
            #expect(world.isWhole, "seed \(seed)")
            world.forgetFindings()
            // Datagrams that were under way for long: of the node's first life, and about it.
            let old = PeerUpdate(
                node: World.name(2), disk: world.hosts[2].disk, incarnation: 1 << 32 | 9,
                state: .left)
            var dead = old
            dead.state = .dead
            for host in [0, 1, 3] {
                world.inject(
                    SwimMessage(body: .updates, sender: old, wallMilliseconds: 1, updates: []),
                    from: World.name(2), to: host)
                world.inject(
                    SwimMessage(
                        body: .ack(sequence: 1, isRestarting: true), sender: dead,
                        wallMilliseconds: 1, updates: [dead]),
                    from: World.name(2), to: host)
            }
            world.run(for: .seconds(30))
            #expect(world.isWhole, "seed \(seed)")
            let changes = world.findings.filter {
                if case .persist = $0.directive { return false }
                return true
            }
            #expect(changes.isEmpty, "seed \(seed)")
        }
    }

    @Test func twoNodesWithOneIdAreSaidByBothAndByOthers() {
        for seed in 1...5 as ClosedRange<UInt64> {
            var world = World(count: 6, seed: seed)
            // Another machine with a copy of the configuration, and with a disk of its own.
            world.hosts[5].name = 4
            world.twins = [4: [5]]
            world.startAll()
            world.start(5, seeds: [0, 1, 2])
            world.run(for: .seconds(180))
            let sayers = Set(
                world.findings.compactMap { finding -> Int? in
                    guard case .duplicateIdentity(let node, let a, let b) = finding.directive
                    else { return nil }
                    #expect(node == World.name(4) && a != b, "seed \(seed)")
                    return finding.by
                })
            #expect(sayers.isSuperset(of: [4, 5]), "seed \(seed): \(sayers.sorted())")
            #expect(!sayers.isDisjoint(with: 0..<4), "seed \(seed): \(sayers.sorted())")
        }
    }

    /// Who was cut off when others heard of a later life remembers an earlier one.
    @Test func aNewDiskTopsEachLifeOfTheOldOneThatSomebodyRemembers() {
        var lone = Lone(disk: Lone.disk(3), life: 1)
        for life in [4, 6, 9] as [UInt64] {
            lone.receive(
                from: Lone.update("x\(life)"), [Lone.update("own", .dead, life: life, disk: 2)])
            #expect(lone.saidOfItself == Lone.update("own", life: life + 1, disk: 3))
        }
        #expect(lone.livesRaised == [5, 7, 10])
    }

    /// They top each other's lives a few times a minute, not with every datagram.
    @Test func twoNodesWithOneIdDoNotRaiseTheirLivesWithoutEnd() {
        var world = World(count: 6, seed: 9)
        world.hosts[5].name = 4
        world.twins = [4: [5]]
        world.startAll()
        world.start(5, seeds: [0, 1, 2])
        world.run(for: .seconds(600))
        let raised = world.findings.count {
            if case .lifeRaised = $0.directive { return true }
            return false
        }
        #expect(raised <= 2 * 11 * MembershipLimits.lifeRaisesMax)
        let said = world.findings.count {
            if case .duplicateIdentity = $0.directive { return true }
            return false
        }
        #expect(said <= 6 * 11)
    }

    @Test func aGoodbyeIsBelievedOfWhoSaysItAlone() {
        var lone = Lone()
        lone.receive(from: Lone.update("x"))
        lone.receive(from: Lone.update("t"), [Lone.update("x", .left)])
        #expect(lone.state("x") == .suspect)
        // It refutes.
        lone.receive(from: Lone.update("x", refutations: 1))
        #expect(lone.state("x") == .alive)
        // Of a life that nobody knows, of a node that nobody knows, and of what it was before.
        lone.receive(
            from: Lone.update("t"),
            [Lone.update("x", .left, life: 9), Lone.update("y", .left), Lone.update("x", .left)])
        #expect(lone.state("x") == .alive)
        #expect(lone.state("y") == nil)
        lone.receive(from: Lone.update("x", .left, refutations: 1))
        #expect(lone.state("x") == .left)
    }

    @Test func whoLeavesHasLeftForAllAndIsNeverCalledDead() {
        for seed in 1...10 as ClosedRange<UInt64> {
            var world = World(count: 8, seed: seed, configuration: .init(grace: .seconds(10)))
            world.network.lossPerMille = 50
            world.startAll()
            for host in 0..<8 { world.tellMembers(host, Array(0..<8)) }
            world.forgetFindings()
            for _ in 0..<5 {
                world.leave(2)
                world.run(for: .milliseconds(400))
            }
            world.kill(2)
            world.run(for: .seconds(60))
            for other in world.running {
                #expect(world.state(of: 2, by: other) == .left, "seed \(seed)")
            }
            #expect(world.deaths(of: 2) == 0, "seed \(seed)")
            #expect(world.falseDeaths.isEmpty, "seed \(seed)")
            let graces = world.findings.count {
                if case .graceOver = $0.directive { return true }
                return false
            }
            #expect(graces == 0, "seed \(seed)")
        }
    }
}
