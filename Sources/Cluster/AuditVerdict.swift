import Model
import Replication

/// What is to be done with an entry, as one holder of what it is derived from sees it.
enum AuditVerdict: Equatable, Sendable {
    case right
    case correct(KeyedEntry)
    /// The name is gone without a trace, and so may its entry.
    case drop(KeyedEntry)
}

/// A question that all holders are asked: only what they agree on is done.
struct Verification: Sendable {
    let audit: Audit
    /// Answers that are still to come.
    var open: Int
    var verdict: AuditVerdict?

    /// - Returns: whether `other` is the same as the verdicts before. The ranks may differ: a holder
    ///   remembers of a directory the newest change that it saw itself.
    mutating func add(_ other: AuditVerdict) -> Bool {
        open -= 1
        switch (verdict, other) {
        case (nil, _): verdict = other
        case (.correct(let mine), .correct(let theirs)):
            guard mine.entry.file?.record == theirs.entry.file?.record,
                mine.entry.directory?.exists == theirs.entry.directory?.exists
            else { return false }
            var item = mine
            item.entry.merge(theirs.entry)
            verdict = .correct(item)
        case (let mine?, let theirs): return mine == theirs
        }
        return true
    }
}

extension Audit {
    /// The entry in question.
    var entryKey: EntryKey? {
        switch self {
        case .entry(let item), .directory(let item), .trace(let item): item.key
        case .file(let file): EntryKey(of: file.path)
        case .child(let path, _): EntryKey(of: path)
        case .verification: nil
        }
    }

    /// Nil where `reply` answers another question.
    func verdict(_ reply: ReplicaReply) -> AuditVerdict? {
        switch (self, reply) {
        case (.entry(let item), .register(let register, let context, _)):
            item.followed(by: register, context) ?? .right
        case (.directory(let item), .listing(_, let existence, _)):
            item.followed(by: existence)
        // A holder with another entry of the name would bring that back to all.
        case (.trace(let item), .entry(let entry, _)):
            entry == item.entry || entry == nil ? .drop(item) : nil
        default: nil
        }
    }
}

extension KeyedEntry {
    /// Whether only the trace of a directory is left.
    var isTrace: Bool { !entry.isLive && entry.directory != nil && entry.file == nil }

    /// Whether the entry says something else of the directory than the directory's holder.
    func isWrong(_ existence: Existence) -> Bool {
        (entry.directory?.exists ?? false) != existence.exists
    }

    func followed(by existence: Existence) -> AuditVerdict {
        guard isWrong(existence) else { return isTrace ? .drop(self) : .right }
        let slot = entry.directory
        guard let rank = existence.rank ?? slot?.rank else { return .right }
        let isNewer = slot.map { $0.rank < rank } ?? true
        return .correct(
            KeyedEntry(
                key: key,
                entry: DirectoryEntry(
                    directory: .init(
                        rank: isNewer ? rank : slot?.rank ?? rank, exists: existence.exists,
                        correction: isNewer ? 0 : (slot?.correction ?? 0) + 1))))
    }

    /// Nil where the entry is right, as far as a holder of the file with `register` and `context`
    /// can say.
    func followed(by register: Register, _ context: PartitionContext) -> AuditVerdict? {
        guard let slot = entry.file else { return nil }
        func corrected(_ rank: Rank, _ record: FileRecord?, _ correction: UInt32) -> AuditVerdict {
            .correct(
                KeyedEntry(
                    key: key,
                    entry: DirectoryEntry(
                        file: .init(rank: rank, record: record, correction: correction))))
        }
        if let head = register.head {
            let record = head.record?.listed
            if slot.rank < head.rank { return corrected(head.rank, record, 0) }
            guard slot.record != record else { return nil }
            // A version that ranks above the newest, and is known to be gone, was deleted long ago
            // under a clock that was ahead.
            guard
                slot.rank == head.rank || context.contains(slot.rank.dot)
                    || register.wasTakenBack(slot)
            else { return nil }
            return corrected(slot.rank, record, slot.correction + 1)
        }
        // The holder has seen that very version, and it is gone without a trace: removed for good.
        guard context.contains(slot.rank.dot), register.prepared.isEmpty else { return nil }
        if slot.record != nil { return corrected(slot.rank, nil, slot.correction + 1) }
        return entry.isLive ? nil : .drop(self)
    }
}

extension Register {
    /// Whether the version that an entry lists was an attempt that its node took back, since its
    /// operation took effect by another one: then its dot is in no context. It may have been listed
    /// before, by a node that died then.
    fileprivate func wasTakenBack(_ slot: DirectoryEntry.FileSlot) -> Bool {
        guard let operation = slot.record?.operation,
            let applied = committedVersion(of: operation)
        else { return false }
        return applied.dot != slot.rank.dot && !contains(slot.rank.dot)
            && ballot?.accepted?.version.dot != slot.rank.dot
    }
}
