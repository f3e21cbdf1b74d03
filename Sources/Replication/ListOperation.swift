package import Model

/// Reads a page of a directory from its holders and joins what they know of each name.
///
/// Holders also tell the names that are gone, for one of them may be behind; so a page of theirs may
/// hold fewer names that are there than were asked for, or none. Then the next one is asked for,
/// until the client's page is full or the directory ends.
package struct ListOperation: Sendable {
    package enum Outcome: Sendable {
        case waiting
        /// `next`: the name after which the directory goes on; nil at its end.
        case page([KeyedEntry], exists: Bool, next: [UInt8]?)
        case failed
    }

    private let directory: StorePath
    private let limit: Int
    private let policy: WritePolicy
    package private(set) var nextDeadline: Duration
    private var giveUpAt: Duration
    private let targets: Targets
    private let asked: [Target]
    private var round: UInt32 = 0
    private var after: [UInt8]?
    /// Whether the client has seen names before these.
    private let isContinued: Bool
    /// Whether a holder is among those that answered; stand-ins cannot say what is not there.
    private var hasHolder = false
    private var isLate = false
    private var tally: Tally
    private var open: [NodeID] = []
    private var pages: [(entries: [KeyedEntry], existence: Existence, more: Bool)] = []
    private var found: [KeyedEntry] = []
    /// Of the mark, what the holder says that knows its latest change.
    private var mark: (isThere: Bool, rank: Rank)?
    package private(set) var outcome = Outcome.waiting

    package init(
        _ directory: StorePath, after: [UInt8]?, limit: Int, targets: Targets, policy: WritePolicy,
        time: CoordinatorTime, isReachable: (NodeID) -> Bool,
        into directives: inout [CoordinatorDirective]
    ) {
        self.directory = directory
        self.limit = limit
        self.policy = policy
        self.targets = targets
        self.after = after
        isContinued = after != nil
        nextDeadline = time.now
        giveUpAt = time.now
        tally = Tally(targets)
        var asked: [Target] = []
        for target in targets.holders + (policy == .available ? targets.handOffs : [])
        where isReachable(target.node) && !asked.contains(where: { $0.node == target.node }) {
            asked.append(target)
        }
        self.asked = asked
        guard policy == .available || targets.mayHaveMajority(where: isReachable) else {
            outcome = .failed
            return
        }
        ask(time, &directives)
        if open.isEmpty { outcome = .failed }
    }

    private mutating func ask(
        _ time: CoordinatorTime, _ directives: inout [CoordinatorDirective]
    ) {
        nextDeadline = time.now + ReplicationLimits.readTimeout
        giveUpAt = time.now + ReplicationLimits.holderTimeout
        tally = Tally(targets)
        pages = []
        hasHolder = false
        isLate = false
        open = asked.map(\.node)
        let count = max(
            limit,
            limit == 1 && round == 0
                ? ReplicationLimits.existenceCountMin : ReplicationLimits.pageCountMin)
        for node in open {
            directives.append(
                .ask(
                    node, .list(directory, after: after, limit: count, withGone: true),
                    round: round))
        }
    }

    package mutating func answered(
        _ reply: ReplicaReply, by target: Target, round: UInt32, _ time: CoordinatorTime,
        into directives: inout [CoordinatorDirective]
    ) {
        guard case .waiting = outcome, round == self.round else { return }
        open.removeAll { $0 == target.node }
        if case .listing(let entries, let existence, let more) = reply {
            pages.append((entries, existence, more))
            if targets.isHolder(target.node) { hasHolder = true }
            tally.count(target)
        }
        progress(time, &directives)
    }

    package mutating func unanswered(
        by node: NodeID, round: UInt32, _ time: CoordinatorTime,
        into directives: inout [CoordinatorDirective]
    ) {
        guard round == self.round else { return }
        open.removeAll { $0 == node }
        progress(time, &directives)
    }

    package mutating func timePassed(
        _ time: CoordinatorTime, into directives: inout [CoordinatorDirective]
    ) {
        guard time.now >= nextDeadline else { return }
        if policy == .available, !hasHolder, time.now < giveUpAt {
            nextDeadline = giveUpAt
            isLate = true
            return
        }
        open = []
        progress(time, &directives)
    }

    private mutating func progress(
        _ time: CoordinatorTime, _ directives: inout [CoordinatorDirective]
    ) {
        guard case .waiting = outcome else { return }
        switch policy {
        case .majority:
            guard tally.hasMajority else {
                if open.isEmpty { outcome = .failed }
                return
            }
        case .available:
            guard open.isEmpty || (isLate && hasHolder) else { return }
            guard hasHolder else {
                outcome = .failed
                return
            }
        }
        join(time, &directives)
    }

    /// A page that was cut off says nothing of the names behind its last one: the joined page ends
    /// at the first such end.
    private mutating func join(
        _ time: CoordinatorTime, _ directives: inout [CoordinatorDirective]
    ) {
        let end = pages.filter(\.more).compactMap { $0.entries.last?.key.name }
            .min { $0.lexicographicallyPrecedes($1) }
        var names: [[UInt8]: DirectoryEntry] = [:]
        for page in pages {
            if let rank = page.existence.markRank, mark.map({ $0.rank < rank }) ?? true {
                mark = (page.existence.isMarked, rank)
            }
            for entry in page.entries { names[entry.key.name, default: .init()].merge(entry.entry) }
        }
        let joined = names.keys.sorted { $0.lexicographicallyPrecedes($1) }
            .filter { name in end.map { !$0.lexicographicallyPrecedes(name) } ?? true }
        for name in joined where found.count < limit {
            guard let entry = names[name], entry.isLive else { continue }
            found.append(
                KeyedEntry(key: EntryKey(directory: directory, name: name), entry: entry))
        }
        if let last = found.last, found.count >= limit {
            let isEnd = end == nil && joined.last == last.key.name
            outcome = .page(found, exists: true, next: isEnd ? nil : last.key.name)
        } else if let end {
            after = end
            round += 1
            ask(time, &directives)
        } else {
            // Behind the last name there is nothing left of a directory that is there all the same.
            let isThere = isContinued && pages.contains { $0.existence.exists }
            outcome = .page(
                found, exists: mark?.isThere == true || !found.isEmpty || isThere,
                next: nil)
        }
    }
}
