import Model
import Testing

@testable import Membership

/// Which word about a peer counts, in whatever order they come.
@Suite struct PrecedenceTests {
    static let incarnations: [(life: UInt64, refutations: UInt64)] = [
        (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (3, 0),
    ]

    static var all: [PeerUpdate] {
        incarnations.flatMap { incarnation in
            PeerState.allCases.map {
                Lone.update(
                    "x", $0, life: incarnation.life, refutations: incarnation.refutations,
                    witness: $0 == .suspect ? "w" : nil)
            }
        }
    }

    /// What the table says, written down a second time: the life, then the goodbye, then the
    /// refutations, then alive < suspect < dead.
    static func rank(_ update: PeerUpdate) -> [UInt64] {
        [
            update.incarnation >> 32, update.state == .left ? 1 : 0,
            update.incarnation & 0xFFFF_FFFF, UInt64(update.state.rawValue),
        ]
    }

    static func isAbove(_ a: PeerUpdate, _ b: PeerUpdate) -> Bool {
        !rank(a).lexicographicallyPrecedes(rank(b)) && rank(a) != rank(b)
    }

    @Test func everyPairIsRankedByLifeGoodbyeIncarnationAndState() {
        for a in Self.all {
            for b in Self.all {
                #expect(
                    a.supersedes(b.incarnation, b.state) == Self.isAbove(a, b), "\(a) \(b)")
                let isEqual = a.incarnation == b.incarnation && a.state == b.state
                let isEither =
                    a.supersedes(b.incarnation, b.state) || b.supersedes(a.incarnation, a.state)
                // A total order: exactly one of both.
                #expect(isEither != isEqual, "\(a) \(b)")
            }
        }
    }

    /// What is known of the peer at once. A death that others tell counts after the time to refute
    /// it, which depends on what was known when; a suspect and a dead one are one outcome here.
    private func outcome(_ updates: [PeerUpdate]) -> [UInt64] {
        var lone = Lone()
        for update in updates {
            // A goodbye is believed of who says it alone.
            let isGoodbye = update.state == .left
            lone.receive(
                from: isGoodbye ? update : Lone.update("teller"), isGoodbye ? [] : [update])
        }
        guard let peer = lone.core.table[Lone.id("x")] else { return [] }
        let state = peer.state == .dead ? .suspect : peer.state
        return [peer.incarnation, UInt64(state.rawValue)]
    }

    @Test func updatesCommuteAndAreIdempotent() {
        for a in Self.all {
            #expect(outcome([a]) == outcome([a, a]))
            for b in Self.all {
                #expect(outcome([a, b]) == outcome([b, a]), "\(a) \(b)")
                #expect(outcome([a, b]) == outcome([a, b, a, b]), "\(a) \(b)")
            }
        }
    }

    @Test func whoeverIsAccusedAndSilentIsDeadInTheEndWhateverCameFirst() {
        for a in Self.all where a.state != .left {
            for b in Self.all where b.state != .left {
                var lone = Lone()
                for update in [a, b] { lone.receive(from: Lone.update("teller"), [update]) }
                lone.pass(.seconds(120))
                #expect(lone.state("x") == .dead, "\(a) \(b)")
            }
        }
    }

    @Test func theOrderOfManyUpdatesDoesNotMatter() {
        for seed in 0..<300 as Range<UInt64> {
            var generator = SplitMix64(seed: seed)
            var updates: [PeerUpdate] = []
            for _ in 0..<6 {
                updates.append(Self.all[Int.random(in: Self.all.indices, using: &generator)])
            }
            let first = outcome(updates)
            updates.shuffle(using: &generator)
            #expect(outcome(updates + updates) == first, "seed \(seed)")
        }
    }

    @Test func aGoodbyeBeatsAllOfThatLifeAndNoneOfTheNext() {
        var lone = Lone()
        lone.receive(from: Lone.update("x", .left))
        for state in [PeerState.alive, .suspect, .dead] {
            lone.receive(from: Lone.update("t"), [Lone.update("x", state, refutations: 9)])
            #expect(lone.state("x") == .left)
        }
        lone.receive(from: Lone.update("x", life: 2))
        #expect(lone.state("x") == .alive)
    }

    @Test func aNewLifeRejoinsAlsoOnANewDisk() {
        var lone = Lone()
        lone.receive(from: Lone.update("x"))
        lone.receive(from: Lone.update("t"), [Lone.update("x", .dead)])
        #expect(lone.state("x") == .suspect)
        lone.pass(.seconds(60))
        #expect(lone.state("x") == .dead)
        lone.receive(from: Lone.update("x", life: 2, disk: 3))
        #expect(lone.state("x") == .alive)
        #expect(lone.core.disk(of: Lone.id("x")) == Lone.disk(3))
        #expect(lone.rejoinsSaid == [Lone.disk(3)])
    }

    /// A new disk under the life of the old one: who remembers that takes no refutation of this life
    /// for an answer, however many there were.
    @Test func aLifeThatWasAnotherDisksIsLeftBehind() {
        var lone = Lone(disk: Lone.disk(3), life: 3)
        let peer = Lone.update("x")
        lone.receive(from: peer, [Lone.update("own", .suspect, life: 3, disk: 3)])
        lone.receive(from: peer, [Lone.update("own", .dead, life: 3, disk: 2)])
        #expect(lone.livesRaised == [4])
        #expect(lone.saidOfItself == Lone.update("own", life: 4, disk: 3))
        // Of lives that are over nothing matters any more.
        lone.pass(MembershipLimits.duplicateInterval)
        lone.receive(from: peer, [Lone.update("own", .dead, life: 3, disk: 2)])
        #expect(lone.livesRaised == [4])
    }

    @Test func anEarlierLifeThatIsToldLateChangesNothing() {
        var lone = Lone()
        lone.receive(from: Lone.update("x", life: 3, disk: 3))
        lone.receive(from: Lone.update("t"), [Lone.update("x", .dead, life: 2)])
        lone.receive(from: Lone.update("x", .left, life: 2))
        #expect(lone.state("x") == .alive)
        #expect(lone.duplicatesSaid == 0)
    }

    @Test func whatWasForgottenKeepsItsRank() {
        var lone = Lone()
        lone.receive(from: Lone.update("x", .left))
        lone.pass(MembershipLimits.forgetLeft + .seconds(20))
        #expect(lone.state("x") == nil)
        // A node that stood still for long still takes it for alive.
        lone.receive(from: Lone.update("t"), [Lone.update("x")])
        #expect(lone.state("x") == nil)
        lone.receive(from: Lone.update("x", life: 2))
        #expect(lone.state("x") == .alive)
        #expect(lone.core.isAlive(Lone.id("x")))
    }

    @Test func aForgottenDeadNodeThatStillRunsIsToldAndComesBack() {
        var lone = Lone()
        lone.receive(from: Lone.update("x"))
        lone.receive(from: Lone.update("t"), [Lone.update("x", .dead)])
        lone.pass(.seconds(60), answering: [Lone.id("t")])
        #expect(lone.state("x") == .dead)
        // The machine sleeps for a week: passing each second of it would take minutes.
        lone.now += MembershipLimits.forgetDead
        lone.pass(.seconds(60), answering: [Lone.id("t")])
        #expect(lone.state("x") == nil)
        lone.forget()
        lone.receive(.ping(sequence: 5), from: Lone.update("x"))
        let told = lone.sent.flatMap(\.message.updates).filter { $0.node == Lone.id("x") }
        #expect(told.contains { $0.state == .dead && $0.incarnation == 1 << 32 })
        lone.receive(from: Lone.update("x", refutations: 1))
        #expect(lone.state("x") == .alive)
    }
}
