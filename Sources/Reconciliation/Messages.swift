package import Model

/// What two nodes compare. Both must mean the same partitions by it.
package enum ReconciliationScope: Hashable, Sendable {
    /// The partitions that both hold under the layouts in use, named by a digest of these.
    case shared(layouts: Bits128)
    case partitions(PartitionSet)
}

/// What the initiator asks of one range.
package struct RangeQuestion: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// The short sums of its 2^`bits` parts.
        case divide(bits: Int)
        /// The items that are not in this list of short items, and which of it are unknown.
        case list([UInt32])
    }

    package var range: KeyRange
    package var kind: Kind
}

/// A request of a session. An answer needs nothing but the request.
package struct ReconciliationRequest: Hashable, Sendable {
    package enum Body: Hashable, Sendable {
        /// Is this your sum over the scope too?
        case compare(Fingerprint)
        /// By ascending key, none overlapping another.
        case ask([RangeQuestion])
    }

    /// Random, one a session: it names the session and shortens its sums.
    package var salt: UInt64
    /// Counts the session's requests from 0.
    package var round: UInt16
    package var scope: ReconciliationScope
    package var body: Body
}

/// What the responder says of one range.
package enum RangeAnswer: Hashable, Sendable {
    /// The short sums of its 2^`bits` parts without the last, which the initiator derives. Also
    /// the answer to a list where the responder has too many items for one.
    case parts(bits: Int, [UInt32])
    /// The places in the list that the responder lacks, and its items that the list lacks.
    case differences(missing: [UInt8], items: [ReconciliationItem])
}

/// The answer to a request.
package struct ReconciliationReply: Hashable, Sendable {
    package enum Body: Hashable, Sendable {
        /// The sums are equal.
        case equal
        /// They are not: the responder's own, and short sums of 2^`bits` parts without the last.
        case unequal(Fingerprint, bits: Int, [UInt32])
        /// Of the first questions, at least one; the others are to be asked again.
        case answers([RangeAnswer])
        /// The responder does not know the scope: its layouts are others.
        case unknownScope
    }

    package var salt: UInt64
    package var round: UInt16
    package var body: Body

    /// The reply of a responder that has no such scope.
    package static func unknownScope(to request: ReconciliationRequest) -> ReconciliationReply {
        ReconciliationReply(salt: request.salt, round: request.round, body: .unknownScope)
    }
}
