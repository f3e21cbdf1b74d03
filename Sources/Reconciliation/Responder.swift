import Model

/// The answering side: it keeps nothing between requests.
package enum ReconciliationResponder {
    /// The answer to `request` from the entries of its scope.
    ///
    /// Bounded whatever is asked: the reply has at most
    /// `ReconciliationLimits.messageByteCountMax` bytes, and about `entriesPerReplyMax` entries are
    /// read for it; what is not answered the initiator asks again. A request that was not decoded
    /// but made must have ascending ranges that do not overlap.
    package static func answer(
        _ request: ReconciliationRequest, from source: some ReconciliationSource
    ) -> ReconciliationReply {
        let salt = SessionSalt(request.salt)
        let body: ReconciliationReply.Body
        switch request.body {
        case .compare(let theirs):
            let mine = source.sum(of: .whole).fingerprint
            if mine == theirs {
                body = .equal
            } else {
                let bits = ReconciliationLimits.childBitsMax
                var read = 0
                let parts = parts(of: .whole, bits: bits, source, salt, &read)
                body = .unequal(mine, bits: bits, parts)
            }
        case .ask(let questions): body = .answers(answers(questions, source, salt))
        }
        return ReconciliationReply(salt: request.salt, round: request.round, body: body)
    }

    private static func answers(
        _ questions: [RangeQuestion], _ source: some ReconciliationSource, _ salt: SessionSalt
    ) -> [RangeAnswer] {
        var answers: [RangeAnswer] = []
        var byteCount = headerByteCount
        var read = 0
        for question in questions {
            guard
                byteCount + largestAnswer(to: question) <= ReconciliationLimits.messageByteCountMax,
                read < ReconciliationLimits.entriesPerReplyMax
            else { break }
            let answer =
                switch question.kind {
                case .divide(let bits):
                    RangeAnswer.parts(
                        bits: bits, parts(of: question.range, bits: bits, source, salt, &read))
                case .list(let listed):
                    differences(question.range, listed, source, salt, &read)
                }
            byteCount += answer.byteCountMax
            answers.append(answer)
        }
        return answers
    }

    /// The short sums of all parts but the last.
    private static func parts(
        of range: KeyRange, bits: Int, _ source: some ReconciliationSource, _ salt: SessionSalt,
        _ read: inout Int
    ) -> [UInt32] {
        (0..<1 << bits - 1).map { index in
            let part = range.child(index, bits: bits)
            let sum = source.sum(of: part)
            // Sums of whole partitions are kept; those within one are added up from its entries.
            if part.bitCount > 16 { read += sum.count }
            return salt.short(sum.fingerprint)
        }
    }

    private static func differences(
        _ range: KeyRange, _ listed: [UInt32], _ source: some ReconciliationSource,
        _ salt: SessionSalt, _ read: inout Int
    ) -> RangeAnswer {
        let items = source.items(in: range, limit: ReconciliationLimits.itemsPerRangeMax + 1)
        // A range of one key cannot be divided, and has one item.
        let bits = min(ReconciliationLimits.childBitsForLongLists, 64 - range.bitCount)
        read += items.count
        if items.count > ReconciliationLimits.itemsPerRangeMax, bits > 0 {
            return .parts(bits: bits, parts(of: range, bits: bits, source, salt, &read))
        }
        let sorted = listed.enumerated().sorted { $0.element < $1.element }
        var isKnown = Array(repeating: false, count: listed.count)
        var unlisted: [ReconciliationItem] = []
        for item in items.prefix(ReconciliationLimits.itemsPerRangeMax) {
            let short = salt.short(item)
            var low = 0
            var high = sorted.count
            while low < high {
                let middle = (low + high) / 2
                if sorted[middle].element < short { low = middle + 1 } else { high = middle }
            }
            if low < sorted.count, sorted[low].element == short {
                isKnown[sorted[low].offset] = true
            } else {
                unlisted.append(item)
            }
        }
        let missing = isKnown.indices.filter { !isKnown[$0] }.map { UInt8($0) }
        return .differences(missing: missing, items: unlisted)
    }

    /// Version, salt, round and tag; rounded up.
    private static let headerByteCount = 16

    private static func largestAnswer(to question: RangeQuestion) -> Int {
        switch question.kind {
        case .divide(let bits): 3 << bits
        case .list(let items): 8 + items.count + 24 * ReconciliationLimits.itemsPerRangeMax
        }
    }
}

extension RangeAnswer {
    /// The encoded size, with a run of its own.
    fileprivate var byteCountMax: Int {
        switch self {
        case .parts(_, let parts): 4 + 3 * parts.count
        case .differences(let missing, let items): 8 + missing.count + 24 * items.count
        }
    }
}
