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
        /// Answers probes while the store restarts.
        var standIn: StoreStandIn?
        /// Whose name the host goes by: its own, but for a twin.
        var name: Int
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
    var blocked: [Bool] = []

    private(set) var sentCount = 0
    private(set) var sentByteCount = 0
    /// Every datagram is coded, decoded and compared.
    var checksCoding = false
    private(set) var codingFailures: [String] = []
    var findings: [Finding] = []
    var keepsFindings = true
    /// Who was said to be dead although its process runs, by whom.
    var falseDeaths: [(time: Duration, by: Int, of: Int)] = []
    var knownDeadBy: [Int] = []
    /// Of each host: when somebody found out last that it is dead.
    private(set) var lastDeathSaid: [Duration] = []
    /// Hosts that go by the name of another one.
    var twins: [Int: [Int]] = [:]

    init(
        count: Int, seed: UInt64, configuration: MembershipConfiguration = .init()
    ) {
        generator = SplitMix64(seed: seed)
        self.configuration = configuration
        for host in 0..<count {
            hosts.append(Host(core: nil, disk: DiskID(using: &generator), name: host))
        }
        knownDeadBy = Array(repeating: 0, count: count)
        lastDeathSaid = Array(repeating: .zero, count: count)
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
        if hosts[event.host].standIn != nil {
            return answerForStore(event.host, message, from: event.from)
        }
        guard hosts[event.host].core != nil else { return }
        let from = World.name(hosts[event.from].name)
        act(event.host) { core, now, wall, generator, directives in
            core.received(
                message, from: from, now: now, wallMilliseconds: wall, using: &generator,
                into: &directives)
        }
    }

    private mutating func answerForStore(_ host: Int, _ message: SwimMessage, from: Int) {
        let wall = wall(host)
        guard
            let answer = hosts[host].standIn?.received(message, now: now, wallMilliseconds: wall)
        else { return }
        send(answer, from: host, to: from)
    }

    func wall(_ host: Int) -> UInt64 {
        1_800_000_000_000 + UInt64(now / .milliseconds(1)) + hosts[host].clockAhead
    }

    mutating func act(
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
            guard let target = World.host(peer), target < hosts.count else { return }
            // Of two hosts with one name, now this one gets it and now that one.
            let twins = twins[target] ?? []
            let place = twins.isEmpty ? 0 : draw(twins.count + 1)
            send(message, from: host, to: place == 0 ? target : twins[place - 1])
            return
        case .changed(let node, _, .dead):
            if let target = World.host(node), hosts.indices.contains(target) {
                knownDeadBy[target] += 1
                lastDeathSaid[target] = now
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
        sentByteCount += message.byteCount
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
}
