package import Model

/// What a session wants done.
package enum ReconciliationDirective: Hashable, Sendable {
    case send(ReconciliationRequest)
    /// The two sides differ, or differed a moment ago, in the entries of this key. Nil: none.
    case difference(key: UInt64, mine: Fingerprint?, theirs: Fingerprint?)
    /// The last directive of a session that went well.
    case finished(ReconciliationSummary)
    /// The last directive of one that did not.
    case failed(ReconciliationFailure)
}

/// What a session did and cost.
package struct ReconciliationSummary: Hashable, Sendable {
    package var rounds = 0
    package var bytesSent = 0
    package var bytesReceived = 0
    package var differences = 0
    /// False where a limit ended the session first: another one finds the rest.
    package var isComplete = false
}

package enum ReconciliationFailure: Hashable, Sendable {
    /// The peer means another scope: layouts are to be settled first.
    case unknownScope
    /// The peer's reply is no answer to the request.
    case malformed
}

/// The asking side of one comparison of two nodes' entries: it compares one sum, then narrows
/// where the sums differ by ranges of keys, in few rounds while few differ and in few bytes when
/// many do, and lists what is left (range-based set reconciliation: Meyer 2022).
///
/// ```
///  start ─compare─▶ equal ─▶ finished
///            │ unequal
///            ▼
///  divide or list the first ranges ◀─┐
///            │ answers               │ ranges left
///            ▼                       │
///  differences, smaller ranges ──────┘
/// ```
/// Each round divides a range or is done with it, so a session ends even while both sides change.
/// Rounds, bytes and differences are bounded; the lowest keys come first. Where no reply comes, the
/// session is given up, and a later one finds what it would have found.
package struct ReconciliationSession: Sendable {
    /// A range in which the sums differed.
    private struct Pending {
        var range: KeyRange
        /// The peer's short sum, for deriving that of its last part.
        var theirs: UInt32
        /// Own entries when it was compared.
        var count: Int
    }

    /// A question under way, with what is needed to read its answer.
    private struct Asked {
        var pending: Pending
        /// What was listed, in that order.
        var items: [ReconciliationItem]?
    }

    private enum State {
        case idle
        case waiting(ReconciliationRequest, [Asked])
        case ended
    }

    private let scope: ReconciliationScope
    private let saltValue: UInt64
    private let salt: SessionSalt
    private var state = State.idle
    /// By descending key, so that the lowest is taken from the end.
    private var pending: [Pending] = []
    package private(set) var summary = ReconciliationSummary()

    package init(scope: ReconciliationScope, using generator: inout some RandomNumberGenerator) {
        self.scope = scope
        saltValue = generator.next()
        salt = SessionSalt(saltValue)
    }

    package var hasEnded: Bool { if case .ended = state { true } else { false } }

    /// Begins; once.
    ///
    /// - Parameter sum: the own sum over the scope.
    package mutating func start(sum: Fingerprint) -> [ReconciliationDirective] {
        guard case .idle = state else { preconditionFailure("a session that runs was started") }
        return [send(.compare(sum), [])]
    }

    /// A reply came; one that is late or of another session changes nothing.
    ///
    /// - Parameter byteCount: its size as it was received, for the session's account.
    package mutating func replyReceived(
        _ reply: ReconciliationReply, byteCount: Int, source: some ReconciliationSource
    ) -> [ReconciliationDirective] {
        guard case .waiting(let request, let asked) = state, reply.salt == saltValue,
            reply.round == request.round
        else { return [] }
        summary.bytesReceived += byteCount
        var directives: [ReconciliationDirective] = []
        switch reply.body {
        case .equal:
            guard case .compare = request.body else { return [fail(.malformed)] }
        case .unknownScope: return [fail(.unknownScope)]
        case .unequal(let sum, let bits, let parts):
            guard case .compare = request.body else { return [fail(.malformed)] }
            let whole = Pending(range: .whole, theirs: salt.short(sum), count: 0)
            var smaller: [Pending] = []
            guard divide(whole, bits: bits, parts, source, &smaller) else {
                return [fail(.malformed)]
            }
            pending = smaller.reversed()
        case .answers(let answers):
            guard !answers.isEmpty, answers.count <= asked.count else {
                return [fail(.malformed)]
            }
            var smaller: [Pending] = []
            for (asked, answer) in zip(asked, answers) {
                guard take(answer, to: asked, source, &smaller, &directives) else {
                    return directives + [fail(.malformed)]
                }
            }
            smaller += asked.dropFirst(answers.count).map(\.pending)
            pending += smaller.reversed()
        }
        directives.append(goOn(source))
        return directives
    }

    // MARK: Answers

    /// Compares the parts of a range; those that differ go to `smaller`.
    private func divide(
        _ range: Pending, bits: Int, _ parts: [UInt32], _ source: some ReconciliationSource,
        _ smaller: inout [Pending]
    ) -> Bool {
        guard isChildBits(bits, below: range.range.bitCount), parts.count == 1 << bits - 1 else {
            return false
        }
        let last = SessionSalt.cut(parts.reduce(range.theirs) { $0 &- $1 })
        for (index, theirs) in (parts + [last]).enumerated() {
            let part = range.range.child(index, bits: bits)
            let mine = source.sum(of: part)
            if salt.short(mine.fingerprint) != theirs {
                smaller.append(Pending(range: part, theirs: theirs, count: mine.count))
            }
        }
        return true
    }

    /// - Returns: whether `answer` can be one to the question.
    private mutating func take(
        _ answer: RangeAnswer, to asked: Asked, _ source: some ReconciliationSource,
        _ smaller: inout [Pending], _ directives: inout [ReconciliationDirective]
    ) -> Bool {
        switch answer {
        case .parts(let bits, let parts):
            return divide(asked.pending, bits: bits, parts, source, &smaller)
        case .differences(let missing, let theirs):
            guard let listed = asked.items, missing.allSatisfy({ Int($0) < listed.count }),
                theirs.allSatisfy({ asked.pending.range.keys.contains($0.key) })
            else { return false }
            let mine = missing.map { listed[Int($0)] }
            merge(mine, theirs, &directives)
            return true
        }
    }

    /// Joins what each side lacks by key; both are sorted by it.
    private mutating func merge(
        _ mine: [ReconciliationItem], _ theirs: [ReconciliationItem],
        _ directives: inout [ReconciliationDirective]
    ) {
        var m = 0
        var t = 0
        while m < mine.count || t < theirs.count,
            summary.differences < ReconciliationLimits.differencesMax
        {
            let mineKey = m < mine.count ? mine[m].key : .max
            let theirKey = t < theirs.count ? theirs[t].key : .max
            let key = min(mineKey, theirKey)
            let hasMine = m < mine.count && mineKey == key
            let hasTheirs = t < theirs.count && theirKey == key
            directives.append(
                .difference(
                    key: key, mine: hasMine ? mine[m].fingerprint : nil,
                    theirs: hasTheirs ? theirs[t].fingerprint : nil))
            if hasMine { m += 1 }
            if hasTheirs { t += 1 }
            summary.differences += 1
        }
    }

    // MARK: Questions

    /// The next request, or the end.
    private mutating func goOn(
        _ source: some ReconciliationSource
    ) -> ReconciliationDirective {
        let isOverLimit =
            summary.differences >= ReconciliationLimits.differencesMax
            || summary.rounds >= ReconciliationLimits.roundsMax
            || summary.bytesSent + summary.bytesReceived
                >= ReconciliationLimits.sessionByteCountMax
        if pending.isEmpty || isOverLimit {
            summary.isComplete = !isOverLimit
            state = .ended
            return .finished(summary)
        }
        let count = min(pending.count, ReconciliationLimits.rangesPerRequestMax)
        let listMax = min(
            max(
                ReconciliationLimits.listedPerManyRanges,
                ReconciliationLimits.listedPerRequest / count),
            ReconciliationLimits.listedPerRangeMax)
        let parts = max(1, ReconciliationLimits.childrenPerRequest / count)
        let bits = min(
            max(parts.bitWidth - 1 - parts.leadingZeroBitCount, ReconciliationLimits.childBitsMin),
            ReconciliationLimits.childBitsMax)
        var questions: [RangeQuestion] = []
        var asked: [Asked] = []
        for _ in 0..<count {
            let next = pending.removeLast()
            var items: [ReconciliationItem]?
            if next.count <= listMax || next.range.bitCount == 64 {
                items = source.items(in: next.range, limit: listMax + 1)
            }
            // It may have grown since it was compared.
            if let listed = items, listed.count > listMax { items = nil }
            let kind: RangeQuestion.Kind =
                if let items {
                    .list(items.map { salt.short($0) })
                } else {
                    .divide(bits: min(bits, 64 - next.range.bitCount))
                }
            questions.append(RangeQuestion(range: next.range, kind: kind))
            asked.append(Asked(pending: next, items: items))
        }
        return send(.ask(questions), asked)
    }

    private mutating func send(
        _ body: ReconciliationRequest.Body, _ asked: [Asked]
    ) -> ReconciliationDirective {
        let request = ReconciliationRequest(
            salt: saltValue, round: UInt16(summary.rounds), scope: scope, body: body)
        state = .waiting(request, asked)
        summary.rounds += 1
        summary.bytesSent += request.encode().count
        return .send(request)
    }

    private mutating func fail(_ failure: ReconciliationFailure) -> ReconciliationDirective {
        state = .ended
        pending = []
        return .failed(failure)
    }
}
