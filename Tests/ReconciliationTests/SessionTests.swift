import Model
import Testing

@testable import Reconciliation

struct SessionTests {
    @Test func nothingDifferentIsOneExchangeOfOneSum() throws {
        let pair = Pair(million: 1, mine: 0, theirs: 0, changed: 0)
        let run = try Conversation(pair.mine, pair.theirs)
        let summary = try #require(run.summary)
        #expect(summary.rounds == 1 && summary.isComplete)
        #expect(run.differences.isEmpty)
        #expect(run.byteCount <= 64)
    }

    @Test(arguments: [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
    func oneDifferenceInAMillion(mine: Int, theirs: Int, changed: Int) throws {
        for seed in UInt64(0)..<4 {
            let pair = Pair(million: seed, mine: mine, theirs: theirs, changed: changed)
            let run = try Conversation(pair.mine, pair.theirs, seed: seed)
            let summary = try #require(run.summary)
            #expect(Set(run.differences) == pair.differences)
            #expect(summary.rounds <= 3 && summary.isComplete)
            // The promise is 4,096; measured: 1,118 to 1,148.
            #expect(run.byteCount <= 1500)

        }
    }

    @Test(arguments: [(1000, 0, 0), (0, 1000, 0), (0, 0, 1000), (300, 300, 400)])
    func thousandDifferencesInAMillion(mine: Int, theirs: Int, changed: Int) throws {
        let pair = Pair(million: 3, mine: mine, theirs: theirs, changed: changed)
        let run = try Conversation(pair.mine, pair.theirs)
        let summary = try #require(run.summary)
        #expect(Set(run.differences) == pair.differences)
        #expect(run.differences.count == 1000)
        #expect(summary.isComplete)
        // The promise is 100,000; measured 60,281 to 84,281 in 9 rounds.
        #expect(run.byteCount <= 90_000, "\(run.byteCount)")
    }

    @Test func generatedDifferencesAreFoundExactly() throws {
        var random = SplitMix64(seed: 77)
        for round in 0..<150 {
            let sizes = [0, 1, 3, 50, 1000, 8000]
            let differing = [0, 0, 1, 2, 10, 300]
            let pair = Pair(
                shared: sizes[Int.random(in: 0..<6, using: &random)],
                mine: differing[Int.random(in: 0..<6, using: &random)],
                theirs: differing[Int.random(in: 0..<6, using: &random)],
                changed: differing[Int.random(in: 0..<6, using: &random)], seed: random.next())
            let run = try Conversation(pair.mine, pair.theirs, seed: UInt64(round))
            #expect(Set(run.differences) == pair.differences, "round \(round) of seed 77")
            #expect(run.differences.count == pair.differences.count)
            let keys = run.differences.map(\.key)
            #expect(run.summary?.isComplete == true, "round \(round)")
            #expect(Set(keys).count == keys.count)
        }
    }

    @Test func neighbouringKeysAreTold() throws {
        let here = (0..<3000).map {
            ReconciliationItem(key: 5 << 48 + $0, fingerprint: Fingerprint(high: $0, low: 1))
        }
        let there = here.enumerated().filter { $0.offset % 7 != 0 }.map(\.element)
        let run = try Conversation(SortedEntries(here), SortedEntries(there))
        #expect(run.differences.count == 429)
        #expect(run.summary?.isComplete == true)
    }

    @Test(arguments: [true, false])
    func anEmptySideGetsEverythingOverSeveralSessions(isMine: Bool) throws {
        var random = SplitMix64(seed: 9)
        let all = SortedEntries.random(20_000, using: &random)
        let full = SortedEntries(all)
        var known: [ReconciliationItem] = []
        var sessions = 0
        while known.count < all.count {
            let part = SortedEntries(known)
            let run =
                isMine
                ? try Conversation(part, full, seed: random.next())
                : try Conversation(full, part, seed: random.next())
            let summary = try #require(run.summary)
            #expect(run.differences.count <= ReconciliationLimits.differencesMax)
            #expect(summary.rounds <= ReconciliationLimits.roundsMax)
            #expect(run.largestReply <= ReconciliationLimits.messageByteCountMax)
            known += run.differences.compactMap { found in
                (found.mine ?? found.theirs).map {
                    ReconciliationItem(key: found.key, fingerprint: $0)
                }
            }
            sessions += 1
            try #require(sessions <= 10)
        }
        #expect(known.count == all.count)
        #expect(sessions == 5)
    }

    @Test func sessionEndsWhileBothSidesChange() throws {
        var random = SplitMix64(seed: 13)
        for round in 0..<40 {
            let pair = Pair(shared: 2000, mine: 100, theirs: 100, changed: 100, seed: random.next())
            var ever = Set((pair.mine.items + pair.theirs.items))
            let run = try Conversation(pair.mine, pair.theirs, seed: random.next()) {
                mine, theirs in
                let kept = mine.items.filter { _ in Int.random(in: 0..<20, using: &random) > 0 }
                let new = SortedEntries.random(30, using: &random)
                ever.formUnion(new)
                mine = SortedEntries(kept + new)
                let more = SortedEntries.random(30, using: &random)
                ever.formUnion(more)
                theirs = SortedEntries(theirs.items.dropLast(10) + more)
            }
            #expect(run.failure == nil, "round \(round)")
            #expect(run.summary != nil)
            for found in run.differences {
                #expect(found.mine != found.theirs)
                for side in [found.mine, found.theirs] {
                    guard let side else { continue }
                    #expect(ever.contains(ReconciliationItem(key: found.key, fingerprint: side)))
                }
            }
        }
    }

    @Test func repliesThatAreNoAnswerEndOrChangeNothing() throws {
        let pair = Pair(shared: 1000, mine: 1, theirs: 0, changed: 0, seed: 5)
        var random = SplitMix64(seed: 1)
        var session = ReconciliationSession(
            scope: .shared(layouts: Bits128(high: 0, low: 0)), using: &random)
        guard case .send(let request) = session.start(sum: pair.mine.total)[0] else {
            Issue.record("no request")
            return
        }
        func tell(_ reply: ReconciliationReply) -> [ReconciliationDirective] {
            session.replyReceived(reply, byteCount: 20, source: pair.mine)
        }
        var stranger = ReconciliationResponder.answer(request, from: pair.theirs)
        stranger.salt += 1
        #expect(tell(stranger).isEmpty)
        stranger.salt -= 1
        stranger.round += 1
        #expect(tell(stranger).isEmpty)
        let copy = session
        let wrong: [ReconciliationReply.Body] = [
            .answers([]), .answers([.parts(bits: 1, [1])]), .unequal(.zero, bits: 3, [1]),
            .unequal(.zero, bits: 0, []),
        ]
        for body in wrong {
            session = copy
            let directives = tell(
                ReconciliationReply(salt: request.salt, round: request.round, body: body))
            #expect(directives == [.failed(.malformed)])
        }
        session = copy
        #expect(tell(.unknownScope(to: request)) == [.failed(.unknownScope)])
    }
}
