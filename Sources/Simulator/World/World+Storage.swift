import Cluster
import Model
import Replication

/// A request of a node to its own disk, which waits for contents.
struct LateRequest {
    let host: Int
    let life: UInt32
    let ticket: StorageTicket
    let request: StorageRequest
}

// Disks: what is written at once, and durable with the next sync.
extension World {
    mutating func store(_ request: StorageRequest, _ ticket: StorageTicket, _ host: Int) {
        if case .replica(let replica) = request, let delay = lateDelay(of: replica.neededContents) {
            let late = LateRequest(
                host: host, life: hosts[host].life, ticket: ticket, request: request)
            return queue.schedule(.contentsCame(lateRequests.add(late)), at: now + delay)
        }
        execute(request, ticket, host)
    }

    /// How long something waits for the contents that it names; nil where these are there.
    mutating func lateDelay(of contents: NamedContents) -> Nanoseconds? {
        guard let perMille = lateness.values.max(), !contents.isEmpty,
            generator.chance(perMille: perMille)
        else { return nil }
        return generator.draw(.milliseconds(1) ... .seconds(4))
    }

    mutating func contentsCame(_ late: LateRequest) {
        guard hosts[late.host].life == late.life, hosts[late.host].state == .up else { return }
        execute(late.request, late.ticket, late.host)
    }

    private mutating func execute(
        _ request: StorageRequest, _ ticket: StorageTicket, _ host: Int
    ) {
        let at = Duration.nanoseconds(now + hosts[host].monotonicOffset)
        noteCopies(request, host)
        // What only reads is answered with what is durable; in between, by what was written.
        let isAhead = hosts[host].durability.isClosed && request.isShortQuestion
        let answer =
            request.changes || isAhead
            ? hosts[host].written.execute(request, at: at)
            : hosts[host].synced.execute(request, at: at)
        statistics.storageCount += 1
        noteMade(request, answer)
        if case .replica(let request) = request, request.changes {
            trace.add(now, "\(HostName.text(host)) writes \(request.traceText)")
        }
        guard request.changes else {
            let slot = reads.add(
                ReadAnswer(
                    host: host, life: hosts[host].life, ticket: ticket, answer: answer,
                    number: isAhead ? hosts[host].writeCount : 0))
            let delay = generator.draw(.microseconds(50) ... .microseconds(500))
            queue.schedule(.answered(slot), at: now + delay)
            return
        }
        hosts[host].writeCount += 1
        let number = hosts[host].writeCount
        hosts[host].pending.append(
            PendingWrite(
                ticket: ticket, request: request, answer: answer, at: at,
                isFull: hosts[host].isFull, number: number))
        if hosts[host].syncingCount == 0 { beginSync(host) }
        if options.answersAhead, request.isStep, generator.chance(perMille: 700) {
            let delay = generator.draw(.microseconds(5) ... .microseconds(500))
            queue.schedule(
                .answeredAhead(
                    host: Int32(host), life: hosts[host].life,
                    number: UInt32(truncatingIfNeeded: number)),
                at: now + delay)
        }
    }

    /// The node goes on with what is not durable yet.
    mutating func answeredAhead(_ host: Int, _ life: UInt32, _ number: UInt64) {
        guard hosts[host].life == life, hosts[host].state == .up,
            let first = hosts[host].pending.first?.number, number >= first
        else { return }
        // All up to there, in their order.
        for index in 0...Int(number - first) {
            // What it does may end its life.
            guard hosts[host].life == life else { return }
            if hosts[host].pending[index].isTold { continue }
            hosts[host].pending[index].isTold = true
            let write = hosts[host].pending[index]
            hosts[host].durability.isAhead(write.number)
            let time = time(of: host)
            brains[host]?.stored(
                write.ticket, write.answer, time, using: &generators[host], into: &directives)
            perform(host)
        }
    }

    private mutating func beginSync(_ host: Int) {
        let latency = generator.draw(.microseconds(500)...hosts[host].syncLatencyMax)
        hosts[host].syncingCount = hosts[host].pending.count
        queue.schedule(
            .synced(host: Int32(host), life: hosts[host].life), at: now + latency)
    }

    mutating func syncEnded(_ host: Int, _ life: UInt32) {
        guard hosts[host].life == life, hosts[host].state == .up else { return }
        statistics.syncCount += 1
        if hosts[host].failsNextSync {
            trace.add(now, "\(HostName.text(host)) could not sync")
            return kill(host, losingAll: generator.chance(perMille: 500))
        }
        let count = hosts[host].syncingCount
        let batch = Array(hosts[host].pending.prefix(count))
        hosts[host].pending.removeFirst(count)
        hosts[host].syncingCount = 0
        for write in batch {
            noteForgetting(write.request, host)
            let again = hosts[host].executeSynced(write)
            checkAgreement(write, again, host)
        }
        if !hosts[host].pending.isEmpty { beginSync(host) }
        if let last = batch.last { release(host, upTo: last.number) }
        for write in batch where !write.isTold {
            let time = time(of: host)
            brains[host]?.stored(
                write.ticket, write.answer, time, using: &generators[host], into: &directives)
            perform(host)
        }
    }

    mutating func readAnswered(_ read: ReadAnswer) {
        guard hosts[read.host].life == read.life, hosts[read.host].state == .up else { return }
        hosts[read.host].durability.isAhead(read.number)
        let time = time(of: read.host)
        brains[read.host]?.stored(
            read.ticket, read.answer, time, using: &generators[read.host], into: &directives)
        perform(read.host)
    }

    /// The same request on the same tables must say the same: else the rules of one disk look at
    /// something that is not on it.
    private mutating func checkAgreement(
        _ write: PendingWrite, _ again: StorageAnswer, _ host: Int
    ) {
        guard case .replica(let first) = write.answer, case .replica(let second) = again,
            first.changes != second.changes
        else { return }
        report(
            Violation(
                "SyncedEqualsWritten", at: now,
                "\(HostName.text(host)): the same request changed the disk in two ways"))
    }

    // MARK: Evidence

    /// The disks on which a version is durable: as head, kept, prepared or accepted; or spent, since
    /// something that knew it superseded it.
    func disksHolding(
        _ dot: Dot, of operation: OperationID?, at key: RegisterKey
    ) -> [Int] {
        var result: [Int] = []
        for host in hosts where host.state != .absent {
            guard host.synced.holds(dot, of: operation, at: key) else { continue }
            // What is known to be bad counts for nobody.
            if host.synced.tables.register(key)?.damaged.contains(dot) == true,
                !wasJustDamaged(dot, at: key, on: host.disk)
            {
                continue
            }
            result.append(host.disk)
        }
        for lost in lostDisks where lost.disk.holds(dot, of: operation, at: key) {
            result.append(lost.number)
        }
        return result
    }

    private mutating func noteMade(_ request: StorageRequest, _ answer: StorageAnswer) {
        guard case .replica(let outcome) = answer, case .replica(let asked) = request else {
            return
        }
        if case .dropEntry(let key, _) = asked, case .done = outcome.reply, let path = key.child {
            history.noteTraceDropped(of: path, at: now)
        }
        guard case .assigned(let version, _) = outcome.reply else { return }
        switch asked.plain {
        case .assign(let assignment) where assignment.key.kind == .file,
            .mint(let assignment, _) where assignment.key.kind == .file:
            history.noteMade(
                version.version, by: version.operation, of: assignment.key.path)
        default: break
        }
    }

    /// Counts files that come to a disk from others, for the bytes that a change of the layout
    /// moves.
    private mutating func noteCopies(_ request: StorageRequest, _ host: Int) {
        guard case .replica(.merge(_, let registers, _, _, _)) = request else { return }
        for item in registers where item.key.kind == .file {
            guard let head = item.register.head, !head.value.isDeleted else { continue }
            let isThere = hosts[host].written.holds(head.dot, of: nil, at: item.key)
            if isThere { continue }
            statistics.copiesMade += 1
            let wall = Nanoseconds(head.version.time.wallMilliseconds) * 1_000_000
            checkers.movedBytes.copied(madeAt: wall - Host.wallStart)
        }
    }

    /// A disk drops a partition: enough others must have what is in it.
    private mutating func noteForgetting(_ request: StorageRequest, _ host: Int) {
        guard case .replica(.forget(let partition, let sum)) = request,
            hosts[host].synced.tables.state(of: partition).sum == sum
        else { return }
        let (registers, _) = hosts[host].synced.tables.contents(of: partition)
        // It is refused then: nobody has a good copy.
        guard registers.allSatisfy(\.register.damaged.isEmpty) else { return }
        forgotten.append((time: now, partition: partition, disk: hosts[host].disk))
        var counts: [(StorePath, Int)] = []
        for item in registers where item.key.kind == .file {
            guard let head = item.register.head, !head.value.isDeleted else { continue }
            var count = 0
            for other in hosts where other.number != host && other.state != .absent {
                if other.state == .gone { continue }
                guard other.synced.holds(head.dot, of: head.operation, at: item.key),
                    !other.synced.damagedDots(at: item.key).contains(head.dot)
                        || wasJustDamaged(head.dot, at: item.key, on: other.disk)
                else { continue }
                count += 1
            }
            counts.append((item.key.path, count))
        }
        // Who leaves, or was taken out, does not count: by the layout that the dropping node is in.
        let members = brains[host]?.activeLayouts.last?.members ?? []
        let memberCount = members.count { $0.node != hosts[host].configuration.node }
        report(
            NeverBelowMinimum.dropped(
                by: host, counts: counts,
                factor: brains[host]?.activeLayouts.last?.replicationFactor ?? 1,
                memberCount: memberCount, lostDiskCount: lostDisks.count, at: now))
    }
}

extension Host {
    mutating func executeSynced(_ write: PendingWrite) -> StorageAnswer {
        let isFullNow = synced.tables.isFull
        synced.tables.isFull = write.isFull
        defer { synced.tables.isFull = isFullNow }
        return synced.execute(write.request, at: write.at)
    }
}

extension NodeDisk {
    func holds(_ dot: Dot, of operation: OperationID?, at key: RegisterKey) -> Bool {
        if let register = tables.register(key) {
            if register.contains(dot) || register.ballot?.accepted?.version.dot == dot {
                return true
            }
            if let operation, register.version(of: operation) != nil { return true }
            if register.covers(dot) { return true }
        }
        return tables.state(of: key.partition).context.contains(dot)
    }
}

extension Register {
    /// Whether a version here was made in knowledge of `dot`: then it has taken its place.
    func covers(_ dot: Dot) -> Bool {
        func isCovering(_ version: RegisterVersion) -> Bool {
            version.dot != dot && version.version.context.contains(dot)
        }
        if let head, isCovering(head) { return true }
        if let accepted = ballot?.accepted?.version, isCovering(accepted) { return true }
        return prepared.contains(where: isCovering)
            || kept.contains { isCovering($0.version) }
    }
}
