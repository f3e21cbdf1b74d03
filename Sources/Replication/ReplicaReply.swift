package import Model

/// What a disk answers.
package indirect enum ReplicaReply: Equatable, Sendable {
    /// The version that was made and prepared; or, for `mint`, made alone. `replacing`: something
    /// live was there.
    case assigned(RegisterVersion, replacing: Bool)
    /// The operation was applied before; this is the version that it made.
    case alreadyApplied(RegisterVersion)
    case prepared
    /// The version does not cover what is known here, or ranks below it: make another that covers
    /// `context` and whose clock is above `above`. `newest`: what is known here of a file that has
    /// properties, which a new version without any of its own is to keep.
    case refused(context: CausalContext, above: HybridTime, newest: RegisterVersion? = nil)
    case full
    /// A lock is in the way of the write.
    case locked
    /// This disk knows a directory at the path of the file; others may know that it is gone.
    case isDirectory
    case committed
    /// `isDirectory`: of a file's register, that this disk knows a directory at the same path.
    case register(Register, PartitionContext, isDirectory: Bool = false)
    /// The version is known here and its content is not: no copy of it.
    case damaged
    /// `isDirectory`: as of `register`.
    case promised(Register, PartitionContext, isDirectory: Bool = false)
    case ballotTooLow(Ballot)
    case accepted
    case merged
    /// What was put, joined with what was there. `existence` tells what the directory became.
    case entry(DirectoryEntry?, existence: Existence)
    case listing([KeyedEntry], existence: Existence, more: Bool)
    case items([Item], PartitionContext, contents: Fingerprint, hasUnsettled: Bool)
    case fetched([KeyedRegister], [KeyedEntry], PartitionContext, contents: Fingerprint)
    /// Registers with a version that a ballot accepted and that nobody settled, and versions that
    /// were prepared long ago. `more`: something of that kind is left, perhaps too young yet.
    case unsettled([RegisterKey], [PreparedVersions], more: Bool)
    case outbox([OutboxItem])
    case moves([MoveRow])
    case partitions([PartitionSum])
    /// `next`: the partition to go on after; nil where all were looked at.
    case aged([AgedRegister], next: Partition?)
    /// The newest versions of the partition's files, its directories, and its entries.
    case audit([AuditedFile], [AuditedDirectory], [KeyedEntry])
    /// Where the scrub goes on (nil at the end), and what is in quarantine of the registers
    /// that it came by.
    case scrubbed(next: RegisterKey?, damaged: [DamagedVersions])
    case done
    /// Nothing was done: what the request went by has changed. Of a commit: it is known here, and no word
    /// for that it ever was the newest (`Register.mayBeDecided`).
    case stale
}

/// Whether a directory exists here, and the rank of the newest change in it.
package struct Existence: Hashable, Sendable {
    package var exists: Bool
    /// Whether it was made by a client, not by what is in it.
    package var isMarked: Bool
    /// Of the mark, or of its removal: who knows the later one is right.
    package var markRank: Rank?
    /// Nil where nothing was ever in it.
    package var rank: Rank?
    /// Whether the request that this answers made it come or go.
    package var hasChanged: Bool

    package init(
        exists: Bool, isMarked: Bool, markRank: Rank? = nil, rank: Rank?, hasChanged: Bool = false
    ) {
        self.exists = exists
        self.isMarked = isMarked
        self.markRank = markRank
        self.rank = rank
        self.hasChanged = hasChanged
    }
}

/// A row of the outbox with what is to be said now.
package struct OutboxItem: Hashable, Sendable {
    package var row: OutboxRow
    package var entry: KeyedEntry?

    package init(row: OutboxRow, entry: KeyedEntry?) {
        self.row = row
        self.entry = entry
    }
}

package struct PartitionSum: Hashable, Sendable {
    package var partition: Partition
    package var sum: Fingerprint
    package var itemCount: Int
    /// Whether there is something prepared or in a ballot, which no sum tells.
    package var hasUnsettled: Bool

    package init(
        partition: Partition, sum: Fingerprint, itemCount: Int, hasUnsettled: Bool = false
    ) {
        self.partition = partition
        self.sum = sum
        self.itemCount = itemCount
        self.hasUnsettled = hasUnsettled
    }
}

/// Versions of one register that are durable and not visible yet.
package struct PreparedVersions: Hashable, Sendable {
    package var key: RegisterKey
    package var versions: [RegisterVersion]

    package init(key: RegisterKey, versions: [RegisterVersion]) {
        self.key = key
        self.versions = versions
    }
}

/// A register with versions or a tombstone that may go.
package struct AgedRegister: Hashable, Sendable {
    package var key: RegisterKey
    package var kept: [Dot]
    package var tombstone: Dot?
    /// Locks, and all of them are over.
    package var isExpired: Bool

    package init(key: RegisterKey, kept: [Dot], tombstone: Dot?, isExpired: Bool = false) {
        self.key = key
        self.kept = kept
        self.tombstone = tombstone
        self.isExpired = isExpired
    }
}

/// A file whose directory should know of it.
package struct AuditedFile: Hashable, Sendable {
    package var path: StorePath
    package var rank: Rank
    package var isLive: Bool

    package init(path: StorePath, rank: Rank, isLive: Bool) {
        self.path = path
        self.rank = rank
        self.isLive = isLive
    }
}

/// A directory whose parent should know of it.
package struct AuditedDirectory: Hashable, Sendable {
    package var path: StorePath
    package var existence: Existence

    package init(path: StorePath, existence: Existence) {
        self.path = path
        self.existence = existence
    }
}

/// How a partition's sum changed by one request.
package struct PartitionChange: Hashable, Sendable {
    package var partition: Partition
    package var old: Fingerprint
    package var new: Fingerprint
    /// Registers and entries now.
    package var itemCount: Int

    package init(
        partition: Partition, old: Fingerprint, new: Fingerprint, itemCount: Int
    ) {
        self.partition = partition
        self.old = old
        self.new = new
        self.itemCount = itemCount
    }
}

package struct ReplicaOutcome: Sendable {
    package var reply: ReplicaReply
    package var changes: [PartitionChange]
    /// Whether rows came into the outbox.
    package var hasOutbox: Bool
    /// Whether something is prepared or in a ballot that has to be settled later.
    package var isUnsettled: Bool
    /// Whether a move is to be watched until it is over.
    package var hasMoves = false
    /// Whether something came in from another disk that may not be listed as it should.
    package var isAuditDue: Bool
    /// Contents that failed their check: to be put into quarantine.
    package var damaged: [DamagedVersions] = []
    /// Registers all of whose versions have good copies again.
    package var repaired: [RegisterKey] = []

    package init(reply: ReplicaReply) {
        self.reply = reply
        changes = []
        hasOutbox = false
        isUnsettled = false
        isAuditDue = false
    }
}
