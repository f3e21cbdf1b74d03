import Cluster
import Membership
import Model
import Replication

/// A few nodes on a network without faults: each message takes 1 ms, each sync 2 ms. Enough to see
/// rules at work; faults are the simulator's.
final class TinyCluster {
    private enum Event {
        case wake(NodeID)
        /// With its last configuration.
        case start(NodeID)
        case message(PeerMessage, from: NodeID, to: NodeID)
        case stored(NodeID, StorageTicket, StorageAnswer)
    }

    private(set) var now = Duration.zero
    private(set) var nodes: [NodeID: ClusterNode] = [:]
    private(set) var disks: [NodeID: NodeDisk] = [:]
    private(set) var answers: [ClientTicket: ClientAnswer] = [:]
    private(set) var notices: [(NodeID, NodeNotice)] = []
    private(set) var located: [(NodeID, [NodeID])] = []
    /// What nodes that watch heard.
    private(set) var heard: [(NodeID, [FileChange])] = []
    private(set) var kinds: [String: Int] = [:]
    private var configurations: [NodeID: NodeConfiguration] = [:]
    private var standIns: [NodeID: StoreStandIn] = [:]
    private var queue: [(time: Duration, number: Int, event: Event)] = []
    private var number = 0
    private var tickets: UInt64 = 0
    private var generator: SplitMix64
    /// Whether messages are encoded and decoded on their way; what did not survive that.
    var encodesMessages = false
    private(set) var encodingFaults: [String] = []
    /// Milliseconds that a node's wall clock is ahead.
    var wallShifts: [NodeID: UInt64] = [:]
    /// Pairs that do not hear each other.
    var isCut: (NodeID, NodeID) -> Bool = { _, _ in false }

    init(seed: UInt64) { generator = SplitMix64(seed: seed) }

    /// Three nodes that have found each other.
    static func three() -> TinyCluster {
        let cluster = TinyCluster(seed: 1)
        cluster.add("a")
        cluster.add("b", seeds: ["a"])
        cluster.add("c", seeds: ["a"])
        cluster.run(for: .seconds(5))
        return cluster
    }

    func add(
        _ name: String, seeds: [String] = [], _ change: (inout NodeConfiguration) -> Void = { _ in }
    ) {
        let node = id(name)
        var configuration = NodeConfiguration(node: node)
        configuration.seeds = seeds.map { id($0) }
        change(&configuration)
        configurations[node] = configuration
        start(configuration)
    }

    private func start(_ configuration: NodeConfiguration) {
        let node = configuration.node
        let disk = disks[node] ?? NodeDisk(id: DiskID(using: &generator))
        disks[node] = disk
        standIns[node] = nil
        var directives: [NodeDirective] = []
        nodes[node] = ClusterNode(
            configuration, disk: disk, now: time(node), using: &generator, into: &directives)
        perform(directives, of: node)
        schedule(.zero, .wake(node))
    }

    /// All contents that the node's disk has of the file turn bad.
    func corrupt(_ name: String, _ path: StorePath) {
        let key = RegisterKey.file(path)
        guard let register = disks[id(name)]?.tables.register(key) else { return }
        let versions = register.kept.map(\.version) + (register.head.map { [$0] } ?? [])
        disks[id(name)]?.tables.corrupt(key, versions.map(\.dot))
    }

    /// As if the disk had taken part in the move.
    func keep(_ intent: MoveIntent, at name: String) {
        disks[id(name)]?.tables.addMove(intent)
    }

    func kill(_ name: String) { nodes[id(name)] = nil }

    /// An operator asks the node for a pass of comparisons.
    func repair(_ name: String) -> RepairPass? { nodes[id(name)]?.repair(time(id(name))) }

    /// The node's network tells it of others.
    func find(_ name: String, _ others: [String]) {
        var directives: [NodeDirective] = []
        for other in others {
            nodes[id(name)]?.found(
                id(other), time(id(name)), using: &generator, into: &directives)
        }
        perform(directives, of: id(name))
    }

    /// The node's network tells it where it is.
    func place(_ name: String, at addresses: [String]) {
        var directives: [NodeDirective] = []
        nodes[id(name)]?.reachable(
            at: addresses, time(id(name)), using: &generator, into: &directives)
        perform(directives, of: id(name))
    }

    func watch(_ name: String, _ isOn: Bool) { nodes[id(name)]?.watch(isOn, time(id(name))) }

    /// These changed on the node's disk.
    func change(_ name: String, _ changes: [FileChange]) {
        var directives: [NodeDirective] = []
        nodes[id(name)]?.changed(changes, time(id(name)), into: &directives)
        perform(directives, of: id(name))
    }

    /// Another disk, or another state of it, in the place of the node's: while that is down.
    func setDisk(_ name: String, _ disk: NodeDisk) { disks[id(name)] = disk }

    /// The store goes on purpose, and its gateway answers for it until `add`.
    func restart(_ name: String) {
        let node = id(name)
        var directives: [NodeDirective] = []
        standIns[node] = nodes[node]?.restart(time(node), into: &directives)
        perform(directives, of: node)
        kill(name)
    }

    func id(_ name: String) -> NodeID {
        guard let node = NodeID(name) else { preconditionFailure("no name: \(name)") }
        return node
    }

    func node(_ name: String) -> ClusterNode? { nodes[id(name)] }

    /// Asks a node, and runs until it answers.
    func ask(_ name: String, _ request: ClientRequest) -> ClientAnswer? {
        let ticket = begin(name, request)
        run(until: { self.answers[ticket] != nil }, atMost: .seconds(30))
        return answers[ticket]
    }

    /// Asks a node, and leaves the rest to `run`.
    @discardableResult
    func begin(_ name: String, _ request: ClientRequest) -> ClientTicket {
        tickets += 1
        let ticket = ClientTicket(number: tickets)
        let node = id(name)
        var directives: [NodeDirective] = []
        nodes[node]?.asked(request, ticket, time(node), using: &generator, into: &directives)
        perform(directives, of: node)
        schedule(.zero, .wake(node))
        return ticket
    }

    func run(for duration: Duration) {
        let end = now + duration
        run(until: { self.now >= end }, atMost: duration + .seconds(1))
    }

    @discardableResult
    func run(until condition: () -> Bool, atMost limit: Duration) -> Bool {
        let end = now + limit
        while !condition() {
            guard
                let next = queue.indices.min(by: {
                    queue[$0].time != queue[$1].time
                        ? queue[$0].time < queue[$1].time : queue[$0].number < queue[$1].number
                }),
                queue[next].time <= end
            else { return false }
            let event = queue.remove(at: next)
            now = max(now, event.time)
            handle(event.event)
        }
        return true
    }

    func operation() -> OperationID {
        OperationID(wallMilliseconds: time(id("a")).wallMilliseconds, using: &generator)
    }

    func content(_ number: UInt64) -> FileContent {
        var bytes = [UInt8](repeating: 0, count: 32)
        for i in 0..<8 { bytes[i] = UInt8(truncatingIfNeeded: number >> (8 * UInt64(i))) }
        guard let digest = Digest(bytes: bytes) else { preconditionFailure("32 bytes") }
        return FileContent(
            byteCount: number, digest: digest, contentType: "text/plain", modified: nil,
            object: ObjectID(using: &generator))
    }

    private func time(_ node: NodeID) -> Now {
        Now(
            monotonic: now,
            wallMilliseconds: 1_700_000_000_000 + (wallShifts[node] ?? 0)
                + UInt64(now.components.seconds) * 1000
                + UInt64(now.components.attoseconds / 1_000_000_000_000_000))
    }

    private func schedule(_ delay: Duration, _ event: Event) {
        number += 1
        queue.append((now + delay, number, event))
    }

    private func handle(_ event: Event) {
        var directives: [NodeDirective] = []
        switch event {
        case .wake(let node):
            guard nodes[node] != nil else { return }
            nodes[node]?.timePassed(time(node), using: &generator, into: &directives)
            perform(directives, of: node)
            if let next = nodes[node]?.nextDeadline {
                schedule(max(.milliseconds(1), next - now), .wake(node))
            }
        case .start(let node):
            if let configuration = configurations[node] { start(configuration) }
        case .message(let message, let from, let to):
            guard !isCut(from, to) else { return }
            if nodes[to] == nil, case .membership(let message) = message {
                let wall = time(to).wallMilliseconds
                let answer = standIns[to]?.received(message, now: now, wallMilliseconds: wall)
                return perform(
                    answer.map { [.send(.membership($0), to: from)] } ?? [], of: to)
            }
            nodes[to]?.received(
                message, from: from, time(to), using: &generator, into: &directives)
            perform(directives, of: to)
        case .stored(let node, let ticket, let answer):
            nodes[node]?.stored(ticket, answer, time(node), using: &generator, into: &directives)
            perform(directives, of: node)
        }
    }

    private func encoded(_ message: PeerMessage) -> PeerMessage {
        guard let bytes = try? message.encode(),
            let again = try? PeerMessage(decoding: bytes.span.bytes), again == message
        else {
            encodingFaults.append(message.traceText)
            return message
        }
        return again
    }

    private func perform(_ directives: [NodeDirective], of node: NodeID) {
        for directive in directives {
            switch directive {
            case .send(let message, let peer):
                kinds[message.kind, default: 0] += 1
                let travelled = encodesMessages ? encoded(message) : message
                schedule(.milliseconds(1), .message(travelled, from: node, to: peer))
            case .storage(let ticket, let request):
                guard let answer = disks[node]?.execute(request, at: now) else { continue }
                schedule(
                    request.changes ? .milliseconds(2) : .zero, .stored(node, ticket, answer))
            case .answer(let ticket, let answer): answers[ticket] = answer
            case .located(let nodes): located.append((node, nodes))
            case .changed(let changes): heard.append((node, changes))
            case .notice(let notice): notices.append((node, notice))
            case .renewDisk(let id):
                disks[node]?.renew(id)
                nodes[node] = nil
                schedule(.zero, .start(node))
            }
        }
    }
}
