import Model
import Testing

@testable import Transfer

/// Contents are fetched from whoever has them, through silence, lies and interruptions.
@Suite struct PullsTests {
    private static let a = node("a")
    private static let b = node("b")

    private static func node(_ name: String) -> NodeID {
        guard let node = NodeID(name) else { preconditionFailure("a name") }
        return node
    }

    private func facts(_ byteCount: UInt64, number: UInt64 = 1) -> ContentFacts {
        ContentFacts(
            object: ObjectID(bits: Bits128(high: 0, low: number)), byteCount: byteCount,
            digest: Digest.of(number))
    }

    private let large: UInt64 = 10 << 20

    /// The one fetch among these.
    private func fetch(_ directives: [Pulls.Directive]) throws -> Pulls.Fetch {
        let fetches = directives.compactMap { directive -> Pulls.Fetch? in
            if case .fetch(let fetch) = directive { fetch } else { nil }
        }
        #expect(fetches.count == 1)
        return try #require(fetches.first)
    }

    @Test func aSmallContentIsOneQuestion() {
        var pulls = Pulls()
        var out: [Pulls.Directive] = []
        let small = facts(1000)
        pulls.want(small, from: [Self.a], now: .zero, into: &out)
        #expect(out == [.ask(Self.a, small.object, byteCount: 1000)])
        out = []
        let bytes = [UInt8](repeating: 7, count: 1000)
        pulls.pieceReceived(
            small.object, bytes: bytes, from: Self.a, now: .zero, into: &out)
        #expect(out == [.check(small, bytes)])
        out = []
        pulls.finished(small.object, isGood: true, now: .zero, into: &out)
        #expect(out == [.done(small.object, .small(bytes))])
        #expect(pulls.activeCount == 0)
    }

    @Test func anEmptyContentIsAskedForToo() {
        var pulls = Pulls()
        var out: [Pulls.Directive] = []
        let empty = facts(0)
        pulls.want(empty, from: [Self.a], now: .zero, into: &out)
        #expect(out == [.ask(Self.a, empty.object, byteCount: 1)])
        out = []
        pulls.pieceReceived(
            empty.object, bytes: [], from: Self.a, now: .zero, into: &out)
        #expect(out == [.check(empty, [])])
    }

    @Test func aLargeContentIsFetchedWhole() throws {
        var pulls = Pulls()
        var out: [Pulls.Directive] = []
        let content = facts(large)
        pulls.want(content, from: [Self.a], now: .zero, into: &out)
        let fetch = try fetch(out)
        #expect((fetch.node, fetch.offset, fetch.end) == (Self.a, 0, large))
        #expect(pulls.fetch(fetch.number) == fetch)
        out = []
        pulls.progressed(fetch.number, upTo: large, now: .zero)
        pulls.fetchEnded(fetch.number, .complete, now: .zero, into: &out)
        #expect(out == [.finish(content)])
        out = []
        pulls.finished(content.object, isGood: true, now: .zero, into: &out)
        #expect(out == [.done(content.object, .staged)])
        #expect(pulls.activeCount == 0)
        #expect(pulls.fetch(fetch.number) == nil)
    }

    @Test func aSilentSourceIsLeftWhereItStopped() throws {
        var pulls = Pulls()
        var out: [Pulls.Directive] = []
        let content = facts(large)
        pulls.want(content, from: [Self.a, Self.b], now: .zero, into: &out)
        let first = try fetch(out)
        pulls.progressed(first.number, upTo: 1000, now: .seconds(1))
        out = []
        pulls.timePassed(now: .seconds(1) + TransferLimits.silenceMax, into: &out)
        #expect(out.first == .stop(fetch: first.number))
        let second = try fetch(out)
        #expect((second.node, second.offset) == (Self.b, 1000))
        // What the first one still says is no news.
        pulls.progressed(first.number, upTo: 5000, now: .seconds(5))
        out = []
        pulls.fetchEnded(first.number, .complete, now: .seconds(5), into: &out)
        #expect(out.isEmpty)
    }

    @Test func aContentThatIsLackedIsAskedForElsewhere() throws {
        var pulls = Pulls()
        var out: [Pulls.Directive] = []
        pulls.want(facts(large), from: [Self.a, Self.b], now: .zero, into: &out)
        let first = try fetch(out)
        out = []
        pulls.fetchEnded(first.number, .broken, now: .zero, into: &out)
        #expect(try fetch(out).node == Self.b)
        // Who gives less than there should be is no better.
        let second = try fetch(out)
        pulls.progressed(second.number, upTo: 10, now: .zero)
        out = []
        pulls.fetchEnded(second.number, .complete, now: .zero, into: &out)
        let third = try fetch(out)
        #expect((third.node, third.offset) == (Self.a, 10))
    }

    @Test func whatCameBeforeACutIsKept() throws {
        var pulls = Pulls()
        var out: [Pulls.Directive] = []
        let content = facts(large)
        pulls.want(content, from: [Self.a], now: .zero, into: &out)
        pulls.progressed(try fetch(out).number, upTo: 4_000_000, now: .zero)
        var now = Duration.zero
        for _ in 0..<20 where pulls.activeCount > 0 {
            now = try #require(pulls.nextDeadline)
            pulls.timePassed(now: now, into: &out)
        }
        #expect(out.last == .done(content.object, .nobody))
        #expect(!out.contains(.discard(content.object)))
        #expect(pulls.partCount == 1)
        out = []
        pulls.want(content, from: [Self.b], now: now, into: &out)
        let next = try fetch(out)
        #expect((next.node, next.offset) == (Self.b, 4_000_000))
        #expect(pulls.partCount == 0)
    }

    @Test func whatNobodyWantsAnyMoreGoesInTheEnd() throws {
        var pulls = Pulls()
        var out: [Pulls.Directive] = []
        let content = facts(large)
        pulls.want(content, from: [Self.a], now: .zero, into: &out)
        pulls.progressed(try fetch(out).number, upTo: 1, now: .zero)
        for _ in 0..<20 {
            guard let deadline = pulls.nextDeadline else { break }
            pulls.timePassed(now: deadline, into: &out)
        }
        #expect(out.last == .discard(content.object))
        #expect(pulls.partCount == 0)
        #expect(pulls.nextDeadline == nil)
    }

    @Test func anUploadIsFetchedWhileItGrows() throws {
        var pulls = Pulls()
        var out: [Pulls.Directive] = []
        let content = facts(large)
        pulls.grows(content.object, upTo: 1000, at: Self.a, now: .zero, into: &out)
        let first = try fetch(out)
        #expect((first.offset, first.end) == (0, 1000))
        // More is known before the first is there.
        pulls.grows(content.object, upTo: 5000, at: Self.a, now: .zero, into: &out)
        pulls.progressed(first.number, upTo: 1000, now: .zero)
        out = []
        pulls.fetchEnded(first.number, .complete, now: .zero, into: &out)
        let second = try fetch(out)
        #expect((second.offset, second.end) == (1000, 5000))
        pulls.progressed(second.number, upTo: 5000, now: .zero)
        out = []
        pulls.fetchEnded(second.number, .complete, now: .zero, into: &out)
        #expect(out.isEmpty)
        // Its end: what is missing is fetched, and the whole is checked.
        pulls.want(content, from: [Self.a], now: .zero, into: &out)
        let last = try fetch(out)
        #expect((last.offset, last.end) == (5000, large))
        pulls.progressed(last.number, upTo: large, now: .zero)
        out = []
        pulls.fetchEnded(last.number, .complete, now: .zero, into: &out)
        #expect(out == [.finish(content)])
    }

    @Test func anUploadThatWasGivenUpIsThrownAway() throws {
        var pulls = Pulls()
        var out: [Pulls.Directive] = []
        let object = facts(large).object
        pulls.grows(object, upTo: 1000, at: Self.a, now: .zero, into: &out)
        let fetch = try fetch(out)
        out = []
        pulls.gone(object, now: .zero, into: &out)
        #expect(out == [.stop(fetch: fetch.number), .discard(object)])
        #expect(pulls.activeCount == 0)
        // Without the word it goes when it was idle for long.
        pulls.grows(object, upTo: 1000, at: Self.a, now: .zero, into: &out)
        let again = try self.fetch(Array(out.suffix(1)))
        pulls.progressed(again.number, upTo: 1000, now: .zero)
        pulls.fetchEnded(again.number, .complete, now: .zero, into: &out)
        out = []
        pulls.timePassed(now: TransferLimits.growingIdleMax, into: &out)
        #expect(out == [.discard(object)])
    }

    @Test func aGatewayThatGoesCostsNothingThatCame() throws {
        var pulls = Pulls()
        var out: [Pulls.Directive] = []
        pulls.want(facts(large), from: [Self.a], now: .zero, into: &out)
        let first = try fetch(out)
        pulls.progressed(first.number, upTo: 77, now: .zero)
        out = []
        pulls.interrupted(now: .zero, into: &out)
        #expect(out == [.stop(fetch: first.number)])
        out = []
        pulls.timePassed(now: TransferLimits.busyDelay, into: &out)
        #expect(try fetch(out).offset == 77)
    }

    @Test func wrongBytesAreThrownAwayAndOthersAsked() {
        var pulls = Pulls()
        var out: [Pulls.Directive] = []
        let small = facts(3)
        pulls.want(small, from: [Self.a, Self.b], now: .zero, into: &out)
        pulls.pieceReceived(
            small.object, bytes: [9, 9, 9], from: Self.a, now: .zero, into: &out)
        out = []
        pulls.finished(small.object, isGood: false, now: .zero, into: &out)
        // Who gave them is told.
        #expect(
            out == [
                .wrong(small, from: Self.a), .ask(Self.b, small.object, byteCount: 3),
            ])
        out = []
        pulls.pieceReceived(
            small.object, bytes: [8, 8, 8], from: Self.b, now: .zero, into: &out)
        pulls.finished(small.object, isGood: false, now: .zero, into: &out)
        #expect(out.contains(.wrong(small, from: Self.b)))
        #expect(out.last == .done(small.object, .nobody))
    }

    @Test func whoGivesTooLittleIsToldToo() throws {
        var pulls = Pulls()
        var out: [Pulls.Directive] = []
        let small = facts(3)
        pulls.want(small, from: [Self.a], now: .zero, into: &out)
        out = []
        pulls.pieceReceived(small.object, bytes: [9], from: Self.a, now: .zero, into: &out)
        #expect(out.first == .wrong(small, from: Self.a))
        let content = ContentFacts(
            object: ObjectID(bits: Bits128(high: 7, low: 7)), byteCount: large,
            digest: small.digest)
        pulls.want(content, from: [Self.b], now: .zero, into: &out)
        let begun = try fetch(out)
        pulls.progressed(begun.number, upTo: 10, now: .zero)
        out = []
        pulls.fetchEnded(begun.number, .complete, now: .zero, into: &out)
        #expect(out.first == .wrong(content, from: Self.b))
    }

    /// Of several it is not known whose bytes were wrong: the next ones are of one.
    @Test func oneOfSeveralGiversIsToldWhenItIsKnownWhich() throws {
        var pulls = Pulls()
        var out: [Pulls.Directive] = []
        let content = facts(large)
        pulls.want(content, from: [Self.a, Self.b], now: .zero, into: &out)
        let first = try fetch(out)
        pulls.progressed(first.number, upTo: 10, now: .zero)
        out = []
        pulls.fetchEnded(first.number, .broken, now: .zero, into: &out)
        let second = try fetch(out)
        pulls.progressed(second.number, upTo: large, now: .zero)
        pulls.fetchEnded(second.number, .complete, now: .zero, into: &out)
        out = []
        pulls.finished(content.object, isGood: false, now: .zero, into: &out)
        #expect(!out.contains { if case .wrong = $0 { true } else { false } })
        let third = try fetch(out)
        pulls.progressed(third.number, upTo: large, now: .zero)
        pulls.fetchEnded(third.number, .complete, now: .zero, into: &out)
        out = []
        pulls.finished(content.object, isGood: false, now: .zero, into: &out)
        #expect(out.contains(.wrong(content, from: third.node)))
    }

    @Test func nobodyIsAskedForEver() {
        var pulls = Pulls()
        var out: [Pulls.Directive] = []
        let small = facts(3)
        pulls.want(small, from: [Self.a, Self.b], now: .zero, into: &out)
        var now = Duration.zero
        var rounds = 0
        while let deadline = pulls.nextDeadline, rounds < 100 {
            now = deadline
            pulls.timePassed(now: now, into: &out)
            rounds += 1
        }
        #expect(out.last == .done(small.object, .nobody))
        #expect(now <= TransferLimits.silenceMax * (2 * TransferLimits.roundsMax))
    }

    @Test func aBusySourceIsAskedAgain() {
        var pulls = Pulls()
        var out: [Pulls.Directive] = []
        let small = facts(3)
        pulls.want(small, from: [Self.a], now: .zero, into: &out)
        out = []
        pulls.busy(small.object, node: Self.a, now: .zero)
        pulls.timePassed(now: .milliseconds(100), into: &out)
        #expect(out.isEmpty)
        pulls.timePassed(now: TransferLimits.busyDelay, into: &out)
        #expect(out == [.ask(Self.a, small.object, byteCount: 3)])
    }

    @Test func onlySoManyArePulledAtATime() {
        var pulls = Pulls()
        var out: [Pulls.Directive] = []
        let all = (1...100 as ClosedRange<UInt64>).map { facts(1, number: $0) }
        for one in all { pulls.want(one, from: [Self.a], now: .zero, into: &out) }
        #expect(out.count == TransferLimits.pullsMax)
        #expect(pulls.waitingCount == 100 - TransferLimits.pullsMax)
        var done: Set<ObjectID> = []
        // Each end lets the next one begin.
        while !out.isEmpty {
            let directives = out
            out = []
            for directive in directives {
                switch directive {
                case .ask(let node, let object, _):
                    pulls.pieceReceived(object, bytes: [1], from: node, now: .zero, into: &out)
                case .check(let facts, _):
                    pulls.finished(facts.object, isGood: true, now: .zero, into: &out)
                case .done(let object, .small): done.insert(object)
                case .done, .fetch, .stop, .finish, .discard, .wrong: Issue.record("\(directive)")
                }
            }
            #expect(pulls.activeCount <= TransferLimits.pullsMax)
        }
        #expect(done.count == 100)
    }

    @Test func aFullDiskEndsThePull() throws {
        var pulls = Pulls()
        var out: [Pulls.Directive] = []
        let content = facts(large)
        pulls.want(content, from: [Self.a], now: .zero, into: &out)
        let fetch = try fetch(out)
        out = []
        pulls.fetchEnded(fetch.number, .unwritable, now: .zero, into: &out)
        #expect(out == [.discard(content.object), .done(content.object, .refused)])
    }

    /// A network that loses and repeats, sources that come and go, some of which lie: the bytes are
    /// right in the end, or nobody has them.
    @Test(arguments: 1...200 as ClosedRange<UInt64>)
    func whatIsStagedIsRight(seed: UInt64) {
        var run = RandomPull(seed: seed)
        run.run()
        #expect(run.outcome != nil)
        if run.outcome == .staged { #expect(run.file == run.content) }
        // With one in twenty questions lost, three rounds of nothing do not happen.
        if run.hasHonestSource { #expect(run.outcome == .staged) }
    }
}

private struct RandomPull {
    var generator: SplitMix64
    let content: [UInt8]
    let facts: ContentFacts
    var file: [UInt8] = []
    var outcome: Pulls.Outcome?
    private var pulls = Pulls()
    private var now = Duration.zero
    private var liars: Set<NodeID> = []
    private var away: Set<NodeID> = []
    private let sources: [NodeID]

    init(seed: UInt64) {
        generator = SplitMix64(seed: seed)
        let count = Int.random(in: 100_000...1_500_000, using: &generator)
        let first = UInt8.random(in: 0...255, using: &generator)
        content = (0..<count).map { UInt8(truncatingIfNeeded: $0 / 1000) &+ first }
        facts = ContentFacts(
            object: ObjectID(using: &generator), byteCount: UInt64(count), digest: Digest.of(seed))
        sources = (1...3).compactMap { NodeID("n\($0)") }
        for source in sources {
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: liars.insert(source)
            case 1: away.insert(source)
            default: break
            }
        }
    }

    var hasHonestSource: Bool { sources.contains { !liars.contains($0) && !away.contains($0) } }

    mutating func run() {
        var queue: [Pulls.Directive] = []
        pulls.want(facts, from: sources, now: now, into: &queue)
        for _ in 0..<20_000 where outcome == nil {
            if queue.isEmpty {
                guard let deadline = pulls.nextDeadline else { return }
                now = max(now, deadline)
                pulls.timePassed(now: now, into: &queue)
                continue
            }
            let directive = queue.removeFirst()
            perform(directive, &queue)
        }
    }

    private mutating func perform(_ directive: Pulls.Directive, _ queue: inout [Pulls.Directive]) {
        now += .milliseconds(1)
        switch directive {
        case .ask: preconditionFailure("it is large")
        case .fetch(let fetch): give(fetch, &queue)
        case .stop: break
        case .finish(let facts):
            pulls.finished(facts.object, isGood: file == content, now: now, into: &queue)
        case .discard: file = []
        case .wrong: break
        case .done(_, let outcome): self.outcome = outcome
        case .check: preconditionFailure("it is large")
        }
    }

    /// Some of it, or all, or nothing.
    private mutating func give(_ fetch: Pulls.Fetch, _ queue: inout [Pulls.Directive]) {
        // One in twenty is lost with its connection, or with the gateway.
        guard !away.contains(fetch.node), Int.random(in: 0..<20, using: &generator) != 0 else {
            if Bool.random(using: &generator) {
                pulls.fetchEnded(fetch.number, .broken, now: now, into: &queue)
            }
            return
        }
        precondition(Int(fetch.offset) == file.count, "in order")
        let isCutShort = Int.random(in: 0..<4, using: &generator) == 0
        let count = Int(fetch.end - fetch.offset)
        let given = isCutShort ? Int.random(in: 0...count, using: &generator) : count
        var bytes = Array(content[Int(fetch.offset)..<Int(fetch.offset) + given])
        if liars.contains(fetch.node), !bytes.isEmpty { bytes[0] &+= 1 }
        file += bytes
        pulls.progressed(fetch.number, upTo: UInt64(file.count), now: now)
        pulls.fetchEnded(
            fetch.number, isCutShort ? .broken : .complete, now: now, into: &queue)
    }
}

extension Digest {
    fileprivate static func of(_ number: UInt64) -> Digest {
        let bytes = (0..<32).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0 % 8))) }
        guard let digest = Digest(bytes: bytes) else { preconditionFailure("32 bytes") }
        return digest
    }
}
