package import Model

/// Makes the entries of a change durable at the holders of the directory, and of its parents as
/// far up as directories came or went by it.
package struct EntryWriter: Sendable {
    package enum Outcome: Equatable, Sendable { case waiting, done, failed }

    private var key: EntryKey
    private var entry: DirectoryEntry
    private var copies: CopySet
    private var round: UInt32
    /// What the directory itself became, if that changed at any holder.
    private var change: Existence?
    /// Whether any holder says that the directory is there.
    private var isThere = false
    private let policy: WritePolicy

    package init(
        _ item: KeyedEntry, at targets: Targets, policy: WritePolicy, round: UInt32,
        isReachable: (NodeID) -> Bool, into directives: inout [CoordinatorDirective]
    ) {
        key = item.key
        entry = item.entry
        self.policy = policy
        self.round = round
        copies = CopySet(targets, policy: policy, isReachable: isReachable)
        if !copies.isHopeless { ask(&directives) }
    }

    /// The next entry up, once this one is durable: the directory came or went by it. Where it went at
    /// one holder, and is there at another, either may be behind: the outbox tells it when they agree.
    package var next: KeyedEntry? {
        guard let change, change.exists || !isThere, let rank = change.rank,
            let key = EntryKey(of: key.directory)
        else { return nil }
        return KeyedEntry(
            key: key,
            entry: DirectoryEntry(directory: .init(rank: rank, exists: change.exists)))
    }

    package mutating func answered(
        _ reply: ReplicaReply, by target: Target, round: UInt32,
        into directives: inout [CoordinatorDirective]
    ) -> Outcome {
        guard round == self.round else { return outcome }
        switch reply {
        case .entry(_, let existence):
            copies.done(target)
            if existence.exists { isThere = true }
            if existence.hasChanged, existence.exists || change?.exists != true {
                change = existence
            }
        default: copies.failed(target.node)
        }
        ask(&directives)
        return outcome
    }

    package mutating func unanswered(
        by node: NodeID, round: UInt32, into directives: inout [CoordinatorDirective]
    ) -> Outcome {
        guard round == self.round else { return outcome }
        copies.failed(node)
        ask(&directives)
        return outcome
    }

    package var outcome: Outcome {
        if copies.isEnough { return .done }
        return copies.isHopeless ? .failed : .waiting
    }

    private mutating func ask(_ directives: inout [CoordinatorDirective]) {
        for target in copies.takeIdle() {
            directives.append(.ask(target.node, .putEntry(key, entry), round: round))
        }
    }
}
