import Cluster
import Membership
import Model
import Replication

/// A storage request that was executed and is not durable yet.
struct PendingWrite {
    let ticket: StorageTicket
    let request: StorageRequest
    let answer: StorageAnswer
    /// The node's monotonic time when it was executed: it is executed again at the same.
    let at: Duration
    let isFull: Bool
    /// Counts the writes of a life.
    let number: UInt64
    /// The node knows the answer already.
    var isTold = false
}

/// One machine: its disk (twice: what was written, and what is durable), its clocks and what is
/// wrong with it. Its node's value is kept beside, in the world.
struct Host {
    enum State: Equatable {
        /// Not in the cluster yet.
        case absent
        case up
        case down
        /// Never to come back, its disk neither.
        case gone
        /// Left as planned, with nothing of the cluster's on its disk.
        case left
    }

    let number: Int
    var configuration: NodeConfiguration
    var state = State.absent
    /// Counts the node's deaths and starts: what belongs to an earlier life is dropped.
    var life: UInt32 = 0
    var startedAt: Nanoseconds = 0

    /// What the gateway answers while the store restarts on purpose.
    var restart: PlannedRestart?

    struct PlannedRestart {
        var standIn: StoreStandIn?
        let end: Nanoseconds
        /// Everybody knew of the life that ended.
        let isLifeKnown: Bool
    }

    // MARK: Disk

    /// The number of the disk in the world's list.
    var disk = 0
    var written: NodeDisk
    var synced: NodeDisk
    /// Executed on `written`, not yet on `synced`, in order.
    var pending: [PendingWrite] = []
    /// How many of `pending` the sync under way makes durable.
    var syncingCount = 0
    var writeCount: UInt64 = 0
    /// Holds back what the node says because of answers that are not durable.
    var durability = DurabilityGate()
    var syncLatencyMax: Nanoseconds = Host.usualSyncLatency
    var failsNextSync = false

    static let usualSyncLatency: Nanoseconds = .milliseconds(10)

    // MARK: Clocks

    var wallOffset: Nanoseconds = 0
    /// Parts per million that the wall clock goes too fast.
    var drift: Int64 = 0
    var monotonicOffset: Nanoseconds = 0

    // MARK: CPU

    /// The node runs for `awake` at the end of each period, and gets no CPU before.
    struct Slowness {
        let number: Int
        let since: Nanoseconds
        let period: Nanoseconds
        let awake: Nanoseconds
    }
    var slowness: Slowness?

    var isLeaving = false
    /// When the node's next wake is scheduled.
    var wakeAt: Nanoseconds = .max

    init(number: Int, configuration: NodeConfiguration, disk: NodeDisk) {
        self.number = number
        self.configuration = configuration
        written = disk
        synced = disk
    }

    /// Whether it takes part, or will again.
    var isMember: Bool { state == .up || state == .down }

    /// Until when the node gets no CPU; nil where it runs.
    func frozenUntil(_ now: Nanoseconds) -> Nanoseconds? {
        guard let slowness else { return nil }
        let phase = (now - slowness.since) % slowness.period
        let frozen = slowness.period - slowness.awake
        return phase < frozen ? now - phase + frozen : nil
    }

    func time(_ now: Nanoseconds) -> Now {
        Host.time(
            now, monotonicOffset: monotonicOffset, wallOffset: wallOffset, drift: drift)
    }

    static func time(
        _ now: Nanoseconds, monotonicOffset: Nanoseconds, wallOffset: Nanoseconds, drift: Int64
    ) -> Now {
        let wall =
            Host.wallStart + now + wallOffset + now / 1_000_000 * drift
        return Now(
            monotonic: .nanoseconds(now + monotonicOffset),
            wallMilliseconds: UInt64(max(0, wall) / 1_000_000))
    }

    /// 2023-11-14: any time will do that is not near zero.
    static let wallStart: Nanoseconds = 1_700_000_000_000_000_000

    // MARK: Changes

    /// The process is gone; of what was not durable a prefix survives.
    mutating func crash(keeping count: Int) {
        pending.removeLast(pending.count - count)
        syncAll()
        writeCount = 0
        durability = DurabilityGate()
        written = synced
        failsNextSync = false
        life += 1
        wakeAt = .max
    }

    /// All that was written is durable.
    mutating func syncAll() {
        for write in pending { _ = executeSynced(write) }
        pending = []
        syncingCount = 0
    }

    mutating func replaceDisk(_ disk: NodeDisk, number: Int) {
        precondition(pending.isEmpty && state != .up, "a disk in use")
        self.disk = number
        written = disk
        synced = disk
    }

    var isFull: Bool {
        get { written.tables.isFull }
        set {
            written.tables.isFull = newValue
            synced.tables.isFull = newValue
        }
    }
}

/// A disk that is or was in the world.
struct DiskFact {
    let id: DiskID
    let host: Int
    /// Cleared when it was wiped, went with its host, or was rolled back.
    var isIntact = true
}
