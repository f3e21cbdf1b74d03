import Model
import Testing

@testable import Membership

/// Probes, direct and by way of others.
@Suite struct ProbeTests {
    private func suspicions(_ world: World) -> [String] {
        world.findings.compactMap {
            guard case .changed(let node, _, let state) = $0.directive, state != .alive else {
                return nil
            }
            return "\($0.by): \(node) \(state.name)"
        }
    }

    @Test func nodesOfWhichOneSeedIsKnownFindEachOtherAndStay() {
        var world = World(count: 12, seed: 1)
        world.checksCoding = true
        world.startAll(settle: .seconds(5))
        #expect(world.isWhole)
        world.run(for: .seconds(300))
        #expect(world.isWhole)
        #expect(suspicions(world).isEmpty)
        #expect(world.codingFailures.isEmpty)
    }

    @Test func everyPeerIsProbedOnceARound() {
        var lone = Lone()
        let peers = ["a", "b", "c", "d", "e", "f", "g", "h"]
        for name in peers { lone.receive(from: Lone.update(name)) }
        let names = Set(peers.map(Lone.id))
        // Those that came during a round are in it somewhere.
        lone.pass(MembershipLimits.period * 2 * peers.count, answering: names)
        for _ in 0..<4 {
            lone.forget()
            lone.pass(MembershipLimits.period * peers.count, answering: names)
            let probed = lone.sent.compactMap { message, peer in
                if case .ping = message.body { return peer }
                return nil
            }
            // Rounds begin anywhere in these periods: each peer once, but for where two rounds meet.
            #expect(probed.count == peers.count)
            for name in names { #expect((0...2).contains(probed.count { $0 == name })) }
        }
        #expect(lone.core.alivePeers.count == peers.count)
    }

    @Test func whereTheDirectLinkIsCutOthersProbe() {
        for (forth, back) in [(true, true), (true, false), (false, true)] {
            var world = World(count: 6, seed: 3)
            world.startAll()
            world.forgetFindings()
            if forth { world.block(from: 0, to: 1) }
            if back { world.block(from: 1, to: 0) }
            world.run(for: .seconds(120))
            #expect(suspicions(world).isEmpty, "\(forth) \(back)")
            #expect(world.isWhole)
        }
    }

    @Test func aNodeThatNobodyHearsIsDeadToAllAlsoWhereItHearsThem() {
        var world = World(count: 6, seed: 4)
        world.startAll()
        for other in 1..<6 { world.block(from: 0, to: other) }
        world.run(for: .seconds(15))
        for other in 1..<6 { #expect(world.state(of: 0, by: other) == .dead) }
        world.heal()
        world.run(for: .seconds(10))
        #expect(world.isWhole)
    }

    @Test func aHelperThatGetsNoAnswerSaysSoInTime() {
        var lone = Lone()
        let asker = Lone.update("asker")
        lone.receive(from: asker)
        lone.receive(from: Lone.update("target"))
        lone.pass(.seconds(1), answering: [Lone.id("asker"), Lone.id("target")])
        lone.forget()
        lone.receive(.pingRequest(sequence: 77, target: Lone.id("target")), from: asker)
        lone.pass(MembershipLimits.probeTimeout - .milliseconds(1))
        func nacks() -> [NodeID] {
            lone.sent.compactMap { $0.message.body == .nack(sequence: 77) ? $0.to : nil }
        }
        #expect(nacks().isEmpty)
        lone.pass(.milliseconds(2))
        #expect(nacks() == [asker.node])
    }

    @Test func aHelperPassesTheAnswerOn() {
        var lone = Lone()
        let asker = Lone.update("asker")
        lone.receive(from: asker)
        lone.receive(from: Lone.update("target"))
        lone.receive(.pingRequest(sequence: 77, target: Lone.id("target")), from: asker)
        let ping = lone.sent.last { $0.to == Lone.id("target") }
        guard case .ping(let sequence)? = ping?.message.body else {
            Issue.record("the target is not asked")
            return
        }
        lone.forget()
        lone.receive(.ack(sequence: sequence, isRestarting: false), from: Lone.update("target"))
        let answers = lone.sent.filter {
            $0.message.body == .ack(sequence: 77, isRestarting: false)
        }
        #expect(answers.map(\.to) == [asker.node])
    }

    /// A datagram from anybody must not make a node remember relays without end.
    @Test func relaysAreBounded() {
        var lone = Lone()
        let asker = Lone.update("asker")
        lone.receive(from: asker)
        for sequence in 0..<1000 as Range<UInt64> {
            lone.receive(.pingRequest(sequence: sequence, target: Lone.id("target")), from: asker)
        }
        #expect(lone.core.relays.count == MembershipLimits.relaysMax)
        lone.pass(MembershipLimits.period)
        #expect(lone.core.relays.isEmpty)
    }
}
