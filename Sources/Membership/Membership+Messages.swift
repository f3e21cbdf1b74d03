package import Model

// What arrives.
extension Membership {
    package mutating func received(
        _ message: SwimMessage, from peer: NodeID, now: Duration, wallMilliseconds: UInt64,
        using generator: inout SplitMix64, into directives: inout [MembershipDirective]
    ) {
        noteTime(now)
        guard message.sender.node == peer else { return }
        if peer == own.node {
            // Somebody else under this name.
            if message.sender.disk != own.disk { noteDuplicate(message.sender, now, &directives) }
            return
        }
        let isNew = table[peer]?.isForgotten ?? true
        let incarnation = own.incarnation
        take(message.sender, from: peer, now: now, wallMilliseconds, &directives)
        var isPage = false
        if case .page = message.body { isPage = true }
        let knownCount = table.alive.count
        for update in message.updates {
            take(update, from: peer, now: now, isPage: isPage, wallMilliseconds, &directives)
        }
        if own.incarnation != incarnation {
            tellRefutation(wallMilliseconds, using: &generator, &directives)
        }
        switch message.body {
        case .ping(let sequence):
            let isBehind = table[peer].map { !$0.isAs(message.sender) } ?? false
            send(
                .ack(sequence: sequence, isRestarting: false), to: peer, about: peer,
                isBehind: isBehind, wallMilliseconds, &directives)
        case .ack(let sequence, let isRestarting):
            noteRestarting(message.sender, isRestarting, now: now, &directives)
            acknowledged(
                sequence, by: peer, theirWall: message.wallMilliseconds, now: now,
                wallMilliseconds, &directives)
        case .pingRequest(let sequence, let target):
            relay(
                target, for: peer, sequence, now: now, wallMilliseconds, &directives)
        case .nack(let sequence):
            if probe?.sequence == sequence { probe?.silent.removeAll { $0 == peer } }
        case .table(let sum, let wants):
            guard sum != table.sum, tableBytesLeft > 0 else { break }
            sendTable(to: peer, wallMilliseconds, &directives)
            if wants {
                send(
                    .table(sum: table.sum, wants: false), to: peer, about: peer,
                    wallMilliseconds, &directives)
            }
        case .page:
            // As long as tables teach something, others are asked for theirs.
            if table.alive.count > knownCount {
                firstTables = 0
                nextTable = min(nextTable, now + MembershipLimits.firstTableInterval)
            } else {
                firstTables = MembershipLimits.firstTablesMax
            }
        case .updates: break
        }
        if isNew {
            // It knows nobody, or this node does not: they tell each other everything.
            send(
                .table(sum: table.sum, wants: true), to: peer, about: peer, wallMilliseconds,
                &directives)
        }
    }

    // MARK: Sending

    /// - Parameters:
    ///   - node: what this node thinks of it goes along first, so that it can refute; also where
    ///     it was forgotten since.
    ///   - isBehind: its peer says less of itself than is known of it (a new disk, another node
    ///     with this id): it is told in any case.
    mutating func send(
        _ body: SwimMessage.Body, to peer: NodeID, about node: NodeID?, isBehind: Bool = false,
        _ wallMilliseconds: UInt64, _ directives: inout [MembershipDirective]
    ) {
        var message = SwimMessage(
            body: body, sender: own, wallMilliseconds: wallMilliseconds, updates: [])
        if let node, let known = table[node], known.state != .alive || isBehind {
            message.updates.append(known.update)
        }
        let room = MembershipLimits.datagramByteCountMax - message.byteCount
        queue.take(
            limit: MembershipLimits.updatesPerMessage, byteCount: room, rounds: updateRounds,
            from: table, into: &message.updates)
        directives.append(.send(message, to: peer))
    }

    /// ⌈3 · log2(N + 1)⌉.
    var updateRounds: Int {
        let count = table.alive.count + 2
        return MembershipLimits.updateRounds * (Int.bitWidth - (count - 1).leadingZeroBitCount)
    }

    mutating func sendTable(
        to peer: NodeID, _ wallMilliseconds: UInt64, _ directives: inout [MembershipDirective]
    ) {
        var page = SwimMessage(
            body: .page, sender: own, wallMilliseconds: wallMilliseconds, updates: [])
        var byteCount = page.byteCount
        for known in table.peers where !known.isForgotten && !known.isUnheard && known.node != peer
        {
            let update = known.update
            if byteCount + update.byteCount > MembershipLimits.datagramByteCountMax {
                tableBytesLeft -= byteCount
                directives.append(.send(page, to: peer))
                page.updates.removeAll()
                byteCount = page.byteCount
            }
            page.updates.append(update)
            byteCount += update.byteCount
        }
        tableBytesLeft -= byteCount
        directives.append(.send(page, to: peer))
    }

    mutating func sayHello(
        now: Duration, wallMilliseconds: UInt64, _ directives: inout [MembershipDirective]
    ) {
        nextHello = now + MembershipLimits.helloInterval
        for peer in hellos where table[peer].map({ $0.state != .alive }) ?? true {
            sequence += 1
            send(
                .ping(sequence: sequence), to: peer, about: peer, wallMilliseconds, &directives)
        }
    }

    // MARK: Probes of others

    private mutating func relay(
        _ target: NodeID, for origin: NodeID, _ originSequence: UInt64, now: Duration,
        _ wallMilliseconds: UInt64, _ directives: inout [MembershipDirective]
    ) {
        guard target != own.node, relays.count < MembershipLimits.relaysMax else { return }
        sequence += 1
        relays.append(
            Relay(
                sequence: sequence, origin: origin, originSequence: originSequence,
                nackAt: now + MembershipLimits.probeTimeout,
                deadline: now + MembershipLimits.period))
        send(.ping(sequence: sequence), to: target, about: target, wallMilliseconds, &directives)
    }

    private mutating func acknowledged(
        _ sequence: UInt64, by peer: NodeID, theirWall: UInt64, now: Duration,
        _ wallMilliseconds: UInt64, _ directives: inout [MembershipDirective]
    ) {
        if let index = relays.firstIndex(where: { $0.sequence == sequence }) {
            let relay = relays.remove(at: index)
            send(
                .ack(sequence: relay.originSequence, isRestarting: false), to: relay.origin,
                about: nil, wallMilliseconds, &directives)
            return
        }
        guard let probe, probe.sequence == sequence else { return }
        let isDirect = probe.node == peer
        self.probe = nil
        if !probe.isIndirect || isDirect { health = max(0, health - 1) }
        let roundTrip = now - probe.sentAt
        guard isDirect, roundTrip <= MembershipLimits.clockRoundTripMax else { return }
        let half = Int64(roundTrip / .milliseconds(2))
        let (offset, overflow) = Int64(clamping: theirWall).subtractingReportingOverflow(
            Int64(clamping: wallMilliseconds) - half)
        if !overflow { directives.append(.clockSample(peer, milliseconds: offset)) }
    }

    private mutating func noteRestarting(
        _ sender: PeerUpdate, _ isRestarting: Bool, now: Duration,
        _ directives: inout [MembershipDirective]
    ) {
        guard let index = table.index(of: sender.node) else { return }
        let known = table[index]
        // The word of a life that is over comes late.
        guard sender.life == known.incarnation >> 32 else { return }
        if !isRestarting {
            guard known.restartingSince != nil || known.isRestartSpent else { return }
            endRestart(index, isSpent: false, &directives)
        } else if known.restartingSince == nil, !known.isRestartSpent, known.state == .alive {
            table.annotate(index) { $0.restartingSince = now }
            restarting.append(index)
            directives.append(.restarting(sender.node, true))
        }
    }

    mutating func endRestart(
        _ index: Int, isSpent: Bool, _ directives: inout [MembershipDirective]
    ) {
        let was = table[index].restartingSince
        table.annotate(index) {
            $0.restartingSince = nil
            $0.isRestartSpent = isSpent
        }
        restarting.removeAll { $0 == index }
        if was != nil { directives.append(.restarting(table[index].node, false)) }
    }
}
