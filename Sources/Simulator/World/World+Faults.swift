import Cluster
import Model
import Placement
import Replication

// Faults as they begin and end.
extension World {
    mutating func scheduleFaults() {
        for fault in faults where !omissions.faults.contains(fault.number) {
            queue.schedule(.faultBegins(Int32(fault.number)), at: now + fault.start)
        }
    }

    mutating func faultBegins(_ number: Int) {
        guard phase == .running else { return }
        let fault = faults[number]
        trace.add(now, UInt64(number) << 8 | 8)
        trace.add(now, "fault \(fault)")
        switch fault.action {
        case .wipe, .vanish, .corrupt:
            waitingFaults.append(number)
            return tryWaitingFaults()
        default: break
        }
        // A disk is rolled back when the fault ends, where the promises allow it.
        if case .rollback = fault.action {} else { statistics.injected(fault.kind) }
        apply(fault)
        queue.schedule(.faultEnds(Int32(number)), at: now + fault.length)
    }

    private mutating func apply(_ fault: Fault) {
        let number = fault.number
        switch fault.action {
        case .cut(let sides, let forth, let back):
            let cut = Network.Cut(number: number, sides: sides, cutsForth: forth, cutsBack: back)
            network.add(cut)
            disturb(number, .cut(cut))
        case .flap(let a, let b, let period):
            guard a != b else { return }
            flap(number, a, b, period: period)
        case .weather(let weather):
            network.add(weather, number: number)
            disturb(number, .all)
        case .lateContents(let perMille):
            lateness[number] = perMille
            disturb(number, .all)
        case .slow(let host, let period, let awake):
            hosts[host].slowness = .init(number: number, since: now, period: period, awake: awake)
            disturb(number, .host(host))
        case .kill(let victims):
            for host in victims {
                disturb(number, .host(host))
                kill(host)
            }
        case .restart(let host):
            disturb(number, .host(host))
            restart(host)
        case .wipe, .vanish, .corrupt: break
        case .full(let host):
            hosts[host].isFull = true
            disturb(number, .host(host))
        case .failingSync(let host):
            hosts[host].failsNextSync = hosts[host].state == .up
            disturb(number, .host(host))
        case .slowDisk(let host, let latency):
            hosts[host].syncLatencyMax = latency
            disturb(number, .host(host))
        case .rollback(let host):
            if hosts[host].isMember { snapshots[number] = hosts[host].synced }
        case .clockJump(let host, let by):
            hosts[host].wallOffset += by
            disturb(number, .host(host))
        default: rearrange(fault)
        }
    }

    private mutating func rearrange(_ fault: Fault) {
        switch fault.action {
        case .join(let host):
            // Where it is there already, one that left comes back.
            let isNew = hosts[host].state == .absent
            guard let joiner = isNew ? host : hosts.firstIndex(where: { $0.state == .left })
            else { return }
            beginMoving()
            start(joiner)
        case .leave(let host):
            let members = hosts.filter { $0.isMember && !$0.isLeaving }.count
            guard hosts[host].state == .up, !hosts[host].isLeaving,
                members > max(3, currentFactor)
            else { return }
            beginMoving()
            hosts[host].isLeaving = true
            _ = ask(host, .leave, .leaver(host))
        case .replicationFactor(let factor, let host):
            checkers.movedBytes.stop()
            if let host = upHost(host) {
                _ = ask(host, .setReplicationFactor(factor), .administrator)
            }
        case .setting(let value, let host):
            if let host = upHost(host) {
                let request = ClientRequest.setSetting(
                    key: SettingsReachAll.key, value: String(value))
                _ = ask(host, request, .setting(value))
            }
        default: break
        }
    }

    private mutating func cancelLeave(_ host: Int) {
        guard hosts[host].state == .up, hosts[host].isLeaving else { return }
        checkers.movedBytes.stop()
        _ = ask(host, .cancelLeave, .stayer(host))
    }

    /// A node that leaves may be gone before it has told anybody.
    private func upHost(_ wanted: Int) -> Int? {
        func isFit(_ host: Host) -> Bool { host.state == .up && !host.isLeaving }
        return isFit(hosts[wanted]) ? wanted : hosts.firstIndex(where: isFit)
    }

    mutating func faultEnds(_ number: Int) {
        // Once all is healed there is nothing left to end; a clock would be set back twice.
        guard phase == .running else { return }
        let fault = faults[number]
        trace.add(now, UInt64(number) << 8 | 9)
        calm(number)
        switch fault.action {
        case .cut, .flap: network.removeCut(number)
        case .weather: network.removeWeather(number)
        case .lateContents: lateness[number] = nil
        case .slow(let host, _, _):
            if hosts[host].slowness?.number == number { hosts[host].slowness = nil }
        case .kill(let victims):
            for host in victims where hosts[host].state == .down { start(host) }
        case .restart(let host): if hosts[host].state == .down { start(host) }
        case .full(let host): hosts[host].isFull = false
        case .failingSync(let host):
            hosts[host].failsNextSync = false
            if hosts[host].state == .down { start(host) }
        case .slowDisk(let host, _): hosts[host].syncLatencyMax = Host.usualSyncLatency
        case .rollback:
            waitingFaults.append(number)
            tryWaitingFaults()
        case .clockJump(let host, let by): hosts[host].wallOffset -= by
        case .wipe(let host): if hosts[host].state == .down { start(host) }
        case .leave(let host) where fault.length > 0: cancelLeave(host)
        case .vanish, .corrupt, .join, .leave, .replicationFactor, .setting: break
        }
    }

    /// The link is cut and mended in turns, from the fault's beginning to its end.
    private mutating func flap(_ number: Int, _ a: Int, _ b: Int, period: Nanoseconds) {
        var sides = [UInt8](repeating: 0, count: capacity)
        sides[a] = 1
        sides[b] = 2
        let cut = Network.Cut(
            number: number, sides: sides, cutsForth: true, cutsBack: true, period: period,
            since: now)
        network.add(cut)
        disturb(number, .cut(cut))
    }

    // MARK: Disks that are lost

    /// Disks go only when the promise allows it: until then the fault waits, to its end at most.
    mutating func tryWaitingFaults() {
        guard !waitingFaults.isEmpty else { return }
        var still: [Int] = []
        for number in waitingFaults {
            let fault = faults[number]
            let isRollback = snapshots[number] != nil
            if now > runningSince + fault.end + (isRollback ? World.rollbackWait : 0) {
                snapshots[number] = nil
                continue
            }
            switch fault.action {
            case .rollback(let host) where mayRollBack(host, number):
                statistics.injected(fault.kind)
                disturb(number, .host(host))
                calm(number)
                rollBack(host, number)
            case .rollback: if isRollback { still.append(number) }
            case .wipe(let host) where mayLose(host, forGood: false):
                statistics.injected(fault.kind)
                loseDisk(host)
                disturb(number, .host(host))
                hosts[host].replaceDisk(
                    NodeDisk(id: DiskID(using: &generators[host])), number: disks.count)
                disks.append(DiskFact(id: hosts[host].synced.id, host: host))
                let delay = generator.draw(.milliseconds(200) ... .seconds(20))
                queue.schedule(.faultEnds(Int32(number)), at: now + delay)
            case .vanish(let host) where mayLose(host, forGood: true):
                statistics.injected(fault.kind)
                loseDisk(host)
                disturb(number, .host(host))
                hosts[host].state = .gone
            case .corrupt(let host, let choice) where damage(host, choice):
                statistics.injected(fault.kind)
                disturb(number, .host(host))
                calm(number)
            case .wipe, .vanish, .corrupt: still.append(number)
            default: break
            }
        }
        waitingFaults = still
    }

    static let rollbackWait = Nanoseconds.seconds(90)

    /// The snapshot of the disk takes its place.
    private mutating func rollBack(_ host: Int, _ number: Int) {
        guard let snapshot = snapshots.removeValue(forKey: number) else { return }
        trace.add(now, "\(HostName.text(host)) is rolled back to epoch \(snapshot.epoch)")
        loseDisk(host)
        hosts[host].replaceDisk(snapshot, number: hosts[host].disk)
        start(host)
    }

    /// What was on the disk since the snapshot may be lost, and everybody who may be asked remembers
    /// that the disk had come farther: a disk that was rolled back by less than its epochs tell apart
    /// is noticed by nobody.
    private mutating func mayRollBack(_ host: Int, _ number: Int) -> Bool {
        guard let snapshot = snapshots[number], hosts[host].state == .up,
            snapshot.id == hosts[host].synced.id
        else { return false }
        let others = hosts.filter { $0.number != host && $0.isMember }
        let node = hosts[host].configuration.node
        guard !others.isEmpty,
            others.allSatisfy({
                $0.synced.epoch(of: node, disk: snapshot.id) ?? 0 > snapshot.epoch
            })
        else { return false }
        return mayLose(host, forGood: false)
    }

    private mutating func loseDisk(_ host: Int) {
        trace.add(now, "\(HostName.text(host)) loses its disk")
        kill(host)
        let number = hosts[host].disk
        disks[number].isIntact = false
        lostDisks.append(LostDisk(number: number, time: now, disk: hosts[host].synced))
        lossesOpen += 1
    }

    private mutating func mayLose(_ host: Int, forGood: Bool) -> Bool {
        guard hosts[host].isMember, !hosts[host].isLeaving else { return false }
        let members = hosts.count { $0.isMember && !$0.isLeaving }
        if forGood, members <= max(3, currentFactor) || members <= options.nodeCount - 2 {
            return false
        }
        if forGood, !leavesMajority(without: host) { return false }
        switch options.policy {
        case .majority:
            let factor = min(lowestFactor, members)
            return lossesOpen < 1 && (factor - 1) / 2 >= 1 && isSettledNow() && !hasDamage
        case .available: return hasCopiesElsewhere(host)
        }
    }

    /// Whether more than half of the members stay, as every node sees it: the others take the dead
    /// out, and no cluster can do that when most of it went at once.
    private func leavesMajority(without host: Int) -> Bool {
        var seen: Set<LayoutID> = []
        for other in brains.indices {
            guard let layout = brains[other]?.activeLayouts.last, seen.insert(layout.id).inserted
            else { continue }
            let staying = layout.members.count { member in
                let number = HostName.host(member.node)
                return number != host && hosts[number].isMember && !hosts[number].isLeaving
            }
            if 2 * staying <= layout.members.count { return false }
        }
        return true
    }

    /// Whether everything on the disk is on another one that stays: a node that holds a partition no
    /// more may be about to drop it, on the word of the very disk that goes.
    private mutating func hasCopiesElsewhere(_ host: Int) -> Bool {
        let tables = hosts[host].synced.tables
        for partition in tables.partitions {
            let staying = hosts.indices.filter { $0 != host && keepsPartition($0, partition) }
            for item in tables.contents(of: partition).0 {
                let register = item.register
                var versions = register.prepared + register.kept.map(\.version)
                if let head = register.head { versions.append(head) }
                if let accepted = register.ballot?.accepted { versions.append(accepted.version) }
                for version in versions {
                    let isElsewhere = staying.contains {
                        hosts[$0].synced.keeps(version, at: item.key)
                    }
                    if !isElsewhere { return false }
                }
            }
        }
        return true
    }

    /// Whether the host is there to stay and does not drop the partition: a holder by what it knows,
    /// or one that is down and would have to ask all holders again.
    mutating func keepsPartition(_ host: Int, _ partition: Partition) -> Bool {
        guard hosts[host].isMember, !hosts[host].isLeaving else { return false }
        guard let layout = brains[host]?.activeLayouts.last else { return true }
        var placement = placement(of: layout)
        let node = hosts[host].configuration.node
        return placement.holders(of: partition).contains { $0.node == node }
    }

    // MARK: Disturbances

    private mutating func disturb(_ fault: Int, _ scope: Disturbance.Scope) {
        disturbances.append(Disturbance(fault: fault, scope: scope, start: now))
        checkers.movedBytes.stop()
    }

    private mutating func calm(_ fault: Int) {
        for index in disturbances.indices
        where disturbances[index].fault == fault && disturbances[index].end == .max {
            disturbances[index].end = now
        }
    }

    mutating func calmAll() {
        for index in disturbances.indices where disturbances[index].end == .max {
            disturbances[index].end = now
        }
    }

    func wasDisturbed(since: Nanoseconds) -> Bool {
        disturbances.contains { $0.end >= since }
    }

    /// Whether something was wrong with one of the two or the link between them.
    func wasDisturbed(_ a: Int, _ b: Int, since: Nanoseconds) -> Bool {
        if hosts[a].startedAt >= since || hosts[b].startedAt >= since { return true }
        return disturbances.contains { disturbance in
            guard disturbance.end >= since else { return false }
            switch disturbance.scope {
            case .all: return true
            case .host(let host): return host == a || host == b
            case .cut(let cut): return cut.concerns(a, b)
            }
        }
    }
}
