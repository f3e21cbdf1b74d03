import Membership
import Model
import Replication

/// One question of an audit.
enum Audit: Sendable {
    /// Does the directory know of the file's newest version, and whether it is there?
    case file(AuditedFile)
    /// Does the parent know of the directory?
    case child(StorePath, Existence)
    /// Does the file that the entry lists still exist, in that version?
    case entry(KeyedEntry)
    /// Does the directory that the entry lists still exist?
    case directory(KeyedEntry)
    /// The trace of a name that is gone for good, asked of the directory's own holders.
    case trace(KeyedEntry)
    /// One holder's answer to a question that is asked of all.
    case verification(UInt64)
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
        let again = upkeep.takeDueAgain(before: turn.now.monotonic - ClusterLimits.auditAge)
        let next = upkeep.audited.flatMap { last in all.first { last < $0.partition } } ?? all.first
        let due = again ?? upkeep.auditDue.min()
        guard let partition = due ?? next?.partition else { return }
        if due == nil { upkeep.audited = partition }
        upkeep.auditDue.remove(partition)
        let holders = layouts.targets(for: partition).layouts.last ?? []
        let own = configuration.node
        // What came from other disks is looked at where it came; all the rest by one holder.
        let isOwn =
            due == nil
            ? holders.first(where: { isReachable($0.node) })?.node == own
            : holders.contains { $0.node == own }
        guard isOwn else { return }
        ask(self: .audit(partition), .upkeep(.audit), &turn)
    }

    mutating func audit(
        _ files: [AuditedFile], _ directories: [AuditedDirectory], _ entries: [KeyedEntry],
        _ turn: inout Turn
    ) {
        for file in files {
            guard let key = Replication.EntryKey(of: file.path) else { continue }
            question(.readEntry(key), at: key.partition, .file(file), &turn)
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

    private mutating func question(
        _ request: ReplicaRequest, at partition: Partition, _ audit: Audit, _ turn: inout Turn
    ) {
        let holders = layouts.targets(for: partition).layouts.last ?? []
        guard let holder = holders.first(where: { isReachable($0.node) }) else {
            return unanswered(audit, turn)
        }
        ask(
            holder.node, request, layouts: layouts.digest,
            timeout: ClusterLimits.backgroundTimeout, .audit(audit), &turn)
    }

    mutating func resumeAudit(_ audit: Audit, _ answer: Answer, _ turn: inout Turn) {
        if case .verification(let id) = audit { return resumeVerification(id, answer, &turn) }
        guard case .replica(let reply) = answer else { return unanswered(audit, turn) }
        switch (audit, reply) {
        case (.file(let file), .entry(let entry, _)):
            guard let entry, let slot = entry.file, file.rank <= slot.rank else {
                return ask(self: .addOutbox(.file(file.path)), .nothing, &turn)
            }
            // An entry may rank above what it follows: it followed a deletion whose tombstone went.
            guard (slot.record != nil) != file.isLive,
                let key = Replication.EntryKey(of: file.path)
            else { return }
            let item = KeyedEntry(key: key, entry: entry)
            if isRipe(item, seenAt: Partition(of: file.path), turn) {
                verify(.entry(item), at: file.path, &turn)
            }
        case (.child(let path, let existence), .entry(let entry, _)):
            guard let key = Replication.EntryKey(of: path) else { return }
            let item = KeyedEntry(key: key, entry: entry ?? DirectoryEntry())
            if item.isWrong(existence), isRipe(item, seenAt: Partition(of: path), turn) {
                verify(.directory(item), at: path, &turn)
            }
        case (.entry(let item), .register(let register, let context, _)):
            if item.followed(by: register, context) != nil,
                isRipe(item, seenAt: item.key.partition, turn), let child = item.key.child
            {
                verify(audit, at: child, &turn)
            }
        case (.directory(let item), .listing(_, let existence, _)):
            if item.isWrong(existence) || item.isTrace,
                isRipe(item, seenAt: item.key.partition, turn), let child = item.key.child
            {
                verify(audit, at: child, &turn)
            }
        default: break
        }
    }

    /// What was found wrong, and nobody could be asked about again, stays so.
    private mutating func unanswered(_ audit: Audit, _ turn: Turn) {
        guard let key = audit.entryKey else { return }
        upkeep.wrongEntries[key]?.isSeenAgain = false
        upkeep.wrongEntries[key]?.since = turn.now.monotonic
    }

    /// Whether an entry was found wrong before, and is still the same: what is merely under way
    /// has arrived by then. By what was seen here, not by the entry's own clock, which may be wrong.
    private mutating func isRipe(
        _ item: KeyedEntry, seenAt partition: Partition, _ turn: Turn
    ) -> Bool {
        let now = turn.now.monotonic
        if let found = upkeep.wrongEntries[item.key], found.entry == item.entry {
            guard now - found.since >= ClusterLimits.auditAge else { return false }
            // It stays until the holders agree: one of them may be away just now.
            upkeep.wrongEntries[item.key] = .init(
                entry: item.entry, since: now, partition: partition)
            return true
        }
        if upkeep.wrongEntries.count >= ClusterLimits.wrongEntriesMax { upkeep.wrongEntries = [:] }
        upkeep.wrongEntries[item.key] = .init(
            entry: item.entry, since: now, partition: partition)
        return false
    }

    // MARK: Verification

    /// One holder may be behind: all holders have to say the same before an entry is corrected.
    private mutating func verify(_ audit: Audit, at path: StorePath, _ turn: inout Turn) {
        let holders = layouts.targets(for: Partition(of: path)).holders
        guard layouts.count == 1, holders.allSatisfy({ isReachable($0.node) }) else { return }
        let id = nextID()
        upkeep.verifications[id] = Verification(audit: audit, open: holders.count)
        let request: ReplicaRequest =
            switch audit {
            case .entry: .read(.file(path))
            case .trace(let item): .readEntry(item.key)
            default: .list(path, after: nil, limit: 1, withGone: false)
            }
        for holder in holders {
            ask(
                holder.node, request, layouts: layouts.digest,
                timeout: ClusterLimits.backgroundTimeout, .audit(.verification(id)), &turn)
        }
    }

    private mutating func resumeVerification(
        _ id: UInt64, _ answer: Answer, _ turn: inout Turn
    ) {
        guard var verification = upkeep.verifications[id] else { return }
        guard case .replica(let reply) = answer, let verdict = verification.audit.verdict(reply),
            verification.add(verdict)
        else {
            upkeep.verifications[id] = nil
            return
        }
        upkeep.verifications[id] = verification
        guard verification.open == 0 else { return }
        upkeep.verifications[id] = nil
        if let key = verification.audit.entryKey { upkeep.wrongEntries[key] = nil }
        switch verification.verdict ?? .right {
        case .right: break
        case .correct(let item): correct(item.key, item.entry, &turn)
        case .drop(let item):
            if case .trace = verification.audit {
                drop(item, &turn)
            } else {
                verify(.trace(item), at: item.key.directory, &turn)
            }
        }
    }

    private mutating func correct(
        _ key: Replication.EntryKey, _ entry: DirectoryEntry, _ turn: inout Turn
    ) {
        for holder in layouts.targets(for: key.partition).holders {
            tell(holder.node, .putEntry(key, entry), &turn)
        }
    }

    /// The trace of a name that is gone goes when all holders have it, and are there to let it go.
    private mutating func drop(_ item: KeyedEntry, _ turn: inout Turn) {
        let holders = layouts.targets(for: item.key.partition).holders
        guard layouts.count == 1, holders.allSatisfy({ isReachable($0.node) }) else { return }
        for holder in holders { tell(holder.node, .dropEntry(item.key, item.entry), &turn) }
    }
}
