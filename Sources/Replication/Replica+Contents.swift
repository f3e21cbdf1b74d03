import Model

/// Tables of a disk that has the contents of its versions, too: a new one comes with the request
/// that names it.
package protocol ContentTables: ReplicaTables {
    /// Whether the content comes with the request under way.
    func brings(_ facts: FileFacts) -> Bool
    /// Whether the content is here, or comes with the request under way.
    func hasContent(_ facts: FileFacts) -> Bool
}

extension Register {
    /// The versions of which a disk has to have the content, of those that have one: to lack it is
    /// damage. What lost a conflict may be the only copy.
    package var versionsWithContent: [RegisterVersion] {
        var versions: [RegisterVersion] = []
        if let head { versions.append(head) }
        versions += prepared
        if let accepted = ballot?.accepted { versions.append(accepted.version) }
        for version in kept where version.isConflict && !version.isPurged {
            versions.append(version.version)
        }
        return versions.filter { $0.value.facts != nil }
    }

    /// What was overwritten or deleted in knowledge of it, newest first, and nobody purged: a disk keeps
    /// these contents while it has room for them, and lacks them otherwise without harm.
    package var spareVersions: [KeptVersion] {
        if kept.isEmpty { return [] }
        let spare = kept.filter {
            !$0.isConflict && !$0.isPurged && $0.version.value.facts != nil
        }
        return Array(
            spare.sorted { $1.version.rank < $0.version.rank }
                .prefix(ReplicationLimits.spareCountMax))
    }
}

// A version is a copy only where its content is.
extension Replica {
    /// `execute` on a disk that has contents. A version whose content is neither here nor comes along
    /// is stored all the same, since it must be known; the answer and the outcome say that it is
    /// damaged, so that it is put into quarantine and copied from a disk that has it.
    package static func execute(
        _ request: ReplicaRequest, withContents tables: inout some ContentTables,
        at now: Duration
    ) -> ReplicaOutcome {
        guard request.changes, let partition = request.partition else {
            return execute(request, on: &tables, at: now)
        }
        // What has no content anywhere near would be committed by whoever finds it, over one that has.
        if let facts = request.plain.ownFacts, !tables.hasContent(facts) {
            return ReplicaOutcome(reply: .damaged)
        }
        let old = tables.state(of: partition)
        let repaired = takeRepairs(request.plain, &tables)
        var outcome = execute(request, on: &tables, at: now)
        if let repaired {
            outcome.repaired.append(repaired)
            // The rules only saw what they changed themselves.
            let new = tables.state(of: partition)
            let change = PartitionChange(
                partition: partition, old: old.sum, new: new.sum, itemCount: new.itemCount)
            outcome.changes =
                old.sum == new.sum && old.itemCount == new.itemCount ? [] : [change]
        }
        noteLacking(request.plain, tables, &outcome)
        return outcome
    }

    /// What is stored again is no longer damaged.
    /// - Returns: the register, where all of its versions have good copies again.
    private static func takeRepairs(
        _ request: ReplicaRequest, _ tables: inout some ContentTables
    ) -> RegisterKey? {
        guard let (key, version) = request.namedVersion, let facts = version.value.facts,
            tables.brings(facts), var register = tables.register(key),
            register.damaged.contains(version.dot)
        else { return nil }
        register.damaged.removeAll { $0 == version.dot }
        tables.setRegister(register, for: key)
        return register.damaged.isEmpty ? key : nil
    }

    private static func noteLacking(
        _ request: ReplicaRequest, _ tables: some ContentTables, _ outcome: inout ReplicaOutcome
    ) {
        if case .merge(_, let registers, _, _, _) = request {
            for item in registers where item.key.kind == .file {
                guard let register = tables.register(item.key) else { continue }
                let lacking = register.versionsWithContent.filter {
                    register.hasContent(of: $0.dot) && lacksContent($0, tables)
                }
                guard !lacking.isEmpty else { continue }
                outcome.repaired.removeAll { $0 == item.key }
                outcome.damaged.append(
                    DamagedVersions(key: item.key, dots: lacking.map(\.dot)))
            }
            return
        }
        guard let (key, version) = request.namedVersion ?? outcome.reply.madeVersion(for: request),
            lacksContent(version, tables), let register = tables.register(key),
            register.versionsWithContent.contains(where: { $0.dot == version.dot })
        else { return }
        if register.hasContent(of: version.dot) {
            outcome.damaged.append(DamagedVersions(key: key, dots: [version.dot]))
        }
        switch outcome.reply {
        case .assigned, .prepared, .accepted, .committed: outcome.reply = .damaged
        default: break
        }
    }

    private static func lacksContent(
        _ version: RegisterVersion, _ tables: some ContentTables
    ) -> Bool {
        version.value.facts.map { !tables.hasContent($0) } ?? false
    }
}

extension ReplicaRequest {
    /// What a version that is to be made here holds.
    fileprivate var ownFacts: FileFacts? {
        switch self {
        case .assign(let assignment), .mint(let assignment, _): assignment.value.facts
        default: nil
        }
    }

    /// The one version that it is about, with its register.
    fileprivate var namedVersion: (RegisterKey, RegisterVersion)? {
        switch self {
        case .prepare(let key, let version, _), .commit(let key, let version, _, _),
            .accept(let key, _, let version), .confirm(let key, _, let version):
            (key, version)
        default: nil
        }
    }

    /// The contents that it names, each with a register that names it: what may come along.
    package var namedContents: [(key: RegisterKey, facts: FileFacts)] {
        switch plain {
        case .assign(let assignment), .mint(let assignment, _):
            return assignment.value.facts.map { [(assignment.key, $0)] } ?? []
        case .merge(_, let registers, _, _, _):
            return registers.flatMap { item in
                let spare = item.register.spareVersions.map(\.version)
                return (item.register.versionsWithContent + spare).compactMap { version in
                    version.value.facts.map { (item.key, $0) }
                }
            }
        default:
            // Of a guarded request, too: what it guards names them.
            guard let (key, version) = plain.namedVersion, let facts = version.value.facts else {
                return []
            }
            return [(key, facts)]
        }
    }
}

extension ReplicaReply {
    fileprivate func madeVersion(
        for request: ReplicaRequest
    ) -> (RegisterKey, RegisterVersion)? {
        guard case .assigned(let version, _) = self else { return nil }
        switch request {
        case .assign(let assignment), .mint(let assignment, _): return (assignment.key, version)
        default: return nil
        }
    }
}
