import Cluster
import Model

// Lives of nodes, and what they want done.
extension World {
    mutating func start(_ host: Int) {
        guard hosts[host].state == .absent || hosts[host].state == .down else { return }
        hosts[host].state = .up
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
        guard hosts[host].state == .up else { return }
        let pendingCount = hosts[host].pending.count
        let survivors =
            losingAll || pendingCount == 0 ? 0 : Int(generator.draw(0...Int64(pendingCount)))
        trace.add(
            now, "\(HostName.text(host)) is killed, \(survivors) of \(pendingCount) writes survive")
        brains[host] = nil
        hosts[host].state = .down
        hosts[host].crash(keeping: survivors)
        network.hostDied(host)
        statistics.killCount += 1
        connectionsLost(to: host)
        checkers.deadIsKnown.died(host, at: now)
    }

    mutating func wake(_ host: Int) {
        hosts[host].wakeAt = .max
        guard brains[host] != nil else { return }
        brains[host]?.timePassed(
            hosts[host].time(now), using: &generators[host], into: &directives)
        perform(host)
    }

    mutating func deliver(_ envelope: Envelope, _ sequence: UInt64) {
        let from = Int(envelope.from)
        let to = Int(envelope.to)
        guard brains[to] != nil,
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
        brains[to]?.received(
            envelope.message, from: hosts[from].configuration.node, hosts[to].time(now),
            using: &generators[to], into: &directives)
        perform(to)
    }

    mutating func ask(_ host: Int, _ request: ClientRequest, _ owner: TicketOwner) -> UInt64 {
        nextTicket += 1
        ticketOwners[nextTicket] = owner
        let ticket = nextTicket
        brains[host]?.asked(
            request, ClientTicket(number: ticket), hosts[host].time(now),
            using: &generators[host], into: &directives)
        perform(host)
        return ticket
    }

    /// Does what the node wants done, in its order, and notes when it wants to be called.
    mutating func perform(_ host: Int) {
        if !directives.isEmpty {
            var batch: [NodeDirective] = []
            swap(&batch, &directives)
            for directive in batch {
                switch directive {
                case .send(let message, let peer): send(message, from: host, to: peer)
                case .storage(let ticket, let request): store(request, ticket, host)
                case .answer(let ticket, let answer): answered(ticket.number, answer, host)
                case .notice(let notice): noticed(notice, by: host)
                }
            }
            batch.removeAll(keepingCapacity: true)
            if directives.isEmpty { swap(&batch, &directives) }
        }
        scheduleWake(host)
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
        let envelope = Envelope(
            message: message, from: Int32(from), to: Int32(to), isDatagram: isDatagram,
            breaks: isDatagram ? 0 : network.connection(from, to))
        if isDatagram {
            let fate = network.datagram(from: from, to: to, now: now, using: &generator)
            for time in [fate.first, fate.second] {
                if let time { queue.schedule(.message(envelopes.add(envelope)), at: time) }
            }
        } else if let time = network.stream(from: from, to: to, now: now, using: &generator) {
            queue.schedule(.message(envelopes.add(envelope)), at: time)
        }
    }

    private mutating func noticed(_ notice: NodeNotice, by host: Int) {
        trace.add(now, "\(HostName.text(host)) says \(notice)")
        if case .peerChanged(let node, let state) = notice {
            checkers.deadIsKnown.heard(
                by: host, of: HostName.host(node), state: state, at: now,
                isUp: hosts[HostName.host(node)].state == .up)
        }
    }
}

extension ClusterNode {
    /// `nextDeadline`, asked where the node lies: a getter through an optional copies the node.
    fileprivate mutating func deadlineInPlace() -> Duration { nextDeadline }
}
