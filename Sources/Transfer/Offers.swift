package import Model

/// Large contents that are offered to the nodes that are about to hold them, so that they are there
/// before the version that names them is: the brains wait a second for a holder, not for its network.
///
/// An offer ends when every node has answered, or was silent for too long (for less where enough have it);
/// a node that pulls is not silent.
package struct Offers: Sendable {
    package enum Directive: Hashable, Sendable {
        case offer(ContentFacts, home: Partition?, to: NodeID)
        /// Everybody answered, or will not: these have it.
        case done(ObjectID, holding: [NodeID])
    }

    private struct Offer: Sendable {
        /// Who has not answered.
        struct Open: Sendable {
            /// When it was heard of, or asked.
            var last: Duration
            var isPulling = false
        }

        let facts: ContentFacts
        let home: Partition?
        var open: [NodeID: Open]
        /// So many are waited for in any case.
        let enough: Int
        var holding: [NodeID] = []
        /// When these were reminded of it last.
        var reminded: Duration

        var nextReminder: Duration { reminded + TransferLimits.offerReminderInterval }

        /// What they have for this version they keep a little longer.
        func remind(_ directives: inout [Directive]) {
            for node in holding { directives.append(.offer(facts, home: home, to: node)) }
        }

        /// When a node was silent for too long.
        func deadline(of open: Open) -> Duration {
            guard holding.count >= enough else { return open.last + TransferLimits.offerSilenceMax }
            return open.last
                + (open.isPulling
                    ? TransferLimits.offerPatiencePulling : TransferLimits.offerPatience)
        }
    }

    private var offers: [ObjectID: Offer] = [:]

    package init() {}

    package var count: Int { offers.count }

    package var nextDeadline: Duration? {
        offers.values.lazy.compactMap { offer in
            offer.open.values.lazy.map { offer.deadline(of: $0) }.min().map { deadline in
                offer.holding.isEmpty ? deadline : min(deadline, offer.nextReminder)
            }
        }.min()
    }

    /// - Parameters:
    ///   - nodes: without this one.
    ///   - enough: how many of them a write needs.
    ///   - home: whose holders have it, where it need not be this node.
    package mutating func begin(
        _ facts: ContentFacts, home: Partition? = nil, to nodes: [NodeID], enough: Int,
        now: Duration, into directives: inout [Directive]
    ) {
        guard !nodes.isEmpty else { return directives.append(.done(facts.object, holding: [])) }
        offers[facts.object] = Offer(
            facts: facts, home: home,
            open: Dictionary(
                nodes.map { ($0, Offer.Open(last: now)) }, uniquingKeysWith: { first, _ in first }),
            enough: enough, reminded: now)
        for node in nodes { directives.append(.offer(facts, home: home, to: node)) }
    }

    /// The node asked for it, or said that it pulls it.
    package mutating func asked(_ object: ObjectID, by node: NodeID, now: Duration) {
        guard offers[object]?.open[node] != nil else { return }
        offers[object]?.open[node] = .init(last: now, isPulling: true)
    }

    package mutating func answered(
        _ object: ObjectID, by node: NodeID, holds: Bool, into directives: inout [Directive]
    ) {
        guard offers[object]?.open.removeValue(forKey: node) != nil else { return }
        if holds { offers[object]?.holding.append(node) }
        endIfDone(object, &directives)
    }

    /// The node is away, or lives anew and knows of no offer: it will not answer.
    package mutating func left(_ node: NodeID, into directives: inout [Directive]) {
        for object in offers.keys.sorted() {
            guard offers[object]?.open.removeValue(forKey: node) != nil else { continue }
            endIfDone(object, &directives)
        }
    }

    package mutating func timePassed(now: Duration, into directives: inout [Directive]) {
        for object in offers.keys.sorted() {
            guard var offer = offers[object] else { continue }
            offer.open = offer.open.filter { offer.deadline(of: $0.value) > now }
            if now >= offer.nextReminder {
                offer.reminded = now
                if !offer.open.isEmpty { offer.remind(&directives) }
            }
            offers[object] = offer
            endIfDone(object, &directives)
        }
    }

    private mutating func endIfDone(_ object: ObjectID, _ directives: inout [Directive]) {
        guard let offer = offers[object], offer.open.isEmpty else { return }
        offers[object] = nil
        directives.append(.done(object, holding: offer.holding.sorted()))
    }
}
