import Cluster
import Model
import Placement
import Replication

// The course of a run: the cluster forms, clients and faults go on, everything heals and settles,
// everybody reads, and nobody does anything for a while.
extension World {
    static let formingTimeMax: Nanoseconds = .seconds(240)
    static let idleTime: Nanoseconds = .seconds(10)
    /// Above the time in which nodes answer their clients.
    static let finalReadTime: Nanoseconds = .seconds(25)

    mutating func look() {
        switch phase {
        case .forming: form()
        case .running: watch()
        case .quiet: awaitSettled()
        case .reading:
            if openFinalReads == 0 || now > phaseSince + World.finalReadTime {
                recordFinalReads()
                messagesBeforeIdle = statistics.messageCount
                enter(.idling)
            }
        case .idling:
            if now >= phaseSince + World.idleTime { finish() }
        case .done: return
        }
        sample()
        queue.schedule(.look, at: now + World.lookInterval)
    }

    private mutating func enter(_ next: Phase) {
        phase = next
        phaseSince = now
        trace.add(now, "\(next)")
    }

    // MARK: Forming

    private mutating func form() {
        guard now >= .seconds(3) + .milliseconds(20) * Int64(options.nodeCount) else { return }
        if now > World.formingTimeMax {
            report(
                Violation(
                    "SettingsReachAll", at: now,
                    "the cluster did not form: " + unsettledText().joined(separator: "; ")))
            phase = .done
            return
        }
        switch formingStep {
        case .starting:
            formingStep = .settings(0)
            askToSet(0)
        case .settings, .factor: break
        case .waiting:
            guard hasFormed(),
                hosts.allSatisfy({ host in
                    host.state != .up
                        || options.settings.allSatisfy { host.synced.setting($0.key) == $0.value }
                })
            else { return }
            runningSince = now
            statistics.formedAfter = now
            enter(.running)
            scheduleFaults()
            startClients()
        }
    }

    private func hasFormed() -> Bool {
        guard let layout = commonLayout() else { return false }
        return layout.members.count == options.nodeCount
            && layout.replicationFactor == options.replicationFactor
            && hosts.allSatisfy { $0.number >= options.nodeCount || $0.state == .up }
    }

    mutating func administratorAnswered(_ answer: ClientAnswer) {
        guard phase == .forming else { return }
        guard case .done = answer else {
            formingStep = .starting
            return
        }
        switch formingStep {
        case .settings(let number) where number + 1 < options.settings.count:
            formingStep = .settings(number + 1)
            askToSet(number + 1)
        case .settings:
            formingStep = .factor
            _ = ask(0, .setReplicationFactor(options.replicationFactor), .administrator)
        case .factor: formingStep = .waiting
        case .starting, .waiting: break
        }
    }

    private mutating func askToSet(_ number: Int) {
        let (key, value) = options.settings[number]
        _ = ask(0, .setSetting(key: key, value: value), .administrator)
    }

    mutating func settingAnswered(_ value: Int, _ answer: ClientAnswer) {
        if case .done = answer { checkers.settingsReachAll.set(String(value), at: now) }
    }

    // MARK: Running

    private mutating func watch() {
        tryWaitingFaults()
        endRestarts()
        if lossesOpen > 0, isSettledNow(), !hasDamage { lossesOpen = 0 }
        watchMoves()
        let end = min(options.length, omissions.end ?? .max)
        if now >= runningSince + end { heal() }
    }

    private mutating func watchMoves() {
        guard checkers.movedBytes.isOpen, now >= checkers.movedBytes.since + .seconds(3),
            isSettledNow(), let placement = newestPlacement()
        else { return }
        report(
            checkers.movedBytes.settled(
                holders: holdersOfFiles(placement), at: now))
    }

    /// A join or a leave without faults: what it moves is counted from here.
    mutating func beginMoving() {
        guard options.faults.isSubset(of: .membership), isSettledNow(),
            let placement = newestPlacement()
        else { return checkers.movedBytes.stop() }
        checkers.movedBytes.begin(
            holders: holdersOfFiles(placement), at: now)
    }

    /// Of each live file, in the order of paths: the hosts that are to hold it.
    private func holdersOfFiles(_ placement: Placement) -> [[Int]] {
        var placement = placement
        return workload.files.map { path in
            let holders = placement.holders(of: Partition(of: path))
                .map { HostName.host($0.node) }.sorted()
            let isLive = holders.contains {
                hosts[$0].synced.tables.register(.file(path))?.isLive == true
            }
            return isLive ? holders : []
        }
    }

    private mutating func sample() {
        lostDisks.removeAll { $0.time < now - .seconds(30) }
        damages.removeAll { $0.time < now - .seconds(30) }
        forgotten.removeAll { $0.time < now - .seconds(60) }
        for _ in 0..<min(4, hosts.count) {
            sampledHost = (sampledHost + 1) % hosts.count
            guard let node = brains[sampledHost] else { continue }
            report(
                checkers.bounded.sampled(
                    sampledHost, node.sizes, pendingCount: hosts[sampledHost].pending.count,
                    at: now))
        }
        report(
            checkers.bounded.underWay(
                envelopes.count, nodeCount: hosts.indices.count { hosts[$0].state == .up }, at: now)
        )
        guard phase == .running else { return }
        if checkers.settingsReachAll.isDue(now) {
            let isHealthy = !wasDisturbed(since: now - .seconds(15))
            let values = hosts.filter { $0.state == .up && $0.startedAt < now - .seconds(15) }
                .map { ($0.number, $0.synced.setting(SettingsReachAll.key)) }
            report(checkers.settingsReachAll.look(values, isHealthy: isHealthy, at: now))
        }
        let up = hosts.indices.filter { hosts[$0].state == .up }
        report(checkers.deadIsKnown.look(up: up, at: now))
    }

    // MARK: The end

    /// All faults are over, and everybody who is not gone comes up.
    private mutating func heal() {
        enter(.quiet)
        for cut in network.cuts { network.removeCut(cut.number) }
        for weather in network.weathers where weather.number >= 0 {
            network.removeWeather(weather.number)
        }
        lateness = [:]
        calmAll()
        for host in hosts.indices {
            hosts[host].slowness = nil
            hosts[host].failsNextSync = false
            hosts[host].syncLatencyMax = Host.usualSyncLatency
            hosts[host].wallOffset = 0
            if hosts[host].isFull { hosts[host].isFull = false }
            if hosts[host].state == .down { start(host) }
        }
        waitingFaults = []
    }

    private mutating func awaitSettled() {
        let isOver = now >= phaseSince + options.settlingMax
        let areClientsDone = clients.allSatisfy {
            $0.stage != .waiting && $0.stage != .pausing
        }
        // Nodes look once a second for what they hold no more: what a late message brought counts.
        let leavers = hosts.filter { $0.isMember && $0.isLeaving }.map(\.number)
        settledSince =
            areClientsDone && leavers.isEmpty && isSettledNow() && !hasDamage
            ? settledSince ?? now : nil
        let isSettled = settledSince.map { now - $0 >= Self.settledTime } ?? false
        guard isSettled && listsNothingGone() || isOver else { return }
        report(LeaversHandOver.atTheEnd(leavers, at: now))
        let old = hosts.filter { $0.isMember && !disks[$0.disk].isIntact }.map(\.number)
        report(RolledBackDisksAreNew.atTheEnd(old, at: now))
        if !isSettled {
            let reasons = unsettledText() + damageText
            settleFailure = reasons.isEmpty ? disagreementText() : reasons
        }
        statistics.settledAfter = now - phaseSince
        // Before the reads, which mend what they find.
        final = finalState()
        askFinalReads()
        enter(.reading)
    }

    /// Whether no directory lists a file or a directory that is nowhere: an old entry that came back is
    /// found by the next audit, in its turn.
    private func listsNothingGone() -> Bool {
        let members = hosts.indices.filter { hosts[$0].isMember }
        func isLive(_ path: StorePath) -> Bool {
            members.contains { hosts[$0].synced.tables.register(.file(path))?.isLive == true }
        }
        func exists(_ path: StorePath) -> Bool {
            members.contains { host in
                let tables = hosts[host].synced.tables
                return tables.register(.mark(path))?.isLive == true
                    || !tables.entries(in: path, after: nil, limit: 1, withGone: false).isEmpty
            }
        }
        return members.allSatisfy { host in
            KeySpace.allDirectories.allSatisfy { directory in
                hosts[host].synced.tables.entries(
                    in: directory, after: nil, limit: .max, withGone: false
                ).allSatisfy { item in
                    guard let child = item.key.child else { return true }
                    return (item.entry.file?.record == nil || isLive(child))
                        && (item.entry.directory?.exists != true || exists(child))
                }
            }
        }
    }

    /// Every node that is up is in one layout, has what it should have and nothing else, and knows
    /// of nothing left to do.
    func isSettledNow() -> Bool {
        guard let layout = commonLayout() else { return false }
        for host in hosts.indices where hosts[host].isMember {
            guard hosts[host].state == .up, brains[host]?.isSettled == true else {
                return false
            }
            let member = layout.member(hosts[host].configuration.node)
            let wanted = hosts[host].isLeaving ? nil : hosts[host].synced.id
            if member?.disk != wanted { return false }
        }
        let expected = hosts.indices.count { hosts[$0].isMember && !hosts[$0].isLeaving }
        return layout.members.count == expected && replicasAgree(layout)
    }

    /// The one layout that all nodes that are up go by.
    private func commonLayout() -> Layout? {
        var common: Layout?
        for host in hosts where host.state == .up {
            guard let layouts = brains[host.number]?.activeLayouts, layouts.count == 1 else {
                return nil
            }
            if let common, common.id != layouts[0].id { return nil }
            common = layouts[0]
        }
        return common
    }

    private static let settledTime = Nanoseconds(ClusterLimits.upkeepInterval) + .milliseconds(500)

    private func replicasAgree(_ layout: Layout) -> Bool {
        var placement = placements[layout.id] ?? Placement(layout)
        for partition in partitionsInUse() {
            var sum: Fingerprint?
            for member in placement.holders(of: partition) {
                let host = hosts[HostName.host(member.node)]
                let own = host.synced.tables.state(of: partition).contents
                if let sum, sum != own { return false }
                sum = own
            }
        }
        return true
    }

    func partitionsInUse() -> [Partition] {
        var all: Set<Partition> = []
        for host in hosts where host.isMember {
            all.formUnion(host.synced.tables.partitions)
        }
        return all.sorted()
    }

    mutating func newestPlacement() -> Placement? {
        guard let layout = commonLayout() else { return nil }
        return placement(of: layout)
    }

    mutating func placement(of layout: Layout) -> Placement {
        if let known = placements[layout.id] { return known }
        var placement = Placement(layout)
        for path in workload.files { _ = placement.order(of: Partition(of: path)) }
        placements[layout.id] = placement
        return placement
    }

    /// Each node has nothing left to do, and yet: what differs.
    private func disagreementText() -> [String] {
        guard let layout = commonLayout() else { return ["nodes go by different layouts"] }
        let members = Set(layout.members.map(\.node))
        let expected = Set(
            hosts.filter { $0.isMember && !$0.isLeaving }.map(\.configuration.node))
        if members != expected {
            let names = members.symmetricDifference(expected).map(\.name).sorted()
            return ["the layout has \(names.joined(separator: ", ")) wrong"]
        }
        var placement = placements[layout.id] ?? Placement(layout)
        let differing = partitionsInUse().filter { partition in
            let sums = placement.holders(of: partition).map {
                hosts[HostName.host($0.node)].synced.tables.state(of: partition).contents
            }
            return Set(sums).count > 1
        }
        let numbers = differing.prefix(8).map { String($0.number) }.joined(separator: ", ")
        return ["holders differ in partitions \(numbers)"]
    }

    func unsettledText() -> [String] {
        var reasons: [String] = []
        for host in hosts where host.isMember {
            let name = HostName.text(host.number)
            guard let node = brains[host.number] else {
                reasons.append("\(name) is down")
                continue
            }
            let layouts = node.activeLayouts
            if node.isSettled && layouts.count == 1 { continue }
            let sizes = node.sizes.filter { $0.count > 0 }
                .map { "\($0.name) \($0.count)" }.joined(separator: ", ")
            reasons.append(
                "\(name): \(layouts.count) layouts of"
                    + " \(layouts.map { String($0.members.count) }.joined(separator: "/")) members,"
                    + " \(node.isSettled ? "settled" : "not settled") (\(sizes))")
        }
        return reasons.count > 8 ? Array(reasons.prefix(8)) + ["…"] : reasons
    }
}
