import Model
import Testing

@testable import Reconciliation

struct Found: Hashable {
    var key: UInt64
    var mine: Fingerprint?
    var theirs: Fingerprint?
}

/// A session run to its end against a responder, every message encoded and decoded.
struct Conversation {
    var differences: [Found] = []
    var summary: ReconciliationSummary?
    var failure: ReconciliationFailure?
    var largestReply = 0

    /// - Parameter change: called after each round, to change either side.
    init<Source: ReconciliationSource>(
        _ mine: Source, _ theirs: Source, seed: UInt64 = 1,
        scope: ReconciliationScope = .shared(layouts: Bits128(high: 1, low: 2)),
        change: (inout Source, inout Source) -> Void = { _, _ in }
    ) throws {
        var mine = mine
        var theirs = theirs
        var random = SplitMix64(seed: seed)
        var session = ReconciliationSession(scope: scope, using: &random)
        var directives = session.start(sum: mine.sum(of: .whole).fingerprint)
        while !directives.isEmpty {
            let directive = directives.removeFirst()
            switch directive {
            case .send(let request):
                let bytes = request.encode()
                let decoded = try ReconciliationRequest(decoding: bytes.span.bytes)
                #expect(decoded == request)
                let reply = ReconciliationResponder.answer(decoded, from: theirs)
                let replyBytes = reply.encode()
                largestReply = max(largestReply, replyBytes.count)
                let decodedReply = try ReconciliationReply(decoding: replyBytes.span.bytes)
                #expect(decodedReply == reply)
                directives += session.replyReceived(
                    decodedReply, byteCount: replyBytes.count, source: mine)
                change(&mine, &theirs)
            case .difference(let key, let mine, let theirs):
                differences.append(Found(key: key, mine: mine, theirs: theirs))
            case .finished(let summary): self.summary = summary
            case .failed(let failure): self.failure = failure
            }
        }
        #expect(session.hasEnded)
    }

    var byteCount: Int { (summary?.bytesSent ?? 0) + (summary?.bytesReceived ?? 0) }
}

/// Two sets with known differences.
struct Pair {
    var mine: SortedEntries
    var theirs: SortedEntries
    var differences: Set<Found> = []

    /// `shared` entries in both, and so many only here, only there, and changed.
    init(shared: Int, mine: Int, theirs: Int, changed: Int, seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let both = SortedEntries.random(shared, using: &random).sorted { $0.key < $1.key }
        self.init(shared: both, mine: mine, theirs: theirs, changed: changed, using: &random)
    }

    /// The million shared entries, which are made once.
    init(million seed: UInt64, mine: Int, theirs: Int, changed: Int) {
        var random = SplitMix64(seed: seed)
        self.init(
            shared: SortedEntries.million, mine: mine, theirs: theirs, changed: changed,
            using: &random)
    }

    init(
        shared: [ReconciliationItem], mine: Int, theirs: Int, changed: Int,
        using random: inout SplitMix64
    ) {
        var here: [ReconciliationItem] = []
        var there: [ReconciliationItem] = []
        for item in SortedEntries.random(mine, using: &random) {
            here.append(item)
            differences.insert(Found(key: item.key, mine: item.fingerprint))
        }
        for item in SortedEntries.random(theirs, using: &random) {
            there.append(item)
            differences.insert(Found(key: item.key, theirs: item.fingerprint))
        }
        for item in SortedEntries.random(changed, using: &random) {
            let other = Fingerprint(high: random.next(), low: random.next())
            here.append(item)
            there.append(ReconciliationItem(key: item.key, fingerprint: other))
            differences.insert(Found(key: item.key, mine: item.fingerprint, theirs: other))
        }
        self.mine = SortedEntries(sorted: shared, adding: here)
        self.theirs = SortedEntries(sorted: shared, adding: there)
    }
}
