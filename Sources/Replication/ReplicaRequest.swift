package import Model

/// What a disk is asked to do with the registers and entries of one partition: by a coordinator
/// (of this node or another), or by this node's own background work.
package indirect enum ReplicaRequest: Equatable, Sendable {
    /// Makes the next version of a register, above everything known here, in `cover` and `above`,
    /// and prepares it. An operation that was applied before is not applied again.
    case assign(Assignment)
    /// Makes a version durable, invisible. Refused where it does not cover what is known here.
    /// - `earlier`: what the coordinator made before for the same operation and was refused: a
    ///   reader may have brought it to others all the same.
    case prepare(RegisterKey, RegisterVersion, earlier: [RegisterVersion] = [])
    /// Makes a version visible, whether it was prepared here or not. Unless `listed` (its
    /// directory's entry is known to be durable), the entry is put into the outbox.
    /// `settled`: the ballot that decided it, where a majority had promised that.
    case commit(RegisterKey, RegisterVersion, listed: Bool, settled: Ballot? = nil)
    /// Makes a version visible that a reader is about to return, as the newest of the register. Answered
    /// `stale`, with nothing changed, where it cannot be that: something newer is visible, or its
    /// operation has a later attempt here, which may be acknowledged.
    case writeBack(RegisterKey, RegisterVersion)
    /// Takes a prepared version back: the operation turned out to have been applied before.
    case withdraw(RegisterKey, Dot)
    case read(RegisterKey)
    /// Joins what another disk knows; see `Register.merge`.
    case merge(Partition, [KeyedRegister], [KeyedEntry], theirs: PartitionContext, MergeOrigin)
    /// Joins the other disk's context, if the registers are still those that it was compared with.
    case joinContext(Partition, PartitionContext, ifContents: Fingerprint)
    case promise(RegisterKey, Ballot)
    case accept(RegisterKey, Ballot, RegisterVersion)
    /// Commits the version with which a ballot ended; lower ballots are done with.
    case confirm(RegisterKey, Ballot, RegisterVersion)
    /// Makes the version of a conditional write, accepted here under its ballot.
    case mint(Assignment, Ballot)
    /// A write (`assign`, `prepare`, `mint`, `accept`), unless a lock of its path is in its way.
    case guarded(ReplicaRequest, WriteGuard)
    case putEntry(EntryKey, DirectoryEntry)
    case readEntry(EntryKey)
    /// Names after `after`, in order, and whether the directory exists. With those that are gone,
    /// for a coordinator that joins the pages of several holders.
    case list(StorePath, after: [UInt8]?, limit: Int, withGone: Bool)
    /// What these items are, for reconciliation and for moving partitions; with the registers in
    /// which a ballot is unsettled, where these are to come along.
    case fetch(Partition, [ItemKey], withUnsettled: Bool)
    /// All items of a partition with their fingerprints; `checked`: as they are found when all
    /// contents are read, for one who wants to go by it and drop a copy.
    case items(Partition, checked: Bool = false)
    /// Checks the contents of so many registers behind `after`.
    case scrub(after: RegisterKey?, limit: Int)
    /// These versions failed their check: they are no copies any more.
    case quarantine(RegisterKey, [Dot])
    /// What of a partition should be listed elsewhere, and what it lists itself: to be compared.
    case audit(Partition)
    /// The entry of a file or directory has to follow (again).
    case addOutbox(OutboxRow)
    /// Names what has been prepared for long and the registers whose ballot is unsettled: whether it
    /// is to be committed is not for one disk to say. Nil at the start of a life: what an earlier one prepared is due at once, and ages count from
    /// now, for monotonic times of another boot mean nothing.
    /// At most `ReplicationLimits.settleCountMax` of them, behind `after`.
    case settle(preparedBefore: Duration?, after: RegisterKey? = nil)
    case outbox(after: OutboxRow?, limit: Int)
    /// What was said: rows that have something else to say by now stay.
    case outboxDone([OutboxItem])
    /// The moves that are not over, behind `after`.
    case moves(after: OperationID?, limit: Int)
    /// The destination that this operation made is durable.
    case movePlaced(OperationID)
    /// The source of the move whose destination this operation makes is gone, or stays for good.
    case moveOver(OperationID)
    /// Removes kept versions: the decision of one holder, which follows the others by their contexts.
    case expire(RegisterKey, [Dot])
    /// The contents of these kept versions are not wanted any more. Their names go when they are of age.
    case purge(RegisterKey, [Dot])
    /// Removes a tombstone that every holder has.
    case dropTombstone(RegisterKey, Dot)
    /// Removes the entry of a name that is gone, unless it changed since.
    case dropEntry(EntryKey, DirectoryEntry)
    /// Forgets a partition that this disk does not hold any more, unless it changed since.
    case forget(Partition, ifSum: Fingerprint)
    /// The partitions that are not empty, with their sums.
    case partitions
    /// Candidates for expiry and removal, in partitions after `after`: at most `limit` registers are
    /// named, and about `ReplicationLimits.agedWalkMax` looked at.
    case aged(AgeBounds, after: Partition?, limit: Int)

    /// Whether an answer must wait for a sync.
    package var changes: Bool {
        switch self {
        case .guarded(let request, _): request.changes
        case .read, .readEntry, .list, .fetch, .items, .outbox, .moves, .partitions, .aged, .audit,
            .scrub:
            false
        case .assign, .prepare, .commit, .writeBack, .withdraw, .merge, .joinContext, .promise,
            .accept,
            .confirm, .mint,
            .putEntry,
            .settle, .outboxDone, .addOutbox, .movePlaced, .moveOver, .expire, .purge,
            .dropTombstone, .dropEntry,
            .forget, .quarantine:
            true
        }
    }
}

/// Where merged items come from: a fellow holder (reconciliation), a holder of an older layout to
/// one of the newest, or a disk that holds the partition no more. Ballots come along with the last
/// two, since what was accepted there must be found among the holders that are.
package enum MergeOrigin: Hashable, Sendable { case holder, takeOver, handBack }

/// What has aged, by the clock of the one who decides.
package struct AgeBounds: Hashable, Sendable {
    /// Versions that were superseded before this go.
    package var keptBefore: HybridTime
    /// Of what was superseded before this, a path keeps so many versions, and so many losers of
    /// conflicts.
    package var surplusBefore: HybridTime
    package var keptCountMax: Int
    package var losersMax: Int
    package var tombstonesBefore: HybridTime
    /// What is at no path any more, and was superseded up to here, goes: the trash was emptied.
    package var emptiedUntil: HybridTime

    package init(
        keptBefore: HybridTime, surplusBefore: HybridTime, keptCountMax: Int,
        losersMax: Int, tombstonesBefore: HybridTime, emptiedUntil: HybridTime = .zero
    ) {
        self.keptBefore = keptBefore
        self.surplusBefore = surplusBefore
        self.keptCountMax = keptCountMax
        self.losersMax = losersMax
        self.tombstonesBefore = tombstonesBefore
        self.emptiedUntil = emptiedUntil
    }
}

/// A version to be made.
package struct Assignment: Hashable, Sendable {
    package var key: RegisterKey
    package var value: RegisterValue
    package var operation: OperationID
    /// What the new version must know beside what this disk knows.
    package var cover: CausalContext
    /// The version's clock is above this, and above everything known here.
    package var above: HybridTime
    /// The clock's reading now.
    package var time: HybridTime
    /// Whether the operation's version, which is known, is to be made again on top of another.
    package var isRenewal = false
    /// What another disk knows of the file: a new version continues the newest that is known.
    package var before: RegisterVersion?

    package init(
        key: RegisterKey, value: RegisterValue, operation: OperationID,
        cover: CausalContext = .empty, above: HybridTime = .zero, time: HybridTime
    ) {
        self.key = key
        self.value = value
        self.operation = operation
        self.cover = cover
        self.above = above
        self.time = time
    }
}

package struct KeyedRegister: Hashable, Sendable {
    package var key: RegisterKey
    package var register: Register

    package init(key: RegisterKey, register: Register) {
        self.key = key
        self.register = register
    }
}

package struct KeyedEntry: Hashable, Sendable {
    package var key: EntryKey
    package var entry: DirectoryEntry

    package init(key: EntryKey, entry: DirectoryEntry) {
        self.key = key
        self.entry = entry
    }
}

/// The 48 bits by which an item (a register or an entry) is found in its partition; 0 is the
/// partition's context itself.
package struct ItemKey: Hashable, Comparable, Sendable {
    package let bits: UInt64

    package static let context = ItemKey(bits: 0)

    package init(bits: UInt64) { self.bits = bits & 0xFFFF_FFFF_FFFF }

    package init(_ fingerprint: Fingerprint) {
        // 0 is taken: a name that hashes to it shares the next number with another.
        self.init(bits: max(1, fingerprint.high & 0xFFFF_FFFF_FFFF))
    }

    package static func < (a: ItemKey, b: ItemKey) -> Bool { a.bits < b.bits }
}

package struct Item: Hashable, Sendable {
    package var key: ItemKey
    package var fingerprint: Fingerprint

    package init(key: ItemKey, fingerprint: Fingerprint) {
        self.key = key
        self.fingerprint = fingerprint
    }
}

/// Work that a committed change left: an entry that has to follow.
package enum OutboxRow: Hashable, Comparable, Sendable {
    /// The directory's entry of a file follows its register.
    case file(StorePath)
    /// The parent's entry of a directory follows whether it exists.
    case directory(StorePath)

    package static func < (a: OutboxRow, b: OutboxRow) -> Bool { a.order < b.order }

    package var path: StorePath {
        switch self {
        case .file(let path), .directory(let path): path
        }
    }

    private var order: (Int, StorePath) {
        switch self {
        case .file(let path): (0, path)
        case .directory(let path): (1, path)
        }
    }
}
