import Model

// What two disks tell each other of a partition.
extension Replica {
    static func merge(
        _ partition: Partition, _ registers: [KeyedRegister], _ entries: [KeyedEntry],
        theirs: PartitionContext, _ origin: MergeOrigin, _ tables: inout some ReplicaTables,
        _ outcome: inout ReplicaOutcome
    ) -> ReplicaReply {
        for item in registers {
            guard item.key.partition == partition else { return .stale }
            let before = tables.register(item.key) ?? Register()
            var context = tables.state(of: partition).context
            var register = before
            register.merge(item.register, mine: &context, theirs: theirs)
            if register.head == nil, let gone = before.head {
                context.raiseFloor(to: gone.version.time)
            }
            if origin != .holder {
                register.mergeBallot(item.register.ballot, in: context)
                register.takePrepared(of: item.register, in: context)
            }
            let isUnsettled = register.ballot?.accepted != nil || !register.prepared.isEmpty
            if isUnsettled { outcome.isUnsettled = true }
            if register.head != before.head { outcome.isAuditDue = true }
            if !before.damaged.isEmpty, register.damaged.isEmpty {
                outcome.repaired.append(item.key)
            }
            store(register, context, for: item.key, &tables)
            if isUnsettled { tables.setUnsettled(.zero, for: item.key) }
            note(before, register, of: item.key, listed: origin == .takeOver, &tables, &outcome)
        }
        for item in entries {
            guard item.key.partition == partition else { return .stale }
            let before = tables.entry(item.key)
            put(item.entry, for: item.key, &tables, &outcome)
            if tables.entry(item.key) != before { outcome.isAuditDue = true }
        }
        return .merged
    }

    static func joinContext(
        _ partition: Partition, _ context: PartitionContext, ifContents contents: Fingerprint,
        _ tables: inout some ReplicaTables
    ) -> ReplicaReply {
        var state = tables.state(of: partition)
        guard state.contents == contents else { return .stale }
        state.context.formUnion(context)
        tables.setState(state, of: partition)
        return .done
    }

    static func fetch(
        _ partition: Partition, _ keys: [ItemKey], withUnsettled: Bool,
        _ tables: some ReplicaTables, _ outcome: inout ReplicaOutcome
    ) -> ReplicaReply {
        let wanted = Set(keys)
        let state = tables.state(of: partition)
        let (registers, entries) = tables.contents(of: partition)
        return .fetched(
            registers.filter {
                wanted.contains(ItemKey($0.key.fingerprint))
                    || withUnsettled && $0.register.hasUnsettled
            }.map {
                KeyedRegister(key: $0.key, register: checked($0.key, $0.register, tables, &outcome))
            },
            entries.filter { wanted.contains(ItemKey($0.key.fingerprint)) },
            state.context, contents: state.contents)
    }

    /// Sorted by key; items that share one are summed.
    static func items(
        _ partition: Partition, checked isChecked: Bool, _ tables: some ReplicaTables,
        _ outcome: inout ReplicaOutcome
    ) -> ReplicaReply {
        let (registers, entries) = tables.contents(of: partition)
        let state = tables.state(of: partition)
        var items: [Item] = []
        if !state.context.isEmpty {
            items.append(Item(key: .context, fingerprint: state.context.fingerprint))
        }
        for item in registers {
            let register =
                isChecked ? checked(item.key, item.register, tables, &outcome) : item.register
            let fingerprint = register.fingerprint(of: item.key)
            if fingerprint != .zero {
                items.append(Item(key: ItemKey(item.key.fingerprint), fingerprint: fingerprint))
            }
        }
        for item in entries {
            items.append(
                Item(
                    key: ItemKey(item.key.fingerprint),
                    fingerprint: item.entry.fingerprint(of: item.key)))
        }
        items.sort { $0.key < $1.key }
        var merged: [Item] = []
        for item in items {
            if let last = merged.last, last.key == item.key {
                merged[merged.count - 1].fingerprint &+= item.fingerprint
            } else {
                merged.append(item)
            }
        }
        let hasUnsettled = registers.contains { $0.register.hasUnsettled }
        return .items(
            merged, state.context, contents: state.contents, hasUnsettled: hasUnsettled)
    }

    static func partitions(_ tables: some ReplicaTables) -> ReplicaReply {
        let unsettled = Set(tables.unsettled(before: .seconds(Int64.max)).map(\.partition))
        return .partitions(
            tables.partitions.compactMap { partition in
                let state = tables.state(of: partition)
                // Of some only the counter is left: nothing that could be compared or handed back.
                guard state.itemCount > 0 || state.sum != .zero else { return nil }
                return PartitionSum(
                    partition: partition, sum: state.sum, itemCount: state.itemCount,
                    hasUnsettled: unsettled.contains(partition))
            })
    }
}

extension Register {
    /// Whether something is here that no fingerprint tells: a ballot, or a prepared version.
    fileprivate var hasUnsettled: Bool { ballot != nil || !prepared.isEmpty }
}
