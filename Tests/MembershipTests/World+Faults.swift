import Model

@testable import Membership

// What is done to nodes, and what they know.
extension World {
    mutating func start(_ host: Int, seeds: [Int]) {
        hosts[host].core = Membership(
            node: World.name(hosts[host].name), disk: hosts[host].disk, life: hosts[host].life,
            now: now, configuration: configuration)
        hosts[host].standIn = nil
        hosts[host].wake = nil
        act(host) { core, now, wall, generator, directives in
            core.join(
                seeds.map(World.name), now: now, wallMilliseconds: wall, using: &generator,
                into: &directives)
        }
    }

    /// All of them, told of the first three, and time until they know each other.
    mutating func startAll(settle: Duration = .seconds(10)) {
        for host in hosts.indices where hosts[host].name == host { start(host, seeds: [0, 1, 2]) }
        run(for: settle)
    }

    /// All of them, as if they had known each other for long: what a large cluster needs minutes of
    /// computing for is put into their tables.
    mutating func startAcquainted() {
        var template = PeerTable()
        for host in hosts.indices {
            let update = PeerUpdate(
                node: World.name(host), disk: hosts[host].disk,
                incarnation: UInt64(hosts[host].life) << 32, state: .alive)
            _ = template.insert(update, now: now)
        }
        for host in hosts.indices {
            let node = World.name(host)
            var core = Membership(
                node: node, disk: hosts[host].disk, life: hosts[host].life, now: now,
                configuration: configuration)
            core.table = template
            if let own = template.index(of: node) {
                core.table.change(own) { $0.isForgotten = true }
            }
            core.table.countOwn(nil, core.own)
            core.firstTables = MembershipLimits.firstTablesMax
            core.nextTable =
                now + MembershipLimits.tableInterval * Int.random(in: 0..<64, using: &generator)
                / 64
            hosts[host].core = core
            act(host) { core, now, wall, generator, directives in
                core.join(
                    [], now: now, wallMilliseconds: wall, using: &generator, into: &directives)
            }
        }
    }

    /// The store of the host restarts on purpose: its process goes, and its gateway answers.
    mutating func restart(_ host: Int) {
        var standIn: StoreStandIn?
        act(host) { core, now, wall, _, directives in
            standIn = core.restart(now: now, wallMilliseconds: wall, into: &directives)
        }
        kill(host)
        hosts[host].standIn = standIn
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
