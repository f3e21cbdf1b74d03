package import Model

/// Reads one page of a directory from its holders and joins what they know of each name.
package struct ListOperation: Sendable {
    package enum Outcome: Sendable {
        case waiting
        /// `more`: the page ended before the directory did.
        case page([KeyedEntry], exists: Bool, more: Bool)
        case failed
    }

    private let limit: Int
    private let policy: WritePolicy
    package private(set) var nextDeadline: Duration
    private let giveUpAt: Duration
    private let targets: Targets
    /// Whether a holder is among those that answered; stand-ins cannot say what is not there.
    private var hasHolder = false
    private var isLate = false
    private var tally: Tally
    private var open: [NodeID] = []
    private var pages: [(entries: [KeyedEntry], existence: Existence, more: Bool)] = []
    package private(set) var outcome = Outcome.waiting

    package init(
        _ directory: StorePath, after: [UInt8]?, limit: Int, targets: Targets, policy: WritePolicy,
        time: CoordinatorTime, isReachable: (NodeID) -> Bool,
        into directives: inout [CoordinatorDirective]
    ) {
        self.limit = limit
        self.policy = policy
        self.targets = targets
        nextDeadline = time.now + ReplicationLimits.readTimeout
        giveUpAt = time.now + ReplicationLimits.holderTimeout
        tally = Tally(targets)
        for target in targets.holders + (policy == .available ? targets.handOffs : [])
        where isReachable(target.node) && !open.contains(target.node) {
            open.append(target.node)
            directives.append(
                .ask(
                    target.node, .list(directory, after: after, limit: limit, withGone: true),
                    round: 0))
        }
        if open.isEmpty { outcome = .failed }
    }

    package mutating func answered(_ reply: ReplicaReply, by target: Target) {
        guard case .waiting = outcome else { return }
        open.removeAll { $0 == target.node }
        if case .listing(let entries, let existence, let more) = reply {
            pages.append((entries, existence, more))
            if targets.isHolder(target.node) { hasHolder = true }
            tally.count(target)
        }
        progress()
    }

    package mutating func unanswered(by node: NodeID) {
        open.removeAll { $0 == node }
        progress()
    }

    package mutating func timePassed(_ time: CoordinatorTime) {
        guard time.now >= nextDeadline else { return }
        if policy == .available, !hasHolder, time.now < giveUpAt {
            nextDeadline = giveUpAt
            isLate = true
            return
        }
        open = []
        progress()
    }

    private mutating func progress() {
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
        outcome = join()
    }

    /// A page that was cut off says nothing of the names behind its last one: the joined page ends
    /// at the first such end.
    private func join() -> Outcome {
        let end = pages.filter(\.more).compactMap { $0.entries.last?.key.name }
            .min { $0.lexicographicallyPrecedes($1) }
        var names: [[UInt8]: DirectoryEntry] = [:]
        for page in pages {
            for entry in page.entries { names[entry.key.name, default: .init()].merge(entry.entry) }
        }
        guard let directory = pages.lazy.compactMap({ $0.entries.first?.key.directory }).first
        else {
            return .page([], exists: pages.contains { $0.existence.exists }, more: false)
        }
        let joined = names.keys.sorted { $0.lexicographicallyPrecedes($1) }
            .filter { name in end.map { !$0.lexicographicallyPrecedes(name) } ?? true }
        var result: [KeyedEntry] = []
        for name in joined {
            guard let entry = names[name], entry.isLive, result.count < limit else { continue }
            result.append(
                KeyedEntry(key: EntryKey(directory: directory, name: name), entry: entry))
        }
        let exists = pages.contains { $0.existence.isMarked } || !result.isEmpty
        return .page(result, exists: exists, more: end != nil || result.count == limit)
    }
}
