import CRDT
import Membership
import Model
import Replication

// Taking over partitions after a change of the layout.
extension ClusterNode {
    mutating func takeOverTick(_ turn: inout Turn) {
        guard !takeOver.isDone, let newest = layouts.newest else { return }
        guard newest.member(configuration.node)?.disk == disk else {
            takeOver.isDone = true
            return
        }
        let known = gossip.state.register(of: configuration.node)?.facts
        if known?.disk == disk, known?.synced.contains(newest.id) == true {
            takeOver.isDone = true
            return
        }
        guard !configuration.canaries.contains(.neverMoves) else { return declareSynced(&turn) }
        takeOver.begin(newest.id)
        pull(&turn)
    }

    /// Asks each holder of the layouts before, and declares the newest synced when enough of them
    /// have given what they have.
    private mutating func pull(_ turn: inout Turn) {
        let older = layouts.all.dropLast()
        let sources = Set(older.flatMap { $0.members.map(\.node) })
            .subtracting([configuration.node]).sorted()
        var skipped: Set<NodeID> = []
        var isWaiting = false
        for node in sources {
            switch takeOver.sources[node] {
            case .pulled: continue
            case .asked, .pulling: isWaiting = true
            case nil, .failed:
                if membership.isGone(node) {
                    skipped.insert(node)
                } else {
                    isWaiting = true
                    askForPartitions(node, &turn)
                }
            }
        }
        guard !isWaiting else { return }
        let isMajority = isMajority(without: skipped, older)
        // Under `available` whoever is there is enough, and what may be missing is said.
        guard isMajority || policy == .available else { return }
        if !isMajority || older.contains(where: { $0.members.contains(where: lacksHolders) }) {
            upkeep.lacksHolders = true
        }
        declareSynced(&turn)
    }

    /// Whether more than half of the holders of each partition were read, in each layout: with at
    /// most this many left out, that is so whichever partition it is. A disk that took the place of
    /// another has not what that one had.
    private func isMajority(without skipped: Set<NodeID>, _ older: ArraySlice<Layout>) -> Bool {
        older.allSatisfy { layout in
            let holders = min(layout.replicationFactor, layout.members.count)
            let missing = layout.members.count { member in
                let read = member.node == configuration.node ? disk : takeOver.disks[member.node]
                return skipped.contains(member.node) || read != member.disk
            }
            return missing <= (holders - 1) / 2
        }
    }

    private mutating func askForPartitions(_ node: NodeID, _ turn: inout Turn) {
        takeOver.sources[node] = .asked
        ask(
            node, .partitionsHeldBy(configuration.node), layouts: layouts.digest,
            timeout: ClusterLimits.backgroundTimeout, .takeOver(node), &turn)
    }

    mutating func resumeTakeOver(
        _ node: NodeID, _ answer: Answer, by target: Target, _ turn: inout Turn
    ) {
        guard takeOver.sources[node] == .asked else { return }
        guard case .partitions(let theirs) = answer else {
            takeOver.sources[node] = .failed
            return
        }
        takeOver.disks[node] = target.disk
        // What is prepared or in a ballot is in no sum.
        let differing = theirs.filter {
            $0.hasUnsettled || $0.sum != sums.sum(of: $0.partition)
        }
        takeOver.sources[node] = differing.isEmpty ? .pulled : .pulling(differing.count)
        for sum in differing {
            addExchange(sum.partition, with: node, .takeOver, &turn)
        }
    }

    /// An exchange for the take-over ended.
    mutating func took(from node: NodeID, succeeded: Bool) {
        guard case .pulling(let left) = takeOver.sources[node] else { return }
        takeOver.sources[node] =
            succeeded ? (left == 1 ? .pulled : .pulling(left - 1)) : .failed
    }

    private mutating func declareSynced(_ turn: inout Turn) {
        guard let newest = layouts.newest else { return }
        takeOver.declared = newest.id
        takeOver.isDone = true
        turn.directives.append(.notice(.layoutSynced(newest.id)))
        announce(&turn)
    }
}
