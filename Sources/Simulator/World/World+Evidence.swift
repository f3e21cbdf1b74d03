import CRDT
import Cluster
import Model
import Placement
import Replication

// What the world knows and no node does, for checkers.
extension World {
    /// When some node's clock was off by nearly as much as makes it doubt, or more, and a while
    /// after: it may decide by it before it doubts.
    private var clockFaults: [ClosedRange<Nanoseconds>] {
        faults.compactMap { fault in
            guard case .clockJump(_, let by) = fault.action, by.magnitude > 50_000_000_000,
                !omissions.faults.contains(fault.number)
            else { return nil }
            let start = runningSince + fault.start
            return start...(start + fault.length + .seconds(10))
        }
    }

    var currentFactor: Int {
        hosts.lazy.compactMap { brains[$0.number]?.activeLayouts.last?.replicationFactor }.first
            ?? options.replicationFactor
    }

    /// Of all layouts in use anywhere.
    var lowestFactor: Int {
        var lowest = options.replicationFactor
        for node in brains {
            for layout in node?.activeLayouts ?? [] {
                lowest = min(lowest, layout.replicationFactor)
            }
        }
        return lowest
    }

    /// Whether more than half of the holders, in a layout that some node goes by, are among the
    /// disks in `holding`. One layout is enough: a write may have begun before the next one was
    /// heard of, and who takes over by that one reads a majority of this one first.
    mutating func isHeldByMajority(
        _ partition: Partition, holding: [Int], asked: Int
    ) -> Bool {
        var views: Set<Int> = [asked]
        for disk in holding { views.insert(disks[disk].host) }
        if hosts.count <= 32 { views.formUnion(hosts.indices) }
        let ids = holding.map { disks[$0].id }
        for view in views.sorted() {
            for layout in brains[view]?.activeLayouts ?? [] {
                var placement = placement(of: layout)
                let holders = placement.holders(of: partition)
                if holders.count(where: { ids.contains($0.disk) }) > holders.count / 2 {
                    return true
                }
            }
        }
        return false
    }

    /// A read under `available` was older than an acknowledged write: a broken promise where the
    /// reader's node could talk to one that has the newer version.
    mutating func examine(_ suspicion: NoStaleReads.Suspicion) {
        if options.policy == .majority {
            if mayComeLate(suspicion) { return }
            return report(suspicion.violation(at: now, why: ""))
        }
        guard suspicion.read.kind == .get, !isNewAfterTombstone(suspicion) else { return }
        let reader = suspicion.read.host
        let since = suspicion.read.invoked - NoStaleReads.fairTime
        for disk in suspicion.newer.holding {
            let host = disks[disk].host
            guard has(disk, suspicion.newer.version.dot, suspicion.read.path),
                hosts[host].state == .up,
                !wasDisturbed(reader, host, since: since),
                couldHandBack(host, suspicion.read.path, seenFrom: reader, since: since)
            else { continue }
            return report(
                suspicion.violation(
                    at: now, why: ": \(HostName.text(host)) had it and could be reached"))
        }
    }

    private func has(_ disk: Int, _ dot: Dot, _ path: StorePath) -> Bool {
        let host = hosts[disks[disk].host]
        return disks[disk].isIntact && host.disk == disk
            && host.synced.holds(dot, of: nil, at: .file(path))
    }

    /// The disks that had the newest known version of a file when it was acknowledged, and have it.
    func holdingNewest(_ path: StorePath) -> [Int] {
        guard options.policy == .available, let newest = checkers.noStaleReads.newest(at: path)
        else { return [] }
        return newest.holding.filter { has($0, newest.version.dot, path) }
    }

    /// A write whose outcome nobody knew yet may take effect after what is newer by its clock, and
    /// even after that was deleted. Whether the answers agree with that, the whole history says.
    private func mayComeLate(_ suspicion: NoStaleReads.Suspicion) -> Bool {
        guard case .read(let content, _) = suspicion.read.outcome,
            let put = history.put(content)
        else { return false }
        return put.answered > suspicion.newer.known
    }

    /// A deletion is known by its tombstone as long as that is there. What was written without
    /// knowing of the deletion, and comes from behind a cut when the tombstone has gone, is new.
    private func isNewAfterTombstone(_ suspicion: NoStaleReads.Suspicion) -> Bool {
        guard suspicion.newer.isRemoval, case .read(_, let version) = suspicion.read.outcome else {
            return false
        }
        let age = suspicion.read.invoked - suspicion.newer.known
        return age >= Nanoseconds(ClusterSettings().tombstoneRetention)
            && !suspicion.newer.version.context.contains(version.dot)
    }

    /// Where a cut made a node stand in that is none in the reader's layouts, the reader does not
    /// know to ask it: what it has is found once it could hand it back to the holders.
    private mutating func couldHandBack(
        _ host: Int, _ path: StorePath, seenFrom reader: Int, since: Nanoseconds
    ) -> Bool {
        guard host != reader else { return true }
        let node = hosts[host].configuration.node
        let partition = Partition(of: path)
        for layout in brains[reader]?.activeLayouts ?? [] {
            var placement = placement(of: layout)
            let holders = placement.holders(of: partition)
            if holders.contains(where: { $0.node == node }) { return true }
            if placement.handOffs(of: partition).contains(where: { $0.node == node }) {
                return true
            }
            for holder in holders
            where wasDisturbed(host, HostName.host(holder.node), since: since) {
                return false
            }
        }
        return true
    }

    // MARK: Final reads

    /// Files that each node reads at the end; what else there is it lists.
    private static let finalReadsMax = 40

    mutating func askFinalReads() {
        let up = hosts.indices.filter { hosts[$0].state == .up && !hosts[$0].isLeaving }
        // All nodes of a small cluster, some of a large one.
        let step = max(1, up.count / 12)
        let readers = stride(from: 0, to: up.count, by: step).map { up[$0] }
        var wanted: [FinalRead] = []
        for host in readers {
            for path in workload.files.prefix(World.finalReadsMax) {
                wanted.append(FinalRead(host: host, path: path, isListing: false))
            }
            for path in KeySpace.allDirectories {
                wanted.append(FinalRead(host: host, path: path, isListing: true))
            }
            for file in final.shadowed {
                guard let dot = file.head?.dot else { continue }
                wanted.append(
                    FinalRead(host: host, path: file.path, isListing: false, beside: dot))
            }
        }
        finalReads = wanted
        openFinalReads = wanted.count
        finalReadsSince = now
        for number in wanted.indices {
            let read = wanted[number]
            let request: ClientRequest =
                read.isListing
                ? .list(read.path, after: nil, limit: 1000)
                : .get(read.beside.map { read.path.beside($0) } ?? read.path, .checked)
            _ = ask(read.host, request, .finalRead(number))
        }
    }

    /// The reads at the end are part of the history as well.
    mutating func recordFinalReads() {
        for (index, read) in finalReads.enumerated() where !read.isListing && read.beside == nil {
            guard let answer = read.answer else { continue }
            var record = OperationRecord(
                client: -1, index: index, kind: .get, path: read.path, invoked: finalReadsSince)
            record.host = read.host
            record.outcome = Workload.outcome(answer)
            if record.outcome != .unknown { record.answered = now }
            _ = history.append(record)
        }
    }

    mutating func finish() {
        phase = .done
        let idleSeconds = Double(now - phaseSince) / 1e9
        let nodeCount = hosts.count { $0.state == .up }
        statistics.idleMessageRate =
            Double(statistics.messageCount - messagesBeforeIdle) / idleSeconds / Double(nodeCount)
        for read in finalReads {
            final.reads.append(
                FinalState.Read(
                    host: read.host, path: read.path, isListing: read.isListing,
                    beside: read.beside, outcome: read.answer.map(Workload.outcome) ?? .unknown))
        }
        for violation in FinalChecks.all(options, history, final, statistics) {
            report(violation)
        }
        checkers.undecidedPaths = ConditionalWritesAreExact.undecidedCount(history, options.policy)
    }

    mutating func finalState() -> FinalState {
        var final = FinalState(time: now)
        final.settleFailure = settleFailure
        let placement = newestPlacement()
        final.layout = placement?.layout
        final.clockFaults = clockFaults
        for path in workload.files {
            final.files.append(fileState(path, .file(path), placement))
        }
        for path in KeySpace.allDirectories {
            final.marks.append(fileState(path, .mark(path), placement))
        }
        for partition in partitionsInUse() {
            var state = FinalState.PartitionState(partition: partition)
            var placement = placement
            let holders = placement?.holders(of: partition) ?? []
            for host in hosts where host.isMember {
                let tables = host.synced.tables
                let isHolder = holders.contains { $0.disk == host.synced.id }
                if isHolder {
                    state.holders.append((host.number, tables.state(of: partition).contents))
                } else if tables.state(of: partition).sum != .zero {
                    state.strangers.append(host.number)
                }
            }
            final.partitions.append(state)
        }
        return final
    }

    private func fileState(
        _ path: StorePath, _ key: RegisterKey, _ placement: Placement?
    ) -> FinalState.File {
        var placement = placement
        let holders = placement?.holders(of: key.partition) ?? []
        var file = FinalState.File(path: path)
        file.holders = holders.map { HostName.host($0.node) }.sorted()
        for host in hosts where host.isMember {
            let context = host.synced.tables.state(of: key.partition).context
            let register = host.synced.tables.register(key)
            guard register != nil || !context.isEmpty else { continue }
            file.copies.append(
                FinalState.Copy(
                    host: host.number, register: register ?? Register(), context: context,
                    bad: host.synced.damagedDots(at: key)))
        }
        return file
    }
}

extension NodeDisk {
    /// The disk's own epoch.
    var epoch: UInt64 { meta[.epoch]?.reduce(0) { $0 << 8 | UInt64($1) } ?? 0 }

    /// What is durable here of another node's disk.
    func epoch(of node: NodeID, disk: DiskID) -> UInt64? {
        var writer = ByteWriter(capacity: 64)
        CRDT.EntryKey.register(node).encode(into: &writer)
        guard let bytes = meta[.state(writer.bytes)],
            let delta = unsafe try? Delta(decoding: bytes.span.bytes)
        else { return nil }
        for case .register(let register) in delta.entries where register.disk == disk {
            return register.facts.epoch
        }
        return nil
    }

    /// The value of a setting of the cluster, as it is durable here.
    func setting(_ key: String) -> String? {
        var writer = ByteWriter(capacity: 64)
        CRDT.EntryKey.setting(key).encode(into: &writer)
        guard let bytes = meta[.state(writer.bytes)],
            let delta = unsafe try? Delta(decoding: bytes.span.bytes)
        else { return nil }
        for case .setting(let setting) in delta.entries { return setting.value }
        return nil
    }
}
