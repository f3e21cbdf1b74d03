internal import Cluster
internal import IPC
internal import Loop
internal import Model
internal import Posix
internal import Replication
internal import Transfer

/// The cluster's side of the store: the brain, and what moves its messages and contents. Touched on
/// the loop alone.
///
/// ```
///   clients ─┐                                ┌─▶ writer, readers ─▶ stored
///   peers ───┼─▶ event ─▶ ClusterNode ─▶ queue ─▶ carriers (messages to peers)
///   timer ───┘                                └─▶ answers to clients
/// ```
struct ClusterSide {
    typealias Answer = (ClientAnswer) -> Void

    /// The cluster's.
    let name: String
    /// This node's.
    let own: NodeID
    var node: ClusterNode
    var generator: SplitMix64
    /// Directives that are to be done, in order; and whether they are being done.
    var queue: [NodeDirective] = []
    var isPerforming = false
    /// Keeps what the brain says to itself while it knows of something that is not durable.
    var durability = DurabilityGate()
    var wake: LoopTimer?
    var wakeAt: Duration?

    var clients: [ClientTicket: Answer] = [:]
    var nextTicket: UInt64 = 0
    /// Requests that came before this life was durable.
    var early: [() -> Void] = []

    var answered = AnsweredOperations()

    var carriers = Carriers()
    var assembler = PartAssembler()
    var nextMessage: UInt64 = 0

    var shelf = ContentShelf()
    var gate = MessageGate()
    /// Objects of which it is known that their content is stored here.
    var known = RecentSet<ObjectID>(max: StoreLimits.knownObjectsMax)
    var pulls = Pulls()
    var offers = Offers()
    /// Files that are being written by pulls.
    var pulled: [ObjectID: FileLane] = [:]
    /// Of what is pulled: a path that shows it, where it is known.
    var pulledPaths: [ObjectID: StorePath] = [:]
    /// Who offered what is being pulled, and waits for a word.
    var offerers: [ObjectID: Set<NodeID>] = [:]
    /// When they were told last that it still is.
    var saidPulling: [ObjectID: Duration] = [:]
    /// Who waits for the end of an offer of this node's.
    var offered: [ObjectID: ([NodeID]) -> Void] = [:]
    /// Offers that wait for one of the same content to end.
    var waitingOffers: [ObjectID: [() -> Void]] = [:]
    /// Requests of clients that wait for a content to be pulled.
    var readers: [ObjectID: [(Bool) -> Void]] = [:]
    /// Small contents that are being read for others.
    var servedCount = 0
    var shelfTimer: LoopTimer?
    var usage = UsageBook()
    var quotas = QuotaSide()
    /// Of the disk's size, as it was obeyed last: what stays free, and what may be of the past, in percent.
    var spaceSettings: (reserve: Int, trash: Int)?
    /// Lists of the trash that wait for others' pages.
    var trashListings: [UInt64: TrashListing] = [:]
    var nextTrashListing: UInt64 = 0
    var watchers = Watchers()
    var told = ToldChanges()
    var passing = PassingWarnings()
    /// Who waits for the end of a pass of comparisons.
    var repairWaiters: [() -> Void] = []
    var repairTimer: LoopTimer?
    /// A restart of all nodes that was ordered here and is under way.
    var rolling: RollingRestart?
    /// Bytes of peers that were no message.
    var malformedCount: UInt64 = 0

    /// Nothing is said or asked any more.
    var isStopped = false

    init(_ configuration: NodeConfiguration, _ disk: NodeDisk, now: Duration, seed: UInt64) {
        name = configuration.clusterName
        own = configuration.node
        generator = SplitMix64(seed: seed)
        let now = Now(
            monotonic: now,
            wallMilliseconds: UInt64(max(0, WallClock.now.nanoseconds / 1_000_000)))
        node = ClusterNode(
            configuration, disk: disk, now: now, using: &generator, into: &queue)
    }

    /// What this node counts of each quota.
    mutating func ownQuotaUses() -> QuotaSide.Uses { quotas.ownUses(&node) }

    /// Hands an event to the brain, whose directives join the queue.
    mutating func handle(
        _ event: (inout ClusterNode, Now, inout SplitMix64, inout [NodeDirective]) -> Void,
        _ now: Now
    ) {
        event(&node, now, &generator, &queue)
    }
}

extension NodeConfiguration {
    /// A node that looks for nobody.
    static var alone: NodeConfiguration {
        guard let node = NodeID("node") else { preconditionFailure("a name") }
        return NodeConfiguration(node: node)
    }

    /// With what the disk says, where nobody else did: its size, which is also its weight among the
    /// others' (in GiB).
    func completed(by engine: Engine) throws -> NodeConfiguration {
        var configuration = self
        if capacityBytes == 0 {
            configuration.capacityBytes = try Directory.space(of: engine.directory.root).total
        }
        let weight = max(StoreLimits.weightMin, configuration.capacityBytes >> 30)
        configuration.weight = UInt32(clamping: weight)
        return configuration
    }
}
