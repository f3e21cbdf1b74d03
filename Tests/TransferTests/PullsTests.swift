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

    private let piece = UInt64(TransferLimits.pieceByteCount)

    @Test func aSmallContentIsOneQuestion() {
        var pulls = Pulls()
        var out: [Pulls.Directive] = []
        let small = facts(1000)
        pulls.want(small, from: [Self.a], now: .zero, into: &out)
        #expect(out == [.ask(Self.a, small.object, offset: 0, byteCount: 1000)])
        out = []
        let bytes = [UInt8](repeating: 7, count: 1000)
        pulls.pieceReceived(
            small.object, offset: 0, bytes: bytes, from: Self.a, now: .zero, into: &out)
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
        #expect(out == [.ask(Self.a, empty.object, offset: 0, byteCount: 1)])
        out = []
        pulls.pieceReceived(
            empty.object, offset: 0, bytes: [], from: Self.a, now: .zero, into: &out)
        #expect(out == [.check(empty, [])])
    }

    @Test func aLargeContentHasAWindowInMemory() {
        var pulls = Pulls()
        var out: [Pulls.Directive] = []
        let large = facts(piece * 100)
        pulls.want(large, from: [Self.a], now: .zero, into: &out)
        #expect(out.count == TransferLimits.windowPieceCount)
        out = []
        let bytes = [UInt8](repeating: 1, count: Int(piece))
        // What came and is not written counts: a slow disk slows the network down.
        pulls.pieceReceived(
            large.object, offset: 0, bytes: bytes, from: Self.a, now: .zero, into: &out)
        #expect(out == [.write(large.object, offset: 0, bytes)])
        out = []
        pulls.written(large.object, upTo: piece, into: &out)
        #expect(
            out == [
                .ask(
                    Self.a, large.object,
                    offset: piece * UInt64(TransferLimits.windowPieceCount),
                    byteCount: UInt32(piece))
            ])
    }

    @Test func aSilentSourceIsLeftWhereItStopped() {
        var pulls = Pulls()
        var out: [Pulls.Directive] = []
        let large = facts(piece * 10)
        pulls.want(large, from: [Self.a, Self.b], now: .zero, into: &out)
        let bytes = [UInt8](repeating: 1, count: Int(piece))
        pulls.pieceReceived(
            large.object, offset: 0, bytes: bytes, from: Self.a, now: .seconds(1), into: &out)
        pulls.written(large.object, upTo: piece, into: &out)
        out = []
        pulls.timePassed(now: .seconds(1) + TransferLimits.silenceMax, into: &out)
        #expect(out.first == .ask(Self.b, large.object, offset: piece, byteCount: UInt32(piece)))
        // The first one's late answer is as good, and nothing is written twice.
        out = []
        for source in [Self.a, Self.b] {
            pulls.pieceReceived(
                large.object, offset: piece, bytes: bytes, from: source, now: .seconds(5),
                into: &out)
        }
        #expect(out.count { if case .write = $0 { true } else { false } } == 1)
    }

    @Test func wrongBytesAreThrownAwayAndOthersAsked() {
        var pulls = Pulls()
        var out: [Pulls.Directive] = []
        let small = facts(3)
        pulls.want(small, from: [Self.a, Self.b], now: .zero, into: &out)
        pulls.pieceReceived(
            small.object, offset: 0, bytes: [9, 9, 9], from: Self.a, now: .zero, into: &out)
        out = []
        pulls.finished(small.object, isGood: false, now: .zero, into: &out)
        #expect(out == [.ask(Self.b, small.object, offset: 0, byteCount: 3)])
        out = []
        pulls.pieceReceived(
            small.object, offset: 0, bytes: [8, 8, 8], from: Self.b, now: .zero, into: &out)
        pulls.finished(small.object, isGood: false, now: .zero, into: &out)
        #expect(out.last == .done(small.object, .nobody))
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
        #expect(out == [.ask(Self.a, small.object, offset: 0, byteCount: 3)])
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
                case .ask(let node, let object, let offset, _):
                    pulls.pieceReceived(
                        object, offset: offset, bytes: [1], from: node, now: .zero, into: &out)
                case .check(let facts, _):
                    pulls.finished(facts.object, isGood: true, now: .zero, into: &out)
                case .done(let object, .small): done.insert(object)
                case .done, .write, .finish, .discard: Issue.record("\(directive)")
                }
            }
            #expect(pulls.activeCount <= TransferLimits.pullsMax)
        }
        #expect(done.count == 100)
    }

    @Test func aFullDiskEndsThePull() {
        var pulls = Pulls()
        var out: [Pulls.Directive] = []
        let large = facts(piece * 4)
        pulls.want(large, from: [Self.a], now: .zero, into: &out)
        out = []
        pulls.writeFailed(large.object, now: .zero, into: &out)
        #expect(out == [.discard(large.object), .done(large.object, .refused)])
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
        case .ask(let node, let object, let offset, let count):
            // One in twenty is lost with its connection.
            guard !away.contains(node), Int.random(in: 0..<20, using: &generator) != 0 else {
                return
            }
            let end = min(content.count, Int(offset) + Int(count))
            var bytes = Array(content[Int(offset)..<end])
            if liars.contains(node) { bytes[0] &+= 1 }
            for _ in 0...Int.random(in: 0...1, using: &generator) {
                pulls.pieceReceived(
                    object, offset: offset, bytes: bytes, from: node, now: now, into: &queue)
            }
        case .write(let object, let offset, let bytes):
            precondition(Int(offset) == file.count, "in order")
            file += bytes
            pulls.written(object, upTo: UInt64(file.count), into: &queue)
        case .finish(let facts):
            pulls.finished(facts.object, isGood: file == content, now: now, into: &queue)
        case .discard: file = []
        case .done(_, let outcome): self.outcome = outcome
        case .check: preconditionFailure("it is large")
        }
    }
}

extension Digest {
    fileprivate static func of(_ number: UInt64) -> Digest {
        let bytes = (0..<32).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0 % 8))) }
        guard let digest = Digest(bytes: bytes) else { preconditionFailure("32 bytes") }
        return digest
    }
}
