import CRDT
import Model
import Placement
import Replication

/// The steps of background work that wait for the own disk.
enum UpkeepStep: Sendable {
    case sums
    case stateSaved
    /// That this disk declares the layout synced is durable.
    case declared(LayoutID)
    case settled
    case outbox
    case moves
    case aged
    case audit
    /// A node that leaves asks whether its disk is empty.
    case emptied
    /// That this node is about to say goodbye is durable.
    case parting
    /// All is said: it may be stopped.
    case departed
    /// The sequences that may have been forgotten are passed over.
    case skipped
    /// The disk's epoch is durable.
    case epoch(UInt64)
    case scrub
    /// What failed its check is in quarantine.
    case quarantined(DamagedVersions)
}

/// What the node's background work has to remember.
struct Upkeep: Sendable {
    /// Told by the disk: something came into the outbox, something is prepared.
    var hasOutbox = false
    var isUnsettled = false {
        didSet { if isUnsettled { settleRounds = 6 } }
    }
    /// How many more rounds to look for what is unsettled: what was prepared a moment ago is due
    /// only later.
    var settleRounds = 0
    var isSettledOnce = false
    /// Where the next look goes on.
    var settledAfter: RegisterKey?
    /// The same, of the outbox.
    var publishedAfter: OutboxRow?
    /// When rows of the outbox are looked for next, and whether the disk was asked for them already.
    var nextOutbox = Duration.zero
    var isOutboxAsked = false

    /// Whether moves may be on the disk that are not over.
    var hasMoves = false
    /// Where the next look for them goes on, and when.
    var movesAfter: OperationID?
    var nextMoves = Duration.zero

    /// Whether the next life knows that this one has left.
    var isPartingSaved = false

    var nextUpkeep = Duration.zero
    var nextCompare = Duration.zero
    var nextHandBack = Duration.zero
    var nextAge = Duration.zero
    var agedAfter: Partition?
    var nextAudit = Duration.zero
    var nextScrub = Duration.zero
    /// The register that was scrubbed last; nil at the beginning of a walk.
    var scrubbed: RegisterKey?
    var damageChecks: [RegisterKey: DamageCheck] = [:]
    /// When it was said of what that there is no good copy.
    var lossesSaid: [RegisterKey: Duration] = [:]
    var nextClockSave = Duration.zero
    var savedClock = HybridTime.zero
    /// Entries that an audit found wrong, and when first.
    var wrongEntries: [Replication.EntryKey: WrongEntry] = [:]

    struct WrongEntry: Sendable {
        var entry: DirectoryEntry
        var since: Duration
        /// Whose audit found it, and finds it again.
        var partition: Partition
        var isSeenAgain = false
    }

    /// Questions that all holders are asked.
    var verifications: [UInt64: Verification] = [:]

    /// Partitions into which something came from other disks: they are audited out of turn.
    var auditDue: Set<Partition> = []
    /// The partition audited last, in turn.
    var audited: Partition?

    var remembered: [NodeID] = []
    /// Other established clusters, and who of them was heard last.
    var foreign: [ClusterID: NodeID] = [:]
    /// Peers that came back and are compared with first.
    var returned: Set<NodeID> = []
    var lastCompared: NodeID?
    /// What an operator asked for, and how often in this life.
    var repair: RepairPass?
    var repairCount: UInt64 = 0

    /// Before it no other peer whose layouts differ is compared with.
    var nextMismatch = Duration.zero

    var departure = Departure.none
    var nextGoodbye = Duration.zero
    /// The disk said in this life what it has.
    var areSumsKnown = false
    /// The sums' count of changes as the disk was asked what it has.
    var sumsAsked = 0
    var isForeignDue = false
    /// The last partition that was worked on to be handed back: the next round goes on behind it.
    var handedBack: Partition?

    /// See `NodeFlags.lacksHolders`; and since when everybody is there again.
    var lacksHolders = false
    var wholeSince: Duration?
    var nextWhole = Duration.zero
    /// Who was not there at the last look.
    var missing: NodeID?

    /// Rows of the cluster's state that are not durable yet, and who waits for them.
    var savesUnderWay = 0
    var waitingForState: [(TaskOrigin, ClientAnswer)] = []

    /// Who has what this disk holds no more.
    var drops = DropRule()
    var tombstones: [RegisterKey: TombstoneCheck] = [:]

    /// A partition whose audit found an entry wrong long enough ago: it is looked at once more.
    /// What was looked at again and is not wrong any more is forgotten.
    mutating func takeDueAgain(before limit: Duration) -> Partition? {
        guard !wrongEntries.isEmpty else { return nil }
        wrongEntries = wrongEntries.filter { !$0.value.isSeenAgain || $0.value.since > limit }
        guard
            let due = wrongEntries.filter({ $0.value.since <= limit })
                .min(by: { ($0.value.since, $0.key) < ($1.value.since, $1.key) })
        else { return nil }
        for (key, entry) in wrongEntries where entry.partition == due.value.partition {
            if entry.since <= limit { wrongEntries[key]?.isSeenAgain = true }
        }
        return due.value.partition
    }

    mutating func takeWaitingForState() -> [(TaskOrigin, ClientAnswer)] {
        defer { waitingForState = [] }
        return waitingForState
    }
}

/// Whether every holder has a tombstone, so that it may go.
struct TombstoneCheck: Sendable {
    let dot: Dot
    let holders: [Target]
    var confirmed: [TombstoneRule.Confirmation] = []
}
