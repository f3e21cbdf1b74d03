import Cluster
import Model
import Placement
import Replication

/// What of a plan is left out, to find the shortest one that still fails.
struct Omissions: Sendable {
    var faults: Set<Int> = []
    var clients: Set<Int> = []
    /// (client, index) of operations.
    var operations: Set<Bits128> = []
    /// Nothing but the settling happens after it.
    var end: Nanoseconds?

    static func operation(_ client: Int, _ index: Int) -> Bits128 {
        Bits128(high: UInt64(client), low: UInt64(index))
    }
}

/// N nodes of the real core code on machines, disks and a network that are made up, under virtual
/// time. One seed decides everything.
///
/// ```
///  forming ──all have the settings──▶ running ──its length is over──▶ quiet ──settled──▶ reading
///                                                                                          │
///                                       done ◀──ten idle seconds── idling ◀──all answered──┘
/// ```
struct World {
    enum Phase: Int, Comparable {
        case forming
        case running
        case quiet
        case reading
        case idling
        case done
        static func < (a: Phase, b: Phase) -> Bool { a.rawValue < b.rawValue }
    }

    let options: SimulationOptions
    let omissions: Omissions
    let capacity: Int
    let workload: Workload
    /// The start of a fault counts from the start of `running`.
    let faults: [Fault]

    var now: Nanoseconds = 0
    var phase = Phase.forming
    var phaseSince: Nanoseconds = 0
    var runningSince: Nanoseconds = 0
    var formingStep = FormingStep.starting
    var disturbances: [Disturbance] = []
    /// Placements of layouts that were asked about.
    var placements: [LayoutID: Placement] = [:]
    /// Sums messages at the beginning of the idle time.
    var messagesBeforeIdle = 0
    var sampledHost = 0

    var queue = EventQueue()
    var generator: SplitMix64
    var network: Network
    var hosts: [Host] = []
    var names: [NodeID] = []
    var brains: [ClusterNode?] = []
    var generators: [SplitMix64] = []
    var envelopes = Slots<Envelope>()
    var reads = Slots<ReadAnswer>()
    var lateRequests = Slots<LateRequest>()
    /// Of what names contents, how many in a thousand wait for them: by the faults that say so.
    var lateness: [Int: Int] = [:]
    var directives: [NodeDirective] = []

    var disks: [DiskFact] = []
    /// Disks that were taken away a short time ago, as they were: an acknowledgement under way
    /// may count them.
    var lostDisks: [LostDisk] = []
    var damages: [Damage] = []
    /// Partitions that disks dropped lately, since others have them.
    var forgotten: [(time: Nanoseconds, partition: Partition, disk: Int)] = []
    /// Snapshots for faults that bring an old disk back.
    var snapshots: [Int: NodeDisk] = [:]
    /// Hosts whose disks were lost since the cluster was settled last.
    var lossesOpen = 0
    /// Since when nobody has had anything to do.
    var settledSince: Nanoseconds?
    var waitingFaults: [Int] = []
    /// Disks that get new ids.
    var renewals: [(Int, DiskID)] = []

    var clients: [Client] = []
    var history = History()
    var ticketOwners: [UInt64: TicketOwner] = [:]
    var nextTicket: UInt64 = 0
    var finalReads: [FinalRead] = []
    var openFinalReads = 0
    var finalReadsSince: Nanoseconds = 0
    /// Why the cluster did not settle in time; empty where it did.
    var settleFailure: [String] = []
    /// What was on the disks when it had settled.
    var final = FinalState(time: 0)

    var checkers: Checkers
    var statistics = Statistics()
    var trace: Trace

    struct Envelope {
        let message: PeerMessage
        let from: Int32
        let to: Int32
        let isDatagram: Bool
        /// How often the connection had broken when it was sent.
        let breaks: UInt32
    }

    struct ReadAnswer {
        let host: Int
        let life: UInt32
        let ticket: StorageTicket
        let answer: StorageAnswer
        /// The write of which it may tell before that is durable; 0 where it tells what is durable.
        let number: UInt64
    }

    struct LostDisk {
        let number: Int
        let time: Nanoseconds
        let disk: NodeDisk
    }

    enum TicketOwner {
        case client(Int)
        case administrator
        /// Sets the test setting to this.
        case setting(Int)
        case leaver(Int)
        /// Takes a leave back.
        case stayer(Int)
        /// A read at the end: its number in the history.
        case finalRead(Int)
    }

    enum FormingStep {
        case starting
        /// The settings of the run, one after the other: the number of the one under way.
        case settings(Int)
        case factor
        case waiting
    }

    /// Something was wrong with the network or a host, for checks that hold on a healthy one.
    struct Disturbance {
        enum Scope {
            case all
            case host(Int)
            case cut(Network.Cut)
        }

        let fault: Int
        let scope: Scope
        let start: Nanoseconds
        var end = Nanoseconds.max
    }

    struct FinalRead {
        let host: Int
        let path: StorePath
        let isListing: Bool
        /// The version by whose name a file is read that is beside a directory.
        var beside: Dot?
        var answer: ClientAnswer?
    }

    init(
        _ options: SimulationOptions, omitting omissions: Omissions = Omissions(),
        keepsText: Bool = false
    ) {
        self.options = options
        self.omissions = omissions
        capacity = options.nodeCount + FaultSchedule.joinersMax
        workload = Workload(options: options)
        faults = FaultSchedule.make(options, from: 0)
        generator = SplitMix64(seed: options.seed, purpose: 0x776F_726C_6400)
        network = Network(capacity: capacity)
        checkers = Checkers(options)
        trace = Trace(keepsText: keepsText)
        if options.faults.contains(.drizzle) {
            var weather = Network.Weather()
            weather.lossPerMille = 50
            weather.stallsPerMille = 50
            network.add(weather, number: -1)
        }
        for number in 0..<capacity { addHost(number) }
        for number in 0..<options.nodeCount {
            queue.schedule(
                .start(host: Int32(number)),
                at: generator.draw(
                    0...max(.seconds(1), .milliseconds(20) * Int64(options.nodeCount))))
        }
        for number in 0..<options.clientCount + options.lockClientCount {
            clients.append(
                Client(
                    number: number,
                    home: number * max(1, options.nodeCount / options.clientCount)
                        % options.nodeCount,
                    generator: SplitMix64(
                        seed: options.seed, purpose: 0x636C_6900, number: UInt64(number))))
        }
        if workload.hasManyNames {
            clients.append(
                Client(
                    number: clients.count, home: 0,
                    generator: SplitMix64(
                        seed: options.seed, purpose: 0x636C_6900, number: UInt64(clients.count))))
        }
        queue.schedule(.look, at: World.lookInterval)
    }

    static let lookInterval: Nanoseconds = .milliseconds(500)

    private mutating func addHost(_ number: Int) {
        var own = SplitMix64(seed: options.seed, purpose: 0x686F_7374_00, number: UInt64(number))
        var configuration = NodeConfiguration(node: HostName.node(number))
        configuration.canaries = options.canaries
        // Few names are locked here; so theirs go again and again.
        configuration.lockTracesCleared = 1
        var seeds: Set<Int> = [0, 1, 2]
        while seeds.count < min(6, options.nodeCount) {
            seeds.insert(own.draw(below: options.nodeCount))
        }
        configuration.seeds = seeds.sorted()
            .filter { $0 != number && $0 < options.nodeCount }.map(HostName.node)
        let disk = NodeDisk(id: DiskID(using: &own))
        var host = Host(number: number, configuration: configuration, disk: disk)
        host.disk = disks.count
        disks.append(DiskFact(id: disk.id, host: number))
        host.monotonicOffset = own.draw(0 ... .seconds(1_000_000))
        host.wallOffset = own.draw(-.milliseconds(20) ... .milliseconds(20))
        if options.faults.contains(.clocks) {
            host.wallOffset = own.draw(-.seconds(2) ... .seconds(2))
            host.drift = own.draw(-200...200)
        }
        names.append(configuration.node)
        hosts.append(host)
        brains.append(nil)
        generators.append(own)
    }

    // MARK: Running

    /// Runs to the end, or until a promise is broken.
    mutating func run(while mayGoOn: (borrowing World) -> Bool = { _ in true }) {
        while phase != .done, step() {
            if options.stopsAtViolation, !checkers.violations.isEmpty, phase != .done { break }
            if statistics.eventCount & 0xFFFF == 0, !mayGoOn(self) { break }
        }
        statistics.end = now
    }

    /// - Returns: whether there was anything to do.
    mutating func step() -> Bool {
        guard let event = queue.pop() else { return false }
        now = event.time
        if let host = hostConcerned(by: event.action), let until = hosts[host].frozenUntil(now) {
            queue.putOff(event, until: until)
            if case .wake = event.action, hosts[host].wakeAt == event.time {
                hosts[host].wakeAt = until
            }
            return true
        }
        statistics.eventCount += 1
        handle(event)
        return true
    }

    private func hostConcerned(by action: Event.Action) -> Int? {
        switch action {
        case .message(let slot): envelopes.peek(slot).map { Int($0.to) }
        case .wake(let host), .synced(let host, _), .answeredAhead(let host, _, _): Int(host)
        case .answered(let slot): reads.peek(slot)?.host
        case .contentsCame(let slot): lateRequests.peek(slot)?.host
        case .start, .faultBegins, .faultEnds, .clientActs, .look: nil
        }
    }

    private mutating func handle(_ event: Event) {
        switch event.action {
        case .message(let slot): deliver(envelopes.take(slot), event.sequence)
        case .wake(let host):
            guard hosts[Int(host)].wakeAt == event.time else { return }
            trace.add(now, event.sequence << 8 | 2)
            wake(Int(host))
        case .synced(let host, let life):
            trace.add(now, event.sequence << 8 | 3)
            syncEnded(Int(host), life)
        case .answered(let slot):
            trace.add(now, event.sequence << 8 | 4)
            readAnswered(reads.take(slot))
        case .answeredAhead(let host, let life, let number):
            trace.add(now, event.sequence << 8 | 10)
            answeredAhead(Int(host), life, UInt64(number))
        case .contentsCame(let slot):
            trace.add(now, event.sequence << 8 | 9)
            contentsCame(lateRequests.take(slot))
        case .start(let host):
            trace.add(now, event.sequence << 8 | 5)
            start(Int(host))
        case .faultBegins(let number): faultBegins(Int(number))
        case .faultEnds(let number): faultEnds(Int(number))
        case .clientActs(let client, let step):
            trace.add(now, event.sequence << 8 | 6)
            clientActs(Int(client), step)
        case .look: look()
        }
    }
}
