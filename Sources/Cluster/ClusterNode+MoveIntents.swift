import CRDT
import Membership
import Model
import Replication

// Moves whose mover is gone: each node that has their intent on its disk finishes them. Several may do
// it at one time, and beside the mover: all of them do the same, under the operations of the move.
extension ClusterNode {
    mutating func lookForMoves(_ turn: inout Turn) {
        guard upkeep.hasMoves, turn.now.monotonic >= upkeep.nextMoves else { return }
        upkeep.hasMoves = false
        if configuration.canaries.contains(.forgetsMoves) { return }
        upkeep.nextMoves =
            turn.now.monotonic
            + (isLeaving ? ClusterLimits.upkeepInterval : ClusterLimits.moveInterval)
        ask(
            self: .moves(after: upkeep.movesAfter, limit: ClusterLimits.movesMax),
            .upkeep(.moves), &turn)
    }

    mutating func finishMoves(_ rows: [MoveRow], _ turn: inout Turn) {
        if !rows.isEmpty || upkeep.movesAfter != nil { upkeep.hasMoves = true }
        // In turn: those whose holders are away hold up no others.
        upkeep.movesAfter =
            rows.count == ClusterLimits.movesMax ? rows.last?.intent.placing : nil
        if upkeep.movesAfter != nil {
            upkeep.nextMoves = turn.now.monotonic + ClusterLimits.upkeepInterval
        }
        guard layouts.newest != nil else { return }
        for row in rows where isDue(row.intent, turn) { finishMove(row, &turn) }
    }

    /// Whether the mover is gone, as far as time tells. What is done too early does no harm.
    private func isDue(_ intent: MoveIntent, _ turn: Turn) -> Bool {
        let began = intent.operation.wallMilliseconds
        let wall = turn.now.wallMilliseconds
        // What an earlier life left, it may have begun itself.
        if began <= bornAt || isLeaving { return true }
        return max(wall, began) - min(wall, began)
            >= UInt64(ClusterLimits.moveGrace.milliseconds)
    }

    private mutating func finishMove(_ row: MoveRow, _ turn: inout Turn) {
        let intent = row.intent
        guard !tasks.values.contains(where: { $0.origin == .move(intent) }) else { return }
        let id = nextID()
        tasks[id] = ClientTask(
            origin: .move(intent),
            request: .move(intent.source, to: intent.destination, intent.operation),
            began: turn.now.monotonic,
            deadline: turn.now.monotonic + ClusterLimits.clientTimeout, stage: .waiting)
        if row.isPlaced { return removeSource(of: intent, id, &turn) }
        let key = RegisterKey.file(intent.destination)
        startRead(key, readTargets(for: key.partition), for: id, looking: false, &turn)
    }

    /// The source goes only where the destination was made, and is durable. Where its version lost against
    /// one that did not know it, nobody may be told of it: then nothing was moved, and the source stays.
    mutating func destinationFound(
        _ register: Register, of intent: MoveIntent, _ id: UInt64, _ turn: inout Turn
    ) {
        guard let version = register.committedVersion(of: intent.placing) else {
            ask(self: .moveOver(intent.placing), .nothing, &turn)
            return end(id, .notFound, &turn)
        }
        tasks[id]?.stage = .waiting
        // It was overwritten, or deleted, by somebody who knew it: it was there.
        guard version == register.head, let facts = version.value.facts else {
            return removeSource(of: intent, id, &turn)
        }
        // Under the same operation it is found, and brought to as many disks as a write is.
        tasks[id]?.moveStep = .destination(intent.dot)
        begin(
            .place(intent.destination, facts, intent.placing), for: .task(id), isRepeat: true,
            &turn)
    }

    /// A lock that was taken since is respected: the mover's own is asked for no more.
    mutating func removeSource(of intent: MoveIntent, _ id: UInt64, _ turn: inout Turn) {
        ask(self: .movePlaced(intent.placing), .nothing, &turn)
        tasks[id]?.moveStep = .removal(.done, of: intent.dot)
        let removal = ClientRequest.delete(
            intent.source, .version(intent.dot), intent.operation.second)
        begin(.guarded(removal, tokens: []), for: .task(id), &turn)
    }

    /// The move is over: who may have its intent is told. Who does not hear it finds out.
    mutating func moveEnded(_ intent: MoveIntent, _ turn: inout Turn) {
        let targets = layouts.targets(for: Partition(of: intent.destination))
        let others = policy == .available ? targets.handOffs : []
        var nodes: Set<NodeID> = []
        for target in targets.holders + others where isReachable(target.node) {
            nodes.insert(target.node)
        }
        // A stand-in that coordinated it is one, too.
        if upkeep.hasMoves { nodes.insert(configuration.node) }
        for node in nodes.sorted() { tell(node, .moveOver(intent.placing), &turn) }
    }
}
