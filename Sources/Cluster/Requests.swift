import Model
import Reconciliation
import Replication

/// What goes on when an answer comes.
enum Waiting: Sendable {
    /// The node's life is durable.
    case life
    case nothing
    case operation(UInt64, round: UInt32)
    case task(UInt64)
    /// A peer that forwarded this is asked whether it still waits for it.
    case isWanted(PeerRequest)
    case exchange(UInt64)
    /// A peer is asked what it remembers of this disk.
    case epoch(NodeID)
    case takeOver(NodeID)
    /// A peer that takes over waits for what there is for it.
    case partitionsFor(NodeID, request: UInt64)
    case comparison(NodeID)
    /// The own disk works on a comparison with a peer.
    case advance(NodeID)
    /// A peer waits for what the own disk says of differences.
    case reconciled(NodeID, request: UInt64)
    case upkeep(UpkeepStep)
    case audit(Audit)
    /// Another disk is asked for what is damaged here.
    case damage(RegisterKey)
    /// A holder is asked whether it has a tombstone.
    case tombstone(RegisterKey, Dot)
    /// A peer waits for what the own disk answers.
    case peer(NodeID, request: UInt64)
    /// A client waits for something to be durable.
    case client(TaskOrigin, ClientAnswer)

    /// Whether it is a step of what somebody waits for.
    var isForeground: Bool {
        switch self {
        case .operation, .peer: true
        default: false
        }
    }
}

/// Questions under way, to the own disk and to peers, by one number.
struct Requests: Sendable {
    struct Open: Sendable {
        var node: NodeID
        /// Nil for the own disk, which always answers.
        var deadline: Duration?
        /// When it was asked.
        var since = Duration.zero
        var waiting: Waiting
        /// Whether it changes records of the own disk.
        var changesRecords = false
    }

    /// Changes of records that are not durable yet, as far as this node knows.
    private(set) var changeCount = 0
    private var open: [UInt64: Open] = [:]
    /// No deadline is before it.
    private var earliest: Duration?

    /// Whether a peer is asked.
    var hasDeadline: Bool { open.values.contains { $0.deadline != nil } }
    var count: Int { open.count }

    mutating func add(_ number: UInt64, _ request: Open) {
        open[number] = request
        if request.changesRecords { changeCount += 1 }
        if let deadline = request.deadline {
            earliest = earliest.map { min($0, deadline) } ?? deadline
        }
    }

    mutating func take(_ number: UInt64) -> Open? {
        let request = open.removeValue(forKey: number)
        if request?.changesRecords == true { changeCount -= 1 }
        return request
    }

    func waitsFor(_ number: UInt64, from node: NodeID) -> Bool { open[number]?.node == node }

    /// - Returns: whether `node` is still waited for.
    mutating func extend(_ number: UInt64, to node: NodeID, until deadline: Duration) -> Bool {
        guard open[number]?.node == node else { return false }
        open[number]?.deadline = deadline
        return true
    }

    /// Those whose time is over, in the order of their numbers.
    mutating func takeExpired(now: Duration) -> [Open] {
        guard let first = earliest, first <= now else { return [] }
        let numbers = open.filter { $0.value.deadline.map { $0 <= now } ?? false }.keys.sorted()
        let expired = numbers.compactMap { open.removeValue(forKey: $0) }
        earliest = open.values.compactMap(\.deadline).min()
        return expired
    }
}

/// How a question was answered.
enum Answer: Sendable {
    case replica(ReplicaReply)
    case client(ClientAnswer)
    case partitions([PartitionSum], declared: [LayoutID])
    case reconciled(ReconciliationReply)
    case advanced(ReconciliationSession, [ReconciliationDirective])
    case epoch(UInt64?, isInformed: Bool)
    case done
    case layoutsDiffer
    /// Not in time, or the peer is not ready.
    case none
}
