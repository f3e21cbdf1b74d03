import CRDT
import Membership
import Model
import Replication

// Taking over partitions after a change of the layout.
extension ClusterNode {
    mutating func takeOverTick(_ turn: inout Turn) {
        guard !takeOver.isDone, !takeOver.isDeclaring, let newest = layouts.newest else { return }
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
        if takeOver.layout != newest.id {
            let older = layouts.all.dropLast()
            takeOver.begin(
                newest.id,
                asking: Set(older.flatMap { $0.members.map(\.node) })
                    .subtracting([configuration.node]).sorted(),
                now: turn.now.monotonic)
        }
        pull(&turn)
    }

    /// Asks each holder of the layouts before, and declares the newest synced when enough of them
    /// have given what they have.
    private mutating func pull(_ turn: inout Turn) {
        let next = takeOver.takeNext(now: turn.now.monotonic, isGone: membership.isGone)
        for node in next { askForPartitions(node, &turn) }
        guard takeOver.isWaitingForNobody else { return }
        let missing = takeOver.missing
        guard missing.allSatisfy(membership.isGone) else { return }
        let skipped = Set(missing)
        let older = layouts.all.dropLast()
        let meetsMajorities = takeOver.meetsMajorities(
            of: older, in: gossip.state.layouts, without: skipped,
            own: Target(node: configuration.node, disk: disk))
        // Under `available` whoever is there is enough, and what may be missing is said.
        guard meetsMajorities || policy == .available else { return }
        if !meetsMajorities || older.contains(where: { $0.members.contains(where: lacksHolders) }) {
            upkeep.lacksHolders = true
        }
        declareSynced(&turn)
    }

    private mutating func askForPartitions(_ node: NodeID, _ turn: inout Turn) {
        ask(
            node, .partitionsHeldBy(configuration.node), layouts: layouts.digest,
            timeout: ClusterLimits.backgroundTimeout, .takeOver(node), &turn)
    }

    mutating func resumeTakeOver(
        _ node: NodeID, _ answer: Answer, by target: Target, _ turn: inout Turn
    ) {
        guard takeOver.isAsked(node) else { return }
        guard case .partitions(let theirs, let declared) = answer else {
            takeOver.askingFailed(node, now: turn.now.monotonic)
            return
        }
        // What is prepared or in a ballot is in no sum.
        let differing = theirs.filter {
            $0.hasUnsettled || $0.sum != sums.sum(of: $0.partition)
        }
        takeOver.answered(
            node, by: target.disk, declared: declared, differing: differing.count)
        for sum in differing {
            addExchange(sum.partition, with: node, .takeOver, &turn)
        }
    }

    /// The word must outlive a crash before anybody hears it: others go by it, and by its absence.
    private mutating func declareSynced(_ turn: inout Turn) {
        guard let newest = layouts.newest else { return }
        let history = gossip.state.layouts
        takeOver.declarations.removeAll { $0 == newest.id || history.active($0) == nil }
        takeOver.declarations.append(newest.id)
        takeOver.isDeclaring = true
        store(
            .save([MetaRow(.declared, NodeMemory.encode(takeOver.declarations))]),
            .upkeep(.declared(newest.id)), &turn)
    }

    mutating func declarationSaved(_ layout: LayoutID, _ turn: inout Turn) {
        guard takeOver.isDeclaring, layouts.newest?.id == layout else { return }
        takeOver.isDeclaring = false
        takeOver.declared = layout
        takeOver.isDone = true
        turn.directives.append(.notice(.layoutSynced(layout)))
        announce(&turn)
    }
}
