import Model

@testable import CRDT

/// Nodes that gossip under virtual time: messages take 1 to 50 ms, or are lost.
struct World {
    var nodes: [Gossip]
    var rng: SplitMix64
    var now: Duration = .zero
    var lossPercent = 0
    /// Whether a message between two nodes may pass; to cut the network.
    var mayPass: (Int, Int) -> Bool = { _, _ in true }
    private(set) var sentCount = 0
    private(set) var sentByteCount = 0
    private(set) var largest = 0
    var measuresBytes = false
    private(set) var changes: [[GossipChange]]

    private var queue: [[(from: Int, to: Int, message: GossipMessage)]] = []
    private var tickAt: [Int]
    private let ids: [NodeID]
    private let indices: [NodeID: Int]
    /// Of each node: all others.
    private let peers: [[NodeID]]

    /// One slot of the queue.
    static let step: Duration = .milliseconds(10)

    init(count: Int, seed: UInt64, name: String = "c", established: ClusterID? = nil) {
        rng = SplitMix64(seed: seed)
        ids = (0..<count).map(node)
        indices = Dictionary(uniqueKeysWithValues: ids.enumerated().map { ($1, $0) })
        let ids = ids
        peers = ids.indices.map { index in Array(ids[..<index] + ids[(index + 1)...]) }
        nodes = ids.map { id in
            Gossip(
                ClusterState(
                    identity: ClusterIdentity(name: name, established: established), own: id))
        }
        changes = Array(repeating: [], count: count)
        tickAt = []
        for _ in 0..<count { tickAt.append(Int.random(in: 0..<50, using: &rng)) }
    }

    mutating func update(
        _ index: Int, _ event: (inout ClusterState) throws(ChangeError) -> Delta
    ) throws(ChangeError) {
        var directives: [GossipDirective] = []
        try nodes[index].update(now: now, &directives, event)
        carryOut(directives, of: index)
    }

    /// Nodes announce themselves, as at their start.
    mutating func announceAll() throws {
        for index in nodes.indices {
            try update(index) { (state) throws(ChangeError) in
                state.start()
                return try state.announce(
                    NodeFacts(
                        disk: disk(index), addresses: ["10.0.0.\(index):9000"], weight: 1,
                        programVersion: "1"))
            }
        }
    }

    /// All have the registers of all, as a cluster has that is there for long.
    mutating func acquaintAll() {
        var outcome = MergeOutcome()
        var known = nodes[0].state
        for index in nodes.indices {
            let facts = NodeFacts(
                disk: disk(index), addresses: ["10.0.0.\(index):9000"], weight: 1,
                programVersion: "1")
            known.merge(
                Delta([
                    .register(
                        NodeRegister(node: ids[index], incarnation: 1, sequence: 1, facts: facts))
                ]), outcome: &outcome)
        }
        for index in nodes.indices {
            nodes[index].state.registers = known.registers
            nodes[index].state.sums = known.sums
        }
    }

    mutating func run(for duration: Duration, until done: (World) -> Bool = { _ in false }) -> Bool
    {
        let end = now + duration
        while now < end {
            step()
            if done(self) { return true }
        }
        return false
    }

    private mutating func step() {
        let slot = Int(now / Self.step)
        if !queue.isEmpty {
            for (from, to, message) in queue.removeFirst() {
                var directives: [GossipDirective] = []
                nodes[to].received(message, from: ids[from], now: now, &directives)
                carryOut(directives, of: to)
            }
        }
        for index in nodes.indices where slot % 50 == tickAt[index] {
            var directives: [GossipDirective] = []
            nodes[index].tick(now: now, peers: peers[index], using: &rng, &directives)
            carryOut(directives, of: index)
        }
        now += Self.step
    }

    private mutating func carryOut(_ directives: [GossipDirective], of index: Int) {
        for directive in directives {
            switch directive {
            case .send(let message, let peer):
                guard let to = indices[peer] else { continue }
                sentCount += 1
                if measuresBytes {
                    let count = encoded(message.encode).count
                    sentByteCount += count
                    largest = max(largest, count)
                }
                let isLost = Int.random(in: 0..<100, using: &rng) < lossPercent
                let delay = Int.random(in: 0..<5, using: &rng)
                if isLost || !mayPass(index, to) { continue }
                while queue.count <= delay { queue.append([]) }
                queue[delay].append((index, to, message))
            case .changed(let change): changes[index].append(change)
            case .persist, .forget: break
            }
        }
    }

    var areEqual: Bool { nodes.allSatisfy { $0.state.digest == nodes[0].state.digest } }
}
