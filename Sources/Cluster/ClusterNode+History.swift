import CRDT
package import Model
package import Replication

// What a path held before: told, made the file again, or let go.
extension ClusterNode {
    // MARK: Restoring

    /// The content is there under its object, where it still is: the new version names it again.
    mutating func restore(
        _ path: StorePath, _ dot: Dot?, _ operation: OperationID, from register: Register,
        _ id: UInt64, _ turn: inout Turn
    ) {
        let facts: FileFacts?
        if let earlier = register.version(of: operation) {
            // Done before: it is found by its operation again.
            facts = earlier.value.facts
        } else if let dot {
            facts = register.restorable.first { $0.dot == dot }?.value.facts
        } else {
            facts = register.restorable.first { $0.dot != register.head?.dot }?.value.facts
        }
        guard let facts else { return end(id, .notFound, &turn) }
        tasks[id]?.stage = .waiting
        beginStep(.place(path, facts.held(at: path), operation), of: id, &turn)
    }

    // MARK: Letting go

    /// Above every clock that this node has heard of.
    package func latestTime(_ now: Now) -> HybridTime {
        max(clock.last, HybridTime(value: now.wallMilliseconds << 16 | 0xFFFF))
    }

    /// Every disk that may have them is told, and those that are away hear of it from the others when
    /// they compare.
    mutating func purge(
        _ path: StorePath, _ dots: [Dot], of register: Register, _ id: UInt64, _ turn: inout Turn
    ) {
        let kept = register.kept.filter { kept in
            !kept.isPurged && kept.version.value.facts != nil
                && (dots.isEmpty || dots.contains(kept.dot))
        }.map(\.dot)
        guard !kept.isEmpty else { return end(id, .notFound, &turn) }
        let key = RegisterKey.file(path)
        let targets = readTargets(for: key.partition)
        var nodes: [NodeID] = []
        for target in targets.holders + targets.handOffs where !nodes.contains(target.node) {
            if isReachable(target.node) || target.node == configuration.node {
                nodes.append(target.node)
            }
        }
        guard !nodes.isEmpty else {
            return again(id, after: ClusterLimits.tick * 2, .noQuorum, &turn)
        }
        tasks[id]?.stage = .purging(open: nodes.count, done: 0)
        for node in nodes {
            ask(
                node, .purge(key, kept), layouts: nil,
                timeout: ClusterLimits.backgroundTimeout, .task(id), &turn)
        }
    }

    mutating func purged(
        _ id: UInt64, _ answer: Answer, open: Int, done: Int, _ turn: inout Turn
    ) {
        var done = done
        if case .replica(.done) = answer { done += 1 }
        guard open == 1 else {
            tasks[id]?.stage = .purging(open: open - 1, done: done)
            return
        }
        if done > 0 { return end(id, .done, &turn) }
        again(id, after: ClusterLimits.tick * 2, .noQuorum, &turn)
    }

    /// What was moved is in no trash: it is where it went. A holder that hears of it before it hears of
    /// the deletion learns it from the others.
    mutating func leaveNoTrash(of path: StorePath, moved dot: Dot, _ turn: inout Turn) {
        for holder in layouts.targets(for: Partition(of: path)).holders {
            tell(holder.node, .purge(.file(path), [dot]), &turn)
        }
    }
}

extension Register {
    /// The versions that a client can have: the newest, and those that are kept, by rank from the newest on.
    package var restorable: [RegisterVersion] {
        var versions = kept.filter { !$0.isPurged }.map(\.version)
        if let head { versions.append(head) }
        return versions.filter { $0.value.facts != nil }.sorted { $1.rank < $0.rank }
    }
}
