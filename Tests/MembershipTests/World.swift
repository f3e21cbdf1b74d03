import Membership
import Model

/// What the network does to a datagram.
struct Network {
    var delayMilliseconds: ClosedRange<Int> = 1...20
    /// Of a thousand datagrams, as many are lost, and as many come twice.
    var lossPerMille = 0
    var duplicatedPerMille = 0
}

/// Many nodes of the true core under virtual time: the same seed gives the same run. Datagrams
/// overtake each other, as each has a delay of its own.
struct World {
    struct Host {
        var core: Membership?
        var disk: DiskID
        var life: UInt32 = 1
        /// Events wait until then: a process that stands still.
        var pausedUntil = Duration.zero
        /// The gateway answers probes for a store that restarts.
        var isRestarting = false
        var wake: Duration?
        var clockAhead: UInt64 = 0
    }

    /// Something that one node found out about another.
    struct Finding {
        let time: Duration
        let by: Int
        let directive: MembershipDirective
    }

    struct Event {
        let time: Duration
        let order: UInt64
        let host: Int
        /// Nil: the host's own deadline.
        let message: Int?
        let from: Int
    }

    private(set) var now = Duration.zero
    var hosts: [Host] = []
    var network = Network()
    var generator: SplitMix64
    let configuration: MembershipConfiguration
    private var heap = EventHeap()
    private var order: UInt64 = 0
    private var pool: [SwimMessage] = []
    private var free: [Int] = []
    private var directives: [MembershipDirective] = []
    /// Direction by direction: `from * count + to`. Empty: all pass.
    private var blocked: [Bool] = []

    private(set) var sentCount = 0
    private(set) var sentBytes = 0
    private(set) var sentByKind: [String: Int] = [:]
    var countsKinds = false
    /// Every datagram is coded, decoded and compared.
    var checksCoding = false
    private(set) var codingFailures: [String] = []
    private(set) var findings: [Finding] = []
    var keepsFindings = true
    /// Who was said to be dead although its process runs, by whom.
    private(set) var falseDeaths: [(time: Duration, by: Int, of: Int)] = []
    private(set) var knownDeadBy: [Int] = []
    private(set) var lastDeathSaid = Duration.zero

    init(
        count: Int, seed: UInt64, configuration: MembershipConfiguration = .init()
    ) {
        generator = SplitMix64(seed: seed)
        self.configuration = configuration
        for _ in 0..<count { hosts.append(Host(core: nil, disk: DiskID(using: &generator))) }
        knownDeadBy = Array(repeating: 0, count: count)
    }

    static func name(_ host: Int) -> NodeID {
        guard let id = NodeID("n" + String(10_000 + host)) else {
            preconditionFailure("a name of letters and digits")
        }
        return id
    }

    static func host(_ node: NodeID) -> Int? {
        var value = 0
        for byte in node.name.utf8.dropFirst() {
            guard (0x30...0x39).contains(byte) else { return nil }
            value = value * 10 + Int(byte - 0x30)
        }
        return value - 10_000
    }

    // MARK: Faults and changes

    mutating func start(_ host: Int, seeds: [Int]) {
        hosts[host].core = Membership(
            node: World.name(host), disk: hosts[host].disk, life: hosts[host].life, now: now,
            configuration: configuration)
        hosts[host].wake = nil
        act(host) { core, now, wall, generator, directives in
            core.join(
                seeds.map(World.name), now: now, wallMilliseconds: wall, using: &generator,
                into: &directives)
        }
    }

    /// All of them, told of the first three, and time until they know each other.
    mutating func startAll(settle: Duration = .seconds(10)) {
        for host in hosts.indices { start(host, seeds: [0, 1, 2]) }
        run(for: settle)
    }

    mutating func kill(_ host: Int) {
        hosts[host].core = nil
        knownDeadBy[host] = 0
    }

    mutating func pause(_ host: Int, for time: Duration) { hosts[host].pausedUntil = now + time }

    mutating func block(from: Int, to: Int, _ isBlocked: Bool = true) {
        if blocked.isEmpty {
            blocked = Array(repeating: false, count: hosts.count * hosts.count)
        }
        blocked[from * hosts.count + to] = isBlocked
    }

    mutating func heal() { blocked = [] }

    /// The members of the layout, told to a node.
    mutating func tellMembers(_ host: Int, _ members: [Int]) {
        act(host) { core, now, _, _, _ in core.membersChanged(members.map(World.name), now: now) }
    }

    mutating func leave(_ host: Int) {
        act(host) { core, now, wall, _, directives in
            core.leave(now: now, wallMilliseconds: wall, into: &directives)
        }
    }

    /// A datagram that no node of this world made.
    mutating func inject(_ message: SwimMessage, from: NodeID, to host: Int) {
        act(host) { core, now, wall, generator, directives in
            core.received(
                message, from: from, now: now, wallMilliseconds: wall, using: &generator,
                into: &directives)
        }
    }

    mutating func forgetFindings() {
        findings = []
        falseDeaths = []
        for host in hosts.indices { knownDeadBy[host] = 0 }
    }

    // MARK: Time

    mutating func run(for time: Duration) {
        let end = now + time
        while let event = heap.first, event.time <= end {
            heap.removeFirst()
            now = event.time
            handle(event)
        }
        now = end
    }

    /// - Returns: how long it took until `done`, looked at every 10 ms; nil after `limit`.
    mutating func run(atMost limit: Duration, until done: (World) -> Bool) -> Duration? {
        let start = now
        while !done(self) {
            guard now - start < limit else { return nil }
            run(for: .milliseconds(10))
        }
        return now - start
    }

    private mutating func handle(_ event: Event) {
        if hosts[event.host].pausedUntil > now {
            push(hosts[event.host].pausedUntil, event.host, event.message, event.from)
            return
        }
        guard let index = event.message else {
            guard hosts[event.host].core != nil,
                hosts[event.host].wake == event.time
                    || hosts[event.host].wake.map({ $0 <= now }) == true
            else { return }
            hosts[event.host].wake = nil
            act(event.host) { core, now, wall, generator, directives in
                core.timePassed(
                    now: now, wallMilliseconds: wall, using: &generator, into: &directives)
            }
            return
        }
        let message = pool[index]
        free.append(index)
        guard hosts[event.host].core != nil else { return }
        if hosts[event.host].isRestarting {
            answerForStore(event.host, message, from: event.from)
            return
        }
        let from = World.name(event.from)
        act(event.host) { core, now, wall, generator, directives in
            core.received(
                message, from: from, now: now, wallMilliseconds: wall, using: &generator,
                into: &directives)
        }
    }

    private mutating func answerForStore(_ host: Int, _ message: SwimMessage, from: Int) {
        guard case .ping(let sequence) = message.body else { return }
        let incarnation = UInt64(hosts[host].life) << 32
        let sender = PeerUpdate(
            node: World.name(host), disk: hosts[host].disk, incarnation: incarnation, state: .alive)
        let answer = SwimMessage(
            body: .ack(sequence: sequence, isRestarting: true), sender: sender,
            wallMilliseconds: wall(host), updates: [])
        send(answer, from: host, to: from)
    }

    private func wall(_ host: Int) -> UInt64 {
        1_800_000_000_000 + UInt64(now / .milliseconds(1)) + hosts[host].clockAhead
    }

    private mutating func act(
        _ host: Int,
        _ body: (
            inout Membership, Duration, UInt64, inout SplitMix64, inout [MembershipDirective]
        ) -> Void
    ) {
        guard var core = hosts[host].core.take() else { return }
        var made: [MembershipDirective] = []
        swap(&made, &directives)
        made.removeAll(keepingCapacity: true)
        body(&core, now, wall(host), &generator, &made)
        let deadline = core.nextDeadline
        hosts[host].core = consume core
        for directive in made { obey(directive, host) }
        swap(&made, &directives)
        if hosts[host].wake.map({ deadline < $0 }) ?? true {
            // Virtual time moves, also where a core asks to be woken at once again and again.
            let wake = max(deadline, now + .microseconds(100))
            hosts[host].wake = wake
            push(wake, host, nil, host)
        }
    }

    private mutating func obey(_ directive: MembershipDirective, _ host: Int) {
        switch directive {
        case .send(let message, let peer):
            if let target = World.host(peer), target < hosts.count {
                send(message, from: host, to: target)
            }
            return
        case .changed(let node, _, .dead):
            if let target = World.host(node), hosts.indices.contains(target) {
                knownDeadBy[target] += 1
                lastDeathSaid = now
                if hosts[target].core != nil { falseDeaths.append((now, host, target)) }
            }
        case .clockSample: return
        default: break
        }
        if keepsFindings {
            findings.append(Finding(time: now, by: host, directive: directive))
        }
    }

    private mutating func send(_ message: SwimMessage, from: Int, to: Int) {
        sentCount += 1
        sentBytes += message.byteCount
        if countsKinds { sentByKind[message.kind, default: 0] += message.byteCount }
        if checksCoding { checkCoding(message) }
        if !blocked.isEmpty, blocked[from * hosts.count + to] { return }
        guard draw(1000) >= network.lossPerMille else { return }
        deliver(message, from: from, to: to)
        if network.duplicatedPerMille > 0, draw(1000) < network.duplicatedPerMille {
            deliver(message, from: from, to: to)
        }
    }

    private mutating func deliver(_ message: SwimMessage, from: Int, to: Int) {
        let range = network.delayMilliseconds
        let micros =
            range.lowerBound * 1000 + draw(1 + 1000 * (range.upperBound - range.lowerBound))
        let index: Int
        if let old = free.popLast() {
            index = old
            pool[index] = message
        } else {
            index = pool.count
            pool.append(message)
        }
        push(now + .microseconds(micros), to, index, from)
    }

    private mutating func checkCoding(_ message: SwimMessage) {
        var writer = ByteWriter()
        message.encode(into: &writer)
        let bytes = writer.bytes
        if bytes.count != message.byteCount { codingFailures.append("count of \(message.kind)") }
        if bytes.count > MembershipLimits.datagramByteCountMax {
            codingFailures.append("\(bytes.count) bytes of \(message.kind)")
        }
        if (try? SwimMessage(decoding: bytes.span.bytes)) != message {
            codingFailures.append("round trip of \(message.kind)")
        }
    }

    private mutating func draw(_ bound: Int) -> Int {
        Int(truncatingIfNeeded: generator.next() >> 33) % bound
    }

    private mutating func push(_ time: Duration, _ host: Int, _ message: Int?, _ from: Int) {
        order += 1
        heap.insert(Event(time: time, order: order, host: host, message: message, from: from))
    }

    // MARK: Questions

    func state(of host: Int, by observer: Int) -> PeerState? {
        hosts[observer].core?.state(of: World.name(host))
    }

    var running: [Int] { hosts.indices.filter { hosts[$0].core != nil } }

    /// Whether every running node takes every other one for alive.
    var isWhole: Bool {
        let all = running
        return all.allSatisfy { (hosts[$0].core?.alivePeers.count ?? 0) >= all.count - 1 }
            && all.allSatisfy { observer in
                all.allSatisfy { $0 == observer || state(of: $0, by: observer) == .alive }
            }
    }

    /// How often any node said that this one is dead.
    func deaths(of host: Int) -> Int { knownDeadBy[host] }
}

/// A binary heap by time, then by order of insertion.
struct EventHeap {
    private var items: [World.Event] = []

    var first: World.Event? { items.first }

    private static func isBefore(_ a: World.Event, _ b: World.Event) -> Bool {
        a.time != b.time ? a.time < b.time : a.order < b.order
    }

    mutating func insert(_ event: World.Event) {
        items.append(event)
        var child = items.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard EventHeap.isBefore(event, items[parent]) else { break }
            items[child] = items[parent]
            child = parent
        }
        items[child] = event
    }

    mutating func removeFirst() {
        let last = items.removeLast()
        guard !items.isEmpty else { return }
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < items.count else { break }
            if child + 1 < items.count, EventHeap.isBefore(items[child + 1], items[child]) {
                child += 1
            }
            guard EventHeap.isBefore(items[child], last) else { break }
            items[parent] = items[child]
            parent = child
        }
        items[parent] = last
    }
}
