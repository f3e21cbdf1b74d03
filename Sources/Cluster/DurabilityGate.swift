/// Lets a node go on with what its own disk has done before that is durable, and keeps it within the process
/// until it is.
///
/// A write takes some steps on the own disk, each decided by the answer to the one before. Were each answered
/// only when it is durable, a write would wait for as many syncs. So the disk may answer *ahead*: the node's
/// next step joins the same transaction, and all of them share one sync. Meanwhile nothing leaves the node that
/// it may say because of such an answer: no message, no answer to a client, and no question that readers of the
/// disk answer, who see what is durable. Short questions are the writer's meanwhile. A death in between takes the transaction
/// and the node's memory of it; nobody has heard of either. Answers come in the order of the changes, ahead or not:
/// the sums of partitions are made of their differences.
///
/// ```
///   disk: done, not durable ── ahead(n) ──▶ node ──▶ admit ─┬─ changes, short questions ──▶ own disk
///                                                           └─ all else ──▶ held ── durable(n) ──▶ out, in order
/// ```
package struct DurabilityGate: Sendable {
    /// With the number that has to be durable before.
    private var held: [(number: UInt64, directive: NodeDirective)] = []
    /// The last answer that came ahead, and the last that is known to be durable.
    private var ahead: UInt64 = 0
    private var durable: UInt64 = 0

    package init() {}

    /// Whether the node knows of something that is not durable.
    package var isClosed: Bool { ahead > durable }

    package var heldCount: Int { held.count }

    /// The node is about to hear an answer that becomes durable with this number.
    package mutating func isAhead(_ number: UInt64) {
        ahead = max(ahead, number)
    }

    /// What the node wants done.
    /// - Returns: false where it is held back; it comes from `isDurable` then. Messages beyond
    ///   `ClusterLimits.heldDirectivesMax` are lost.
    package mutating func admit(_ directive: NodeDirective) -> Bool {
        if !isClosed { return true }
        if case .storage(_, let request) = directive, request.changes || request.isShortQuestion {
            return true
        }
        // A message may be lost, as on any network; whoever waits for it asks again.
        if case .send = directive, held.count >= ClusterLimits.heldDirectivesMax { return false }
        held.append((ahead, directive))
        return false
    }

    /// - Returns: what waited for this alone, to be done before anything that the node says from here on.
    package mutating func isDurable(_ number: UInt64) -> [NodeDirective] {
        durable = max(durable, number)
        let count = held.firstIndex { $0.number > durable } ?? held.count
        guard count > 0 else { return [] }
        defer { held.removeFirst(count) }
        return held[..<count].map(\.directive)
    }
}
