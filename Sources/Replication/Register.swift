package import Model

/// What a register is the register of.
package enum RegisterKind: UInt8, Sendable {
    /// The file at a path.
    case file = 1
    /// The explicit existence of the directory at a path.
    case mark = 2
    /// The locks that clients took at a path.
    case locks = 3
}

package struct RegisterKey: Hashable, Comparable, Sendable {
    package var kind: RegisterKind
    package var path: StorePath

    package init(kind: RegisterKind, path: StorePath) {
        self.kind = kind
        self.path = path
    }

    package static func file(_ path: StorePath) -> RegisterKey {
        RegisterKey(kind: .file, path: path)
    }

    package static func mark(_ path: StorePath) -> RegisterKey {
        RegisterKey(kind: .mark, path: path)
    }

    package static func locks(_ path: StorePath) -> RegisterKey {
        RegisterKey(kind: .locks, path: path)
    }

    package var partition: Partition { Partition(of: path) }

    package static func < (a: RegisterKey, b: RegisterKey) -> Bool {
        if a.kind != b.kind { return a.kind.rawValue < b.kind.rawValue }
        return a.path < b.path
    }

    package var fingerprint: Fingerprint {
        Fingerprint(of: path.bytes, seed: UInt64(kind.rawValue))
    }
}

/// All that one disk knows of one register.
///
/// ```
///  assign / prepare ──▶ prepared ──commit──▶ head ──superseded──▶ kept ──expired──▶ gone
///                                             ▲                    (its dot stays in the
///  promise, accept ───▶ ballot ───settled─────┘                     partition's context)
/// ```
package struct Register: Hashable, Sendable {
    /// The committed version of the highest rank; a tombstone where the last change was a deletion.
    package var head: RegisterVersion?
    /// Superseded versions that are kept, by dot.
    package var kept: [KeptVersion]
    /// Durable and not yet visible. Each of them will be committed, since it may be what an
    /// acknowledgement counted on; but not where its operation took effect by another attempt.
    package var prepared: [RegisterVersion]
    package var ballot: BallotSlot?
    /// Versions of which this disk has the record alone, sorted: what it stored failed its check and
    /// is in quarantine, or the record came from a disk where it had. Such a version is known here,
    /// and is no copy. It is one again when a disk that has the content told it (`merge`), and
    /// only then may what is in quarantine go.
    package var damaged: [Dot] = []

    package init(
        head: RegisterVersion? = nil, kept: [KeptVersion] = [], prepared: [RegisterVersion] = [],
        ballot: BallotSlot? = nil
    ) {
        self.head = head
        self.kept = kept
        self.prepared = prepared
        self.ballot = ballot
    }

    package var isEmpty: Bool {
        head == nil && kept.isEmpty && prepared.isEmpty && ballot == nil
    }

    /// The newest version that was written with certainty of being committed: what a checked read
    /// goes by.
    package var newest: RegisterVersion? {
        var newest = head
        for version in prepared where newest.map({ $0.rank < version.rank }) ?? true {
            newest = version
        }
        return newest
    }

    /// Everything known of the register, as a context for the next version; the accepted version
    /// of a ballot included, for it may have been chosen.
    package var knownContext: CausalContext {
        var context = head?.version.context ?? .empty
        if let head { context.insert(head.dot) }
        for version in prepared {
            context.merge(version.version.context)
            context.insert(version.dot)
        }
        if let accepted = ballot?.accepted {
            context.merge(accepted.version.version.context)
            context.insert(accepted.version.dot)
        }
        return context
    }

    /// The latest clock of any version here.
    package var latestTime: HybridTime {
        var time = head?.version.time ?? .zero
        for version in prepared { time = max(time, version.version.time) }
        for version in kept { time = max(time, version.version.version.time) }
        if let accepted = ballot?.accepted { time = max(time, accepted.version.version.time) }
        return time
    }

    /// The version that `operation` wrote here and that took effect: nothing else, or something that
    /// knew it, took its place. One that lost a conflict never was the newest as far as any reader
    /// knows: the operation, if it is repeated, is not done yet.
    package func version(of operation: OperationID) -> RegisterVersion? {
        if let head, head.operation == operation { return head }
        let attempts = prepared.filter { $0.operation == operation }
        if let last = attempts.max(by: { $0.rank < $1.rank }) { return last }
        return committedVersion(of: operation)
    }

    /// The same, of what is committed.
    package func committedVersion(of operation: OperationID) -> RegisterVersion? {
        if let head, head.operation == operation { return head }
        return kept.first { $0.version.operation == operation && !$0.isLost }?.version
    }

    package func contains(_ dot: Dot) -> Bool {
        head?.dot == dot || prepared.contains { $0.dot == dot } || kept.contains { $0.dot == dot }
    }

    /// Of what replicas agree on: the head and the kept versions. What is prepared or in a ballot
    /// is short-lived and local.
    package func fingerprint(of key: RegisterKey) -> Fingerprint {
        guard head != nil || !kept.isEmpty else { return .zero }
        let name = key.fingerprint
        var mixer = Fingerprint.Mixer(seed: name.high)
        mixer.add(name.low)
        if let head {
            mixer.add(head.dot.disk)
            mixer.add(head.dot.sequence)
            mixer.add(head.version.time.value)
        }
        for version in kept {
            mixer.add(version.dot.disk)
            mixer.add(version.dot.sequence)
            mixer.add(version.since.value)
            mixer.add(UInt8((version.isConflict ? 1 : 0) | (version.isPurged ? 2 : 0)))
        }
        // What is no copy must differ from what is one.
        for dot in damaged {
            mixer.add(dot.disk)
            mixer.add(dot.sequence)
        }
        return mixer.finish()
    }
}
