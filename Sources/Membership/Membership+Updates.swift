import Model

// What is said of peers, and of this node.
extension Membership {
    /// A goodbye is believed of who says it alone, in the life that it is in. Said by others it is
    /// a claim as that of a death is: it has time to refute.
    /// - Parameter isPage: a table told of it.
    mutating func take(
        _ update: PeerUpdate, from peer: NodeID, now: Duration, isPage: Bool = false,
        _ wallMilliseconds: UInt64, _ directives: inout [MembershipDirective]
    ) {
        if update.node == own.node { return takeOwn(update, now: now, &directives) }
        var update = update
        if update.state == .left, update.node != peer {
            guard let known = table[update.node], !known.isForgotten, known.disk == update.disk,
                known.incarnation == update.incarnation, known.state != .left
            else { return }
            update.state = .dead
        }
        guard let index = table.index(of: update.node) else {
            return meet(update, now: now, isPage: isPage, &directives)
        }
        let known = table[index]
        if known.isForgotten {
            // What was said before it was forgotten is still old.
            guard update.supersedes(known.incarnation, known.state) else { return }
            return meet(update, now: now, isPage: isPage, &directives)
        }
        if update.life == known.incarnation >> 32, update.disk != known.disk {
            return noteDuplicate(update, now, &directives)
        }
        if update.state == .suspect, known.state == .suspect,
            update.incarnation == known.incarnation, let witness = update.witness
        {
            confirm(index, by: witness)
            return
        }
        guard update.supersedes(known.incarnation, known.state) else { return }
        if update.state == .dead, known.state == .alive || known.state == .suspect {
            return heardOfDeath(update, of: index, now: now, wallMilliseconds, &directives)
        }
        apply(update, to: index, now: now, &directives)
    }

    /// A node that was not known. One that is dead is only remembered.
    private mutating func meet(
        _ update: PeerUpdate, now: Duration, isPage: Bool, _ directives: inout [MembershipDirective]
    ) {
        guard let index = table.insert(update, now: now) else { return }
        table.annotate(index) { $0.isMember = members.contains($0.node) }
        // What tables have is known to others: to a new node all would be news to be spread.
        if !isPage { queue.add(index, revision: table[index].revision) }
        if round.isEmpty || roundNext >= round.count {
            round.append(index)
        } else {
            // Somewhere in the rest of this round; which place does not matter much, as the
            // rounds are shuffled.
            let place = roundNext + Int(sequence % UInt64(round.count - roundNext + 1))
            round.insert(index, at: place)
        }
        if update.state == .suspect {
            suspect(index, witness: update.witness ?? update.node, now: now)
        }
        isPersistDue = true
        directives.append(.changed(update.node, from: nil, to: update.state))
    }

    func shortestSuspicion() -> Duration {
        let count = max(10, table.alive.count + 1)
        // log10 in tenths, without a mathematics library: good to a tenth.
        var tenths = 0
        var power = 1000
        while power < count * 1000, tenths < 60 {
            power = power * 1259 / 1000
            tenths += 1
        }
        return MembershipLimits.period * configuration.suspicionPeriods * tenths / 10
    }

    func suspicionIndex(_ index: Int) -> Int? {
        // Without a copy of each.
        for place in suspicions.indices where suspicions[place].index == index { return place }
        return nil
    }

    mutating func suspect(_ index: Int, witness: NodeID, now: Duration) {
        guard suspicionIndex(index) == nil else { return }
        suspicions.append(
            Suspicion(
                index: index, witness: witness, now: now, shortest: shortestSuspicion(),
                othersCount: table.alive.count - 1))
        noteSuspicions()
    }

    mutating func noteSuspicions() {
        var next: Duration?
        for place in suspicions.indices {
            let deadline = suspicions[place].deadline
            if next.map({ deadline < $0 }) ?? true { next = deadline }
        }
        nextSuspicion = next
    }

    private mutating func confirm(_ index: Int, by witness: NodeID) {
        guard let place = suspicionIndex(index), suspicions[place].confirm(by: witness) else {
            return
        }
        noteSuspicions()
        // Others are to hear of the further witness too.
        table.change(index) { $0.witness = witness }
        queue.add(index, revision: table[index].revision)
    }

    mutating func apply(
        _ update: PeerUpdate, to index: Int, now: Duration,
        _ directives: inout [MembershipDirective]
    ) {
        let before = table[index]
        table.change(index) { peer in
            peer.disk = update.disk
            peer.incarnation = update.incarnation
            peer.witness = update.witness
            if peer.state != update.state {
                peer.state = update.state
                peer.since = now
            }
        }
        let isNewLife = update.incarnation >> 32 > before.incarnation >> 32
        if isNewLife || update.state != .alive, before.restartingSince != nil {
            endRestart(index, isSpent: !isNewLife, &directives)
        }
        queue.add(index, revision: table[index].revision)
        if before.state == .suspect {
            if let place = suspicionIndex(index) { suspicions.remove(at: place) }
            noteSuspicions()
        }
        if update.state == .suspect {
            suspect(index, witness: update.witness ?? own.node, now: now)
        }
        if isNewLife, update.state == .alive {
            directives.append(.rejoined(update.node, update.disk))
        }
        if before.state != update.state {
            directives.append(.changed(update.node, from: before.state, to: update.state))
        }
    }

    /// Somebody says of this node what is not so: a higher incarnation says better.
    private mutating func takeOwn(
        _ update: PeerUpdate, now: Duration, _ directives: inout [MembershipDirective]
    ) {
        guard !isLeaving, update.supersedes(own.incarnation, own.state) || isOtherDisk(update)
        else { return }
        // Nothing beats a goodbye in its life, and a life's refutations can be used up.
        let isSpent =
            update.state == .left || UInt32(truncatingIfNeeded: update.incarnation) == .max
        guard update.disk != own.disk || update.life > own.life || isSpent else {
            setOwn { $0.incarnation = update.incarnation + 1 }
            return
        }
        // A life that this disk never had. Once: this node's disk is new, and peers remember the
        // old one: a life above that one is taken. A few times: some of them were cut off, and
        // remember an earlier life than others. Again and again: two nodes have one id, and would
        // raise their lives against each other without end.
        if let first = raisedFirst {
            if update.disk != own.disk { noteDuplicate(update, now, &directives) }
            let isOver = now - first >= MembershipLimits.duplicateInterval
            guard isOver || raisedCount < MembershipLimits.lifeRaisesMax else { return }
            if isOver { (raisedFirst, raisedCount) = (now, 0) }
        }
        guard update.life < UInt64(UInt32.max) else { return }
        raisedFirst = raisedFirst ?? now
        raisedCount += 1
        setOwn { $0.incarnation = (update.life + 1) << 32 }
        directives.append(.lifeRaised(UInt32(truncatingIfNeeded: own.incarnation >> 32)))
    }

    /// Whoever knows this life by another disk takes nothing of it, however often it refutes.
    private func isOtherDisk(_ update: PeerUpdate) -> Bool {
        update.disk != own.disk && update.life >= own.life
    }

    mutating func noteDuplicate(
        _ update: PeerUpdate, _ now: Duration, _ directives: inout [MembershipDirective]
    ) {
        if let said = duplicatesSaid[update.node],
            now - said < MembershipLimits.duplicateInterval
        {
            return
        }
        if duplicatesSaid.count >= MembershipLimits.duplicatesMax {
            duplicatesSaid = duplicatesSaid.filter {
                now - $0.value < MembershipLimits.duplicateInterval
            }
            guard duplicatesSaid.count < MembershipLimits.duplicatesMax else { return }
        }
        duplicatesSaid[update.node] = now
        let known = update.node == own.node ? own.disk : table[update.node]?.disk ?? update.disk
        directives.append(.duplicateIdentity(update.node, known, update.disk))
    }
}
