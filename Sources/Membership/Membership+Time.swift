package import Model

// Time passes: probes, suspicions, and what is done now and then.
extension Membership {
    /// To be called when `nextDeadline` has come; more often does no harm.
    package mutating func timePassed(
        now: Duration, wallMilliseconds: UInt64, using generator: inout SplitMix64,
        into directives: inout [MembershipDirective]
    ) {
        noteTime(now)
        probeIndirectly(now: now, wallMilliseconds, using: &generator, &directives)
        answerForRelays(now: now, wallMilliseconds, &directives)
        endSuspicions(now: now, &directives)
        guard now >= nextPeriod else { return }
        nextPeriod = now + MembershipLimits.period * (health + 1)
        endProbe(now: now, &directives)
        beginProbe(now: now, wallMilliseconds, using: &generator, &directives)
        nowAndThen(now: now, wallMilliseconds, using: &generator, &directives)
    }

    /// A node that stood still (a stopped process, a suspended machine) has its datagrams unread:
    /// to it that time did not pass. It blames nobody for it, and trusts itself less.
    mutating func noteTime(_ now: Duration) {
        let late = now - nextDeadline
        lastNow = max(lastNow, now)
        guard late > MembershipLimits.lateMax else { return }
        for index in suspicions.indices { suspicions[index].postpone(by: late) }
        noteSuspicions()
        probe = nil
        relays = []
        nextPeriod = max(nextPeriod, now)
        health = min(MembershipLimits.healthMax, health + 1)
    }

    // MARK: The own probe

    private mutating func beginProbe(
        now: Duration, _ wallMilliseconds: UInt64, using generator: inout SplitMix64,
        _ directives: inout [MembershipDirective]
    ) {
        guard let index = nextInRound(using: &generator) else { return }
        sequence += 1
        let node = table[index].node
        probe = Probe(
            index: index, node: node, sequence: sequence, sentAt: now, sentWall: wallMilliseconds,
            indirectAt: now + MembershipLimits.probeTimeout * (health + 1))
        send(.ping(sequence: sequence), to: node, about: node, wallMilliseconds, &directives)
    }

    /// Every peer once a round, each round in another order: a dead node is probed within two
    /// rounds whatever happens (SWIM, section 4.3).
    private mutating func nextInRound(using generator: inout SplitMix64) -> Int? {
        for _ in 0..<2 {
            while roundNext < round.count {
                let index = round[roundNext]
                roundNext += 1
                let peer = table[index]
                if !peer.isForgotten, peer.state == .alive || peer.state == .suspect {
                    return index
                }
            }
            round = table.alive.compactMap { table.index(of: $0) }
            round.shuffle(using: &generator)
            roundNext = 0
        }
        return nil
    }

    private mutating func probeIndirectly(
        now: Duration, _ wallMilliseconds: UInt64, using generator: inout SplitMix64,
        _ directives: inout [MembershipDirective]
    ) {
        guard let probe, !probe.isIndirect, now >= probe.indirectAt else { return }
        self.probe?.isIndirect = true
        let target = probe.node
        var helpers: [NodeID] = []
        // A few tries; with few peers there are fewer helpers.
        for _ in 0..<(3 * MembershipLimits.helpersCount) where !table.alive.isEmpty {
            guard helpers.count < MembershipLimits.helpersCount else { break }
            let node = table.alive[Int.random(in: table.alive.indices, using: &generator)]
            // A stand-in answers for its store alone.
            if node != target, !helpers.contains(node), isAlive(node) { helpers.append(node) }
        }
        self.probe?.silent = helpers
        for helper in helpers {
            send(
                .pingRequest(sequence: probe.sequence, target: target), to: helper, about: target,
                wallMilliseconds, &directives)
        }
    }

    /// The period is over. A helper that did not even say that it got no answer hints at this
    /// node's own network (Lifeguard, section 4.1). Of two nodes each is all that the other knows
    /// of the network: there the miss itself says nothing of either.
    private mutating func endProbe(
        now: Duration, _ directives: inout [MembershipDirective]
    ) {
        guard let probe else { return }
        self.probe = nil
        if !probe.silent.isEmpty {
            health = min(MembershipLimits.healthMax, health + 1)
        }
        let peer = table[probe.index]
        guard peer.node == probe.node else { return }
        switch peer.state {
        case .alive:
            var update = peer.update
            update.state = .suspect
            update.witness = own.node
            apply(update, to: probe.index, now: now, &directives)
        case .suspect:
            guard let place = suspicionIndex(probe.index),
                suspicions[place].confirm(by: own.node)
            else { return }
            noteSuspicions()
            table.change(probe.index) { $0.witness = own.node }
            queue.add(probe.index, revision: table[probe.index].revision)
        case .dead, .left: break
        }
    }

    private mutating func answerForRelays(
        now: Duration, _ wallMilliseconds: UInt64, _ directives: inout [MembershipDirective]
    ) {
        guard !relays.isEmpty else { return }
        for index in relays.indices where !relays[index].hasNacked && relays[index].nackAt <= now {
            relays[index].hasNacked = true
            send(
                .nack(sequence: relays[index].originSequence), to: relays[index].origin,
                about: nil, wallMilliseconds, &directives)
        }
        relays.removeAll { $0.deadline <= now }
    }

    private mutating func endSuspicions(
        now: Duration, _ directives: inout [MembershipDirective]
    ) {
        guard let nextSuspicion, nextSuspicion <= now else { return }
        let over = suspicions.filter { $0.deadline <= now }
        for suspicion in over {
            var update = table[suspicion.index].update
            update.state = .dead
            update.witness = own.node
            apply(update, to: suspicion.index, now: now, &directives)
        }
    }

    // MARK: Now and then

    private mutating func nowAndThen(
        now: Duration, _ wallMilliseconds: UInt64, using generator: inout SplitMix64,
        _ directives: inout [MembershipDirective]
    ) {
        tableBytesLeft = MembershipLimits.tableBytesMax
        if now >= nextHello, table.alive.isEmpty, !hellos.isEmpty {
            sayHello(now: now, wallMilliseconds: wallMilliseconds, &directives)
        }
        if now >= nextDeadPing {
            nextDeadPing = now + MembershipLimits.deadPingInterval
            pingOneDead(wallMilliseconds, using: &generator, &directives)
            pingRestarting(wallMilliseconds, &directives)
        }
        if now >= nextTable, !table.alive.isEmpty {
            nextTable = now + MembershipLimits.tableInterval
            if firstTables < MembershipLimits.firstTablesMax {
                firstTables += 1
                nextTable = now + MembershipLimits.firstTableInterval
            }
            let peer = table.alive[Int.random(in: table.alive.indices, using: &generator)]
            send(
                .table(sum: table.sum, wants: true), to: peer, about: peer, wallMilliseconds,
                &directives)
        }
        guard now >= nextGrace else { return }
        nextGrace = now + MembershipLimits.graceInterval
        lookAfterDead(now: now, &directives)
        endRestarts(now: now, &directives)
        if isPersistDue {
            isPersistDue = false
            directives.append(.persist(Array(table.alive.prefix(64))))
        }
    }

    /// Its turn in the round may be minutes away, and what it said last holds for seconds.
    private mutating func pingRestarting(
        _ wallMilliseconds: UInt64, _ directives: inout [MembershipDirective]
    ) {
        for index in restarting.prefix(MembershipLimits.restartingPingsMax) {
            sequence += 1
            let node = table[index].node
            send(.ping(sequence: sequence), to: node, about: node, wallMilliseconds, &directives)
        }
    }

    private mutating func pingOneDead(
        _ wallMilliseconds: UInt64, using generator: inout SplitMix64,
        _ directives: inout [MembershipDirective]
    ) {
        // Seeds that nobody has heard of are as good as dead.
        let unknown = hellos.filter { table[$0] == nil }
        let count = table.dead.count + unknown.count
        guard count > 0 else { return }
        let choice = Int.random(in: 0..<count, using: &generator)
        let node =
            choice < table.dead.count
            ? table[table.dead[choice]].node : unknown[choice - table.dead.count]
        sequence += 1
        send(.ping(sequence: sequence), to: node, about: node, wallMilliseconds, &directives)
    }

    private mutating func lookAfterDead(
        now: Duration, _ directives: inout [MembershipDirective]
    ) {
        for index in table.dead {
            let peer = table[index]
            if peer.isMember, now - peer.since >= configuration.grace {
                directives.append(.graceOver(peer.node))
            } else if !peer.isMember, now - peer.since >= MembershipLimits.forgetDead {
                table.change(index) { $0.isForgotten = true }
            }
        }
        for index in table.left where now - table[index].since >= MembershipLimits.forgetLeft {
            table.change(index) { $0.isForgotten = true }
        }
    }

    private mutating func endRestarts(
        now: Duration, _ directives: inout [MembershipDirective]
    ) {
        for index in restarting {
            let peer = table[index]
            guard let since = peer.restartingSince, now - since >= MembershipLimits.restartMax
            else { continue }
            endRestart(index, isSpent: true, &directives)
            guard peer.state == .alive else { continue }
            var update = peer.update
            update.state = .suspect
            update.witness = own.node
            apply(update, to: index, now: now, &directives)
        }
    }
}
