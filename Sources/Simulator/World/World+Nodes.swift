import Cluster
import Membership
import Model
import Replication

// Lives of nodes, and what they want done.
extension World {
    mutating func start(_ host: Int) {
        guard [.absent, .down, .left].contains(hosts[host].state) else { return }
        hosts[host].state = .up
        hosts[host].restart = nil
        hosts[host].life += 1
        hosts[host].startedAt = now
        statistics.startCount += 1
        // A machine that was switched off counts its monotonic time from anywhere.
        if hosts[host].life > 1, generator.chance(perMille: 300) {
            hosts[host].monotonicOffset = generator.draw(0 ... .seconds(1_000_000))
        }
        trace.add(now, "\(HostName.text(host)) starts")
        brains[host] = ClusterNode(
            hosts[host].configuration, disk: hosts[host].synced, now: hosts[host].time(now),
            using: &generators[host], into: &directives)
        hosts[host].isLeaving = brains[host]?.isLeaving ?? false
        perform(host)
        checkers.deadIsKnown.started(host, at: now)
    }

    /// The process is gone. What was written and not synced survives up to a random point.
    mutating func kill(_ host: Int, losingAll: Bool = false) {
        endRestart(host)
        guard hosts[host].state == .up else { return }
        let pendingCount = hosts[host].pending.count
        let survivors =
            losingAll || pendingCount == 0 ? 0 : Int(generator.draw(0...Int64(pendingCount)))
        trace.add(
            now, "\(HostName.text(host)) is killed, \(survivors) of \(pendingCount) writes survive")
        stop(host, keeping: survivors)
        statistics.killCount += 1
        checkers.deadIsKnown.died(host, at: now)
    }

    private mutating func stop(_ host: Int, keeping survivors: Int) {
        brains[host] = nil
        hosts[host].state = .down
        hosts[host].crash(keeping: survivors)
        network.hostDied(host)
        connectionsLost(to: host)
    }

    /// The node has left and says that it may be stopped: it is.
    private mutating func leaves(_ host: Int) {
        guard hosts[host].state == .up else { return }
        let isMember =
            brains[host]?.activeLayouts.last?.member(HostName.node(host)) != nil
        let tables = hosts[host].synced.tables
        // Of some only the counter is left.
        let filled = tables.partitions.count { partition in
            let state = tables.state(of: partition)
            return state.itemCount > 0 || state.sum != .zero
        }
        report(
            LeaversHandOver.mayStop(host, partitionCount: filled, isMember: isMember, at: now))
        stop(host, keeping: hosts[host].pending.count)
        hosts[host].state = .left
    }

    // MARK: Planned restarts

    /// The store stops when what it wrote is durable; its gateway answers for it.
    mutating func restart(_ host: Int) {
        guard hosts[host].state == .up else { return }
        let standIn = brains[host]?.restart(hosts[host].time(now), into: &directives)
        perform(host)
        // It stops when all that it wrote is durable, and was said.
        hosts[host].syncAll()
        release(host, upTo: hosts[host].writeCount)
        trace.add(now, "\(HostName.text(host)) restarts its store")
        hosts[host].restart = .init(
            standIn: standIn, end: now + Nanoseconds(MembershipLimits.restartMax),
            isLifeKnown: now - hosts[host].startedAt >= .seconds(15))
        stop(host, keeping: hosts[host].pending.count)
    }

    /// The gateway goes too, or its time is over: from now on the node is as dead as any.
    mutating func endRestart(_ host: Int) {
        guard hosts[host].restart != nil else { return }
        hosts[host].restart = nil
        checkers.deadIsKnown.died(host, at: now)
    }

    mutating func endRestarts() {
        for host in hosts.indices {
            if let restart = hosts[host].restart, restart.end <= now { endRestart(host) }
        }
    }

    private mutating func deliverToStandIn(_ envelope: Envelope, _ host: Int) {
        guard case .membership(let message) = envelope.message else { return }
        let time = hosts[host].time(now)
        let answer = hosts[host].restart?.standIn?.received(
            message, now: time.monotonic, wallMilliseconds: time.wallMilliseconds)
        guard let answer else { return }
        send(.membership(answer), from: host, to: hosts[Int(envelope.from)].configuration.node)
    }

    /// Field by field: a method of the host would copy it.
    func time(of host: Int) -> Now {
        Host.time(
            now, monotonicOffset: hosts[host].monotonicOffset, wallOffset: hosts[host].wallOffset,
            drift: hosts[host].drift)
    }

    mutating func wake(_ host: Int) {
        hosts[host].wakeAt = .max
        let time = time(of: host)
        guard let deadline = brains[host]?.deadlineInPlace() else { return }
        // An answer came in time: there is nothing to do yet.
        if deadline > time.monotonic { return scheduleWake(host) }
        brains[host]?.timePassed(time, using: &generators[host], into: &directives)
        perform(host)
    }

    mutating func deliver(_ envelope: Envelope, _ sequence: UInt64) {
        let from = Int(envelope.from)
        let to = Int(envelope.to)
        guard brains[to] != nil || hosts[to].restart != nil,
            network.arrives(
                from: from, to: to, isDatagram: envelope.isDatagram, breaks: envelope.breaks,
                now: now)
        else {
            network.noteLost()
            trace.add(now, sequence << 8 | 7)
            return
        }
        trace.add(now, sequence << 8 | 1)
        trace.add(
            now, "\(HostName.text(to)) <- \(HostName.text(from)) \(envelope.message.traceText)")
        if brains[to] == nil { return deliverToStandIn(envelope, to) }
        let time = time(of: to)
        brains[to]?.received(
            envelope.message, from: names[from], time, using: &generators[to], into: &directives)
        perform(to)
    }

    mutating func ask(_ host: Int, _ request: ClientRequest, _ owner: TicketOwner) -> UInt64 {
        nextTicket += 1
        ticketOwners[nextTicket] = owner
        let ticket = nextTicket
        let time = time(of: host)
        brains[host]?.asked(
            request, ClientTicket(number: ticket), time, using: &generators[host],
            into: &directives)
        perform(host)
        return ticket
    }

    private mutating func perform(_ directive: NodeDirective, _ host: Int) {
        switch directive {
        case .send(let message, let peer): send(message, from: host, to: peer)
        case .storage(let ticket, let request): store(request, ticket, host)
        case .answer(let ticket, let answer): answered(ticket.number, answer, host)
        case .notice(let notice): noticed(notice, by: host)
        case .located, .changed: break
        case .renewDisk(let id): renewals.append((host, id))
        }
    }

    /// What was held back until the write of this number is durable leaves the node.
    mutating func release(_ host: Int, upTo number: UInt64) {
        for directive in hosts[host].durability.isDurable(number) { perform(directive, host) }
        perform(host)
    }

    private mutating func admits(_ directive: NodeDirective, _ host: Int) -> Bool {
        options.canaries.contains(.leaksAhead) || hosts[host].durability.admit(directive)
    }

    /// Does what the node wants done, in its order, and notes when it wants to be called.
    mutating func perform(_ host: Int) {
        if !directives.isEmpty {
            var batch: [NodeDirective] = []
            swap(&batch, &directives)
            for directive in batch where admits(directive, host) { perform(directive, host) }
            batch.removeAll(keepingCapacity: true)
            if directives.isEmpty { swap(&batch, &directives) }
        }
        while let (host, id) = renewals.popLast() { renewDisk(host, id) }
        scheduleWake(host)
    }

    /// The node found that its disk is an old state of itself.
    private mutating func renewDisk(_ host: Int, _ id: DiskID) {
        kill(host)
        var disk = hosts[host].synced
        disk.renew(id)
        hosts[host].replaceDisk(disk, number: disks.count)
        disks.append(DiskFact(id: id, host: host))
        start(host)
    }

    private mutating func scheduleWake(_ host: Int) {
        guard let deadline = brains[host]?.deadlineInPlace() else { return }
        let wanted = Nanoseconds(deadline) - hosts[host].monotonicOffset
        // A deadline that passed is due at the next millisecond, as a real timer would have it.
        let at = wanted > now ? wanted : now + .milliseconds(1)
        guard at < hosts[host].wakeAt else { return }
        hosts[host].wakeAt = at
        queue.schedule(.wake(host: Int32(host)), at: at)
    }

    private mutating func send(_ message: PeerMessage, from: Int, to peer: NodeID) {
        let to = HostName.host(peer)
        precondition(to < capacity && to != from, "a message to \(peer)")
        let isDatagram = message.isDatagram
        statistics.count(isDatagram: isDatagram, from: from)
        report(checkers.bounded.sent(message, by: from, at: now))
        let envelope = Envelope(
            message: message, from: Int32(from), to: Int32(to), isDatagram: isDatagram,
            breaks: isDatagram ? 0 : network.connection(from, to))
        if isDatagram {
            let fate = network.datagram(from: from, to: to, now: now, using: &generator)
            for time in [fate.first, fate.second] {
                if let time { queue.schedule(.message(envelopes.add(envelope)), at: time) }
            }
        } else if let time = network.stream(from: from, to: to, now: now, using: &generator) {
            let late = lateness.isEmpty ? nil : lateDelay(of: message.namedContents)
            queue.schedule(.message(envelopes.add(envelope)), at: time + (late ?? 0))
        }
    }

    private mutating func noticed(_ notice: NodeNotice, by host: Int) {
        trace.add(now, "\(HostName.text(host)) says \(notice)")
        if case .mayStop = notice { leaves(host) }
        if case .stays = notice { hosts[host].isLeaving = false }
        if case .peerChanged(let node, let state) = notice {
            let other = hosts[HostName.host(node)]
            checkers.deadIsKnown.heard(
                by: host, of: other.number, state: state, at: now, isUp: other.state == .up,
                isRestarting: other.restart?.isLifeKnown ?? false)
        }
    }
}

extension ClusterNode {
    /// `nextDeadline`, asked where the node lies: a getter through an optional copies the node.
    fileprivate mutating func deadlineInPlace() -> Duration { nextDeadline }
}
