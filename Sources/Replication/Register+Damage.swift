package import Model

// What a disk knows of and has no good copy of.
extension Register {
    /// Whether the version is here with its content.
    package func hasContent(of dot: Dot) -> Bool { contains(dot) && !damaged.contains(dot) }

    /// Whether the newest version is a file that cannot be read here.
    package var isHeadDamaged: Bool { head.map { damaged.contains($0.dot) } ?? false }

    /// Marks those of `dots` that are here as damaged.
    package mutating func markDamaged(_ dots: [Dot]) {
        for dot in dots where hasContent(of: dot) { damaged.append(dot) }
        damaged.sort { $0 < $1 }
    }

    /// Forgets the marks of versions that are not here any more, or not wanted.
    mutating func pruneDamaged() {
        if damaged.isEmpty { return }
        damaged = damaged.filter { contains($0) && !isPurged($0) }
    }

    /// Whether it is kept by its name alone, since nobody wants its content.
    func isPurged(_ dot: Dot) -> Bool { kept.contains { $0.dot == dot && $0.isPurged } }

    /// After `other` was joined into `before`: what neither side had a good copy of is damaged.
    mutating func noteDamaged(joining other: Register, into before: Register) {
        if before.damaged.isEmpty, other.damaged.isEmpty { return }
        let suspects = Set(before.damaged + other.damaged)
        damaged = suspects.filter {
            contains($0) && !before.hasContent(of: $0) && !other.hasContent(of: $0)
        }.sorted { $0 < $1 }
    }
}

/// Versions of one register whose content failed its check.
package struct DamagedVersions: Hashable, Sendable {
    package var key: RegisterKey
    package var dots: [Dot]

    package init(key: RegisterKey, dots: [Dot]) {
        self.key = key
        self.dots = dots
    }
}

// Contents are checked where they are read: for a reader, for another disk, and by the scrub.
extension Replica {
    /// The register as a reader of its contents finds it: what fails its check is marked, and told
    /// in the outcome, so that it is put into quarantine.
    static func checked(
        _ key: RegisterKey, _ register: Register, _ tables: some ReplicaTables,
        _ outcome: inout ReplicaOutcome
    ) -> Register {
        let bad = tables.badContents(of: key).filter { register.hasContent(of: $0) }
        if bad.isEmpty { return register }
        outcome.damaged.append(DamagedVersions(key: key, dots: bad))
        var result = register
        result.markDamaged(bad)
        return result
    }

    static func read(
        _ key: RegisterKey, _ tables: some ReplicaTables, _ outcome: inout ReplicaOutcome
    ) -> ReplicaReply {
        .register(
            checked(key, tables.register(key) ?? Register(), tables, &outcome),
            tables.state(of: key.partition).context,
            isDirectory: hidesFile(at: key, tables))
    }

    static func quarantine(
        _ key: RegisterKey, _ dots: [Dot], _ tables: inout some ReplicaTables
    ) -> ReplicaReply {
        guard var register = tables.register(key), dots.contains(where: register.hasContent)
        else { return .stale }
        register.markDamaged(dots)
        store(register, tables.state(of: key.partition).context, for: key, &tables)
        return .done
    }

    /// Checks the contents of the next registers, by partition and key; goes on from the beginning
    /// where `after` was the last one.
    static func scrub(
        after: RegisterKey?, limit: Int, _ tables: some ReplicaTables,
        _ outcome: inout ReplicaOutcome
    ) -> ReplicaReply {
        var known: [DamagedVersions] = []
        var count = 0
        for partition in tables.partitions where after.map({ $0.partition <= partition }) ?? true {
            for item in tables.contents(of: partition).0 {
                if let after, partition == after.partition, item.key <= after { continue }
                let damaged = item.register.damaged
                if !damaged.isEmpty {
                    known.append(DamagedVersions(key: item.key, dots: damaged))
                }
                _ = checked(item.key, item.register, tables, &outcome)
                count += 1
                if count >= limit { return .scrubbed(next: item.key, damaged: known) }
            }
        }
        return .scrubbed(next: nil, damaged: known)
    }
}
