import Model
import Testing

@testable import Transfer

/// An offer waits for those who pull, and for nobody else.
@Suite struct OffersTests {
    private func node(_ name: String) throws -> NodeID { try #require(NodeID(name)) }

    private func facts() throws -> ContentFacts {
        ContentFacts(
            object: ObjectID(bits: Bits128(high: 1, low: 2)), byteCount: 1 << 30,
            digest: try #require(Digest(bytes: [UInt8](repeating: 3, count: 32))))
    }

    @Test func itEndsWhenAllHaveAnswered() throws {
        var offers = Offers()
        var out: [Offers.Directive] = []
        let (a, b, facts) = (try node("a"), try node("b"), try facts())
        offers.begin(facts, to: [a, b], enough: 2, now: .zero, into: &out)
        #expect(out == [.offer(facts, home: nil, to: a), .offer(facts, home: nil, to: b)])
        out = []
        offers.answered(facts.object, by: b, holds: true, into: &out)
        #expect(out.isEmpty)
        offers.answered(facts.object, by: a, holds: false, into: &out)
        #expect(out == [.done(facts.object, holding: [b])])
        #expect(offers.count == 0)
    }

    @Test func whoPullsIsWaitedForAndWhoIsSilentIsNot() throws {
        var offers = Offers()
        var out: [Offers.Directive] = []
        let (a, b, facts) = (try node("a"), try node("b"), try facts())
        offers.begin(facts, to: [a, b], enough: 2, now: .zero, into: &out)
        out = []
        // It takes a minute, at a piece a second.
        var now = Duration.zero
        for _ in 0..<60 {
            now += .seconds(1)
            offers.asked(facts.object, by: a, now: now)
            offers.timePassed(now: now, into: &out)
        }
        #expect(out.isEmpty)
        offers.answered(facts.object, by: a, holds: true, into: &out)
        #expect(out == [.done(facts.object, holding: [a])])
    }

    @Test func whereEnoughHaveItTheSilentAreWaitedForShortly() throws {
        let (a, b, c, facts) = (try node("a"), try node("b"), try node("c"), try facts())
        func ends(_ prepare: (inout Offers, inout [Offers.Directive]) -> Void) -> Duration? {
            var offers = Offers()
            var out: [Offers.Directive] = []
            offers.begin(facts, to: [a, b, c], enough: 1, now: .zero, into: &out)
            out = []
            prepare(&offers, &out)
            var now = Duration.zero
            while out.isEmpty, now < .seconds(20) {
                now += .milliseconds(500)
                offers.timePassed(now: now, into: &out)
            }
            return out.isEmpty ? nil : now
        }
        let object = facts.object
        #expect(ends { _, _ in } == TransferLimits.offerSilenceMax)
        #expect(
            ends { $0.answered(object, by: a, holds: true, into: &$1) }
                == TransferLimits.offerPatience)
        #expect(
            ends { $0.answered(object, by: a, holds: false, into: &$1) }
                == TransferLimits.offerSilenceMax)
        #expect(
            ends {
                $0.asked(object, by: b, now: .zero)
                $0.answered(object, by: a, holds: true, into: &$1)
            } == TransferLimits.offerPatiencePulling)
        #expect(TransferLimits.offerPatiencePulling > TransferLimits.pullingInterval)
    }

    /// What it has for a version that is still to come it would let go.
    @Test func whoHasItIsRemindedWhileOthersPull() throws {
        var offers = Offers()
        var out: [Offers.Directive] = []
        let (a, b, facts) = (try node("a"), try node("b"), try facts())
        let home = Partition(number: 7)
        offers.begin(facts, home: home, to: [a, b], enough: 2, now: .zero, into: &out)
        #expect(out.contains(.offer(facts, home: home, to: b)))
        out = []
        offers.answered(facts.object, by: a, holds: true, into: &out)
        var reminders = 0
        for second in 1...100 {
            let now = Duration.seconds(second)
            offers.asked(facts.object, by: b, now: now)
            offers.timePassed(now: now, into: &out)
            #expect(out.allSatisfy { $0 == .offer(facts, home: home, to: a) })
            reminders += out.count
            out = []
        }
        #expect(reminders == 3)
        // Its answer is none to anything else.
        offers.answered(facts.object, by: a, holds: true, into: &out)
        offers.answered(facts.object, by: b, holds: true, into: &out)
        #expect(out == [.done(facts.object, holding: [a, b])])
    }

    @Test func whoLeftIsNotWaitedFor() throws {
        var offers = Offers()
        var out: [Offers.Directive] = []
        let (a, b, facts) = (try node("a"), try node("b"), try facts())
        offers.begin(facts, to: [a, b], enough: 2, now: .zero, into: &out)
        out = []
        offers.left(a, into: &out)
        #expect(out.isEmpty)
        offers.answered(facts.object, by: a, holds: true, into: &out)
        #expect(out.isEmpty)
        offers.answered(facts.object, by: b, holds: true, into: &out)
        #expect(out == [.done(facts.object, holding: [b])])
        offers.begin(facts, to: [a], enough: 1, now: .zero, into: &out)
        out = []
        offers.left(a, into: &out)
        #expect(out == [.done(facts.object, holding: [])])
        #expect(offers.count == 0)
    }

    @Test func nobodyToOfferToIsDoneAtOnce() throws {
        var offers = Offers()
        var out: [Offers.Directive] = []
        let facts = try facts()
        offers.begin(facts, to: [], enough: 0, now: .zero, into: &out)
        #expect(out == [.done(facts.object, holding: [])])
    }
}
