import Model

// Directories: entries that follow their children, and whether a directory exists.
extension Replica {
    static func putEntry(
        _ key: EntryKey, _ entry: DirectoryEntry, _ tables: inout some ReplicaTables,
        _ outcome: inout ReplicaOutcome
    ) -> ReplicaReply {
        let existed = existence(of: key.directory, tables).exists
        put(entry, for: key, &tables, &outcome)
        let exists = existence(of: key.directory, tables).exists
        // A directory that is merely prepared is there, and no news above.
        var shown = shownExistence(of: key.directory, tables)
        shown.hasChanged = exists != existed && shown.exists == exists
        return .entry(tables.entry(key), existence: shown)
    }

    static func existence(
        of directory: StorePath, _ tables: some ReplicaTables
    ) -> Existence {
        let state = tables.directoryState(directory)
        let mark = tables.register(.mark(directory))
        let isMarked = mark?.isMarked ?? false
        return Existence(
            exists: isMarked || state.liveCount > 0, isMarked: isMarked,
            markRank: mark?.head?.rank, rank: state.rank)
    }

    /// Joins `entry` into what the directory knows of the name.
    static func put(
        _ entry: DirectoryEntry, for key: EntryKey, _ tables: inout some ReplicaTables,
        _ outcome: inout ReplicaOutcome
    ) {
        let old = tables.entry(key)
        var merged = old ?? DirectoryEntry()
        merged.merge(entry)
        guard merged != old else { return }
        change(old, to: merged, for: key, &tables, &outcome)
    }

    static func dropEntry(
        _ key: EntryKey, _ entry: DirectoryEntry, _ tables: inout some ReplicaTables
    ) -> ReplicaReply {
        guard let old = tables.entry(key), old == entry, !old.isLive else { return .stale }
        tables.setEntry(nil, for: key)
        return .done
    }

    private static func change(
        _ old: DirectoryEntry?, to new: DirectoryEntry, for key: EntryKey,
        _ tables: inout some ReplicaTables, _ outcome: inout ReplicaOutcome
    ) {
        let existed = existence(of: key.directory, tables).exists
        tables.setEntry(new, for: key)
        var state = tables.directoryState(key.directory)
        state.liveCount += (new.isLive ? 1 : 0) - (old?.isLive == true ? 1 : 0)
        tables.setDirectoryState(state, of: key.directory)
        noteExistence(of: key.directory, from: existed, rank: new.latestRank, &tables, &outcome)
    }

    /// After a change of a mark or an entry: a directory that came or went is told to its parent.
    ///
    /// The parent goes by ranks, so what is told last has to rank highest, also where the change
    /// itself ranks below an earlier one in the directory (two files, two clocks).
    static func noteExistence(
        of directory: StorePath, from existed: Bool, rank: Rank?,
        _ tables: inout some ReplicaTables, _ outcome: inout ReplicaOutcome
    ) {
        var state = tables.directoryState(directory)
        let hasChanged = existence(of: directory, tables).exists != existed
        if let rank, state.rank.map({ $0 < rank }) ?? true {
            state.rank = rank
            tables.setDirectoryState(state, of: directory)
        } else if hasChanged, let old = state.rank {
            state.rank = Rank(time: HybridTime(value: old.time.value &+ 1), dot: old.dot)
            tables.setDirectoryState(state, of: directory)
        }
        guard !directory.isRoot, hasChanged else { return }
        tables.addOutbox(.directory(directory))
        outcome.hasOutbox = true
    }

    static func list(
        _ directory: StorePath, after: [UInt8]?, limit: Int, withGone: Bool,
        _ tables: some ReplicaTables
    ) -> ReplicaReply {
        let entries = tables.entries(
            in: directory, after: after, limit: limit + 1, withGone: withGone)
        var page: [KeyedEntry] = []
        var byteCount = 0
        for entry in entries.prefix(limit) {
            byteCount += entry.encodedByteCount
            // One is always there, so that the listing goes on.
            if byteCount > ReplicationLimits.pageByteCountMax, !page.isEmpty { break }
            page.append(entry)
        }
        return .listing(
            page, existence: shownExistence(of: directory, tables),
            more: entries.count > page.count)
    }

    /// As readers are told: with a mark that is merely prepared here, since it may have been
    /// acknowledged.
    static func shownExistence(
        of directory: StorePath, _ tables: some ReplicaTables
    ) -> Existence {
        var existence = existence(of: directory, tables)
        if let newest = tables.register(.mark(directory))?.newest {
            existence.isMarked = newest.value.isMark
            existence.markRank = newest.rank
            existence.exists =
                existence.isMarked || tables.directoryState(directory).liveCount > 0
        }
        return existence
    }

    /// Whether this disk knows a directory at the path of a file's register.
    static func hidesFile(at key: RegisterKey, _ tables: some ReplicaTables) -> Bool {
        key.kind == .file && shownExistence(of: key.path, tables).exists
    }

    static func audit(_ partition: Partition, _ tables: some ReplicaTables) -> ReplicaReply {
        let (registers, entries) = tables.contents(of: partition)
        let files = registers.compactMap { item -> AuditedFile? in
            guard item.key.kind == .file, let head = item.register.head else { return nil }
            return AuditedFile(
                path: item.key.path, rank: head.rank, isLive: !head.value.isDeleted)
        }
        var paths = registers.filter { $0.key.kind == .mark }.map(\.key.path)
        for entry in entries where paths.last != entry.key.directory {
            paths.append(entry.key.directory)
        }
        let directories = Set(paths).sorted().map {
            AuditedDirectory(path: $0, existence: existence(of: $0, tables))
        }
        return .audit(files, directories, entries)
    }

    /// What the rows of the outbox have to say, as of now.
    static func outbox(
        after: OutboxRow?, limit: Int, _ tables: some ReplicaTables
    ) -> ReplicaReply {
        .outbox(
            tables.outbox(after: after, limit: limit).map { row in
                OutboxItem(row: row, entry: keyedEntry(for: row, tables))
            })
    }

    static func outboxDone(
        _ items: [OutboxItem], _ tables: inout some ReplicaTables, _ outcome: inout ReplicaOutcome
    ) -> ReplicaReply {
        for item in items {
            if item.entry == keyedEntry(for: item.row, tables) {
                tables.removeOutbox(item.row)
            } else {
                outcome.hasOutbox = true
            }
        }
        return .done
    }

    private static func keyedEntry(
        for row: OutboxRow, _ tables: some ReplicaTables
    ) -> KeyedEntry? {
        guard let key = EntryKey(of: row.path) else { return nil }
        return entry(for: row, tables).map { KeyedEntry(key: key, entry: $0) }
    }

    private static func entry(
        for row: OutboxRow, _ tables: some ReplicaTables
    ) -> DirectoryEntry? {
        switch row {
        case .file(let path):
            guard let head = tables.register(.file(path))?.head else { return nil }
            return DirectoryEntry(file: .init(rank: head.rank, record: head.record?.listed))
        case .directory(let path):
            let existence = existence(of: path, tables)
            guard let rank = existence.rank else { return nil }
            return DirectoryEntry(directory: .init(rank: rank, exists: existence.exists))
        }
    }
}
