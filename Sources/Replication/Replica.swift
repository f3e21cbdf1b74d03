package import Model

/// The rules of one disk: what each request does to its tables. Pure functions; each call is one
/// transaction, and its answer counts once that is durable.
package enum Replica {
    /// - Parameter now: monotonic time, by which unsettled registers are found again.
    package static func execute(
        _ request: ReplicaRequest, on tables: inout some ReplicaTables, at now: Duration
    ) -> ReplicaOutcome {
        var outcome = ReplicaOutcome(reply: .done)
        let partition = request.partition
        let old = partition.map { tables.state(of: $0) }
        outcome.reply = perform(request, on: &tables, at: now, &outcome)
        if let partition, let old, request.changes {
            let state = tables.state(of: partition)
            if state.itemCount != old.itemCount || state.sum != old.sum {
                outcome.changes = [
                    PartitionChange(
                        partition: partition, old: old.sum, new: state.sum,
                        itemCount: state.itemCount)
                ]
            }
        }
        return outcome
    }

    private static func perform(
        _ request: ReplicaRequest, on tables: inout some ReplicaTables, at now: Duration,
        _ outcome: inout ReplicaOutcome
    ) -> ReplicaReply {
        switch request {
        case .guarded(let inner, let guarding):
            return request.barrier(tables)
                ?? keep(
                    guarding.move, after: perform(inner, on: &tables, at: now, &outcome), &tables,
                    &outcome)
        case .assign(let assignment): return assign(assignment, &tables, now, &outcome)
        case .mint(let assignment, let ballot):
            return mint(assignment, ballot, &tables, now, &outcome)
        case .prepare(let key, let version, let earlier):
            return prepare(key, version, earlier, &tables, now, &outcome)
        case .commit(let key, let version, let listed, let settled):
            return commit(key, version, listed: listed, settled: settled, &tables, &outcome)
        case .writeBack(let key, let version):
            return writeBack(key, version, &tables, &outcome)
        case .withdraw(let key, let dot): return withdraw(key, dot, &tables)
        case .read(let key): return read(key, tables, &outcome)
        case .merge(let partition, let registers, let entries, let theirs, let origin):
            return merge(
                partition, registers, entries, theirs: theirs, origin, &tables, &outcome)
        case .joinContext(let partition, let context, let contents):
            return joinContext(partition, context, ifContents: contents, &tables)
        case .promise(let key, let ballot):
            return promise(key, ballot, &tables, now, &outcome)
        case .accept(let key, let ballot, let version):
            return accept(key, ballot, version, &tables, now, &outcome)
        case .confirm(let key, let ballot, let version):
            return confirm(key, ballot, version, &tables, &outcome)
        case .putEntry(let key, let entry): return putEntry(key, entry, &tables, &outcome)
        case .readEntry(let key):
            return .entry(tables.entry(key), existence: existence(of: key.directory, tables))
        case .list(let directory, let after, let limit, let withGone):
            return list(directory, after: after, limit: limit, withGone: withGone, tables)
        case .fetch(let partition, let keys, let withUnsettled):
            return fetch(partition, keys, withUnsettled: withUnsettled, tables, &outcome)
        case .items(let partition, let isChecked):
            return items(partition, checked: isChecked, tables, &outcome)
        case .scrub(let after, let limit):
            return scrub(after: after, limit: limit, tables, &outcome)
        case .quarantine(let key, let dots): return quarantine(key, dots, &tables)
        case .audit(let partition): return audit(partition, tables)
        case .addOutbox(let row):
            tables.addOutbox(row)
            outcome.hasOutbox = true
            return .done
        case .settle(let before, let after):
            return settle(preparedBefore: before, after: after, &tables, now, &outcome)
        case .outbox(let after, let limit): return outbox(after: after, limit: limit, tables)
        case .outboxDone(let items): return outboxDone(items, &tables, &outcome)
        case .moves, .movePlaced, .moveOver: return moves(request, &tables)
        case .expire(let key, let dots): return expire(key, dots, &tables)
        case .purge(let key, let dots): return purge(key, dots, &tables)
        case .dropTombstone(let key, let dot):
            return dropTombstone(key, dot, &tables, now, &outcome)
        case .dropEntry(let key, let entry): return dropEntry(key, entry, &tables)
        case .forget(let partition, let sum): return forget(partition, ifSum: sum, &tables, now)
        case .partitions: return partitions(tables)
        case .aged(let bounds, let after, let limit):
            return aged(bounds, after: after, limit: limit, tables)
        }
    }

    /// Writes a register back with its partition's context; both change together.
    static func store(
        _ register: Register, _ context: PartitionContext, for key: RegisterKey,
        _ tables: inout some ReplicaTables
    ) {
        var register = register
        register.pruneDamaged()
        tables.setRegister(register.isEmpty ? nil : register, for: key)
        if register.isAtRest {
            tables.setUnsettled(nil, for: key)
        }
        var state = tables.state(of: key.partition)
        guard state.context != context else { return }
        state.context = context
        tables.setState(state, of: key.partition)
    }
}

extension ReplicaRequest {
    /// The one partition that the request is about; nil where it is about none or many.
    package var partition: Partition? {
        switch self {
        case .guarded(let request, _): request.partition
        case .assign(let assignment), .mint(let assignment, _): assignment.key.partition
        case .prepare(let key, _, _), .commit(let key, _, _, _), .read(let key),
            .promise(let key, _),
            .withdraw(let key, _), .writeBack(let key, _), .accept(let key, _, _),
            .confirm(let key, _, _),
            .expire(let key, _), .purge(let key, _), .quarantine(let key, _),
            .dropTombstone(let key, _):
            key.partition
        case .merge(let partition, _, _, _, _), .joinContext(let partition, _, _),
            .fetch(let partition, _, _), .items(let partition, _), .forget(let partition, _),
            .audit(let partition):
            partition
        case .putEntry(let key, _), .readEntry(let key), .dropEntry(let key, _): key.partition
        case .list(let directory, _, _, _): Partition(of: directory)
        case .settle, .outbox, .outboxDone, .addOutbox, .moves, .movePlaced, .moveOver,
            .partitions, .aged, .scrub:
            nil
        }
    }
}
