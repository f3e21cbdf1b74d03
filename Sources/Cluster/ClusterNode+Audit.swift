import Membership
import Model
import Replication

/// One question of an audit.
enum Audit: Sendable {
    /// Does the directory know of the file's newest version?
    case file(StorePath, Rank)
    /// Does the parent know of the directory?
    case child(StorePath, Existence)
    /// Does the file that the entry lists still exist, in that version?
    case entry(KeyedEntry)
    /// Does the directory that the entry lists still exist?
    case directory(KeyedEntry)
}

// Entries are derived: whatever went wrong on the way (a row of the outbox on a disk that was
// wiped, a node that came back with an old entry), comparing them with what they are derived from
// puts it right. One partition after the other, by the first of its holders that is there.
extension ClusterNode {
    mutating func auditNext(_ turn: inout Turn) {
        guard layouts.newest != nil, !configuration.canaries.contains(.forgetsEntries) else {
            return
        }
        let all = sums.all
        let next = upkeep.audited.flatMap { last in all.first { last < $0.partition } } ?? all.first
        guard let partition = next?.partition else { return }
        upkeep.audited = partition
        let holders = layouts.targets(for: partition).layouts.last ?? []
        guard holders.first(where: { isReachable($0.node) })?.node == configuration.node else {
            return
        }
        ask(self: .audit(partition), .upkeep(.audit), &turn)
    }

    mutating func audit(
        _ files: [AuditedFile], _ directories: [AuditedDirectory], _ entries: [KeyedEntry],
        _ turn: inout Turn
    ) {
        for file in files {
            guard let key = Replication.EntryKey(of: file.path) else { continue }
            question(
                .readEntry(key), at: key.partition, .file(file.path, file.rank), &turn)
        }
        for directory in directories where directory.existence.exists {
            guard let key = Replication.EntryKey(of: directory.path) else { continue }
            question(
                .readEntry(key), at: key.partition, .child(directory.path, directory.existence),
                &turn)
        }
        for item in entries {
            guard let child = item.key.child else { continue }
            if item.entry.file != nil {
                question(.read(.file(child)), at: Partition(of: child), .entry(item), &turn)
            }
            if item.entry.directory != nil {
                question(
                    .list(child, after: nil, limit: 1, withGone: false),
                    at: Partition(of: child), .directory(item), &turn)
            }
        }
    }

    /// Whether an entry was found wrong before, and is still the same: what is merely under way
    /// has arrived by then. By what was seen here, not by the entry's own clock, which may be wrong.
    private mutating func isRipe(_ item: KeyedEntry, _ turn: Turn) -> Bool {
        let now = turn.now.monotonic
        if let found = upkeep.wrongEntries[item.key], found.entry == item.entry {
            guard now - found.since >= ClusterLimits.auditAge else { return false }
            upkeep.wrongEntries[item.key] = nil
            return true
        }
        if upkeep.wrongEntries.count >= ClusterLimits.wrongEntriesMax { upkeep.wrongEntries = [:] }
        upkeep.wrongEntries[item.key] = .init(entry: item.entry, since: now)
        return false
    }

    private mutating func question(
        _ request: ReplicaRequest, at partition: Partition, _ audit: Audit, _ turn: inout Turn
    ) {
        let holders = layouts.targets(for: partition).layouts.last ?? []
        guard let holder = holders.first(where: { isReachable($0.node) }) else { return }
        ask(
            holder.node, request, layouts: layouts.digest,
            timeout: ClusterLimits.backgroundTimeout, .audit(audit), &turn)
    }

    mutating func resumeAudit(_ audit: Audit, _ answer: Answer, _ turn: inout Turn) {
        guard case .replica(let reply) = answer else { return }
        switch (audit, reply) {
        case (.file(let path, let rank), .entry(let entry, _)):
            if entry?.file.map({ $0.rank < rank }) ?? true {
                ask(self: .addOutbox(.file(path)), .nothing, &turn)
            }
        case (.child(let path, let existence), .entry(let entry, _)):
            auditParent(of: path, existence, entry, &turn)
        case (.entry(let item), .register(let register, let context)):
            auditFileSlot(item, register, context, &turn)
        case (.directory(let item), .listing(_, let existence, _)):
            auditDirectorySlot(item, existence, &turn)
        default: break
        }
    }

    /// A directory that its parent does not list. (One that the parent lists and that is gone is
    /// found from the parent's side.)
    private mutating func auditParent(
        of path: StorePath, _ existence: Existence, _ entry: DirectoryEntry?, _ turn: inout Turn
    ) {
        guard let key = Replication.EntryKey(of: path), let rank = existence.rank,
            entry?.directory?.exists != true,
            isRipe(KeyedEntry(key: key, entry: entry ?? DirectoryEntry()), turn)
        else { return }
        let old = entry?.directory
        let isNewer = old.map { $0.rank < rank } ?? true
        correct(
            key,
            DirectoryEntry(
                directory: .init(
                    rank: isNewer ? rank : old?.rank ?? rank, exists: true,
                    correction: isNewer ? 0 : (old?.correction ?? 0) + 1)),
            &turn)
    }

    private mutating func auditFileSlot(
        _ item: KeyedEntry, _ register: Register, _ context: PartitionContext, _ turn: inout Turn
    ) {
        guard let slot = item.entry.file else { return }
        if let head = register.head {
            // A version that ranks above the newest, and is known to be gone, was deleted long ago
            // under a clock that was ahead.
            let isGone = head.rank < slot.rank && context.contains(slot.rank.dot)
            guard slot.rank < head.rank || slot.record != head.record,
                slot.rank <= head.rank || isGone, isRipe(item, turn)
            else { return }
            let isOlder = slot.rank < head.rank
            return correct(
                item.key,
                DirectoryEntry(
                    file: .init(
                        rank: isOlder ? head.rank : slot.rank, record: head.record,
                        correction: isOlder ? 0 : slot.correction + 1)),
                &turn)
        }
        // The holder has seen that very version, and it is gone without a trace: removed for good.
        guard context.contains(slot.rank.dot), register.prepared.isEmpty, isRipe(item, turn)
        else { return }
        if slot.record != nil {
            correct(
                item.key,
                DirectoryEntry(
                    file: .init(
                        rank: slot.rank, record: nil, correction: slot.correction + 1)),
                &turn)
        } else if !item.entry.isLive {
            drop(item, &turn)
        }
    }

    private mutating func auditDirectorySlot(
        _ item: KeyedEntry, _ existence: Existence, _ turn: inout Turn
    ) {
        guard let slot = item.entry.directory else { return }
        if existence.exists == slot.exists {
            if !item.entry.isLive, isRipe(item, turn) { drop(item, &turn) }
            return
        }
        guard isRipe(item, turn) else { return }
        let isNewer = existence.rank.map { slot.rank < $0 } ?? false
        correct(
            item.key,
            DirectoryEntry(
                directory: .init(
                    rank: isNewer ? existence.rank ?? slot.rank : slot.rank,
                    exists: existence.exists, correction: isNewer ? 0 : slot.correction + 1)),
            &turn)
    }

    private mutating func correct(
        _ key: Replication.EntryKey, _ entry: DirectoryEntry, _ turn: inout Turn
    ) {
        for holder in layouts.targets(for: key.partition).holders {
            tell(holder.node, .putEntry(key, entry), &turn)
        }
    }

    /// The trace of a name that is gone goes when all holders are there to let it go.
    private mutating func drop(_ item: KeyedEntry, _ turn: inout Turn) {
        let holders = layouts.targets(for: item.key.partition).holders
        guard layouts.all.count == 1, holders.allSatisfy({ isReachable($0.node) }) else { return }
        for holder in holders { tell(holder.node, .dropEntry(item.key, item.entry), &turn) }
    }
}
