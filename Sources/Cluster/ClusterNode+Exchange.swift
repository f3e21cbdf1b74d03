import CRDT
import Membership
import Model
import Placement
import Replication

// Exchanges of partitions with peers: after a comparison, a change of layout, and to hand back.
extension ClusterNode {
    mutating func addExchange(
        _ partition: Partition, with peer: NodeID, _ purpose: PartitionExchange.Purpose,
        _ turn: inout Turn
    ) {
        if exchanges.add(nextID(), partition, with: peer, purpose) { startExchanges(&turn) }
    }

    mutating func exchangeTick(_ turn: inout Turn) {
        compareTick(&turn)
        handBackTick(&turn)
        startExchanges(&turn)
        resumeHeld(&turn)
    }

    /// Those that the throttle held back, and that it may let go by now.
    private mutating func resumeHeld(_ turn: inout Turn) {
        for id in exchanges.due(at: turn.now.monotonic) {
            guard case .held(let items, let withUnsettled, _) = exchanges[id]?.step else {
                continue
            }
            fetch(id, items, withUnsettled: withUnsettled, &turn)
        }
    }

    private mutating func startExchanges(_ turn: inout Turn) {
        while let id = exchanges.takeNext(limit: ClusterLimits.exchangesMax) {
            startRound(id, &turn)
        }
    }

    private mutating func startRound(_ id: UInt64, _ turn: inout Turn) {
        exchanges.update(id) { $0.beginRound() }
        guard let exchange = exchanges[id] else { return }
        let partition = exchange.partition
        // Here a copy may be dropped on the word of the other disk: it looks at its own first.
        let isChecked = exchange.purpose == .handBack
        both(id, .items(partition), .items(partition, checked: isChecked), &turn)
    }

    private mutating func both(
        _ id: UInt64, _ own: ReplicaRequest, _ theirs: ReplicaRequest, _ turn: inout Turn
    ) {
        guard let exchange = exchanges[id] else { return }
        ask(self: own, .exchange(id), &turn)
        ask(
            exchange.peer, theirs,
            layouts: exchange.purpose == .takeOver ? layouts.digest : nil,
            timeout: ClusterLimits.backgroundTimeout, .exchange(id), &turn)
    }

    mutating func resumeExchange(
        _ id: UInt64, _ answer: Answer, by target: Target, _ turn: inout Turn
    ) {
        let isOwn = target.node == configuration.node
        guard case .replica(let reply) = answer,
            exchanges.update(id, { $0.answered(reply, own: isOwn, by: target.disk) }) == true
        else { return endExchange(id, succeeded: false, &turn) }
        if exchanges.update(id, { $0.takeBothAnswered() }) == true { advance(id, &turn) }
    }

    private mutating func advance(_ id: UInt64, _ turn: inout Turn) {
        guard let exchange = exchanges[id] else { return }
        let partition = exchange.partition
        switch exchange.step {
        case .waiting, .held: break
        case .items:
            let keys = exchange.differing
            let ballots =
                exchange.purpose != .compare && exchange.round == 1
                && (exchange.own.hasUnsettled || exchange.theirs.hasUnsettled)
            if keys.isEmpty, !ballots { return endExchange(id, succeeded: true, &turn) }
            if keys == [.context], !ballots {
                exchanges.update(id) { $0.step = .joining }
                return both(
                    id,
                    .joinContext(
                        partition, exchange.theirs.context,
                        ifContents: exchange.theirs.contents),
                    .joinContext(
                        partition, exchange.own.context, ifContents: exchange.own.contents),
                    &turn)
            }
            let items = keys.filter { $0 != .context }
            if exchange.purpose == .takeOver, exchange.pending == nil {
                exchanges.update(id) { $0.pending = items }
            }
            fetch(id, items, withUnsettled: ballots, &turn)
        case .fetching:
            // What was asked for before the disk was found empty.
            guard !upkeep.departure.takesNothing else {
                return endExchange(id, succeeded: false, &turn)
            }
            exchanges.update(id) { $0.step = .merging }
            let forUs = exchange.toTell(exchange.theirs, exchange.own)
            let forThem = exchange.toTell(exchange.own, exchange.theirs)
            throttle.moved(exchange.movedByteCount, now: turn.now.monotonic)
            if exchange.purpose == .compare {
                upkeep.repair?.moved(exchange.movedByteCount, with: exchange.peer)
            }
            var context = exchange.own.context
            if configuration.canaries.contains(.distrustsReturning) {
                context.formUnion(exchange.theirs.context)
            }
            let forOwn: MergeOrigin = exchange.purpose == .takeOver ? .takeOver : .holder
            let forPeer: MergeOrigin = exchange.purpose == .handBack ? .handBack : .holder
            both(
                id,
                weakened(
                    .merge(
                        partition, forUs, exchange.theirs.entries,
                        theirs: exchange.theirs.context, forOwn)),
                .merge(
                    partition, forThem, exchange.own.entries, theirs: context,
                    forPeer),
                &turn)
        case .merging:
            if let pending = exchange.pending, !pending.isEmpty {
                return fetch(id, pending, withUnsettled: false, &turn)
            }
            // Compared again: what changed meanwhile follows, and the contexts are joined.
            if exchange.round < PartitionExchange.roundsMax {
                startRound(id, &turn)
            } else {
                endExchange(id, succeeded: exchange.purpose == .takeOver, &turn)
            }
        case .joining: endExchange(id, succeeded: true, &turn)
        }
    }

    private mutating func fetch(
        _ id: UInt64, _ items: [ItemKey], withUnsettled: Bool, _ turn: inout Turn
    ) {
        guard let exchange = exchanges[id] else { return }
        let partition = exchange.partition
        // Moving yields to clients. So does what holders lack of each other: after a change of the
        // layout that is the same.
        if let wait = throttle.wait(now: turn.now.monotonic) {
            let until = turn.now.monotonic + wait
            exchanges.update(id) {
                $0.step = .held(items, withUnsettled: withUnsettled, until: until)
            }
            return
        }
        let fetched = Array(items.prefix(ClusterLimits.mergeCountMax))
        exchanges.update(id) { $0.step = .fetching }
        exchanges.update(id) { $0.asked = fetched }
        let rest = exchanges[id]?.pending?.drop { key in fetched.contains(key) }
        exchanges.update(id) { $0.pending = rest.map(Array.init) }
        both(
            id, .fetch(partition, fetched, withUnsettled: withUnsettled),
            .fetch(partition, fetched, withUnsettled: withUnsettled), &turn)
    }

    private mutating func endExchange(_ id: UInt64, succeeded: Bool, _ turn: inout Turn) {
        guard let exchange = exchanges.remove(id) else { return }
        switch exchange.purpose {
        case .compare: break
        case .takeOver:
            takeOver.took(from: exchange.peer, succeeded: succeeded, now: turn.now.monotonic)
        case .handBack:
            if succeeded, let disk = exchange.peerDisk {
                upkeep.drops.confirmed(
                    exchange.partition, by: exchange.peer, disk: disk, sum: exchange.sum,
                    now: turn.now.monotonic)
            }
        }
        startExchanges(&turn)
    }
}

extension Duration {
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1000 + attoseconds / 1_000_000_000_000_000
    }
}
