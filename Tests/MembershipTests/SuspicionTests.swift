import Foundation
import Model
import Testing

@testable import Membership

/// How long a suspected node has, and how it answers.
@Suite struct SuspicionTests {
    /// Lifeguard, section 4.2: max(min, max − (max − min) · log(C + 1) / log(K + 1)) for C of K
    /// confirmations.
    private func timeout(
        _ confirmations: Int, of all: Int, shortest: Double, longest: Double
    ) -> Double {
        let share = log(Double(confirmations) + 1) / log(Double(all) + 1)
        return max(shortest, longest - (longest - shortest) * share)
    }

    @Test func confirmationsShortenASuspicionByLifeguardsFormula() {
        let shortest = Duration.milliseconds(2500)
        for others in 1...10 {
            let all = min(others, MembershipLimits.confirmationsCount)
            var suspicion = Suspicion(
                index: 0, witness: Lone.id("w0"), now: .seconds(100), shortest: shortest,
                othersCount: others)
            for count in 0...(all + 2) {
                if count > 0 {
                    let isNew = suspicion.confirm(by: Lone.id("w\(count)"))
                    #expect(isNew == (count <= all), "\(count) of \(all)")
                }
                let expected = timeout(min(count, all), of: all, shortest: 2.5, longest: 15)
                let actual = (suspicion.deadline - .seconds(100)) / .seconds(1)
                // Shares are in thousandths of 12.5 s.
                #expect(abs(actual - expected) < 0.0126, "\(count) of \(all)")
            }
        }
    }

    @Test func oneWitnessCountsOnce() {
        var suspicion = Suspicion(
            index: 0, witness: Lone.id("w"), now: .zero, shortest: .seconds(1), othersCount: 9)
        let isNew = ["w", "v", "v"].map { suspicion.confirm(by: Lone.id($0)) }
        #expect(isNew == [false, true, false])
        #expect(suspicion.deadline == .milliseconds(3500))
    }

    /// 5 · log10(N) · period, at least for 10 nodes (Lifeguard, section 4.2, α = 5, β = 6).
    @Test func theShortestSuspicionGrowsWithTheLogarithmOfTheCluster() {
        for count in [2, 10, 50, 100, 1000] {
            var lone = Lone()
            for number in 1..<count { lone.receive(from: Lone.update("n\(number)")) }
            let expected = 5 * 0.5 * log10(Double(max(10, count)))
            let actual = lone.core.shortestSuspicion() / .seconds(1)
            // Worked out in tenths, rounded up.
            #expect(actual >= expected - 0.01 && actual <= expected + 0.26, "\(count) nodes")
        }
    }

    @Test func aSuspectedNodeRefutesUnderAHigherIncarnation() {
        var lone = Lone()
        let peer = Lone.update("peer")
        lone.receive(from: peer)
        lone.forget()
        lone.receive(from: peer, [Lone.update("own", .suspect, disk: 1, witness: "peer")])
        // At once, not with the next probe.
        #expect(lone.sent.contains { $0.to == peer.node })
        #expect(lone.saidOfItself == Lone.update("own", refutations: 1, disk: 1))
        #expect(lone.livesRaised.isEmpty)
        lone.receive(
            from: peer, [Lone.update("own", .dead, refutations: 7, disk: 1, witness: "peer")])
        #expect(lone.saidOfItself == Lone.update("own", refutations: 8, disk: 1))
    }

    @Test func aRefutationEndsTheSuspicionOfAll() {
        var suspectedCount = 0
        for seed in 1...20 as ClosedRange<UInt64> {
            var world = World(count: 10, seed: seed)
            world.startAll()
            world.forgetFindings()
            // Nobody hears node 0 for a while: a second is left for what it has to say.
            for other in 1..<10 { world.block(from: 0, to: other) }
            world.run(for: .milliseconds(1500))
            let isSuspected = (1..<10).contains { world.state(of: 0, by: $0) == .suspect }
            world.heal()
            guard isSuspected else { continue }
            suspectedCount += 1
            world.run(for: .seconds(10))
            #expect(world.isWhole, "seed \(seed)")
            #expect(world.falseDeaths.isEmpty, "seed \(seed)")
            for other in 1..<10 {
                let said = world.hosts[other].core?.table[World.name(0)]?.incarnation
                #expect(said ?? 0 > 1 << 32, "seed \(seed)")
            }
        }
        #expect(suspectedCount >= 10)
    }

    /// Helpers that say nothing at all speak against the own network: time-out and period grow with
    /// the score (Lifeguard, section 4.1), up to nine times.
    @Test func aNodeThatMissesAllAnswersGivesOthersMoreTime() {
        var lone = Lone()
        let names = (0..<20).map { "n\($0)" }
        for name in names { lone.receive(from: Lone.update(name)) }
        lone.pass(.seconds(3), answering: Set(names.map(Lone.id)))
        #expect(lone.core.health == 0)
        var times: [Duration] = []
        var indirectAfter: [Duration] = []
        for _ in 0..<12 {
            lone.forget()
            let begun = lone.core.probe?.sequence
            while lone.core.probe?.sequence == begun || lone.core.probe == nil {
                lone.pass(.milliseconds(10))
            }
            times.append(lone.now)
            if let probe = lone.core.probe { indirectAfter.append(probe.indirectAt - probe.sentAt) }
        }
        #expect(lone.core.health == MembershipLimits.healthMax)
        #expect(indirectAfter.first ?? .zero <= MembershipLimits.probeTimeout * 2)
        #expect(
            indirectAfter.last == MembershipLimits.probeTimeout * (MembershipLimits.healthMax + 1))
        let last = times.suffix(2).reduce(.zero) { $1 - $0 }
        let slowest = MembershipLimits.period * (MembershipLimits.healthMax + 1)
        #expect(last >= slowest - .milliseconds(20) && last <= slowest + .milliseconds(20))
        // Answers heal it.
        lone.pass(.seconds(120), answering: Set(names.map(Lone.id)))
        #expect(lone.core.health == 0)
    }

    /// It hears nobody, everybody else hears each other: it calls the first of them dead later than
    /// they do it.
    @Test func aDeafNodeBlamesOthersLaterThanTheyBlameIt() {
        for seed in 1...5 as ClosedRange<UInt64> {
            var world = World(count: 10, seed: seed)
            world.startAll()
            world.forgetFindings()
            for other in 1..<10 {
                world.block(from: other, to: 0)
                world.block(from: 0, to: other)
            }
            world.run(for: .seconds(60))
            let own = world.falseDeaths.first { $0.by == 0 }?.time ?? .zero
            let theirs = world.falseDeaths.filter { $0.of == 0 }.map(\.time).max() ?? .zero
            #expect(own > theirs, "seed \(seed)")
            #expect(world.falseDeaths.count { $0.of == 0 } == 9, "seed \(seed)")
        }
    }
}
